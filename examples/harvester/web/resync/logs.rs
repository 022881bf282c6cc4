//! The running logs of a record: its runs in WEKO's words.

use axum::extract::{Path, State};
use harvest_pipeline::RunState;
use harvest_pipeline::store::{Page, RunEntry, RunKind, RunQuery, SourceEntry};
use maud::{Markup, html};

use super::list::link;
use super::{address, find};
use crate::web::app::App;
use crate::web::parts::{Table, Tone, badge, moment_or};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many logs are shown.
const SHOWN: usize = 50;

/// The logs anew, for a page that waits for one to end.
pub(super) async fn part(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Markup, Problem> {
    let source = find(&app, &visitor, &id).await?;
    show(&app, &visitor, &source).await
}

/// The logs, newest first. While one has no end they are fetched anew every three seconds; a page
/// that is left fetches nothing.
pub(super) async fn show(
    app: &App,
    visitor: &Visitor,
    source: &SourceEntry,
) -> Result<Markup, Problem> {
    let words = visitor.words;
    let id = &source.definition.id;
    let mut query = RunQuery::default();
    query.source = Some(id.clone());
    query.page = Page::first(SHOWN);
    let runs = app.store.runs(&query).await?;
    let is_open = runs.iter().any(|run| run.ended.is_none());
    let again = is_open.then(|| format!("{}/logs", address(id)));
    let mut table = Table::new(words.text("resync.logs"))
        .number(words.text("resync.log-number"))
        .column(words.text("resync.log-start"))
        .column(words.text("resync.log-end"))
        .column(words.text("resync.status"))
        .column(words.text("resync.log-type"))
        .number(words.text("resync.log-processed"))
        .number(words.text("resync.log-created"))
        .number(words.text("resync.log-updated"))
        .number(words.text("resync.log-deleted"))
        .number(words.text("resync.log-errors"))
        .column(words.text("resync.log-message"));
    for run in &runs {
        table.row(row(words, run));
    }
    Ok(html! {
        div #logs aria-live="polite" hx-get=[again.as_deref()]
            hx-trigger=[is_open.then_some("every 3s")] hx-swap=[is_open.then_some("outerHTML")] {
            @if table.is_empty() { p.quiet { (words.text("resync.no-logs")) } }
            @else { (table.show()) }
        }
    })
}

fn row(words: Words, run: &RunEntry) -> Vec<Markup> {
    let counters = &run.counters;
    let number = |count: u64| html! { (words.number(count)) };
    let log_type = match run.request.kind {
        RunKind::Import => "import",
        _ => "sync",
    };
    vec![
        html! { (run.id) },
        moment_or(Some(run.started.unwrap_or(run.queued)), ""),
        moment_or(run.ended, ""),
        status(words, run),
        html! { (log_type) },
        number(counters.total()),
        number(counters.created),
        number(counters.updated),
        number(counters.deleted),
        number(counters.failed),
        html! {
            @if let Some(failure) = &run.failure {
                (failure.message)
                @if let Some(url) = &failure.url { div.detail { (link(url)) } }
            }
        },
    ]
}

/// WEKO has three words.
fn status(words: Words, run: &RunEntry) -> Markup {
    match run.state {
        RunState::Succeeded | RunState::SucceededWithErrors => {
            badge(Tone::Good, words.text("resync.log-successful"))
        }
        RunState::Failed | RunState::Cancelled => badge(Tone::Bad, words.text("resync.log-failed")),
        _ => badge(Tone::Busy, words.text("resync.log-running")),
    }
}
