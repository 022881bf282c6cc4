//! Storing a batch: records, errors, counters and checkpoint in one transaction.

use std::collections::HashMap;

use chrono::Utc;
use sqlx::{Connection, PgConnection, Row as _};

use super::payloads::{self, NewDictionary};
use super::prepare::{Ready, TsVector};
use super::{errors, text, versions};
use crate::batch::Item;
use crate::catalogue::open::Claim;
use crate::catalogue::plan::{Plan, Stock, Stored, plan};
use crate::catalogue::prepare::{Prepared, Version};
use crate::catalogue::timestamp;
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::run::Counters;
use crate::sink::{Entry, ParsedBatch, Written};

/// How the transaction of a batch begins. Its end does not wait for the disk: that of a run does.
pub(super) const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off";

/// Why a batch could not be stored.
pub(super) enum WriteError {
    /// The database said no.
    Database(sqlx::Error),
    /// Another run of the source has begun meanwhile, or another worker has this one.
    TakenOver,
    /// What is there already is damaged.
    Unreadable(RunError),
}

impl From<RunError> for WriteError {
    fn from(error: RunError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// A batch on its way into the database.
pub(super) struct Batch<'b, R> {
    pub(super) claim: Claim,
    /// Its row.
    pub(super) page: i64,
    pub(super) batch: &'b ParsedBatch<R>,
}

/// A row of `records` to write, and its words.
struct Row<'b> {
    item: &'b Item,
    version: Version,
    number: i64,
    /// None for a tombstone.
    payload: Option<i64>,
    words: TsVector,
}

impl Row<'_> {
    fn number(&self) -> i32 {
        i32::try_from(self.number).unwrap_or(i32::MAX)
    }

    fn format(&self) -> Option<&str> {
        self.payload.and_then(|_| Some(&*self.item.payload()?.format))
    }
}

/// Stores all of the batch or nothing.
pub(super) async fn write<R: Sync>(
    conn: &mut PgConnection,
    claim: Claim,
    kept_versions: u32,
    batch: &ParsedBatch<R>,
    mut ready: Ready,
) -> Result<Written, WriteError> {
    // Dropped before `commit` returns, the transaction is rolled back.
    let mut tx = conn.begin_with(BEGIN).await?;
    let (page, has_errors) = insert_page(&mut tx, claim, batch).await?;
    let it = Batch { claim, page, batch };
    let (stored, ids) = it.stored(&mut tx).await?;

    let plan = plan(&batch.entries, &ready.versions, &stored, batch.is_by_name());
    let dictionary = it.put_records(&mut tx, kept_versions, &mut ready, &plan, &ids).await?;
    it.note_seen(&mut tx, &plan, &ids).await?;
    if has_errors {
        errors::resolve(&mut tx, &it, &plan).await?;
    }
    errors::insert(&mut tx, &it, &plan).await?;
    let counters = plan.outcomes.iter().copied().collect();
    count(&mut tx, claim, &counters, Some(batch.bytes)).await?;
    it.advance(&mut tx, plan.stock).await?;
    tx.commit().await?;
    if let Some((dictionary, id)) = dictionary {
        dictionary.stored_as(id);
    }
    Ok(Written::new(plan.outcomes).with_failures(plan.failures).with_checkpoint())
}

/// What [`write`] will do, as far as can be seen before.
pub(super) async fn planned<R: Sync>(
    conn: &mut PgConnection,
    claim: Claim,
    batch: &ParsedBatch<R>,
    versions: &Prepared,
) -> sqlx::Result<Plan> {
    let (stored, _) = Batch { claim, page: 0, batch }.stored(conn).await?;
    Ok(plan(&batch.entries, versions, &stored, batch.is_by_name()))
}

/// The row of the batch, and whether records of the source have failed. Until the end of the
/// transaction nobody else can take the run.
async fn insert_page<R: Sync>(
    conn: &mut PgConnection,
    claim: Claim,
    batch: &ParsedBatch<R>,
) -> Result<(i64, bool), WriteError> {
    let query = "WITH mine AS (
            SELECT id FROM runs WHERE id = $1 AND fence = $2 AND state = 'running'
            FOR NO KEY UPDATE)
         INSERT INTO pages (run, number, request_url, response_date, received)
         SELECT id, $3, $4, $5, $6 FROM mine
         RETURNING id, EXISTS (SELECT FROM record_errors WHERE source = $7 AND NOT resolved)";
    let row = sqlx::query(query)
        .bind(claim.run)
        .bind(claim.fence)
        .bind(batch.number.cast_signed())
        .bind(batch.origin.request_url.as_deref().map(text::shown))
        .bind(batch.origin.response_date.as_deref().map(text::shown))
        .bind(timestamp(batch.received))
        .bind(claim.source)
        .fetch_optional(conn)
        .await?
        .ok_or(WriteError::TakenOver)?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

impl<R: Sync> Batch<'_, R> {
    /// What is stored of the entries, by their position, and the rows of those records.
    async fn stored(
        &self,
        conn: &mut PgConnection,
    ) -> sqlx::Result<(HashMap<usize, Stored>, HashMap<usize, i64>)> {
        let by_name = self.batch.is_by_name();
        let identifiers = self.batch.entries.iter();
        let identifiers = identifiers.map(|it| it.seen(by_name).filter(|it| text::is_storable(it)));
        let query = "SELECT e.nth, r.id, r.number, r.deleted, r.payload, r.digest
             FROM UNNEST($1::text[]) WITH ORDINALITY e (identifier, nth)
             JOIN records r ON r.source = $2 AND r.identifier = e.identifier";
        let rows = sqlx::query(query)
            .bind(identifiers.collect::<Vec<_>>())
            .bind(self.claim.source)
            .fetch_all(conn)
            .await?;
        let (mut stored, mut ids) = (HashMap::new(), HashMap::new());
        for row in rows {
            let nth: i64 = row.try_get(0)?;
            let nth = usize::try_from(nth - 1).unwrap_or(usize::MAX);
            ids.insert(nth, row.try_get(1)?);
            let digest: &[u8] = row.try_get(5)?;
            let digest = digest.try_into().unwrap_or_default();
            let number = row.try_get::<i32, _>(2)?.into();
            let (deleted, payload) = (row.try_get(3)?, row.try_get(4)?);
            stored.insert(nth, Stored { deleted, digest, payload, number });
        }
        Ok((stored, ids))
    }

    async fn put_records(
        &self,
        conn: &mut PgConnection,
        kept_versions: u32,
        ready: &mut Ready,
        plan: &Plan,
        ids: &HashMap<usize, i64>,
    ) -> sqlx::Result<NewDictionary> {
        if plan.writes.is_empty() {
            return Ok(None);
        }
        let mut rows = Vec::with_capacity(plan.writes.len());
        let mut contents = Vec::with_capacity(plan.writes.len());
        for write in &plan.writes {
            // `plan` writes an entry only if it has a version, and only once.
            let item = self.batch.entries.get(write.entry).and_then(Entry::item);
            let version = ready.versions.get_mut(write.entry).and_then(Option::take);
            if let (Some(item), Some(Ok(mut version))) = (item, version) {
                contents.push(version.content.take());
                rows.push((write, item, version));
            }
        }
        let (placed, dictionary) = payloads::place(conn, self.claim.source, contents).await?;
        let before = plan.writes.iter().filter_map(|write| ids.get(&write.entry).copied());
        let before: Vec<i64> = before.collect();
        if !before.is_empty() {
            versions::keep(conn, &before).await?;
        }
        let rows = rows.into_iter().zip(placed).map(|((write, item, version), payload)| Row {
            item,
            version,
            number: write.before.map_or(1, |before| before.number + 1),
            payload,
            words: ready.words.get_mut(write.entry).and_then(Option::take).unwrap_or_default(),
        });
        self.put(conn, &rows.collect::<Vec<_>>()).await?;
        versions::prune(conn, &before, kept_versions).await?;
        Ok(dictionary)
    }

    async fn put(&self, conn: &mut PgConnection, rows: &[Row<'_>]) -> sqlx::Result<()> {
        let query = "WITH put AS (
                INSERT INTO records (source, page, first_run, last_run, changed, identifier, number,
                    deleted, datestamp, version, sets, about, format, digest, payload)
                SELECT $1, $2, $3, $3, $4, e.*
                FROM UNNEST($5::text[], $6::integer[], $7::boolean[], $8::text[], $9::text[],
                    $10::text[], $11::text[], $12::text[], $13::bytea[], $14::bigint[]) e
                ON CONFLICT (source, identifier) DO UPDATE SET page = excluded.page,
                    last_run = excluded.last_run, changed = excluded.changed,
                    number = excluded.number, deleted = excluded.deleted,
                    datestamp = excluded.datestamp, version = excluded.version,
                    sets = excluded.sets, about = excluded.about, format = excluded.format,
                    digest = excluded.digest, payload = excluded.payload
                RETURNING id, identifier)
             INSERT INTO record_words (record, words)
             SELECT put.id, e.words FROM put
             JOIN UNNEST($5::text[], $15::tsvector[]) e (identifier, words) USING (identifier)
             ON CONFLICT (record) DO UPDATE SET words = excluded.words";
        sqlx::query(query)
            .bind(self.claim.source)
            .bind(self.page)
            .bind(self.claim.run)
            // Not when it was received: whoever lists what changed must not have been here in between.
            .bind(Utc::now().timestamp())
            .bind(rows.iter().map(|it| &*it.item.identifier).collect::<Vec<_>>())
            .bind(rows.iter().map(Row::number).collect::<Vec<_>>())
            .bind(rows.iter().map(|it| it.payload.is_none()).collect::<Vec<_>>())
            .bind(rows.iter().map(|it| it.item.datestamp.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|it| it.item.version.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|it| it.version.sets.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|it| it.version.about.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(Row::format).collect::<Vec<_>>())
            .bind(rows.iter().map(|it| it.version.digest.as_slice()).collect::<Vec<_>>())
            .bind(rows.iter().map(|it| it.payload).collect::<Vec<_>>())
            .bind(rows.iter().map(|it| &it.words).collect::<Vec<_>>())
            .execute(conn)
            .await?;
        Ok(())
    }

    async fn note_seen(
        &self,
        conn: &mut PgConnection,
        plan: &Plan,
        ids: &HashMap<usize, i64>,
    ) -> sqlx::Result<()> {
        if plan.seen.is_empty() {
            return Ok(());
        }
        let seen = plan.seen.iter().filter_map(|entry| ids.get(entry).copied());
        sqlx::query("UPDATE records SET last_run = $1 WHERE id = ANY ($2)")
            .bind(self.claim.run)
            .bind(seen.collect::<Vec<_>>())
            .execute(conn)
            .await?;
        Ok(())
    }

    /// Sets the source's checkpoint, and keeps count of its records.
    async fn advance(&self, conn: &mut PgConnection, stock: Stock) -> sqlx::Result<()> {
        let query = "UPDATE sources SET checkpoint = coalesce($1, checkpoint), live = live + $2,
                tombstones = tombstones + $3
             WHERE id = $4";
        sqlx::query(query)
            .bind(self.batch.checkpoint.as_ref().map(Checkpoint::to_json))
            .bind(stock.live)
            .bind(stock.tombstones)
            .bind(self.claim.source)
            .execute(conn)
            .await?;
        Ok(())
    }
}

/// Raises the counters of a run, and with `bytes` the number of its batches.
pub(super) async fn count(
    conn: &mut PgConnection,
    claim: Claim,
    counters: &Counters,
    bytes: Option<u64>,
) -> Result<(), WriteError> {
    let query = "UPDATE runs SET batches = batches + $3, bytes = bytes + $4,
            created = created + $5, updated = updated + $6, unchanged = unchanged + $7,
            deleted = deleted + $8, skipped_deleted = skipped_deleted + $9,
            filtered = filtered + $10, failed = failed + $11
         WHERE id = $1 AND fence = $2 AND state = 'running'";
    let updated = sqlx::query(query)
        .bind(claim.run)
        .bind(claim.fence)
        .bind(i64::from(bytes.is_some()))
        .bind(bytes.unwrap_or(0).cast_signed())
        .bind(counters.created.cast_signed())
        .bind(counters.updated.cast_signed())
        .bind(counters.unchanged.cast_signed())
        .bind(counters.deleted.cast_signed())
        .bind(counters.skipped_deleted.cast_signed())
        .bind(counters.filtered.cast_signed())
        .bind(counters.failed.cast_signed())
        .execute(conn)
        .await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(WriteError::TakenOver) }
}
