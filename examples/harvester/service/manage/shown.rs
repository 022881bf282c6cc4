//! Sources, runs and events, for people and for programs.

use std::fmt::Write;

use harvest_pipeline::schedule::{Rhythm, Schedule};
use harvest_pipeline::secrets::{self, NO_KIND};
use harvest_pipeline::store::{RunEntry, SourceDefinition, SourceEntry, StoredEvent};
use serde_json::{Value, json};

/// A run on one line.
pub(in crate::service) fn run_line(run: &RunEntry) -> String {
    let mut line =
        format!("{}  {}  {}  {}", run.id, run.state, run.request.kind, run.request.source);
    if run.request.dry_run {
        line += "  dry run";
    }
    let counted = &run.counters;
    let counts = [
        (counted.created, "created"),
        (counted.updated, "updated"),
        (counted.deleted, "deleted"),
        (counted.unchanged, "unchanged"),
        (counted.failed, "failed"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        line += &format!("  {count} {what}");
    }
    if let Some(worker) = &run.worker {
        line += &format!("  by {worker}");
    }
    if let Some(held) = run.held.filter(|held| held.approved.is_none()) {
        line += &format!("  would delete {} of {}", held.deletions, held.live);
    }
    if let Some(failure) = &run.failure {
        line += &format!("  {}", failure.message);
    }
    line
}

/// A run as JSON.
pub(in crate::service) fn run_json(run: &RunEntry) -> Value {
    let counted = &run.counters;
    json!({
        "id": run.id.0,
        "source": run.request.source.as_str(),
        "kind": run.request.kind,
        "trigger": run.request.trigger.as_str(),
        "by": run.request.by,
        "full": run.request.full,
        "dry_run": run.request.dry_run,
        "state": run.state,
        "attempt": run.attempt,
        "worker": run.worker,
        "counters": {
            "total": counted.total(),
            "created": counted.created,
            "updated": counted.updated,
            "deleted": counted.deleted,
            "unchanged": counted.unchanged,
            "already_deleted": counted.skipped_deleted,
            "failed": counted.failed,
        },
        "batches": run.batches,
        "bytes": run.bytes,
        "held": run.held,
        "failure": run.failure,
        "queued": run.queued,
        "started": run.started,
        "ended": run.ended,
    })
}

/// An event on one line.
pub(super) fn event_line(stored: &StoredEvent) -> String {
    let event = &stored.event;
    let time = stored.time.format("%Y-%m-%dT%H:%M:%SZ");
    let mut line = format!("{time}  {}  {}", event.level, event.code);
    for part in [&event.scope.record, &event.url].into_iter().flatten() {
        line += &format!("  {part}");
    }
    line + &format!("  {}", event.message)
}

/// An event as JSON.
pub(super) fn event_json(stored: &StoredEvent) -> Value {
    let event = &stored.event;
    json!({
        "id": stored.id,
        "time": stored.time,
        "level": event.level,
        "code": event.code,
        "record": event.scope.record,
        "url": event.url,
        "message": event.message,
    })
}

/// A source on one line.
pub(super) fn source_line(entry: &SourceEntry) -> String {
    let definition = &entry.definition;
    let url = without_secrets(definition).url().map(|url| format!("  {url}")).unwrap_or_default();
    let run = entry.open_run.map(|run| format!("  run {run}")).unwrap_or_default();
    format!(
        "{}  {}  {}  {}{url}{run}",
        definition.id,
        definition.status.as_str(),
        definition.kind,
        rhythm(&definition.schedule),
    )
}

/// A source for people to read.
pub(super) fn source(entry: &SourceEntry) -> String {
    let definition = without_secrets(&entry.definition);
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{name:<14}{}", crate::output::one_line(value));
        }
    };
    line("id", definition.id.as_str());
    line("title", &definition.title);
    line("description", &definition.description);
    line("licence", &definition.licence);
    line("kind", &definition.kind);
    for (name, value) in definition.options.as_object().into_iter().flatten() {
        let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line("option", &format!("{name}={plain}"));
    }
    for name in secrets::set(NO_KIND, &entry.definition.options) {
        line("option", &format!("{name}=(not shown)"));
    }
    line("status", definition.status.as_str());
    let output = definition.output.off_since();
    line("output", &output.map_or("on".to_owned(), |since| format!("off since {since}")));
    line("push", if definition.push { "on" } else { "" });
    line("schedule", &rhythm(&definition.schedule));
    line("target", definition.target.as_deref().unwrap_or_default());
    line("owner", definition.owner.as_deref().unwrap_or_default());
    line("contacts", &definition.contacts.join(", "));
    line("filter sets", &definition.filter_sets.join(", "));
    line("next run", &entry.next_due.map(|due| due.to_rfc3339()).unwrap_or_default());
    line("open run", &entry.open_run.map(|run| run.to_string()).unwrap_or_default());
    line("last run", &entry.last_run.map(|run| run.to_string()).unwrap_or_default());
    text
}

/// A source as JSON.
pub(super) fn source_json(entry: &SourceEntry) -> Value {
    json!({
        "definition": without_secrets(&entry.definition),
        "secrets": secrets::set(NO_KIND, &entry.definition.options),
        "created": entry.created,
        "updated": entry.updated,
        "next_due": entry.next_due,
        "scheduled_runs": entry.scheduled_runs,
        "open_run": entry.open_run.map(|run| run.0),
        "last_run": entry.last_run.map(|run| run.0),
    })
}

/// The same without passwords and tokens.
fn without_secrets(definition: &SourceDefinition) -> SourceDefinition {
    let mut shown = definition.clone();
    shown.options = secrets::shown(NO_KIND, &definition.options);
    shown
}

fn rhythm(schedule: &Schedule) -> String {
    match &schedule.rhythm {
        Rhythm::Every { count, unit } => {
            let unit = json!(unit);
            format!("every {count} {}", unit.as_str().unwrap_or_default())
        }
        Rhythm::Cron { expression, zone } => format!("{expression} ({zone})"),
        _ => "manual".to_owned(),
    }
}
