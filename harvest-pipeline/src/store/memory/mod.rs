//! A store that forgets.

mod runs;
mod sources;
mod staging;
mod targets;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::clock::{later, until};
use super::lifecycle::RunRow;
use super::{
    Coverage, CoverageStore, Event, EventQuery, EventStore, FilterSetStore, HostStore, ManualClock,
    SourceEntry, Staged, Store, StoreError, StoredEvent, TargetDefinition, WaitingHost,
};
use crate::batch::SourceId;
use crate::filters::FilterSet;
use crate::run::RunId;

/// A store in memory, for tests and for programs that need not remember. Clones share what is in it.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Inner>);

#[derive(Default)]
struct Inner {
    clock: Option<ManualClock>,
    data: Mutex<Data>,
    changed: Notify,
}

/// Everything that is kept. It is only ever changed under one lock, so that each method is atomic.
#[derive(Default)]
struct Data {
    sources: BTreeMap<SourceId, SourceEntry>,
    runs: BTreeMap<RunId, RunRow>,
    last_run: i64,
    coverage: BTreeMap<SourceId, Vec<Coverage>>,
    events: BTreeMap<i64, StoredEvent>,
    last_event: i64,
    filter_sets: BTreeMap<String, FilterSet>,
    hosts: HashMap<String, Host>,
    staged: BTreeMap<i64, StagedRow>,
    last_staged: i64,
    targets: BTreeMap<String, TargetDefinition>,
    ledgers: BTreeMap<(String, SourceId), targets::Ledger>,
}

#[derive(Default)]
struct Host {
    next_turn: Option<DateTime<Utc>>,
    alone_until: Option<DateTime<Utc>>,
}

struct StagedRow {
    source: SourceId,
    fence: i64,
    dry_run: bool,
    staged: Staged,
}

impl MemoryStore {
    /// An empty store that goes by the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that goes by this clock.
    #[must_use]
    pub fn with_clock(clock: ManualClock) -> Self {
        Self(Arc::new(Inner { clock: Some(clock), ..Inner::default() }))
    }

    /// An empty store whose time stands still.
    #[must_use]
    pub fn at(time: DateTime<Utc>) -> Self {
        Self::with_clock(ManualClock::at(time))
    }

    /// Moves its time forward, and wakes up those who wait for a [change](Store::changed). Without
    /// effect if it goes by the system's clock.
    pub fn advance(&self, by: Duration) {
        if let Some(clock) = &self.0.clock {
            clock.advance(by);
            self.notify();
        }
    }

    fn time(&self) -> DateTime<Utc> {
        self.0.clock.as_ref().map_or_else(Utc::now, ManualClock::now)
    }

    fn data(&self) -> MutexGuard<'_, Data> {
        self.0.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self) {
        self.0.changed.notify_waiters();
        // For one that is about to wait.
        self.0.changed.notify_one();
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = self.data();
        f.debug_struct("MemoryStore")
            .field("sources", &data.sources.len())
            .field("runs", &data.runs.len())
            .finish_non_exhaustive()
    }
}

impl Data {
    fn source(&mut self, id: &SourceId) -> Result<&mut SourceEntry, StoreError> {
        self.sources.get_mut(id).ok_or_else(|| StoreError::missing("source", id))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.time())
    }

    async fn changed(&self, timeout: Duration) {
        let _ = tokio::time::timeout(timeout, self.0.changed.notified()).await;
    }
}

#[async_trait]
impl CoverageStore for MemoryStore {
    async fn cover(&self, source: &SourceId, coverage: &Coverage) -> Result<(), StoreError> {
        let mut data = self.data();
        data.source(source)?;
        let covered = data.coverage.entry(source.clone()).or_default();
        let place = |it: &Coverage| (it.until, it.from, it.run);
        let known = covered.binary_search_by_key(&place(coverage), place);
        if let Err(index) = known {
            covered.insert(index, coverage.clone());
        }
        Ok(())
    }

    async fn coverage(
        &self,
        source: &SourceId,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<Coverage>, StoreError> {
        let data = self.data();
        let covered = data.coverage.get(source).into_iter().flatten();
        Ok(covered.filter(|it| since.is_none_or(|since| it.until > since)).cloned().collect())
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn record(&self, events: &[Event]) -> Result<(), StoreError> {
        let now = self.time();
        let mut data = self.data();
        for event in events {
            data.last_event += 1;
            let id = data.last_event;
            data.events.insert(id, StoredEvent::new(id, now, event.clone()));
        }
        Ok(())
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
        let data = self.data();
        let before = query.page.after.unwrap_or(i64::MAX);
        let found = data.events.range(..before).rev().map(|(_, stored)| stored);
        let found = found.filter(|StoredEvent { event, .. }| {
            query.source.as_ref().is_none_or(|wanted| event.scope.source.as_ref() == Some(wanted))
                && query.run.is_none_or(|wanted| event.scope.run == Some(wanted))
                && query.level.is_none_or(|least| event.level <= least)
        });
        Ok(found.take(query.page.limit).cloned().collect())
    }

    async fn purge_events(&self, before: DateTime<Utc>, keep: u64) -> Result<u64, StoreError> {
        let mut data = self.data();
        let had = data.events.len();
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let surplus = had.saturating_sub(keep);
        let first_kept = data.events.keys().nth(surplus).copied().unwrap_or(i64::MAX);
        data.events.retain(|id, stored| *id >= first_kept && stored.time >= before);
        Ok((had - data.events.len()) as u64)
    }
}

#[async_trait]
impl FilterSetStore for MemoryStore {
    async fn put_filter_set(&self, set: &FilterSet) -> Result<(), StoreError> {
        self.data().filter_sets.insert(set.name().to_owned(), set.clone());
        Ok(())
    }

    async fn remove_filter_set(&self, name: &str) -> Result<(), StoreError> {
        let mut data = self.data();
        let used = data.sources.values().find(|source| source.definition.uses_filter_set(name));
        if let Some(source) = used {
            return Err(StoreError::is_used(name, &source.definition.id));
        }
        if let Some(target) = data.targets.values().find(|target| target.uses_filter_set(name)) {
            return Err(StoreError::is_used(name, &target.name));
        }
        let removed = data.filter_sets.remove(name);
        removed.map(drop).ok_or_else(|| StoreError::missing("filter set", name))
    }

    async fn filter_set(&self, name: &str) -> Result<Option<FilterSet>, StoreError> {
        Ok(self.data().filter_sets.get(name).cloned())
    }

    async fn filter_sets(&self) -> Result<Vec<FilterSet>, StoreError> {
        Ok(self.data().filter_sets.values().cloned().collect())
    }
}

#[async_trait]
impl HostStore for MemoryStore {
    async fn take_turn(&self, host: &str, apart: Duration) -> Result<Duration, StoreError> {
        let now = self.time();
        let mut data = self.data();
        let host = data.hosts.entry(host.to_owned()).or_default();
        let turn = host.next_turn.max(host.alone_until).map_or(now, |turn| turn.max(now));
        host.next_turn = Some(later(turn, apart));
        Ok(until(turn, now))
    }

    async fn leave_alone(&self, host: &str, wait: Duration) -> Result<(), StoreError> {
        let now = self.time();
        let mut data = self.data();
        let host = data.hosts.entry(host.to_owned()).or_default();
        host.alone_until = host.alone_until.max(Some(later(now, wait)));
        Ok(())
    }

    async fn left_alone(&self, host: &str) -> Result<Duration, StoreError> {
        let now = self.time();
        let data = self.data();
        let alone = data.hosts.get(host).and_then(|host| host.alone_until);
        Ok(alone.map_or(Duration::ZERO, |time| until(time, now)))
    }

    async fn waiting_hosts(&self, limit: usize) -> Result<Vec<WaitingHost>, StoreError> {
        let now = self.time();
        let left =
            |time: Option<DateTime<Utc>>| time.map_or(Duration::ZERO, |time| until(time, now));
        let data = self.data();
        let all = data.hosts.iter();
        let all = all.map(|(name, host)| {
            WaitingHost::new(name, left(host.next_turn), left(host.alone_until))
        });
        let mut waiting: Vec<_> = all.filter(|host| !host.wait().is_zero()).collect();
        waiting.sort_by(|a, b| b.wait().cmp(&a.wait()).then_with(|| a.host.cmp(&b.host)));
        waiting.truncate(limit);
        Ok(waiting)
    }
}
