//! Deciding, before the costly parse, what happens to a record.

use std::cell::OnceCell;
use std::fmt;

use crate::batch::Item;
use crate::error::RecordError;
use crate::parser::{Fields, Keys};

/// Decides what happens to a record, from the record itself, its fields, and what is known of it.
///
/// Filters are asked in order until one does not accept. Records that came without metadata are not
/// filtered: what was stored once must be able to go, and what is as it was needs no decision.
///
/// Closures are filters; they may return `bool`, [`Decision`], or a `Result` of either:
/// ```
/// use harvest_pipeline::{Candidate, Filter};
///
/// let in_physics = |candidate: &Candidate<'_>| candidate.item().sets.iter().any(|s| s == "physics");
/// let _: &dyn Filter = &in_physics;
/// ```
pub trait Filter: Send + Sync {
    /// Decides about one record.
    ///
    /// # Errors
    /// If the record cannot be judged; it then counts as failed.
    fn decide(&self, candidate: &Candidate<'_>) -> Result<Decision, RecordError>;

    /// The keys it asks [`Candidate::fields`] for; nobody looks for values of others. All keys, if
    /// nothing is said, as with closures.
    fn keys(&self) -> Keys {
        Keys::all()
    }

    /// Whether [`Candidate::known`] should be looked up, once per batch. The look-up may run ahead
    /// of batches that are still on their way to the sink.
    fn needs_known(&self) -> bool {
        false
    }
}

impl<F, D> Filter for F
where
    F: Fn(&Candidate<'_>) -> D + Send + Sync,
    D: IntoDecision,
{
    fn decide(&self, candidate: &Candidate<'_>) -> Result<Decision, RecordError> {
        self(candidate).into_decision()
    }
}

/// What a filter decides about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Parse and store it.
    Accept,
    /// Leave it out, for this reason. A version that is already stored stays.
    Reject(String),
    /// It is the same as what is stored: only note that it was seen.
    Unchanged,
    /// Treat it as deleted at the source.
    Delete,
}

/// What a closure may return to be a [`Filter`].
pub trait IntoDecision {
    /// The decision.
    ///
    /// # Errors
    /// If the record could not be judged.
    fn into_decision(self) -> Result<Decision, RecordError>;
}

impl IntoDecision for Decision {
    fn into_decision(self) -> Result<Decision, RecordError> {
        Ok(self)
    }
}

impl IntoDecision for bool {
    fn into_decision(self) -> Result<Decision, RecordError> {
        Ok(if self { Decision::Accept } else { Decision::Reject("filtered out".to_owned()) })
    }
}

impl<D: IntoDecision> IntoDecision for Result<D, RecordError> {
    fn into_decision(self) -> Result<Decision, RecordError> {
        self?.into_decision()
    }
}

/// What a sink already holds of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// Whether it is live, or only a tombstone.
    pub live: bool,
    /// The datestamp of the stored version.
    pub datestamp: Option<String>,
    /// What else tells the stored version from others (see [`Item::version`]).
    pub version: Option<String>,
}

impl Known {
    /// A stored record.
    #[must_use]
    pub fn new(live: bool, datestamp: Option<String>) -> Self {
        Self { live, datestamp, version: None }
    }

    /// Sets the version.
    #[must_use]
    pub fn with_version(mut self, version: Option<String>) -> Self {
        self.version = version;
        self
    }
}

/// A record that filters are asked about.
pub struct Candidate<'a> {
    item: &'a Item,
    known: Option<&'a Known>,
    extract: &'a dyn Fn() -> Result<Fields, RecordError>,
    fields: OnceCell<Result<Fields, RecordError>>,
}

impl<'a> Candidate<'a> {
    /// A candidate whose fields are computed by `extract` when a filter first asks for them.
    #[must_use]
    pub fn new(
        item: &'a Item,
        known: Option<&'a Known>,
        extract: &'a dyn Fn() -> Result<Fields, RecordError>,
    ) -> Self {
        Self { item, known, extract, fields: OnceCell::new() }
    }

    /// The record as the source delivered it.
    #[must_use]
    pub fn item(&self) -> &'a Item {
        self.item
    }

    /// What the sink holds of it, if [`Filter::needs_known`] asked for that.
    #[must_use]
    pub fn known(&self) -> Option<&'a Known> {
        self.known
    }

    /// The parser's fields of the record, computed at the first call: those whose keys the filters
    /// name in [`Filter::keys`].
    ///
    /// # Errors
    /// If the parser cannot read the record; hand it on and the record counts as failed.
    pub fn fields(&self) -> Result<&Fields, RecordError> {
        self.fields.get_or_init(|| (self.extract)()).as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("item", self.item)
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}
