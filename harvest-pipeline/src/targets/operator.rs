//! Withdrawing by hand.

use async_trait::async_trait;
use serde::Serialize;

use super::Targets;
use super::deliveries::Deliveries;
use super::target::{Target, Withdrawal};
use super::verdict::AskedBy;
use crate::batch::{Item, SourceId};
use crate::error::{RunError, Stage};
use crate::parsers::RawRecord;
use crate::pipeline::{Pipeline, Resume};
use crate::run::{Run, Summary};
use crate::sink::{Entry, Hold, ParsedBatch, Sink, Written};
use crate::sources;

impl<R: Clone + Serialize + Send + Sync + 'static> Targets<R> {
    /// Withdraws records from one target because an operator wants it. In the summary, those that it
    /// does not have count as [`SkippedDeleted`](crate::Outcome::SkippedDeleted).
    ///
    /// # Errors
    /// If there is no such target, nothing is ever [withdrawn](Withdrawal::Never) from it, or its
    /// receiver breaks off.
    pub async fn withdraw(
        &self,
        target: &str,
        source: &SourceId,
        identifiers: impl IntoIterator<Item = impl Into<String>> + Send,
    ) -> Result<Summary, RunError> {
        let found = self.targets.iter().find(|it| it.name() == target).ok_or_else(|| {
            let names: Vec<_> = self.targets.iter().map(Target::name).collect();
            let message = format!("there is no target {target:?}, only {}", names.join(", "));
            RunError::new(Stage::Sink, message)
        })?;
        if found.withdrawal() == Withdrawal::Never {
            let message = format!("nothing is ever withdrawn from the target {target}");
            return Err(RunError::new(Stage::Sink, message));
        }
        let deletions: Vec<_> = identifiers.into_iter().map(Item::delete).collect();
        let by_operator = ByOperator { target: found, deliveries: &*self.deliveries };
        Pipeline::new(sources::items(source.clone(), deletions))
            .resume(Resume::Afresh)
            .run(&by_operator)
            .await
    }
}

/// One target as a sink that follows deletions as an operator's.
struct ByOperator<'a, R> {
    target: &'a Target<R>,
    deliveries: &'a dyn Deliveries,
}

#[async_trait]
impl<R: Clone + Serialize + Send + Sync + 'static> Sink<RawRecord> for ByOperator<'_, R> {
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        self.target.receiver().begin(run).await
    }

    async fn write(&self, run: &Run, batch: ParsedBatch<RawRecord>) -> Result<Written, RunError> {
        let deletions = batch.entries.iter().filter_map(Entry::item).cloned();
        let entries = deletions.map(|item| Entry::<R>::Delete { item }).collect();
        let batch = batch.with_entries(entries);
        self.target.serve(self.deliveries, run, &batch, AskedBy::Operator).await
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        self.target.receiver().finish(run, summary).await
    }
}
