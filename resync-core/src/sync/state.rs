//! What is known of a copy, in a database beside it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::vec;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Statement, ToSql, params};
use sha2::{Digest as _, Sha256};

use super::Place;
use crate::document::Change;
use crate::{Error, ErrorKind, Result};

/// The version of the tables below.
const VERSION: i64 = 1;
/// How long to wait for another connection of ours.
const WAIT: Duration = Duration::from_secs(30);
/// How many rows are held at once where many are read.
const PAGE: usize = 1000;

const SCHEMA: &str = "
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
";

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

/// What to ask a server with whether something has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // HTTP has these two
pub struct Validators {
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The header `Last-Modified`.
    pub last_modified: Option<String>,
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
        let connection = connect(&path, flags)?;
        let prepare = || {
            connection.pragma_update(None, "page_size", 4096)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "normal")?;
            connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        };
        let version = prepare().map_err(at(&path))?;
        if version > VERSION {
            return Err(failed(format!(
                "{} is of version {version}, written by a later version of this program, which \
                 knows {VERSION}",
                path.display()
            )));
        }
        if version < 1 {
            let create = format!("BEGIN;{SCHEMA};PRAGMA user_version = {VERSION};COMMIT");
            connection.execute_batch(&create).map_err(at(&path))?;
        }
        Ok(Self { connection, path, _lock: lock })
    }

    /// Opens it once more, to look things up in while this one writes.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub fn reader(&self) -> Result<Reader> {
        let connection = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
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

impl<'c> Session<'c> {
    fn new(connection: &'c Connection) -> Self {
        Self { connection, prepared: Vec::new() }
    }

    fn statement(&mut self, sql: &'static str) -> rusqlite::Result<&mut Statement<'c>> {
        let at = match self.prepared.iter().position(|(known, _)| *known == sql) {
            Some(at) => at,
            None => {
                self.prepared.push((sql, self.connection.prepare(sql)?));
                self.prepared.len() - 1
            }
        };
        Ok(&mut self.prepared[at].1)
    }

    fn execute(&mut self, sql: &'static str, values: &[&dyn ToSql]) -> Result<usize> {
        self.statement(sql).and_then(|statement| statement.execute(values)).map_err(database)
    }

    fn first<T>(
        &mut self,
        sql: &'static str,
        values: &[&dyn ToSql],
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.statement(sql)
            .and_then(|statement| statement.query_row(values, read).optional())
            .map_err(database)
    }

    /// A resource.
    ///
    /// # Errors
    /// When the database says no.
    pub fn lookup(&mut self, uri: &str) -> Result<Option<Known>> {
        const SQL: &str = resources_where!("uri_key = ?1 AND uri = ?2");
        self.first(SQL, &[&key(uri), &uri], known)
    }

    /// The resource that has the path with this key, even if it is not there yet.
    ///
    /// # Errors
    /// When the database says no.
    pub fn place_taken_by(&mut self, place_key: u64) -> Result<Option<String>> {
        let place_key = place_key.cast_signed();
        let sql = "SELECT uri FROM resources WHERE place_key = ?1";
        self.first(sql, &[&place_key], |row| row.get(0))
    }

    /// How many resources are known.
    ///
    /// # Errors
    /// When the database says no.
    pub fn count(&mut self) -> Result<u64> {
        let count =
            self.first("SELECT count(*) FROM resources", &[], |row| row.get::<_, i64>(0))?;
        Ok(count.unwrap_or_default().cast_unsigned())
    }

    /// The last row; those that follow are of this run.
    ///
    /// # Errors
    /// When the database says no.
    pub fn last_row(&mut self) -> Result<i64> {
        let last = self.first("SELECT max(id) FROM resources", &[], |row| row.get(0))?;
        Ok(last.flatten().unwrap_or_default())
    }

    /// What was kept under this name.
    ///
    /// # Errors
    /// When the database says no.
    pub fn meta(&mut self, name: &str) -> Result<Option<String>> {
        self.first("SELECT value FROM meta WHERE key = ?1", &[&name], |row| row.get(0))
    }

    /// A document.
    ///
    /// # Errors
    /// When the database says no.
    pub fn document(&mut self, url: &str) -> Result<Option<KnownDocument>> {
        let sql = "SELECT id, url, etag, last_modified, completed, generation FROM documents
            WHERE url = ?1";
        self.first(sql, &[&url], document)
    }

    /// All documents.
    ///
    /// # Errors
    /// When the database says no.
    pub fn documents(&mut self) -> Result<Vec<KnownDocument>> {
        let sql = "SELECT id, url, etag, last_modified, completed, generation FROM documents
            ORDER BY id";
        let read = |statement: &mut Statement<'_>| statement.query_map([], document)?.collect();
        self.statement(sql).and_then(read).map_err(database)
    }

    /// How far a Change List was read.
    ///
    /// # Errors
    /// When the database says no.
    pub fn cursor(&mut self, document: &str) -> Result<Option<Cursor>> {
        let sql = "SELECT document, from_, until_, consumed, last_uri, last_datetime, last_change
            FROM cursors WHERE document = ?1";
        self.first(sql, &[&document], cursor)
    }

    /// How far each Change List was read.
    ///
    /// # Errors
    /// When the database says no.
    pub fn cursors(&mut self) -> Result<Vec<Cursor>> {
        let sql = "SELECT document, from_, until_, consumed, last_uri, last_datetime, last_change
            FROM cursors ORDER BY document";
        let read = |statement: &mut Statement<'_>| statement.query_map([], cursor)?.collect();
        self.statement(sql).and_then(read).map_err(database)
    }

    /// Up to a page of resources behind this row that wait to be put in their places, or, with a
    /// batch, that were put there later than that.
    pub(super) fn doubtful(&mut self, after: i64, batch: Option<i64>) -> Result<Vec<Known>> {
        const STAGED: &str = resources_where!("status = 0 AND id > ?1 ORDER BY id LIMIT 1000");
        const LATE: &str =
            resources_where!("id > ?1 AND status = 1 AND batch > ?2 ORDER BY id LIMIT 1000");
        let read = |statement: &mut Statement<'_>| match batch {
            None => statement.query_map([after], known)?.collect(),
            Some(batch) => statement.query_map([after, batch], known)?.collect(),
        };
        let sql = if batch.is_some() { LATE } else { STAGED };
        self.statement(sql).and_then(read).map_err(database)
    }
}

impl<'c> Group<'c> {
    /// Makes the changes.
    ///
    /// # Errors
    /// When the database says no; nothing has happened, then.
    pub fn commit(mut self) -> Result<()> {
        self.session.connection.execute_batch("COMMIT").map_err(database)?;
        self.open = false;
        Ok(())
    }

    /// Looks things up, with the changes so far.
    pub fn session(&mut self) -> &mut Session<'c> {
        &mut self.session
    }

    pub(super) fn write(&mut self, id: Option<i64>, row: &Write<'_>) -> Result<i64> {
        let Write { uri, place, document, listed, validators, batch, temp, old_place, .. } = row;
        let (key, status) = (key(uri), i64::from(temp.is_none()));
        let place_key = place.key().cast_signed();
        let listed_length = listed.length.map(u64::cast_signed);
        let length = row.length.cast_signed();
        let sha256 = row.sha256.as_ref().map(|digest| &digest[..]);
        // In place: what refers to the row, such as the bits of those seen, stays right.
        let sql = "INSERT INTO resources VALUES
            (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, NULL)
            ON CONFLICT (id) DO UPDATE SET place = ?4, place_key = ?5, document = ?6,
            listed_lastmod = ?7, listed_length = ?8, listed_hash = ?9, etag = ?10,
            last_modified = ?11, length = ?12, mtime = ?13, sha256 = ?14, batch = ?15,
            status = ?16, temp = ?17, old_place = ?18, error = NULL";
        self.session.execute(
            sql,
            params![
                id,
                key,
                uri,
                place.as_str(),
                place_key,
                document,
                listed.lastmod,
                listed_length,
                listed.hash,
                validators.etag,
                validators.last_modified,
                length,
                row.mtime,
                sha256,
                batch,
                status,
                temp,
                old_place,
            ],
        )?;
        Ok(id.unwrap_or_else(|| self.session.connection.last_insert_rowid()))
    }

    /// The file is in its place.
    pub(super) fn install(&mut self, id: i64, mtime: Option<i64>) -> Result<()> {
        let sql = "UPDATE resources SET status = 1, temp = NULL, old_place = NULL, mtime = ?2
            WHERE id = ?1";
        self.session.execute(sql, params![id, mtime]).map(drop)
    }

    /// The file goes elsewhere.
    pub(super) fn relocate(&mut self, id: i64, place: &Place) -> Result<()> {
        let sql = "UPDATE resources SET place = ?2, place_key = ?3 WHERE id = ?1";
        let key = place.key().cast_signed();
        self.session.execute(sql, params![id, place.as_str(), key]).map(drop)
    }

    /// The file cannot be put anywhere.
    pub(super) fn quarantine(&mut self, id: i64, error: &str) -> Result<()> {
        // Without what was listed, it differs from whatever the source says: it is tried again.
        let sql = "UPDATE resources SET status = 1, temp = NULL, old_place = NULL, error = ?2,
            listed_lastmod = NULL, listed_length = NULL, listed_hash = NULL, etag = NULL,
            last_modified = NULL, sha256 = NULL WHERE id = ?1";
        self.session.execute(sql, params![id, error]).map(drop)
    }

    pub(super) fn touch(
        &mut self,
        id: i64,
        document: Option<i64>,
        listed: &Listed,
        validators: Option<&Validators>,
    ) -> Result<()> {
        let length = listed.length.map(u64::cast_signed);
        let sql = "UPDATE resources SET document = ?2, listed_lastmod = ?3, listed_length = ?4,
            listed_hash = ?5 WHERE id = ?1";
        self.session.execute(sql, params![id, document, listed.lastmod, length, listed.hash])?;
        let Some(validators) = validators else { return Ok(()) };
        let sql = "UPDATE resources SET etag = ?2, last_modified = ?3 WHERE id = ?1";
        self.session.execute(sql, params![id, validators.etag, validators.last_modified]).map(drop)
    }

    pub(super) fn forget(&mut self, id: i64) -> Result<()> {
        self.session.execute("DELETE FROM resources WHERE id = ?1", &[&id]).map(drop)
    }

    /// Keeps a value under a name.
    ///
    /// # Errors
    /// When the database says no.
    pub fn put_meta(&mut self, name: &str, value: &str) -> Result<()> {
        let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2";
        self.session.execute(sql, &[&name, &value]).map(drop)
    }

    /// Keeps what is known of a document, and returns its row.
    ///
    /// # Errors
    /// When the database says no.
    pub fn put_document(&mut self, document: &KnownDocument) -> Result<i64> {
        let KnownDocument { url, validators, generation, .. } = document;
        let completed = document.completed.map(u64::cast_signed);
        let sql = "INSERT INTO documents (url, etag, last_modified, completed, generation)
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (url) DO UPDATE SET etag = ?2,
            last_modified = ?3, completed = ?4, generation = ?5 RETURNING id";
        let Validators { etag, last_modified } = validators;
        let values = params![url, etag, last_modified, completed, generation];
        let id = self.session.first(sql, values, |row| row.get(0))?;
        id.ok_or_else(|| failed("the database gave no row"))
    }

    /// Forgets a document; what it listed stays.
    ///
    /// # Errors
    /// When the database says no.
    pub fn forget_document(&mut self, id: i64) -> Result<()> {
        self.session.execute("DELETE FROM documents WHERE id = ?1", &[&id]).map(drop)
    }

    /// Keeps how far a Change List was read.
    ///
    /// # Errors
    /// When the database says no.
    pub fn put_cursor(&mut self, cursor: &Cursor) -> Result<()> {
        let Cursor { document, from, until, last_uri, last_datetime, last_change, .. } = cursor;
        let consumed = cursor.consumed.cast_signed();
        let sql = "INSERT OR REPLACE INTO cursors VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = params![document, from, until, consumed, last_uri, last_datetime, last_change];
        self.session.execute(sql, values).map(drop)
    }

    /// Forgets how far a Change List was read.
    ///
    /// # Errors
    /// When the database says no.
    pub fn forget_cursor(&mut self, document: &str) -> Result<()> {
        self.session.execute("DELETE FROM cursors WHERE document = ?1", &[&document]).map(drop)
    }

    /// Keeps a change, unless a later one of the same resource is kept already.
    ///
    /// # Errors
    /// When the database says no.
    pub fn put_change(&mut self, change: &PendingChange) -> Result<()> {
        let PendingChange { uri, time, seq, listed, package, .. } = change;
        let (package, path) = package.as_ref().map(|(url, path)| (url, path)).unzip();
        let what = match change.change {
            Change::Created => 0,
            Change::Updated => 1,
            Change::Deleted => 2,
        };
        let length = listed.length.map(u64::cast_signed);
        let sql = "INSERT INTO changes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            ON CONFLICT (uri) DO UPDATE SET time = ?2, seq = ?3, change = ?4, lastmod = ?5,
            length = ?6, hash = ?7, package = ?8, path = ?9 WHERE (?2, ?3) >= (time, seq)";
        let values =
            params![uri, time, seq, what, listed.lastmod, length, listed.hash, package, path];
        self.session.execute(sql, values).map(drop)
    }

    /// Forgets the pending changes.
    ///
    /// # Errors
    /// When the database says no.
    pub fn clear_changes(&mut self) -> Result<()> {
        self.session.execute("DELETE FROM changes", &[]).map(drop)
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        if self.open {
            // Fails only where SQLite has done it already.
            let _ = self.session.connection.execute_batch("ROLLBACK");
        }
    }
}

impl Seen {
    /// Notes a resource, by its row.
    pub fn insert(&mut self, id: i64) {
        let Ok(id) = usize::try_from(id) else { return };
        let word = id / 64;
        if word >= self.0.len() {
            self.0.resize((word + 1).max(self.0.len() * 2), 0);
        }
        self.0[word] |= 1 << (id % 64);
    }

    /// Whether a resource was noted.
    #[must_use]
    pub fn contains(&self, id: i64) -> bool {
        let word = usize::try_from(id).ok().and_then(|id| Some((self.0.get(id / 64)?, id % 64)));
        word.is_some_and(|(word, bit)| word >> bit & 1 == 1)
    }

    /// Notes those that were noted there.
    pub fn merge(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
    }

    /// How many were noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

impl<F: Fn(Option<i64>) -> bool> Unseen<'_, F> {
    fn read(&mut self) -> rusqlite::Result<Vec<Known>> {
        const SQL: &str = resources_where!("id > ?1 ORDER BY id");
        let mut page = Vec::new();
        let mut statement = self.connection.prepare(SQL)?;
        let mut rows = statement.query([self.after])?;
        while let Some(row) = rows.next()? {
            self.after = row.get(0)?;
            if !self.seen.contains(self.after) && (self.is_settled)(row.get(3)?) {
                page.push(known(row)?);
                if page.len() == PAGE {
                    return Ok(page);
                }
            }
        }
        self.done = true;
        Ok(page)
    }
}

impl<F: Fn(Option<i64>) -> bool> Iterator for Unseen<'_, F> {
    type Item = Result<Known>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 && !self.done {
            match self.read() {
                Ok(page) => self.page = page.into_iter(),
                Err(error) => {
                    self.done = true;
                    return Some(Err(database(error)));
                }
            }
        }
        self.page.next().map(Ok)
    }
}

impl Changes<'_> {
    fn read(&mut self) -> rusqlite::Result<Vec<PendingChange>> {
        let sql = "SELECT uri, time, seq, change, lastmod, length, hash, package, path FROM changes
            WHERE (time, seq, uri) > (?1, ?2, ?3) ORDER BY time, seq, uri LIMIT 1000";
        let (time, seq, uri) = &self.after;
        let mut statement = self.connection.prepare(sql)?;
        let page = statement.query_map(params![time, seq, uri], pending)?;
        page.collect()
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<PendingChange>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 && !self.done {
            match self.read() {
                Ok(page) => {
                    self.done = page.len() < PAGE;
                    if let Some(last) = page.last() {
                        self.after = (last.time, last.seq, last.uri.clone());
                    }
                    self.page = page.into_iter();
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(database(error)));
                }
            }
        }
        self.page.next().map(Ok)
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let open = || {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(WAIT)?;
        // In KiB.
        connection.pragma_update(None, "cache_size", -2048)?;
        Ok(connection)
    };
    open().map_err(at(path))
}

// The first eight bytes of a hash: an index on these is far smaller than one on the URIs.
fn key(uri: &str) -> i64 {
    let digest = Sha256::digest(uri.as_bytes());
    digest.iter().take(8).fold(0, |key, byte| key << 8 | i64::from(*byte))
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        id: row.get(0)?,
        uri: row.get(1)?,
        place: row.get(2)?,
        document: row.get(3)?,
        listed: listed(row, 4)?,
        validators: Validators { etag: row.get(7)?, last_modified: row.get(8)? },
        length: row.get::<_, i64>(9)?.cast_unsigned(),
        mtime: row.get(10)?,
        sha256: row.get(11)?,
        batch: row.get(12)?,
        temp: row.get(14)?,
        old_place: row.get(15)?,
        error: row.get(16)?,
    })
}

fn listed(row: &Row<'_>, at: usize) -> rusqlite::Result<Listed> {
    let length = row.get::<_, Option<i64>>(at + 1)?.map(i64::cast_unsigned);
    Ok(Listed { lastmod: row.get(at)?, length, hash: row.get(at + 2)? })
}

fn document(row: &Row<'_>) -> rusqlite::Result<KnownDocument> {
    Ok(KnownDocument {
        id: row.get(0)?,
        url: row.get(1)?,
        validators: Validators { etag: row.get(2)?, last_modified: row.get(3)? },
        completed: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
        generation: row.get(5)?,
    })
}

fn cursor(row: &Row<'_>) -> rusqlite::Result<Cursor> {
    Ok(Cursor {
        document: row.get(0)?,
        from: row.get(1)?,
        until: row.get(2)?,
        consumed: row.get::<_, i64>(3)?.cast_unsigned(),
        last_uri: row.get(4)?,
        last_datetime: row.get(5)?,
        last_change: row.get(6)?,
    })
}

fn pending(row: &Row<'_>) -> rusqlite::Result<PendingChange> {
    let package: Option<String> = row.get(7)?;
    Ok(PendingChange {
        uri: row.get(0)?,
        time: row.get(1)?,
        seq: row.get(2)?,
        change: match row.get(3)? {
            0 => Change::Created,
            2 => Change::Deleted,
            _ => Change::Updated,
        },
        listed: listed(row, 4)?,
        package: package.zip(row.get(8)?),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Places;

    fn places() -> Places {
        Places::new("http://h/base/".parse().unwrap())
    }

    fn insert(group: &mut Group<'_>, uri: &str, document: i64) -> i64 {
        let row = Write {
            uri,
            place: &places().place(uri),
            document: Some(document),
            listed: &Listed::default(),
            validators: &Validators::default(),
            length: 1,
            mtime: None,
            sha256: Some([1; 32]),
            batch: 0,
            temp: None,
            old_place: None,
        };
        group.write(None, &row).unwrap()
    }

    #[test]
    fn what_was_not_seen_is_found() {
        let root = tempfile::tempdir().unwrap();
        let mut state = State::open(root.path()).unwrap();
        let mut seen = Seen::default();
        let mut group = state.group().unwrap();
        for n in 0..3000 {
            let id = insert(&mut group, &format!("http://h/base/{n}"), n % 2);
            if n % 3 == 0 {
                seen.insert(id);
            }
        }
        group.commit().unwrap();
        let reader = state.reader().unwrap();
        assert_eq!((reader.session().count().unwrap(), seen.count()), (3000, 1000));
        let unseen = reader.unseen(&seen, |document| document == Some(1)).count();
        assert_eq!(unseen, 1000);
        drop(state.group().map(|mut group| group.forget(1)));
        assert!(reader.lookup("http://h/base/0").unwrap().is_some());
    }

    #[test]
    fn the_last_change_of_a_resource_wins() {
        let root = tempfile::tempdir().unwrap();
        let mut state = State::open(root.path()).unwrap();
        let mut group = state.group().unwrap();
        let change = |uri: &str, time, seq, change| PendingChange {
            uri: uri.to_owned(),
            time,
            seq,
            change,
            listed: Listed::default(),
            package: Some(("p".to_owned(), "q".to_owned())),
        };
        for it in [
            change("b", 5, 1, Change::Updated),
            change("a", 9, 2, Change::Deleted),
            change("a", 9, 1, Change::Created),
            change("b", 6, 0, Change::Deleted),
        ] {
            group.put_change(&it).unwrap();
        }
        let cursor = Cursor { document: "d".to_owned(), consumed: 3, ..Cursor::default() };
        group.put_cursor(&cursor).unwrap();
        let url = "http://h/list".to_owned();
        let mut document = KnownDocument { url, completed: Some(2), ..KnownDocument::default() };
        document.id = group.put_document(&document).unwrap();
        assert_eq!(group.put_document(&document).unwrap(), document.id);
        group.put_meta("source", "http://h/").unwrap();
        group.commit().unwrap();
        let reader = state.reader().unwrap();
        let changes: Vec<_> = reader.changes().map(Result::unwrap).collect();
        let last = [change("b", 6, 0, Change::Deleted), change("a", 9, 2, Change::Deleted)];
        assert_eq!(changes, last);
        let mut session = reader.session();
        assert_eq!(session.cursor("d").unwrap(), Some(cursor.clone()));
        assert_eq!(session.cursors().unwrap(), [cursor]);
        assert_eq!(session.documents().unwrap(), [document]);
        assert_eq!(session.meta("source").unwrap().as_deref(), Some("http://h/"));
    }

    #[test]
    fn a_later_version_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let state = State::open(root.path()).unwrap();
        state.connection.pragma_update(None, "user_version", 9).unwrap();
        drop(state);
        let error = State::open(root.path()).unwrap_err().to_string();
        assert!(error.contains("is of version 9, written by a later version"), "{error}");
    }

    #[test]
    #[ignore = "measures"]
    fn speed() {
        let root = tempfile::tempdir().unwrap();
        let mut state = State::open(root.path()).unwrap();
        let rows: i64 = 300_000;
        let uris: Vec<_> = (0..rows).map(|n| format!("http://h/base/{}/{n}", n % 100)).collect();
        let begin = std::time::Instant::now();
        for chunk in uris.chunks(64) {
            let mut group = state.group().unwrap();
            for uri in chunk {
                insert(&mut group, uri, 1);
            }
            group.commit().unwrap();
        }
        eprintln!("{} inserts/s", rows * 1000 / begin.elapsed().as_millis() as i64);
        let reader = state.reader().unwrap();
        let (begin, mut session) = (std::time::Instant::now(), reader.session());
        for uri in &uris {
            assert!(session.lookup(uri).unwrap().is_some());
        }
        eprintln!("{} lookups/s", rows * 1000 / begin.elapsed().as_millis() as i64);
    }
}
