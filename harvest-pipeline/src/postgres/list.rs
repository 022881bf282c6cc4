//! Lists of records, a page at a time, by source and identifier.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};
use sqlx::{Postgres, QueryBuilder};

use super::read::{COLUMNS, JOINED};
use super::{PostgresCatalogue, text};
use crate::batch::SourceId;
use crate::catalogue::words::Search;
use crate::catalogue::{Query, RecordQuery, StoredRecord};
use crate::error::RunError;
use crate::store::Page;

/// How many records are read at a time. A page and not an open cursor, so that a slow reader does
/// not keep the server from tidying up.
pub(super) const PAGE_ROWS: usize = 128;
/// How many records are looked through before the index is asked.
const LOOK: usize = 1000;

impl PostgresCatalogue {
    pub(super) async fn found(
        &self,
        source: &SourceId,
        identifier: &str,
    ) -> Result<Option<StoredRecord>, RunError> {
        if !text::is_storable(identifier) || !text::is_storable(source.as_str()) {
            return Ok(None);
        }
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(COLUMNS).push(" FROM sources s JOIN records r ON r.source = s.id ").push(JOINED);
        sql.push(" WHERE s.name = ").push_bind(source.as_str());
        sql.push(" AND r.identifier = ").push_bind(identifier);
        Ok(self.read(sql).await?.pop())
    }

    pub(super) fn walked(&self, query: Query) -> BoxStream<'_, Result<StoredRecord, RunError>> {
        let query = RecordQuery {
            source: query.source,
            deleted: query.live_only.then_some(false),
            page: Page::first(PAGE_ROWS),
            ..RecordQuery::default()
        };
        stream::try_unfold((query, VecDeque::new()), async |(mut query, mut page)| {
            if page.is_empty() {
                page = VecDeque::from(self.listed(&query).await?);
                let last = page.back().map(|it: &StoredRecord| (&it.source, &it.identifier));
                query.page.after = last.map(|(source, it)| (source.clone(), it.clone()));
            }
            Ok(page.pop_front().map(|record| (record, (query, page))))
        })
        .boxed()
    }

    pub(super) async fn listed(&self, query: &RecordQuery) -> Result<Vec<StoredRecord>, RunError> {
        let Some(search) = query.text.as_deref().and_then(Search::read) else {
            return self.selected(|sql| push_walked(sql, query, query.page.limit)).await;
        };
        // Common words are found in the first records; where they are rare, the index has few.
        let words = search.tsquery();
        let found = self.selected(|sql| push_looked_through(sql, query, &words)).await?;
        if found.len() >= query.page.limit {
            return Ok(found);
        }
        self.selected(|sql| push_found(sql, query, &words)).await
    }

    /// The records whose rows this selects.
    async fn selected(
        &self,
        push: impl FnOnce(&mut QueryBuilder<Postgres>) + Send,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(COLUMNS).push(" FROM (");
        push(&mut sql);
        sql.push(") r JOIN sources s ON s.id = r.source ").push(JOINED);
        sql.push(" ORDER BY s.name, r.identifier");
        self.read(sql).await
    }

    pub(super) async fn read(
        &self,
        mut sql: QueryBuilder<Postgres>,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let mut conn = self.reader().await?;
        let rows = sql.build().fetch_all(&mut *conn).await;
        let rows = rows.map_err(|error| self.unreadable(error))?;
        self.decode(&mut conn, &rows).await
    }
}

/// Selects the first so many records, of one source after the other, each in its order.
fn push_walked(sql: &mut QueryBuilder<Postgres>, query: &RecordQuery, most: usize) {
    sql.push("SELECT r.*, s.name FROM (SELECT id, name FROM sources s WHERE ");
    // Sources without any are not even looked at.
    sql.push(match query.deleted {
        None => "s.live + s.tombstones > 0",
        Some(false) => "s.live > 0",
        Some(true) => "s.tombstones > 0",
    });
    push_source(sql, query);
    let after = query.page.after.as_ref();
    if let Some((source, _)) = after {
        sql.push(" AND s.name >= ").push_bind(text::shown(source.as_str()).into_owned());
    }
    sql.push(") s CROSS JOIN LATERAL (SELECT * FROM records r WHERE r.source = s.id");
    if let Some((source, identifier)) = after {
        let source = text::shown(source.as_str()).into_owned();
        let identifier = text::shown(identifier).into_owned();
        sql.push(" AND r.identifier >= CASE WHEN s.name = ").push_bind(source.clone());
        sql.push(" THEN ").push_bind(identifier.clone()).push(" ELSE '' END");
        sql.push(" AND NOT (s.name = ").push_bind(source);
        sql.push(" AND r.identifier = ").push_bind(identifier).push(")");
    }
    push_conditions(sql, query);
    sql.push(" ORDER BY r.identifier LIMIT ").push_bind(as_limit(most));
    sql.push(") r ORDER BY s.name, r.identifier LIMIT ").push_bind(as_limit(most));
}

/// Selects those of the first records that have these words.
fn push_looked_through(sql: &mut QueryBuilder<Postgres>, query: &RecordQuery, words: &str) {
    sql.push("SELECT r.* FROM (");
    push_walked(sql, query, LOOK);
    sql.push(") r JOIN record_words w ON w.record = r.id WHERE w.words @@ ");
    sql.push_bind(words.to_owned()).push("::tsquery");
    sql.push(" ORDER BY r.name, r.identifier LIMIT ").push_bind(limit(query));
}

/// Selects the records that have these words, wherever they are.
fn push_found(sql: &mut QueryBuilder<Postgres>, query: &RecordQuery, words: &str) {
    sql.push(
        "SELECT r.* FROM record_words w JOIN records r ON r.id = w.record
         JOIN sources s ON s.id = r.source WHERE w.words @@ ",
    );
    sql.push_bind(words.to_owned()).push("::tsquery");
    push_source(sql, query);
    if let Some((source, identifier)) = query.page.after.as_ref() {
        sql.push(" AND (s.name, r.identifier) > (");
        sql.push_bind(text::shown(source.as_str()).into_owned()).push(", ");
        sql.push_bind(text::shown(identifier).into_owned()).push(")");
    }
    push_conditions(sql, query);
    sql.push(" ORDER BY s.name, r.identifier LIMIT ").push_bind(limit(query));
}

/// Conditions on sources `s`.
fn push_source(sql: &mut QueryBuilder<Postgres>, query: &RecordQuery) {
    if let Some(source) = &query.source {
        sql.push(" AND s.name = ").push_bind(text::shown(source.as_str()).into_owned());
    }
    if let Some(run) = query.run {
        sql.push(" AND s.id = (SELECT source FROM runs WHERE id = ").push_bind(run.0).push(")");
    }
}

/// Conditions on records `r`.
fn push_conditions(sql: &mut QueryBuilder<Postgres>, query: &RecordQuery) {
    match query.deleted {
        Some(true) => sql.push(" AND r.deleted"),
        Some(false) => sql.push(" AND NOT r.deleted"),
        None => &mut *sql,
    };
    if let Some(run) = query.run {
        sql.push(" AND r.page IN (SELECT id FROM pages WHERE NOT undoes AND run = ");
        sql.push_bind(run.0).push(")");
    }
}

fn limit(query: &RecordQuery) -> i64 {
    as_limit(query.page.limit)
}

/// A limit as PostgreSQL takes it.
pub(super) fn as_limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
