//! Lists of records for people: a page at a time, by source and identifier.
//!
//! What is asked for is either rare or common. If it is rare, all of it is found by an index and
//! then sorted; if it is common, the records are looked through in their order until the page is
//! full. So neither takes long, whatever the number of records.

use std::collections::HashSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::read::select_records;
use super::{SqliteCatalogue, index};
use crate::batch::SourceId;
use crate::catalogue::prepare::json;
use crate::catalogue::words;
use crate::catalogue::{RecordQuery, StoredRecord};
use crate::error::RunError;
use crate::run::RunId;

/// What is found no more than so many times is rare.
const RARE: i64 = 10_000;
/// How many parts of the index are brought up to date before it is searched. If more is missing,
/// there is a large harvest going on.
const CATCH_UP: usize = 5;

impl SqliteCatalogue {
    pub(super) async fn listed(&self, query: &RecordQuery) -> Result<Vec<StoredRecord>, RunError> {
        let expression = query.text.as_deref().and_then(words::expression);
        if expression.is_some() {
            for _ in 0..CATCH_UP {
                if !self.index_some().await? {
                    break;
                }
            }
        }
        let mut records = Vec::new();
        let keys = self
            .keys(query, expression.as_deref())
            .await
            .map_err(|error| self.unreadable(error))?;
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
    async fn keys(
        &self,
        query: &RecordQuery,
        expression: Option<&str>,
    ) -> sqlx::Result<Vec<(i64, SourceId, Vec<String>)>> {
        let mut keys = Vec::new();
        let mut room = query.page.limit;
        let sources = match expression {
            Some(expression) => self.sources_with(expression).await?,
            None => None,
        };
        for (id, source) in self.candidates(query).await? {
            if room == 0 {
                break;
            }
            if sources.as_ref().is_some_and(|sources| !sources.contains(&id)) {
                continue;
            }
            let after = query.page.after.as_ref();
            let after = after.filter(|(last, _)| *last == source).map(|(_, after)| &**after);
            let found = self.walk(id, query, expression, after, room).await?;
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
        expression: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> sqlx::Result<Vec<String>> {
        let expression = expression
            .map(|expression| format!("\"{}\" AND {expression}", index::source_word(source)));
        let rare_words = match &expression {
            Some(expression) => self.found(expression).await? <= RARE,
            None => false,
        };
        let rare_run = match query.run {
            Some(run) => !rare_words && self.changed_by(run).await? <= RARE,
            None => false,
        };
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT r.identifier FROM ");
        match &expression {
            Some(expression) if rare_words => {
                sql.push("search_words w CROSS JOIN search_records t ON t.id = w.rowid ");
                sql.push("CROSS JOIN records r ON r.source = t.source ");
                sql.push("AND r.identifier = t.identifier WHERE w.search_words MATCH ");
                sql.push_bind(expression);
            }
            _ if rare_run => {
                sql.push("pages g CROSS JOIN records r ON r.page = g.id WHERE NOT g.undoes");
            }
            _ if query.deleted == Some(true) => {
                sql.push("records r INDEXED BY records_deleted WHERE TRUE");
            }
            _ => {
                sql.push("records r WHERE TRUE");
            }
        }
        match query.run {
            Some(run) if rare_run => {
                sql.push(" AND g.run = ").push_bind(run.0);
            }
            Some(run) => {
                sql.push(" AND EXISTS (SELECT 1 FROM pages g WHERE g.id = r.page");
                sql.push(" AND NOT g.undoes AND g.run = ").push_bind(run.0).push(")");
            }
            None => {}
        }
        if let Some(expression) = expression.as_deref().filter(|_| !rare_words) {
            sql.push(" AND EXISTS (SELECT 1 FROM search_records t CROSS JOIN search_words w");
            sql.push(" WHERE t.source = r.source AND t.identifier = r.identifier");
            sql.push(" AND w.rowid = t.id AND w.search_words MATCH ");
            sql.push_bind(expression.to_owned()).push(")");
        }
        sql.push(" AND r.source = ").push_bind(source);
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

    /// How many records have these words, or a few more than are [`RARE`].
    async fn found(&self, expression: &str) -> sqlx::Result<i64> {
        let query = "SELECT count(*) FROM
             (SELECT 1 FROM search_words WHERE search_words MATCH ? LIMIT ?)";
        let query = sqlx::query(query).bind(expression).bind(RARE + 1);
        query.fetch_one(&self.0.readers).await?.try_get(0)
    }

    /// The sources that have these words; `None` if the words are common.
    async fn sources_with(&self, expression: &str) -> sqlx::Result<Option<HashSet<i64>>> {
        if self.found(expression).await? > RARE {
            return Ok(None);
        }
        let query = "SELECT DISTINCT t.source FROM search_words w
             CROSS JOIN search_records t ON t.id = w.rowid WHERE w.search_words MATCH ?";
        let rows = sqlx::query(query).bind(expression).fetch_all(&self.0.readers).await?;
        rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map(Some)
    }
}
