//! What was fetched and not stored yet.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::batch::{Batch, SourceId};
use crate::run::{Counters, RunId, Ticket};

/// A batch that was fetched and not stored yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Staged {
    /// Its place among all that is staged; later ones are higher.
    pub id: i64,
    /// The run that fetched it.
    pub run: RunId,
    /// When it was staged.
    pub time: DateTime<Utc>,
    /// The batch as it was fetched.
    pub batch: Batch,
}

impl Staged {
    /// A batch that this run fetched.
    #[must_use]
    pub fn new(id: i64, run: RunId, time: DateTime<Utc>, batch: Batch) -> Self {
        Self { id, run, time, batch }
    }
}

/// What was fetched and not stored yet: by runs that only collect, and by dry runs.
#[async_trait]
pub trait StagingStore: Send + Sync {
    /// Keeps a batch, adds what came of it to the counters of the run, and keeps its checkpoint as that
    /// of the source unless the run is a dry one: all in one commit. A batch of the same number under the
    /// same ticket is there already, and nothing happens.
    ///
    /// # Errors
    /// [`StoreError::Stale`].
    async fn stage(
        &self,
        ticket: Ticket,
        batch: &Batch,
        counters: &Counters,
    ) -> Result<(), StoreError>;

    /// Forgets what a run staged and counted so far, for it begins anew: it leaves no checkpoint behind
    /// at which it could go on.
    ///
    /// # Errors
    /// [`StoreError::Stale`].
    async fn start_over(&self, ticket: Ticket) -> Result<(), StoreError>;

    /// The first batch of this source behind `after` that is not from a dry run, or if `run` is given
    /// the first of that run.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn staged(
        &self,
        source: &SourceId,
        run: Option<RunId>,
        after: i64,
    ) -> Result<Option<Staged>, StoreError>;

    /// Forgets what was staged by dry runs that were over before this time and that no open run is to
    /// store. Says which they are.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn expire_staged(
        &self,
        before: DateTime<Utc>,
    ) -> Result<Vec<(SourceId, RunId)>, StoreError>;

    /// Forgets what is staged of this source up to `id`, of one run or of all that are not dry.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn unstage(
        &self,
        source: &SourceId,
        run: Option<RunId>,
        up_to: i64,
    ) -> Result<(), StoreError>;
}
