//! Several sources at once: which, and how far each is.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use harvest_pipeline::RunState;
use harvest_pipeline::SourceId;
use harvest_pipeline::store::{
    Page, Requested, RunEntry, RunKind, RunQuery, RunRequest, SourceQuery, SourceStatus, StoreError,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{address, processed};
use crate::accounts::Permission;
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::{self, csrf};
use crate::web::parts::{Addresses, Live, Pager, Table, nothing, run_state};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::sources::{self, Typed};
use crate::web::stream as events;
use crate::web::visitor::Visitor;

/// So many sources are offered on a page, and so many are started at once.
const AT_ONCE: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    text: String,
    after: Option<String>,
    /// Whether all that are shown are ticked.
    all: bool,
}

/// The sources to choose from.
pub(super) async fn choose(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let mut query = SourceQuery::default();
    let text = wanted.text.trim();
    query.text = (!text.is_empty()).then(|| text.to_owned());
    query.status = Some(SourceStatus::Active);
    query.owner = visitor.confined_to().map(str::to_owned);
    query.page = Page::first(AT_ONCE + 1);
    if let Some(after) = &wanted.after {
        query.page = query.page.after(SourceId::from(after.as_str()));
    }
    let mut found = app.store.sources(&query).await?;
    let is_more = found.len() > AT_ONCE;
    found.truncate(AT_ONCE);
    let next = found.last().filter(|_| is_more).map(|last| last.definition.id.as_str().to_owned());
    let mut table = Table::new(words.text("section.sources"))
        .column(words.text("import.chosen"))
        .column(words.text("source.name"))
        .column(words.text("source.kind"))
        .column(words.text("source.description"))
        .column(words.text("source.licence"));
    for source in &found {
        let definition = &source.definition;
        let id = definition.id.as_str();
        table.row(vec![
            html! {
                input type="checkbox" name="source" value=(id) checked[wanted.all]
                    disabled[source.open_run.is_some()] aria-label=(definition.title);
            },
            html! {
                a href=(sources::address(&definition.id)) { (definition.title) }
                @if let Some(run) = source.open_run {
                    div.detail { a href=(address(run)) {
                        (words.fill("import.open", &[("run", &run)]))
                    } }
                }
            },
            html! { (sources::kind_title(&app, words, &definition.kind)) },
            html! { div.detail { (definition.description) } },
            html! { (definition.licence) },
        ]);
    }
    let pager = Pager::new("/imports").filter("text", text);
    let body = html! {
        form.search role="search" action="/imports" {
            label { (words.text("list.search"))
                input type="search" name="text" value=(wanted.text); }
            button { (words.text("list.show")) }
            button name="all" value="true" { (words.text("import.all")) }
        }
        @if table.is_empty() { (nothing(words.text("list.empty"), &html! {})) }
        @else {
            form.chosen method="post" action="/imports" {
                (csrf(&visitor))
                (table.show())
                div.buttons { button.primary { (words.text("import.start")) } }
            }
            (pager.show(words, wanted.after.is_none(), next.as_deref()))
        }
    };
    Ok(layout::page(&visitor, words.text("import.several"), Some(Section::Runs), &body))
}

/// Asks for a harvest of each source that was ticked.
pub(super) async fn start(
    State(app): State<App>,
    visitor: Visitor,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Done, Problem> {
    let typed = Typed::from(fields);
    // Those of others are not there.
    let mut chosen = Vec::new();
    for id in typed.all("source").take(AT_ONCE) {
        chosen.push(sources::find(&app, &visitor, id).await?.definition.id);
    }
    if chosen.is_empty() {
        return Ok(Done::go(&app, "/imports").saying("import-none"));
    }
    let group = app.store.now().await?.timestamp_micros();
    let mut queued = 0_usize;
    for source in chosen {
        let mut request = RunRequest::new(source, RunKind::Harvest);
        request.by = visitor.name();
        request.group = Some(group);
        match app.store.request_run(&request).await {
            Ok(Requested::Queued(_)) => {
                queued += 1;
                visitor.did(&app, "run.harvest", &request.source).await;
            }
            // It runs, or was put to rest meanwhile: the others begin all the same.
            Ok(Requested::AlreadyOpen(_)) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if queued == 0 {
        return Ok(Done::go(&app, "/imports").saying("import-open"));
    }
    Ok(Done::go(&app, format!("/imports/{group}")).saying_of("import-queued", queued))
}

/// How far each is.
pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(group): Path<i64>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let live = look(&app, &visitor, group).await?;
    let page = format!("/imports/{group}");
    if visitor.wants_part {
        return Ok(live.asking(&page).into_response());
    }
    let stream = format!("{page}/stream");
    let body = live.show(words, Addresses { page: &page, stream: &stream });
    let title = words.text("import.together");
    Ok(layout::page(&visitor, title, Some(Section::Runs), &body).into_response())
}

pub(super) async fn stream(
    State(app): State<App>,
    visitor: Visitor,
    Path(group): Path<i64>,
) -> Result<Response, Problem> {
    let (watched, watcher) = (app.clone(), visitor.clone());
    let look = move || {
        let (app, visitor) = (app.clone(), visitor.clone());
        async move { look(&app, &visitor, group).await }
    };
    events::follow(&watched, &watcher, None, look).await
}

async fn look(app: &App, visitor: &Visitor, group: i64) -> Result<Live, Problem> {
    let mut query = RunQuery::default();
    query.group = Some(group);
    query.owner = visitor.confined_to().map(str::to_owned);
    query.page = Page::first(AT_ONCE);
    let mut runs = app.store.runs(&query).await?;
    if runs.is_empty() {
        return Err(Problem::not_found());
    }
    runs.reverse();
    let markup = html! { ul.imports { @for run in &runs { (row(visitor, group, run)) } } };
    Ok(Live { markup, goes_on: runs.iter().any(|run| run.state.is_open()) })
}

fn row(visitor: &Visitor, group: i64, run: &RunEntry) -> Markup {
    let words = visitor.words;
    let here = address(run.id);
    // As the source was called when the run was asked for.
    let title = run.settings["title"].as_str().unwrap_or(run.request.source.as_str());
    let is_stoppable =
        matches!(run.state, RunState::Queued | RunState::Running | RunState::Suspended);
    html! {
        li.card {
            div.import-head {
                h2 { a href=(here) { (title) } }
                (run_state(words, run.state))
                @if is_stoppable && visitor.may(Permission::Run) {
                    form.inline method="post" action={ (here) "/cancel" } {
                        (csrf(visitor))
                        input type="hidden" name="back" value={ "/imports/" (group) };
                        button.danger id={ "cancel-" (run.id) }
                            aria-label={ (words.text("run.action.cancel")) ": " (title) } {
                            (words.text("run.action.cancel"))
                        }
                    }
                }
            }
            (processed(words, run))
            @if run.counters.failed > 0 {
                p.error {
                    (words.text("run.counter.failed")) ": " (words.number(run.counters.failed))
                }
            }
            @if let Some(failure) = &run.failure { p.error { (failure.message) } }
        }
    }
}
