//! One run of a pipeline: what it is called, how far it is, how it ended.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::batch::{Notice, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::RecordError;

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
}

impl Run {
    /// A run of this source that begins now.
    #[must_use]
    pub fn new(source: SourceId) -> Self {
        Self { source, started: Utc::now() }
    }
}

/// What became of one record. Every record of a batch has exactly one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Stored; it was not live before. Sinks that cannot tell say this of every record they write.
    Created,
    /// Stored in place of an older version.
    Updated,
    /// The same as what is stored.
    Unchanged,
    /// Deleted at the source, and it was live here until now.
    Deleted,
    /// Deleted at the source before it was ever seen here.
    SkippedDeleted,
    /// Left out by a filter.
    Filtered,
    /// Could not be had, read or stored; see the failures.
    Failed,
}

/// How many records came to which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// See [`Outcome::Created`].
    pub created: u64,
    /// See [`Outcome::Updated`].
    pub updated: u64,
    /// See [`Outcome::Unchanged`].
    pub unchanged: u64,
    /// See [`Outcome::Deleted`].
    pub deleted: u64,
    /// See [`Outcome::SkippedDeleted`].
    pub skipped_deleted: u64,
    /// See [`Outcome::Filtered`].
    pub filtered: u64,
    /// See [`Outcome::Failed`].
    pub failed: u64,
}

impl Counters {
    /// Counts one record.
    pub fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Deleted => &mut self.deleted,
            Outcome::SkippedDeleted => &mut self.skipped_deleted,
            Outcome::Filtered => &mut self.filtered,
            Outcome::Failed => &mut self.failed,
        } += 1;
    }

    /// All records, whatever became of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.created
            + self.updated
            + self.unchanged
            + self.deleted
            + self.skipped_deleted
            + self.filtered
            + self.failed
    }
}

impl FromIterator<Outcome> for Counters {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        let mut counters = Self::default();
        outcomes.into_iter().for_each(|outcome| counters.count(outcome));
        counters
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.skipped_deleted += other.skipped_deleted;
        self.filtered += other.filtered;
        self.failed += other.failed;
    }
}

impl fmt::Display for Counters {
    /// The counters that are not zero: `120 created, 3 deleted`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            (self.created, "created"),
            (self.updated, "updated"),
            (self.unchanged, "unchanged"),
            (self.deleted, "deleted"),
            (self.skipped_deleted, "already deleted at the source"),
            (self.filtered, "filtered out"),
            (self.failed, "failed"),
        ];
        let mut separator = "";
        for (count, name) in named.iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count} {name}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("no records") } else { Ok(()) }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunState {
    /// The list was read to its end and no record failed.
    Succeeded,
    /// The list was read to its end, but some records failed.
    SucceededWithErrors,
    /// It broke off; what was stored before stays.
    Failed,
    /// Somebody stopped it, at the end of a batch.
    Cancelled,
}

impl RunState {
    /// The state as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::SucceededWithErrors => "succeeded with errors",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
