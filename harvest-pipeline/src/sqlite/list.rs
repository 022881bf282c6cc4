//! Lists of records for people: a page at a time, by source and identifier.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::SqliteCatalogue;
use super::read::select_records;
use crate::batch::SourceId;
use crate::catalogue::prepare::json;
use crate::catalogue::words::Search;
use crate::catalogue::{RecordQuery, StoredRecord};
use crate::error::RunError;
use crate::run::RunId;

/// If a run changed no more than so many records, they are found by their pages and sorted; else the
/// records are looked through in their order.
const FEW: i64 = 10_000;

impl SqliteCatalogue {
    pub(super) async fn listed(&self, query: &RecordQuery) -> Result<Vec<StoredRecord>, RunError> {
        match query.text.as_deref().and_then(Search::read) {
            Some(search) => self.searched(query, &search).await,
            None => self.listed_plainly(query).await,
        }
    }

    /// Whatever the query says of words.
    pub(super) async fn listed_plainly(
        &self,
        query: &RecordQuery,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let mut records = Vec::new();
        let sources = self.candidates(query).await.map_err(|error| self.unreadable(error))?;
        for (id, source) in sources {
            let room = query.page.limit - records.len();
            if room == 0 {
                break;
            }
            let after = after(query, &source);
            let found = self.walk(id, query, after, room).await;
            let found = found.map_err(|error| self.unreadable(error))?;
            records.extend(self.named(id, &source, &found).await?);
        }
        Ok(records)
    }

    /// These records, in order.
    pub(super) async fn named(
        &self,
        id: i64,
        source: &SourceId,
        identifiers: &[String],
    ) -> Result<Vec<StoredRecord>, RunError> {
        if identifiers.is_empty() {
            return Ok(Vec::new());
        }
        let query = concat!(
            select_records!(),
            "WHERE r.source = ?1 AND r.identifier IN (SELECT value FROM json_each(?2))
             ORDER BY r.identifier"
        );
        let query = sqlx::query(query).bind(id).bind(json(&identifiers));
        let rows: sqlx::Result<Vec<SqliteRow>> = query.fetch_all(&self.0.readers).await;
        self.decode(&rows.map_err(|error| self.unreadable(error))?, source).await
    }

    /// The first sources that have records of those that may be listed, in order: as many as a page
    /// can be from.
    async fn candidates(&self, query: &RecordQuery) -> sqlx::Result<Vec<(i64, SourceId)>> {
        let mut sql = QueryBuilder::new("SELECT id, name FROM sources WHERE ");
        sql.push(match query.deleted {
            None => "live + tombstones > 0",
            Some(false) => "live > 0",
            Some(true) => "tombstones > 0",
        });
        narrow_sources(&mut sql, query);
        // All but the first have a record behind the page before.
        sql.push(" ORDER BY name LIMIT ").push_bind(as_limit(query.page.limit.saturating_add(1)));
        self.read_sources(sql).await
    }

    /// Ids and names of sources.
    pub(super) async fn read_sources(
        &self,
        mut sql: QueryBuilder<Sqlite>,
    ) -> sqlx::Result<Vec<(i64, SourceId)>> {
        let rows = sql.build().fetch_all(&self.0.readers).await?;
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
        let few = match query.run {
            Some(run) => self.changed_by(run).await? <= FEW,
            None => false,
        };
        let mut sql = QueryBuilder::new("SELECT r.identifier FROM ");
        sql.push(match (few, query.deleted) {
            (true, _) => "pages p CROSS JOIN records r ON r.page = p.id",
            (false, Some(true)) => "records r INDEXED BY records_deleted",
            (false, _) => "records r",
        });
        sql.push(" WHERE r.source = ").push_bind(source);
        if let (true, Some(run)) = (few, query.run) {
            sql.push(" AND p.run = ").push_bind(run.0);
        }
        narrow(&mut sql, query);
        within(&mut sql, after, limit);
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

/// The identifier behind which the page begins, if that is in this source.
pub(super) fn after<'q>(query: &'q RecordQuery, source: &SourceId) -> Option<&'q str> {
    let after = query.page.after.as_ref().filter(|(last, _)| last == source);
    after.map(|(_, identifier)| &**identifier)
}

/// Leaves those of `records r` that the query asks for, whatever it says of words.
pub(super) fn narrow(sql: &mut QueryBuilder<Sqlite>, query: &RecordQuery) {
    match query.deleted {
        Some(true) => {
            sql.push(" AND r.deleted");
        }
        Some(false) => {
            sql.push(" AND NOT r.deleted");
        }
        None => {}
    }
    narrow_to_run(sql, query);
}

/// Leaves those of `records r` that the run of the query changed, if it has one.
pub(super) fn narrow_to_run(sql: &mut QueryBuilder<Sqlite>, query: &RecordQuery) {
    if let Some(run) = query.run {
        sql.push(" AND EXISTS (SELECT 1 FROM pages g WHERE g.id = r.page AND NOT g.undoes");
        sql.push(" AND g.run = ").push_bind(run.0).push(")");
    }
}

/// Leaves those of `sources` that the page may be from.
pub(super) fn narrow_sources(sql: &mut QueryBuilder<Sqlite>, query: &RecordQuery) {
    if let Some((source, _)) = &query.page.after {
        sql.push(" AND name >= ").push_bind(source.as_str().to_owned());
    }
    if let Some(source) = &query.source {
        sql.push(" AND name = ").push_bind(source.as_str().to_owned());
    }
    if let Some(run) = query.run {
        sql.push(" AND id = (SELECT source FROM runs WHERE id = ").push_bind(run.0).push(")");
    }
}

/// So many identifiers of `records r`, in order.
pub(super) fn within(sql: &mut QueryBuilder<Sqlite>, after: Option<&str>, limit: usize) {
    // Even the empty string is an identifier.
    sql.push(if after.is_none() { " AND r.identifier >= " } else { " AND r.identifier > " });
    sql.push_bind(after.unwrap_or_default().to_owned());
    sql.push(" ORDER BY r.identifier LIMIT ");
    sql.push_bind(as_limit(limit));
}

/// A limit as SQLite takes it.
pub(super) fn as_limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
