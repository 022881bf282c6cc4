//! The list of runs, newest first.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use harvest_pipeline::store::{Page, RunEntry, RunQuery};
use harvest_pipeline::{RunId, RunState, SourceId};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded;

use super::{address, kind, length};
use crate::accounts::Permission;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Addresses, Live, Pager, Table, count, moment, nothing, run_state};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;
use crate::web::{sources, stream as events};
use crate::words::Words;

/// So many runs are on a page.
const ON_A_PAGE: usize = 50;

/// What is looked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    source: String,
    state: String,
    after: Option<i64>,
}

impl Wanted {
    fn query(&self, visitor: &Visitor) -> RunQuery {
        let mut query = RunQuery::default();
        let source = self.source.trim();
        query.source = (!source.is_empty()).then(|| SourceId::from(source));
        query.owner = visitor.confined_to().map(str::to_owned);
        query.states = match self.state.as_str() {
            "open" => RunState::ALL.into_iter().filter(|state| state.is_open()).collect(),
            state => RunState::ALL.into_iter().filter(|it| it.as_str() == state).collect(),
        };
        // One more tells whether there is another page.
        query.page = Page::first(ON_A_PAGE + 1);
        if let Some(after) = self.after {
            query.page = query.page.after(RunId(after));
        }
        query
    }

    fn address(&self, path: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("source", self.source.trim()).append_pair("state", &self.state);
        if let Some(after) = self.after {
            query.append_pair("after", &after.to_string());
        }
        format!("{path}?{}", query.finish())
    }
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let live = look(&app, &visitor, &wanted).await?;
    let (page, stream) = (wanted.address("/runs"), wanted.address("/runs/stream"));
    if visitor.wants_part {
        return Ok(live.asking(&page).into_response());
    }
    let body = html! {
        (search(&app, &visitor, &wanted).await?)
        (live.show(words, Addresses { page: &page, stream: &stream }))
    };
    let actions = html! {
        @if visitor.may(Permission::Run) {
            a.button.primary href="/imports" { (words.text("import.several")) }
        }
    };
    let section = Some(Section::Runs);
    let title = words.text("section.runs");
    Ok(layout::with_actions(&visitor, title, section, &actions, &body).into_response())
}

pub(super) async fn stream(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (watched, watcher) = (app.clone(), visitor.clone());
    let look = move || {
        let (app, visitor, wanted) = (app.clone(), visitor.clone(), wanted.clone());
        async move { look(&app, &visitor, &wanted).await }
    };
    events::follow(&watched, &watcher, None, look).await
}

/// The list as it is now. It goes on as long as one of the runs does.
async fn look(app: &App, visitor: &Visitor, wanted: &Wanted) -> Result<Live, Problem> {
    let words = visitor.words;
    let mut runs = app.store.runs(&wanted.query(visitor)).await?;
    let is_more = runs.len() > ON_A_PAGE;
    runs.truncate(ON_A_PAGE);
    let goes_on = runs.iter().any(|run| run.state.is_open());
    let next = runs.last().filter(|_| is_more).map(|last| last.id.to_string());
    let pager =
        Pager::new("/runs").filter("source", wanted.source.trim()).filter("state", &wanted.state);
    let markup = html! {
        @if runs.is_empty() {
            @if wanted.source.is_empty() && wanted.state.is_empty() {
                (nothing(words.text("source.no-runs"), &html! {}))
            } @else { (nothing(words.text("list.empty"), &html! {})) }
        } @else {
            (table(app, words, &runs))
            (pager.show(words, wanted.after.is_none(), next.as_deref()))
        }
    };
    Ok(Live { markup, goes_on })
}

fn table(app: &App, words: Words, runs: &[RunEntry]) -> Markup {
    let mut table = Table::new(words.text("section.runs"))
        .column(words.text("run.number"))
        .column(words.text("run.source"))
        .column(words.text("run.kind-of"))
        .column(words.text("source.status"))
        .number(words.text("run.records"))
        .number(words.text("run.counter.created"))
        .number(words.text("run.counter.updated"))
        .number(words.text("run.counter.deleted"))
        .number(words.text("run.counter.failed"))
        .column(words.text("run.started"))
        .dense();
    for run in runs {
        let counters = &run.counters;
        let number = |number| count(words, number);
        table.row(vec![
            html! { a href=(address(run.id)) { (run.id) } },
            html! { a href=(sources::address(&run.request.source)) { (run.request.source) } },
            kind(words, run),
            html! {
                (run_state(words, run.state))
                @if let Some(failure) = &run.failure { div.detail.short { (failure.message) } }
            },
            number(counters.total()),
            number(counters.created),
            number(counters.updated),
            number(counters.deleted),
            html! {
                @if counters.failed > 0 { span.error { (words.number(counters.failed)) } }
                @else { (count(words, 0)) }
            },
            html! {
                (moment(run.started.unwrap_or(run.queued)))
                @if let Some(length) = length(app, words, run) { div.detail { (length) } }
            },
        ]);
    }
    table.show()
}

async fn search(app: &App, visitor: &Visitor, wanted: &Wanted) -> Result<Markup, Problem> {
    let words = visitor.words;
    Ok(html! {
        form.search role="search" action="/runs" {
            (sources::picker(app, visitor, &wanted.source).await?)
            label { (words.text("source.status"))
                select name="state" {
                    option value="" { (words.text("list.all")) }
                    option value="open" selected[wanted.state == "open"] {
                        (words.text("run.open"))
                    }
                    @for state in RunState::ALL {
                        @let key = format!("run.state.{}", state.as_str().replace(' ', "-"));
                        option value=(state.as_str()) selected[wanted.state == state.as_str()] {
                            (words.text(&key))
                        }
                    }
                }
            }
            button { (words.text("list.show")) }
        }
    })
}
