//! The report of Metacat's harvester, word for word.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Audience, Harvested};
use crate::operations::Operation;
use crate::store::{EventLevel, StoredEvent};

const STARS: &str =
    "********************************************************************************";

pub(super) fn write(
    harvests: &[Harvested],
    audience: Audience,
    now: DateTime<Utc>,
) -> (String, String) {
    let time = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    let errors: u64 = harvests.iter().map(Harvested::errors).sum();
    let mut text = String::new();
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(STARS);
    line("*");
    line(&format!("* METACAT HARVESTER REPORT: {time}"));
    line("*");
    match errors {
        0 => line("* NO ERRORS WERE DETECTED DURING THIS HARVEST."),
        1 => line("* A TOTAL OF 1 ERROR WAS DETECTED."),
        more => line(&format!("* A TOTAL OF {more} ERRORS WERE DETECTED.")),
    }
    if errors > 0 {
        // Misspelt in the original, and searched for in this form.
        line("* Please see the log entries below for additonal details.");
    }
    line("*");
    line(STARS);
    for harvest in harvests {
        site(&mut text, harvest);
    }
    text.push_str("\nLOG ENTRIES\n");
    for harvest in harvests {
        for event in harvest.events(audience.least()) {
            entry(&mut text, harvest, event);
        }
    }
    (format!("Report from Metacat Harvester: {time}"), text)
}

/// What was done with the documents of a site.
fn site(text: &mut String, harvest: &Harvested) {
    let Harvested { source, run, .. } = harvest;
    let list = source.url().unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\nSite: {} ({list})", source.title);
    let failed = |codes: &[&str]| -> Vec<String> {
        let named = |event: &&StoredEvent| codes.contains(&&*event.event.code);
        let events = harvest.events.iter().filter(named);
        events.filter_map(|event| event.event.scope.record.clone()).collect()
    };
    let unread = failed(&["GetDocError", "ValidateDocError"]);
    let unstored = failed(&["InsertDocError", "UpdateDocError"]);
    for (what, documents) in [
        ("inserted", &harvest.created),
        ("updated", &harvest.updated),
        ("that could not be accessed at the site", &unread),
        ("that could not be uploaded", &unstored),
    ] {
        if documents.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  Documents {what}: {}", documents.len());
        for document in documents {
            let _ = writeln!(text, "    {document}");
        }
    }
    let _ = writeln!(text, "  Documents already in Metacat: {}", run.counters.unchanged);
    if let Some(next) = harvest.next_due {
        let _ = writeln!(text, "  Next scheduled harvest: {}", next.format("%Y-%m-%d %H:%M UTC"));
    }
}

/// One entry of the log.
fn entry(text: &mut String, harvest: &Harvested, stored: &StoredEvent) {
    let event = &stored.event;
    let status = u8::from(event.level == EventLevel::Error);
    let time = stored.time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "* {name:<18}{value}");
    };
    field("Operation:", &event.code);
    if let Some(operation) = Operation::named(&event.code) {
        field("", operation.explanation);
    }
    field("Date:", &time);
    field("Status:", &status.to_string());
    field("Site:", &harvest.source.title);
    if let Some(record) = &event.scope.record {
        let (scope, identifier) = record.rsplit_once('.').unwrap_or((record, ""));
        field("Scope:", scope);
        field("Identifier:", identifier);
    }
    field(if status == 1 { "Error:" } else { "Message:" }, &event.message);
    if let Some(url) = &event.url {
        field("URL:", url);
    }
    text.push('\n');
}
