//! Records that failed and did not come through since: to be fetched again, or forgotten.

use axum::Form;
use axum::extract::{Query, State};
use harvest_pipeline::store::{Page, Requested, RunKind, RunRequest, SourceQuery};
use harvest_pipeline::{SourceId, StoredError};
use maud::{Markup, html};
use serde::Deserialize;

use super::address;
use crate::accounts::Permission;
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::{self, csrf};
use crate::web::parts::{Pager, Table, card, nothing};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;
use crate::web::{runs, sources};

/// So many are shown.
const SHOWN: usize = 100;
/// So many sources of a site contact are looked at.
const OWN: usize = 1000;
/// So much is shown of what came instead of a record, in bytes.
const SHOWN_BODY: usize = 4000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    source: String,
    resolved: bool,
    /// The last of the page before: a source, or the key of a record of the one that is chosen.
    after: Option<String>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let source = wanted.source.trim();
    let body = html! {
        form.search role="search" action="/failures" {
            (sources::picker(&app, &visitor, source).await?)
            label.tick {
                input type="checkbox" name="resolved" value="true" checked[wanted.resolved];
                (words.text("failed.resolved-too"))
            }
            button { (words.text("list.show")) }
        }
        @if source.is_empty() { (overview(&app, &visitor, &wanted).await?) }
        @else { (of_source(&app, &visitor, &SourceId::from(source), &wanted).await?) }
    };
    Ok(layout::page(&visitor, words.text("failed.title"), Some(Section::Records), &body))
}

/// Which sources have some.
async fn overview(app: &App, visitor: &Visitor, wanted: &Wanted) -> Result<Markup, Problem> {
    let words = visitor.words;
    let mut table = Table::new(words.text("failed.title"))
        .column(words.text("run.source"))
        .number(words.text("source.errors"));
    let mut failing = failing(app, visitor, wanted).await?;
    let is_more = failing.len() > SHOWN;
    failing.truncate(SHOWN);
    for (source, errors) in &failing {
        table.row(vec![
            html! {
                a href={ "/failures?source=" (sources::in_path(source.as_str())) } { (source) }
            },
            html! { (words.number(*errors)) },
        ]);
    }
    let next = failing.last().filter(|_| is_more).map(|(last, _)| last.as_str());
    let pager = Pager::new("/failures");
    Ok(html! {
        @if table.is_empty() { (nothing(words.text("failed.none"), &html! {})) }
        @else {
            (table.show())
            (pager.show(words, wanted.after.is_none(), next))
        }
    })
}

/// The sources that have some, of those that the visitor may see, and how many; one more than are shown
/// if there are more.
async fn failing(
    app: &App,
    visitor: &Visitor,
    wanted: &Wanted,
) -> Result<Vec<(SourceId, u64)>, Problem> {
    let mut page = Page::first(SHOWN + 1);
    page.after = wanted.after.as_deref().map(SourceId::from);
    let Some(owner) = visitor.confined_to() else {
        return Ok(app.catalogue.failing(&page).await?);
    };
    let mut query = SourceQuery::default();
    query.owner = Some(owner.to_owned());
    query.page = page;
    query.page.limit = OWN;
    let mut failing = Vec::new();
    for source in app.store.sources(&query).await? {
        let id = source.definition.id;
        let summary = app.catalogue.summary(&id).await?;
        let errors = summary.map_or(0, |summary| summary.errors);
        if errors > 0 {
            failing.push((id, errors));
        }
    }
    Ok(failing)
}

async fn of_source(
    app: &App,
    visitor: &Visitor,
    source: &SourceId,
    wanted: &Wanted,
) -> Result<Markup, Problem> {
    let words = visitor.words;
    let known = sources::find(app, visitor, source.as_str()).await;
    if visitor.confined_to().is_some() {
        known.as_ref().map_err(Clone::clone)?;
    }
    let mut page = Page::first(SHOWN + 1);
    page.after.clone_from(&wanted.after);
    let mut errors = app.catalogue.list_errors(source, wanted.resolved, &page).await?;
    let is_more = errors.len() > SHOWN;
    errors.truncate(SHOWN);
    let next = errors.last().filter(|_| is_more).map(|last| last.key.as_str());
    let pager = Pager::new("/failures")
        .filter("source", source.as_str())
        .filter("resolved", if wanted.resolved { "true" } else { "" });
    let identifiers: Vec<_> =
        errors.iter().filter_map(|error| error.identifier.as_deref()).collect();
    let here = app.catalogue.known(source, &identifiers).await?;
    let is_here = |error: &StoredError| {
        error.identifier.as_ref().is_some_and(|identifier| here.contains_key(identifier))
    };
    let may = visitor.may(Permission::Run);
    let is_open = errors.iter().any(|error| !error.resolved);
    Ok(html! {
        @if errors.is_empty() { (nothing(words.text("failed.none"), &html! {})) }
        @else {
            @if may && is_open && known.is_ok() {
                form.runs method="post" action="/failures/replay" {
                    (csrf(visitor))
                    input type="hidden" name="source" value=(source);
                    button.primary { (words.text("failed.replay")) }
                    span.quiet { (words.text("failed.replay-hint")) }
                }
            }
            @for error in &errors { (card(&error.key, &one(visitor, source, error, is_here(error)))) }
            (pager.show(words, wanted.after.is_none(), next))
        }
    })
}

fn one(visitor: &Visitor, source: &SourceId, error: &StoredError, is_here: bool) -> Markup {
    let words = visitor.words;
    let may = visitor.may(Permission::Run);
    let stage = words.find(&format!("failed.stage.{}", error.stage)).unwrap_or(&error.stage);
    html! {
        p { (error.message) }
        p.detail {
            (stage) " · " (words.fill("failed.tries", &[("tries", &error.tries)]))
            @if error.resolved { " · " (words.text("failed.resolved")) }
            @if let Some(identifier) = error.identifier.as_deref().filter(|_| is_here) {
                " · " a href=(address(source, identifier)) { (words.text("record.here")) }
            }
        }
        @if let Some(body) = error.body.as_deref().filter(|body| !body.is_empty()) {
            details {
                summary { (words.text("record.raw")) }
                pre.code tabindex="0" {
                    (String::from_utf8_lossy(&body[..body.len().min(SHOWN_BODY)]))
                }
            }
        }
        @if may && !error.resolved {
            form method="post" action="/failures/dismiss" {
                (csrf(visitor))
                input type="hidden" name="source" value=(source);
                input type="hidden" name="key" value=(error.key);
                button aria-label={ (words.text("failed.dismiss")) ": " (error.key) } {
                    (words.text("failed.dismiss"))
                }
            }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    source: String,
    #[serde(default)]
    key: String,
}

/// Forgets that a record failed.
pub(super) async fn dismiss(
    State(app): State<App>,
    visitor: Visitor,
    Form(sent): Form<Sent>,
) -> Result<Done, Problem> {
    let source = SourceId::from(sent.source.as_str());
    if visitor.confined_to().is_some() {
        sources::find(&app, &visitor, source.as_str()).await?;
    }
    app.catalogue.dismiss_error(&source, &sent.key).await?;
    visitor.did(&app, "record.dismiss", format!("{source}: {}", sent.key)).await;
    let back = format!("/failures?source={}", sources::in_path(source.as_str()));
    Ok(Done::go(&app, back).saying("failure-dismissed"))
}

/// Asks for a run that fetches again what failed.
pub(super) async fn replay(
    State(app): State<App>,
    visitor: Visitor,
    Form(sent): Form<Sent>,
) -> Result<Done, Problem> {
    let source = sources::find(&app, &visitor, &sent.source).await?.definition.id;
    let mut request = RunRequest::new(source, RunKind::Replay);
    request.by = visitor.name();
    let requested = app.store.request_run(&request).await?;
    let done = Done::go(&app, runs::address(requested.run()));
    Ok(match requested {
        Requested::Queued(run) => {
            visitor.did(&app, "run.replay", &request.source).await;
            done.saying_of("run-queued", run)
        }
        Requested::AlreadyOpen(run) => done.saying_of("run-open", run),
    })
}
