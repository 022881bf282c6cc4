//! Keeping what is needed to find records by their words.
//!
//! Finding the words of a record and noting them takes longer than storing it. So the harvest does
//! not wait for it: the index follows behind, page by page, up to a mark that is moved in the same
//! transaction.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use super::SqliteCatalogue;
use crate::batch::SourceId;
use crate::catalogue::codec::Decoder;
use crate::catalogue::prepare::json;
use crate::catalogue::words::Words;
use crate::error::RunError;

/// How many records are read in one transaction: others want to write, too.
const AT_ONCE: i64 = 2000;
/// How many bytes of metadata are, or one record.
const BYTES_AT_ONCE: i64 = 8 * 1024 * 1024;

/// The word that stands for a source. No text has a word like it.
pub(super) fn source_word(source: i64) -> String {
    format!("source:{source}")
}

impl SqliteCatalogue {
    /// Brings the index for searches up to date. Searches do so by themselves if not much is missing;
    /// after a large harvest this takes about as long as the harvest took to store.
    ///
    /// # Errors
    /// If the catalogue cannot be written.
    pub async fn index(&self) -> Result<(), RunError> {
        while self.index_some().await? {}
        Ok(())
    }

    /// Reads some of the records that came since; says whether there were any.
    pub(super) async fn index_some(&self) -> Result<bool, RunError> {
        let cannot = self.cannot("index records");
        if !self.is_behind().await.map_err(|error| self.unreadable(error))? {
            return Ok(false);
        }
        let mut writer = self.0.writer.lock().await;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&cannot)?;
        let rows = unread(&mut tx).await.map_err(&cannot)?;
        let texts = self.texts(&rows).await?;
        note(&mut tx, &rows, &texts).await.map_err(&cannot)?;
        tx.commit().await.map_err(cannot)?;
        Ok(!rows.is_empty())
    }

    async fn is_behind(&self) -> sqlx::Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM search_stale) OR EXISTS (
                SELECT 1 FROM records r, search_mark m
                WHERE (r.page, r.source, r.identifier) > (m.page, m.source, m.identifier))";
        sqlx::query(query).fetch_one(&self.0.readers).await?.try_get(0)
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
            let name = SourceId::new(source_word(source));
            if let Some(metadata) = self.metadata(row, &name, identifier, &mut decoder)? {
                words.add_xml(&metadata);
            }
            let words = format!("{} {}", source_word(source), words.into_text());
            texts.push((source, identifier, words));
        }
        Ok(json(&texts))
    }
}

/// Some records whose words are not known: first those that were missed, then those behind the mark.
async fn unread(conn: &mut SqliteConnection) -> sqlx::Result<Vec<SqliteRow>> {
    let missed = "SELECT r.source, r.identifier, r.sets, NULL AS page, p.codec, p.size, p.body
         FROM search_stale s
         CROSS JOIN records r ON r.source = s.source AND r.identifier = s.identifier
         LEFT JOIN payloads p ON p.id = r.payload AND NOT r.deleted
         ORDER BY s.source, s.identifier LIMIT ?1";
    // Not joined with the mark: then the rows of the index would not be taken for sorted.
    let new = "SELECT r.source, r.identifier, r.sets, r.page, p.codec, p.size, p.body
         FROM records r INDEXED BY records_page
         LEFT JOIN payloads p ON p.id = r.payload AND NOT r.deleted
         WHERE (r.page, r.source, r.identifier) > (?2, ?3, ?4)
         ORDER BY r.page, r.source, r.identifier LIMIT ?1";
    let mark = "SELECT page, source, identifier FROM search_mark";
    let mark = sqlx::query(mark).fetch_one(&mut *conn).await?;
    let (page, source, identifier): (i64, i64, &str) =
        (mark.try_get(0)?, mark.try_get(1)?, mark.try_get(2)?);
    let new = sqlx::query(new).bind(AT_ONCE).bind(page).bind(source).bind(identifier);
    for query in [sqlx::query(missed).bind(AT_ONCE), new] {
        let mut rows = Vec::new();
        let mut bytes = 0;
        let mut found = query.fetch(&mut *conn);
        while let Some(row) = found.try_next().await? {
            bytes += row.try_get::<Option<i64>, _>("size")?.unwrap_or(0);
            rows.push(row);
            if bytes >= BYTES_AT_ONCE {
                break;
            }
        }
        drop(found);
        if !rows.is_empty() {
            return Ok(rows);
        }
    }
    Ok(Vec::new())
}

/// Notes the words of these records, and that they are known.
async fn note(conn: &mut SqliteConnection, rows: &[SqliteRow], texts: &str) -> sqlx::Result<()> {
    let Some(last) = rows.last() else { return Ok(()) };
    let new = "INSERT INTO search_records (source, identifier)
         SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE TRUE
         ON CONFLICT DO NOTHING";
    // In the order of their rows: FTS5 writes out what it has whenever one goes back.
    let words = "INSERT OR REPLACE INTO search_words (rowid, words)
         SELECT t.id, e.value ->> 2 FROM json_each(?) e
         CROSS JOIN search_records t ON t.source = e.value ->> 0 AND t.identifier = e.value ->> 1
         ORDER BY t.id";
    for statement in [new, words] {
        sqlx::query(statement).bind(texts).execute(&mut *conn).await?;
    }
    let (page, source, identifier): (Option<i64>, i64, &str) =
        (last.try_get("page")?, last.try_get(0)?, last.try_get(1)?);
    match page {
        Some(page) => {
            let mark = "UPDATE search_mark SET page = ?, source = ?, identifier = ?";
            let mark = sqlx::query(mark).bind(page).bind(source).bind(identifier);
            mark.execute(conn).await?;
        }
        None => {
            let known = "DELETE FROM search_stale WHERE (source, identifier) <= (?, ?)";
            sqlx::query(known).bind(source).bind(identifier).execute(conn).await?;
        }
    }
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
