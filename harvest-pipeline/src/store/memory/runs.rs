//! Runs in memory.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::super::lifecycle::RunRow;
use super::super::{
    Ending, Requested, RunEntry, RunQuery, RunRequest, RunStore, StoreError, Wanted,
};
use super::{Data, MemoryStore};
use crate::run::{Counters, RunId, RunState, Ticket};

impl Data {
    fn run(&mut self, id: RunId) -> Result<&mut RunRow, StoreError> {
        self.runs.get_mut(&id).ok_or_else(|| StoreError::missing("run", &id))
    }

    /// The run of a ticket. One that is gone was given to nobody, but the worker must stop all the same.
    pub(super) fn ticketed(&mut self, ticket: Ticket) -> Result<&mut RunRow, StoreError> {
        let run = self.runs.get_mut(&ticket.run).ok_or(StoreError::Stale(ticket.run))?;
        run.check(ticket)?;
        Ok(run)
    }

    /// Queues a run of a source that is there and has no open run.
    pub(super) fn queue(
        &mut self,
        request: &RunRequest,
        now: DateTime<Utc>,
    ) -> Result<RunId, StoreError> {
        let source = self.source(&request.source)?;
        let settings = serde_json::to_value(&source.definition).map_err(StoreError::unreadable)?;
        let stands = source.checkpoint.clone();
        self.last_run += 1;
        let id = RunId(self.last_run);
        let entry = RunEntry::new(id, request.clone(), settings, now);
        let entry = entry.beginning_at(stands.as_ref());
        self.runs.insert(id, RunRow { entry, fence: 0 });
        Ok(id)
    }
}

impl MemoryStore {
    /// Changes a run, all or nothing, and wakes up those who wait for that.
    fn change<T>(
        &self,
        run: RunId,
        change: impl FnOnce(&mut RunRow, DateTime<Utc>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let now = self.time();
        let mut data = self.data();
        let run = data.run(run)?;
        let mut changed = run.clone();
        let result = change(&mut changed, now)?;
        *run = changed;
        self.notify();
        Ok(result)
    }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn request_run(&self, request: &RunRequest) -> Result<Requested, StoreError> {
        let now = self.time();
        let mut data = self.data();
        data.source(&request.source)?.definition.may_run(request.trigger)?;
        if let Some(open) = data.open_run(&request.source) {
            return Ok(Requested::AlreadyOpen(open));
        }
        let run = data.queue(request, now)?;
        self.notify();
        Ok(Requested::Queued(run))
    }

    async fn claim_run(
        &self,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<(Ticket, RunEntry)>, StoreError> {
        let now = self.time();
        let mut data = self.data();
        let next = data.runs.values_mut().find(|run| {
            run.entry.state == RunState::Queued
                && run.entry.request.not_before.is_none_or(|time| time <= now)
        });
        let Some(run) = next else { return Ok(None) };
        let ticket = run.claim(worker, lease, now)?;
        self.notify();
        Ok(Some((ticket, run.entry.clone())))
    }

    async fn renew_run(
        &self,
        ticket: Ticket,
        lease: Duration,
        total_hint: Option<u64>,
    ) -> Result<Option<Wanted>, StoreError> {
        let now = self.time();
        self.data().ticketed(ticket)?.renew(ticket, lease, total_hint, now)
    }

    async fn note_whole(&self, ticket: Ticket, runs: u32) -> Result<Option<RunId>, StoreError> {
        let mut data = self.data();
        let entry = &mut data.ticketed(ticket)?.entry;
        entry.whole = true;
        let source = entry.request.source.clone();
        let whole = data.runs.values().rev().map(|run| &run.entry);
        let mut whole = whole.filter(|run| run.whole && run.request.source == source);
        Ok(runs.checked_sub(1).and_then(|ago| whole.nth(ago as usize)).map(|run| run.id))
    }

    async fn count(
        &self,
        ticket: Ticket,
        counters: &Counters,
        bytes: u64,
    ) -> Result<(), StoreError> {
        self.data().ticketed(ticket)?.count(counters, bytes);
        Ok(())
    }

    async fn end_run(&self, ticket: Ticket, ending: &Ending) -> Result<RunState, StoreError> {
        let now = self.time();
        let mut data = self.data();
        let run = data.ticketed(ticket)?;
        let read = run.clone();
        let mut changed = run.clone();
        let state = changed.end(ticket, ending, now)?;
        *run = changed;
        if ending.leaves_date() {
            data.source(&read.entry.request.source)?.stays_due(&read.entry, now);
        }
        self.notify();
        Ok(state)
    }

    async fn cancel_run(&self, run: RunId) -> Result<RunState, StoreError> {
        self.change(run, RunRow::cancel)
    }

    async fn pause_run(&self, run: RunId) -> Result<RunState, StoreError> {
        self.change(run, RunRow::pause)
    }

    async fn resume_run(&self, run: RunId) -> Result<RunState, StoreError> {
        self.change(run, |run, _| run.resume())
    }

    async fn approve_run(
        &self,
        run: RunId,
        worker: &str,
        lease: Duration,
    ) -> Result<Ticket, StoreError> {
        self.change(run, |run, now| run.approve(worker, lease, now))
    }

    async fn reject_run(&self, run: RunId) -> Result<RunState, StoreError> {
        self.change(run, RunRow::reject)
    }

    async fn sweep_runs(&self, most_attempts: u32) -> Result<Vec<(RunId, RunState)>, StoreError> {
        let now = self.time();
        let mut data = self.data();
        let lost = data.runs.iter_mut().filter(|(_, run)| run.is_lost(now));
        let swept = lost.map(|(id, run)| Ok((*id, run.lost(most_attempts, now)?)));
        let swept = swept.collect::<Result<Vec<_>, StoreError>>()?;
        if !swept.is_empty() {
            self.notify();
        }
        Ok(swept)
    }

    async fn run(&self, id: RunId) -> Result<Option<RunEntry>, StoreError> {
        Ok(self.data().runs.get(&id).map(|run| run.entry.clone()))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunEntry>, StoreError> {
        let data = self.data();
        let before = query.page.after.unwrap_or(RunId(i64::MAX));
        let found = data.runs.range(..before).rev().map(|(_, run)| &run.entry);
        let found = found.filter(|run| {
            let source = data.sources.get(&run.request.source);
            let owner = source.and_then(|source| source.definition.owner.as_deref());
            query.source.as_ref().is_none_or(|wanted| run.request.source == *wanted)
                && (query.owner.is_none() || query.owner.as_deref() == owner)
                && (query.states.is_empty() || query.states.contains(&run.state))
                && (query.group.is_none() || run.request.group == query.group)
                && (query.ids.is_empty() || query.ids.contains(&run.id))
        });
        Ok(found.take(query.page.limit).cloned().collect())
    }

    async fn purge_runs(&self, before: DateTime<Utc>, keep: u32) -> Result<u64, StoreError> {
        let mut data = self.data();
        let mut kept: HashMap<_, u32> = HashMap::new();
        let newest_first = data.runs.values().rev().map(|run| &run.entry);
        let gone: Vec<_> = newest_first
            .filter(|run| {
                let newer = kept.entry(&run.request.source).or_default();
                *newer = newer.saturating_add(1);
                *newer > keep && run.ended.is_some_and(|ended| ended < before)
            })
            .map(|run| run.id)
            .filter(|run| !data.staged.values().any(|staged| staged.staged.run == *run))
            .collect();
        gone.iter().for_each(|run| drop(data.runs.remove(run)));
        Ok(gone.len() as u64)
    }
}
