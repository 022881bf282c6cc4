//! What came into the catalogue, in the order in which it came.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::read::{list, select_records, time};
use super::{SqliteCatalogue, failed};
use crate::batch::SourceId;
use crate::catalogue::prepare::json;
use crate::catalogue::{ChangeQuery, Changes, MOST_SHAPES, Shape, Span, StoredRecord, Touched};
use crate::error::RunError;

/// How many records get a new time in one transaction.
const TOUCHED_AT_ONCE: i64 = 1000;

/// The records `r` of a query: `?1` is the source, `?2` and `?3` the ends of the time span, `?4` a set,
/// `?5` a format.
const SELECTED: &str = "JOIN sources s ON s.id = r.source AND s.name = ?1
     WHERE r.changed BETWEEN ?2 AND ?3
       AND (?4 IS NULL OR EXISTS (SELECT 1 FROM json_each(r.sets) e
            WHERE e.value = ?4 OR substr(e.value, 1, length(?4) + 1) = ?4 || ':'))
       AND (?5 IS NULL OR r.deleted OR r.format = ?5)";

impl SqliteCatalogue {
    async fn touch_once(
        &self,
        source: &SourceId,
        which: Touched<'_>,
        begun: i64,
    ) -> sqlx::Result<u64> {
        let (condition, argument) = match which {
            Touched::Items(items) => {
                ("r.identifier IN (SELECT value FROM json_each(?3))", json(&items))
            }
            Touched::Set(set) => (
                "EXISTS (SELECT 1 FROM json_each(r.sets) e
                    WHERE e.value = ?3 OR substr(e.value, 1, length(?3) + 1) = ?3 || ':')",
                set.to_owned(),
            ),
            Touched::Since(since) => (
                "r.changed >= CAST(?3 AS INTEGER)",
                since.map_or(i64::MIN, |since| since.timestamp()).to_string(),
            ),
        };
        let query = format!(
            "UPDATE records SET changed = ?1 WHERE source = (SELECT id FROM sources WHERE name = ?2)
                AND identifier IN (SELECT r.identifier FROM records r
                    WHERE r.source = (SELECT id FROM sources WHERE name = ?2)
                        AND r.changed < ?4 AND {condition} LIMIT {TOUCHED_AT_ONCE})"
        );
        let mut writer = self.0.writer.lock().await;
        let touched = sqlx::query(AssertSqlSafe(query))
            .bind(begun.max(Utc::now().timestamp()))
            .bind(source.as_str())
            .bind(argument)
            .bind(begun)
            .execute(&mut *writer)
            .await?;
        Ok(touched.rows_affected())
    }
}

#[async_trait]
impl Changes for SqliteCatalogue {
    async fn changes(
        &self,
        source: &SourceId,
        query: &ChangeQuery,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let sql = format!(
            "{}{SELECTED} AND (r.changed, r.identifier) > (?6, ?7)
             ORDER BY r.changed, r.identifier LIMIT ?8",
            select_records!()
        );
        let (from, until) = ends(query);
        let after = query.after.as_ref();
        let begin = after.map_or(i64::MIN, |(time, _)| time.timestamp());
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(source.as_str())
            .bind(from.max(begin))
            .bind(until)
            .bind(query.set.as_deref())
            .bind(query.format.as_deref())
            .bind(begin)
            .bind(after.map_or("", |(_, identifier)| identifier))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.0.readers)
            .await
            .map_err(|error| self.unreadable(error))?;
        self.decode(&rows, source).await
    }

    async fn count_changes(&self, source: &SourceId, query: &ChangeQuery) -> Result<u64, RunError> {
        let sql = format!("SELECT count(*) FROM records r {SELECTED}");
        let (from, until) = ends(query);
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(source.as_str())
            .bind(from)
            .bind(until)
            .bind(query.set.as_deref())
            .bind(query.format.as_deref())
            .fetch_one(&self.0.readers)
            .await;
        row.and_then(|row| row.try_get::<i64, _>(0))
            .map(i64::unsigned_abs)
            .map_err(|error| self.unreadable(error))
    }

    async fn spans(&self) -> Result<Vec<Span>, RunError> {
        let query = "SELECT name, first, last FROM (SELECT s.name,
                (SELECT min(changed) FROM records r WHERE r.source = s.id) AS first,
                (SELECT max(changed) FROM records r WHERE r.source = s.id) AS last
             FROM sources s) WHERE first IS NOT NULL ORDER BY name";
        let rows = sqlx::query(query).fetch_all(&self.0.readers).await;
        let span = |row: &SqliteRow| {
            Ok(Span {
                source: row.try_get::<String, _>(0)?.into(),
                first: time(row.try_get(1)?),
                last: time(row.try_get(2)?),
            })
        };
        rows.and_then(|rows| rows.iter().map(span).collect())
            .map_err(|error| self.unreadable(error))
    }

    async fn shapes(&self, source: &SourceId) -> Result<Vec<Shape>, RunError> {
        let query = "SELECT format, sets, min(identifier) AS example FROM records
             WHERE source = (SELECT id FROM sources WHERE name = ?1)
             GROUP BY format, sets ORDER BY format, sets LIMIT ?2";
        let query = sqlx::query(query).bind(source.as_str()).bind(MOST_SHAPES);
        let rows = query.fetch_all(&self.0.readers).await;
        let shape = |row: &SqliteRow| {
            Ok(Shape {
                format: row.try_get(0)?,
                sets: list(row, "sets")?,
                example: row.try_get(2)?,
            })
        };
        rows.and_then(|rows| rows.iter().map(shape).collect())
            .map_err(|error| self.unreadable(error))
    }

    async fn identifiers_after(
        &self,
        source: &SourceId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, RunError> {
        self.live_identifiers(source, after, limit).await
    }

    async fn touch(
        &self,
        source: &SourceId,
        which: Touched<'_>,
        now: DateTime<Utc>,
    ) -> Result<u64, RunError> {
        let mut all = 0;
        loop {
            let touched = self.touch_once(source, which, now.timestamp()).await;
            let touched = touched.map_err(|error| failed("let records count as changed", error))?;
            all += touched;
            if touched == 0 {
                return Ok(all);
            }
        }
    }
}

/// The first and last second that are asked for.
fn ends(query: &ChangeQuery) -> (i64, i64) {
    (
        query.from.map_or(i64::MIN, |from| from.timestamp()),
        query.until.map_or(i64::MAX, |until| until.timestamp()),
    )
}
