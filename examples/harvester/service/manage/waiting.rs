//! Waiting for runs, and doing them meanwhile.

use std::time::Duration;

use harvest_pipeline::engine::Worker;
use harvest_pipeline::store::{Page, RunEntry, RunKind, RunQuery, Store, StoreError};
use harvest_pipeline::{RunId, RunState};
use tokio_util::sync::CancellationToken;

use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::signals::stop_on_signals;

/// How long to wait before looking again, if the store does not say that something changed.
const LOOK: Duration = Duration::from_millis(500);
/// So many runs are asked about at once.
const AT_ONCE: usize = 1000;

/// Waits for runs.
pub(super) struct Patience<'a> {
    pub(super) store: &'a dyn Store,
    /// How many workers may lose a run before it is given up.
    pub(super) most_attempts: u32,
    pub(super) console: &'a Console,
}

impl Patience<'_> {
    /// Waits until these runs are over, or need somebody, and says what they came to.
    ///
    /// # Errors
    /// If it is told to stop first, or the store cannot be read.
    pub(super) async fn wait(&self, runs: &[RunId]) -> Result<Vec<RunEntry>, Failure> {
        let stop = stop_on_signals(self.console);
        self.until(runs, &stop).await
    }

    /// The same, where this worker does them, and whatever else is queued; without runs, until nothing
    /// is queued.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub(super) async fn with(
        &self,
        worker: &Worker,
        runs: &[RunId],
    ) -> Result<Vec<RunEntry>, Failure> {
        // Nobody else may be there to find the runs of a worker that was killed.
        self.store.sweep_runs(self.most_attempts).await?;
        let runs = match runs {
            [] => self.queued().await?,
            runs => runs.to_vec(),
        };
        let stop = stop_on_signals(self.console);
        let done = stop.child_token();
        let working = tokio::spawn({
            let (worker, done) = (worker.clone(), done.clone());
            async move { worker.run(done).await }
        });
        let waited = self.until(&runs, &stop).await;
        done.cancel();
        working.await.map_err(|error| Failure::new(format!("the worker broke: {error}")))?;
        waited
    }

    async fn queued(&self) -> Result<Vec<RunId>, StoreError> {
        let now = self.store.now().await?;
        let mut query = RunQuery::default();
        query.states = vec![RunState::Queued];
        query.page = Page::first(AT_ONCE);
        let queued = self.store.runs(&query).await?;
        let due = queued.iter().filter(|run| run.request.not_before.is_none_or(|at| at <= now));
        // The oldest first.
        Ok(due.map(|run| run.id).rev().collect())
    }

    async fn until(
        &self,
        runs: &[RunId],
        stop: &CancellationToken,
    ) -> Result<Vec<RunEntry>, Failure> {
        let mut entries = Vec::with_capacity(runs.len());
        for run in runs {
            loop {
                let entry = self.store.run(*run).await?;
                let entry = entry.ok_or_else(|| StoreError::missing("run", run))?;
                if is_settled(&entry) {
                    entries.push(entry);
                    break;
                }
                if stop.run_until_cancelled(self.store.changed(LOOK)).await.is_none() {
                    return Err(Failure::new(format!(
                        "run {run} is not over: it is {}",
                        entry.state
                    )));
                }
                self.store.sweep_runs(self.most_attempts).await?;
            }
        }
        Ok(entries)
    }
}

/// Whether nothing happens any more unless somebody does something.
fn is_settled(run: &RunEntry) -> bool {
    !run.state.is_open() || matches!(run.state, RunState::Suspended | RunState::AwaitingApproval)
}

/// What a run means for the exit status.
pub(super) fn verdict(run: &RunEntry) -> Status {
    let counted = &run.counters;
    match run.state {
        RunState::Succeeded
            if run.request.kind == RunKind::Audit
                && counted.created + counted.updated + counted.deleted > 0 =>
        {
            Status::Different
        }
        RunState::Succeeded => Status::Complete,
        RunState::SucceededWithErrors => Status::RecordErrors,
        _ => Status::Failed,
    }
}
