//! The runs that are going on in a catalogue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dictionary::Trainer;
use crate::batch::SourceId;
use crate::error::{RunError, Stage};

/// What lets a run write: its rows, and by which claim.
#[derive(Clone, Copy, Debug)]
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

/// The runs that were begun in this catalogue and have not ended, at most one a source.
#[derive(Debug, Default)]
pub(crate) struct OpenRuns(Mutex<HashMap<SourceId, OpenRun>>);

impl OpenRuns {
    /// A run begins; it is over when what is returned is dropped.
    pub(crate) fn open(self: &Arc<Self>, source: SourceId, run: OpenRun) -> Open {
        self.all().insert(source.clone(), run);
        Open { runs: Arc::clone(self), source }
    }

    /// What lets the run of a source write.
    ///
    /// # Errors
    /// If none was begun.
    pub(crate) fn claim(&self, source: &SourceId) -> Result<Claim, RunError> {
        self.all().get(source).map(|run| run.claim).ok_or_else(|| {
            RunError::new(Stage::Sink, format!("no run of {source} was begun in this catalogue"))
        })
    }

    /// What compresses the metadata of a source whose run is going on.
    pub(crate) fn trainer(&self, source: &SourceId) -> Option<Arc<Trainer>> {
        self.all().get(source).map(|run| Arc::clone(&run.trainer))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<SourceId, OpenRun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends what [`OpenRuns::open`] opened, also if the run's future is dropped.
pub(crate) struct Open {
    runs: Arc<OpenRuns>,
    source: SourceId,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.runs.all().remove(&self.source);
    }
}
