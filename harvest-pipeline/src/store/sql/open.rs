//! Opening a database.

use std::sync::Arc;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions};
use tokio::sync::Notify;
use tokio_util::sync::DropGuard;

use super::dialect::Dialect;
use super::error::is_transient;
use super::{Inner, SqlStore};
use crate::secrets::Secrets;
use crate::store::{ManualClock, StoreError};

/// How a [`SqlStore`] is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqlStoreOptions {
    /// How many connections it has at most, the one that listens aside.
    pub connections: u32,
    /// The clock it goes by, in place of the database's.
    pub clock: Option<ManualClock>,
    /// What seals the secrets of sources; without, they are stored as they are given.
    pub secrets: Option<Secrets>,
}

impl Default for SqlStoreOptions {
    fn default() -> Self {
        Self { connections: 10, clock: None, secrets: None }
    }
}

impl SqlStoreOptions {
    /// At most ten connections, and the clock of the database.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many connections it has at most.
    #[must_use]
    pub fn with_connections(mut self, most: u32) -> Self {
        self.connections = most;
        self
    }

    /// Sets the clock it goes by, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: ManualClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets what seals the secrets of sources.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = Some(secrets);
        self
    }
}

/// What differs between the two when they are opened.
struct Opened {
    dialect: Dialect,
    name: String,
    writers: AnyPool,
    readers: AnyPool,
    listening: Option<DropGuard>,
}

impl SqlStore {
    /// Opens the store at this URL; see [`open`](Self::open).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(url: &str, options: SqlStoreOptions) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let changed = Arc::<Notify>::default();
        let opened = match url.split(':').next() {
            Some("sqlite") => sqlite(url, &options).await?,
            Some("postgres" | "postgresql") => postgres(url, &options, &changed).await?,
            _ => {
                let message = "a store is named by a URL: sqlite:harvest.db, or \
                               postgres://user@host/database";
                return Err(unavailable(message.to_owned(), None));
            }
        };
        let Opened { dialect, name, writers, readers, listening: _listening } = opened;
        let SqlStoreOptions { clock, secrets, .. } = options;
        Ok(Self(Arc::new(Inner {
            dialect,
            name,
            writers,
            readers,
            clock,
            secrets,
            changed,
            _listening,
        })))
    }

    /// Closes its connections, those of clones too.
    pub async fn close(&self) {
        self.0.writers.close().await;
        self.0.readers.close().await;
    }
}

fn unavailable(message: String, cause: Option<sqlx::Error>) -> StoreError {
    StoreError::Unavailable {
        message,
        transient: cause.as_ref().is_some_and(is_transient),
        source: cause.map(Into::into),
    }
}

fn cannot_open(name: &str, error: sqlx::Error) -> StoreError {
    unavailable(format!("cannot open {name}: {error}"), Some(error))
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str, options: &SqlStoreOptions) -> Result<Opened, StoreError> {
    let catalogue = crate::SqliteCatalogue::open(url).await;
    let catalogue = catalogue.map_err(|error| StoreError::Unavailable {
        message: error.to_string(),
        transient: error.is_transient(),
        source: Some(Box::new(error)),
    })?;
    let name = catalogue.file().display().to_string();
    let path = std::path::absolute(catalogue.file());
    let path = path.map_err(|error| cannot_open(&name, error.into()))?;
    catalogue.close().await.map_err(|error| unavailable(error.to_string(), None))?;

    let place: String = path.to_string_lossy().bytes().map(percent_encoded).collect();
    let connect = place_options(&format!("sqlite://{place}"), &name)?;
    let pool = |connections| {
        AnyPoolOptions::new().max_connections(connections).after_connect(|conn, _| {
            // How long to wait for another process that is writing, in ms; and as the catalogue has
            // it, what was committed last may be missing after a power cut.
            let settings = "PRAGMA busy_timeout = 30000; PRAGMA synchronous = NORMAL";
            Box::pin(async move { sqlx::raw_sql(settings).execute(conn).await.map(drop) })
        })
    };
    Ok(Opened {
        dialect: Dialect::Sqlite,
        name,
        writers: pool(1).connect_lazy_with(connect.clone()),
        readers: pool(options.connections.saturating_sub(1).max(1)).connect_lazy_with(connect),
        listening: None,
    })
}

#[cfg(feature = "sqlite")]
fn percent_encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    }
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(_: &str, _: &SqlStoreOptions) -> Result<Opened, StoreError> {
    Err(unavailable("this program was built without SQLite".to_owned(), None))
}

fn place_options(url: &str, name: &str) -> Result<AnyConnectOptions, StoreError> {
    let options = url.parse::<AnyConnectOptions>().map_err(|error| cannot_open(name, error))?;
    Ok(options.disable_statement_logging())
}

#[cfg(feature = "postgres")]
async fn postgres(
    url: &str,
    options: &SqlStoreOptions,
    changed: &Arc<Notify>,
) -> Result<Opened, StoreError> {
    use sqlx::Connection;
    use sqlx::postgres::PgConnectOptions;
    use tokio_util::sync::CancellationToken;

    let server: PgConnectOptions =
        url.parse().map_err(|error| cannot_open("the database of PostgreSQL", error))?;
    let database = server.get_database().unwrap_or_else(|| server.get_username());
    let name = format!("{database} at {}:{}", server.get_host(), server.get_port());
    let failed = |error| cannot_open(&name, error);
    let mut conn = server.disable_statement_logging().connect().await.map_err(failed)?;
    crate::postgres::schema::migrate(&mut conn).await.map_err(failed)?;
    conn.close().await.map_err(failed)?;

    let pool = AnyPoolOptions::new().max_connections(options.connections.max(1));
    let pool = pool.connect_lazy_with(place_options(url, &name)?);
    let stop = CancellationToken::new();
    tokio::spawn(listen(url.to_owned(), Arc::clone(changed), stop.clone()));
    Ok(Opened {
        dialect: Dialect::Postgres,
        name,
        writers: pool.clone(),
        readers: pool,
        listening: Some(stop.drop_guard()),
    })
}

/// Wakes up those who wait for a change whenever the database tells of one. Without it they find out
/// when they look next.
#[cfg(feature = "postgres")]
async fn listen(url: String, changed: Arc<Notify>, stop: tokio_util::sync::CancellationToken) {
    use std::time::Duration;

    use sqlx::postgres::PgListener;

    let listening = async {
        loop {
            let told = async {
                let mut listener = PgListener::connect(&url).await?;
                listener.listen("harvest_runs").await?;
                loop {
                    // A lost connection is made again; what was told meanwhile is not known.
                    listener.try_recv().await?;
                    changed.notify_waiters();
                    changed.notify_one();
                }
            };
            let lost: Result<(), sqlx::Error> = told.await;
            if let Err(error) = lost {
                tracing::debug!(%error, "not told of changes by the database; asking for them");
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    stop.run_until_cancelled(listening).await;
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_: &str, _: &SqlStoreOptions, _: &Arc<Notify>) -> Result<Opened, StoreError> {
    Err(unavailable("this program was built without PostgreSQL".to_owned(), None))
}
