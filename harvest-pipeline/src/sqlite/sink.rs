//! The catalogue as a sink.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use serde::Serialize;
use sqlx::{Connection, Row, SqliteConnection};

use super::lock::SourceLock;
use super::write::{WriteError, planned, timestamp, write};
use super::{SqliteCatalogue, failed};
use crate::batch::SourceId;
use crate::catalogue::archive::put_aside;
use crate::catalogue::dictionary::{Dictionary, Trainer};
use crate::catalogue::open::{Claim, OpenRun};
use crate::catalogue::prepare::{Prepare, Prepared, json, prepare};
use crate::checkpoint::Checkpoint;
use crate::error::{RunError, Stage};
use crate::filter::Known;
use crate::run::{Run, Summary, Ticket};
use crate::sink::{Hold, ParsedBatch, Preparer, Sink, Written};
use crate::store::StoreError;

impl SqliteCatalogue {
    /// What lets this run write. One that was claimed need not have been begun here.
    pub(super) async fn claim(&self, run: &Run) -> Result<Claim, RunError> {
        let Some(ticket) = run.ticket else { return self.0.open.claim(run) };
        let query = "SELECT id FROM sources WHERE name = ?";
        let query = sqlx::query(query).bind(run.source.as_str());
        let row = query.fetch_optional(&self.0.readers).await;
        let source = row.and_then(|row| row.map(|row| row.try_get(0)).transpose());
        let source: Option<i64> = source.map_err(|error| self.unreadable(error))?;
        let source = source.ok_or_else(|| StoreError::missing("source", run.source.as_str()))?;
        Ok(Claim { source, run: ticket.run.0, fence: ticket.fence })
    }

    /// Why `run` could not write.
    pub(super) fn refused(&self, run: &Run, what: &str, error: WriteError) -> RunError {
        match (error, run.ticket) {
            (WriteError::Database(error), _) => self.cannot(what)(error),
            (WriteError::TakenOver, Some(ticket)) => StoreError::Stale(ticket.run).into(),
            (WriteError::TakenOver, None) => {
                let (source, file) = (&run.source, self.0.file.display());
                let message =
                    format!("another run of {source} has begun in {file}; this one stops");
                RunError::new(Stage::Sink, message)
            }
        }
    }

    /// Keeps other runs of the source out, in this program and others.
    fn lock(&self, name: &str, source: i64) -> Result<SourceLock, RunError> {
        let file = self.0.file.display();
        let lock = SourceLock::take(&self.0.file, source).map_err(|error| {
            let message = format!("cannot lock {name} in {file}: {error}");
            RunError::new(Stage::Sink, message).with_source(error)
        })?;
        lock.ok_or_else(|| {
            let message = format!(
                "{name} is already being harvested into {file}; wait until that run ends, or stop it"
            );
            RunError::new(Stage::Sink, message).with_transient(true)
        })
    }

    /// Notes a run that nobody asked a store for. Called holding the source's lock, so that a run that
    /// is still going on can only be one that was killed.
    async fn insert_run(
        &self,
        writer: &mut SqliteConnection,
        source: i64,
        run: &Run,
    ) -> Result<i64, RunError> {
        let cannot = self.cannot("begin a run");
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&cannot)?;
        sqlx::query(
            "UPDATE runs SET state = 'failed', ended = ?,
                error = 'the program ended before the run did; the next one goes on where it was'
             WHERE source = ? AND state = 'running' AND worker IS NULL",
        )
        .bind(timestamp(Utc::now()))
        .bind(source)
        .execute(&mut *tx)
        .await
        .map_err(&cannot)?;
        let open = "SELECT max(id), state FROM runs WHERE source = ? AND state IN
                ('queued', 'running', 'suspended', 'awaiting approval', 'interrupted')";
        let row = sqlx::query(open).bind(source).fetch_one(&mut *tx).await.map_err(&cannot)?;
        if let Some(id) = row.try_get::<Option<i64>, _>(0).map_err(&cannot)? {
            let state: &str = row.try_get(1).map_err(&cannot)?;
            let message = format!(
                "{} has run {id}, which is {state}, in {}; wait until it ends, or cancel it",
                run.source,
                self.0.file.display()
            );
            return Err(RunError::new(Stage::Sink, message).with_transient(true));
        }
        let started = timestamp(run.started);
        let insert = "INSERT INTO runs (source, state, queued, started)
                      VALUES (?1, 'running', ?2, ?2)";
        let inserted = sqlx::query(insert).bind(source).bind(started).execute(&mut *tx).await;
        let inserted = inserted.map_err(&cannot)?;
        tx.commit().await.map_err(&cannot)?;
        Ok(inserted.last_insert_rowid())
    }

    /// Whether the ticket is that of a run that goes on.
    async fn claimed(
        &self,
        writer: &mut SqliteConnection,
        source: i64,
        ticket: Ticket,
    ) -> Result<(), RunError> {
        let query = "SELECT EXISTS (SELECT 1 FROM runs
             WHERE id = ? AND source = ? AND fence = ? AND state = 'running')";
        let query = sqlx::query(query).bind(ticket.run.0).bind(source).bind(ticket.fence);
        let row = query.fetch_one(writer).await;
        match row.and_then(|row| row.try_get(0)).map_err(self.cannot("begin a run"))? {
            true => Ok(()),
            false => Err(StoreError::Stale(ticket.run).into()),
        }
    }

    pub(super) fn cannot(&self, what: &str) -> impl Fn(sqlx::Error) -> RunError + use<> {
        let what = format!("{what} in {}", self.0.file.display());
        move |error| failed(&what, error)
    }
}

#[async_trait]
impl<R: Serialize + Send + Sync + 'static> Sink<R> for SqliteCatalogue {
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        let cannot = self.cannot("begin a run");
        let mut writer = self.0.writer.lock().await;
        let name = run.source.as_str();
        sqlx::query("INSERT INTO sources (name) VALUES (?) ON CONFLICT DO NOTHING")
            .bind(name)
            .execute(&mut *writer)
            .await
            .map_err(&cannot)?;
        let source: i64 = sqlx::query("SELECT id FROM sources WHERE name = ?")
            .bind(name)
            .fetch_one(&mut *writer)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(&cannot)?;

        let (run_row, lock) = match run.ticket {
            // The ticket keeps others out, and a worker that hangs must not keep the lock.
            Some(ticket) => {
                self.claimed(&mut writer, source, ticket).await?;
                (ticket.run.0, None)
            }
            None => {
                let lock = self.lock(name, source)?;
                (self.insert_run(&mut writer, source, run).await?, Some(lock))
            }
        };

        let query = "SELECT body, id FROM dictionaries WHERE source = ? ORDER BY id DESC LIMIT 1";
        let dictionary = sqlx::query(query)
            .bind(source)
            .fetch_optional(&mut *writer)
            .await
            .and_then(|row| {
                row.map(|row| Ok(Dictionary::new(row.try_get(0)?, row.try_get(1)?))).transpose()
            })
            .map_err(&cannot)?;

        let fence = run.ticket.map_or(0, |ticket| ticket.fence);
        let trainer = Arc::new(Trainer::new(dictionary));
        let open = OpenRun { claim: Claim { source, run: run_row, fence }, trainer };
        let open = self.0.open.open(run.source.clone(), open);
        // Dropped in this order: the lock is given back after the run is over.
        Ok(Hold::new((open, lock)))
    }

    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        let json = sqlx::query("SELECT checkpoint FROM sources WHERE name = ?")
            .bind(source.as_str())
            .fetch_optional(&self.0.readers)
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
                     FROM json_each(?) e
                     CROSS JOIN sources s ON s.name = ?
                     CROSS JOIN records r ON r.source = s.id AND r.identifier = e.value";
        let cannot = self.cannot("look up records");
        let rows = sqlx::query(query)
            .bind(json(&identifiers))
            .bind(source.as_str())
            .fetch_all(&self.0.readers)
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
        Some(Arc::new(Prepare(Arc::clone(&self.0.open))))
    }

    async fn write(&self, run: &Run, mut batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let claim = self.0.open.claim(run)?;
        let prepared = batch.prepared.take().and_then(|it| it.downcast::<Prepared>().ok());
        let mut prepared = match prepared {
            Some(prepared) if prepared.len() == batch.entries.len() => *prepared,
            _ => prepare(&self.0.open, &batch),
        };
        if let Some(payloads) = self.0.open.archive.get() {
            let mut reader = self.0.readers.acquire().await.map_err(self.cannot("read"))?;
            let plan = planned(&mut reader, claim, &batch, &prepared).await;
            put_aside(payloads, &mut prepared, &plan.map_err(self.cannot("read"))?).await?;
        }
        let mut writer = self.0.writer.lock().await;
        let written = write(&mut writer, claim, self.kept_versions(), &batch, prepared).await;
        written.map_err(|error| {
            let what = format!("store batch {} of {}", batch.number, batch.source);
            self.refused(run, &what, error)
        })
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        if run.ticket.is_some() {
            // Whoever claimed it ends it.
            return Ok(());
        }
        let open = self.0.open.claim(run)?;
        let mut writer = self.0.writer.lock().await;
        sqlx::query(
            "UPDATE runs SET state = ?, ended = ?, error = ?
             WHERE id = ? AND state = 'running' AND fence = 0",
        )
        .bind(summary.state.as_str())
        .bind(timestamp(Utc::now()))
        .bind(summary.error.as_deref())
        .bind(open.run)
        .execute(&mut *writer)
        .await
        .map_err(self.cannot("end the run"))?;
        Ok(())
    }
}
