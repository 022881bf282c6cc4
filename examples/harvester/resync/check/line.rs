//! What is found, line by line.

use std::collections::BTreeMap;

use resync_core::document::{Capability, Datetime, Head, Report, Severity};
use serde_json::json;
use url::Url;

use super::step::Step;
use crate::conformance;
use crate::output::one_line;
use crate::progress::count;

/// How many findings of one code are shown of one document; --json has more.
const SHOWN: u64 = 20;

/// One line of what is found.
pub(super) struct Line {
    pub(super) place: (u64, u64),
    pub(super) severity: Severity,
    pub(super) code: &'static str,
    pub(super) section: &'static str,
    pub(super) entry: Option<u64>,
    pub(super) loc: Option<String>,
    pub(super) detail: String,
    /// What to do about it.
    pub(super) fix: &'static str,
}

/// A rule about documents or resources together, which no document shows by itself.
pub(super) struct Rule {
    name: &'static str,
    severity: Severity,
    section: &'static str,
    fix: &'static str,
}

const OTHER_CAPABILITY: Rule = Rule {
    name: "other-capability",
    severity: Severity::Error,
    section: "9",
    fix: "List each document as what its own capability says.",
};
const PART_TIMES: Rule = Rule {
    name: "part-times",
    severity: Severity::Warning,
    section: "12",
    fix: "Write the index anew whenever one of its parts is written.",
};
pub(super) const CHANGES_LATE: Rule = Rule {
    name: "changes-late",
    severity: Severity::Warning,
    section: "12",
    fix: "Keep the changes since the Resource List's `at`, or write the Resource List more often.",
};
pub(super) const RESOURCE_MISSING: Rule = Rule {
    name: "resource-missing",
    severity: Severity::Error,
    section: "10",
    fix: "Publish the lists anew; they may only name what can be fetched.",
};
pub(super) const RESOURCE_DIFFERS: Rule = Rule {
    name: "resource-differs",
    severity: Severity::Error,
    section: "7.2",
    fix: "Publish the lists anew; length and hash must be those of what the server sends.",
};
pub(super) const CONTENTS_DIFFER: Rule = Rule {
    name: "contents-differ",
    severity: Severity::Error,
    section: "11",
    fix: "Publish as `contents` the very manifest that is in the package.",
};
pub(super) const RESOURCE_CHANGED: Rule = Rule {
    name: "resource-changed",
    severity: Severity::Info,
    section: "10",
    fix: "Nothing to do, if the Change List tells of it.",
};
pub(super) const RESOURCE_TYPE: Rule = Rule {
    name: "resource-type",
    severity: Severity::Warning,
    section: "7.2",
    fix: "Let the list and the server name the same media type.",
};
pub(super) const RESOURCE_LASTMOD: Rule = Rule {
    name: "resource-lastmod",
    severity: Severity::Warning,
    section: "10",
    fix: "Let lastmod be the Last-Modified that the server sends.",
};

impl Line {
    /// A finding about the whole document or resource.
    pub(super) fn of(rule: &Rule, detail: String) -> Self {
        let Rule { name: code, severity, section, fix } = *rule;
        Self { place: (1, 1), severity, code, section, entry: None, loc: None, detail, fix }
    }

    pub(super) fn position(&self) -> String {
        format!("{}:{}", self.place.0, self.place.1)
    }

    /// For people, with the position in a column of this width.
    pub(super) fn text(&self, width: usize) -> String {
        let Self { severity, code, section, .. } = self;
        let section = conformance::section(section);
        let (position, detail) = (self.position(), one_line(&self.detail));
        format!("  {position:>width$} {:<7} {code} ({section}) {detail}\n", severity.as_str())
    }

    /// For programs.
    pub(super) fn json(&self, url: &Url) -> String {
        let line = json!({
            "event": "finding",
            "url": url.as_str(),
            "line": self.place.0,
            "column": self.place.1,
            "severity": self.severity.as_str(),
            "code": self.code,
            "section": self.section,
            "entry": self.entry,
            "loc": self.loc,
            "detail": self.detail,
            "fix": self.fix,
        });
        format!("{line}\n")
    }
}

/// Whether a document is not what the one that leads to it says.
pub(super) fn other(step: &Step, found: Option<&Capability>) -> Option<Line> {
    let (expected, found) = (step.expected.as_ref()?, found?);
    let listed = step.parent.as_ref().map(|url| format!(" in {url}")).unwrap_or_default();
    (expected != found).then(|| {
        let detail = format!("it is a {found}, and listed as a {expected}{listed}");
        Line::of(&OTHER_CAPABILITY, detail)
    })
}

/// The times that an index says of a part, or an archive of a document, and which that one says
/// otherwise of itself.
pub(super) fn times(step: &Step, head: &Head) -> Option<Line> {
    let (said, own) = (&step.said, &head.md);
    let pairs = [
        ("at", &said.at, &own.at),
        ("completed", &said.completed, &own.completed),
        ("from", &said.from, &own.from),
        ("until", &said.until, &own.until),
    ];
    let time = |it: &Option<Datetime>| it.as_ref().map(Datetime::time);
    let other = pairs
        .into_iter()
        .find(|(_, said, own)| said.is_some() && own.is_some() && time(said) != time(own));
    let (name, Some(said), Some(own)) = other? else { return None };
    Some(Line::of(&PART_TIMES, format!("{name} is {own}, and {said} where it is listed")))
}

/// The document, and what was found in it, for people.
pub(super) fn text_of(url: &Url, report: &Report, lines: &[Line]) -> String {
    let kind = report.head.capability().map_or("no capability", Capability::as_str);
    let index = if report.head.is_index() { " index" } else { "" };
    let entries = count(report.entries);
    let mut text = format!("{url}  ({}{index}, entries: {entries})", one_line(kind));
    text += if lines.is_empty() { " ok\n" } else { "\n" };
    let width = lines.iter().map(|line| line.position().len()).max().unwrap_or_default();
    let mut shown: BTreeMap<(&str, Severity), u64> = BTreeMap::new();
    for line in lines {
        let count = shown.entry((line.code, line.severity)).or_default();
        *count += 1;
        if *count > SHOWN {
            continue;
        }
        text += &line.text(width);
        if *count == SHOWN {
            let (code, all) = (line.code, of_code(report, line.code, line.severity));
            if all > SHOWN {
                text +=
                    &format!("  {:>width$} … and {} more {code}\n", "", self::count(all - SHOWN));
            }
        }
    }
    text
}

/// How many findings there were of a code, kept or not.
fn of_code(report: &Report, name: &str, severity: Severity) -> u64 {
    let own = report.counts().filter(|(code, own, _)| code.name() == name && *own == severity);
    own.map(|(_, _, count)| count).sum()
}
