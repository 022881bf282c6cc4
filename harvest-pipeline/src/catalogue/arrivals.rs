//! The changes of a source in the order in which they came to be here.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::StoredRecord;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::batch::SourceId;
use crate::checkpoint::{Checkpoint, CheckpointError};

/// A record, and where its last change stands among the changes of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// The record, or tombstone, as it is now.
    pub record: StoredRecord,
    /// Where its last change stands.
    pub at: ArrivalPoint,
}

impl Arrival {
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn new(record: StoredRecord, page: i64) -> Self {
        let at = ArrivalPoint { page, identifier: record.identifier.clone() };
        Self { record, at }
    }
}

/// Where a change stands among those of its source. What is stored later stands behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArrivalPoint {
    /// The batch that brought it. Batches are numbered as they come.
    pub(crate) page: i64,
    pub(crate) identifier: String,
}

impl ArrivalPoint {
    const SCHEMA: u32 = 1;

    /// The point as a checkpoint.
    ///
    /// # Errors
    /// If it cannot be JSON, which does not happen.
    pub fn to_checkpoint(&self) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::new(Self::SCHEMA, self)
    }

    /// The point that a checkpoint stands for.
    ///
    /// # Errors
    /// If it stands for something else.
    pub fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Self, CheckpointError> {
        checkpoint.state(Self::SCHEMA)
    }
}

/// How many records are read at a time.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) const ROWS: usize = 128;

/// Of how many batches at a time.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) const PAGES: usize = 64;

/// A walk over the changes of a source, batch after batch.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) source: SourceId,
    pub(crate) after: ArrivalPoint,
    /// The row of the source, and the batches still to be looked at, in order; unknown at first.
    pub(crate) ahead: Option<(i64, VecDeque<i64>)>,
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl Walk {
    pub(crate) fn new(source: &SourceId, after: Option<ArrivalPoint>) -> Self {
        Self { source: source.clone(), after: after.unwrap_or_default(), ahead: None }
    }

    /// The row of the source, and the next batches to look at; `None` at the end.
    pub(crate) fn next(&self) -> Option<(i64, Vec<i64>)> {
        let (id, pages) = self.ahead.as_ref()?;
        let next: Vec<_> = pages.iter().take(PAGES).copied().collect();
        (!next.is_empty()).then_some((*id, next))
    }

    /// These records are behind it now, of the batches that [`next`](Self::next) named.
    pub(crate) fn passed(&mut self, records: &[Arrival]) {
        if let Some(last) = records.last() {
            self.after = last.at.clone();
        }
        if let (true, Some((_, pages))) = (records.len() < ROWS, &mut self.ahead) {
            pages.drain(..PAGES.min(pages.len()));
        }
    }
}
