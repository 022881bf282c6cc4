//! What changes, for all who watch: one reader of the store, however many they are.
//!
//! The reader begins with the first viewer and ends when none is left. It tells every event that is
//! entered, and every run that is another than before. A viewer that cannot follow is dropped; it
//! comes back and says which event it saw last.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use harvest_pipeline::store::{EventQuery, Page, RunQuery, Store, StoreError, StoredEvent};
use harvest_pipeline::{RunId, RunState};
use serde::Serialize;
use tokio::sync::broadcast;

use super::runs::{Happened, Run};

/// How long nothing is read after something was.
const BETWEEN: Duration = Duration::from_millis(250);
/// The store is read again after so long, even if it does not say that something changed.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait for a store that cannot be read.
const AWAY: Duration = Duration::from_secs(5);
/// A viewer may be so many changes behind.
const BEHIND: usize = 1024;
/// So many events are kept for viewers that come back.
const KEPT: usize = 1000;
/// So many events are read at a time.
const AT_ONCE: usize = 100;
/// So many of the newest runs are watched, besides those that are open.
const NEWEST: usize = 50;
/// So many open runs are watched.
const OPEN: usize = 500;

/// Something changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The number of the last event then: what a viewer that comes back has seen.
    pub(crate) event: i64,
    /// `run` or `event`.
    pub(crate) name: &'static str,
    /// The source that it is about.
    pub(crate) source: Option<String>,
    /// The run that it is about.
    pub(crate) run: Option<RunId>,
    /// The run or event, as JSON.
    pub(crate) data: String,
}

impl Change {
    /// A run is as it is since that event.
    pub(super) fn of_run(run: &Run, event: i64) -> Self {
        let source = Some(run.source.clone());
        Self { event, name: "run", source, run: Some(run.id), data: json(run) }
    }

    fn of_event(event: StoredEvent) -> Self {
        let run = event.event.scope.run;
        let source = event.event.scope.source.as_ref().map(ToString::to_string);
        let happened = Happened::from(event);
        Self { event: happened.id, name: "event", source, run, data: json(&happened) }
    }
}

/// What changes in a store. Clones share the one reader.
#[derive(Clone, Debug)]
pub(crate) struct Live(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    known: Mutex<Known>,
    sender: broadcast::Sender<Arc<Change>>,
    reads: AtomicU64,
}

/// What the reader knows.
#[derive(Debug, Default)]
struct Known {
    is_reading: bool,
    runs: BTreeMap<RunId, (Run, Arc<Change>)>,
    events: VecDeque<Arc<Change>>,
    last: Option<i64>,
}

/// What a viewer begins with, and how it goes on.
#[derive(Debug)]
pub(crate) struct Watching {
    /// Events that were missed, and the runs as they are.
    pub(crate) first: Vec<Arc<Change>>,
    /// What comes.
    pub(crate) next: broadcast::Receiver<Arc<Change>>,
}

impl Live {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let (sender, _) = broadcast::channel(BEHIND);
        Self(Arc::new(Inner { store, known: Mutex::default(), sender, reads: AtomicU64::new(0) }))
    }

    /// Watches from now on, or from behind the event that was seen last, if that is not too long ago.
    pub(crate) fn watch(&self, seen: Option<i64>) -> Watching {
        let mut known = self.0.known();
        let next = self.0.sender.subscribe();
        if !known.is_reading {
            *known = Known { is_reading: true, ..Known::default() };
            tokio::spawn(read(Arc::downgrade(&self.0)));
        }
        let missed = known.events.iter().filter(|it| seen.is_some_and(|seen| it.event > seen));
        let runs = known.runs.values().map(|(_, change)| change);
        Watching { first: missed.chain(runs).cloned().collect(), next }
    }

    /// How many watch.
    pub(crate) fn viewers(&self) -> usize {
        self.0.sender.receiver_count()
    }

    /// How often the store was read.
    pub(crate) fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the reader is to go on.
    fn is_watched(&self) -> bool {
        let mut known = self.known();
        known.is_reading = self.sender.receiver_count() > 0;
        known.is_reading
    }

    /// Reads what is new, and tells it.
    async fn tell(&self) -> Result<(), StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let last = self.known().last;
        let events = self.events_after(last).await?;
        let runs = self.runs().await?;
        let mut known = self.known();
        for event in events.into_iter().rev() {
            let change = Arc::new(Change::of_event(event));
            known.last = Some(change.event);
            known.events.push_back(Arc::clone(&change));
            if known.events.len() > KEPT {
                known.events.pop_front();
            }
            // What was there before anybody watched is only for those who come back.
            if last.is_some() {
                drop(self.sender.send(change));
            }
        }
        let event = known.last.unwrap_or_default();
        known.last = Some(event);
        let before = std::mem::take(&mut known.runs);
        for run in runs {
            let id = run.id;
            let change = match before.get(&id) {
                Some((same, change)) if *same == run => Arc::clone(change),
                _ => {
                    let change = Arc::new(Change::of_run(&run, event));
                    drop(self.sender.send(Arc::clone(&change)));
                    change
                }
            };
            known.runs.insert(id, (run, change));
        }
        Ok(())
    }

    /// The events behind that one, newest first; at first, the newest.
    async fn events_after(&self, last: Option<i64>) -> Result<Vec<StoredEvent>, StoreError> {
        let mut query = EventQuery::default();
        query.page = Page::first(if last.is_some() { AT_ONCE } else { KEPT });
        let mut events: Vec<StoredEvent> = Vec::new();
        loop {
            let page = self.store.events(&query).await?;
            let is_full = page.len() == query.page.limit;
            let is_new = |event: &StoredEvent| last.is_none_or(|last| event.id > last);
            let before = events.len();
            events.extend(page.into_iter().take_while(is_new));
            let all_new = events.len() - before == query.page.limit;
            query.page.after = events.last().map(|event| event.id);
            if !(is_full && all_new) || events.len() >= KEPT {
                return Ok(events);
            }
        }
    }

    /// The runs that are watched.
    async fn runs(&self) -> Result<Vec<Run>, StoreError> {
        let mut newest = RunQuery::default();
        newest.page = Page::first(NEWEST);
        let mut open = RunQuery::default();
        open.states = RunState::ALL.into_iter().filter(|state| state.is_open()).collect();
        open.page = Page::first(OPEN);
        let mut runs: BTreeMap<RunId, Run> = BTreeMap::new();
        for run in self.store.runs(&newest).await?.into_iter().chain(self.store.runs(&open).await?)
        {
            runs.insert(run.id, run.into());
        }
        // One that was open, and has ended behind the newest.
        let before: Vec<_> = self.known().runs.values().map(|(run, _)| run.clone()).collect();
        for run in before.into_iter().filter(|run| run.state.is_open()) {
            if let std::collections::btree_map::Entry::Vacant(gap) = runs.entry(run.id)
                && let Some(ended) = self.store.run(run.id).await?
            {
                gap.insert(ended.into());
            }
        }
        Ok(runs.into_values().collect())
    }
}

/// Reads for as long as anybody watches.
async fn read(live: Weak<Inner>) {
    while let Some(live) = live.upgrade().filter(|live| live.is_watched()) {
        if let Err(error) = live.tell().await {
            tracing::warn!(%error, "what changes cannot be read");
            tokio::time::sleep(AWAY).await;
        }
        tokio::time::sleep(BETWEEN).await;
        live.store.changed(IDLE).await;
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
