//! One target: its condition, its policy, its receiver, and how a batch gets there.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deliveries::{Deliveries, Delivery};
use super::verdict::{AskedBy, Verdict};
use crate::batch::Item;
use crate::error::{RecordError, RunError, Stage};
use crate::filter::{Candidate, Decision, Filter};
use crate::parser::{Fields, Issue, IssueLevel, Parser};
use crate::run::{Outcome, Run};
use crate::sink::{Entry, ParsedBatch, Sink, Written};

/// A version of a record, offered to a target.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Offer<'a, R> {
    /// The record as the source delivered it; it has a payload.
    pub item: &'a Item,
    /// The record as the parser read it: without the fields that were in error.
    pub record: &'a R,
    /// What the parser found wrong with it.
    pub issues: &'a [Issue],
}

/// What may be wrong with a version that a target gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::exhaustive_enums)] // as many as there are levels of issues, and one
pub enum Tolerance {
    /// Warnings, and errors in fields: those are left out.
    #[default]
    FieldErrors,
    /// Warnings.
    Warnings,
    /// Nothing.
    Nothing,
}

impl Tolerance {
    /// All of them, the most tolerant first.
    pub const ALL: [Self; 3] = [Self::FieldErrors, Self::Warnings, Self::Nothing];

    /// Whether a version may have an issue of this level.
    #[must_use]
    pub fn allows(self, level: IssueLevel) -> bool {
        match self {
            Self::FieldErrors => true,
            Self::Warnings => level == IssueLevel::Warning,
            Self::Nothing => false,
        }
    }
}

/// When what was delivered to a target may be withdrawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::exhaustive_enums)] // nothing else ever withdraws
pub enum Withdrawal {
    /// Not from here: what was handed in stays.
    Never,
    /// When an operator asks for it.
    #[default]
    ByOperator,
    /// Besides, when the source itself says that the record is deleted.
    ByOperatorOrDeletion,
}

impl Withdrawal {
    /// All of them, from the one that keeps most.
    pub const ALL: [Self; 3] = [Self::Never, Self::ByOperator, Self::ByOperatorOrDeletion];
}

/// Somebody to whom records are delivered, when a condition holds.
pub struct Target<R> {
    name: Arc<str>,
    tolerance: Tolerance,
    condition: Condition<R>,
    withdrawal: Withdrawal,
    receiver: Box<dyn Sink<R>>,
}

type Condition<R> = Box<dyn Fn(&Offer<'_, R>) -> Result<bool, RecordError> + Send + Sync>;

impl<R: Send + Sync + 'static> Target<R> {
    /// A target that takes every record. Deliveries are noted under its name, so that it should
    /// stay as it is.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, receiver: impl Sink<R> + 'static) -> Self {
        Self::of(name, Box::new(receiver))
    }

    pub(crate) fn of(name: impl Into<Arc<str>>, receiver: Box<dyn Sink<R>>) -> Self {
        Self {
            name: name.into(),
            tolerance: Tolerance::default(),
            condition: Box::new(|_| Ok(true)),
            withdrawal: Withdrawal::default(),
            receiver,
        }
    }

    /// Sets what may be wrong with a version, whatever its condition. Left out: warnings, and errors in
    /// fields.
    #[must_use]
    pub fn tolerate(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets its condition, in place of the one before.
    #[must_use]
    pub fn when(
        mut self,
        condition: impl Fn(&Offer<'_, R>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.condition = Box::new(move |offer| Ok(condition(offer)));
        self
    }

    /// Sets its condition: the record passes this filter, such as
    /// [`FilterSets`](crate::filters::FilterSets), which gets its fields from the parser. What is
    /// [known](Candidate::known) of the record is not told. A record that the filter cannot judge
    /// has failed.
    #[must_use]
    pub fn when_passes(mut self, filter: impl Filter + 'static, parser: impl Parser) -> Self {
        let keys = filter.keys();
        self.condition = Box::new(move |offer| {
            let item = offer.item;
            let extract = || match item.payload() {
                Some(payload) => Ok(parser.fields(item, payload, &keys)?.fields),
                None => Ok(Fields::default()),
            };
            let decision = filter.decide(&Candidate::new(item, None, &extract))?;
            Ok(decision == Decision::Accept)
        });
        self
    }

    /// Sets when what was delivered may be withdrawn. Left out: by an operator.
    #[must_use]
    pub fn withdraw(mut self, withdrawal: Withdrawal) -> Self {
        self.withdrawal = withdrawal;
        self
    }
}

impl<R> Target<R> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When what was delivered may be withdrawn.
    #[must_use]
    pub fn withdrawal(&self) -> Withdrawal {
        self.withdrawal
    }

    pub(super) fn wants(&self, offer: &Offer<'_, R>) -> Result<bool, RecordError> {
        let is_tolerable = offer.issues.iter().all(|issue| self.tolerance.allows(issue.level));
        Ok(is_tolerable && (self.condition)(offer)?)
    }

    pub(crate) fn receiver(&self) -> &dyn Sink<R> {
        &*self.receiver
    }

    /// The same error, with the name of the target.
    pub(crate) fn blame(&self, error: RunError) -> RunError {
        let message = format!("the target {}: {}", self.name, error.message());
        let named = RunError::new(Stage::Sink, message).with_transient(error.is_transient());
        let named = match error.url() {
            Some(url) => named.with_url(url),
            None => named,
        };
        named.with_source(error)
    }
}

impl<R: Clone + Serialize + Send + Sync + 'static> Target<R> {
    /// Delivers what this target is to have of a batch.
    pub(crate) async fn serve(
        &self,
        deliveries: &dyn Deliveries,
        run: &Run,
        batch: &ParsedBatch<R>,
        asked_by: AskedBy,
    ) -> Result<Written, RunError> {
        let items = batch.entries.iter().filter_map(Entry::item);
        let identifiers: Vec<_> = items.map(|item| &*item.identifier).collect();
        let last = deliveries.last(&self.name, &batch.source, &identifiers).await?;

        let mut round = Round::new(last);
        let mut entries = Vec::new();
        for entry in &batch.entries {
            let last = entry.item().and_then(|item| round.last.get(&item.identifier));
            match self.decide(entry, last, asked_by) {
                Ok(Verdict::Leave(outcome)) => round.outcomes.push(outcome),
                Ok(Verdict::Send(delivery, outcome)) => {
                    round.send(entry, delivery, outcome);
                    entries.push(entry.clone());
                }
                Err(error) => round.fail(error, &self.name),
            }
        }
        if !entries.is_empty() {
            let written = self.receiver.write(run, batch.with_entries(entries)).await?;
            let delivered = round.received(written, &self.name)?;
            deliveries.note(&self.name, &batch.source, delivered).await?;
        }
        Ok(Written::new(round.outcomes).with_failures(round.failures))
    }
}

/// What becomes of a batch in one target.
struct Round {
    /// What it has, or will have after what is sent.
    last: HashMap<String, Delivery>,
    outcomes: Vec<Outcome>,
    failures: Vec<RecordError>,
    sent: Vec<Sent>,
}

/// A record on its way to the receiver.
struct Sent {
    identifier: String,
    delivery: Delivery,
    /// The place of its outcome.
    place: usize,
}

impl Round {
    fn new(last: HashMap<String, Delivery>) -> Self {
        Self { last, outcomes: Vec::new(), failures: Vec::new(), sent: Vec::new() }
    }

    fn send<R>(&mut self, entry: &Entry<R>, delivery: Delivery, outcome: Outcome) {
        let identifier = entry.item().map(|item| item.identifier.clone()).unwrap_or_default();
        // A batch may have a record twice.
        self.last.insert(identifier.clone(), delivery.clone());
        self.sent.push(Sent { identifier, delivery, place: self.outcomes.len() });
        self.outcomes.push(outcome);
    }

    fn fail(&mut self, error: RecordError, target: &str) {
        self.outcomes.push(Outcome::Failed);
        self.failures.push(blame(error, target));
    }

    /// Takes the receiver's word for what was sent, and gives what it has now.
    fn received(
        &mut self,
        written: Written,
        target: &str,
    ) -> Result<Vec<(String, Delivery)>, RunError> {
        if written.outcomes.len() != self.sent.len() {
            let message = format!(
                "its receiver gave {} outcomes for {} records; every record must have one",
                written.outcomes.len(),
                self.sent.len()
            );
            return Err(RunError::new(Stage::Sink, message));
        }
        let mut delivered = Vec::with_capacity(self.sent.len());
        for (sent, outcome) in self.sent.drain(..).zip(written.outcomes) {
            match outcome {
                Outcome::Failed => self.outcomes[sent.place] = Outcome::Failed,
                _ => delivered.push((sent.identifier, sent.delivery)),
            }
        }
        self.failures.extend(written.failures.into_iter().map(|error| blame(error, target)));
        Ok(delivered)
    }
}

fn blame(error: RecordError, target: &str) -> RecordError {
    let message = format!("the target {target}: {}", error.message);
    RecordError { message, ..error }
}

impl<R> fmt::Debug for Target<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("withdrawal", &self.withdrawal)
            .finish_non_exhaustive()
    }
}
