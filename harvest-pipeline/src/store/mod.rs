//! Where an installation keeps what it has to do and what it did: its sources, runs, events and
//! coverage.
//!
//! Each concern is a small trait; a [`Store`] is all of them. [`MemoryStore`] is for tests and for
//! programs that forget; `SqlStore` keeps them in SQLite or PostgreSQL, beside the catalogue.
//!
//! ```text
//! SourceStore     what is harvested, how and when
//! RunStore        the queue: request ▶ claim ▶ renew … ▶ end; sweep finds lost workers
//! CoverageStore   which time was harvested, and which never was
//! EventStore      what happened, for people
//! FilterSetStore  what is taken
//! StagingStore    what was collected and not imported yet
//! TargetStore     who is to have the records, and what they have
//! HostStore       how soon a host may be asked again, for all workers together
//! ```
//!
//! Time is the store's own ([`Store::now`]): workers on several machines need one clock.

mod clock;
mod coverage;
mod definition;
mod error;
mod events;
mod filter_sets;
mod hosts;
mod lifecycle;
mod memory;
mod output;
mod runs;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
mod staging;
mod targets;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

pub use self::clock::ManualClock;
pub use self::coverage::{Coverage, CoverageStore};
pub use self::definition::{
    Deletions, EmptyWindow, Erased, Guard, Harvested, Policies, SourceDefinition, SourceEntry,
    SourceQuery, SourceStatus, SourceStore, Unique,
};
pub use self::error::StoreError;
pub use self::events::{Event, EventLevel, EventQuery, EventScope, EventStore, StoredEvent};
pub use self::filter_sets::FilterSetStore;
pub use self::hosts::{HostStore, WaitingHost};
pub use self::memory::MemoryStore;
pub use self::output::Output;
pub use self::runs::{
    Ending, Failure, Held, Requested, RunEntry, RunKind, RunQuery, RunRequest, RunStore, Trigger,
    Wanted,
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use self::sql::{SqlStore, SqlStoreOptions};
pub use self::staging::{Staged, StagingStore};
pub use self::targets::{Condition, Offered, Owed, Standing, TargetDefinition, TargetStore};

/// Everything that an installation keeps besides the records.
#[async_trait]
pub trait Store:
    SourceStore
    + RunStore
    + CoverageStore
    + EventStore
    + FilterSetStore
    + HostStore
    + StagingStore
    + TargetStore
    + Debug
    + Send
    + Sync
{
    /// The time by the store's clock, which all workers share.
    ///
    /// # Errors
    /// If the store cannot be reached.
    async fn now(&self) -> Result<DateTime<Utc>, StoreError>;

    /// Waits until something may have changed (a run was asked for, claimed, stopped or ended), but
    /// no longer than this. May return early, and for changes made elsewhere late: it only saves
    /// asking too often.
    async fn changed(&self, timeout: Duration);
}

/// So many rows at most, behind this key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<K> {
    /// The key of the last row of the page before.
    pub after: Option<K>,
    /// How many rows at most.
    pub limit: usize,
}

impl<K> Page<K> {
    /// The first so many rows.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }

    /// The rows behind this key.
    #[must_use]
    pub fn after(mut self, key: K) -> Self {
        self.after = Some(key);
        self
    }
}

impl<K> Default for Page<K> {
    fn default() -> Self {
        Self::first(100)
    }
}
