//! Claims runs and does them.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::execute::Execution;
use super::installation::Installation;
use super::retention::Retention;
use super::settle;
use crate::run::{RunId, RunState};
use crate::store::{Event, EventLevel, RunEntry, StoreError};

/// How long to wait for work before asking again, if the store does not say that there is some.
const IDLE: Duration = Duration::from_secs(3);
/// How long to leave a store alone that cannot be reached.
const STORE_AWAY: Duration = Duration::from_secs(5);

/// Claims runs and does them, several at once.
#[derive(Clone, Debug)]
#[must_use]
pub struct Worker {
    installation: Installation,
    name: String,
    lease: Duration,
    concurrency: NonZeroUsize,
    retention: Retention,
}

impl Worker {
    /// A worker of this name, which people see beside its runs and should be its own.
    pub fn new(installation: Installation, name: impl Into<String>) -> Self {
        Self {
            installation,
            name: name.into(),
            lease: Duration::from_secs(60),
            concurrency: NonZeroUsize::MIN.saturating_add(3),
            retention: Retention::default(),
        }
    }

    /// Sets after how long without a sign of life its runs are given to another. Left out: one minute.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets how many runs it does at once. Left out: 4.
    pub fn concurrency(mut self, runs: NonZeroUsize) -> Self {
        self.concurrency = runs;
        self
    }

    /// Sets how long events are remembered: those that are too old or too many go whenever a run is over.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Works until it is stopped. Runs that go on then are put back into the queue where they are.
    pub async fn run(&self, stop: CancellationToken) {
        let permits = Arc::new(Semaphore::new(self.concurrency.get()));
        let mut runs = JoinSet::new();
        self.say("HarvesterStartup", "begins").await;
        let ended = Arc::new(Notify::new());
        // Outside the runs: searches may lag behind, the next run must not.
        let (indexer, told) = (self.clone(), Arc::clone(&ended));
        let mut indexing = JoinSet::new();
        indexing.spawn(async move {
            loop {
                told.notified().await;
                indexer.index().await;
            }
        });
        loop {
            let permit = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                permit = Arc::clone(&permits).acquire_owned() => permit,
            };
            while runs.try_join_next().is_some() {}
            let wait = match self.claim().await {
                Ok(Some(execution)) => {
                    let (worker, stop) = (self.clone(), stop.clone());
                    let ended = Arc::clone(&ended);
                    runs.spawn(async move {
                        worker.execute(execution, stop).await;
                        ended.notify_one();
                        drop(permit);
                    });
                    continue;
                }
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!(worker = %self.name, %error, "no run could be claimed");
                    Some(STORE_AWAY)
                }
            };
            drop(permit);
            let store = self.installation.store();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = async { match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => store.changed(IDLE).await,
                } } => {}
            }
        }
        while runs.join_next().await.is_some() {}
        indexing.shutdown().await;
        self.index().await;
        self.say("HarvesterShutdown", "is stopped").await;
    }

    async fn say(&self, code: &str, what: &str) {
        let message = format!("the worker {} {what}", self.name);
        let event = Event::new(code, EventLevel::Info, message);
        if let Err(error) = self.installation.store().record(&[event]).await {
            tracing::warn!(worker = %self.name, %error, "an event is lost");
        }
    }

    /// Does the runs that wait, one after the other, until none is left. Says how they ended.
    ///
    /// # Errors
    /// If the store cannot be reached.
    pub async fn run_waiting(&self) -> Result<Vec<(RunId, RunState)>, StoreError> {
        let mut ended = Vec::new();
        while let Some(execution) = self.claim().await? {
            let run = execution.entry.id;
            if let Some(state) = self.execution(execution, CancellationToken::new()).await? {
                ended.push((run, state));
            }
            self.index().await;
        }
        Ok(ended)
    }

    /// Deletes what a run wanted to and a person agrees to.
    ///
    /// # Errors
    /// If the run does not wait for that, or the store cannot be reached.
    pub async fn approve(&self, run: RunId) -> Result<Option<RunState>, StoreError> {
        let store = self.installation.store();
        let ticket = store.approve_run(run, &self.name, self.lease).await?;
        let entry = store.run(run).await?.ok_or_else(|| StoreError::missing("run", &run))?;
        let execution =
            Execution { installation: self.installation.clone(), ticket, entry, lease: self.lease };
        let state = self.execution(execution, CancellationToken::new()).await;
        self.index().await;
        state
    }

    /// Has searches find what was stored.
    async fn index(&self) {
        if let Err(error) = self.installation.catalogue().index().await {
            tracing::warn!(worker = %self.name, %error, "searches do not find all yet");
        }
    }

    async fn claim(&self) -> Result<Option<Execution>, StoreError> {
        let claimed = self.installation.store().claim_run(&self.name, self.lease).await?;
        Ok(claimed.map(|(ticket, entry)| Execution {
            installation: self.installation.clone(),
            ticket,
            entry,
            lease: self.lease,
        }))
    }

    async fn execute(&self, execution: Execution, stop: CancellationToken) {
        let run = execution.entry.id;
        if let Err(error) = self.execution(execution, stop).await {
            tracing::error!(worker = %self.name, %run, %error, "a run could not be ended");
        }
    }

    async fn execution(
        &self,
        execution: Execution,
        stop: CancellationToken,
    ) -> Result<Option<RunState>, StoreError> {
        let entry: RunEntry = execution.entry.clone();
        let span = tracing::info_span!(
            "run",
            run = entry.id.0,
            source = entry.request.source.as_str(),
            kind = %entry.request.kind,
            attempt = entry.attempt,
        );
        self.followed(execution, &entry, stop).instrument(span).await
    }

    /// Does a run, and what follows from it.
    async fn followed(
        &self,
        execution: Execution,
        entry: &RunEntry,
        stop: CancellationToken,
    ) -> Result<Option<RunState>, StoreError> {
        tracing::info!("a run begins");
        let state = execution.execute(stop).await?;
        match state {
            Some(state) => tracing::info!(%state, "a run has ended"),
            None => tracing::info!("a run was left to others"),
        }
        if state.is_some_and(|state| !state.is_open()) {
            let forgotten = self.retention.forget_events(&**self.installation.store()).await;
            if let Err(error) = forgotten {
                tracing::warn!(run = %entry.id, %error, "old events are not forgotten yet");
            }
        }
        if state.is_some_and(RunState::is_success) {
            settle::follow(&self.installation, entry).await?;
        }
        Ok(state)
    }
}
