//! Runs, and the queue that they are.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Page, StoreError};
use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::run::{Counters, RunId, RunState, Ticket, UnknownWord};

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RunKind {
    /// Fetches, filters, parses and stores.
    Harvest,
    /// Only fetches: what comes is kept aside until an [`Import`](Self::Import).
    Collect,
    /// Stores what was collected.
    Import,
    /// Compares the source with what is here and changes nothing.
    Audit,
    /// Filters and parses what is here once more, without asking the source.
    Reprocess,
    /// Fetches again what failed.
    Replay,
    /// Gives the targets what they are owed. Every run that changes something does that at its end.
    Deliver,
}

impl RunKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Harvest,
        Self::Collect,
        Self::Import,
        Self::Audit,
        Self::Reprocess,
        Self::Replay,
        Self::Deliver,
    ];

    /// The kind as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Harvest => "harvest",
            Self::Collect => "collect",
            Self::Import => "import",
            Self::Audit => "audit",
            Self::Reprocess => "reprocess",
            Self::Replay => "replay",
            Self::Deliver => "deliver",
        }
    }
}

/// Why there is a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Trigger {
    /// Somebody asked for it.
    #[default]
    Manual,
    /// It was due.
    Schedule,
    /// A program asked for it.
    Api,
    /// The source said that something changed.
    Push,
    /// An earlier run asked for it: what it could not do, or what must follow it.
    Follow,
    /// The source was switched on.
    SwitchedOn,
}

impl Trigger {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Manual, Self::Schedule, Self::Api, Self::Push, Self::Follow, Self::SwitchedOn];

    /// The trigger as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Schedule => "schedule",
            Self::Api => "api",
            Self::Push => "push",
            Self::Follow => "follow",
            Self::SwitchedOn => "switched on",
        }
    }
}

macro_rules! stored_word {
    ($type:ty, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
                found.ok_or_else(|| UnknownWord::new($what, text))
            }
        }
    };
}

stored_word!(RunKind, "kind of run");
stored_word!(Trigger, "trigger of a run");

/// A run that is asked for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunRequest {
    /// The source.
    pub source: SourceId,
    /// What it does.
    pub kind: RunKind,
    /// Why.
    pub trigger: Trigger,
    /// By whom.
    pub by: Option<String>,
    /// Whether it begins at the beginning, whatever the checkpoint says.
    pub full: bool,
    /// Where it begins, if neither at the source's checkpoint nor at the beginning.
    pub from: Option<Checkpoint>,
    /// Whether it only says what it would do. What it fetched can be applied afterwards by an
    /// [`Import`](RunKind::Import) whose parent it is.
    pub dry_run: bool,
    /// The run that this one follows.
    pub parent: Option<RunId>,
    /// Runs that were asked for together have the same.
    pub group: Option<i64>,
    /// Not before this time.
    pub not_before: Option<DateTime<Utc>>,
    /// The date of the source's schedule that it is asked for at.
    pub due: Option<DateTime<Utc>>,
}

impl RunRequest {
    /// A run that somebody asks for.
    #[must_use]
    pub fn new(source: impl Into<SourceId>, kind: RunKind) -> Self {
        Self {
            source: source.into(),
            kind,
            trigger: Trigger::Manual,
            by: None,
            full: false,
            from: None,
            dry_run: false,
            parent: None,
            group: None,
            not_before: None,
            due: None,
        }
    }
}

/// What came of asking for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // there is one open run a source, this or another
pub enum Requested {
    /// It is queued.
    Queued(RunId),
    /// The source has this open run already; nothing was queued.
    AlreadyOpen(RunId),
}

impl Requested {
    /// The source's open run.
    #[must_use]
    pub fn run(self) -> RunId {
        match self {
            Self::Queued(run) | Self::AlreadyOpen(run) => run,
        }
    }
}

/// A run as it stands in a store.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RunEntry {
    /// Its number: later ones are higher.
    pub id: RunId,
    /// What was asked for.
    pub request: RunRequest,
    /// The source's definition when it was asked for: what it runs with, whatever is changed
    /// meanwhile.
    pub settings: Value,
    /// Where it begins or began; `None`: at the beginning.
    pub began_at: Option<Checkpoint>,
    /// Whether it saw everything that the source has.
    pub whole: bool,
    /// How far it is.
    pub state: RunState,
    /// What its worker is to do at the next occasion.
    pub wanted: Option<Wanted>,
    /// How many workers have had it, those aside that put it down in order.
    pub attempt: u32,
    /// Who has it.
    pub worker: Option<String>,
    /// Until when the worker has it, unless it is heard of.
    pub leased_until: Option<DateTime<Utc>>,
    /// What became of the records so far.
    pub counters: Counters,
    /// How many batches were stored.
    pub batches: u64,
    /// How many bytes were received.
    pub bytes: u64,
    /// The length of the list in records, if the source claims to know.
    pub total_hint: Option<u64>,
    /// Deletions that a person must agree to.
    pub held: Option<Held>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When it was asked for.
    pub queued: DateTime<Utc>,
    /// When a worker took it first.
    pub started: Option<DateTime<Utc>>,
    /// When it was over.
    pub ended: Option<DateTime<Utc>>,
}

impl RunEntry {
    /// A run that is queued.
    #[must_use]
    pub fn new(id: RunId, request: RunRequest, settings: Value, now: DateTime<Utc>) -> Self {
        Self {
            id,
            request,
            settings,
            began_at: None,
            whole: false,
            state: RunState::Queued,
            wanted: None,
            attempt: 0,
            worker: None,
            leased_until: None,
            counters: Counters::default(),
            batches: 0,
            bytes: 0,
            total_hint: None,
            held: None,
            failure: None,
            queued: now,
            started: None,
            ended: None,
        }
    }

    /// Where the run begins, by what was asked for and where its source `stands`. That stays so while
    /// the run is open.
    #[must_use]
    pub fn beginning_at(mut self, stands: Option<&Checkpoint>) -> Self {
        let asked = self.request.from.as_ref();
        self.began_at = asked.or(stands.filter(|_| !self.request.full)).cloned();
        self
    }

    /// What is done of it, from 0 to 1, by what the source claims.
    #[must_use]
    pub fn progress(&self) -> Option<f64> {
        let total = self.total_hint.filter(|total| *total > 0)?;
        Some((self.counters.total() as f64 / total as f64).min(1.0))
    }
}

/// What a worker is to do with its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wanted {
    /// End it.
    Cancel,
    /// Put it down where it is.
    Pause,
}

impl Wanted {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Cancel, Self::Pause];

    /// The wish as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
        }
    }
}

stored_word!(Wanted, "wish about a run");

/// Deletions that a person must agree to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Held {
    /// How many records would go.
    pub deletions: u64,
    /// How many are live.
    pub live: u64,
    /// What the person said; `None` so far.
    pub approved: Option<bool>,
}

impl Held {
    /// So many of so many live records would go.
    #[must_use]
    pub fn new(deletions: u64, live: u64) -> Self {
        Self { deletions, live, approved: None }
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Failure {
    /// What happened, and what to do about it.
    pub message: String,
    /// The URL that was asked.
    pub url: Option<String>,
    /// Whether it is the source's fault; otherwise something is wrong here.
    pub at_source: bool,
    /// Whether the same run may well succeed later.
    pub transient: bool,
    /// Whether it counts as not having taken place: nobody could say what there is to harvest. The date
    /// that its schedule asked for it at stands.
    #[serde(default)]
    pub leaves_date: bool,
}

impl Failure {
    /// The run failed, through no fault of the source.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            url: None,
            at_source: false,
            transient: false,
            leaves_date: false,
        }
    }
}

impl From<&crate::RunError> for Failure {
    fn from(error: &crate::RunError) -> Self {
        Self {
            message: error.message().to_owned(),
            url: error.url().map(str::to_owned),
            at_source: error.stage() == crate::Stage::Source,
            transient: error.is_transient(),
            leaves_date: false,
        }
    }
}

/// How a worker's part of a run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// It came to its end. Records that failed are counted by the store.
    Done,
    /// It cannot go on.
    Failed(Failure),
    /// What it writes to went away: the run is left to whoever finds it next, as if its worker was lost.
    Interrupted(Failure),
    /// It was stopped.
    Cancelled,
    /// It was put down where it is.
    Paused,
    /// It waits for a person.
    Held(Held),
    /// It goes back into the queue until then: the source asked for so much patience that it is not
    /// worth keeping a worker for it.
    Later(DateTime<Utc>),
}

impl Ending {
    pub(super) fn leaves_date(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.leaves_date)
    }
}

/// Which runs are wanted, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunQuery {
    /// Only those of this source.
    pub source: Option<SourceId>,
    /// Only those of sources of this owner.
    pub owner: Option<String>,
    /// Only those in one of these states; empty: in any.
    pub states: Vec<RunState>,
    /// Only those that were asked for together.
    pub group: Option<i64>,
    /// Only these; empty: any.
    pub ids: Vec<RunId>,
    /// Which part of the list.
    pub page: Page<RunId>,
}

/// Runs, and the queue that they are.
///
/// A run is asked for, claimed by a worker under a [`Ticket`], renewed while it goes on and ended.
/// Where the catalogue lies in the same database, its batches raise the counters of the run and
/// refuse a ticket that is not the last: a worker that was taken for lost cannot write any more.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// Asks for a run.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Conflict`] if the source is a draft or archived, or is
    /// paused and the trigger is the schedule.
    async fn request_run(&self, request: &RunRequest) -> Result<Requested, StoreError>;

    /// Takes the oldest run that is queued and whose time has come, for so long. `None` if there is
    /// none.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn claim_run(
        &self,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<(Ticket, RunEntry)>, StoreError>;

    /// Keeps a run for so long from now, says how long its list is if that is known, and tells what is
    /// wanted of it.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if it is not this worker's any more: it must stop at once.
    async fn renew_run(
        &self,
        ticket: Ticket,
        lease: Duration,
        total_hint: Option<u64>,
    ) -> Result<Option<Wanted>, StoreError>;

    /// Notes that a run saw everything that its source has, and says which run was so many such runs
    /// ago, this one being the first; `None` if there were not so many.
    ///
    /// # Errors
    /// [`StoreError::Stale`].
    async fn note_whole(&self, ticket: Ticket, runs: u32) -> Result<Option<RunId>, StoreError>;

    /// Adds what came of one batch to the counters of a run. For sinks that do not do so themselves.
    ///
    /// # Errors
    /// [`StoreError::Stale`].
    async fn count(
        &self,
        ticket: Ticket,
        counters: &Counters,
        bytes: u64,
    ) -> Result<(), StoreError>;

    /// Ends a worker's part of a run, and says in which state that leaves it. If the run is put down
    /// ([`Paused`](Ending::Paused), [`Held`](Ending::Held), [`Later`](Ending::Later)) although somebody
    /// wants it cancelled, it is cancelled.
    ///
    /// If a run that was due fails so that it [leaves its date](Failure::leaves_date), that is the next
    /// date of the source again, in the same commit, unless its schedule was changed meanwhile.
    /// [`request_due`](super::SourceStore::request_due) asks for it again at the date behind that one,
    /// and after a day at the latest.
    ///
    /// # Errors
    /// [`StoreError::Stale`].
    async fn end_run(&self, ticket: Ticket, ending: &Ending) -> Result<RunState, StoreError>;

    /// Stops a run: at once if no worker has it, else at the worker's next occasion. Says in which state
    /// it is now.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Refused`] if it is over or waits for a person.
    async fn cancel_run(&self, run: RunId) -> Result<RunState, StoreError>;

    /// Pauses a run that goes on, at the worker's next occasion; if it is to be cancelled, that stands.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Refused`] if it does not go on.
    async fn pause_run(&self, run: RunId) -> Result<RunState, StoreError>;

    /// Queues a paused run again.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Refused`] if it is not paused.
    async fn resume_run(&self, run: RunId) -> Result<RunState, StoreError>;

    /// A person agrees to the deletions of a run; whoever calls this has the run now, as if it had
    /// claimed it, and must apply them.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Refused`] if it does not wait for that.
    async fn approve_run(
        &self,
        run: RunId,
        worker: &str,
        lease: Duration,
    ) -> Result<Ticket, StoreError>;

    /// A person does not agree to the deletions of a run: it is over, the records stay.
    ///
    /// # Errors
    /// As [`approve_run`](Self::approve_run).
    async fn reject_run(&self, run: RunId) -> Result<RunState, StoreError>;

    /// Finds the runs whose workers were not heard of for longer than their lease. Each is queued again,
    /// or failed if it has had so many workers; one that somebody wants cancelled or paused is that
    /// now. Says which, and what they are now.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn sweep_runs(&self, most_attempts: u32) -> Result<Vec<(RunId, RunState)>, StoreError>;

    /// A run.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn run(&self, id: RunId) -> Result<Option<RunEntry>, StoreError>;

    /// The runs that are wanted, newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunEntry>, StoreError>;

    /// Forgets runs that were over before this time, except the last `keep` of each source and those
    /// that records or staged batches still point to. Says how many went.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn purge_runs(&self, before: DateTime<Utc>, keep: u32) -> Result<u64, StoreError>;
}
