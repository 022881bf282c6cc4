//! Lists of the records that have some words.
//!
//! Words are either common or rare. If they are common, the records are looked through in their order
//! until the page is full; if they are rare, or those that have them are elsewhere, the index knows
//! which sources have any, and what these have is sorted. Which it is shows when the first records are
//! looked through. So neither takes long, whatever the number of records.
//!
//! Nothing is written by that: what the index does not have yet is looked through, as far as it is not
//! much.

use std::collections::BTreeMap;

use sqlx::{QueryBuilder, Row};

use super::SqliteCatalogue;
use super::index::BURIED;
use super::list::{after, narrow, narrow_sources, narrow_to_run, within};
use crate::batch::SourceId;
use crate::catalogue::prepare::json;
use crate::catalogue::words::{Search, Words};
use crate::catalogue::{RecordQuery, StoredRecord};
use crate::error::RunError;

/// How many records are looked through at once.
const LOOK: usize = 128;
/// How many identifiers the index gives at once.
const MATCHES: usize = 2000;
/// How many records the index has found and sorted in the time in which one is looked through.
const FASTER: f64 = 70.0;
/// Of how many sources it gives those of.
const SOURCES: usize = 64;
/// How many records are looked through that the index does not have yet.
const LATE: usize = 500;

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
                found.extend(self.found(&rest, search).await?);
                return Ok(found);
            }
        }
    }

    /// What the index has, and what it does not have yet.
    async fn found(
        &self,
        query: &RecordQuery,
        search: &Search,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let late = self.found_late(query, search).await?;
        let indexed = self.indexed(query, search).await?;
        let key = |it: &StoredRecord| (it.source.clone(), it.identifier.clone());
        let both: BTreeMap<_, _> =
            indexed.into_iter().chain(late).map(|record| (key(&record), record)).collect();
        Ok(both.into_values().take(query.page.limit).collect())
    }

    async fn indexed(
        &self,
        query: &RecordQuery,
        search: &Search,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let expression = match query.deleted {
            None => search.expression(),
            Some(true) => format!("({}) AND \"{BURIED}\"", search.expression()),
            Some(false) => format!("({}) NOT \"{BURIED}\"", search.expression()),
        };
        let mut sql = QueryBuilder::new("SELECT id, name FROM sources WHERE id IN (");
        sql.push("SELECT DISTINCT rowid >> 32 FROM search_words WHERE search_words MATCH ");
        sql.push_bind(expression.clone()).push(")");
        narrow_sources(&mut sql, query);
        sql.push(" ORDER BY name");
        let sources = self.read_sources(sql).await.map_err(|error| self.unreadable(error))?;
        let mut records = Vec::new();
        for some in sources.chunks(SOURCES) {
            let first = some.first().and_then(|(_, source)| after(query, source));
            let mut last = first.map(|identifier| (0, identifier.to_owned()));
            loop {
                let part = self.matching(some, query, &expression, last.as_ref()).await;
                let part = part.map_err(|error| self.unreadable(error))?;
                for matches in part.chunks(LOOK) {
                    records.extend(self.wanted(some, matches, query, search).await?);
                    if records.len() >= query.page.limit {
                        return Ok(records);
                    }
                }
                if part.len() < MATCHES {
                    break;
                }
                last = part.into_iter().next_back();
            }
        }
        Ok(records)
    }

    /// Up to [`MATCHES`] identifiers of these sources that match, each with the place of its source, in
    /// order.
    async fn matching(
        &self,
        sources: &[(i64, SourceId)],
        query: &RecordQuery,
        expression: &str,
        after: Option<&(i64, String)>,
    ) -> sqlx::Result<Vec<(i64, String)>> {
        let ids = json(&sources.iter().map(|(id, _)| id).collect::<Vec<_>>());
        let mut sql =
            QueryBuilder::new("WITH wanted AS MATERIALIZED (SELECT key, value AS source FROM ");
        sql.push("json_each(").push_bind(ids).push(")) SELECT wanted.key, r.identifier");
        sql.push(
            " FROM search_words w CROSS JOIN wanted ON wanted.source = w.rowid >> 32 CROSS JOIN ",
        );
        sql.push(match query.run {
            // Not the records themselves: they are large.
            None => "search_records r ON r.id = w.rowid",
            Some(_) => {
                "search_records t ON t.id = w.rowid
                 CROSS JOIN records r ON r.source = t.source AND r.identifier = t.identifier"
            }
        });
        sql.push(" WHERE w.search_words MATCH ").push_bind(expression.to_owned());
        narrow_to_run(&mut sql, query);
        if let Some((place, identifier)) = after {
            sql.push(" AND (wanted.key, r.identifier) > (").push_bind(*place);
            sql.push(", ").push_bind(identifier.clone()).push(")");
        }
        sql.push(" ORDER BY wanted.key, r.identifier LIMIT ").push_bind(MATCHES as i64);
        let rows = sql.build().fetch_all(&self.0.readers).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Those of the matches that are wanted as they are now: the index may be a little behind, or know
    /// less.
    async fn wanted(
        &self,
        sources: &[(i64, SourceId)],
        matches: &[(i64, String)],
        query: &RecordQuery,
        search: &Search,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let mut records = Vec::new();
        for of_source in matches.chunk_by(|a, b| a.0 == b.0) {
            let place = of_source.first().and_then(|(place, _)| usize::try_from(*place).ok());
            let Some((id, source)) = place.and_then(|place| sources.get(place)) else { continue };
            let identifiers: Vec<_> = of_source.iter().map(|(_, it)| it.clone()).collect();
            let found = self.named(*id, source, &identifiers).await?;
            records.extend(found.into_iter().filter(|it| {
                query.deleted.is_none_or(|deleted| it.deleted == deleted) && has(it, search)
            }));
        }
        Ok(records)
    }

    /// What is found among the records that the index does not have yet. If those are many, it is
    /// brought up to date, which this does not wait for.
    async fn found_late(
        &self,
        query: &RecordQuery,
        search: &Search,
    ) -> Result<Vec<StoredRecord>, RunError> {
        let unreadable = |error| self.unreadable(error);
        let late = self.late(LATE).await.map_err(unreadable)?;
        if late.len() >= LATE {
            self.index_beside();
        }
        let mut by_source = BTreeMap::<i64, Vec<&str>>::new();
        for (source, identifier) in &late {
            by_source.entry(*source).or_default().push(identifier);
        }
        let mut sql = QueryBuilder::new("SELECT id, name FROM sources WHERE id IN (");
        let ids = json(&by_source.keys().collect::<Vec<_>>());
        sql.push("SELECT value FROM json_each(").push_bind(ids).push("))");
        narrow_sources(&mut sql, query);
        let mut records = Vec::new();
        for (id, source) in self.read_sources(sql).await.map_err(unreadable)? {
            let after = after(query, &source);
            let mut sql = QueryBuilder::new("SELECT r.identifier FROM records r WHERE r.source = ");
            let some = by_source.get(&id).map(json).unwrap_or_default();
            sql.push_bind(id).push(" AND r.identifier IN (SELECT value FROM json_each(");
            sql.push_bind(some).push("))");
            narrow(&mut sql, query);
            within(&mut sql, after, usize::MAX);
            let rows = sql.build().fetch_all(&self.0.readers).await;
            let identifiers: sqlx::Result<Vec<String>> =
                rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
            let found = self.named(id, &source, &identifiers.map_err(unreadable)?).await?;
            records.extend(found.into_iter().filter(|record| has(record, search)));
        }
        Ok(records)
    }

    /// How many records there are.
    async fn stock(&self) -> sqlx::Result<f64> {
        let query = "SELECT total(live + tombstones) FROM sources WHERE live + tombstones > 0";
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
