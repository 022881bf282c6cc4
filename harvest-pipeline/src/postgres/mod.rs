//! The PostgreSQL catalogue.

mod absent;
mod arrivals;
mod catalogue;
mod changes;
mod errors;
mod list;
mod lock;
mod mend;
mod payloads;
mod prepare;
mod read;
pub(crate) mod schema;
mod sink;
mod text;
mod undo;
mod versions;
mod write;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, Row};

use crate::catalogue::codec::Dictionaries;
use crate::catalogue::open::OpenRuns;
use crate::error::{RunError, Stage};
use crate::payloads::PayloadStore;

/// How many versions of a record are kept besides the present one.
const KEPT_VERSIONS: u32 = 10;
/// How many connections a catalogue has at most, besides one for each run that was not claimed.
const CONNECTIONS: u32 = 8;
/// How long to wait for one of them.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// A database on a PostgreSQL server that holds what was harvested, from any number of sources and
/// by any number of processes and machines.
///
/// It keeps what [`SqliteCatalogue`](crate::SqliteCatalogue) keeps, and as that one commits **each
/// batch, its errors, the counters and the checkpoint in one transaction**. Batches do not wait for
/// the disk: if the server loses its power, the last ones may be missing, but never a part of one,
/// and the next run fetches again exactly what is missing. The end of a run waits for all of it.
///
/// A run that was claimed from a store writes as long as its ticket is the last. Of the others there
/// is one for each source at a time: it holds an advisory lock, on a connection of its own. Clones
/// share the connections.
#[derive(Clone)]
pub struct PostgresCatalogue(Arc<Inner>);

struct Inner {
    /// Where it is, without the password.
    name: String,
    options: PgConnectOptions,
    pool: PgPool,
    open: Arc<OpenRuns>,
    /// The dictionaries that were needed for reading so far, by row.
    dictionaries: std::sync::Mutex<Dictionaries>,
    kept_versions: AtomicU32,
}

impl PostgresCatalogue {
    /// Opens the catalogue in a database, such as `postgres://user:password@host/database`, creating
    /// its tables if there are none and bringing older ones up to date. They are in the schema that is
    /// first in the search path: `?options=-csearch_path%3Dharvest` names one.
    ///
    /// # Errors
    /// If the database cannot be reached, is not in UTF-8, or was written by a newer version.
    pub async fn open(url: &str) -> Result<Self, RunError> {
        let catalogue = Self::connect(url)?;
        catalogue.prepare().await?;
        Ok(catalogue)
    }

    /// Opens the catalogue in a database, which must have one.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if there is none.
    pub async fn open_existing(url: &str) -> Result<Self, RunError> {
        Self::open_if_there(url).await?.ok_or_else(|| {
            let message = "there is no catalogue in the database; harvest something into it first";
            RunError::new(Stage::Sink, message)
        })
    }

    /// Opens the catalogue in a database, if it has one.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_if_there(url: &str) -> Result<Option<Self>, RunError> {
        let catalogue = Self::connect(url)?;
        if !catalogue.is_there().await? {
            return Ok(None);
        }
        catalogue.prepare().await?;
        Ok(Some(catalogue))
    }

    fn connect(url: &str) -> Result<Self, RunError> {
        // What is wrong with it is not shown in full: it can hold a password.
        let options = PgConnectOptions::from_str(url).map_err(|error| {
            let message = "the URL of the database cannot be read; it is written \
                           postgres://user:password@host/database";
            RunError::new(Stage::Sink, message).with_source(error)
        })?;
        let database = options.get_database().unwrap_or(options.get_username());
        let name = format!("{}:{}/{database}", options.get_host(), options.get_port());
        let options = options
            // Plans made for a table that was empty then are not for the one that it is now.
            .options([("plan_cache_mode", "force_custom_plan"), ("jit", "off")])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options.clone());
        Ok(Self(Arc::new(Inner {
            name,
            options,
            pool,
            open: Arc::default(),
            dictionaries: Default::default(),
            kept_versions: AtomicU32::new(KEPT_VERSIONS),
        })))
    }

    /// A connection that is not of the pool, which would wait for a server that is not there.
    async fn reach(&self) -> Result<PgConnection, RunError> {
        self.0.options.connect().await.map_err(self.cannot("open the catalogue"))
    }

    async fn is_there(&self) -> Result<bool, RunError> {
        let mut conn = self.reach().await?;
        let query =
            "SELECT to_regclass(quote_ident(current_schema()) || '.record_words') IS NOT NULL";
        let row = sqlx::query(query).fetch_one(&mut conn).await;
        let is_there: Option<bool> =
            row.and_then(|row| row.try_get(0)).map_err(|error| self.unreadable(error))?;
        conn.close().await.map_err(|error| self.unreadable(error))?;
        Ok(is_there == Some(true))
    }

    /// Brings the tables up to date.
    async fn prepare(&self) -> Result<(), RunError> {
        let cannot = self.cannot("open the catalogue");
        let mut conn = self.reach().await?;
        let encoding = sqlx::query("SHOW server_encoding").fetch_one(&mut conn).await;
        let encoding: String = encoding.and_then(|row| row.try_get(0)).map_err(&cannot)?;
        if encoding != "UTF8" {
            let message = format!(
                "{} is encoded in {encoding}; records need a database that was created with \
                 ENCODING 'UTF8'",
                self.0.name
            );
            return Err(RunError::new(Stage::Sink, message));
        }
        schema::migrate(&mut conn).await.map_err(&cannot)?;
        conn.close().await.map_err(cannot)
    }

    /// Sets how many versions of a record are kept besides the present one, for all clones. Left out:
    /// 10. More than that are forgotten when the record changes next; with 0, no run can be undone
    /// that changed anything.
    #[must_use]
    pub fn with_versions(self, kept: u32) -> Self {
        self.0.kept_versions.store(kept, Ordering::Relaxed);
        self
    }

    /// Closes the connections, also those of clones.
    pub async fn close(self) {
        self.0.pool.close().await;
    }

    /// Keeps metadata in this archive from now on instead of the database, for all clones. What is in the
    /// database stays there. Nothing is ever removed from the archive: it may be shared.
    #[must_use]
    pub fn with_payloads(self, archive: Arc<dyn PayloadStore>) -> Self {
        self.0.open.archive.set(archive);
        self
    }

    fn kept_versions(&self) -> u32 {
        self.0.kept_versions.load(Ordering::Relaxed)
    }

    fn cannot(&self, what: &str) -> impl Fn(sqlx::Error) -> RunError + use<> {
        let what = format!("{what} in {}", self.0.name);
        move |error| failed(&what, error)
    }

    fn unreadable(&self, error: sqlx::Error) -> RunError {
        failed(&format!("read {}", self.0.name), error)
    }
}

impl fmt::Debug for PostgresCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresCatalogue").field("database", &self.0.name).finish_non_exhaustive()
    }
}

/// `cannot <do something>: <why>`.
fn failed(what: &str, error: sqlx::Error) -> RunError {
    RunError::new(Stage::Sink, format!("cannot {what}: {error}"))
        .with_transient(is_transient(&error))
        .with_source(error)
}

/// Whether trying again may help: the server was away or busy, or two transactions met.
fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // Connection exceptions, rollbacks, no resources, and operators' interventions.
            ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_never_shown() {
        for url in ["postgres://me:secret@127.0.0.1:1/db", "postgres://me:secret@[/db", "secret"] {
            let error = PostgresCatalogue::open(url).await.unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
