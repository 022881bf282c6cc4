//! Lists of records for people: a page at a time, by source and identifier.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::SqliteCatalogue;
use super::prepare::json;
use super::read::select_records;
use crate::batch::SourceId;
use crate::catalogue::{RecordQuery, StoredRecord};
use crate::error::RunError;
use crate::run::RunId;

/// If a run changed no more than so many records, they are sorted; else the records are looked
/// through in their order until enough of them are found.
const FEW: i64 = 10_000;

impl SqliteCatalogue {
    pub(super) async fn listed(&self, query: &RecordQuery) -> Result<Vec<StoredRecord>, RunError> {
        let mut records = Vec::new();
        let keys = self.keys(query).await.map_err(|error| self.unreadable(error))?;
        for (id, source, identifiers) in keys {
            let rows = self.rows(id, &identifiers).await;
            let rows = rows.map_err(|error| self.unreadable(error))?;
            records.extend(self.decode(&rows, &source).await?);
        }
        Ok(records)
    }

    async fn rows(&self, source: i64, identifiers: &[String]) -> sqlx::Result<Vec<SqliteRow>> {
        let query = concat!(
            select_records!(),
            "WHERE r.source = ?1 AND r.identifier IN (SELECT value FROM json_each(?2))
             ORDER BY r.identifier"
        );
        let query = sqlx::query(query).bind(source).bind(json(&identifiers));
        query.fetch_all(&self.0.readers).await
    }

    /// The records to list, in order.
    async fn keys(&self, query: &RecordQuery) -> sqlx::Result<Vec<(i64, SourceId, Vec<String>)>> {
        let mut keys = Vec::new();
        let mut room = query.page.limit;
        for (id, source) in self.candidates(query).await? {
            if room == 0 {
                break;
            }
            let after = query.page.after.as_ref();
            let after = after.filter(|(last, _)| *last == source).map(|(_, after)| &**after);
            let found = self.walk(id, query, after, room).await?;
            room -= found.len();
            if !found.is_empty() {
                keys.push((id, source, found));
            }
        }
        Ok(keys)
    }

    /// The sources whose records may be listed, in order.
    async fn candidates(&self, query: &RecordQuery) -> sqlx::Result<Vec<(i64, SourceId)>> {
        let select = "SELECT id, name FROM sources
             WHERE (?1 IS NULL OR name = ?1) AND name >= ?2
               AND (?3 IS NULL OR id = (SELECT source FROM runs WHERE id = ?3))
             ORDER BY name";
        let rows = sqlx::query(select)
            .bind(query.source.as_ref().map(SourceId::as_str))
            .bind(query.page.after.as_ref().map_or("", |(source, _)| source.as_str()))
            .bind(query.run.map(|run| run.0))
            .fetch_all(&self.0.readers)
            .await?;
        let sources = rows.iter().map(|row| {
            let name: String = row.try_get(1)?;
            Ok((row.try_get(0)?, name.into()))
        });
        sources.collect()
    }

    /// Up to `limit` identifiers of a source, in order.
    async fn walk(
        &self,
        source: i64,
        query: &RecordQuery,
        after: Option<&str>,
        limit: usize,
    ) -> sqlx::Result<Vec<String>> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT r.identifier FROM ");
        match query.run {
            Some(run) if self.changed_by(run).await? <= FEW => {
                sql.push("pages g CROSS JOIN records r ON r.page = g.id AND r.source = ");
                sql.push_bind(source);
                sql.push(" WHERE NOT g.undoes AND g.run = ").push_bind(run.0);
            }
            run => {
                sql.push("records r ");
                if query.deleted == Some(true) {
                    sql.push("INDEXED BY records_deleted ");
                }
                sql.push("WHERE r.source = ").push_bind(source);
                if let Some(run) = run {
                    sql.push(" AND EXISTS (SELECT 1 FROM pages g WHERE g.id = r.page");
                    sql.push(" AND NOT g.undoes AND g.run = ").push_bind(run.0).push(")");
                }
            }
        }
        match query.deleted {
            Some(true) => sql.push(" AND r.deleted"),
            Some(false) => sql.push(" AND NOT r.deleted"),
            None => &mut sql,
        };
        // Even the empty string is an identifier.
        sql.push(if after.is_none() { " AND r.identifier >= " } else { " AND r.identifier > " });
        sql.push_bind(after.unwrap_or_default());
        sql.push(" ORDER BY r.identifier LIMIT ");
        sql.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = sql.build().fetch_all(&self.0.readers).await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }

    /// How many records a run changed, or a few more.
    async fn changed_by(&self, run: RunId) -> sqlx::Result<i64> {
        let query =
            "SELECT ifnull(sum(created + updated + unchanged + deleted + skipped_deleted), 0)
             FROM runs WHERE id = ?";
        sqlx::query(query).bind(run.0).fetch_one(&self.0.readers).await?.try_get(0)
    }
}
