//! Asks for the runs that are due, and finds those that nobody does any more.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::installation::Installation;
use super::retention::Retention;
use crate::batch::SourceId;
use crate::run::{RunId, RunState};
use crate::store::{Event, EventLevel, StoreError};

/// How long it waits at most before it looks again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How often it forgets what is old.
const TIDY: Duration = Duration::from_secs(3600);
/// How many runs it asks for in one go.
const AT_ONCE: usize = 100;
/// How many workers may lose a run before it is given up.
const MOST_ATTEMPTS: u32 = 3;

/// What a scheduler did in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// The runs that were due.
    pub requested: Vec<(SourceId, RunId)>,
    /// The runs whose workers were lost, and what they are now.
    pub swept: Vec<(RunId, RunState)>,
}

/// Asks for the runs that are due, finds those whose workers are lost, and forgets what is old. Several
/// may run at once.
#[derive(Clone, Debug)]
#[must_use]
pub struct Scheduler {
    installation: Installation,
    most_attempts: u32,
    retention: Retention,
}

impl Scheduler {
    /// A scheduler.
    pub fn new(installation: Installation) -> Self {
        let retention = Retention::default();
        Self { installation, most_attempts: MOST_ATTEMPTS, retention }
    }

    /// Sets how many workers may lose a run before it is given up. Left out: 3.
    pub fn most_attempts(mut self, attempts: u32) -> Self {
        self.most_attempts = attempts;
        self
    }

    /// Sets how long what happened is remembered.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Goes on until it is stopped.
    pub async fn run(&self, stop: CancellationToken) {
        let store = self.installation.store();
        let mut tidied = None::<Instant>;
        while !stop.is_cancelled() {
            if tidied.is_none_or(|tidied| tidied.elapsed() >= TIDY) {
                tidied = Some(Instant::now());
                if let Err(error) = self.forget().await {
                    tracing::warn!(%error, "what is old could not be forgotten");
                }
            }
            let wait = match self.tick().await {
                Ok(tick) if tick.requested.len() == AT_ONCE => continue,
                Ok(_) => store.next_due().await.ok().flatten().unwrap_or(LONGEST_WAIT),
                Err(error) => {
                    tracing::warn!(%error, "the scheduler cannot reach the store");
                    LONGEST_WAIT
                }
            };
            let wait = wait.clamp(Duration::from_millis(100), LONGEST_WAIT);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Does once what it does again and again.
    ///
    /// # Errors
    /// If the store cannot be reached.
    pub async fn tick(&self) -> Result<Tick, StoreError> {
        let store = self.installation.store();
        let swept = store.sweep_runs(self.most_attempts).await?;
        for (run, state) in &swept {
            let level = match state {
                RunState::Failed => EventLevel::Error,
                _ => EventLevel::Warning,
            };
            let message = format!("its worker was lost; the run is {state} now");
            let mut event = Event::new("WorkerLost", level, message);
            if let Some(entry) = store.run(*run).await? {
                event = event.in_run(entry.request.source, *run);
            }
            store.record(&[event]).await?;
        }
        Ok(Tick { requested: store.request_due(AT_ONCE).await?, swept })
    }

    /// Forgets what is older than the retention says.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn forget(&self) -> Result<(), StoreError> {
        let store = &**self.installation.store();
        self.retention.forget_events(store).await?;
        // Runs are kept for what they fetched.
        self.retention.forget_dry_runs(store).await?;
        self.retention.forget_runs(store).await
    }
}
