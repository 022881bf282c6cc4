//! What is known of a copy, in a database beside it.

// The resources for which this holds, as `known` reads them.
macro_rules! resources_where {
    ($where:literal) => {
        concat!(
            "SELECT id, uri, place, document, listed_lastmod, listed_length, listed_hash, etag, \
             last_modified, length, mtime, sha256, batch, status, temp, old_place, error \
             FROM resources WHERE ",
            $where
        )
    };
}

mod pages;
mod rows;
mod session;
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::vec;

use rusqlite::{Connection, OpenFlags, Statement};
use sha2::{Digest as _, Sha256};

use super::Place;
pub use crate::client::Validators;

use crate::document::Change;
use crate::{Error, ErrorKind, Result};

/// How long to wait for another connection of ours.
const WAIT: Duration = Duration::from_secs(30);
/// How many rows are held at once where many are read.
const PAGE: usize = 1000;

/// The tables, version by version: each makes the one before it the next. The version is their
/// number.
const VERSIONS: [&str; 2] = [
    "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, etag TEXT, last_modified TEXT,
        completed INTEGER, generation INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE resources (
        id INTEGER PRIMARY KEY, uri_key INTEGER NOT NULL, uri TEXT NOT NULL,
        place TEXT NOT NULL, place_key INTEGER NOT NULL, document INTEGER,
        listed_lastmod INTEGER, listed_length INTEGER, listed_hash TEXT,
        etag TEXT, last_modified TEXT, length INTEGER NOT NULL, mtime INTEGER, sha256 BLOB,
        batch INTEGER NOT NULL, status INTEGER NOT NULL, temp TEXT, old_place TEXT, error TEXT
    );
    CREATE INDEX resources_uri ON resources (uri_key);
    CREATE UNIQUE INDEX resources_place ON resources (place_key);
    CREATE INDEX resources_staged ON resources (id) WHERE status = 0;
    CREATE TABLE cursors (
        document TEXT PRIMARY KEY, from_ TEXT, until_ TEXT, consumed INTEGER NOT NULL,
        last_uri TEXT, last_datetime TEXT, last_change TEXT
    ) WITHOUT ROWID;
    CREATE TABLE changes (
        uri TEXT PRIMARY KEY, time INTEGER NOT NULL, seq INTEGER NOT NULL, change INTEGER NOT NULL,
        lastmod INTEGER, length INTEGER, hash TEXT, package TEXT, path TEXT
    ) WITHOUT ROWID;
    CREATE INDEX changes_time ON changes (time, seq);
",
    // Where else the content is said to be, an address a line; why the change could not be applied,
    // if it was postponed; and whether that was by this run.
    "
    ALTER TABLE changes ADD COLUMN mirrors TEXT;
    ALTER TABLE changes ADD COLUMN error TEXT;
    ALTER TABLE changes ADD COLUMN is_new INTEGER;
",
];

/// The state of a copy: one process at a time holds it.
#[derive(Debug)]
pub struct State {
    connection: Connection,
    path: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

/// The state, to look things up in while the store writes.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

/// A resource that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// Its row.
    pub id: i64,
    /// Its URI.
    pub uri: String,
    /// Where its file is, or will be.
    pub place: String,
    /// The row of the document that listed it.
    pub document: Option<i64>,
    /// What that said.
    pub listed: Listed,
    /// What the server said with the content.
    pub validators: Validators,
    /// Length of the content in bytes.
    pub length: u64,
    /// Time of the file in nanoseconds since 1970; `None` until it is in its place.
    pub mtime: Option<i64>,
    /// SHA-256 of the content.
    pub sha256: Option<[u8; 32]>,
    /// The batch it was written in.
    pub batch: i64,
    /// The name of the file that waits to be put in its place.
    pub temp: Option<String>,
    /// Where its file was before.
    pub old_place: Option<String>,
    /// Why it is not in its place, and will not be.
    pub error: Option<String>,
}

/// What a document lists of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // as in the table
pub struct Listed {
    /// `lastmod`, in seconds since 1970.
    pub lastmod: Option<i64>,
    /// `length`.
    pub length: Option<u64>,
    /// `hash`, as written.
    pub hash: Option<String>,
}

/// A resource, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write<'a> {
    pub(super) uri: &'a str,
    pub(super) place: &'a Place,
    pub(super) document: Option<i64>,
    pub(super) listed: &'a Listed,
    pub(super) validators: &'a Validators,
    pub(super) length: u64,
    pub(super) mtime: Option<i64>,
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) batch: i64,
    /// `None`: it is in its place.
    pub(super) temp: Option<&'a str>,
    pub(super) old_place: Option<&'a str>,
}

/// A document of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // as in the table
pub struct KnownDocument {
    /// Its row; of no account when it is put.
    pub id: i64,
    /// Its address.
    pub url: String,
    /// What the server said with it.
    pub validators: Validators,
    /// The number of entries when it was last read to its end; `None` if it never was.
    pub completed: Option<u64>,
    /// The run that last read it.
    pub generation: i64,
}

impl KnownDocument {
    /// With what it is asked for so that it needs not come again; only what was read to its end is.
    #[must_use]
    pub fn condition(&self) -> Option<&Validators> {
        let validators = Some(&self.validators).filter(|validators| !validators.is_empty());
        validators.filter(|_| self.completed.is_some())
    }
}

/// How far a Change List was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // as in the table
pub struct Cursor {
    /// Its address.
    pub document: String,
    /// Its `from`, as written.
    pub from: Option<String>,
    /// Its `until`, as written.
    pub until: Option<String>,
    /// How many entries are done with.
    pub consumed: u64,
    /// The last of these, to know it by.
    pub last_uri: Option<String>,
    /// Its time, as written.
    pub last_datetime: Option<String>,
    /// What happened to it, as written.
    pub last_change: Option<String>,
}

/// The last thing that happened to a resource, of all that several Change Lists say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // as in the table
pub struct PendingChange {
    /// The resource.
    pub uri: String,
    /// When, in nanoseconds since 1970.
    pub time: i64,
    /// Which comes later at the same time.
    pub seq: i64,
    /// What happened.
    pub change: Change,
    /// What was listed.
    pub listed: Listed,
    /// The package that holds the new content, and the path in it.
    pub package: Option<(String, String)>,
    /// Where else the new content is said to be, the best first.
    pub mirrors: Vec<String>,
}

/// Which resources were seen: a bit for each row.
#[derive(Clone, Debug, Default)]
pub struct Seen(Vec<u64>);

/// Lookups in a row, with statements that are prepared once.
#[derive(Debug)]
pub struct Session<'c> {
    connection: &'c Connection,
    prepared: Vec<(&'static str, Statement<'c>)>,
}

/// Changes that are made together, or not at all: dropped without [`commit`](Self::commit), nothing
/// has happened.
#[derive(Debug)]
pub struct Group<'c> {
    session: Session<'c>,
    open: bool,
}

/// The resources that were not seen; see [`Reader::unseen`].
#[derive(Debug)]
pub struct Unseen<'a, F> {
    connection: &'a Connection,
    seen: &'a Seen,
    is_settled: F,
    after: i64,
    page: vec::IntoIter<Known>,
    done: bool,
}

/// The pending changes in order of time; see [`Reader::changes`].
#[derive(Debug)]
pub struct Changes<'a> {
    connection: &'a Connection,
    after: (i64, i64, String),
    page: vec::IntoIter<PendingChange>,
    done: bool,
}

impl State {
    /// Opens the state of the copy in this folder, which is made if there is none.
    ///
    /// # Errors
    /// When another run is at work in this folder, a later version of this program wrote the state,
    /// or it cannot be opened.
    pub fn open(root: &Path) -> Result<Self> {
        let folder = root.join(".resync");
        let path = folder.join("lock");
        let refused = |cause| failed(format!("cannot open {}", path.display())).with_source(cause);
        fs::create_dir_all(&folder).map_err(refused)?;
        let mut options = File::options();
        let lock = options.create(true).truncate(false).write(true).open(&path).map_err(refused)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                failed(format!("another run is at work in this folder: {}", root.display()))
            }
            TryLockError::Error(cause) => refused(cause),
        })?;
        let path = folder.join("state.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(&path, flags, 2048)?;
        let prepare = || {
            connection.pragma_update(None, "page_size", 4096)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        };
        let version = prepare().map_err(at(&path))?;
        let latest = VERSIONS.len();
        let Some(steps) = usize::try_from(version).ok().and_then(|it| VERSIONS.get(it..)) else {
            return Err(failed(format!(
                "{} is of version {version}, written by a later version of this program, which \
                 knows {latest}",
                path.display()
            )));
        };
        if !steps.is_empty() {
            let steps = steps.join(";");
            let create = format!("BEGIN;{steps};PRAGMA user_version = {latest};COMMIT");
            connection.execute_batch(&create).map_err(at(&path))?;
        }
        Ok(Self { connection, path, _lock: lock })
    }

    /// Whether there is a state of a copy in this folder, which is not touched.
    pub(super) fn exists(root: &Path) -> bool {
        root.join(".resync/state.db").exists()
    }

    /// Opens it once more, to look things up in while this one writes.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn reader(&self) -> Result<Reader> {
        let connection = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY, 1024)?;
        Ok(Reader { connection })
    }

    /// Begins changes that are made together.
    ///
    /// # Errors
    /// When the database says no.
    pub fn group(&mut self) -> Result<Group<'_>> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(database)?;
        Ok(Group { session: Session::new(&self.connection), open: true })
    }

    /// Where a file is that waits to be put in its place; `None` if that is no name of one.
    pub(super) fn temp_path(&self, name: &str) -> Option<PathBuf> {
        let is_sound = name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_sound.then(|| self.path.with_file_name("tmp").join(name))
    }

    /// Makes everything written so far survive a loss of power.
    pub(super) fn make_durable(&mut self, batch: i64) -> Result<()> {
        // The next commit writes out the log, with all before it.
        self.connection.pragma_update(None, "synchronous", "full").map_err(database)?;
        let mut group = self.group()?;
        group.put_meta("batch", &batch.to_string())?;
        group.commit()?;
        self.connection.pragma_update(None, "synchronous", "normal").map_err(database)
    }
}

impl Reader {
    /// Lookups in a row, which are faster than each by itself.
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session::new(&self.connection)
    }

    /// A resource.
    ///
    /// # Errors
    /// When the database says no.
    pub fn lookup(&self, uri: &str) -> Result<Option<Known>> {
        self.session().lookup(uri)
    }

    /// The resources that were not seen, in documents that are settled: read completely in this
    /// run, or no longer part of the source.
    pub fn unseen<'a, F: Fn(Option<i64>) -> bool>(
        &'a self,
        seen: &'a Seen,
        is_settled: F,
    ) -> Unseen<'a, F> {
        let page = Vec::new().into_iter();
        let connection = &self.connection;
        Unseen { connection, seen, is_settled, after: i64::MIN, page, done: false }
    }

    /// A page of the pending changes behind this one (its time, rank and resource), in order of
    /// time; empty at the end.
    ///
    /// # Errors
    /// When the database says no.
    pub fn changes_after(&self, after: Option<&(i64, i64, String)>) -> Result<Vec<PendingChange>> {
        let mut changes = self.changes();
        if let Some(after) = after {
            changes.after = after.clone();
        }
        changes.read().map_err(database)
    }

    /// The pending changes, in order of time.
    #[must_use]
    pub fn changes(&self) -> Changes<'_> {
        let after = (i64::MIN, i64::MIN, String::new());
        let page = Vec::new().into_iter();
        Changes { connection: &self.connection, after, page, done: false }
    }
}

// With so many KiB of memory for its pages.
fn connect(path: &Path, flags: OpenFlags, cache: i64) -> Result<Connection> {
    let open = || {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(WAIT)?;
        connection.pragma_update(None, "cache_size", -cache)?;
        Ok(connection)
    };
    open().map_err(at(path))
}

// The first eight bytes of a hash: an index on these is far smaller than one on the URIs.
fn key(uri: &str) -> i64 {
    let digest = Sha256::digest(uri.as_bytes());
    digest.iter().take(8).fold(0, |key, byte| key << 8 | i64::from(*byte))
}

fn failed(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::Io, detail)
}

fn at(path: &Path) -> impl Fn(rusqlite::Error) -> Error {
    move |cause| failed(format!("{}: {cause}", path.display())).with_source(cause)
}

fn database(cause: rusqlite::Error) -> Error {
    failed(format!(".resync/state.db: {cause}")).with_source(cause)
}
