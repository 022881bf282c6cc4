use url::Url;

use crate::document::Datetime;

/// Something that was done, or found; see [`Options::observer`](super::Options).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A document is read.
    Document {
        /// Its address.
        url: &'a Url,
    },
    /// A document has not changed since it was last read.
    NotModified {
        /// Its address.
        url: &'a Url,
    },
    /// A resource was fetched, or with `dry_run` would be.
    Written {
        /// Its address.
        uri: &'a str,
        /// Where it is in the folder.
        place: &'a str,
        /// Its length in bytes.
        bytes: u64,
        /// Whether it was not there before.
        is_new: bool,
    },
    /// A resource is here as it is there.
    Same {
        /// Its address.
        uri: &'a str,
    },
    /// A resource was deleted, or with `dry_run` would be.
    Deleted {
        /// Its address.
        uri: &'a str,
    },
    /// A resource could not be had, stored or deleted.
    Failed(&'a Failure),
    /// An audit found a difference.
    Different(&'a Difference),
    /// Something is odd, or a choice was made.
    Notice(&'a str),
}

/// A resource that could not be had, stored or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Its address, or that of the document.
    pub uri: String,
    /// What happened.
    pub message: String,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The address; of a file that no address leads to, its path.
    pub uri: String,
    /// In which way.
    pub kind: DifferenceKind,
    /// What is there and what is here.
    pub detail: String,
}

/// In which way a copy differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DifferenceKind {
    /// The source has it, the copy has not.
    Missing,
    /// Both have it, not with the same content.
    Changed,
    /// The copy has it, the source has not (any more).
    Extra,
}

impl DifferenceKind {
    /// A short name, for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed => "changed",
            Self::Extra => "extra",
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Documents that were read.
    pub documents: u64,
    /// Documents that had not changed.
    pub not_modified: u64,
    /// Entries that were read.
    pub listed: u64,
    /// Resources that are here as they are there.
    pub same: u64,
    /// Resources that were not here before.
    pub created: u64,
    /// Resources that were here in another version.
    pub updated: u64,
    /// Resources that were deleted here.
    pub deleted: u64,
    /// Resources that the source does not have, and that were kept.
    pub kept: u64,
    /// Resources that could not be had or stored.
    pub failed: u64,
    /// Bytes of resources that were fetched.
    pub bytes: u64,
    /// Resources proven by a digest of SHA-256 or better.
    pub proven: u64,
    /// Resources checked by MD5, SHA-1 or their length only.
    pub checked: u64,
    /// The first failures; all are counted in `failed`.
    pub failures: Vec<Failure>,
    /// Differences that an audit found.
    pub different: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// What is odd, and which choices were made; the first of them.
    pub notices: Vec<String>,
    /// Up to when the copy is complete.
    pub complete_until: Option<Datetime>,
}

impl Report {
    /// How many failures, differences and notices are kept.
    pub const KEPT: usize = 1000;

    /// Whether everything is here as it is there.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        self.failed == 0 && self.different == 0
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        keep(&mut self.failures, failure);
    }

    pub(super) fn differ(&mut self, difference: Difference) {
        self.different += 1;
        keep(&mut self.differences, difference);
    }

    pub(super) fn notice(&mut self, text: String) {
        keep(&mut self.notices, text);
    }
}

/// Adds it, if there is room.
fn keep<T>(kept: &mut Vec<T>, one: T) {
    if kept.len() < Report::KEPT {
        kept.push(one);
    }
}
