//! Staged batches in a database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row};

use super::SqlStore;
use super::error::{SqlResult, attempt};
use super::row::{Columns, OPEN, signed, text};
use super::runs::count;
use super::sources::{number_of, stand};
use crate::batch::{Batch, SourceId};
use crate::run::{Counters, RunId, Ticket};
use crate::store::{Staged, StagingStore, StoreError};

/// JSON of XML becomes a tenth of its size at any level; more costs more time than space.
const LEVEL: i32 = 3;

async fn pack(batch: &Batch) -> SqlResult<Vec<u8>> {
    let json = serde_json::to_vec(batch)?;
    let packing = tokio::task::spawn_blocking(move || zstd::encode_all(&*json, LEVEL));
    Ok(packing.await.map_err(StoreError::unreadable)?.map_err(StoreError::unreadable)?)
}

async fn unpack(body: Vec<u8>) -> SqlResult<Batch> {
    let unpacking = tokio::task::spawn_blocking(move || {
        let json = zstd::decode_all(&*body)?;
        serde_json::from_slice(&json).map_err(std::io::Error::from)
    });
    Ok(unpacking.await.map_err(StoreError::unreadable)?.map_err(StoreError::unreadable)?)
}

#[async_trait]
impl StagingStore for SqlStore {
    async fn stage(
        &self,
        ticket: Ticket,
        batch: &Batch,
        counters: &Counters,
    ) -> Result<(), StoreError> {
        attempt("stage a batch", async {
            let body = pack(batch).await?;
            let (mut tx, run, now) = self.begin_ticketed(ticket).await?;
            let request = run.entry.request;
            let number = number_of(&mut tx, &request.source).await?;
            let source = number.ok_or(sqlx::Error::RowNotFound)?;
            let staged = sqlx::query(
                "INSERT INTO staged (source, run, fence, number, dry, time, body)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (run, fence, number) DO NOTHING",
            )
            .bind(source)
            .bind(ticket.run.0)
            .bind(ticket.fence)
            .bind(signed(batch.number))
            .bind(i64::from(request.dry_run))
            .bind(text(now))
            .bind(body)
            .execute(&mut *tx)
            .await?;
            if staged.rows_affected() == 1 {
                if let Some(checkpoint) = batch.checkpoint.as_ref().filter(|_| !request.dry_run) {
                    stand(&mut tx, source, Some(checkpoint)).await?;
                }
                count(&mut tx, ticket, counters, batch.bytes).await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn start_over(&self, ticket: Ticket) -> Result<(), StoreError> {
        attempt("begin the run anew", async {
            let (mut tx, ..) = self.begin_ticketed(ticket).await?;
            for statement in [
                "DELETE FROM staged WHERE run = $1",
                "UPDATE runs SET batches = 0, bytes = 0, created = 0, updated = 0, unchanged = 0,
                    deleted = 0, skipped_deleted = 0, filtered = 0, failed = 0
                 WHERE id = $1",
            ] {
                sqlx::query(statement).bind(ticket.run.0).execute(&mut *tx).await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn staged(
        &self,
        source: &SourceId,
        run: Option<RunId>,
        after: i64,
    ) -> Result<Option<Staged>, StoreError> {
        attempt("read a staged batch", async {
            let row = sqlx::query(
                "SELECT t.id, t.run, t.time, t.body FROM staged t JOIN sources s ON s.id = t.source
                 WHERE s.name = $1 AND t.id > $2 AND ($3 IS NULL AND t.dry = 0 OR t.run = $3)
                 ORDER BY t.id LIMIT 1",
            )
            .bind(source.as_str())
            .bind(after)
            .bind(run.map(|run| run.0))
            .fetch_optional(&self.0.readers)
            .await?;
            let Some(row) = row else { return Ok(None) };
            let batch = unpack(row.try_get("body")?).await?;
            let row = Columns(&row);
            let run = RunId(row.integer("run")?);
            Ok(Some(Staged::new(row.integer("id")?, run, row.time("time")?, batch)))
        })
        .await
    }

    async fn expire_staged(
        &self,
        before: DateTime<Utc>,
    ) -> Result<Vec<(SourceId, RunId)>, StoreError> {
        attempt("forget what dry runs fetched", async {
            let mut tx = self.begin().await?;
            let query = format!(
                "SELECT r.id, s.name FROM runs r JOIN sources s ON s.id = r.source
                 WHERE r.dry = 1 AND r.ended < $1
                    AND EXISTS (SELECT 1 FROM staged t WHERE t.run = r.id)
                    AND NOT EXISTS (SELECT 1 FROM runs i WHERE i.parent = r.id AND i.state IN {OPEN})
                 ORDER BY r.id"
            );
            let query = sqlx::query(AssertSqlSafe(query)).bind(text(before));
            let mut expired = Vec::new();
            for row in query.fetch_all(&mut *tx).await? {
                let row = Columns(&row);
                let run = row.integer("id")?;
                let forget = sqlx::query("DELETE FROM staged WHERE run = $1").bind(run);
                forget.execute(&mut *tx).await?;
                expired.push((SourceId::new(row.text("name")?), RunId(run)));
            }
            tx.commit().await?;
            Ok(expired)
        })
        .await
    }

    async fn unstage(
        &self,
        source: &SourceId,
        run: Option<RunId>,
        up_to: i64,
    ) -> Result<(), StoreError> {
        attempt("forget staged batches", async {
            sqlx::query(
                "DELETE FROM staged WHERE source = (SELECT id FROM sources WHERE name = $1)
                    AND id <= $2 AND ($3 IS NULL AND dry = 0 OR run = $3)",
            )
            .bind(source.as_str())
            .bind(up_to)
            .bind(run.map(|run| run.0))
            .execute(&self.0.writers)
            .await?;
            Ok(())
        })
        .await
    }
}
