//! One run a source: a lock that the server takes back when the connection ends.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

/// A connection that holds an advisory lock. Closed when dropped, and so given back; if it is lost,
/// the lock is as well, and whoever takes it next ends the run in whose name it was held.
pub(super) struct SourceLock {
    _connection: PgConnection,
}

/// `lock_not_available`.
const TAKEN: &str = "55P03";

impl SourceLock {
    /// Takes the lock; `None` if another run has it, in this process or another.
    pub(super) async fn take(
        options: &PgConnectOptions,
        source: &str,
    ) -> sqlx::Result<Option<Self>> {
        let mut connection = options.connect().await?;
        // The server needs a moment to notice that the connection before this one was closed.
        sqlx::query("SET lock_timeout = '500ms'").execute(&mut connection).await?;
        // The locks of all schemas of a database are the same.
        let lock =
            "SELECT pg_advisory_lock(hashtextextended(current_schema() || ' source ' || $1, 0))";
        match sqlx::query(lock).bind(source).execute(&mut connection).await {
            Ok(_) => Ok(Some(Self { _connection: connection })),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(TAKEN) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
