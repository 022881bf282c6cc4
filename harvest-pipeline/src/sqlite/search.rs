//! Lists of the records that have some words.
//!
//! Words are either common or rare. If they are common, the records are looked through in their order
//! until the page is full; if they are rare, the index has all that have them, and they are sorted.
//! Which it is shows when the first records are looked through. So neither takes long, whatever the
//! number of records.

use std::collections::HashSet;

use sqlx::{QueryBuilder, Row};

use super::SqliteCatalogue;
use super::index::source_word;
use super::list::{after, narrow, within};
use crate::catalogue::words::{Search, Words};
use crate::catalogue::{RecordQuery, StoredRecord};
use crate::error::RunError;

/// How many records are looked through at once.
const LOOK: usize = 128;
/// How many identifiers the index gives at once.
const MATCHES: usize = 2000;
/// How many records the index has found and sorted in the time in which one is looked through.
const FASTER: f64 = 6.0;
/// How many parts of the index are brought up to date before it is asked. If more is missing, there
/// is a large harvest going on.
const CATCH_UP: usize = 5;

impl SqliteCatalogue {
    pub(super) async fn searched(
        &self,
        query: &RecordQuery,
        search: &Search,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let limit = query.page.limit;
        let all = self.stock().await.map_err(|error| self.unreadable(error))?;
        let mut rest = query.clone();
        let (mut found, mut looked) = (Vec::new(), 0);
        loop {
            rest.page.limit = LOOK;
            let records = self.listed_plainly(&rest).await?;
            looked += records.len();
            let is_last = records.len() < LOOK;
            if let Some(last) = records.last() {
                rest.page.after = Some((last.source.clone(), last.identifier.clone()));
            }
            found.extend(records.into_iter().filter(|record| has(record, search)));
            if is_last || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            let missing = limit - found.len();
            let share = (found.len() as f64).max(0.5) / looked as f64;
            if missing as f64 / share * FASTER > share * all {
                rest.page.limit = missing;
                found.extend(self.indexed(&rest, search).await?);
                return Ok(found);
            }
        }
    }

    /// What the index has.
    async fn indexed(
        &self,
        query: &RecordQuery,
        search: &Search,
    ) -> Result<Vec<StoredRecord>, RunError> {
        for _ in 0..CATCH_UP {
            if !self.index_some().await? {
                break;
            }
        }
        let expression = search.expression();
        let unreadable = |error| self.unreadable(error);
        let having = self.sources_with(&expression).await.map_err(unreadable)?;
        let mut records = Vec::new();
        let mut sources = self.candidates(query).await.map_err(unreadable)?;
        sources.retain(|(id, _)| having.contains(id));
        for (id, source) in sources {
            let mut after = after(query, &source).map(str::to_owned);
            loop {
                let part = self.matching(id, query, &expression, after.as_deref()).await;
                let part = part.map_err(unreadable)?;
                for some in part.chunks(LOOK) {
                    // The index may be a little behind, or know less.
                    let found = self.named(id, &source, some).await?;
                    let room = query.page.limit - records.len();
                    records.extend(found.into_iter().filter(|it| has(it, search)).take(room));
                    if records.len() == query.page.limit {
                        return Ok(records);
                    }
                }
                if part.len() < MATCHES {
                    break;
                }
                after = part.into_iter().next_back();
            }
        }
        Ok(records)
    }

    /// Up to [`MATCHES`] identifiers of a source that match, in order.
    async fn matching(
        &self,
        source: i64,
        query: &RecordQuery,
        expression: &str,
        after: Option<&str>,
    ) -> sqlx::Result<Vec<String>> {
        let mut sql = QueryBuilder::new("SELECT r.identifier FROM search_words w CROSS JOIN ");
        sql.push(if query.deleted.is_none() && query.run.is_none() {
            // Not the records themselves: they are large.
            "search_records r ON r.id = w.rowid"
        } else {
            "search_records t ON t.id = w.rowid
             CROSS JOIN records r ON r.source = t.source AND r.identifier = t.identifier"
        });
        sql.push(" WHERE w.search_words MATCH ");
        sql.push_bind(format!("\"{}\" AND {expression}", source_word(source)));
        sql.push(" AND r.source = ").push_bind(source);
        narrow(&mut sql, query);
        within(&mut sql, after, MATCHES);
        let rows = sql.build().fetch_all(&self.0.readers).await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }

    /// The sources that have records that match.
    async fn sources_with(&self, expression: &str) -> sqlx::Result<HashSet<i64>> {
        let query = "SELECT DISTINCT t.source FROM search_words w
             CROSS JOIN search_records t ON t.id = w.rowid WHERE w.search_words MATCH ?";
        let rows = sqlx::query(query).bind(expression).fetch_all(&self.0.readers).await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }

    /// How many records there are.
    async fn stock(&self) -> sqlx::Result<f64> {
        let query = "SELECT total(live + tombstones) FROM sources";
        sqlx::query(query).fetch_one(&self.0.readers).await?.try_get(0)
    }
}

fn has(record: &StoredRecord, search: &Search) -> bool {
    let mut words = Words::default();
    words.add(&record.identifier);
    record.sets.iter().for_each(|set| words.add(set));
    if let Some(metadata) = &record.metadata {
        words.add_xml(metadata);
    }
    search.is_in(&words)
}
