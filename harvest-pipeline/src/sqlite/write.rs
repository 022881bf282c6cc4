//! Storing a batch: records, errors, counters and checkpoint in one transaction.

use std::collections::{BTreeMap, HashMap};
use std::num::ParseIntError;

use chrono::Utc;
use sqlx::{Connection, Row, SqliteConnection};

use super::payloads::{self, NewDictionary};
use super::statement::PUT_RECORDS;
use super::versions;
use crate::batch::Item;
use crate::catalogue::failed::Header;
use crate::catalogue::open::Claim;
use crate::catalogue::plan::{Plan, Stock, Stored, plan};
use crate::catalogue::prepare::{Prepared, json};
pub(super) use crate::catalogue::timestamp;
use crate::checkpoint::Checkpoint;
use crate::error::RecordError;
use crate::run::{Counters, Outcome};
use crate::sink::{Entry, ParsedBatch, Written};

/// Why a batch could not be stored.
pub(super) enum WriteError {
    /// The database said no.
    Database(sqlx::Error),
    /// Another run of the source has begun meanwhile.
    TakenOver,
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Stores all of the batch or nothing.
pub(super) async fn write<R: Sync>(
    conn: &mut SqliteConnection,
    run: Claim,
    kept: u32,
    batch: &ParsedBatch<R>,
    mut prepared: Prepared,
) -> Result<Written, WriteError> {
    // Dropped before `commit` returns, the transaction is rolled back.
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let identifiers = identifiers(batch);
    let stored = stored(&mut tx, run, &identifiers).await?;
    let page = insert_page(&mut tx, run, batch).await?;

    let plan = plan(&batch.entries, &prepared, &stored, batch.is_by_name());
    let replaced = Replaced::of(&plan, batch, kept);
    replaced.keep(&mut tx, run).await?;
    let dictionary = put_records(&mut tx, run, page, batch, &mut prepared, &plan, kept).await?;
    replaced.prune(&mut tx, run).await?;
    note_seen(&mut tx, run, batch, &plan).await?;
    let errors = Errors { run, page, batch };
    errors.resolve(&mut tx, &plan).await?;
    errors.insert(&mut tx, &plan).await?;
    let counters = plan.outcomes.iter().copied().collect();
    count(&mut tx, run, &counters, Some(batch.bytes)).await?;
    advance(&mut tx, run, batch, plan.stock).await?;
    tx.commit().await?;
    if let Some((dictionary, id)) = dictionary {
        dictionary.stored_as(id);
    }
    Ok(Written::new(plan.outcomes).with_failures(plan.failures).with_checkpoint())
}

/// What [`write`] will do, as far as can be seen before.
pub(super) async fn planned<R: Sync>(
    conn: &mut SqliteConnection,
    run: Claim,
    batch: &ParsedBatch<R>,
    prepared: &Prepared,
) -> sqlx::Result<Plan> {
    let stored = stored(conn, run, &identifiers(batch)).await?;
    Ok(plan(&batch.entries, prepared, &stored, batch.is_by_name()))
}

/// The identifiers as a JSON list, one for each entry; `null` where there is none.
fn identifiers<R>(batch: &ParsedBatch<R>) -> String {
    let identifiers = batch.entries.iter().map(|entry| entry.seen(batch.is_by_name()));
    json(&identifiers.collect::<Vec<_>>())
}

/// What is stored of the entries, by their position.
async fn stored(
    conn: &mut SqliteConnection,
    run: Claim,
    identifiers: &str,
) -> sqlx::Result<HashMap<usize, Stored>> {
    // One row with everything: each row costs a hand-over between threads, which is more than
    // finding it.
    let query = "SELECT group_concat(
                    e.key || ' ' || r.deleted || ' ' || ifnull(r.payload, 0) || ' ' || hex(r.digest)
                        || ' ' || r.number,
                    ';')
                 FROM json_each(?) e
                 CROSS JOIN records r ON r.source = ? AND r.identifier = e.value";
    let row = sqlx::query(query).bind(identifiers).bind(run.source).fetch_one(conn).await?;
    let all: Option<&str> = row.try_get(0)?;
    let stored = all.unwrap_or_default().split_terminator(';').map(|one| {
        let mut parts = one.split(' ');
        let mut part = || parts.next().unwrap_or_default();
        let entry = part().parse().map_err(decode)?;
        let deleted = part() != "0";
        let payload: i64 = part().parse().map_err(decode)?;
        let digest = u128::from_str_radix(part(), 16).map_err(decode)?.to_be_bytes();
        let payload = (payload != 0).then_some(payload);
        Ok((entry, Stored { deleted, digest, payload, number: part().parse().map_err(decode)? }))
    });
    stored.collect()
}

fn decode(error: ParseIntError) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

async fn insert_page<R: Sync>(
    conn: &mut SqliteConnection,
    run: Claim,
    batch: &ParsedBatch<R>,
) -> sqlx::Result<i64> {
    let query = "INSERT INTO pages (run, number, request_url, response_date, received)
                 VALUES (?, ?, ?, ?, ?)";
    let inserted = sqlx::query(query)
        .bind(run.run)
        .bind(batch.number.cast_signed())
        .bind(batch.origin.request_url.as_deref())
        .bind(batch.origin.response_date.as_deref())
        .bind(timestamp(batch.received))
        .execute(conn)
        .await?;
    Ok(inserted.last_insert_rowid())
}

/// The records that a batch replaces.
struct Replaced {
    /// Their identifiers, a JSON list; `None` if there are none.
    identifiers: Option<String>,
    /// How many versions before the present one are kept.
    kept: u32,
    /// Whether one of them has more than that.
    overflows: bool,
}

impl Replaced {
    fn of<R>(plan: &Plan, batch: &ParsedBatch<R>, kept: u32) -> Self {
        let replaced = plan.writes.iter().filter_map(|write| {
            let item = batch.entries.get(write.entry).and_then(Entry::item)?;
            Some((&*item.identifier, write.before?.number))
        });
        let (identifiers, numbers): (Vec<_>, Vec<_>) = replaced.unzip();
        Self {
            identifiers: (!identifiers.is_empty()).then(|| json(&identifiers)),
            kept,
            overflows: numbers.into_iter().any(|number| number > i64::from(kept)),
        }
    }

    async fn keep(&self, conn: &mut SqliteConnection, run: Claim) -> sqlx::Result<()> {
        match &self.identifiers {
            Some(identifiers) if self.kept > 0 => {
                versions::keep(conn, run.source, identifiers).await
            }
            _ => Ok(()),
        }
    }

    async fn prune(&self, conn: &mut SqliteConnection, run: Claim) -> sqlx::Result<()> {
        match &self.identifiers {
            Some(identifiers) if self.overflows => {
                versions::prune(conn, run.source, identifiers, self.kept).await
            }
            _ => Ok(()),
        }
    }
}

async fn put_records<R: Sync>(
    conn: &mut SqliteConnection,
    run: Claim,
    page: i64,
    batch: &ParsedBatch<R>,
    prepared: &mut Prepared,
    plan: &Plan,
    kept: u32,
) -> sqlx::Result<NewDictionary> {
    if plan.writes.is_empty() {
        return Ok(None);
    }
    let mut versions = Vec::with_capacity(plan.writes.len());
    let mut contents = Vec::with_capacity(plan.writes.len());
    for write in &plan.writes {
        // `plan` writes an entry only if it has a version, and only once.
        let item = batch.entries.get(write.entry).and_then(Entry::item);
        let version = prepared.get_mut(write.entry).and_then(Option::take).and_then(Result::ok);
        if let (Some(item), Some(mut version)) = (item, version) {
            // Where versions are kept, the one before has the payload.
            let before = write.before.filter(|_| kept == 0).and_then(|it| it.payload);
            contents.push((version.content.take(), before));
            versions.push((item, version));
        }
    }
    let (placed, dictionary) = payloads::place(conn, run.source, contents).await?;
    let rows = versions.into_iter().zip(placed).collect();
    // Not when it was received: whoever lists what changed must not have been here in between.
    let changed = Utc::now().timestamp();
    PUT_RECORDS
        .execute(conn, rows, |values, ((item, version), payload)| {
            values.add(run.source);
            values.add(&*item.identifier);
            values.add(payload.is_none());
            values.add(item.datestamp.as_deref());
            values.add(item.version.as_deref());
            values.add(version.sets);
            values.add(version.about);
            values.add(item.payload().map(|payload| &*payload.format));
            values.add(&version.digest[..]);
            values.add(payload);
            values.add(page);
            values.add(run.run);
            values.add(run.run);
            values.add(changed);
        })
        .await?;
    Ok(dictionary)
}

async fn note_seen<R: Sync>(
    conn: &mut SqliteConnection,
    run: Claim,
    batch: &ParsedBatch<R>,
    plan: &Plan,
) -> sqlx::Result<()> {
    if plan.seen.is_empty() {
        return Ok(());
    }
    let by_name = batch.is_by_name();
    let seen = plan.seen.iter().filter_map(|entry| batch.entries.get(*entry)?.seen(by_name));
    let identifiers = json(&seen.collect::<Vec<_>>());
    let query = "UPDATE records SET last_run = ?
                 WHERE source = ? AND identifier IN (SELECT value FROM json_each(?))";
    sqlx::query(query).bind(run.run).bind(run.source).bind(identifiers).execute(conn).await?;
    Ok(())
}

/// The dead letters of a batch.
struct Errors<'a, R> {
    run: Claim,
    page: i64,
    batch: &'a ParsedBatch<R>,
}

impl<R: Sync> Errors<'_, R> {
    /// What failed before and came through now is no error any more.
    async fn resolve(&self, conn: &mut SqliteConnection, plan: &Plan) -> sqlx::Result<()> {
        let query = "SELECT EXISTS (SELECT 1 FROM record_errors WHERE source = ? AND NOT resolved)";
        let any: bool =
            sqlx::query(query).bind(self.run.source).fetch_one(&mut *conn).await?.try_get(0)?;
        if !any {
            return Ok(());
        }
        let through = self.batch.entries.iter().zip(&plan.outcomes);
        let through = through
            .filter(|(_, outcome)| !matches!(outcome, Outcome::Failed | Outcome::Filtered))
            .filter_map(|(entry, _)| Some(&*entry.item()?.identifier));
        let query = "UPDATE record_errors SET resolved = TRUE, last_run = ?
                     WHERE source = ? AND NOT resolved
                       AND key IN (SELECT value FROM json_each(?))";
        sqlx::query(query)
            .bind(self.run.run)
            .bind(self.run.source)
            .bind(json(&through.collect::<Vec<_>>()))
            .execute(conn)
            .await?;
        Ok(())
    }

    async fn insert(&self, conn: &mut SqliteConnection, plan: &Plan) -> sqlx::Result<()> {
        let mut own = plan.failures.iter();
        for (nth, (entry, outcome)) in self.batch.entries.iter().zip(&plan.outcomes).enumerate() {
            if *outcome != Outcome::Failed {
                continue;
            }
            let error = match entry {
                Entry::Failed { error, .. } => Some(error),
                _ => own.next(),
            };
            if let Some(error) = error {
                self.insert_one(conn, nth, entry, error).await?;
            }
        }
        Ok(())
    }

    async fn insert_one(
        &self,
        conn: &mut SqliteConnection,
        nth: usize,
        entry: &Entry<R>,
        error: &RecordError,
    ) -> sqlx::Result<()> {
        let key = match &error.identifier {
            Some(identifier) => identifier.clone(),
            // The same place in the same list is taken for the same record.
            None => format!("batch {}, record {nth}", self.batch.number),
        };
        let item = entry.item();
        let payload = item.and_then(Item::payload);
        let query = "INSERT INTO record_errors
                        (source, key, identifier, stage, message, page, first_run, last_run, body,
                         format, header)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10)
                     ON CONFLICT DO UPDATE SET stage = excluded.stage, message = excluded.message,
                        resolved = FALSE, tries = tries + 1, page = excluded.page,
                        last_run = excluded.last_run, body = excluded.body,
                        format = excluded.format, header = excluded.header";
        sqlx::query(query)
            .bind(self.run.source)
            .bind(key)
            .bind(error.identifier.as_deref())
            .bind(error.stage.as_str())
            .bind(&*error.message)
            .bind(self.page)
            .bind(self.run.run)
            .bind(payload.map(|payload| payload.body.as_bytes()))
            .bind(payload.map(|payload| &*payload.format))
            .bind(item.and_then(Header::of))
            .execute(conn)
            .await?;
        Ok(())
    }
}

/// Raises the run's counters; `bytes` are those of a batch that is counted, too.
pub(super) async fn count(
    conn: &mut SqliteConnection,
    run: Claim,
    counters: &Counters,
    bytes: Option<u64>,
) -> Result<(), WriteError> {
    let counters = BTreeMap::from([
        ("created", counters.created),
        ("updated", counters.updated),
        ("unchanged", counters.unchanged),
        ("deleted", counters.deleted),
        ("skipped_deleted", counters.skipped_deleted),
        ("filtered", counters.filtered),
        ("failed", counters.failed),
    ]);
    let query =
        "UPDATE runs SET batches = batches + (?1 IS NOT NULL), bytes = bytes + ifnull(?1, 0),
                    created = created + (?2 ->> 'created'),
                    updated = updated + (?2 ->> 'updated'),
                    unchanged = unchanged + (?2 ->> 'unchanged'),
                    deleted = deleted + (?2 ->> 'deleted'),
                    skipped_deleted = skipped_deleted + (?2 ->> 'skipped_deleted'),
                    filtered = filtered + (?2 ->> 'filtered'),
                    failed = failed + (?2 ->> 'failed')
                 WHERE id = ?3 AND fence = ?4 AND state = 'running'";
    let updated = sqlx::query(query)
        .bind(bytes.map(u64::cast_signed))
        .bind(json(&counters))
        .bind(run.run)
        .bind(run.fence)
        .execute(&mut *conn)
        .await?;
    // The lock makes this impossible, where file locks work. Over a network they may not.
    if updated.rows_affected() != 1 {
        return Err(WriteError::TakenOver);
    }
    Ok(())
}

/// Sets the source's checkpoint, and how many records it has.
async fn advance<R: Sync>(
    conn: &mut SqliteConnection,
    run: Claim,
    batch: &ParsedBatch<R>,
    stock: Stock,
) -> sqlx::Result<()> {
    let query = "UPDATE sources SET checkpoint = ifnull(?, checkpoint), live = live + ?, tombstones = tombstones + ?
                 WHERE id = ?";
    sqlx::query(query)
        .bind(batch.checkpoint.as_ref().map(Checkpoint::to_json))
        .bind(stock.live)
        .bind(stock.tombstones)
        .bind(run.source)
        .execute(conn)
        .await?;
    Ok(())
}
