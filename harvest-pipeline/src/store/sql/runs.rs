//! Runs in a database.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{Any, AnyConnection, AssertSqlSafe, Transaction};

use super::dialect::POINTS_AT_RUNS;
use super::error::{SqlResult, attempt};
use super::row::{self, Columns, RUN, json, signed, text};
use super::sources::{open_run, set_due};
use super::{SqlStore, limit, number};
use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::run::{Counters, RunId, RunState, Ticket};
use crate::store::lifecycle::RunRow;
use crate::store::{
    Ending, Requested, RunEntry, RunQuery, RunRequest, RunStore, SourceEntry, StoreError, Wanted,
};

/// How often a run may change while it is being changed.
const MOST_TRIES: usize = 50;

impl SqlStore {
    /// The run, with the time. Nobody else changes it until the transaction ends.
    async fn locked_run(
        &self,
        conn: &mut AnyConnection,
        id: RunId,
    ) -> SqlResult<Option<(RunRow, DateTime<Utc>)>> {
        let dialect = self.0.dialect;
        let query =
            format!("SELECT {} AS now, {RUN} WHERE t.id = $2 {}", dialect.now(), dialect.lock());
        let query = sqlx::query(AssertSqlSafe(query)).bind(self.clock()).bind(id.0);
        let row = query.fetch_optional(conn).await?;
        row.map(|row| Ok((row::run(&row)?, Columns(&row).time("now")?))).transpose()
    }

    /// Begins to change the run of a ticket. One that is gone was given to nobody, but the worker must
    /// stop all the same.
    pub(super) async fn begin_ticketed(
        &self,
        ticket: Ticket,
    ) -> SqlResult<(Transaction<'static, Any>, RunRow, DateTime<Utc>)> {
        let mut tx = self.begin().await?;
        match self.locked_run(&mut tx, ticket.run).await? {
            Some((run, now)) if run.check(ticket).is_ok() => Ok((tx, run, now)),
            _ => self.refuse(tx, StoreError::Stale(ticket.run)).await,
        }
    }

    /// Changes a run from outside.
    async fn change_run<T: Send>(
        &self,
        id: RunId,
        change: impl Fn(&mut RunRow, DateTime<Utc>) -> Result<T, StoreError> + Send,
    ) -> SqlResult<T> {
        let changed = self.change_if_there(id, change).await?;
        self.notify();
        changed.ok_or_else(|| StoreError::missing("run", &id).into())
    }

    /// Changes a run for the worker that has it.
    async fn change_ticketed<T: Send>(
        &self,
        ticket: Ticket,
        change: impl Fn(&mut RunRow, DateTime<Utc>) -> Result<T, StoreError> + Send,
    ) -> SqlResult<T> {
        let changed = self.change_if_there(ticket.run, change).await?;
        changed.ok_or_else(|| StoreError::Stale(ticket.run).into())
    }

    /// Changes a run. It is read, changed, and written if it still is as it was read, else all over:
    /// two round trips to the server, where holding it meanwhile would take four.
    async fn change_if_there<T: Send>(
        &self,
        id: RunId,
        change: impl Fn(&mut RunRow, DateTime<Utc>) -> Result<T, StoreError> + Send,
    ) -> SqlResult<Option<T>> {
        let mut conn = self.0.writers.acquire().await?;
        let query = format!("SELECT {} AS now, {RUN} WHERE t.id = $2", self.0.dialect.now());
        for _ in 0..MOST_TRIES {
            let read = sqlx::query(AssertSqlSafe(&*query)).bind(self.clock()).bind(id.0);
            let Some(row) = read.fetch_optional(&mut *conn).await? else { return Ok(None) };
            let mut run = row::run(&row)?;
            let read = run.clone();
            let result = change(&mut run, Columns(&row).time("now")?)?;
            if save(&mut conn, &read, &run).await? {
                return Ok(Some(result));
            }
        }
        Err(StoreError::Unavailable {
            message: format!("run {id} changes all the time; try again"),
            transient: true,
            source: None,
        }
        .into())
    }

    /// Queues a run, unless the source has an open one.
    pub(super) async fn queue(
        &self,
        conn: &mut AnyConnection,
        number: i64,
        source: &SourceEntry,
        request: &RunRequest,
        now: DateTime<Utc>,
    ) -> SqlResult<Option<RunId>> {
        let begins = request.from.as_ref();
        let begins = begins.or(source.checkpoint.as_ref().filter(|_| !request.full));
        let row = sqlx::query(
            "INSERT INTO runs (source, state, attempt, kind, cause, requested_by, from_start,
                from_checkpoint, dry, parent, together, settings, queued, not_before, due, began_at)
             VALUES ($1, 'queued', 0, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(number)
        .bind(request.kind.as_str())
        .bind(request.trigger.as_str())
        .bind(request.by.as_deref())
        .bind(i64::from(request.full))
        .bind(request.from.as_ref().map(Checkpoint::to_json))
        .bind(i64::from(request.dry_run))
        .bind(request.parent.map(|run| run.0))
        .bind(request.group)
        .bind(json(&source.definition)?)
        .bind(text(now))
        .bind(request.not_before.map(text))
        .bind(request.due.map(text))
        .bind(begins.map(Checkpoint::to_json))
        .fetch_optional(conn)
        .await?;
        Ok(row.as_ref().map(super::number).transpose()?.map(RunId))
    }

    async fn request(&self, request: &RunRequest) -> SqlResult<Requested> {
        let mut tx = self.begin().await?;
        let (number, source, now) = self.locked_source(&mut tx, &request.source).await?;
        if let Err(error) = source.definition.may_run(request.trigger) {
            return self.refuse(tx, error).await;
        }
        let asked = match source.open_run {
            Some(open) => Requested::AlreadyOpen(open),
            None => match self.queue(&mut tx, number, &source, request, now).await? {
                Some(run) => Requested::Queued(run),
                // A catalogue began one that no store was asked for.
                None => {
                    let open = open_run(&mut tx, number).await?;
                    Requested::AlreadyOpen(open.ok_or(sqlx::Error::RowNotFound)?)
                }
            },
        };
        tx.commit().await?;
        self.notify();
        Ok(asked)
    }

    async fn claim(&self, worker: &str, lease: Duration) -> SqlResult<Option<(Ticket, RunEntry)>> {
        let mut tx = self.begin().await?;
        let query = format!(
            "SELECT {now} AS now, {RUN}
             WHERE t.state = 'queued' AND (t.not_before IS NULL OR t.not_before <= {now})
             ORDER BY t.id LIMIT 1 {}",
            self.0.dialect.lock_free(),
            now = self.0.dialect.now(),
        );
        let query = sqlx::query(AssertSqlSafe(query)).bind(self.clock());
        let Some(row) = query.fetch_optional(&mut *tx).await? else {
            tx.rollback().await?;
            return Ok(None);
        };
        let (mut run, now) = (row::run(&row)?, Columns(&row).time("now")?);
        let read = run.clone();
        let ticket = run.claim(worker, lease, now)?;
        if !save(&mut tx, &read, &run).await? {
            tx.rollback().await?;
            return Ok(None);
        }
        tx.commit().await?;
        self.notify();
        Ok(Some((ticket, run.entry)))
    }

    /// Ends a run that could not take place, and lets the date stand that it was asked for at.
    async fn end_at_its_date(&self, ticket: Ticket, ending: &Ending) -> SqlResult<RunState> {
        let mut tx = self.begin().await?;
        let query = "SELECT s.name FROM runs r JOIN sources s ON s.id = r.source WHERE r.id = $1";
        let row = sqlx::query(query).bind(ticket.run.0).fetch_optional(&mut *tx).await?;
        let stale = StoreError::Stale(ticket.run);
        let Some(row) = row else { return self.refuse(tx, stale).await };
        // The source before the run, as whoever asks for runs has them.
        let source = SourceId::new(Columns(&row).text("name")?);
        let (number, mut source, _) = self.locked_source(&mut tx, &source).await?;
        let locked = self.locked_run(&mut tx, ticket.run).await?;
        let Some((mut run, now)) = locked else { return self.refuse(tx, stale).await };
        let read = run.clone();
        let state = match run.end(ticket, ending, now) {
            Ok(state) => state,
            Err(error) => return self.refuse(tx, error).await,
        };
        save(&mut tx, &read, &run).await?;
        source.stays_due(&read.entry, now);
        set_due(&mut tx, number, &source).await?;
        tx.commit().await?;
        Ok(state)
    }

    async fn sweep(&self, most_attempts: u32) -> SqlResult<Vec<(RunId, RunState)>> {
        let mut tx = self.begin().await?;
        let query = format!(
            "SELECT {now} AS now, {RUN}
             WHERE t.state = 'interrupted' OR t.state = 'running' AND t.leased_until < {now}
             ORDER BY t.id {}",
            self.0.dialect.lock_free(),
            now = self.0.dialect.now(),
        );
        let query = sqlx::query(AssertSqlSafe(query)).bind(self.clock());
        let mut swept = Vec::new();
        for row in query.fetch_all(&mut *tx).await? {
            let mut run = row::run(&row)?;
            let read = run.clone();
            let state = run.lost(most_attempts, Columns(&row).time("now")?)?;
            if save(&mut tx, &read, &run).await? {
                swept.push((run.entry.id, state));
            }
        }
        tx.commit().await?;
        if !swept.is_empty() {
            self.notify();
        }
        Ok(swept)
    }

    async fn purge(&self, before: DateTime<Utc>, keep: u32) -> SqlResult<u64> {
        let mut tx = self.begin().await?;
        // The last of all stays, so that no number is given twice.
        let rows = sqlx::query(
            "SELECT id FROM
                (SELECT id, ended, row_number() OVER (PARTITION BY source ORDER BY id DESC) AS nth
                 FROM runs) AS numbered
             WHERE ended < $1 AND nth > $2 AND id < (SELECT max(id) FROM runs)",
        )
        .bind(text(before))
        .bind(i64::from(keep))
        .fetch_all(&mut *tx)
        .await?;
        let ids = rows.iter().map(number).collect::<SqlResult<Vec<_>>>()?;
        let mut gone = 0;
        for ids in ids.chunks(500) {
            let ids = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            let pages = format!("SELECT id FROM pages WHERE run IN ({ids})");
            let named = still_named(self.0.dialect.points_at_pages(), &pages);
            let query = format!("DELETE FROM pages WHERE run IN ({ids}){named}");
            sqlx::query(AssertSqlSafe(query)).execute(&mut *tx).await?;
            let named = still_named(POINTS_AT_RUNS, &ids);
            let query = format!("DELETE FROM runs WHERE id IN ({ids}){named}");
            gone += sqlx::query(AssertSqlSafe(query)).execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
        Ok(gone)
    }
}

/// The condition on the runs `t` of a query. Only what is asked for stands in it, so that an index
/// serves it.
fn wanted(query: &RunQuery) -> String {
    let mut wanted = "t.id < $1".to_owned();
    let mut are_few = false;
    for (is_asked, condition, absent) in [
        (query.source.is_some(), "t.source = (SELECT id FROM sources WHERE name = $2)", "$2"),
        (query.group.is_some(), "t.together = $3", "$3"),
        (query.owner.is_some(), "t.source IN (SELECT id FROM sources WHERE owner = $4)", "$4"),
    ] {
        are_few |= is_asked;
        // All parameters must be there to be bound.
        match is_asked {
            true => wanted += &format!(" AND {condition}"),
            false => wanted += &format!(" AND {absent} IS NULL"),
        }
    }
    if !query.ids.is_empty() {
        are_few = true;
        let ids = query.ids.iter().map(|run| run.0.to_string()).collect::<Vec<_>>().join(",");
        wanted += &format!(" AND t.id IN ({ids})");
    }
    let states = query.states.iter().map(|state| format!("'{state}'"));
    if query.states.is_empty() {
        wanted
    } else if are_few {
        // Not by the index of states, which has those of all sources.
        let states = states.collect::<Vec<_>>().join(", ");
        format!("{wanted} AND COALESCE(t.state, '') IN ({states})")
    } else {
        // The last of each state: however many there are of others, they are not read.
        let last = |state: String| {
            format!(
                "SELECT id FROM (SELECT t.id FROM runs t WHERE t.state = {state} AND {wanted}
                    ORDER BY t.id DESC LIMIT $5) AS last"
            )
        };
        format!("t.id IN ({})", states.map(last).collect::<Vec<_>>().join(" UNION ALL "))
    }
}

/// Leaves out those of `candidates` that one of these columns names.
pub(super) fn still_named(points: &[(&str, &str)], candidates: &str) -> String {
    let named = points.iter().map(|(table, column)| {
        format!(
            " AND id NOT IN (SELECT DISTINCT {column} FROM {table} WHERE {column} IN ({candidates}))"
        )
    });
    named.collect()
}

/// Writes what can happen to a run, if it still is as it was read; its counters are raised by those who
/// store batches.
async fn save(conn: &mut AnyConnection, read: &RunRow, run: &RunRow) -> SqlResult<bool> {
    let RunRow { entry, fence } = run;
    let saved = sqlx::query(
        "UPDATE runs SET state = $1, wanted = $2, attempt = $3, fence = $4, worker = $5,
            leased_until = $6, total_hint = $7, held = $8, failure = $9, error = $10,
            not_before = $11, started = $12, ended = $13
         WHERE id = $14 AND state = $15 AND fence = $16 AND COALESCE(wanted, '') = $17
            AND COALESCE(leased_until, '') = $18 AND failed = $19",
    )
    .bind(entry.state.as_str())
    .bind(entry.wanted.map(Wanted::as_str))
    .bind(i64::from(entry.attempt))
    .bind(*fence)
    .bind(entry.worker.as_deref())
    .bind(entry.leased_until.map(text))
    .bind(entry.total_hint.map(signed))
    .bind(entry.held.as_ref().map(json).transpose()?)
    .bind(entry.failure.as_ref().map(json).transpose()?)
    .bind(entry.failure.as_ref().map(|failure| failure.message.as_str()))
    .bind(entry.request.not_before.map(text))
    .bind(entry.started.map(text))
    .bind(entry.ended.map(text))
    .bind(entry.id.0)
    .bind(read.entry.state.as_str())
    .bind(read.fence)
    .bind(read.entry.wanted.map_or("", Wanted::as_str))
    .bind(read.entry.leased_until.map_or_else(String::new, text))
    .bind(signed(read.entry.counters.failed))
    .execute(conn)
    .await?;
    Ok(saved.rows_affected() == 1)
}

/// Counts a batch.
pub(super) async fn count(
    conn: &mut AnyConnection,
    ticket: Ticket,
    counters: &Counters,
    bytes: u64,
) -> SqlResult<()> {
    let counted = sqlx::query(
        "UPDATE runs SET batches = batches + 1, bytes = bytes + $1, created = created + $2,
            updated = updated + $3, unchanged = unchanged + $4, deleted = deleted + $5,
            skipped_deleted = skipped_deleted + $6, filtered = filtered + $7, failed = failed + $8
         WHERE id = $9 AND fence = $10 AND state = 'running'",
    )
    .bind(signed(bytes))
    .bind(signed(counters.created))
    .bind(signed(counters.updated))
    .bind(signed(counters.unchanged))
    .bind(signed(counters.deleted))
    .bind(signed(counters.skipped_deleted))
    .bind(signed(counters.filtered))
    .bind(signed(counters.failed))
    .bind(ticket.run.0)
    .bind(ticket.fence)
    .execute(conn)
    .await?;
    match counted.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Stale(ticket.run).into()),
    }
}

#[async_trait]
impl RunStore for SqlStore {
    async fn request_run(&self, request: &RunRequest) -> Result<Requested, StoreError> {
        attempt("ask for a run", self.request(request)).await
    }

    async fn claim_run(
        &self,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<(Ticket, RunEntry)>, StoreError> {
        attempt("claim a run", self.claim(worker, lease)).await
    }

    async fn renew_run(
        &self,
        ticket: Ticket,
        lease: Duration,
        total_hint: Option<u64>,
    ) -> Result<Option<Wanted>, StoreError> {
        let renew =
            |run: &mut RunRow, now: DateTime<Utc>| run.renew(ticket, lease, total_hint, now);
        attempt("renew the run", self.change_ticketed(ticket, renew)).await
    }

    async fn note_whole(&self, ticket: Ticket, runs: u32) -> Result<Option<RunId>, StoreError> {
        attempt("note that the run saw everything", async {
            let (mut tx, ..) = self.begin_ticketed(ticket).await?;
            sqlx::query("UPDATE runs SET whole = 1 WHERE id = $1")
                .bind(ticket.run.0)
                .execute(&mut *tx)
                .await?;
            let row = match runs.checked_sub(1) {
                None => None,
                Some(ago) => {
                    sqlx::query(
                        "SELECT id FROM runs WHERE whole = 1
                            AND source = (SELECT source FROM runs WHERE id = $1)
                         ORDER BY id DESC LIMIT 1 OFFSET $2",
                    )
                    .bind(ticket.run.0)
                    .bind(i64::from(ago))
                    .fetch_optional(&mut *tx)
                    .await?
                }
            };
            tx.commit().await?;
            Ok(row.as_ref().map(number).transpose()?.map(RunId))
        })
        .await
    }

    async fn count(
        &self,
        ticket: Ticket,
        counters: &Counters,
        bytes: u64,
    ) -> Result<(), StoreError> {
        attempt("count records", async {
            let mut conn = self.0.writers.acquire().await?;
            count(&mut conn, ticket, counters, bytes).await
        })
        .await
    }

    async fn end_run(&self, ticket: Ticket, ending: &Ending) -> Result<RunState, StoreError> {
        let end = |run: &mut RunRow, now: DateTime<Utc>| run.end(ticket, ending, now);
        let state = match ending.leaves_date() {
            true => attempt("end the run", self.end_at_its_date(ticket, ending)).await?,
            false => attempt("end the run", self.change_ticketed(ticket, end)).await?,
        };
        self.notify();
        Ok(state)
    }

    async fn cancel_run(&self, run: RunId) -> Result<RunState, StoreError> {
        attempt("cancel the run", self.change_run(run, RunRow::cancel)).await
    }

    async fn pause_run(&self, run: RunId) -> Result<RunState, StoreError> {
        attempt("pause the run", self.change_run(run, RunRow::pause)).await
    }

    async fn resume_run(&self, run: RunId) -> Result<RunState, StoreError> {
        attempt("resume the run", self.change_run(run, |run, _| run.resume())).await
    }

    async fn approve_run(
        &self,
        run: RunId,
        worker: &str,
        lease: Duration,
    ) -> Result<Ticket, StoreError> {
        let approve = |run: &mut RunRow, now: DateTime<Utc>| run.approve(worker, lease, now);
        attempt("approve the run", self.change_run(run, approve)).await
    }

    async fn reject_run(&self, run: RunId) -> Result<RunState, StoreError> {
        attempt("reject the run", self.change_run(run, RunRow::reject)).await
    }

    async fn sweep_runs(&self, most_attempts: u32) -> Result<Vec<(RunId, RunState)>, StoreError> {
        attempt("look for lost workers", self.sweep(most_attempts)).await
    }

    async fn run(&self, id: RunId) -> Result<Option<RunEntry>, StoreError> {
        attempt("read the run", async {
            let query = format!("SELECT {RUN} WHERE t.id = $1");
            let query = sqlx::query(AssertSqlSafe(query)).bind(id.0);
            let row = query.fetch_optional(&self.0.readers).await?;
            row.map(|row| Ok(row::run(&row)?.entry)).transpose()
        })
        .await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunEntry>, StoreError> {
        attempt("list the runs", async {
            let sql = format!("SELECT {RUN} WHERE {} ORDER BY t.id DESC LIMIT $5", wanted(query));
            let rows = sqlx::query(AssertSqlSafe(sql))
                .bind(query.page.after.map_or(i64::MAX, |run| run.0))
                .bind(query.source.as_ref().map(|source| source.as_str()))
                .bind(query.group)
                .bind(query.owner.as_deref())
                .bind(limit(query.page.limit))
                .fetch_all(&self.0.readers)
                .await?;
            rows.iter().map(|row| Ok(row::run(row)?.entry)).collect()
        })
        .await
    }

    async fn purge_runs(&self, before: DateTime<Utc>, keep: u32) -> Result<u64, StoreError> {
        attempt("forget old runs", self.purge(before, keep)).await
    }
}
