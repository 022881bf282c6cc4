//! What came into a catalogue, in the order in which it came: what others harvest from here.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoredRecord;
use crate::batch::SourceId;
use crate::error::RunError;

/// Which of a source's records to list, by the time at which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeQuery {
    /// Only those that changed in this second or later.
    pub from: Option<DateTime<Utc>>,
    /// Only those that changed in this second or earlier.
    pub until: Option<DateTime<Utc>>,
    /// Only those in this set, or in one below it.
    pub set: Option<String>,
    /// Only those in this format; tombstones are in all.
    pub format: Option<String>,
    /// Behind this record.
    pub after: Option<(DateTime<Utc>, String)>,
}

/// When the first and the last of a source's records changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// The source.
    pub source: SourceId,
    /// When the one changed that did not since.
    pub first: DateTime<Utc>,
    /// When the one changed that did last.
    pub last: DateTime<Utc>,
}

/// Records that look alike from outside: a format and the sets that come with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shape {
    /// The format; none for tombstones.
    pub format: Option<String>,
    /// The sets.
    pub sets: Vec<String>,
    /// The identifier of one of them.
    pub example: String,
}

/// Which of a source's records get a new time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Touched<'a> {
    /// Those with these identifiers.
    Items(&'a [&'a str]),
    /// Those in this set, and in those below it.
    Set(&'a str),
    /// Those that changed since then; all of them, if no time is given.
    Since(Option<DateTime<Utc>>),
}

/// What came into a catalogue, in the order in which it came. The time of a record is that at which
/// this version of it was stored, to the second: also when a run is undone, and when something
/// changes back.
///
/// Lists have no offsets: whatever happens between two pages, a record that did not change keeps its
/// place.
#[async_trait]
pub trait Changes: Send + Sync {
    /// The first `limit` records, tombstones included, by time and identifier.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn changes(
        &self,
        source: &SourceId,
        query: &ChangeQuery,
        limit: usize,
    ) -> Result<Vec<StoredRecord>, RunError>;

    /// How many records those are without a limit.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn count_changes(&self, source: &SourceId, query: &ChangeQuery) -> Result<u64, RunError>;

    /// Between which times the records of each source changed, by name; sources without any are left
    /// out.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn spans(&self) -> Result<Vec<Span>, RunError>;

    /// All formats and sets that a source's records have. All records are looked at.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn shapes(&self, source: &SourceId) -> Result<Vec<Shape>, RunError>;

    /// The identifiers of a source's live records, in order (by code point): the first `limit` behind
    /// `after`.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    async fn identifiers_after(
        &self,
        source: &SourceId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, RunError>;

    /// Lets records count as changed just now, so that those who harvest from here see them again;
    /// says how many there were. In parts, so that others can write in between.
    ///
    /// # Errors
    /// If the catalogue cannot be written.
    async fn touch(
        &self,
        source: &SourceId,
        which: Touched<'_>,
        now: DateTime<Utc>,
    ) -> Result<u64, RunError>;
}
