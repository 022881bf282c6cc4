//! What was harvested, as it can be read and mended.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod archive;
pub(crate) mod arrivals;
mod changes;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod codec;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod dictionary;
pub(crate) mod failed;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod open;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod plan;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod prepare;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod words;

use std::borrow::Cow;
use std::fmt::Debug;

use async_trait::async_trait;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use chrono::SecondsFormat;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use serde::Serialize;

pub use self::arrivals::{Arrival, ArrivalPoint};
pub use self::changes::{ChangeQuery, Changes, Shape, Span, Touched};
use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::parsers::Bibliographic;
use crate::run::{Counters, Run, RunId};
use crate::sink::Sink;
use crate::sinks::{Line, Row};
use crate::store::Page;

/// How many kinds of records are told apart when the formats and sets of a source are looked for.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) const MOST_SHAPES: i64 = 100_000;

/// Which records to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// Only those of this source.
    pub source: Option<SourceId>,
    /// Leave out tombstones.
    pub live_only: bool,
}

impl Query {
    /// All records, tombstones included.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those of this source.
    #[must_use]
    pub fn of(mut self, source: impl Into<SourceId>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Leaves out tombstones.
    #[must_use]
    pub fn live_only(mut self) -> Self {
        self.live_only = true;
        self
    }
}

/// A record as the catalogue holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// The source it was harvested from.
    pub source: SourceId,
    /// What identifies it within the source.
    pub identifier: String,
    /// When the source last changed it, as the source wrote it.
    pub datestamp: Option<String>,
    /// By what the source tells this version from others, if not by its datestamp.
    pub version: Option<String>,
    /// The sets it belongs to.
    pub sets: Vec<String>,
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// The metadata format; none for a tombstone.
    pub format: Option<String>,
    /// The metadata as standalone XML; none for a tombstone.
    pub metadata: Option<String>,
    /// What the parser read, as JSON; none for a tombstone or if nothing was parsed.
    pub fields: Option<String>,
    /// Statements about the metadata, each as standalone XML.
    pub abouts: Vec<String>,
    /// The URL that this version was fetched from.
    pub request_url: Option<String>,
    /// The time on the server's clock when it was fetched.
    pub response_date: Option<String>,
    /// When it arrived here, RFC 3339 in UTC.
    pub harvested: String,
    /// When it became what it is here, to the second: also by the undoing of a run.
    pub changed: DateTime<Utc>,
    /// The run that saw the record first.
    pub first_run: i64,
    /// The run that saw it last.
    pub last_run: i64,
}

impl StoredRecord {
    /// The record as an object of JSON Lines.
    #[must_use]
    pub fn line(&self) -> Line<'_> {
        Line {
            identifier: &self.identifier,
            datestamp: self.datestamp.as_deref(),
            sets: &self.sets,
            deleted: self.deleted,
            metadata: self.metadata.as_deref(),
            about: self.abouts.iter().map(String::as_str).collect(),
        }
    }

    /// The record as a row of a table.
    #[must_use]
    pub fn row(&self) -> Row<'_> {
        let harvested = DateTime::parse_from_rfc3339(&self.harvested).ok();
        Row {
            source: self.source.as_str(),
            identifier: &self.identifier,
            datestamp: self.datestamp.as_deref(),
            sets: &self.sets,
            deleted: self.deleted,
            format: self.format.as_deref(),
            metadata: self.metadata.as_deref(),
            record: self.fields.as_deref().map(Cow::Borrowed),
            harvested: harvested.map(|time| time.to_utc()),
        }
    }
}

/// A source, and what the catalogue holds of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceSummary {
    /// The source.
    pub source: SourceId,
    /// How many records are live.
    pub live: u64,
    /// How many are tombstones.
    pub deleted: u64,
    /// How many failed and did not come through since.
    pub errors: u64,
    /// The last run.
    pub last_run: Option<RunRecord>,
}

/// A run, as the catalogue remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunRecord {
    /// The number of the run.
    pub id: i64,
    /// `running`, `interrupted` (killed, or still going in another process), or a
    /// [`RunState`](crate::RunState).
    pub state: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A record that failed, as the catalogue remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredError {
    /// The identifier, or the place in the list.
    pub key: String,
    /// The identifier, if the record got far enough to have one.
    pub identifier: Option<String>,
    /// Where it failed: `source`, `filter`, `parse` or `sink`.
    pub stage: String,
    /// Why.
    pub message: String,
    /// Whether it came through later.
    pub resolved: bool,
    /// How often it failed.
    pub tries: i64,
    /// The run in which it failed last, or came through.
    pub last_run: RunId,
    /// The metadata, if there was any.
    pub body: Option<Vec<u8>>,
    /// Its format.
    pub format: Option<String>,
    /// What came with it; see [`item`](Self::item).
    pub(crate) header: Option<String>,
}

/// Some records of a catalogue, for people to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordQuery {
    /// Only those of this source.
    pub source: Option<SourceId>,
    /// Only those that have all these words, in metadata, identifier or set; of the last word, its
    /// beginning will do. Case, accents and width do not matter, and nothing has a meaning besides
    /// words: no text is an error.
    pub text: Option<String>,
    /// Only tombstones, or only live records.
    pub deleted: Option<bool>,
    /// Only those that this run changed.
    pub run: Option<RunId>,
    /// Which part of the list, by source and identifier.
    pub page: Page<(SourceId, String)>,
}

/// One version of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoredVersion {
    /// Counts the versions of the record from 1.
    pub number: u32,
    /// The run that brought it.
    pub run: RunId,
    /// When it arrived here, RFC 3339 in UTC.
    pub harvested: String,
    /// The datestamp that the source gave it.
    pub datestamp: Option<String>,
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// The metadata format.
    pub format: Option<String>,
    /// The metadata as standalone XML.
    pub metadata: Option<String>,
    /// What the parser read, as JSON.
    pub fields: Option<String>,
    /// What the parser found wrong, as JSON.
    pub issues: Option<String>,
    /// The URL that it was fetched from.
    pub request_url: Option<String>,
}

/// What was harvested: a sink that can be read and mended. [`SqliteCatalogue`](crate::SqliteCatalogue)
/// is one, and so is `PostgresCatalogue`.
#[async_trait]
pub trait Catalogue: Sink<Bibliographic> + Changes + Debug + Send + Sync {
    /// The record, or tombstone, that a source has under this identifier.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn find(
        &self,
        source: &SourceId,
        identifier: &str,
    ) -> Result<Option<StoredRecord>, RunError>;

    /// A page of records.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn list(&self, query: &RecordQuery) -> Result<Vec<StoredRecord>, RunError>;

    /// Reads what was stored since for searches, where that is put off so that runs need not wait for
    /// it. To be called between runs; does nothing if nothing was put off.
    ///
    /// # Errors
    /// If the catalogue cannot be written.
    async fn index(&self) -> Result<(), RunError> {
        Ok(())
    }

    /// All records that `query` asks for, ordered by source and identifier (by code point).
    fn records(&self, query: Query) -> BoxStream<'_, Result<StoredRecord, RunError>>;

    /// The records of a source that changed behind this point, in the order in which that was stored:
    /// whatever is stored from now on stands behind all of them. Of a record that changed more than
    /// once, only the last change is among them.
    fn arrivals(
        &self,
        source: &SourceId,
        after: Option<ArrivalPoint>,
    ) -> BoxStream<'_, Result<Arrival, RunError>>;

    /// How many there are.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn count_arrivals(
        &self,
        source: &SourceId,
        after: Option<&ArrivalPoint>,
    ) -> Result<u64, RunError>;

    /// All versions of a record that are kept, oldest first; the last is the present one.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn versions(
        &self,
        source: &SourceId,
        identifier: &str,
    ) -> Result<Vec<StoredVersion>, RunError>;

    /// What there is of each source, by name.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn summaries(&self) -> Result<Vec<SourceSummary>, RunError>;

    /// What there is of one source.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn summary(&self, source: &SourceId) -> Result<Option<SourceSummary>, RunError>;

    /// Sources that have records that failed and did not come through since, by name, and how many.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn failing(&self, page: &Page<SourceId>) -> Result<Vec<(SourceId, u64)>, RunError>;

    /// A page of the records of a source that failed, by key; those that came through later only if
    /// `resolved`.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn list_errors(
        &self,
        source: &SourceId,
        resolved: bool,
        page: &Page<String>,
    ) -> Result<Vec<StoredError>, RunError>;

    /// All of them.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn errors(
        &self,
        source: &SourceId,
        resolved: bool,
    ) -> Result<Vec<StoredError>, RunError> {
        self.list_errors(source, resolved, &Page::first(usize::MAX)).await
    }

    /// Forgets that a record failed.
    ///
    /// # Errors
    /// If the catalogue cannot be written.
    async fn dismiss_error(&self, source: &SourceId, key: &str) -> Result<(), RunError>;

    /// How many live records of a source no run has seen since `since`, which is one that saw all that
    /// the source has.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn count_absent(&self, source: &SourceId, since: RunId) -> Result<u64, RunError>;

    /// The identifiers of those, in order, at most so many behind `after`.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn absent(
        &self,
        source: &SourceId,
        since: RunId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, RunError>;

    /// Makes tombstones of them, as what `run` did, and raises its counters; in parts, so that others
    /// can write in between: if it breaks off, the next call goes on. The run did not see them.
    ///
    /// # Errors
    /// If the catalogue cannot be written, or the run is another's by now.
    async fn delete_absent(&self, run: &Run, since: RunId) -> Result<Counters, RunError>;

    /// Sets where the next run of a source begins; `None`: at the beginning. Within `run`, which must
    /// still be this worker's.
    ///
    /// # Errors
    /// If the catalogue cannot be written, or the run is another's by now.
    async fn rewind(&self, run: &Run, checkpoint: Option<&Checkpoint>) -> Result<(), RunError>;

    /// Puts every record back to what it was before this run, unless a later run changed it since.
    /// Counts what it did: records that the run created are deleted. What they are put back to is a
    /// new version with the run that brought it then, so that those who harvest from here hear of it;
    /// nothing is forgotten. The checkpoint stays: see [`rewind`](Self::rewind).
    ///
    /// # Errors
    /// If the catalogue cannot be written, the run is not over, or versions that are needed are not
    /// kept any more; then nothing is changed.
    async fn undo(&self, source: &SourceId, run: RunId) -> Result<Counters, RunError>;
}

/// A point in time as catalogues keep it.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
