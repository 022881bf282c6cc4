//! One run of a pipeline: what it is called, how far it is, how it ended.

mod counters;
mod state;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::batch::{Notice, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::RecordError;

pub use self::counters::{Counters, Outcome};
pub use self::state::{RunEvent, RunState, UnknownWord};

/// How many failures, and how many notices, a [`Summary`] lists. Beyond that they are only counted.
pub const LISTED: usize = 100;

/// A run, as a sink gets to know it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Run {
    /// The source that is harvested.
    pub source: SourceId,
    /// When the run began.
    pub started: DateTime<Utc>,
    /// What lets it write, if it was claimed from a [`RunStore`](crate::store::RunStore). A sink that
    /// keeps runs in the same database writes under this run, and refuses once another has it.
    pub ticket: Option<Ticket>,
}

impl Run {
    /// A run of this source that begins now.
    #[must_use]
    pub fn new(source: SourceId) -> Self {
        Self { source, started: Utc::now(), ticket: None }
    }

    /// Sets what lets it write.
    #[must_use]
    pub fn with_ticket(mut self, ticket: Ticket) -> Self {
        self.ticket = Some(ticket);
        self
    }
}

/// The number of a run in a store.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct RunId(pub i64);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A claimed run, and by which claim: after the next one this ticket is worth nothing, so that a
/// worker that was taken for lost cannot write any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Ticket {
    /// The run.
    pub run: RunId,
    /// Counts the claims of the run.
    pub fence: i64,
}

impl Ticket {
    /// The ticket of a claim.
    #[must_use]
    pub fn new(run: RunId, fence: i64) -> Self {
        Self { run, fence }
    }
}

/// The first few of something, and how many there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    first: Vec<T>,
    total: u64,
}

impl<T> Listed<T> {
    pub(crate) fn push(&mut self, value: T) {
        self.total += 1;
        if self.first.len() < LISTED {
            self.first.push(value);
        }
    }

    /// The first [`LISTED`] of them.
    #[must_use]
    pub fn first(&self) -> &[T] {
        &self.first
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { first: Vec::new(), total: 0 }
    }
}

/// How a run went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The source that was harvested.
    pub source: SourceId,
    /// How the run ended.
    pub state: RunState,
    /// Whether it continued from a checkpoint.
    pub resumed: bool,
    /// What became of the records.
    pub counters: Counters,
    /// How many batches were stored.
    pub batches: u64,
    /// How many bytes were received for them.
    pub bytes: u64,
    /// The records that failed, by name.
    pub failures: Listed<RecordError>,
    /// Repairs, suspicions, and what parsers found wrong inside records.
    pub notices: Listed<Notice>,
    /// Where the source stands after the last batch that was stored.
    pub checkpoint: Option<Checkpoint>,
    /// Whether the sink keeps that checkpoint. If not, it is the caller's to keep.
    pub checkpoint_committed: bool,
    /// Why the run failed.
    pub error: Option<String>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// How long it took.
    pub elapsed: Duration,
}

/// How far a run is; handed out after every batch that was stored.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// What became of the records so far.
    pub counters: &'a Counters,
    /// How many batches were stored.
    pub batches: u64,
    /// How many bytes were received for them.
    pub bytes: u64,
    /// The length of the list in records, if the source claims to know. May be wrong in both
    /// directions.
    pub total_hint: Option<u64>,
    /// How long the run has taken.
    pub elapsed: Duration,
    /// What was noticed in the batch just stored.
    pub notices: &'a [Notice],
    /// The records that failed in the batch just stored.
    pub failures: &'a [RecordError],
}
