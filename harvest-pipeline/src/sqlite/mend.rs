//! Changing what is there without anything new from a source.

use chrono::Utc;
use sqlx::{Connection, SqliteConnection};

use super::SqliteCatalogue;
use super::write::{WriteError, count, timestamp};
use crate::batch::SourceId;
use crate::catalogue::plan::Stock;
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::run::{Counters, Run};

impl SqliteCatalogue {
    pub(super) async fn forget_error(&self, source: &SourceId, key: &str) -> Result<(), RunError> {
        let query = "DELETE FROM record_errors
             WHERE source = (SELECT id FROM sources WHERE name = ?) AND key = ?";
        let mut writer = self.0.writer.lock().await;
        let query = sqlx::query(query).bind(source.as_str()).bind(key);
        query.execute(&mut *writer).await.map_err(self.cannot("dismiss the error"))?;
        Ok(())
    }

    pub(super) async fn set_checkpoint(
        &self,
        run: &Run,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), RunError> {
        let claim = self.claim(run).await?;
        let mut writer = self.0.writer.lock().await;
        let set = async {
            let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
            // Counts nothing, but only if the run is still ours.
            count(&mut tx, claim, &Counters::default(), None).await?;
            sqlx::query("UPDATE sources SET checkpoint = ? WHERE id = ?")
                .bind(checkpoint.map(Checkpoint::to_json))
                .bind(claim.source)
                .execute(&mut *tx)
                .await?;
            Ok(tx.commit().await?)
        };
        set.await.map_err(|error: WriteError| self.refused(run, "set the checkpoint", error))
    }
}

/// A page for what came from nowhere.
pub(super) async fn insert_page(
    conn: &mut SqliteConnection,
    run: i64,
    undoes: bool,
) -> sqlx::Result<i64> {
    let query = "INSERT INTO pages (run, number, received, undoes)
                 SELECT id, batches, ?, ? FROM runs WHERE id = ?";
    let query = sqlx::query(query).bind(timestamp(Utc::now())).bind(undoes).bind(run);
    Ok(query.execute(conn).await?.last_insert_rowid())
}

/// Makes tombstones of these records, a JSON list. What they were must have been kept before.
pub(super) async fn bury(
    conn: &mut SqliteConnection,
    source: i64,
    identifiers: &str,
    page: i64,
) -> sqlx::Result<()> {
    // The sets stay, so that those who harvest a set from here hear of it. No source says that it is
    // deleted, so no version of it that one sends is the same.
    let query =
        "UPDATE records SET deleted = TRUE, number = number + 1, version = NULL, about = NULL,
            format = NULL, digest = zeroblob(16), payload = NULL, page = ?3, changed = ?4
         WHERE source = ?1 AND identifier IN (SELECT value FROM json_each(?2))";
    sqlx::query(query)
        .bind(source)
        .bind(identifiers)
        .bind(page)
        .bind(Utc::now().timestamp())
        .execute(conn)
        .await?;
    Ok(())
}

/// Has the targets of a source offered everything once more: what came back did not come from a new page,
/// behind which they stand.
pub(super) async fn offer_anew(conn: &mut SqliteConnection, source: i64) -> sqlx::Result<()> {
    let query = sqlx::query("UPDATE target_sources SET offered = NULL WHERE source = ?");
    query.bind(source).execute(conn).await?;
    Ok(())
}

/// Keeps count of the records of a source.
pub(super) async fn restock(
    conn: &mut SqliteConnection,
    source: i64,
    stock: Stock,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE sources SET live = live + ?, tombstones = tombstones + ? WHERE id = ?")
        .bind(stock.live)
        .bind(stock.tombstones)
        .bind(source)
        .execute(conn)
        .await?;
    Ok(())
}
