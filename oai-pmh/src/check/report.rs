use std::collections::BTreeMap;
use std::fmt;

use resync_core::document::Severity;
use url::Url;

use super::Rule;

/// One thing that is not as the standard has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule that is broken.
    pub rule: Rule,
    /// A request that shows it, without credentials; arguments that were sent by POST stand in it
    /// as if by GET.
    pub url: Url,
    /// What was found, in a few words.
    pub detail: String,
}

/// What a check found: all of it counted, the first of each rule kept.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// What was found, in the order it was.
    pub findings: Vec<Finding>,
    /// Requests that were sent.
    pub requests: u64,
    /// Pages of lists that were read.
    pub pages: u64,
    /// Different records that were seen.
    pub records: u64,
    counts: BTreeMap<Rule, u64>,
}

impl Report {
    /// How many findings of a rule are kept.
    pub const KEPT_OF_A_KIND: u64 = 20;

    /// Whether there is no error.
    #[must_use]
    pub fn is_conformant(&self) -> bool {
        self.total(Severity::Error) == 0
    }

    /// How many findings of this severity there were, kept or not.
    #[must_use]
    pub fn total(&self, severity: Severity) -> u64 {
        let of = self.counts.iter().filter(|(rule, _)| rule.severity() == severity);
        of.map(|(_, count)| count).sum()
    }

    /// How many findings of this rule there were, kept or not.
    #[must_use]
    pub fn count(&self, rule: Rule) -> u64 {
        self.counts.get(&rule).copied().unwrap_or_default()
    }

    /// How many findings there were of each rule.
    pub fn counts(&self) -> impl Iterator<Item = (Rule, u64)> {
        self.counts.iter().map(|(rule, count)| (*rule, *count))
    }

    /// Adds a finding; the detail is asked for only where it is kept.
    pub(super) fn add(&mut self, rule: Rule, url: &Url, detail: impl Into<String>) {
        let count = self.counts.entry(rule).or_default();
        *count += 1;
        if *count > Self::KEPT_OF_A_KIND {
            return;
        }
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(2048));
        self.findings.push(Finding { rule, url: url.clone(), detail });
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, url, detail } = self;
        write!(f, "{} {rule}: {detail}: {url}", rule.severity())
    }
}
