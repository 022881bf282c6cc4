//! Which time of a source was harvested, as JAIRO Cloud's user information page tells it, and what an
//! error means to those who wait for its records.

use axum::Form;
use axum::extract::{Path, State};
use chrono::{DateTime, Datelike, Utc};
use harvest_pipeline::RunId;
use harvest_pipeline::schedule::{Rhythm, Unit};
use harvest_pipeline::store::{
    Coverage, Page, Requested, RunEntry, RunKind, RunQuery, RunRequest, SourceEntry, SourceStatus,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{address, find};
use crate::accounts::Permission;
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{
    Table, Tone, action, badge, card, facts, moment, moment_or, run_state, timeline,
};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many runs are looked at for the last harvest.
const LOOKED_AT: usize = 50;
/// So many stretches are listed, the newest ones.
const LISTED: usize = 100;

/// The addressees of IRDB, in the keys of their names.
const TARGETS: [&str; 5] = [
    "effect.target-irdb",
    "effect.target-ndl",
    "effect.target-jalc",
    "effect.target-cinii",
    "effect.target-cinii-d",
];
/// What can be the matter, and what that means to IRDB itself and to the others.
const EFFECTS: [(&str, &str, &str); 4] = [
    ("off", "none", "none"),
    ("record-error", "none", "none"),
    ("field-error", "without", "condition"),
    ("warning", "with", "condition"),
];

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let source = find(&app, &visitor, &id).await?;
    let id = &source.definition.id;
    let coverage = app.store.coverage(id, None).await?;
    let last = last_harvest(&app, &source).await?;
    let empty = coverage.iter().find(|stretch| is_suspect(stretch, &coverage));
    let body = html! {
        (card(words.text("coverage.state"), &state(words, &source, last.as_ref(), &coverage)))
        (card(words.text("source.coverage"), &html! {
            @if coverage.is_empty() { p.quiet { (words.text("source.coverage-none")) } }
            @else {
                (timeline(words.text("source.coverage"), &coverage, app.now()))
                p.quiet { (words.text("source.coverage-gap")) }
            }
            @if let Some(empty) = empty { (suspect(words, empty)) }
            (backfill_buttons(&visitor, &source, empty))
        }))
        @if !coverage.is_empty() { (stretches(words, &coverage)) }
        (effects(words))
    };
    let title = words.fill("coverage.title", &[("name", &source.definition.title)]);
    let actions = html! { a.button href=(address(id)) { (words.text("coverage.back")) } };
    Ok(layout::with_actions(&visitor, &title, Some(Section::Sources), &actions, &body))
}

/// The last harvest that is over.
async fn last_harvest(app: &App, source: &SourceEntry) -> Result<Option<RunEntry>, Problem> {
    let mut query = RunQuery::default();
    query.source = Some(source.definition.id.clone());
    query.page = Page::first(LOOKED_AT);
    let runs = app.store.runs(&query).await?;
    let is_harvest = |run: &RunEntry| {
        run.request.kind == RunKind::Harvest && !run.request.dry_run && run.ended.is_some()
    };
    Ok(runs.into_iter().find(is_harvest))
}

/// The previous harvest and the next one.
fn state(
    words: Words,
    source: &SourceEntry,
    last: Option<&RunEntry>,
    coverage: &[Coverage],
) -> Markup {
    let previous = html! {
        @match last {
            Some(run) => {
                (run_state(words, run.state)) " "
                @if run.failure.is_none() && run.counters.total() == 0 {
                    (badge(Tone::Warning, words.text("coverage.nothing-came")))
                }
                div.detail { (moment_or(run.ended, "")) }
                @if let Some(failure) = &run.failure { div.detail { (failure.message) } }
            },
            None => span.quiet { (words.text("time.never")) },
        }
    };
    let begins = coverage.iter().map(|stretch| stretch.until).max();
    let next = source.next_due.filter(|_| source.definition.status == SourceStatus::Active);
    facts(&[
        (words.text("coverage.previous"), previous),
        (words.text("coverage.next-start"), moment_or(begins, words.text("coverage.beginning"))),
        (words.text("source.next-due"), moment_or(next, words.text("time.never"))),
        (words.text("coverage.day"), html! { (day(words, source, next)) }),
    ])
}

/// The day of the week, of a source that has one.
fn day(words: Words, source: &SourceEntry, next: Option<DateTime<Utc>>) -> String {
    let is_weekly = matches!(
        source.definition.schedule.rhythm,
        Rhythm::Every { unit: Unit::Weeks, .. } | Rhythm::Cron { .. }
    );
    match next.filter(|_| is_weekly) {
        Some(next) => words.text(&format!("coverage.day-{}", next.weekday())).to_owned(),
        None => words.text("coverage.no-day").to_owned(),
    }
}

/// Whether nothing came in this stretch where something came before, and no later run had it again.
fn is_suspect(stretch: &Coverage, all: &[Coverage]) -> bool {
    let before = |other: &Coverage| !other.is_empty() && other.until <= stretch.until;
    let again = |other: &Coverage| {
        other.run > stretch.run && other.from <= stretch.from && other.until >= stretch.until
    };
    stretch.is_empty() && all.iter().any(before) && !all.iter().any(again)
}

fn suspect(words: Words, empty: &Coverage) -> Markup {
    html! {
        div.errors.soft {
            p { (words.text("coverage.suspect")) }
            (moment_or(empty.from, words.text("coverage.beginning"))) " – " (moment(empty.until))
        }
    }
}

fn backfill_buttons(visitor: &Visitor, source: &SourceEntry, empty: Option<&Coverage>) -> Markup {
    let words = visitor.words;
    let address = format!("{}/backfill", address(&source.definition.id));
    let is_off = matches!(source.definition.status, SourceStatus::Draft | SourceStatus::Archived);
    html! {
        @if visitor.may(Permission::Run) && !is_off {
            div.actions {
                @if let Some(empty) = empty {
                    (action(visitor, &address, ("run", &empty.run.0.to_string()),
                        words.text("coverage.backfill")))
                }
                (action(visitor, &address, ("run", ""), words.text("coverage.backfill-all")))
            }
            p.hint { (words.text("coverage.backfill-what")) }
        }
    }
}

fn stretches(words: Words, coverage: &[Coverage]) -> Markup {
    let mut table = Table::new(words.text("source.coverage"))
        .column(words.text("coverage.from"))
        .column(words.text("coverage.until"))
        .number(words.text("run.number"))
        .number(words.text("source.live"))
        .number(words.text("source.errors"));
    for stretch in coverage.iter().rev().take(LISTED) {
        table.row(vec![
            moment_or(stretch.from, words.text("coverage.beginning")),
            moment(stretch.until),
            html! { (stretch.run) },
            html! {
                @if stretch.is_empty() {
                    (badge(Tone::Warning, words.text("coverage.nothing-came")))
                } @else { (words.number(stretch.records)) }
            },
            html! { (words.number(stretch.failed)) },
        ]);
    }
    table.show()
}

/// What an error does, target by target.
fn effects(words: Words) -> Markup {
    let mut table =
        Table::new(words.text("effect.title")).column(words.text("effect.condition-of"));
    for target in TARGETS {
        table = table.column(words.text(target));
    }
    for (what, irdb, others) in EFFECTS {
        let mut cells = vec![html! { (words.text(&format!("effect.{what}"))) }];
        for target in 0..TARGETS.len() {
            // IRDB itself is the first.
            let effect = if target == 0 { irdb } else { others };
            cells.push(html! { (words.text(&format!("effect.is-{effect}"))) });
        }
        table.row(cells);
    }
    html! {
        details.part {
            summary { (words.text("effect.title")) }
            (table.show())
            p.quiet { (words.text("effect.never")) }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// The run that found nothing, where it began the new one begins; empty: at the beginning.
    #[serde(default)]
    run: String,
}

/// Asks for a run over time that was harvested already.
pub(super) async fn backfill(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Done, Problem> {
    let source = find(&app, &visitor, &id).await?;
    let id = &source.definition.id;
    let mut request = RunRequest::new(id.clone(), RunKind::Harvest);
    request.by = visitor.name();
    if asked.run.is_empty() {
        request.full = true;
    } else {
        let run = asked.run.parse().map_err(|_| Problem::not_found())?;
        let run = app.store.run(RunId(run)).await?;
        let run = run.filter(|run| run.request.source == *id).ok_or_else(Problem::not_found)?;
        request.full = run.began_at.is_none();
        request.parent = Some(run.id);
        request.from = run.began_at;
    }
    let done = Done::go(&app, format!("{}/coverage", address(id)));
    Ok(match app.store.request_run(&request).await? {
        Requested::Queued(run) => {
            visitor.did(&app, "run.backfill", id).await;
            done.saying_of("run-queued", run)
        }
        Requested::AlreadyOpen(run) => done.saying_of("run-open", run),
    })
}
