//! Single records, and the identifiers of all.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::SqliteCatalogue;
use super::read::select_records;
use crate::batch::SourceId;
use crate::catalogue::StoredRecord;
use crate::error::RunError;

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

    /// The identifiers of a source's live records, in order (by code point): so many behind `after`.
    pub(super) async fn live_identifiers(
        &self,
        source: &SourceId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, RunError> {
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
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(query).bind(source.as_str()).bind(after).bind(limit);
        let rows = query.fetch_all(&self.0.readers).await;
        rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
            .map_err(|error| self.unreadable(error))
    }
}
