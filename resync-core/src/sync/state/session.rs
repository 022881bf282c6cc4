//! Looking things up, and changing them.

use rusqlite::{Connection, OptionalExtension as _, Row, Statement, ToSql, params};

use super::rows::{cursor, document, known};
use super::{
    Cursor, Group, Known, KnownDocument, Listed, PendingChange, Session, Validators, Write,
    database, failed, key,
};
use crate::Result;
use crate::document::Change;
use crate::sync::Place;

impl<'c> Session<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
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

    /// Whether there are pending changes.
    ///
    /// # Errors
    /// When the database says no.
    pub fn has_changes(&mut self) -> Result<bool> {
        Ok(self.first("SELECT 1 FROM changes LIMIT 1", &[], |_| Ok(()))?.is_some())
    }

    /// Whether there is a pending change of a resource.
    ///
    /// # Errors
    /// When the database says no.
    pub fn has_change(&mut self, uri: &str) -> Result<bool> {
        Ok(self.first("SELECT 1 FROM changes WHERE uri = ?1", &[&uri], |_| Ok(()))?.is_some())
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
    pub(in crate::sync) fn doubtful(
        &mut self,
        after: i64,
        batch: Option<i64>,
    ) -> Result<Vec<Known>> {
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

    pub(in crate::sync) fn write(&mut self, id: Option<i64>, row: &Write<'_>) -> Result<i64> {
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
    pub(in crate::sync) fn install(&mut self, id: i64, mtime: Option<i64>) -> Result<()> {
        let sql = "UPDATE resources SET status = 1, temp = NULL, old_place = NULL, mtime = ?2
            WHERE id = ?1";
        self.session.execute(sql, params![id, mtime]).map(drop)
    }

    /// The file goes elsewhere.
    pub(in crate::sync) fn relocate(&mut self, id: i64, place: &Place) -> Result<()> {
        let sql = "UPDATE resources SET place = ?2, place_key = ?3 WHERE id = ?1";
        let key = place.key().cast_signed();
        self.session.execute(sql, params![id, place.as_str(), key]).map(drop)
    }

    /// The file cannot be put anywhere.
    pub(in crate::sync) fn quarantine(&mut self, id: i64, error: &str) -> Result<()> {
        // Without what was listed, it differs from whatever the source says: it is tried again.
        let sql = "UPDATE resources SET status = 1, temp = NULL, old_place = NULL, error = ?2,
            listed_lastmod = NULL, listed_length = NULL, listed_hash = NULL, etag = NULL,
            last_modified = NULL, sha256 = NULL WHERE id = ?1";
        self.session.execute(sql, params![id, error]).map(drop)
    }

    pub(in crate::sync) fn touch(
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

    pub(in crate::sync) fn forget(&mut self, id: i64) -> Result<()> {
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
        let mirrors = (!change.mirrors.is_empty()).then(|| change.mirrors.join("\n"));
        let sql = "INSERT INTO changes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL, NULL)
            ON CONFLICT (uri) DO UPDATE SET time = ?2, seq = ?3, change = ?4, lastmod = ?5,
            length = ?6, hash = ?7, package = ?8, path = ?9, mirrors = ?10, error = NULL,
            is_new = NULL WHERE (?2, ?3) >= (time, seq)";
        let Listed { lastmod, hash, .. } = listed;
        let values = params![uri, time, seq, what, lastmod, length, hash, package, path, mirrors];
        self.session.execute(sql, values).map(drop)
    }

    /// Forgets the pending change of a resource, because there is a newer one.
    ///
    /// # Errors
    /// When the database says no.
    pub fn settle(&mut self, uri: &str) -> Result<()> {
        self.session.execute("DELETE FROM changes WHERE uri = ?1", &[&uri]).map(drop)
    }

    /// Has a pending change wait for the next run, because it could not be applied.
    ///
    /// # Errors
    /// When the database says no.
    pub fn postpone(&mut self, uri: &str, error: &str) -> Result<()> {
        let sql = "UPDATE changes SET error = ?2, is_new = 1 WHERE uri = ?1";
        self.session.execute(sql, &[&uri, &error]).map(drop)
    }

    /// Has those pending changes wait for the next run whose files could not be put anywhere.
    pub(in crate::sync) fn postpone_misplaced(&mut self) -> Result<()> {
        let sql = "UPDATE changes SET error = r.error, is_new = 1 FROM resources r
            WHERE r.error IS NOT NULL AND r.uri = changes.uri";
        self.session.execute(sql, &[]).map(drop)
    }

    /// Forgets the pending changes but those that were postponed, which are older than any that is
    /// kept from now on: a new change of the same resource takes their place. Gives their number.
    ///
    /// # Errors
    /// When the database says no.
    pub fn begin_changes(&mut self) -> Result<u64> {
        self.session.execute("DELETE FROM changes WHERE error IS NULL", &[])?;
        let sql = "UPDATE changes SET time = ?1, seq = 0, is_new = NULL";
        Ok(self.session.execute(sql, &[&i64::MIN])? as u64)
    }

    /// Forgets the pending changes but those that were postponed since
    /// [`begin_changes`](Self::begin_changes): the others were applied.
    ///
    /// # Errors
    /// When the database says no.
    pub fn end_changes(&mut self) -> Result<()> {
        self.session.execute("DELETE FROM changes WHERE is_new IS NULL", &[]).map(drop)
    }

    /// Forgets all pending changes.
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
