//! Reading what the catalogue holds.

use std::sync::{Arc, PoisonError};

use chrono::{DateTime, Utc};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};
use zstd::dict::DecoderDictionary;

use super::list::as_limit;
use super::{PostgresCatalogue, text};
use crate::batch::SourceId;
use crate::catalogue::codec::{self, Decoder, Needed};
use crate::catalogue::{RunRecord, SourceSummary, StoredError, StoredRecord};
use crate::error::{RunError, Stage};
use crate::run::RunId;
use crate::store::Page;

/// The columns of records `r` of sources `s`, and what they are joined with.
pub(super) const COLUMNS: &str =
    "s.name AS source, r.identifier, r.datestamp, r.version, r.sets, r.deleted,
    r.format, r.about, r.first_run, r.last_run, r.changed, p.codec, p.size, p.body, p.fields, g.request_url,
    g.response_date, g.received";
/// See [`COLUMNS`].
pub(super) const JOINED: &str = "JOIN pages g ON g.id = r.page
    LEFT JOIN payloads p ON p.id = r.payload AND NOT r.deleted";

impl PostgresCatalogue {
    pub(super) async fn summaries_of(
        &self,
        only: Option<&SourceId>,
    ) -> Result<Vec<SourceSummary>, RunError> {
        let query = "SELECT s.name, s.live, s.tombstones,
                (SELECT count(*) FROM record_errors e WHERE e.source = s.id AND NOT e.resolved),
                u.id, u.state, coalesce(u.started, u.queued, ''), u.ended, u.error
             FROM sources s
             LEFT JOIN runs u ON u.id = (SELECT max(id) FROM runs WHERE source = s.id)
             WHERE $1::text IS NULL OR s.name = $1
             ORDER BY s.name";
        let query = sqlx::query(query).bind(only.map(|only| text::shown(only.as_str())));
        let rows = query.fetch_all(&self.0.pool).await;
        let summaries = rows.and_then(|rows| rows.iter().map(summary).collect());
        summaries.map_err(|error| self.unreadable(error))
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
        sql.push_bind(text::shown(source.as_str())).push(")");
        if !resolved {
            sql.push(" AND NOT e.resolved");
        }
        if let Some(after) = &page.after {
            sql.push(" AND e.key > ").push_bind(text::shown(after));
        }
        sql.push(" ORDER BY e.key LIMIT ").push_bind(as_limit(page.limit));
        let rows = sql.build().fetch_all(&self.0.pool).await;
        let error = |row: &PgRow| {
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
             WHERE ($1::text IS NULL OR s.name > $1)
               AND EXISTS (SELECT 1 FROM record_errors e WHERE e.source = s.id AND NOT e.resolved)
             ORDER BY s.name LIMIT $2";
        let after = page.after.as_ref().map(|after| text::shown(after.as_str()));
        let query = sqlx::query(query).bind(after).bind(as_limit(page.limit));
        let rows = query.fetch_all(&self.0.pool).await;
        let failing = |row: &PgRow| {
            let (name, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok((name.into(), count.unsigned_abs()))
        };
        rows.and_then(|rows| rows.iter().map(failing).collect())
            .map_err(|error| self.unreadable(error))
    }

    pub(super) async fn reader(&self) -> Result<PoolConnection<Postgres>, RunError> {
        self.0.pool.acquire().await.map_err(|error| self.unreadable(error))
    }

    /// The records in rows of [`COLUMNS`].
    pub(super) async fn decode(
        &self,
        conn: &mut PgConnection,
        rows: &[PgRow],
    ) -> Result<Vec<StoredRecord>, RunError> {
        let needed = self.needed(conn, rows).await?;
        let mut decoder = Decoder::new(&needed);
        let records = rows.iter().map(|row| {
            let mut record = stored_record(row).map_err(|error| self.unreadable(error))?;
            record.metadata =
                self.metadata(row, &record.source, &record.identifier, &mut decoder)?;
            Ok(record)
        });
        records.collect()
    }

    /// What is needed to read the metadata of these rows.
    pub(super) async fn needed(
        &self,
        conn: &mut PgConnection,
        rows: &[PgRow],
    ) -> Result<Needed, RunError> {
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
            if let Some(dictionary) = self.dictionary(conn, id).await.map_err(unreadable)? {
                needed.dictionaries.insert(id, dictionary);
            }
        }
        Ok(needed)
    }

    /// A dictionary, by its row. Few and small, they are kept once they were read.
    async fn dictionary(
        &self,
        conn: &mut PgConnection,
        id: i64,
    ) -> sqlx::Result<Option<Arc<DecoderDictionary<'static>>>> {
        let cached = || self.0.dictionaries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dictionary) = cached().get(&id) {
            return Ok(Some(Arc::clone(dictionary)));
        }
        let query = sqlx::query("SELECT body FROM dictionaries WHERE id = $1").bind(id);
        let Some(row) = query.fetch_optional(conn).await? else { return Ok(None) };
        let dictionary = Arc::new(DecoderDictionary::copy(row.try_get(0)?));
        cached().insert(id, Arc::clone(&dictionary));
        Ok(Some(dictionary))
    }

    /// The metadata in a row with `codec`, `size` and `body`.
    pub(super) fn metadata(
        &self,
        row: &PgRow,
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
                self.0.name
            );
            RunError::new(Stage::Sink, message).with_source(error)
        })
    }
}

fn stored_record(row: &PgRow) -> sqlx::Result<StoredRecord> {
    Ok(StoredRecord {
        source: row.try_get::<String, _>("source")?.into(),
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

fn content(row: &PgRow) -> sqlx::Result<Option<(i64, usize, &[u8])>> {
    let Some(codec) = row.try_get::<Option<i64>, _>("codec")? else { return Ok(None) };
    let size: i64 = row.try_get("size")?;
    Ok(Some((codec, usize::try_from(size).unwrap_or(0), row.try_get("body")?)))
}

/// A point in time as it is kept: in seconds.
pub(super) fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

/// A list in JSON.
pub(super) fn list(row: &PgRow, column: &str) -> sqlx::Result<Vec<String>> {
    let json: Option<&str> = row.try_get(column)?;
    json.map_or(Ok(Vec::new()), serde_json::from_str).map_err(|error| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: error.into(),
    })
}

fn summary(row: &PgRow) -> sqlx::Result<SourceSummary> {
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
