//! Records that a source does not have any more.

use sqlx::{Connection, PgConnection, Row};

use super::write::{BEGIN, WriteError, count};
use super::{PostgresCatalogue, mend, text, versions};
use crate::batch::SourceId;
use crate::catalogue::open::Claim;
use crate::catalogue::plan::Stock;
use crate::error::RunError;
use crate::run::{Counters, Run, RunId};

/// How many records are deleted in one transaction: whoever renews the run must not wait for long.
const AT_ONCE: i64 = 2000;

impl PostgresCatalogue {
    pub(super) async fn absent_count(
        &self,
        source: &SourceId,
        since: RunId,
    ) -> Result<u64, RunError> {
        let query = "SELECT count(*) FROM records
             WHERE source = (SELECT id FROM sources WHERE name = $1) AND NOT deleted
               AND last_run < $2";
        let query = sqlx::query(query).bind(text::shown(source.as_str())).bind(since.0);
        let row = query.fetch_one(&self.0.pool).await;
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
             WHERE source = (SELECT id FROM sources WHERE name = $1) AND NOT deleted
               AND last_run < $2 AND identifier >= $3 AND ($4 OR identifier > $3)
             ORDER BY identifier LIMIT $5";
        let rows = sqlx::query(query)
            .bind(text::shown(source.as_str()))
            .bind(since.0)
            .bind(text::shown(after.unwrap_or_default()))
            .bind(after.is_none())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.0.pool)
            .await;
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
        let what = format!("delete what {} does not have any more", run.source);
        let mut conn = self.0.pool.acquire().await.map_err(self.cannot(&what))?;
        let mut all = Counters::default();
        let mut from = String::new();
        loop {
            let slice = self.delete_slice(&mut conn, claim, since, &from).await;
            match slice.map_err(|error| self.refused(run, &what, error))? {
                Some((deleted, last)) => {
                    all.deleted += deleted;
                    from = last;
                }
                None => return Ok(all),
            }
        }
    }

    /// Deletes the first of those that are absent, and says how many and up to where.
    async fn delete_slice(
        &self,
        conn: &mut PgConnection,
        claim: Claim,
        since: RunId,
        from: &str,
    ) -> Result<Option<(u64, String)>, WriteError> {
        let mut tx = conn.begin_with(BEGIN).await?;
        let query = "SELECT id, identifier FROM records
             WHERE source = $1 AND NOT deleted AND last_run < $2 AND identifier >= $3
             ORDER BY identifier LIMIT $4";
        let query = sqlx::query(query).bind(claim.source).bind(since.0).bind(from).bind(AT_ONCE);
        let rows = query.fetch_all(&mut *tx).await?;
        let records = rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<i64>>>()?;
        let Some(last) = rows.last() else {
            tx.rollback().await?;
            return Ok(None);
        };
        let last = last.try_get(1)?;

        let deleted = records.len();
        let stock = Stock { live: -(deleted as i64), tombstones: deleted as i64 };
        let counters = Counters { deleted: deleted as u64, ..Counters::default() };
        count(&mut tx, claim, &counters, None).await?;
        versions::keep(&mut tx, &records).await?;
        let page = mend::insert_page(&mut tx, claim.run, false).await?;
        mend::bury(&mut tx, &records, page).await?;
        self.index(&mut tx, &records).await?;
        versions::prune(&mut tx, &records, self.kept_versions()).await?;
        mend::restock(&mut tx, claim.source, stock).await?;
        tx.commit().await?;
        Ok(Some((counters.deleted, last)))
    }
}
