//! Where records go.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::batch::{Item, Notice, Origin, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError};
use crate::filter::Known;
use crate::parser::Issue;
use crate::run::{Outcome, Run, Summary};

/// Stores records, a batch at a time.
///
/// Only [`write`](Self::write) must be implemented. It must be idempotent by source and
/// identifier: after a crash between a batch and its checkpoint the batch comes again. A sink that
/// can should keep the checkpoint in the same commit as the records and say so in [`Written`];
/// then nothing comes twice.
#[async_trait]
pub trait Sink<R: Send + Sync + 'static>: Send + Sync {
    /// A run begins. What is returned is held until the run ends in whatever way, including its
    /// future being dropped.
    ///
    /// # Errors
    /// If nothing can be stored, or another run of the same source is going on.
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        let _ = run;
        Ok(Hold::nothing())
    }

    /// Where to continue, if the sink keeps checkpoints. Asked after [`begin`](Self::begin).
    ///
    /// # Errors
    /// If it cannot be read.
    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        let _ = source;
        Ok(None)
    }

    /// What the sink holds of these records; those it does not hold are left out.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn known(
        &self,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Known>, RunError> {
        let _ = (source, identifiers);
        Ok(HashMap::new())
    }

    /// Work on a batch that needs no order, such as compressing: done beforehand and for several
    /// batches at once, on threads that may block.
    fn preparer(&self) -> Option<Arc<dyn Preparer<R>>> {
        None
    }

    /// Stores a batch. The driver calls this for one batch after the other, in order, and never
    /// drops the call half-way.
    ///
    /// # Errors
    /// If the batch could not be stored; then none of it should have been.
    async fn write(&self, run: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError>;

    /// The run has ended, in the state that the summary says.
    ///
    /// # Errors
    /// If what was stored could not be completed.
    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        let _ = (run, summary);
        Ok(())
    }
}

/// The part of a sink's work that needs no order; see [`Sink::preparer`].
pub trait Preparer<R>: Send + Sync {
    /// Does the work and leaves the result in [`ParsedBatch::prepared`].
    fn prepare(&self, batch: &mut ParsedBatch<R>);

    /// The same where each record can be worked on alone: `entries` filters and parses the next one
    /// when it is asked for it, so that a preparer that lets go of a record before it asks for the next
    /// has one in memory instead of a batch. The entries, and what is to be left in
    /// [`ParsedBatch::prepared`]; `None`, with none of the entries taken, if the batch is needed whole,
    /// as is the case unless a preparer says otherwise.
    fn prepare_each(
        &self,
        source: &SourceId,
        entries: &mut dyn Iterator<Item = Entry<R>>,
    ) -> Option<PreparedEntries<R>> {
        let _ = (source, entries);
        None
    }
}

/// The entries of a batch, and what was prepared of them.
pub type PreparedEntries<R> = (Vec<Entry<R>>, Box<dyn Any + Send + Sync>);

/// Something a sink keeps for as long as a run lives, such as a lock.
#[must_use = "dropping it ends what it holds"]
pub struct Hold(#[allow(dead_code)] Option<Box<dyn Any + Send + Sync>>);

impl Hold {
    /// Nothing.
    pub fn nothing() -> Self {
        Self(None)
    }

    /// Drops `value` when the run ends.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(value)))
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").finish_non_exhaustive()
    }
}

/// A batch after filters and parser, on its way to the sink.
#[derive(Debug)]
#[non_exhaustive]
pub struct ParsedBatch<R> {
    /// Counts the batches of one run from 0.
    pub number: u64,
    /// The source, and with the identifier the key of each record.
    pub source: SourceId,
    /// The records, in the source's order.
    pub entries: Vec<Entry<R>>,
    /// Where to continue once this batch is stored.
    pub checkpoint: Option<Checkpoint>,
    /// Where the batch came from.
    pub origin: Arc<Origin>,
    /// When it arrived here.
    pub received: DateTime<Utc>,
    /// What was noticed, by the source and by the parser.
    pub notices: Vec<Notice>,
    /// The length of the whole list, if the source claims to know.
    pub total_hint: Option<u64>,
    /// How many bytes were received for this batch.
    pub bytes: u64,
    /// What the sink's [`Preparer`] left.
    pub prepared: Option<Box<dyn Any + Send + Sync>>,
}

impl<R> ParsedBatch<R> {
    /// Whether its records were asked for by name, and are no part of the source's list.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn is_by_name(&self) -> bool {
        self.checkpoint.is_none()
    }

    /// The same batch with these entries, and nothing prepared.
    pub(crate) fn with_entries<T>(&self, entries: Vec<Entry<T>>) -> ParsedBatch<T> {
        ParsedBatch {
            number: self.number,
            source: self.source.clone(),
            entries,
            checkpoint: self.checkpoint.clone(),
            origin: Arc::clone(&self.origin),
            received: self.received,
            notices: self.notices.clone(),
            total_hint: self.total_hint,
            bytes: self.bytes,
            prepared: None,
        }
    }
}

/// What is to be done about one record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Entry<R> {
    /// Store it.
    #[non_exhaustive]
    Put {
        /// The record as the source delivered it; it has a payload.
        item: Item,
        /// The record as the parser read it.
        record: R,
        /// What the parser found wrong with it.
        issues: Vec<Issue>,
    },
    /// Store it, from what the sink's [`Preparer`] left: that one took the record, so that its
    /// memory is free before the batch's turn comes.
    #[non_exhaustive]
    Prepared {
        /// The record as the source delivered it; its payload may be empty by now.
        item: Item,
    },
    /// Mark it deleted. The item may still carry a payload, if a filter decided this.
    #[non_exhaustive]
    Delete {
        /// The record as the source delivered it.
        item: Item,
    },
    /// Only note that it was seen: it did not change, by what the source or a filter knows.
    #[non_exhaustive]
    Unchanged {
        /// The record as the source delivered it.
        item: Item,
    },
    /// Leave it out.
    #[non_exhaustive]
    Rejected {
        /// The record as the source delivered it.
        item: Item,
        /// Why the filter does not want it.
        reason: String,
    },
    /// It could not be had, or not be read. A version stored before stays.
    #[non_exhaustive]
    Failed {
        /// Why.
        error: RecordError,
        /// The record as the source delivered it, if it came that far.
        item: Option<Item>,
    },
}

impl<R> Entry<R> {
    /// The record as the source delivered it.
    #[must_use]
    pub fn item(&self) -> Option<&Item> {
        match self {
            Self::Put { item, .. }
            | Self::Prepared { item }
            | Self::Delete { item }
            | Self::Unchanged { item }
            | Self::Rejected { item, .. } => Some(item),
            Self::Failed { item, .. } => item.as_ref(),
        }
    }

    /// The record that the source has, whatever became of it here. What was only asked for
    /// `by_name` and did not come may be gone.
    pub(crate) fn seen(&self, by_name: bool) -> Option<&str> {
        match self {
            Self::Failed { error, item: None } if !by_name => error.identifier.as_deref(),
            _ => self.item().map(|item| &*item.identifier),
        }
    }

    /// The outcome for a sink that does not look at what it holds already.
    #[must_use]
    pub fn plain_outcome(&self) -> Outcome {
        match self {
            Self::Put { .. } | Self::Prepared { .. } => Outcome::Created,
            Self::Delete { .. } => Outcome::Deleted,
            Self::Unchanged { .. } => Outcome::Unchanged,
            Self::Rejected { .. } => Outcome::Filtered,
            Self::Failed { .. } => Outcome::Failed,
        }
    }
}

/// What a sink did with a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// One outcome per entry, in the batch's order.
    pub outcomes: Vec<Outcome>,
    /// The records that the sink itself could not store, each with [`Outcome::Failed`] in its
    /// place. Failures that came with the batch are not repeated here.
    pub failures: Vec<RecordError>,
    /// Whether the checkpoint was committed together with the records.
    pub checkpoint_committed: bool,
}

impl Written {
    /// What was done with each entry.
    #[must_use]
    pub fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes, failures: Vec::new(), checkpoint_committed: false }
    }

    /// The sink keeps the batch's checkpoint.
    #[must_use]
    pub fn with_checkpoint(mut self) -> Self {
        self.checkpoint_committed = true;
        self
    }

    /// Adds the records that the sink could not store.
    #[must_use]
    pub fn with_failures(mut self, failures: Vec<RecordError>) -> Self {
        self.failures = failures;
        self
    }
}
