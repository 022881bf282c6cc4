//! Reading what the catalogue holds.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use chrono::{DateTime, Utc};
use futures_util::stream::{self, BoxStream, StreamExt};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row};
use zstd::dict::DecoderDictionary;

use super::list::as_limit;
use super::{SqliteCatalogue, failed};
use crate::batch::SourceId;
use crate::catalogue::codec::{self, Decoder, Needed};
use crate::catalogue::{Query, RunRecord, SourceSummary, StoredError, StoredRecord};
use crate::error::{RunError, Stage};
use crate::run::RunId;
use crate::store::Page;

/// How many records are read at a time. A page and not an open cursor, so that a slow reader does
/// not keep SQLite from tidying up its log.
pub(super) const PAGE_ROWS: usize = 128;

/// The columns of a record, and what it is joined with; conditions come behind.
macro_rules! select_records {
    () => {
        "SELECT r.identifier, r.datestamp, r.version, r.sets, r.deleted, r.format, r.about, r.first_run,
            r.last_run, r.changed, r.page, p.codec, p.size, p.body, p.fields, g.request_url, g.response_date, g.received
         FROM records r
         JOIN pages g ON g.id = r.page
         LEFT JOIN payloads p ON p.id = r.payload AND NOT r.deleted
         "
    };
}
pub(super) use select_records;

macro_rules! of_source {
    () => {
        "WHERE r.source = ?1 AND NOT (?3 AND r.deleted) AND r.identifier "
    };
}

macro_rules! order_records {
    () => {
        " ORDER BY r.identifier LIMIT ?4"
    };
}

impl SqliteCatalogue {
    /// The records that `query` asks for, ordered by source and identifier (by code point).
    ///
    /// They are read a page at a time, whatever their number. A harvest may go on meanwhile: a
    /// record is then listed as it is when its page is read, and no record is listed twice.
    #[must_use = "a stream does nothing until it is polled"]
    pub fn records(&self, query: Query) -> BoxStream<'_, Result<StoredRecord, RunError>> {
        let listing = Listing { catalogue: self, query, sources: None, after: None };
        stream::try_unfold((listing, VecDeque::new()), async |(mut listing, mut page)| {
            loop {
                if let Some(record) = page.pop_front() {
                    return Ok(Some((record, (listing, page))));
                }
                match listing.next_page().await? {
                    Some(next) => page = next,
                    None => return Ok(None),
                }
            }
        })
        .boxed()
    }

    /// All sources, ordered by name.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub async fn sources(&self) -> Result<Vec<SourceSummary>, RunError> {
        self.summaries_of(None).await
    }

    async fn summaries_of(&self, only: Option<&SourceId>) -> Result<Vec<SourceSummary>, RunError> {
        let query = "SELECT s.name, s.live, s.tombstones,
                (SELECT count(*) FROM record_errors e WHERE e.source = s.id AND NOT e.resolved),
                u.id, u.state, u.started, u.ended, u.error
             FROM sources s
             LEFT JOIN runs u ON u.id = (SELECT max(id) FROM runs WHERE source = s.id)
             WHERE ?1 IS NULL OR s.name = ?1
             ORDER BY s.name";
        let query = sqlx::query(query).bind(only.map(SourceId::as_str));
        let rows = query.fetch_all(&self.0.readers).await;
        let summaries = rows.and_then(|rows| rows.iter().map(summary).collect());
        summaries.map_err(|error| self.unreadable(error))
    }

    /// What the catalogue holds of one source; `None` if it never saw it.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub async fn source(&self, source: &SourceId) -> Result<Option<SourceSummary>, RunError> {
        Ok(self.summaries_of(Some(source)).await?.pop())
    }

    /// The records of a source that failed, ordered by key; those that came through later only if
    /// `resolved`.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub async fn errors(
        &self,
        source: &SourceId,
        resolved: bool,
    ) -> Result<Vec<StoredError>, RunError> {
        self.errors_of(source, resolved, &Page::first(usize::MAX)).await
    }

    pub(super) async fn errors_of(
        &self,
        source: &SourceId,
        resolved: bool,
        page: &Page<String>,
    ) -> Result<Vec<StoredError>, RunError> {
        let mut sql = QueryBuilder::new(
            "SELECT e.key, e.identifier, e.stage, e.message, e.resolved, e.tries, e.body, e.last_run,
                 e.format, e.header
             FROM record_errors e WHERE e.source = (SELECT id FROM sources WHERE name = ",
        );
        sql.push_bind(source.as_str()).push(")");
        if !resolved {
            sql.push(" AND NOT e.resolved");
        }
        if let Some(after) = &page.after {
            sql.push(" AND e.key > ").push_bind(&**after);
        }
        sql.push(" ORDER BY e.key LIMIT ").push_bind(as_limit(page.limit));
        let rows = sql.build().fetch_all(&self.0.readers).await;
        let error = |row: &SqliteRow| {
            Ok(StoredError {
                key: row.try_get(0)?,
                identifier: row.try_get(1)?,
                stage: row.try_get(2)?,
                message: row.try_get(3)?,
                resolved: row.try_get(4)?,
                tries: row.try_get(5)?,
                body: row.try_get(6)?,
                last_run: RunId(row.try_get(7)?),
                format: row.try_get(8)?,
                header: row.try_get(9)?,
            })
        };
        rows.and_then(|rows| rows.iter().map(error).collect())
            .map_err(|error| self.unreadable(error))
    }

    pub(super) async fn sources_failing(
        &self,
        page: &Page<SourceId>,
    ) -> Result<Vec<(SourceId, u64)>, RunError> {
        let query = "SELECT s.name,
                (SELECT count(*) FROM record_errors e WHERE e.source = s.id AND NOT e.resolved)
             FROM sources s
             WHERE s.name >= ?1 AND (?2 IS NULL OR s.name > ?2)
               AND EXISTS (SELECT 1 FROM record_errors e WHERE e.source = s.id AND NOT e.resolved)
             ORDER BY s.name LIMIT ?3";
        let after = page.after.as_ref().map(SourceId::as_str);
        let query = sqlx::query(query)
            .bind(after.unwrap_or_default())
            .bind(after)
            .bind(as_limit(page.limit));
        let rows = query.fetch_all(&self.0.readers).await;
        let failing = |row: &SqliteRow| {
            let (name, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok((name.into(), count.unsigned_abs()))
        };
        rows.and_then(|rows| rows.iter().map(failing).collect())
            .map_err(|error| self.unreadable(error))
    }

    pub(super) fn unreadable(&self, error: sqlx::Error) -> RunError {
        failed(&format!("read {}", self.0.file.display()), error)
    }
}

impl SqliteCatalogue {
    /// The records in rows of `select_records!`.
    pub(super) async fn decode(
        &self,
        rows: &[SqliteRow],
        source: &SourceId,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let needed = self.needed(rows).await?;
        let mut decoder = Decoder::new(&needed);
        rows.iter().map(|row| self.record(row, source, &mut decoder)).collect()
    }

    /// What is needed to read the metadata of these rows.
    pub(super) async fn needed(&self, rows: &[SqliteRow]) -> Result<Needed, RunError> {
        let unreadable = |error| self.unreadable(error);
        let contents = rows.iter().filter_map(|row| content(row).transpose());
        let contents = contents.collect::<sqlx::Result<Vec<_>>>().map_err(unreadable)?;
        let contents = contents.into_iter().map(|(codec, _, body)| (codec, body));
        let archived = self.0.open.archive.fetch(contents).await?;
        let mut needed = Needed { archived, ..Needed::default() };
        for row in rows {
            let codec: Option<i64> = row.try_get("codec").map_err(unreadable)?;
            let Some(id) = codec.filter(|codec| *codec > codec::ZSTD) else { continue };
            if needed.dictionaries.contains_key(&id) {
                continue;
            }
            if let Some(dictionary) = self.dictionary(id).await.map_err(unreadable)? {
                needed.dictionaries.insert(id, dictionary);
            }
        }
        Ok(needed)
    }

    fn record(
        &self,
        row: &SqliteRow,
        source: &SourceId,
        decoder: &mut Decoder<'_>,
    ) -> Result<StoredRecord, RunError> {
        let record = stored_record(row, source.clone());
        let mut record = record.map_err(|error| self.unreadable(error))?;
        record.metadata = self.metadata(row, source, &record.identifier, decoder)?;
        Ok(record)
    }

    /// The metadata in a row with `codec`, `size` and `body`.
    pub(super) fn metadata(
        &self,
        row: &SqliteRow,
        source: &SourceId,
        identifier: &str,
        decoder: &mut Decoder<'_>,
    ) -> Result<Option<String>, RunError> {
        let content = content(row).map_err(|error| self.unreadable(error))?;
        let Some((codec, size, body)) = content else { return Ok(None) };
        let metadata = decoder
            .decode(codec, body, size)
            .and_then(|metadata| String::from_utf8(metadata).map_err(std::io::Error::other));
        metadata.map(Some).map_err(|error| {
            let message = format!(
                "the metadata of {identifier} of {source} in {} is damaged: {error}; harvest the \
                 source again from the beginning",
                self.0.file.display()
            );
            RunError::new(Stage::Sink, message).with_source(error)
        })
    }

    /// A dictionary, by its row. Few and small, they are kept once they were read.
    async fn dictionary(&self, id: i64) -> sqlx::Result<Option<Arc<DecoderDictionary<'static>>>> {
        let cached = || self.0.dictionaries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dictionary) = cached().get(&id) {
            return Ok(Some(Arc::clone(dictionary)));
        }
        let row = sqlx::query("SELECT body FROM dictionaries WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.0.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let dictionary = Arc::new(DecoderDictionary::copy(row.try_get(0)?));
        cached().insert(id, Arc::clone(&dictionary));
        Ok(Some(dictionary))
    }
}

/// A walk over the records, source by source.
struct Listing<'c> {
    catalogue: &'c SqliteCatalogue,
    query: Query,
    /// The sources still to be listed; unknown before the first page.
    sources: Option<VecDeque<(i64, SourceId)>>,
    /// The last identifier that was listed of the first of them.
    after: Option<String>,
}

impl Listing<'_> {
    /// The next page, which is never empty.
    async fn next_page(&mut self) -> Result<Option<VecDeque<StoredRecord>>, RunError> {
        let mut sources = match self.sources.take() {
            Some(sources) => sources,
            None => self.find_sources().await.map_err(|error| self.catalogue.unreadable(error))?,
        };
        while let Some((id, source)) = sources.front() {
            let page = self.read(*id, source).await?;
            if let Some(last) = page.back() {
                self.after = Some(last.identifier.clone());
                self.sources = Some(sources);
                return Ok(Some(page));
            }
            self.after = None;
            sources.pop_front();
        }
        self.sources = Some(sources);
        Ok(None)
    }

    async fn find_sources(&self) -> sqlx::Result<VecDeque<(i64, SourceId)>> {
        let query = "SELECT id, name FROM sources WHERE ?1 IS NULL OR name = ?1 ORDER BY name";
        let only = self.query.source.as_ref().map(SourceId::as_str);
        let rows = sqlx::query(query).bind(only).fetch_all(&self.catalogue.0.readers).await?;
        let sources = rows.iter().map(|row| {
            let name: String = row.try_get(1)?;
            Ok((row.try_get(0)?, SourceId::from(name)))
        });
        sources.collect()
    }

    async fn read(&self, id: i64, source: &SourceId) -> Result<VecDeque<StoredRecord>, RunError> {
        let query = match self.after {
            // Even the empty string is an identifier.
            None => {
                concat!(select_records!(), of_source!(), ">= '' AND ?2 IS NULL", order_records!())
            }
            Some(_) => concat!(select_records!(), of_source!(), "> ?2", order_records!()),
        };
        let rows = sqlx::query(query)
            .bind(id)
            .bind(self.after.as_deref())
            .bind(self.query.live_only)
            .bind(PAGE_ROWS as i64)
            .fetch_all(&self.catalogue.0.readers)
            .await
            .map_err(|error| self.catalogue.unreadable(error))?;
        let records = self.catalogue.decode(&rows, source).await?;
        Ok(records.into())
    }
}

fn stored_record(row: &SqliteRow, source: SourceId) -> sqlx::Result<StoredRecord> {
    Ok(StoredRecord {
        source,
        identifier: row.try_get("identifier")?,
        datestamp: row.try_get("datestamp")?,
        version: row.try_get("version")?,
        sets: list(row, "sets")?,
        deleted: row.try_get("deleted")?,
        format: row.try_get("format")?,
        metadata: None,
        fields: row.try_get("fields")?,
        abouts: list(row, "about")?,
        request_url: row.try_get("request_url")?,
        response_date: row.try_get("response_date")?,
        harvested: row.try_get("received")?,
        changed: time(row.try_get("changed")?),
        first_run: row.try_get("first_run")?,
        last_run: row.try_get("last_run")?,
    })
}

fn content(row: &SqliteRow) -> sqlx::Result<Option<(i64, usize, &[u8])>> {
    let Some(codec) = row.try_get::<Option<i64>, _>("codec")? else { return Ok(None) };
    let size: i64 = row.try_get("size")?;
    Ok(Some((codec, usize::try_from(size).unwrap_or(0), row.try_get("body")?)))
}

/// A point in time as it is kept: in seconds.
pub(super) fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

pub(super) fn list(row: &SqliteRow, column: &str) -> sqlx::Result<Vec<String>> {
    let json: Option<&str> = row.try_get(column)?;
    json.map_or(Ok(Vec::new()), serde_json::from_str).map_err(|error| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: error.into(),
    })
}

fn summary(row: &SqliteRow) -> sqlx::Result<SourceSummary> {
    let name: String = row.try_get(0)?;
    let count = |index: usize| -> sqlx::Result<u64> {
        Ok(row.try_get::<i64, _>(index)?.try_into().unwrap_or(0))
    };
    let last_run = match row.try_get::<Option<i64>, _>(4)? {
        None => None,
        Some(id) => Some(RunRecord {
            id,
            state: row.try_get(5)?,
            started: row.try_get(6)?,
            ended: row.try_get(7)?,
            error: row.try_get(8)?,
        }),
    };
    Ok(SourceSummary {
        source: name.into(),
        live: count(1)?,
        deleted: count(2)?,
        errors: count(3)?,
        last_run,
    })
}
