//! Which time was harvested.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::batch::SourceId;
use crate::run::RunId;

/// A stretch of time that was asked for and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// From when; `None`: from the beginning.
    pub from: Option<DateTime<Utc>>,
    /// Until when.
    pub until: DateTime<Utc>,
    /// By which run.
    pub run: RunId,
    /// How many records came.
    pub records: u64,
    /// How many of them failed.
    pub failed: u64,
}

impl Coverage {
    /// This stretch of time was harvested by this run.
    #[must_use]
    pub fn new(from: Option<DateTime<Utc>>, until: DateTime<Utc>, run: RunId) -> Self {
        Self { from, until, run, records: 0, failed: 0 }
    }

    /// Sets how many records came, and how many of them failed.
    #[must_use]
    pub fn with_records(mut self, records: u64, failed: u64) -> Self {
        self.records = records;
        self.failed = failed;
        self
    }

    /// Whether nothing came: the source may have been off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }
}

/// Which time was harvested, and which never was.
#[async_trait]
pub trait CoverageStore: Send + Sync {
    /// Enters a stretch of time. The same run may enter several (slices); entering one twice changes
    /// nothing.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn cover(&self, source: &SourceId, coverage: &Coverage) -> Result<(), StoreError>;

    /// What was covered that ends after `since`, by its end.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn coverage(
        &self,
        source: &SourceId,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<Coverage>, StoreError>;
}
