//! How the checkers of both protocols end their reports.

use std::collections::BTreeMap;
use std::time::Duration;

use resync_core::document::Severity;

use crate::progress::{counted, took};

/// The section of a standard, as it stands behind a finding: `§7.2`, or what the standard builds on.
pub(crate) fn section(section: &str) -> String {
    match section.starts_with(|c: char| c.is_ascii_digit() || c == 'A') {
        true => format!("§{section}"),
        false => section.to_owned(),
    }
}

/// What there is to do, rule by rule, the worst first.
pub(crate) fn to_do(fixes: &BTreeMap<(std::cmp::Reverse<Severity>, &str), &str>) -> String {
    let width = fixes.keys().map(|(_, rule)| rule.len()).max().unwrap_or_default();
    let lines = fixes.iter().map(|((_, rule), fix)| format!("  {rule:<width$}  {fix}\n"));
    let text: String = lines.collect();
    if text.is_empty() { text } else { format!("To do:\n{text}") }
}

/// The last line: what was checked, and how much was found, by severity from the worst.
pub(crate) fn closing(checked: &str, elapsed: Duration, found: [u64; 3]) -> String {
    let [errors, warnings, infos] = found;
    format!(
        "{checked} in {}: {}, {}, {}",
        took(elapsed),
        counted(errors, "error"),
        counted(warnings, "warning"),
        counted(infos, "info"),
    )
}
