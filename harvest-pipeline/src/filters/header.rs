//! Filters on what stands in a record's header.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::error::RecordError;
use crate::filter::{Candidate, Decision, Filter};
use crate::parser::Keys;

/// How a day is written, `2024-01-31`: as long as this.
const DAY: usize = 10;

/// Which of two datestamps is earlier, as far as the coarser of them tells. Written in one
/// granularity, their texts have the order of time.
fn compare(a: &str, b: &str) -> Ordering {
    let length = if a.len() == DAY || b.len() == DAY { DAY } else { usize::MAX };
    a.bytes().take(length).cmp(b.bytes().take(length))
}

/// Accepts records that are in one of these sets, or in a set below one of them.
///
/// For sources that cannot select by set, or for several sets in one run.
#[derive(Clone, Debug)]
pub struct InSets(Vec<String>);

impl InSets {
    /// Records in `physics` if `physics` is named, and in `physics:optics`; not in `physicsx`.
    #[must_use]
    pub fn new(sets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(sets.into_iter().map(Into::into).collect())
    }
}

impl Filter for InSets {
    fn decide(&self, candidate: &Candidate<'_>) -> Result<Decision, RecordError> {
        let is_below = |set: &str, wanted: &str| {
            set.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        let mut sets = candidate.item().sets.iter();
        let found = sets.any(|set| self.0.iter().any(|wanted| is_below(set, wanted)));
        Ok(accept_if(found, || format!("in none of the sets {}", self.0.join(", "))))
    }

    fn keys(&self) -> Keys {
        Keys::none()
    }
}

/// Accepts records whose datestamp lies in a span of time, both ends included.
///
/// Ends are written as datestamps are, `2024-01-31` or `2024-01-31T12:00:00Z`, in UTC; a day as the
/// last includes all of it. A record without a datestamp passes: nothing says that it is outside.
#[derive(Clone, Debug)]
pub struct Between {
    from: Option<String>,
    until: Option<String>,
}

impl Between {
    /// From one time to another.
    #[must_use]
    pub fn new(from: impl Into<String>, until: impl Into<String>) -> Self {
        Self { from: Some(from.into()), until: Some(until.into()) }
    }

    /// From this time on.
    #[must_use]
    pub fn since(from: impl Into<String>) -> Self {
        Self { from: Some(from.into()), until: None }
    }

    /// Up to this time.
    #[must_use]
    pub fn until(until: impl Into<String>) -> Self {
        Self { from: None, until: Some(until.into()) }
    }
}

impl Filter for Between {
    fn decide(&self, candidate: &Candidate<'_>) -> Result<Decision, RecordError> {
        let Some(stamp) = candidate.item().datestamp.as_deref() else {
            return Ok(Decision::Accept);
        };
        let is_early = self.from.as_deref().is_some_and(|from| compare(stamp, from).is_lt());
        let is_late = self.until.as_deref().is_some_and(|until| compare(stamp, until).is_gt());
        Ok(accept_if(!is_early && !is_late, || {
            format!("its datestamp {stamp} is outside the span")
        }))
    }

    fn keys(&self) -> Keys {
        Keys::none()
    }
}

/// Accepts records with these identifiers.
#[derive(Clone, Debug)]
pub struct Identifiers(HashSet<String>);

impl Identifiers {
    /// Only these.
    #[must_use]
    pub fn new(identifiers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(identifiers.into_iter().map(Into::into).collect())
    }
}

impl Filter for Identifiers {
    fn decide(&self, candidate: &Candidate<'_>) -> Result<Decision, RecordError> {
        let found = self.0.contains(&candidate.item().identifier);
        Ok(accept_if(found, || "not one of the identifiers asked for".to_owned()))
    }

    fn keys(&self) -> Keys {
        Keys::none()
    }
}

/// Passes over records that are not newer than what is stored.
///
/// A record with the stored datestamp, to the second, is unchanged. To the day it may have changed
/// twice on that day, so it goes on and the sink compares the content. An older one is an answer
/// from a stale copy of the repository and must not replace what is stored.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::exhaustive_structs)] // there is nothing to set
pub struct Newer;

impl Filter for Newer {
    fn decide(&self, candidate: &Candidate<'_>) -> Result<Decision, RecordError> {
        let stored = candidate.known().filter(|known| known.live);
        let stored = stored.and_then(|known| known.datestamp.as_deref());
        let (Some(stored), Some(stamp)) = (stored, candidate.item().datestamp.as_deref()) else {
            return Ok(Decision::Accept);
        };
        let is_newer = match compare(stamp, stored) {
            Ordering::Greater => true,
            Ordering::Equal => stamp.len() == DAY || stored.len() == DAY,
            Ordering::Less => false,
        };
        Ok(if is_newer { Decision::Accept } else { Decision::Unchanged })
    }

    fn keys(&self) -> Keys {
        Keys::none()
    }

    fn needs_known(&self) -> bool {
        true
    }
}

fn accept_if(yes: bool, reason: impl FnOnce() -> String) -> Decision {
    if yes { Decision::Accept } else { Decision::Reject(reason()) }
}
