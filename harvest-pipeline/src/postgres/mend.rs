//! Changing what is there without anything new from a source.

use chrono::Utc;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::list::PAGE_ROWS;
use super::prepare::{TsVector, words};
use super::read::{COLUMNS, JOINED};
use super::write::{WriteError, count};
use super::{PostgresCatalogue, text};
use crate::batch::SourceId;
use crate::catalogue::plan::Stock;
use crate::catalogue::timestamp;
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::run::{Counters, Run};

impl PostgresCatalogue {
    pub(super) async fn forget_error(&self, source: &SourceId, key: &str) -> Result<(), RunError> {
        let query = "DELETE FROM record_errors
             WHERE source = (SELECT id FROM sources WHERE name = $1) AND key = $2";
        sqlx::query(query)
            .bind(text::shown(source.as_str()))
            .bind(text::shown(key))
            .execute(&self.0.pool)
            .await
            .map_err(self.cannot("dismiss the error"))?;
        Ok(())
    }

    pub(super) async fn set_checkpoint(
        &self,
        run: &Run,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), RunError> {
        let claim = self.claim(run).await?;
        let set = async {
            let mut tx = self.0.pool.begin().await?;
            // Counts nothing, but only if the run is still ours.
            count(&mut tx, claim, &Counters::default(), None).await?;
            sqlx::query("UPDATE sources SET checkpoint = $1 WHERE id = $2")
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
    conn: &mut PgConnection,
    run: i64,
    undoes: bool,
) -> sqlx::Result<i64> {
    let query = "INSERT INTO pages (run, number, received, undoes)
         SELECT id, batches, $1, $2 FROM runs WHERE id = $3 RETURNING id";
    let query = sqlx::query(query).bind(timestamp(Utc::now())).bind(undoes).bind(run);
    query.fetch_one(conn).await?.try_get(0)
}

/// Makes tombstones of these records. What they were must have been kept before.
pub(super) async fn bury(conn: &mut PgConnection, records: &[i64], page: i64) -> sqlx::Result<()> {
    // The sets stay, so that those who harvest a set from here hear of it. No source says that it is
    // deleted, so no version of it that one sends is the same.
    let query =
        "UPDATE records SET deleted = TRUE, number = number + 1, version = NULL, about = NULL,
            format = NULL, digest = $1, payload = NULL, page = $2, changed = $3
         WHERE id = ANY ($4)";
    sqlx::query(query)
        .bind([0_u8; 16].as_slice())
        .bind(page)
        .bind(Utc::now().timestamp())
        .bind(records)
        .execute(conn)
        .await?;
    Ok(())
}

/// Has the targets of a source offered everything once more: what came back did not come from a new page,
/// behind which they stand.
pub(super) async fn offer_anew(conn: &mut PgConnection, source: i64) -> sqlx::Result<()> {
    let query = sqlx::query("UPDATE target_sources SET offered = NULL WHERE source = $1");
    query.bind(source).execute(conn).await?;
    Ok(())
}

/// Keeps count of the records of a source.
pub(super) async fn restock(
    conn: &mut PgConnection,
    source: i64,
    stock: Stock,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE sources SET live = live + $1, tombstones = tombstones + $2 WHERE id = $3")
        .bind(stock.live)
        .bind(stock.tombstones)
        .bind(source)
        .execute(conn)
        .await?;
    Ok(())
}

impl PostgresCatalogue {
    /// Writes down the words by which these records are found now.
    pub(super) async fn index(
        &self,
        conn: &mut PgConnection,
        records: &[i64],
    ) -> Result<(), RunError> {
        let unreadable = |error| self.unreadable(error);
        let query = format!(
            "SELECT r.id, {COLUMNS} FROM records r JOIN sources s ON s.id = r.source {JOINED}
             WHERE r.id = ANY ($1)"
        );
        // Not the metadata of all at once.
        for records in records.chunks(PAGE_ROWS) {
            let query = sqlx::query(AssertSqlSafe(&*query)).bind(records);
            let rows = query.fetch_all(&mut *conn).await.map_err(unreadable)?;
            let found = self.decode(conn, &rows).await?;
            let found = found
                .iter()
                .map(|it| TsVector::new(&words(&it.identifier, &it.sets, it.metadata.as_deref())));
            let found = found.collect::<Vec<_>>();
            let ids = rows.iter().map(|row| row.try_get("id"));
            let ids = ids.collect::<sqlx::Result<Vec<i64>>>().map_err(unreadable)?;
            forget_words(conn, records).await.map_err(unreadable)?;
            insert_words(conn, &ids, &found).await.map_err(unreadable)?;
        }
        Ok(())
    }
}

/// Nobody finds these records by their words any more.
pub(super) async fn forget_words(conn: &mut PgConnection, records: &[i64]) -> sqlx::Result<()> {
    let query = sqlx::query("DELETE FROM record_words WHERE record = ANY ($1)").bind(records);
    query.execute(conn).await?;
    Ok(())
}

/// These records are found by these words.
pub(super) async fn insert_words(
    conn: &mut PgConnection,
    records: &[i64],
    words: &[TsVector],
) -> sqlx::Result<()> {
    let query = "INSERT INTO record_words (record, words)
         SELECT * FROM UNNEST($1::bigint[], $2::tsvector[])";
    sqlx::query(query).bind(records).bind(words).execute(conn).await?;
    Ok(())
}
