use std::num::NonZeroUsize;
use std::sync::Arc;

use url::Url;

use super::Event;
use crate::document::Datetime;

/// How a copy is made and kept; see [`Mirror`](super::Mirror).
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// How many resources are fetched at the same time. 8 unless said otherwise.
    pub concurrency: NonZeroUsize,
    /// Whether what the source does not have (any more) is deleted here. No unless said otherwise.
    pub delete: bool,
    /// How much may be deleted at once.
    pub guard: DeleteGuard,
    /// Whether nothing is written, and only told what would be done.
    pub dry_run: bool,
    /// Whether each file is made durable by itself, not in batches. Slow; no unless said otherwise.
    pub fsync_each: bool,
    /// Whether every file is looked at, and fetched again where its length or time is not what was
    /// written. Otherwise only what the source lists as changed is looked at.
    pub check_files: bool,
    /// Whether every file that is looked at is also read and its digest compared, not only its length
    /// and time.
    pub check_content: bool,
    /// The most bytes of one resource. 64 GiB unless said otherwise.
    pub max_resource: u64,
    /// The address whose folder is the root of the copy; that of the source unless said otherwise.
    pub base: Option<Url>,
    /// Other origins whose documents and resources may be fetched.
    pub allowed: Vec<Url>,
    /// Whether resources may be anywhere.
    pub anywhere: bool,
    /// Only addresses under this one belong to the source.
    pub under: Option<Url>,
    /// Which of several sets: the address of its Capability List.
    pub set: Option<String>,
    /// Where an incremental run begins if nothing was copied before.
    pub from: Option<Datetime>,
    /// Whether dumps are used where they are offered and their packages cost less than a request for
    /// each file. Yes unless said otherwise.
    pub dumps: bool,
    /// Who is told what is done.
    pub observer: Option<Observer>,
}

/// Who is told what is done. Must not block.
pub type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// How much may be deleted at once before it is taken for an accident of the source.
///
/// A deletion of more than `share` of what is known is refused, if it is also more than `number`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeleteGuard {
    /// Between 0 and 1. A tenth unless said otherwise.
    pub share: f64,
    /// So many may always go. 10 unless said otherwise.
    pub number: u64,
}

impl DeleteGuard {
    /// A guard; a share of 1 lets everything go.
    #[must_use]
    pub fn new(share: f64, number: u64) -> Self {
        Self { share: share.clamp(0.0, 1.0), number }
    }

    /// Whether so many of so many may go.
    #[must_use]
    pub fn allows(&self, deleted: u64, known: u64) -> bool {
        deleted <= self.number || deleted as f64 <= self.share * known as f64
    }
}

impl Default for DeleteGuard {
    fn default() -> Self {
        Self::new(0.1, 10)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::MIN.saturating_add(7),
            delete: false,
            guard: DeleteGuard::default(),
            dry_run: false,
            fsync_each: false,
            check_files: false,
            check_content: false,
            max_resource: 64 << 30,
            base: None,
            allowed: Vec::new(),
            anywhere: false,
            under: None,
            set: None,
            from: None,
            dumps: true,
            observer: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("concurrency", &self.concurrency)
            .field("delete", &self.delete)
            .field("guard", &self.guard)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}
