//! Who is to have the records, and what they have.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Page, StoreError};
use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::error::RecordError;
use crate::run::Ticket;
use crate::targets::{Deliveries, Tolerance, Withdrawal};

/// A target as an administrator sets it up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TargetDefinition {
    /// Under what its deliveries are noted. Stays.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The name of its kind in the [registry of targets](crate::targets::kinds).
    pub kind: String,
    /// The options that the kind declares, such as the URL.
    pub options: Value,
    /// The sources whose records it is to have; `None`: all there are.
    #[serde(default)]
    pub sources: Option<Vec<SourceId>>,
    /// Which versions of a record it gets.
    #[serde(default)]
    pub condition: Condition,
    /// When what was delivered may be withdrawn.
    #[serde(default)]
    pub withdrawal: Withdrawal,
    /// Nothing is delivered for now; what it is owed meanwhile it gets later.
    #[serde(default)]
    pub paused: bool,
}

/// Which versions of a record a target gets. What it does not get leaves what it has as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Condition {
    /// What may be wrong with them.
    pub issues: Tolerance,
    /// The names of filter sets; a version that any of them accepts is delivered. None: all are.
    pub filter_sets: Vec<String>,
}

impl TargetDefinition {
    /// A target of this kind that gets everything from all sources.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: impl Into<String>, options: Value) -> Self {
        let name = name.into();
        Self {
            title: name.clone(),
            name,
            kind: kind.into(),
            options,
            sources: None,
            condition: Condition::default(),
            withdrawal: Withdrawal::default(),
            paused: false,
        }
    }

    /// Whether it is to have the records of this source.
    #[must_use]
    pub fn takes_from(&self, source: &SourceId) -> bool {
        self.sources.as_ref().is_none_or(|sources| sources.contains(source))
    }

    pub(super) fn uses_filter_set(&self, name: &str) -> bool {
        self.condition.filter_sets.iter().any(|used| used == name)
    }
}

/// What became of the records of a batch that were offered to a target, besides those that it
/// [has](Deliveries::note) now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offered {
    /// The records of the batch.
    pub records: Vec<String>,
    /// Those of them that it could not be given. They are owed until they can.
    pub failures: Vec<RecordError>,
    /// Up to which change of the source everything was offered, if that is further than before.
    pub position: Option<Checkpoint>,
}

/// A record that a target could not be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Owed {
    /// The record.
    pub identifier: String,
    /// Why it could not be given last.
    pub message: String,
    /// How often that was tried.
    pub tries: u64,
}

/// How a target stands with one source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The source.
    pub source: SourceId,
    /// How many of its records the target has.
    pub delivered: u64,
    /// How many were withdrawn from it.
    pub withdrawn: u64,
    /// How many it could not be given.
    pub owed: u64,
    /// Up to which change of the source everything was offered; `None`: nothing was.
    pub position: Option<Checkpoint>,
    /// When it was last offered all there was.
    pub served: Option<DateTime<Utc>>,
    /// Why it could not be offered anything last, and when that was; `None` after it could.
    pub failure: Option<(String, DateTime<Utc>)>,
}

/// The targets, and what was delivered to them.
#[async_trait]
pub trait TargetStore: Deliveries {
    /// Enters a target, in place of the one that has its name.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is no such source or filter set.
    async fn put_target(&self, target: &TargetDefinition) -> Result<(), StoreError>;

    /// Removes a target, and the notes of what it has. What it has stays there.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    async fn remove_target(&self, name: &str) -> Result<(), StoreError>;

    /// A target.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn target(&self, name: &str) -> Result<Option<TargetDefinition>, StoreError>;

    /// All of them, by name.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn targets(&self) -> Result<Vec<TargetDefinition>, StoreError>;

    /// Up to which change of a source everything was offered to a target; `None`: nothing was.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn offered_to(
        &self,
        target: &str,
        source: &SourceId,
    ) -> Result<Option<Checkpoint>, StoreError>;

    /// Notes what became of records that were offered: those that failed are owed, the others are not.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if the run is another worker's by now; [`StoreError::Missing`].
    async fn note_offered(
        &self,
        ticket: Ticket,
        target: &str,
        source: &SourceId,
        offered: &Offered,
    ) -> Result<(), StoreError>;

    /// Notes that a target was offered all there was, or why that could not be done.
    ///
    /// # Errors
    /// As [`note_offered`](Self::note_offered).
    async fn note_served(
        &self,
        ticket: Ticket,
        target: &str,
        source: &SourceId,
        failure: Option<&str>,
    ) -> Result<(), StoreError>;

    /// The records of a source that a target could not be given, by identifier.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn owed(
        &self,
        target: &str,
        source: &SourceId,
        page: &Page<String>,
    ) -> Result<Vec<Owed>, StoreError>;

    /// How a target stands with each source of which it was offered something, by source.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn standings(&self, target: &str) -> Result<Vec<Standing>, StoreError>;

    /// Has a target offered everything of a source once more, whatever it has. What was withdrawn from
    /// it stays so until the condition holds for the record.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn offer_again(&self, target: &str, source: &SourceId) -> Result<(), StoreError>;
}
