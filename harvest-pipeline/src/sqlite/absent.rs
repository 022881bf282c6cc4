//! Records that a source does not have any more.

use sqlx::{Connection, Row, SqliteConnection};

use super::write::{WriteError, count};
use super::{SqliteCatalogue, mend, versions};
use crate::batch::SourceId;
use crate::catalogue::open::Claim;
use crate::catalogue::plan::Stock;
use crate::error::RunError;
use crate::run::{Counters, Run, RunId};

/// How many records are deleted in one transaction: others want to write, too.
const AT_ONCE: i64 = 2000;

impl SqliteCatalogue {
    pub(super) async fn absent_count(
        &self,
        source: &SourceId,
        since: RunId,
    ) -> Result<u64, RunError> {
        let query = "SELECT count(*) FROM records
             WHERE source = (SELECT id FROM sources WHERE name = ?) AND NOT deleted AND last_run < ?";
        let query = sqlx::query(query).bind(source.as_str()).bind(since.0);
        let row = query.fetch_one(&self.0.readers).await;
        let count: i64 =
            row.and_then(|row| row.try_get(0)).map_err(|error| self.unreadable(error))?;
        Ok(count.try_into().unwrap_or(0))
    }

    pub(super) async fn absent_after(
        &self,
        source: &SourceId,
        since: RunId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, RunError> {
        // Even the empty string is an identifier.
        let query = "SELECT identifier FROM records
             WHERE source = (SELECT id FROM sources WHERE name = ?1) AND NOT deleted
               AND last_run < ?2 AND identifier >= ?3 AND (?4 OR identifier > ?3)
             ORDER BY identifier LIMIT ?5";
        let query = sqlx::query(query)
            .bind(source.as_str())
            .bind(since.0)
            .bind(after.unwrap_or_default())
            .bind(after.is_none())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = query.fetch_all(&self.0.readers).await;
        rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
            .map_err(|error| self.unreadable(error))
    }

    /// A part at a time; whoever is killed in between goes on with those that are left.
    pub(super) async fn absent_deleted(
        &self,
        run: &Run,
        since: RunId,
    ) -> Result<Counters, RunError> {
        let claim = self.claim(run).await?;
        let mut all = Counters::default();
        let mut from = String::new();
        loop {
            let mut writer = self.0.writer.lock().await;
            let slice = delete_slice(&mut writer, claim, since, &from, self.kept_versions()).await;
            drop(writer);
            match slice.map_err(|error| self.refused(run, "delete what is gone", error))? {
                Some((deleted, last)) => {
                    all.deleted += deleted;
                    from = last;
                }
                None => return Ok(all),
            }
        }
    }
}

/// Deletes the first of those that are absent, and says how many and up to where.
async fn delete_slice(
    conn: &mut SqliteConnection,
    claim: Claim,
    since: RunId,
    from: &str,
    kept: u32,
) -> Result<Option<(u64, String)>, WriteError> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let absent = "SELECT json_group_array(identifier), count(*), max(identifier)
         FROM (SELECT identifier FROM records
               WHERE source = ? AND NOT deleted AND last_run < ? AND identifier >= ?
               ORDER BY identifier LIMIT ?)";
    let absent = sqlx::query(absent).bind(claim.source).bind(since.0).bind(from).bind(AT_ONCE);
    let row = absent.fetch_one(&mut *tx).await?;
    let identifiers: String = row.try_get(0)?;
    let deleted: i64 = row.try_get(1)?;
    let Some(last) = row.try_get::<Option<String>, _>(2)? else { return Ok(None) };
    drop(row);

    let stock = Stock { live: -deleted, tombstones: deleted };
    let deleted = deleted.unsigned_abs();
    let counters = Counters { deleted, ..Counters::default() };
    count(&mut tx, claim, &counters, None).await?;
    versions::keep(&mut tx, claim.source, &identifiers).await?;
    let page = mend::insert_page(&mut tx, claim.run, false).await?;
    mend::bury(&mut tx, claim.source, &identifiers, page).await?;
    versions::prune(&mut tx, claim.source, &identifiers, kept).await?;
    mend::restock(&mut tx, claim.source, stock).await?;
    tx.commit().await?;
    Ok(Some((deleted, last)))
}
