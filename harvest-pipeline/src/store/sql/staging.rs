//! Staged batches in a database.

use async_trait::async_trait;
use sqlx::Row;

use super::SqlStore;
use super::error::{SqlResult, attempt};
use super::row::{Columns, signed, text};
use super::sources::{number_of, stand};
use crate::batch::{Batch, SourceId};
use crate::run::{RunId, Ticket};
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
    async fn stage(&self, ticket: Ticket, batch: &Batch) -> Result<(), StoreError> {
        attempt("stage a batch", async {
            let body = pack(batch).await?;
            let (mut tx, run, now) = self.begin_ticketed(ticket).await?;
            let request = run.entry.request;
            let number = number_of(&mut tx, &request.source).await?;
            let source = number.ok_or(sqlx::Error::RowNotFound)?;
            if request.dry_run {
                sqlx::query("DELETE FROM staged WHERE run = $1 AND fence <> $2")
                    .bind(ticket.run.0)
                    .bind(ticket.fence)
                    .execute(&mut *tx)
                    .await?;
            } else if let Some(checkpoint) = &batch.checkpoint {
                stand(&mut tx, source, Some(checkpoint)).await?;
            }
            sqlx::query(
                "INSERT INTO staged (source, run, fence, number, dry, time, body)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (run, fence, number) DO UPDATE
                    SET time = excluded.time, body = excluded.body",
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
