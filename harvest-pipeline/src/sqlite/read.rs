//! Reading what the catalogue holds.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{SqliteCatalogue, codec, failed};
use crate::batch::SourceId;
use crate::error::{RunError, Stage};
use crate::sinks::Line;

/// How many records are read at a time. A page and not an open cursor, so that a slow reader does
/// not keep SQLite from tidying up its log.
const PAGE: i64 = 256;

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
    /// Where it failed: `source`, `filter`, `parse` or `sink`.
    pub stage: String,
    /// Why.
    pub message: String,
    /// Whether it came through later.
    pub resolved: bool,
    /// How often it failed.
    pub tries: i64,
    /// The metadata, if there was any.
    pub body: Option<Vec<u8>>,
}
