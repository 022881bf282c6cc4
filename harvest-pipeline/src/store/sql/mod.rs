//! A store in SQLite or PostgreSQL.
//!
//! One text of SQL serves both; where they differ, [`dialect`] has the words. What happens to a run
//! is decided in [`lifecycle`](super::lifecycle): the row is read, changed there, and written back
//! unless another was faster.

mod dialect;
mod erase;
mod error;
mod notes;
mod open;
mod row;
mod runs;
mod secrets;
mod sources;
mod staging;
mod targets;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Transaction};
use tokio::sync::Notify;
use tokio_util::sync::DropGuard;

use self::dialect::Dialect;
use self::error::{SqlError, SqlResult, attempt};
pub use self::open::SqlStoreOptions;
use self::row::{Columns, text};
use super::{ManualClock, Store, StoreError};
use crate::secrets::Secrets;

/// A store in a file of SQLite or in a database of PostgreSQL, which any number of processes on any
/// number of machines share.
///
/// In SQLite it shares the file with [`SqliteCatalogue`](crate::SqliteCatalogue), so that records,
/// counters and checkpoints are committed together. Leases go by the database's clock; with SQLite
/// that is the machine's.
///
/// Clones share the connections.
#[derive(Clone)]
pub struct SqlStore(Arc<Inner>);

struct Inner {
    dialect: Dialect,
    /// What people call the database; no password is in it.
    name: String,
    /// Those that write: one in SQLite, which has one writer at a time anyway.
    writers: AnyPool,
    readers: AnyPool,
    clock: Option<ManualClock>,
    secrets: Option<Secrets>,
    changed: Arc<Notify>,
    /// Ends the task that listens to what happens elsewhere.
    _listening: Option<DropGuard>,
}

impl SqlStore {
    /// Opens the store at `sqlite:harvest.db` or `postgres://user@host/database`, creating its tables
    /// if there are none and bringing older ones up to date.
    ///
    /// # Errors
    /// If the database cannot be opened, or was written by a newer version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, SqlStoreOptions::new()).await
    }

    /// Begins to change something.
    async fn begin(&self) -> SqlResult<Transaction<'static, Any>> {
        Ok(self.0.writers.begin_with(self.0.dialect.begin()).await?)
    }

    /// Changes nothing after all. Whoever asks for the same rows next finds them free, which a
    /// transaction that is only dropped would not promise.
    async fn refuse<T>(
        &self,
        tx: Transaction<'static, Any>,
        why: impl Into<SqlError> + Send,
    ) -> SqlResult<T> {
        tx.rollback().await?;
        Err(why.into())
    }

    /// `$1` of every statement that asks for [`Dialect::now`].
    fn clock(&self) -> Option<String> {
        self.0.clock.as_ref().map(|clock| text(clock.now()))
    }

    /// The time by the store's clock.
    async fn time(&self, conn: &mut AnyConnection) -> SqlResult<DateTime<Utc>> {
        let query = format!("SELECT {} AS now", self.0.dialect.now());
        let row = sqlx::query(AssertSqlSafe(query)).bind(self.clock()).fetch_one(conn).await?;
        Columns(&row).time("now")
    }

    /// Lets those know who wait for a change in this process.
    fn notify(&self) {
        self.0.changed.notify_waiters();
        // For one that is about to wait.
        self.0.changed.notify_one();
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("name", &self.0.name).finish_non_exhaustive()
    }
}

/// The first of rows that are numbered.
fn number(row: &AnyRow) -> SqlResult<i64> {
    Ok(sqlx::Row::try_get(row, 0)?)
}

/// A limit as the database takes it.
fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[async_trait]
impl Store for SqlStore {
    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        attempt("read the clock", async {
            let mut conn = self.0.readers.acquire().await?;
            self.time(&mut conn).await
        })
        .await
    }

    async fn changed(&self, timeout: Duration) {
        let _ = tokio::time::timeout(timeout, self.0.changed.notified()).await;
    }
}
