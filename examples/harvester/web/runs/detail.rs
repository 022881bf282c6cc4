//! The page of one run.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use harvest_pipeline::{RunId, RunState};
use harvest_pipeline::store::{Failure, Held, RunEntry, RunKind, RunQuery};
use maud::{Markup, html};
use serde::Deserialize;

use super::events::{self, EventsWanted};
use super::{actions, address, counters, decisions, find, kind, length, settings};
use crate::accounts::Permission;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Addresses, Live, card, facts, moment, moment_or, run_state};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::sources;
use crate::web::visitor::Visitor;
use crate::words::Words;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    level: String,
    after: Option<i64>,
}

impl Wanted {
    fn events(&self) -> EventsWanted<'_> {
        EventsWanted { level: &self.level, after: self.after }
    }
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let run = find(&app, &visitor, run).await?;
    let live = look(&app, &visitor, run.id.0, &wanted).await?;
    let query = wanted.events().query();
    let (page, stream) =
        (format!("{}{query}", address(run.id)), format!("{}/stream{query}", address(run.id)));
    if visitor.wants_part {
        return Ok(live.asking(&page).into_response());
    }
    let title = words.fill("run.title", &[("run", &run.id)]);
    let body = html! {
        (live.show(words, Addresses { page: &page, stream: &stream }))
        (settings::show(&app, words, &run))
    };
    Ok(layout::page(&visitor, &title, Some(Section::Runs), &body).into_response())
}

pub(super) async fn stream(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (watched, watcher) = (app.clone(), visitor.clone());
    let look = move || {
        let (app, visitor, wanted) = (app.clone(), visitor.clone(), wanted.clone());
        async move { look(&app, &visitor, run, &wanted).await }
    };
    crate::web::stream::follow(&watched, &watcher, Some(RunId(run)), look).await
}

/// Everything of a run that can change while somebody looks.
async fn look(app: &App, visitor: &Visitor, run: i64, wanted: &Wanted) -> Result<Live, Problem> {
    let words = visitor.words;
    let run = find(app, visitor, run).await?;
    let is_on_its_way =
        matches!(run.state, RunState::Queued | RunState::Running | RunState::Suspended);
    let markup = html! {
        (actions::buttons(visitor, &run))
        @if let Some(held) = &run.held { (held_back(visitor, &run, held)) }
        @if let Some(failure) = &run.failure { (failed(words, failure)) }
        section.card {
            (state(app, words, &run))
            @if is_on_its_way && run.started.is_some() { (counters::processed(words, &run)) }
        }
        section.card {
            h2 { (words.text("run.counters")) }
            (counters::show(words, &run.counters))
            (looked_at(words, &run))
        }
        (follow_ups(app, words, &run).await?)
        (card(words.text("run.events"), &events::show(app, words, &run, wanted.events()).await?))
    };
    Ok(Live { markup, goes_on: run.state.is_open() })
}

fn state(app: &App, words: Words, run: &RunEntry) -> Markup {
    let request = &run.request;
    let trigger = words.text(trigger(run)).to_owned();
    let mut all = vec![
        (words.text("source.status"), state_and_wish(words, run)),
        (
            words.text("run.source"),
            html! {
                a href=(sources::address(&request.source)) { (request.source) }
            },
        ),
        (words.text("run.kind-of"), kind(words, run)),
        (
            words.text("run.trigger"),
            html! {
                (trigger) @if let Some(by) = &request.by { " · " (by) }
            },
        ),
        (words.text("run.queued"), moment(run.queued)),
        (words.text("run.started"), moment_or(run.started, words.text("time.never"))),
    ];
    if let Some(time) = request.not_before.filter(|_| run.state == RunState::Queued) {
        all.push((words.text("run.not-before"), moment(time)));
    }
    if let Some(ended) = run.ended {
        all.push((words.text("run.ended"), moment(ended)));
    }
    if let Some(length) = length(app, words, run) {
        all.push((words.text("run.duration"), html! { (length) }));
    }
    if let Some(worker) = &run.worker {
        all.push((words.text("run.worker"), html! { (worker) }));
    }
    if run.attempt > 1 {
        all.push((words.text("run.attempt"), html! { (run.attempt) }));
    }
    all.push((words.text("run.batches"), html! { (words.number(run.batches)) }));
    all.push((words.text("run.bytes"), html! { (words.number(run.bytes)) }));
    if let Some(parent) = request.parent {
        all.push((
            words.text("run.parent"),
            html! {
                a href=(address(parent)) { (words.fill("run.title", &[("run", &parent)])) }
            },
        ));
    }
    if let Some(group) = request.group {
        all.push((
            words.text("run.group"),
            html! {
                a href={ "/imports/" (group) } { (words.text("import.together")) }
            },
        ));
    }
    facts(&all)
}

fn trigger(run: &RunEntry) -> &'static str {
    match run.request.trigger.as_str() {
        "schedule" => "run.triggered.schedule",
        "api" => "run.triggered.api",
        "push" => "run.triggered.push",
        "follow" => "run.triggered.follow",
        "switched on" => "run.triggered.switched-on",
        _ => "run.triggered.manual",
    }
}

/// The state, and what the worker will do at its next occasion.
fn state_and_wish(words: Words, run: &RunEntry) -> Markup {
    html! {
        (run_state(words, run.state))
        @if let Some(wanted) = run.wanted {
            " " span.quiet { (words.text(match wanted.as_str() {
                "cancel" => "run.wanted-cancel",
                _ => "run.wanted-pause",
            })) }
        }
    }
}

fn failed(words: Words, failure: &Failure) -> Markup {
    html! {
        section.card.alarm role="alert" {
            h2 { (words.text("run.failure")) }
            p { (failure.message) }
            @if let Some(url) = &failure.url { p { code { (url) } } }
            p.quiet {
                (words.text(if failure.at_source { "run.at-source" } else { "run.at-home" })) " "
                @if failure.transient { (words.text("run.transient")) }
            }
        }
    }
}

/// Deletions that a person agrees to, or not.
fn held_back(visitor: &Visitor, run: &RunEntry, held: &Held) -> Markup {
    let words = visitor.words;
    let what = [
        ("deletions", &words.number(held.deletions) as &dyn std::fmt::Display),
        ("live", &words.number(held.live)),
    ];
    let may = visitor.may(Permission::Approve);
    html! {
        section.card.caution {
            h2 { (words.text("run.held")) }
            p { (words.fill("run.held-what", &what)) }
            @match held.approved {
                Some(true) => p.quiet { (words.text("run.held-approved")) },
                Some(false) => p.quiet { (words.text("run.held-rejected")) },
                None if may => div.actions {
                    a #approve.button.danger href={ (address(run.id)) "/approve" } {
                        (words.text("run.action.approve"))
                    }
                    a #reject.button href={ (address(run.id)) "/reject" } {
                        (words.text("run.action.reject"))
                    }
                },
                None => p.quiet { (words.text("run.held-wait")) },
            }
        }
    }
}

/// What can be looked at further.
fn looked_at(words: Words, run: &RunEntry) -> Markup {
    let source = sources::in_path(run.request.source.as_str());
    let changes = run.counters.created + run.counters.updated + run.counters.deleted > 0;
    html! {
        div.actions {
            @if run.request.dry_run {
                a.button href={ (address(run.id)) "/differences" } {
                    (words.text("run.action.differences"))
                }
            } @else if changes && run.request.kind != RunKind::Audit {
                a.button href={ "/records?source=" (source) "&run=" (run.id) } {
                    (words.text("run.action.records"))
                }
            }
            @if run.counters.failed > 0 && !run.request.dry_run {
                a.button href={ "/failures?source=" (source) } {
                    (words.text("run.action.failures"))
                }
            }
        }
    }
}

/// What can be done about it once it is over, and what was: of a dry run, applying it.
async fn follow_ups(app: &App, words: Words, run: &RunEntry) -> Result<Markup, Problem> {
    if !decisions::is_to_apply(run) {
        return Ok(html! {});
    }
    let mut query = RunQuery::default();
    query.source = Some(run.request.source.clone());
    let runs = app.store.runs(&query).await?;
    let later = runs.into_iter().find(|later| later.request.parent == Some(run.id));
    Ok(html! {
        @if let Some(later) = later {
            p.notice {
                (words.text("run.applied-by")) " "
                a href=(address(later.id)) { (words.fill("run.title", &[("run", &later.id)])) }
            }
        }
    })
}
