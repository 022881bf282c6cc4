//! Keeping what is needed to find records by their words.
//!
//! Finding the words of a record and noting them takes longer than storing it. So the harvest does
//! not wait for it: the index follows behind, page by page, up to a mark that is moved in the same
//! transaction.
//!
//! The number of a row of the index has that of its source in the upper half. So the rows of a source
//! lie side by side, and which sources have a word is read off the numbers.

use std::sync::atomic::Ordering;

use futures_util::{Stream, TryStreamExt};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use super::SqliteCatalogue;
use crate::batch::SourceId;
use crate::catalogue::codec::Decoder;
use crate::catalogue::prepare::json;
use crate::catalogue::words::Words;
use crate::error::RunError;

/// How many records are read in one transaction: others want to write, too.
const AT_ONCE: i64 = 1000;
/// How many bytes of metadata are, or one record.
const BYTES_AT_ONCE: i64 = 8 * 1024 * 1024;

/// The word that tombstones have. No text has a word like it.
pub(super) const BURIED: &str = ":deleted";

impl SqliteCatalogue {
    /// Brings the index for searches up to date. Searches look through what is missing if it is not much,
    /// else they have this begun; after a large harvest it takes about as long as the harvest took to
    /// store.
    ///
    /// # Errors
    /// If the catalogue cannot be written.
    pub async fn index(&self) -> Result<(), RunError> {
        while self.index_some().await? {}
        Ok(())
    }

    /// Brings it up to date while others go on, unless that is being done already.
    pub(super) fn index_beside(&self) {
        if self.0.indexes.swap(true, Ordering::AcqRel) {
            return;
        }
        let catalogue = self.clone();
        tokio::spawn(async move {
            if let Err(error) = catalogue.index().await {
                tracing::warn!(%error, "searches do not find all yet");
            }
            catalogue.0.indexes.store(false, Ordering::Release);
        });
    }

    /// The first records, by source and identifier, whose words are not known, or others than the index
    /// has: at most so many, and as many that changed without coming from a new page.
    pub(super) async fn late(&self, most: usize) -> sqlx::Result<Vec<(i64, String)>> {
        let query = "SELECT source, identifier FROM (
                SELECT source, identifier FROM search_stale LIMIT ?1)
             UNION SELECT source, identifier FROM (
                SELECT r.source, r.identifier FROM records r INDEXED BY records_page
                WHERE (r.page, r.source, r.identifier) > (?2, ?3, ?4)
                ORDER BY r.page, r.source, r.identifier LIMIT ?1)";
        let (page, source, identifier) = mark(&mut *self.0.readers.acquire().await?).await?;
        let query = sqlx::query(query).bind(most as i64).bind(page).bind(source).bind(identifier);
        let rows = query.fetch_all(&self.0.readers).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Reads some of the records that came since; says whether there were any.
    async fn index_some(&self) -> Result<bool, RunError> {
        Ok(self.index_missed().await? || self.index_new().await?)
    }

    /// Some of those that changed without coming from a new page. They are few.
    async fn index_missed(&self) -> Result<bool, RunError> {
        let cannot = self.cannot("index records");
        let query = "SELECT EXISTS (SELECT 1 FROM search_stale)";
        let any = sqlx::query(query).fetch_one(&self.0.readers).await;
        if !any.and_then(|row| row.try_get(0)).map_err(|error| self.unreadable(error))? {
            return Ok(false);
        }
        let mut writer = self.0.writer.lock().await;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&cannot)?;
        let rows = missed(&mut tx).await.map_err(&cannot)?;
        let texts = self.texts(&rows).await?;
        note(&mut tx, &texts).await.map_err(&cannot)?;
        if let Some(last) = rows.last() {
            known(&mut tx, last).await.map_err(&cannot)?;
        }
        tx.commit().await.map_err(cannot)?;
        Ok(!rows.is_empty())
    }

    /// Some of those behind the mark. Their words are found before anybody has to wait for that: one that
    /// changes meanwhile comes again, with its new page.
    async fn index_new(&self) -> Result<bool, RunError> {
        let cannot = self.cannot("index records");
        let mut reader = self.0.readers.acquire().await.map_err(|error| self.unreadable(error))?;
        let mark = mark(&mut reader).await.map_err(|error| self.unreadable(error))?;
        let rows = new(&mut reader, &mark).await.map_err(|error| self.unreadable(error))?;
        drop(reader);
        let Some(last) = rows.last() else { return Ok(false) };
        let texts = self.texts(&rows).await?;
        let mut writer = self.0.writer.lock().await;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&cannot)?;
        // Unless somebody else has done the same.
        if move_mark(&mut tx, &mark, last).await.map_err(&cannot)? {
            note(&mut tx, &texts).await.map_err(&cannot)?;
            tx.commit().await.map_err(cannot)?;
        } else {
            tx.rollback().await.map_err(cannot)?;
        }
        Ok(true)
    }

    /// Source, identifier and words of these records, as JSON.
    async fn texts(&self, rows: &[SqliteRow]) -> Result<String, RunError> {
        let needed = self.needed(rows).await?;
        let mut decoder = Decoder::new(&needed);
        let mut texts = Vec::with_capacity(rows.len());
        for row in rows {
            let key = || Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?));
            let (source, identifier): (i64, &str) =
                key().map_err(|error| self.unreadable(error))?;
            let sets: Option<&str> = row.try_get(2).map_err(|error| self.unreadable(error))?;
            let mut words = Words::default();
            words.add(identifier);
            // A JSON list: its punctuation is that of any text.
            words.add(sets.unwrap_or_default());
            let name = SourceId::new(format!("source {source}"));
            if let Some(metadata) = self.metadata(row, &name, identifier, &mut decoder)? {
                words.add_xml(&metadata);
            }
            let mut words = words.into_text();
            if row.try_get("deleted").map_err(|error| self.unreadable(error))? {
                words = format!("{words} {BURIED}");
            }
            texts.push((source, identifier, words));
        }
        Ok(json(&texts))
    }
}

/// The last record that was read for the index: its page, source and identifier, which is their order.
type Mark = (i64, i64, String);

async fn mark(conn: &mut SqliteConnection) -> sqlx::Result<Mark> {
    let mark = "SELECT page, source, identifier FROM search_mark";
    let mark = sqlx::query(mark).fetch_one(conn).await?;
    Ok((mark.try_get(0)?, mark.try_get(1)?, mark.try_get(2)?))
}

/// Moves the mark, if it is still there, to a record.
async fn move_mark(
    conn: &mut SqliteConnection,
    (page, source, identifier): &Mark,
    to: &SqliteRow,
) -> sqlx::Result<bool> {
    let query = "UPDATE search_mark SET page = ?, source = ?, identifier = ?
         WHERE (page, source, identifier) = (?, ?, ?)";
    let moved = sqlx::query(query)
        .bind(to.try_get::<i64, _>("page")?)
        .bind(to.try_get::<i64, _>(0)?)
        .bind(to.try_get::<&str, _>(1)?)
        .bind(page)
        .bind(source)
        .bind(identifier)
        .execute(conn)
        .await?;
    Ok(moved.rows_affected() == 1)
}

/// Some records whose words are others than the index has.
async fn missed(conn: &mut SqliteConnection) -> sqlx::Result<Vec<SqliteRow>> {
    let query = "SELECT r.source, r.identifier, r.sets, r.deleted, p.codec, p.size, p.body
         FROM search_stale s
         CROSS JOIN records r ON r.source = s.source AND r.identifier = s.identifier
         LEFT JOIN payloads p ON p.id = r.payload AND NOT r.deleted
         ORDER BY s.source, s.identifier LIMIT ?";
    some(sqlx::query(query).bind(AT_ONCE).fetch(conn)).await
}

/// Some records behind the mark.
async fn new(
    conn: &mut SqliteConnection,
    (page, source, identifier): &Mark,
) -> sqlx::Result<Vec<SqliteRow>> {
    // Not joined with the mark: then the rows of the index would not be taken for sorted.
    let query = "SELECT r.source, r.identifier, r.sets, r.deleted, r.page, p.codec, p.size, p.body
         FROM records r INDEXED BY records_page
         LEFT JOIN payloads p ON p.id = r.payload AND NOT r.deleted
         WHERE (r.page, r.source, r.identifier) > (?, ?, ?)
         ORDER BY r.page, r.source, r.identifier LIMIT ?";
    let query = sqlx::query(query).bind(page).bind(source).bind(identifier).bind(AT_ONCE);
    some(query.fetch(conn)).await
}

/// The first of these rows, up to [`BYTES_AT_ONCE`].
async fn some(
    mut found: impl Stream<Item = sqlx::Result<SqliteRow>> + Send + Unpin,
) -> sqlx::Result<Vec<SqliteRow>> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = found.try_next().await? {
        bytes += row.try_get::<Option<i64>, _>("size")?.unwrap_or(0);
        rows.push(row);
        if bytes >= BYTES_AT_ONCE {
            break;
        }
    }
    Ok(rows)
}

/// Notes the words of these records.
async fn note(conn: &mut SqliteConnection, texts: &str) -> sqlx::Result<()> {
    let new = "INSERT INTO search_records (id, source, identifier)
         SELECT ifnull((SELECT max(id) FROM search_records WHERE id
                BETWEEN n.source << 32 AND n.source << 32 | 0xffffffff), n.source << 32)
                + row_number() OVER (PARTITION BY n.source ORDER BY n.identifier),
            n.source, n.identifier
         FROM (SELECT value ->> 0 AS source, value ->> 1 AS identifier FROM json_each(?)) n
         WHERE NOT EXISTS (SELECT 1 FROM search_records k
            WHERE k.source = n.source AND k.identifier = n.identifier)";
    // In the order of their rows: FTS5 writes out what it has whenever one goes back.
    let words = "INSERT OR REPLACE INTO search_words (rowid, words)
         SELECT t.id, e.value ->> 2 FROM json_each(?) e
         CROSS JOIN search_records t ON t.source = e.value ->> 0 AND t.identifier = e.value ->> 1
         ORDER BY t.id";
    for statement in [new, words] {
        sqlx::query(statement).bind(texts).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Notes that the words are known of all that were missed up to this one.
async fn known(conn: &mut SqliteConnection, last: &SqliteRow) -> sqlx::Result<()> {
    let (source, identifier): (i64, &str) = (last.try_get(0)?, last.try_get(1)?);
    let known = "DELETE FROM search_stale WHERE (source, identifier) <= (?, ?)";
    sqlx::query(known).bind(source).bind(identifier).execute(conn).await?;
    Ok(())
}

/// Notes that the words of these records, a JSON list, are others now, although they come from no new
/// page.
pub(super) async fn miss(
    conn: &mut SqliteConnection,
    source: i64,
    identifiers: &str,
) -> sqlx::Result<()> {
    let query = "INSERT INTO search_stale (source, identifier)
         SELECT ?, value FROM json_each(?) WHERE TRUE ON CONFLICT DO NOTHING";
    sqlx::query(query).bind(source).bind(identifiers).execute(conn).await?;
    Ok(())
}
