//! Asks for the runs that are due, and finds those that nobody does any more.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::installation::Installation;
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

/// How long what happened is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// How long events are kept. Left out: 90 days.
    pub events: Duration,
    /// How many events are kept at most. Left out: a million.
    pub most_events: u64,
    /// How long runs are kept that are over. Left out: 400 days.
    pub runs: Duration,
    /// How many runs of each source are kept however old they are. Left out: 20.
    pub least_runs: u32,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            events: Duration::from_secs(90 * DAY),
            most_events: 1_000_000,
            runs: Duration::from_secs(400 * DAY),
            least_runs: 20,
        }
    }
}

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
        let store = self.installation.store();
        let now = store.now().await?;
        let ago = |age: Duration| {
            TimeDelta::from_std(age).ok().and_then(|age| now.checked_sub_signed(age))
        };
        if let Some(before) = ago(self.retention.events) {
            store.purge_events(before, self.retention.most_events).await?;
        }
        if let Some(before) = ago(self.retention.runs) {
            store.purge_runs(before, self.retention.least_runs).await?;
        }
        Ok(())
    }
}
