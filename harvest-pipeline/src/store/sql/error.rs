//! What went wrong in a database, for people.

use std::future::Future;

use crate::checkpoint::CheckpointError;
use crate::run::UnknownWord;
use crate::store::StoreError;

pub(super) type SqlResult<T> = Result<T, SqlError>;

/// A store refuses something, or its database does.
#[derive(Debug)]
pub(super) enum SqlError {
    Store(StoreError),
    Database(sqlx::Error),
}

impl From<StoreError> for SqlError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for SqlError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<serde_json::Error> for SqlError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(StoreError::unreadable(error))
    }
}

impl From<CheckpointError> for SqlError {
    fn from(error: CheckpointError) -> Self {
        Self::Store(StoreError::unreadable(error))
    }
}

impl From<UnknownWord> for SqlError {
    fn from(error: UnknownWord) -> Self {
        Self::Store(StoreError::unreadable(error))
    }
}

impl SqlError {
    pub(super) fn is_unique_violation(&self) -> bool {
        let Self::Database(error) = self else { return false };
        error.as_database_error().is_some_and(|error| error.is_unique_violation())
    }

    fn while_trying(self, what: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Database(error) => StoreError::Unavailable {
                message: format!("cannot {what}: {error}"),
                transient: is_transient(&error),
                source: Some(Box::new(error)),
            },
        }
    }
}

/// Does what a message would say could not be done.
pub(super) async fn attempt<T>(
    what: &str,
    work: impl Future<Output = SqlResult<T>> + Send,
) -> Result<T, StoreError> {
    work.await.map_err(|error| error.while_trying(what))
}

/// Whether trying again may help: no connection, a lock that was not had in time, a conflict between
/// transactions, a server that is about to stop or short of something.
pub(super) fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| match code.parse::<u32>() {
                // SQLITE_BUSY and SQLITE_LOCKED, with their extended codes in the upper bits.
                Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6),
                _ => ["08", "40", "53", "55P03", "57P"].iter().any(|class| code.starts_with(class)),
            })
        }
        _ => false,
    }
}
