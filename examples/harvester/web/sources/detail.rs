//! The page of one source.

use axum::extract::{Path, State as Shared};
use harvest_pipeline::store::{
    Coverage, Page, RunEntry, RunQuery, SourceDefinition, SourceEntry, SourceStatus,
};
use harvest_pipeline::{Counters, SourceSummary};
use maud::{Markup, html};

use super::{actions, address, find, jobs, kind_title, options, run_kind, schedule};
use crate::accounts::Permission;
use crate::notices::{Kept, State};
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{
    Table, Tone, action, badge, card, count, duration, facts, moment, moment_or, nothing,
    run_state, source_status, timeline,
};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::targets;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many runs are shown.
const RUNS: usize = 10;

pub(super) async fn page(
    Shared(app): Shared<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let source = find(&app, &visitor, &id).await?;
    let id = &source.definition.id;
    let mut query = RunQuery::default();
    query.source = Some(id.clone());
    query.page = Page::first(RUNS);
    let runs = app.store.runs(&query).await?;
    let coverage = app.store.coverage(id, None).await?;
    let summary = app.catalogue.summary(id).await?;
    let subscription = app.callbacks.subscriptions.of(id).await.map_err(Problem::unavailable)?;
    let subscription = subscription.map(|document| document.body);
    let body = html! {
        (actions::buttons(&visitor, &source))
        (state(&visitor, &source, summary.as_ref()))
        (card(words.text("source.coverage"), &html! {
            (covered(&app, words, &coverage))
            p { a href={ (address(id)) "/coverage" } { (words.text("coverage.more")) } }
        }))
        (card(words.text("job.title"), &jobs::show(&app, &visitor, &source).await?))
        (card(words.text("provide.title"), &given_out(&app, words, &source)))
        @if source.definition.push {
            (card(words.text("push.title"), &told(words, subscription.as_ref())))
        }
        (card(words.text("source.last-runs"), &last_runs(words, &runs)))
        (targets::effects(&app, &visitor, id).await?)
        (card(words.text("source.definition"), &facts_of(&app, words, &source)))
    };
    let buttons = manage(&visitor, &source);
    let section = Some(Section::Sources);
    Ok(layout::with_actions(&visitor, &source.definition.title, section, &buttons, &body))
}

/// Changing, pausing, archiving and deleting it.
fn manage(visitor: &Visitor, source: &SourceEntry) -> Markup {
    let words = visitor.words;
    let address = address(&source.definition.id);
    let status = source.definition.status;
    let to = |status: &str, label: &str| {
        action(visitor, &format!("{address}/status"), ("to", status), words.text(label))
    };
    let turn = |to: &str, label: &str| {
        action(visitor, &format!("{address}/output"), ("to", to), words.text(label))
    };
    html! {
        @if visitor.may(Permission::EditSources) {
            a.button href={ (address) "/edit" } { (words.text("source.action.edit")) }
            @match status {
                SourceStatus::Active => (to("paused", "source.action.pause")),
                SourceStatus::Paused => (to("active", "source.action.resume")),
                _ => (to("active", "source.action.activate")),
            }
            @match source.definition.output.is_on() {
                true => (turn("off", "source.action.output-off")),
                false => (turn("on", "source.action.output-on")),
            }
            @if status != SourceStatus::Archived {
                a.button href={ (address) "/archive" } { (words.text("source.action.archive")) }
            }
            a.button.danger href={ (address) "/delete" } { (words.text("source.action.delete")) }
        }
    }
}

fn state(visitor: &Visitor, source: &SourceEntry, summary: Option<&SourceSummary>) -> Markup {
    let words = visitor.words;
    let count =
        |count: fn(&SourceSummary) -> u64| html! { (words.number(summary.map_or(0, count))) };
    let next = match source.definition.status {
        SourceStatus::Active => moment_or(source.next_due, words.text("time.never")),
        _ => html! { span.quiet { (words.text("time.never")) } },
    };
    facts(&[
        (words.text("source.status"), source_status(words, source.definition.status)),
        (words.text("source.next-due"), next),
        (words.text("source.live"), count(|it| it.live)),
        (words.text("source.deleted"), count(|it| it.deleted)),
        (words.text("source.errors"), count(|it| it.errors)),
    ])
}

/// Where others harvest it from.
fn given_out(app: &App, words: Words, source: &SourceEntry) -> Markup {
    let output = match source.definition.output.off_since() {
        None => badge(Tone::Good, words.text("source.output-name.on")),
        Some(since) => html! {
            (badge(Tone::Warning, words.text("source.output-name.off"))) " " (moment(since))
        },
    };
    let mut rows = vec![(words.text("source.output"), output)];
    let id = &source.definition.id;
    let addresses =
        [("OAI-PMH", app.provide.oai_of(id)), ("ResourceSync", app.provide.resync_of(id))];
    for (protocol, address) in addresses {
        if let Some(address) = address {
            rows.push((protocol, html! { code { (address) } }));
        }
    }
    html! {
        (facts(&rows))
        @if app.provide.oai().is_none() { p.quiet { (words.text("provide.disabled")) } }
    }
}

/// What became of the subscription to its changes.
fn told(words: Words, subscription: Option<&Kept>) -> Markup {
    let Some(kept) = subscription else {
        return html! { p.quiet { (words.text("push.state.none")) } };
    };
    let tone = match kept.state {
        State::Active => Tone::Good,
        State::Denied(_) | State::Failed(_) => Tone::Bad,
        State::NoHub(_) => Tone::Warning,
        State::Looking | State::Pending | State::Ending => Tone::Busy,
    };
    let state = html! {
        (badge(tone, words.text(&format!("push.state.{}", kept.state.as_str()))))
        @if let Some(why) = kept.state.why() { div.detail { (why) } }
    };
    let mut rows = vec![(words.text("source.status"), state)];
    rows.extend(kept.until.map(|until| (words.text("push.until"), moment(until))));
    rows.push((words.text("push.notices"), html! { (words.number(kept.notices)) }));
    rows.extend(kept.last_notice.map(|last| (words.text("push.last-notice"), moment(last))));
    facts(&rows)
}

fn covered(app: &App, words: Words, coverage: &[Coverage]) -> Markup {
    html! {
        @if coverage.is_empty() { p.quiet { (words.text("source.coverage-none")) } }
        @else {
            (timeline(words.text("source.coverage"), coverage, app.now()))
            p.quiet { (words.text("source.coverage-gap")) }
        }
    }
}

fn last_runs(words: Words, runs: &[RunEntry]) -> Markup {
    if runs.is_empty() {
        return nothing(words.text("source.no-runs"), &html! {});
    }
    let mut table = Table::new(words.text("source.last-runs"))
        .number(words.text("run.number"))
        .column(words.text("source.kind"))
        .column(words.text("source.status"))
        .column(words.text("run.started"))
        .column(words.text("run.duration"))
        .dense();
    for (key, _) in counters(&Counters::default()) {
        table = table.number(words.text(key));
    }
    for run in runs {
        let length = run.started.zip(run.ended).map(|(from, until)| duration(words, until - from));
        let mut cells = vec![
            html! { a href=(crate::web::runs::address(run.id)) { (run.id) } },
            html! { (run_kind(words, run.request.kind)) },
            html! {
                (run_state(words, run.state))
                @if let Some(failure) = &run.failure { div.detail { (failure.message) } }
            },
            moment(run.started.unwrap_or(run.queued)),
            html! { (length.unwrap_or_default()) },
        ];
        let counts = counters(&run.counters).into_iter();
        cells.extend(counts.map(|(_, number)| count(words, number)));
        table.row(cells);
    }
    table.show()
}

/// The counters that are shown, each with the key of its name.
fn counters(counters: &Counters) -> [(&'static str, u64); 5] {
    [
        ("run.counter.created", counters.created),
        ("run.counter.updated", counters.updated),
        ("run.counter.unchanged", counters.unchanged),
        ("run.counter.deleted", counters.deleted),
        ("run.counter.failed", counters.failed),
    ]
}

fn facts_of(app: &App, words: Words, source: &SourceEntry) -> Markup {
    let times = [
        (words.text("source.created"), moment(source.created)),
        (words.text("source.updated"), moment(source.updated)),
    ];
    html! { (definition(app, words, &source.definition)) div.below { (facts(&times)) } }
}

/// What a source is defined to be.
pub(in crate::web) fn definition(app: &App, words: Words, definition: &SourceDefinition) -> Markup {
    let text = |text: &str| html! { (text) };
    let contacts = definition.contacts.join(", ");
    let filters = definition.filter_sets.join(", ");
    let rhythm = schedule::text(words, &definition.schedule);
    let mut all = vec![
        (words.text("source.id"), text(definition.id.as_str())),
        (words.text("source.kind"), text(kind_title(app, words, &definition.kind))),
    ];
    let options = options::shown(app, words, definition);
    all.extend(options.iter().map(|(label, value)| (label.as_str(), text(value))));
    all.extend([
        (words.text("source.schedule"), text(&rhythm)),
        (words.text("source.target"), text(definition.target.as_deref().unwrap_or_default())),
        (words.text("source.description"), text(&definition.description)),
        (words.text("source.licence"), text(&definition.licence)),
        (words.text("source.contacts"), text(&contacts)),
        (words.text("source.filter-sets"), text(&filters)),
        (words.text("source.owner"), text(definition.owner.as_deref().unwrap_or_default())),
    ]);
    all.retain(|(_, fact)| !fact.0.is_empty());
    facts(&all)
}
