//! The runs that are going on in a catalogue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::archive::Archive;
use super::dictionary::Trainer;
use crate::batch::SourceId;
use crate::error::{RunError, Stage};
use crate::run::Run;

/// What lets a run write: its rows, and by which claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) source: i64,
    pub(crate) run: i64,
    /// 0: it was not claimed.
    pub(crate) fence: i64,
}

/// A run that is going on.
#[derive(Debug)]
pub(crate) struct OpenRun {
    pub(crate) claim: Claim,
    pub(crate) trainer: Arc<Trainer>,
}

/// The runs that were begun in this catalogue and have not ended: of each source the last. A worker that
/// was taken for lost may still be about, beside the one that has the run now.
#[derive(Debug, Default)]
pub(crate) struct OpenRuns {
    runs: Mutex<HashMap<SourceId, OpenRun>>,
    /// Where their metadata goes, if not into the database.
    pub(crate) archive: Archive,
}

impl OpenRuns {
    /// A run begins; it is over when what is returned is dropped.
    pub(crate) fn open(self: &Arc<Self>, source: SourceId, run: OpenRun) -> Open {
        let claim = run.claim;
        self.all().insert(source.clone(), run);
        Open { runs: Arc::clone(self), source, claim }
    }

    /// What lets a run write: its own ticket if it has one, whatever was begun since.
    ///
    /// # Errors
    /// If none of its source was begun.
    pub(crate) fn claim(&self, run: &Run) -> Result<Claim, RunError> {
        let claim = self.all().get(&run.source).map(|open| open.claim).ok_or_else(|| {
            let message = format!("no run of {} was begun in this catalogue", run.source);
            RunError::new(Stage::Sink, message)
        })?;
        Ok(match run.ticket {
            Some(ticket) => Claim { run: ticket.run.0, fence: ticket.fence, ..claim },
            None => claim,
        })
    }

    /// What compresses the metadata of a source whose run is going on.
    pub(crate) fn trainer(&self, source: &SourceId) -> Option<Arc<Trainer>> {
        self.all().get(source).map(|run| Arc::clone(&run.trainer))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<SourceId, OpenRun>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends what [`OpenRuns::open`] opened, also if the run's future is dropped.
pub(crate) struct Open {
    runs: Arc<OpenRuns>,
    source: SourceId,
    claim: Claim,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut runs = self.runs.all();
        if runs.get(&self.source).is_some_and(|run| run.claim == self.claim) {
            runs.remove(&self.source);
        }
    }
}
