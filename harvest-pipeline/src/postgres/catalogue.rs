//! The catalogue as it can be read and mended.

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::PostgresCatalogue;
use crate::batch::SourceId;
use crate::catalogue::{
    Arrival, ArrivalPoint, Catalogue, Query, RecordQuery, SourceSummary, StoredError, StoredRecord,
    StoredVersion,
};
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::run::{Counters, Run, RunId};
use crate::store::Page;

#[async_trait]
impl Catalogue for PostgresCatalogue {
    async fn find(
        &self,
        source: &SourceId,
        identifier: &str,
    ) -> Result<Option<StoredRecord>, RunError> {
        self.found(source, identifier).await
    }

    async fn list(&self, query: &RecordQuery) -> Result<Vec<StoredRecord>, RunError> {
        self.listed(query).await
    }

    fn records(&self, query: Query) -> BoxStream<'_, Result<StoredRecord, RunError>> {
        self.walked(query)
    }

    fn arrivals(
        &self,
        source: &SourceId,
        after: Option<ArrivalPoint>,
    ) -> BoxStream<'_, Result<Arrival, RunError>> {
        self.arrived(source, after)
    }

    async fn count_arrivals(
        &self,
        source: &SourceId,
        after: Option<&ArrivalPoint>,
    ) -> Result<u64, RunError> {
        self.arrivals_counted(source, after).await
    }

    async fn versions(
        &self,
        source: &SourceId,
        identifier: &str,
    ) -> Result<Vec<StoredVersion>, RunError> {
        self.all_versions(source, identifier).await
    }

    async fn summaries(&self) -> Result<Vec<SourceSummary>, RunError> {
        self.summaries_of(None).await
    }

    async fn summary(&self, source: &SourceId) -> Result<Option<SourceSummary>, RunError> {
        Ok(self.summaries_of(Some(source)).await?.pop())
    }

    async fn failing(&self, page: &Page<SourceId>) -> Result<Vec<(SourceId, u64)>, RunError> {
        self.sources_failing(page).await
    }

    async fn list_errors(
        &self,
        source: &SourceId,
        resolved: bool,
        page: &Page<String>,
    ) -> Result<Vec<StoredError>, RunError> {
        self.errors_of(source, resolved, page).await
    }

    async fn dismiss_error(&self, source: &SourceId, key: &str) -> Result<(), RunError> {
        self.forget_error(source, key).await
    }

    async fn count_absent(&self, source: &SourceId, since: RunId) -> Result<u64, RunError> {
        self.absent_count(source, since).await
    }

    async fn absent(
        &self,
        source: &SourceId,
        since: RunId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, RunError> {
        self.absent_after(source, since, after, limit).await
    }

    async fn delete_absent(&self, run: &Run, since: RunId) -> Result<Counters, RunError> {
        self.absent_deleted(run, since).await
    }

    async fn rewind(&self, run: &Run, checkpoint: Option<&Checkpoint>) -> Result<(), RunError> {
        self.set_checkpoint(run, checkpoint).await
    }

    async fn undo(&self, source: &SourceId, run: RunId) -> Result<Counters, RunError> {
        self.undone(source, run).await
    }
}
