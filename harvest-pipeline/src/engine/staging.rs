//! Fetching now and storing later: what is kept in between.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use futures_util::future;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::audit::Comparison;
use crate::batch::{Batch, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::{RunError, Stage};
use crate::filter::Known;
use crate::run::{Counters, Run, RunId};
use crate::sink::{Entry, Hold, ParsedBatch, Sink, Written};
use crate::source::Source;
use crate::store::Store;

/// A sink that keeps what comes aside, and says what storing it would do.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) store: Arc<dyn Store>,
    pub(super) comparison: Comparison,
}

#[async_trait]
impl<R: Send + Sync + 'static> Sink<R> for Aside {
    async fn begin(&self, _: &Run) -> Result<Hold, RunError> {
        Ok(Hold::nothing())
    }

    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        Ok(self.store.source(source).await?.and_then(|entry| entry.checkpoint))
    }

    async fn known(
        &self,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Known>, RunError> {
        self.comparison.known(source, identifiers).await
    }

    async fn write(&self, run: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let ticket = run.ticket.ok_or_else(|| {
            RunError::new(Stage::Sink, "only what was claimed can be kept aside for later")
        })?;
        let outcomes = self.comparison.outcomes(&batch).await?;
        let counters: Counters = outcomes.iter().copied().collect();
        self.store.stage(ticket, &unparsed(batch), &counters).await?;
        Ok(Written::new(outcomes).with_checkpoint())
    }
}

/// The batch as the source gave it, less what filters left out.
fn unparsed<R>(batch: ParsedBatch<R>) -> Batch {
    let entries = batch.entries.into_iter().filter_map(|entry| match entry {
        Entry::Put { item, .. }
        | Entry::Prepared { item }
        | Entry::Delete { item }
        | Entry::Unchanged { item } => Some(Ok(item)),
        Entry::Failed { error, .. } => Some(Err(error)),
        Entry::Rejected { .. } => None,
    });
    let mut unparsed = Batch::new(batch.number, batch.checkpoint).with_items(entries.collect());
    unparsed.origin = batch.origin;
    unparsed.received = batch.received;
    unparsed.notices = batch.notices;
    unparsed.total_hint = batch.total_hint;
    unparsed.bytes = batch.bytes;
    unparsed
}

/// What was kept aside, as a source.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: SourceId,
    pub(super) store: Arc<dyn Store>,
    /// Only what this dry run fetched; otherwise what all runs have collected.
    pub(super) of: Option<RunId>,
    /// So many were stored already, by a worker that put the run down or was lost.
    pub(super) stored: u64,
    /// The last that was handed out.
    pub(super) last: AtomicI64,
}

impl Kept {
    /// Forgets what was handed out.
    pub(super) async fn forget(&self) -> Result<(), RunError> {
        Ok(self.store.unstage(&self.id, self.of, self.last.load(Ordering::Relaxed)).await?)
    }

    async fn after(&self, id: i64, number: u64) -> Result<Option<(Batch, i64)>, RunError> {
        let Some(staged) = self.store.staged(&self.id, self.of, id).await? else {
            return Ok(None);
        };
        self.last.fetch_max(staged.id, Ordering::Relaxed);
        // Where a run that collects came to is known since. A dry run has not moved the source.
        let checkpoint = self.of.and(staged.batch.checkpoint);
        Ok(Some((Batch { number, checkpoint, ..staged.batch }, staged.id)))
    }
}

impl Source for Kept {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let all = stream::try_unfold((0, 0), async |(after, number)| {
            let next = self.after(after, number).await?;
            Ok(next.map(|(batch, id)| (batch, (id, number + 1))))
        });
        let new = |batch: &Batch| future::ready(batch.number >= self.stored);
        all.try_filter(new).boxed()
    }
}
