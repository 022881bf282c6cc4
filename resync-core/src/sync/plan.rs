//! What is to be done with an entry of a list.

use super::state::{Known, Listed};
use super::{FileStat, Validators};
use crate::document::{Algorithm, Entry};

/// What is to be done with a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is here, as listed before.
    Same,
    /// It is here; what is listed of it is not what was listed before.
    Note,
    /// It must be fetched.
    Fetch,
    /// The list does not tell whether it is the same: the server must be asked.
    Ask(Validators),
}

/// What a document lists of a resource.
pub(super) fn listed(entry: &Entry<'_>) -> Listed {
    Listed {
        lastmod: entry.lastmod.map(|time| time.timestamp()),
        length: entry.md.length,
        hash: (!entry.md.hash.is_empty()).then(|| entry.md.hash.as_str().to_owned()),
    }
}

/// Compares an entry with what is known, by digest, else by time and length.
pub(super) fn decide(entry: &Entry<'_>, known: &Known) -> Step {
    if known.error.is_some() {
        return Step::Fetch;
    }
    let hash = entry.md.hash.as_str();
    let lastmod = entry.lastmod.map(|time| time.timestamp());
    let is_same_length = entry.md.length.is_none_or(|length| length == known.length);
    if !hash.is_empty() {
        let is_same_text = known.listed.hash.as_deref() == Some(hash);
        if is_same_text && lastmod == known.listed.lastmod {
            return Step::Same;
        }
        return if is_same_text || proves(entry, known) { Step::Note } else { Step::Fetch };
    }
    match lastmod {
        Some(_) if lastmod == known.listed.lastmod && is_same_length => Step::Same,
        Some(_) => Step::Fetch,
        None if !is_same_length => Step::Fetch,
        None if known.validators.is_empty() => Step::Fetch,
        None => Step::Ask(known.validators.clone()),
    }
}

/// Whether a digest that is listed is that of the content that is here.
fn proves(entry: &Entry<'_>, known: &Known) -> bool {
    let Some(own) = known.sha256 else { return false };
    entry
        .md
        .hash
        .digests()
        .any(|digest| digest.algorithm() == Algorithm::Sha256 && digest.as_bytes() == own)
}

/// Whether a file is as it was written.
pub(super) fn is_untouched(known: &Known, stat: Option<&FileStat>) -> bool {
    let Some(stat) = stat else { return known.temp.is_some() };
    let modified = stat.modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // Some file systems tell time to two seconds only.
    let is_near = known.mtime.is_none_or(|mtime| {
        (i128::from(mtime) - i128::try_from(modified.as_nanos()).unwrap_or(0)).abs() < 2_000_000_000
    });
    stat.len == known.length && is_near
}
