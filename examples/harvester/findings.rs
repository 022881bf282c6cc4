//! What was repaired and which records failed, told in bounded length.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use oai_pmh::xml::Issues;

use crate::progress::{Console, count, counted};

/// How many failed records are named.
const NAMED: u64 = 1000;
/// How many repairs of a kind are shown as examples.
const EXAMPLES: usize = 2;

/// What was found wrong while a list was read.
#[derive(Debug)]
pub(crate) struct Findings {
    console: Console,
    kinds: BTreeMap<String, Kind>,
    /// Repairs that were only counted.
    uncounted: u64,
    failed: u64,
}

#[derive(Debug, Default)]
struct Kind {
    count: u64,
    examples: Vec<String>,
}

impl Findings {
    pub(crate) fn new(console: &Console) -> Self {
        Self { console: console.clone(), kinds: BTreeMap::new(), uncounted: 0, failed: 0 }
    }

    /// The repairs made to read an answer.
    pub(crate) fn repaired(&mut self, issues: &Issues) {
        let mut kept = 0;
        for issue in issues {
            let place = match &issue.record {
                Some(record) => format!("{} at byte {} in {record}", issue.detail, issue.at),
                None => format!("{} at byte {}", issue.detail, issue.at),
            };
            self.repair(issue.kind.name(), place);
            kept += 1;
        }
        self.uncounted += issues.total() - kept;
    }

    /// One repair.
    pub(crate) fn repair(&mut self, kind: &str, place: String) {
        if self.console.is_verbose() {
            self.console.detail(&format!("repaired: {kind}: {place}"));
        }
        let entry = match self.kinds.get_mut(kind) {
            Some(entry) => entry,
            None => self.kinds.entry(kind.to_owned()).or_default(),
        };
        entry.count += 1;
        if entry.examples.len() < EXAMPLES {
            entry.examples.push(place);
        }
    }

    /// A record that could not be had.
    pub(crate) fn failed(&mut self, error: &dyn Display) {
        self.failed += 1;
        if self.failed <= NAMED {
            self.console.error(&error.to_string());
        }
    }

    /// How many records could not be had.
    pub(crate) fn failures(&self) -> u64 {
        self.failed
    }

    /// How many repairs there were, by kind.
    pub(crate) fn repairs(&self) -> BTreeMap<&str, u64> {
        let counted = self.kinds.iter().map(|(kind, found)| (kind.as_str(), found.count));
        counted.chain((self.uncounted > 0).then_some(("more", self.uncounted))).collect()
    }

    /// Says what has not been said yet.
    pub(crate) fn summarise(&self) {
        if self.failed > NAMED {
            self.console.error(&format!("and {} more", counted(self.failed - NAMED, "record")));
        }
        for (kind, Kind { count: number, examples }) in &self.kinds {
            let mut text =
                format!("repaired: {} × {kind}: {}", count(*number), examples.join("; "));
            if *number > examples.len() as u64 {
                // Writing to a String cannot fail.
                let _ = write!(text, "; …");
            }
            self.console.notice(&text);
        }
        if self.uncounted > 0 {
            self.console.notice(&format!("repaired: {} × of any kind", count(self.uncounted)));
        }
    }
}
