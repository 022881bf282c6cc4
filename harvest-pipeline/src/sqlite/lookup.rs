//! Single records, and whether there is anything new.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteCatalogue;
use super::read::select_records;
use crate::batch::SourceId;
use crate::catalogue::StoredRecord;
use crate::error::RunError;

/// How many identifiers are read at a time.
const PAGE_ROWS: i64 = 2048;

impl SqliteCatalogue {
    /// The record, or tombstone, that a source has under this identifier.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub async fn find(
        &self,
        source: &SourceId,
        identifier: &str,
    ) -> Result<Option<StoredRecord>, RunError> {
        let rows = self.row(source, identifier).await.map_err(|error| self.unreadable(error))?;
        Ok(self.decode(&rows, source).await?.pop())
    }

    /// The row of `select_records!` that a source has under this identifier, if any.
    pub(super) async fn row(
        &self,
        source: &SourceId,
        identifier: &str,
    ) -> sqlx::Result<Vec<SqliteRow>> {
        let query = concat!(
            select_records!(),
            "JOIN sources s ON s.id = r.source AND s.name = ?1 WHERE r.identifier = ?2"
        );
        let query = sqlx::query(query).bind(source.as_str()).bind(identifier);
        query.fetch_all(&self.0.readers).await
    }

    /// The identifiers of a source's live records, in order (by code point), a page at a time.
    #[must_use = "a stream does nothing until it is polled"]
    pub fn identifiers<'c>(
        &'c self,
        source: &'c SourceId,
    ) -> BoxStream<'c, Result<String, RunError>> {
        let begin = (VecDeque::new(), None);
        stream::try_unfold(begin, async |(mut page, mut after): (VecDeque<String>, _)| {
            if page.is_empty() {
                page = self.identifiers_after(source, after.as_deref()).await?;
                after = page.back().cloned();
            }
            Ok(page.pop_front().map(|identifier| (identifier, (page, after))))
        })
        .boxed()
    }

    async fn identifiers_after(
        &self,
        source: &SourceId,
        after: Option<&str>,
    ) -> Result<VecDeque<String>, RunError> {
        // Even the empty string is an identifier.
        let query = match after {
            None => {
                "SELECT identifier FROM records
                 WHERE source = (SELECT id FROM sources WHERE name = ?1) AND NOT deleted
                   AND identifier >= '' AND ?2 IS NULL
                 ORDER BY identifier LIMIT ?3"
            }
            Some(_) => {
                "SELECT identifier FROM records
                 WHERE source = (SELECT id FROM sources WHERE name = ?1) AND NOT deleted
                   AND identifier > ?2
                 ORDER BY identifier LIMIT ?3"
            }
        };
        let query = sqlx::query(query).bind(source.as_str()).bind(after).bind(PAGE_ROWS);
        let rows = query.fetch_all(&self.0.readers).await;
        rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
            .map_err(|error| self.unreadable(error))
    }

    /// The number of the last batch that was stored, from any source; `None` before the first. While
    /// it stays, so do all records.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub async fn last_batch(&self) -> Result<Option<i64>, RunError> {
        let row = sqlx::query("SELECT max(id) FROM pages").fetch_one(&self.0.readers).await;
        row.and_then(|row| row.try_get(0)).map_err(|error| self.unreadable(error))
    }
}
