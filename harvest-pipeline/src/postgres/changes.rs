//! What came into the catalogue, in the order in which it came.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};

use super::read::{COLUMNS, JOINED, list, time};
use super::{PostgresCatalogue, text};
use crate::batch::SourceId;
use crate::catalogue::{ChangeQuery, Changes, MOST_SHAPES, Shape, Span, StoredRecord, Touched};
use crate::error::RunError;

/// How many records get a new time in one transaction.
const TOUCHED_AT_ONCE: i64 = 1000;

impl PostgresCatalogue {
    async fn touch_once(
        &self,
        source: &SourceId,
        which: Touched<'_>,
        begun: i64,
    ) -> sqlx::Result<u64> {
        let mut sql = QueryBuilder::<Postgres>::new("UPDATE records SET changed = ");
        sql.push_bind(begun.max(Utc::now().timestamp()));
        sql.push(" WHERE id IN (SELECT r.id FROM records r JOIN sources s ON s.id = r.source");
        sql.push(" WHERE s.name = ").push_bind(text::shown(source.as_str()).into_owned());
        sql.push(" AND r.changed < ").push_bind(begun);
        match which {
            Touched::Items(items) => {
                let items = items.iter().map(|item| text::shown(item).into_owned());
                sql.push(" AND r.identifier = ANY (");
                sql.push_bind(items.collect::<Vec<_>>()).push(")");
            }
            Touched::Set(set) => push_set(&mut sql, set),
            Touched::Since(None) => {}
            Touched::Since(Some(since)) => {
                sql.push(" AND r.changed >= ").push_bind(since.timestamp());
            }
        }
        sql.push(" LIMIT ").push_bind(TOUCHED_AT_ONCE).push(" FOR UPDATE OF r)");
        Ok(sql.build().execute(&self.0.pool).await?.rows_affected())
    }
}

#[async_trait]
impl Changes for PostgresCatalogue {
    async fn changes(
        &self,
        source: &SourceId,
        query: &ChangeQuery,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(COLUMNS).push(" FROM (SELECT r.* FROM records r");
        push_selected(&mut sql, source, query);
        if let Some((time, identifier)) = &query.after {
            sql.push(" AND (r.changed, r.identifier) > (").push_bind(time.timestamp());
            sql.push(", ").push_bind(text::shown(identifier).into_owned()).push(")");
        }
        sql.push(" ORDER BY r.changed, r.identifier LIMIT ");
        sql.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        sql.push(") r JOIN sources s ON s.id = r.source ").push(JOINED);
        sql.push(" ORDER BY r.changed, r.identifier");
        self.read(sql).await
    }

    async fn count_changes(&self, source: &SourceId, query: &ChangeQuery) -> Result<u64, RunError> {
        let mut sql = QueryBuilder::new("SELECT count(*) FROM records r");
        push_selected(&mut sql, source, query);
        let row = sql.build().fetch_one(&self.0.pool).await;
        row.and_then(|row| row.try_get::<i64, _>(0))
            .map(i64::unsigned_abs)
            .map_err(|error| self.unreadable(error))
    }

    async fn spans(&self) -> Result<Vec<Span>, RunError> {
        let query = "SELECT s.name, a.changed, z.changed FROM sources s
             CROSS JOIN LATERAL (SELECT changed FROM records r WHERE r.source = s.id
                ORDER BY r.changed, r.identifier LIMIT 1) a
             CROSS JOIN LATERAL (SELECT changed FROM records r WHERE r.source = s.id
                ORDER BY r.changed DESC, r.identifier DESC LIMIT 1) z
             ORDER BY s.name";
        let rows = sqlx::query(query).fetch_all(&self.0.pool).await;
        let span = |row: &PgRow| {
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
             WHERE source = (SELECT id FROM sources WHERE name = $1)
             GROUP BY format, sets ORDER BY format, sets LIMIT $2";
        let query = sqlx::query(query).bind(text::shown(source.as_str())).bind(MOST_SHAPES);
        let rows = query.fetch_all(&self.0.pool).await;
        let shape = |row: &PgRow| {
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
        let query = "SELECT identifier FROM records
             WHERE source = (SELECT id FROM sources WHERE name = $1) AND NOT deleted
               AND ($2::text IS NULL OR identifier > $2)
             ORDER BY identifier LIMIT $3";
        let rows = sqlx::query(query)
            .bind(text::shown(source.as_str()))
            .bind(after.map(text::shown))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.0.pool)
            .await;
        rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
            .map_err(|error| self.unreadable(error))
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
            let touched = touched.map_err(self.cannot("let records count as changed"))?;
            all += touched;
            if touched == 0 {
                return Ok(all);
            }
        }
    }
}

/// The records `r` of a query.
fn push_selected(sql: &mut QueryBuilder<Postgres>, source: &SourceId, query: &ChangeQuery) {
    sql.push(" WHERE r.source = (SELECT id FROM sources WHERE name = ");
    sql.push_bind(text::shown(source.as_str()).into_owned()).push(")");
    let after = query.after.as_ref().map(|(time, _)| *time);
    if let Some(from) = query.from.max(after) {
        sql.push(" AND r.changed >= ").push_bind(from.timestamp());
    }
    if let Some(until) = query.until {
        sql.push(" AND r.changed <= ").push_bind(until.timestamp());
    }
    if let Some(set) = &query.set {
        push_set(sql, set);
    }
    if let Some(format) = &query.format {
        sql.push(" AND (r.deleted OR r.format = ");
        sql.push_bind(text::shown(format).into_owned()).push(")");
    }
}

/// Records `r` in this set, or in one below it.
fn push_set(sql: &mut QueryBuilder<Postgres>, set: &str) {
    let set = text::shown(set).into_owned();
    sql.push(" AND EXISTS (SELECT 1 FROM json_array_elements_text(r.sets::json) e(value)");
    sql.push(" WHERE e.value = ").push_bind(set.clone());
    sql.push(" OR starts_with(e.value, ").push_bind(format!("{set}:")).push("))");
}
