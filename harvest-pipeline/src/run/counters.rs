//! What became of records, and how many of them came to what.

use std::fmt;
use std::ops::AddAssign;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of one record. Every record of a batch has exactly one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Stored; it was not live before. Sinks that cannot tell say this of every record they write.
    Created,
    /// Stored in place of an older version.
    Updated,
    /// The same as what is stored.
    Unchanged,
    /// Deleted at the source, and it was live here until now.
    Deleted,
    /// Deleted at the source before it was ever seen here.
    SkippedDeleted,
    /// Left out by a filter.
    Filtered,
    /// Could not be had, read or stored; see the failures.
    Failed,
}

/// How many records came to which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Counters {
    /// See [`Outcome::Created`].
    pub created: u64,
    /// See [`Outcome::Updated`].
    pub updated: u64,
    /// See [`Outcome::Unchanged`].
    pub unchanged: u64,
    /// See [`Outcome::Deleted`].
    pub deleted: u64,
    /// See [`Outcome::SkippedDeleted`].
    pub skipped_deleted: u64,
    /// See [`Outcome::Filtered`].
    pub filtered: u64,
    /// See [`Outcome::Failed`].
    pub failed: u64,
}

impl Counters {
    /// Counts one record.
    pub fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Deleted => &mut self.deleted,
            Outcome::SkippedDeleted => &mut self.skipped_deleted,
            Outcome::Filtered => &mut self.filtered,
            Outcome::Failed => &mut self.failed,
        } += 1;
    }

    /// All records, whatever became of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.created
            + self.updated
            + self.unchanged
            + self.deleted
            + self.skipped_deleted
            + self.filtered
            + self.failed
    }
}

impl FromIterator<Outcome> for Counters {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        let mut counters = Self::default();
        outcomes.into_iter().for_each(|outcome| counters.count(outcome));
        counters
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.skipped_deleted += other.skipped_deleted;
        self.filtered += other.filtered;
        self.failed += other.failed;
    }
}

impl fmt::Display for Counters {
    /// The counters that are not zero: `120 created, 3 deleted`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            (self.created, "created"),
            (self.updated, "updated"),
            (self.unchanged, "unchanged"),
            (self.deleted, "deleted"),
            (self.skipped_deleted, "already deleted at the source"),
            (self.filtered, "filtered out"),
            (self.failed, "failed"),
        ];
        let mut separator = "";
        for (count, name) in named.iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count} {name}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("no records") } else { Ok(()) }
    }
}
