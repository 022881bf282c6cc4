//! Staged batches in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::super::{RunEntry, Staged, StagingStore, StoreError};
use super::{MemoryStore, StagedRow};
use crate::batch::{Batch, SourceId};
use crate::run::{Counters, RunId, Ticket};

impl StagedRow {
    /// Whether it is from this run, or if none is given from one that was not dry.
    fn is_of(&self, source: &SourceId, run: Option<RunId>) -> bool {
        self.source == *source && run.map_or(!self.dry_run, |run| self.staged.run == run)
    }
}

#[async_trait]
impl StagingStore for MemoryStore {
    async fn stage(
        &self,
        ticket: Ticket,
        batch: &Batch,
        counters: &Counters,
    ) -> Result<(), StoreError> {
        let now = self.time();
        let mut data = self.data();
        let request = data.ticketed(ticket)?.entry.request.clone();
        let (source, dry_run) = (request.source, request.dry_run);
        let is_there = data.staged.values().any(|row| {
            row.staged.run == ticket.run
                && row.fence == ticket.fence
                && row.staged.batch.number == batch.number
        });
        if is_there {
            return Ok(());
        }
        if let Some(checkpoint) = batch.checkpoint.as_ref().filter(|_| !dry_run) {
            data.source(&source)?.checkpoint = Some(checkpoint.clone());
        }
        data.ticketed(ticket)?.count(counters, batch.bytes);
        data.last_staged += 1;
        let id = data.last_staged;
        let staged = Staged::new(id, ticket.run, now, batch.clone());
        data.staged.insert(id, StagedRow { source, fence: ticket.fence, dry_run, staged });
        Ok(())
    }

    async fn start_over(&self, ticket: Ticket) -> Result<(), StoreError> {
        let mut data = self.data();
        let entry = &mut data.ticketed(ticket)?.entry;
        (entry.counters, entry.batches, entry.bytes) = Default::default();
        data.staged.retain(|_, row| row.staged.run != ticket.run);
        Ok(())
    }

    async fn staged(
        &self,
        source: &SourceId,
        run: Option<RunId>,
        after: i64,
    ) -> Result<Option<Staged>, StoreError> {
        let data = self.data();
        let mut behind = data.staged.values().filter(|row| row.staged.id > after);
        Ok(behind.find(|row| row.is_of(source, run)).map(|row| row.staged.clone()))
    }

    async fn expire_staged(
        &self,
        before: DateTime<Utc>,
    ) -> Result<Vec<(SourceId, RunId)>, StoreError> {
        let mut data = self.data();
        let runs = || data.runs.values().map(|run| &run.entry);
        let is_wanted =
            |run: RunId| runs().any(|it| it.state.is_open() && it.request.parent == Some(run));
        let is_old = |run: &RunEntry| run.ended.is_some_and(|ended| ended < before);
        let expired = runs()
            .filter(|run| run.request.dry_run && is_old(run) && !is_wanted(run.id))
            .map(|run| (run.request.source.clone(), run.id))
            .filter(|(_, run)| data.staged.values().any(|row| row.staged.run == *run))
            .collect::<Vec<_>>();
        data.staged.retain(|_, row| expired.iter().all(|(_, run)| row.staged.run != *run));
        Ok(expired)
    }

    async fn unstage(
        &self,
        source: &SourceId,
        run: Option<RunId>,
        up_to: i64,
    ) -> Result<(), StoreError> {
        self.data().staged.retain(|id, row| *id > up_to || !row.is_of(source, run));
        Ok(())
    }
}
