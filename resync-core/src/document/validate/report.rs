use std::collections::BTreeMap;
use std::fmt;

use super::lines::Place;
use super::{Code, Severity};
use crate::document::Head;

/// One thing that is not as the standard has it, or could be better.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Line of the entry or element concerned, from 1, in the document decoded to UTF-8.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// Which entry it is about, from 0; none where it is about the document.
    pub entry: Option<u64>,
    /// The address of the entry; a very long one is cut off.
    pub loc: Option<String>,
    /// What was found, in a few words.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {} {}: ", self.line, self.column, self.severity, self.code)?;
        // It is to be one line, whatever the document says.
        for c in self.detail.chars() {
            fmt::Write::write_char(f, if c.is_control() { ' ' } else { c })?;
        }
        Ok(())
    }
}

/// What was found in a document: all of it counted, the first of it kept.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// What the document says of itself.
    pub head: Head,
    /// How many entries were read.
    pub entries: u64,
    /// How many bytes were read, as they came.
    pub bytes: u64,
    /// What was found, about in the order of the document.
    pub findings: Vec<Finding>,
    counts: BTreeMap<(Code, Severity), u64>,
}

impl Report {
    /// How many findings are kept.
    pub const KEPT: usize = 1000;

    /// How many of one code and severity are kept, so that one mistake does not hide the others.
    pub const KEPT_OF_A_KIND: u64 = 100;

    /// Whether there is no error.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.total(Severity::Error) == 0
    }

    /// How many findings of this severity there were, kept or not.
    #[must_use]
    pub fn total(&self, severity: Severity) -> u64 {
        self.counts.iter().filter(|((_, own), _)| *own == severity).map(|(_, count)| count).sum()
    }

    /// How many findings of this code there were, kept or not.
    #[must_use]
    pub fn count(&self, code: Code) -> u64 {
        self.counts.iter().filter(|((own, _), _)| *own == code).map(|(_, count)| count).sum()
    }

    /// How many findings there were of each code and severity.
    pub fn counts(&self) -> impl Iterator<Item = (Code, Severity, u64)> {
        self.counts.iter().map(|((code, severity), count)| (*code, *severity, *count))
    }

    /// Adds a finding; what is needed only to keep it is asked for only then.
    pub(super) fn add(
        &mut self,
        found: &Found,
        entry: Option<(u64, &str)>,
        place: impl FnOnce() -> Place,
    ) {
        let count = self.counts.entry((found.code, found.severity)).or_default();
        *count += 1;
        if *count > Self::KEPT_OF_A_KIND || self.findings.len() >= Self::KEPT {
            return;
        }
        let Place { line, column } = place();
        self.findings.push(Finding {
            code: found.code,
            severity: found.severity,
            line,
            column,
            entry: entry.map(|(index, _)| index),
            loc: entry.map(|(_, loc)| cut(loc)),
            detail: cut(&found.detail),
        });
    }
}

/// What a rule has found, before it is known where.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) detail: String,
}

/// The first 2048 bytes: an address can be made to be megabytes long.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(2048)].to_owned()
}
