//! Which times belong where (appendix A), and which come before others.

use chrono::{DateTime, Days, Months, TimeDelta, Utc};

use super::{Checker, Code, Severity};
use crate::document::{Capability, Datetime, Head, Metadata, Precision};

/// Whether something is to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Mandatory,
    Recommended,
    Optional,
    Forbidden,
}

use Rule::{Forbidden, Mandatory, Optional, Recommended};

/// The rules of a head for `at` and `from`. `completed` may be where `at` may, `until` where `from`
/// may.
fn of_head(head: &Head) -> (Rule, Rule) {
    match head.capability() {
        Some(
            Capability::ResourceList | Capability::ResourceDump | Capability::ResourceDumpManifest,
        ) => (Mandatory, Forbidden),
        Some(Capability::ChangeList | Capability::ChangeDump | Capability::ChangeDumpManifest) => {
            (Forbidden, Mandatory)
        }
        Some(Capability::Description | Capability::CapabilityList) => (Forbidden, Forbidden),
        _ => (Optional, Optional),
    }
}

/// The rules of the entries.
fn of_entry(head: &Head) -> (Rule, Rule) {
    match (head.capability(), head.is_index()) {
        (Some(Capability::ResourceList), false)
        | (Some(Capability::ResourceDumpManifest | Capability::ChangeDumpManifest), _)
        | (Some(Capability::ChangeList), false) => (Forbidden, Forbidden),
        (Some(Capability::ResourceList), true) | (Some(Capability::ResourceDump), _) => {
            (Optional, Forbidden)
        }
        (Some(Capability::ChangeList), true) | (Some(Capability::ChangeDump), _) => {
            (Forbidden, Recommended)
        }
        _ => (Optional, Optional),
    }
}

impl Checker {
    /// Checks the times of a document, or of an entry of it.
    pub(super) fn times(&mut self, md: &Metadata<'_>, head: &Head, of: &str, is_entry: bool) {
        let (at, from) = if is_entry { of_entry(head) } else { of_head(head) };
        self.time(md.at, said(md, "at"), at, (Code::MissingAt, Code::ForbiddenAt), ("at", of));
        let codes = (Code::MissingFrom, Code::ForbiddenFrom);
        self.time(md.from, said(md, "from"), from, codes, ("from", of));
        let also = |rule| if rule == Forbidden { Forbidden } else { Optional };
        let codes = (Code::ForbiddenCompleted, Code::ForbiddenCompleted);
        let is_said = said(md, "completed");
        self.time(md.completed, is_said, also(at), codes, ("completed", of));
        let codes = (Code::ForbiddenUntil, Code::ForbiddenUntil);
        self.time(md.until, said(md, "until"), also(from), codes, ("until", of));
        self.ordered(("at", md.at), ("completed", md.completed));
        self.ordered(("from", md.from), ("until", md.until));
        if let (Some(until), Some(fetched)) = (md.until, self.options.fetched) {
            let ahead = until.time() - fetched.time();
            if ahead >= TimeDelta::seconds(-5) {
                // That it is closed now may be chance; that it is closed tomorrow is not.
                let is_future = ahead > TimeDelta::minutes(1);
                let severity = if is_future { Severity::Warning } else { Severity::Info };
                let detail = format!("until {until}, and it was fetched at {fetched}");
                self.find(Code::UntilNow, severity, detail);
            }
        }
    }

    fn time(
        &mut self,
        time: Option<Datetime>,
        is_said: bool,
        rule: Rule,
        (missing, forbidden): (Code, Code),
        (name, of): (&str, &str),
    ) {
        match rule {
            Mandatory if !is_said => {
                self.find(missing, Severity::Error, format!("{of} has no {name}"));
            }
            Recommended if !is_said => {
                self.find(missing, Severity::Info, format!("{of} has no {name}"));
            }
            Forbidden if is_said => {
                self.find(forbidden, Severity::Error, format!("{of} has {name}"));
            }
            _ => {}
        }
        self.fineness(name, time);
    }

    fn ordered(&mut self, first: (&str, Option<Datetime>), second: (&str, Option<Datetime>)) {
        if let ((first, Some(begin)), (second, Some(end))) = (first, second)
            && is_before(end, begin)
        {
            let detail = format!("{second} {end} is before {first} {begin}");
            self.find(Code::ReversedTimes, Severity::Error, detail);
        }
    }

    /// The schema demands a time of day, the prose does not (§7.2).
    pub(super) fn fineness(&mut self, name: &str, time: Option<Datetime>) {
        if let Some(time) = time
            && matches!(time.precision(), Precision::Year | Precision::Month | Precision::Day)
        {
            self.find(Code::DateOnly, Severity::Info, format!("{name} {time} has no time of day"));
        }
    }
}

/// Whether an attribute is there, be it readable or not: that it is not has been reported.
pub(super) fn said(md: &Metadata<'_>, name: &str) -> bool {
    let is_read = match name {
        "at" => md.at.is_some(),
        "completed" => md.completed.is_some(),
        "from" => md.from.is_some(),
        "until" => md.until.is_some(),
        "datetime" => md.datetime.is_some(),
        "change" => md.change.is_some(),
        "length" => md.length.is_some(),
        _ => false,
    };
    is_read || md.other.iter().any(|other| other.name == name)
}

/// Whether all of the first, which may be a whole year, is before the second.
pub(super) fn is_before(first: Datetime, second: Datetime) -> bool {
    first.timestamp() <= second.timestamp() && behind(first) <= second.time()
}

/// The first moment that is no more of it.
fn behind(time: Datetime) -> DateTime<Utc> {
    let begin = time.time();
    let end = match time.precision() {
        Precision::Year => begin.checked_add_months(Months::new(12)),
        Precision::Month => begin.checked_add_months(Months::new(1)),
        Precision::Day => begin.checked_add_days(Days::new(1)),
        Precision::Minute => begin.checked_add_signed(TimeDelta::minutes(1)),
        Precision::Second => begin.checked_add_signed(TimeDelta::seconds(1)),
        Precision::Fraction(digits) => {
            let nanos = 10_i64.pow(9_u32.saturating_sub(u32::from(digits)));
            begin.checked_add_signed(TimeDelta::nanoseconds(nanos))
        }
    };
    end.unwrap_or(begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wholly_before_is_before() {
        for (first, second, is) in [
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", true),
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", false),
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z", false),
            ("2024-01-01T00:00:00.4Z", "2024-01-01T00:00:00.5Z", true),
            ("2024-01-01", "2024-01-01T12:00Z", false),
            ("2024-01-01", "2024-01-02", true),
            ("2024", "2024-06", false),
            ("2024-02", "2024-03-01", true),
            ("2024-01-01T12:00:00+01:00", "2024-01-01T11:30:00Z", true),
            ("2025", "2024", false),
        ] {
            let read = |text| Datetime::read(text).unwrap();
            assert_eq!(is_before(read(first), read(second)), is, "{first} {second}");
        }
    }
}
