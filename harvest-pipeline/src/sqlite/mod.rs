//! The SQLite catalogue.

mod absent;
mod arrivals;
mod catalogue;
mod changes;
mod index;
mod list;
mod lock;
mod lookup;
mod mend;
mod payloads;
mod read;
mod schema;
mod search;
mod sink;
mod statement;
mod undo;
mod versions;

mod write;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::Mutex;

use crate::catalogue::codec::Dictionaries;
use crate::catalogue::open::OpenRuns;
use crate::error::{RunError, Stage};
use crate::payloads::PayloadStore;

/// How many versions of a record are kept besides the present one.
const KEPT_VERSIONS: u32 = 10;
/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// In bytes. A row with metadata and fields takes 1 to 3 kB: of the usual 4096 much would be wasted.
const PAGE_SIZE: u32 = 8192;
/// How long the write-ahead log may grow before it is moved into the file: 16 MiB. Pages of the
/// indexes change in every batch; the longer the log, the fewer times they are moved.
const WAL_PAGES: u32 = 2048;
/// The most memory that SQLite's page cache takes for the one connection that writes, in KiB.
const WRITER_CACHE_KIB: u32 = 8 * 1024;
/// The same for each of those that read.
const READER_CACHE_KIB: u32 = 1024;

/// A database in one file that holds what was harvested, from any number of sources.
///
/// Each record is kept with its metadata (compressed, and once if several records have the same),
/// the fields that the parser read as JSON, its sets, where and when it was fetched, and the runs
/// that saw it first and last. Deleted records stay as tombstones, records that failed as errors.
/// What a record was before is kept, too ([`with_versions`](Self::with_versions)), so that a run can
/// be undone. Records are found by their words; what that needs is brought up to date by
/// [`index`](Self::index), which no harvest waits for.
///
/// As a [`Sink`](crate::Sink), it takes records that can be written as JSON and commits **each
/// batch, its errors, the counters and the checkpoint in one transaction**: a process that is
/// killed at any moment continues where the records end, with nothing lost and nothing twice. It
/// uses write-ahead logging and forces the log to the disk at checkpoints only. After a power cut
/// the last commits may therefore be missing, but never a part of one, so the next run fetches
/// again exactly what is missing.
///
/// Runs of different sources may go on at once, in one process or several; a second run of the same
/// source is refused. Clones share the connections.
#[derive(Clone)]
pub struct SqliteCatalogue(Arc<Inner>);

struct Inner {
    file: PathBuf,
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
    open: Arc<OpenRuns>,
    /// The dictionaries that were needed for reading so far, by row.
    dictionaries: std::sync::Mutex<Dictionaries>,
    kept_versions: AtomicU32,
    /// Whether the index is being brought up to date because of a search.
    indexes: AtomicBool,
}

impl SqliteCatalogue {
    /// Opens the catalogue in `file`, creating it if there is none and bringing an older one up to
    /// date. `file` is a path, or one written as a URL: `sqlite:harvest.db`.
    ///
    /// # Errors
    /// If the file cannot be opened, is not a catalogue, or was written by a newer version.
    pub async fn open(file: impl AsRef<Path>) -> Result<Self, RunError> {
        Self::connect(file.as_ref(), true).await
    }

    /// Opens the catalogue in `file`, which must exist.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if there is no such file.
    pub async fn open_existing(file: impl AsRef<Path>) -> Result<Self, RunError> {
        Self::connect(file.as_ref(), false).await
    }

    async fn connect(file: &Path, create: bool) -> Result<Self, RunError> {
        let file = path_of(file)?;
        let name = file.display().to_string();
        if !create && !file.exists() {
            let message = format!("there is no catalogue {name}; harvest something into it first");
            return Err(RunError::new(Stage::Sink, message));
        }
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .page_size(PAGE_SIZE)
            .disable_statement_logging();
        let failed = |error| failed(&format!("open {name}"), error);
        let mut writer = options
            .clone()
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
            .pragma("wal_autocheckpoint", WAL_PAGES.to_string())
            .connect()
            .await
            .map_err(failed)?;
        schema::migrate(&mut writer, &name).await?;
        let readers = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(
            // A page of records in one go; the default hands over every 50 rows.
            options
                .read_only(true)
                .pragma("cache_size", format!("-{READER_CACHE_KIB}"))
                .row_buffer_size(read::PAGE_ROWS),
        );
        Ok(Self(Arc::new(Inner {
            file,
            writer: Mutex::new(writer),
            readers,
            open: Default::default(),
            dictionaries: Default::default(),
            kept_versions: AtomicU32::new(KEPT_VERSIONS),
            indexes: AtomicBool::new(false),
        })))
    }

    /// Sets how many versions of a record are kept besides the present one, for all clones. Left out:
    /// 10. More than that are forgotten when the record changes next; with 0, no run can be undone
    /// that changed anything.
    #[must_use]
    pub fn with_versions(self, kept: u32) -> Self {
        self.0.kept_versions.store(kept, Ordering::Relaxed);
        self
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

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// Closes the catalogue and moves what is left in the write-ahead log into the file. Without
    /// this, that happens when it is opened next. Does nothing while other clones are in use.
    ///
    /// # Errors
    /// If SQLite cannot close the file.
    pub async fn close(self) -> Result<(), RunError> {
        let Some(Inner { file, writer, readers, .. }) = Arc::into_inner(self.0) else {
            return Ok(());
        };
        readers.close().await;
        let closed = writer.into_inner().close().await;
        closed.map_err(|error| failed(&format!("close {}", file.display()), error))
    }
}

impl fmt::Debug for SqliteCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteCatalogue").field("file", &self.0.file).finish_non_exhaustive()
    }
}

/// The path in `sqlite:path` and `sqlite://path`, or the path itself.
fn path_of(file: &Path) -> Result<PathBuf, RunError> {
    let Some(url) = file.to_str().and_then(|file| file.strip_prefix("sqlite:")) else {
        return Ok(file.to_owned());
    };
    let path = url.strip_prefix("//").unwrap_or(url);
    if path.is_empty() || path == ":memory:" {
        let message = format!("{} names no file; write sqlite:harvest.db", file.display());
        return Err(RunError::new(Stage::Sink, message));
    }
    Ok(PathBuf::from(path))
}

/// `cannot <do something>: <why>`.
fn failed(what: &str, error: sqlx::Error) -> RunError {
    let code = error.as_database_error().and_then(|error| error.code());
    // SQLITE_BUSY and SQLITE_LOCKED, with their extended codes in the upper bits.
    let busy = code
        .and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| matches!(code & 0xff, 5 | 6));
    let hint =
        if busy { " (another program is writing to it; try again when it is done)" } else { "" };
    RunError::new(Stage::Sink, format!("cannot {what}: {error}{hint}"))
        .with_transient(busy)
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_is_named_by_path_or_url() {
        for name in ["a/b.db", "sqlite:a/b.db", "sqlite://a/b.db"] {
            assert_eq!(path_of(Path::new(name)).unwrap(), Path::new("a/b.db"), "{name}");
        }
        assert_eq!(path_of(Path::new("sqlite:///a.db")).unwrap(), Path::new("/a.db"));
        for name in ["sqlite:", "sqlite::memory:", "sqlite://"] {
            assert!(path_of(Path::new(name)).unwrap_err().to_string().contains("names no file"));
        }
    }
}
