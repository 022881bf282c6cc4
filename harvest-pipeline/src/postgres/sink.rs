//! The catalogue as a sink.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Row};

use super::lock::SourceLock;
use super::prepare::{PrepareWords, Ready};
use super::write::{BEGIN, WriteError, planned, write};
use super::{PostgresCatalogue, text};
use crate::batch::SourceId;
use crate::catalogue::archive::put_aside;
use crate::catalogue::dictionary::{Dictionary, Trainer};
use crate::catalogue::open::{Claim, OpenRun};
use crate::catalogue::timestamp;
use crate::checkpoint::Checkpoint;
use crate::error::{RunError, Stage};
use crate::filter::Known;
use crate::run::{Run, Summary, Ticket};
use crate::sink::{Hold, ParsedBatch, Preparer, Sink, Written};
use crate::store::StoreError;

impl PostgresCatalogue {
    /// What lets this run write. One that was claimed need not have been begun here.
    pub(super) async fn claim(&self, run: &Run) -> Result<Claim, RunError> {
        let Some(ticket) = run.ticket else { return self.0.open.claim(run) };
        let query = "SELECT id FROM sources WHERE name = $1";
        let query = sqlx::query(query).bind(run.source.as_str());
        let row = query.fetch_optional(&self.0.pool).await;
        let source = row.and_then(|row| row.map(|row| row.try_get(0)).transpose());
        let source: Option<i64> = source.map_err(|error| self.unreadable(error))?;
        let source = source.ok_or_else(|| StoreError::missing("source", run.source.as_str()))?;
        Ok(Claim { source, run: ticket.run.0, fence: ticket.fence })
    }

    /// Why `run` could not write.
    pub(super) fn refused(&self, run: &Run, what: &str, error: WriteError) -> RunError {
        match (error, run.ticket) {
            (WriteError::Database(error), _) => self.cannot(what)(error),
            (WriteError::Unreadable(error), _) => error,
            (WriteError::TakenOver, Some(ticket)) => StoreError::Stale(ticket.run).into(),
            (WriteError::TakenOver, None) => {
                let (source, database) = (&run.source, &self.0.name);
                let message =
                    format!("another run of {source} has begun in {database}; this one stops");
                RunError::new(Stage::Sink, message)
            }
        }
    }

    async fn lock(&self, source: &SourceId) -> Result<SourceLock, RunError> {
        let lock = SourceLock::take(&self.0.options, source.as_str()).await;
        lock.map_err(self.cannot(&format!("lock {source}")))?.ok_or_else(|| {
            let message = format!(
                "{source} is already being harvested into {}; wait until that run ends, or stop it",
                self.0.name
            );
            RunError::new(Stage::Sink, message).with_transient(true)
        })
    }

    /// Notes a run that nobody asked a store for. Called holding the source's lock, so that a run that
    /// is still going on can only be one that was killed.
    async fn insert_run(
        &self,
        conn: &mut PgConnection,
        source: i64,
        run: &Run,
    ) -> Result<i64, RunError> {
        let cannot = self.cannot("begin a run");
        let mut tx = conn.begin_with(BEGIN).await.map_err(&cannot)?;
        sqlx::query(
            "UPDATE runs SET state = 'failed', ended = $1,
                error = 'the program ended before the run did; the next one goes on where it was'
             WHERE source = $2 AND state = 'running' AND worker IS NULL",
        )
        .bind(timestamp(Utc::now()))
        .bind(source)
        .execute(&mut *tx)
        .await
        .map_err(&cannot)?;
        // None is inserted beside an open one, which may be asked for in this very moment.
        let insert = "INSERT INTO runs (source, state, queued, started)
             VALUES ($1, 'running', $2, $2)
             ON CONFLICT (source) WHERE state IN
                ('queued', 'running', 'suspended', 'awaiting approval', 'interrupted')
             DO NOTHING RETURNING id";
        let insert = sqlx::query(insert).bind(source).bind(timestamp(run.started));
        if let Some(row) = insert.fetch_optional(&mut *tx).await.map_err(&cannot)? {
            let id = row.try_get(0).map_err(&cannot)?;
            tx.commit().await.map_err(&cannot)?;
            return Ok(id);
        }
        let open = "SELECT id, state FROM runs WHERE source = $1 AND state IN
                ('queued', 'running', 'suspended', 'awaiting approval', 'interrupted')";
        let row = sqlx::query(open).bind(source).fetch_optional(&mut *tx).await.map_err(&cannot)?;
        let row = row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose();
        let row: Option<(i64, String)> = row.map_err(&cannot)?;
        let (source, database) = (&run.source, &self.0.name);
        let message = match row {
            Some((id, state)) => format!(
                "{source} has run {id}, which is {state}, in {database}; wait until it ends, or \
                 cancel it"
            ),
            None => format!("{source} had another run in {database} until now; try again"),
        };
        Err(RunError::new(Stage::Sink, message).with_transient(true))
    }

    /// Whether the ticket is that of a run that goes on.
    async fn claimed(
        &self,
        conn: &mut PgConnection,
        source: i64,
        ticket: Ticket,
    ) -> Result<(), RunError> {
        let query = "SELECT EXISTS (SELECT FROM runs
             WHERE id = $1 AND source = $2 AND fence = $3 AND state = 'running')";
        let query = sqlx::query(query).bind(ticket.run.0).bind(source).bind(ticket.fence);
        let row = query.fetch_one(conn).await;
        match row.and_then(|row| row.try_get(0)).map_err(self.cannot("begin a run"))? {
            true => Ok(()),
            false => Err(StoreError::Stale(ticket.run).into()),
        }
    }

    async fn source_row(&self, conn: &mut PgConnection, source: &SourceId) -> sqlx::Result<i64> {
        sqlx::query("INSERT INTO sources (name) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(source.as_str())
            .execute(&mut *conn)
            .await?;
        let query = sqlx::query("SELECT id FROM sources WHERE name = $1").bind(source.as_str());
        query.fetch_one(conn).await?.try_get(0)
    }
}

#[async_trait]
impl<R: Serialize + Send + Sync + 'static> Sink<R> for PostgresCatalogue {
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        let cannot = self.cannot("begin a run");
        text::check(run.source.as_str())?;
        let lock = match run.ticket {
            Some(_) => None,
            None => Some(self.lock(&run.source).await?),
        };
        let mut conn = self.0.pool.acquire().await.map_err(&cannot)?;
        let source = self.source_row(&mut conn, &run.source).await.map_err(&cannot)?;
        let (row, fence) = match run.ticket {
            Some(ticket) => {
                self.claimed(&mut conn, source, ticket).await?;
                (ticket.run.0, ticket.fence)
            }
            None => (self.insert_run(&mut conn, source, run).await?, 0),
        };
        let query = "SELECT body, id FROM dictionaries WHERE source = $1 ORDER BY id DESC LIMIT 1";
        let dictionary = sqlx::query(query).bind(source).fetch_optional(&mut *conn).await;
        let read = |row: PgRow| Ok(Dictionary::new(row.try_get(0)?, row.try_get(1)?));
        let dictionary = dictionary.and_then(|row| row.map(read).transpose()).map_err(&cannot)?;

        let claim = Claim { source, run: row, fence };
        let open = OpenRun { claim, trainer: Arc::new(Trainer::new(dictionary)) };
        let open = self.0.open.open(run.source.clone(), open);
        // Dropped in this order: the lock is given back after the run is over.
        Ok(Hold::new((open, lock)))
    }

    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        let json = sqlx::query("SELECT checkpoint FROM sources WHERE name = $1")
            .bind(source.as_str())
            .fetch_optional(&self.0.pool)
            .await
            .and_then(|row| row.map_or(Ok(None), |row| row.try_get::<Option<String>, _>(0)))
            .map_err(self.cannot("read the checkpoint"))?;
        Ok(json.map(|json| Checkpoint::from_json(&json)).transpose()?)
    }

    async fn known(
        &self,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Known>, RunError> {
        let query = "SELECT r.identifier, r.deleted, r.datestamp, r.version
             FROM sources s JOIN records r ON r.source = s.id
             WHERE s.name = $1 AND r.identifier = ANY ($2)";
        let cannot = self.cannot("look up records");
        let identifiers: Vec<&str> =
            identifiers.iter().copied().filter(|it| text::is_storable(it)).collect();
        let rows = sqlx::query(query)
            .bind(source.as_str())
            .bind(identifiers)
            .fetch_all(&self.0.pool)
            .await
            .map_err(&cannot)?;
        let known = rows.iter().map(|row| {
            let deleted: bool = row.try_get(1)?;
            let known = Known::new(!deleted, row.try_get(2)?).with_version(row.try_get(3)?);
            Ok((row.try_get(0)?, known))
        });
        known.collect::<sqlx::Result<_>>().map_err(cannot)
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer<R>>> {
        Some(Arc::new(PrepareWords(Arc::clone(&self.0.open))))
    }

    async fn write(&self, run: &Run, mut batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let claim = self.0.open.claim(run)?;
        let what = format!("store batch {} of {}", batch.number, batch.source);
        let ready = |batch: &mut ParsedBatch<R>| {
            let ready = batch.prepared.take().and_then(|it| it.downcast::<Ready>().ok());
            ready.filter(|ready| ready.versions.len() == batch.entries.len())
        };
        let ready = ready(&mut batch).or_else(|| {
            PrepareWords(Arc::clone(&self.0.open)).prepare(&mut batch);
            ready(&mut batch)
        });
        let ready = ready.ok_or_else(|| RunError::new(Stage::Sink, format!("cannot {what}")))?;
        let mut ready = *ready;
        if let Some(payloads) = self.0.open.archive.get() {
            let mut conn = self.0.pool.acquire().await.map_err(self.cannot(&what))?;
            let plan = planned(&mut conn, claim, &batch, &ready.versions).await;
            drop(conn);
            put_aside(payloads, &mut ready.versions, &plan.map_err(self.cannot(&what))?).await?;
        }
        let mut conn = self.0.pool.acquire().await.map_err(self.cannot(&what))?;
        write(&mut conn, claim, self.kept_versions(), &batch, ready)
            .await
            .map_err(|error| self.refused(run, &what, error))
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        if run.ticket.is_some() {
            // Whoever claimed it ends it.
            return Ok(());
        }
        let claim = self.0.open.claim(run)?;
        sqlx::query(
            "UPDATE runs SET state = $1, ended = $2, error = $3
             WHERE id = $4 AND state = 'running' AND fence = 0",
        )
        .bind(summary.state.as_str())
        .bind(timestamp(Utc::now()))
        .bind(summary.error.as_deref().map(text::shown))
        .bind(claim.run)
        .execute(&self.0.pool)
        .await
        .map_err(self.cannot("end the run"))?;
        Ok(())
    }
}
