//! The list of sources.

use std::collections::HashMap;

use axum::extract::{Query, State};
use harvest_pipeline::store::{Page, RunEntry, RunQuery, SourceEntry, SourceQuery, SourceStatus};
use harvest_pipeline::{RunId, SourceId};
use maud::{Markup, html};
use serde::Deserialize;

use super::{address, kind_title, schedule};
use crate::accounts::Permission;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Pager, Table, moment_or, nothing, run_state, source_status};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;

/// So many sources are on a page.
const ON_A_PAGE: usize = 50;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    text: String,
    status: String,
    kind: String,
    after: Option<String>,
}

impl Wanted {
    fn query(&self, visitor: &Visitor) -> SourceQuery {
        let mut query = SourceQuery::default();
        let text = self.text.trim();
        query.text = (!text.is_empty()).then(|| text.to_owned());
        query.status = self.status.parse().ok();
        query.kind = (!self.kind.is_empty()).then(|| self.kind.clone());
        query.owner = visitor.confined_to().map(str::to_owned);
        // One more tells whether there is another page.
        query.page = Page::first(ON_A_PAGE + 1);
        if let Some(after) = &self.after {
            query.page = query.page.after(SourceId::from(after.as_str()));
        }
        query
    }

    fn is_all(&self) -> bool {
        self.text.trim().is_empty() && self.status.is_empty() && self.kind.is_empty()
    }
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let query = wanted.query(&visitor);
    let mut sources = app.store.sources(&query).await?;
    let total = app.store.count_sources(&query).await?;
    let is_more = sources.len() > ON_A_PAGE;
    sources.truncate(ON_A_PAGE);
    let next =
        sources.last().filter(|_| is_more).map(|last| last.definition.id.as_str().to_owned());
    let last_runs = last_runs(&app, &sources).await?;

    let mut table = Table::new(words.text("section.sources"))
        .column(words.text("source.name"))
        .column(words.text("source.kind"))
        .column(words.text("source.status"))
        .column(words.text("source.schedule"))
        .column(words.text("source.last-run"))
        .column(words.text("source.next-due"));
    for source in &sources {
        let last = source.last_run.and_then(|run| last_runs.get(&run));
        table.row(row(&app, &visitor, source, last));
    }
    let pager = Pager::new("/sources")
        .filter("text", wanted.text.trim())
        .filter("status", &wanted.status)
        .filter("kind", &wanted.kind);
    let body = html! {
        (search(&app, &visitor, &wanted))
        @if table.is_empty() && wanted.is_all() && wanted.after.is_none() {
            (nothing(words.text("source.none"), &html! { p { (words.text("source.begin")) } }))
        } @else if table.is_empty() {
            (nothing(words.text("list.empty"), &html! {}))
        } @else {
            p.quiet aria-live="polite" {
                (words.fill("list.of", &[
                    ("shown", &words.number(sources.len() as u64)),
                    ("total", &words.number(total)),
                ]))
            }
            (table.show())
            (pager.show(words, wanted.after.is_none(), next.as_deref()))
        }
    };
    let actions = html! {
        @if visitor.may(Permission::Run) {
            a.button href="/imports" { (words.text("import.several")) }
        }
        @if visitor.may(Permission::EditSources) {
            a.button.primary href="/sources/new" { (words.text("source.new")) }
        }
    };
    let section = Some(Section::Sources);
    Ok(layout::with_actions(&visitor, words.text("section.sources"), section, &actions, &body))
}

/// The last run of each source that has one.
async fn last_runs(
    app: &App,
    sources: &[SourceEntry],
) -> Result<HashMap<RunId, RunEntry>, Problem> {
    let mut query = RunQuery::default();
    query.ids = sources.iter().filter_map(|source| source.last_run).collect();
    if query.ids.is_empty() {
        return Ok(HashMap::new());
    }
    query.page = Page::first(query.ids.len());
    let runs = app.store.runs(&query).await?;
    Ok(runs.into_iter().map(|run| (run.id, run)).collect())
}

fn row(app: &App, visitor: &Visitor, source: &SourceEntry, last: Option<&RunEntry>) -> Vec<Markup> {
    let words = visitor.words;
    let definition = &source.definition;
    vec![
        html! {
            a href=(address(&definition.id)) { (definition.title) }
            @if let Some(url) = definition.url() { div.detail { (url) } }
        },
        html! { (kind_title(app, words, &definition.kind)) },
        source_status(words, definition.status),
        html! { (schedule::text(words, &definition.schedule)) },
        html! {
            @if let Some(run) = last {
                (run_state(words, run.state))
                div.detail { (moment_or(run.ended.or(run.started).or(Some(run.queued)), "")) }
            } @else { span.quiet { (words.text("time.never")) } }
        },
        moment_or(source.next_due, words.text("time.never")),
    ]
}

fn search(app: &App, visitor: &Visitor, wanted: &Wanted) -> Markup {
    let words = visitor.words;
    html! {
        form.search role="search" action="/sources" {
            label { (words.text("list.search"))
                input type="search" name="text" value=(wanted.text); }
            label { (words.text("source.status"))
                select name="status" {
                    option value="" { (words.text("list.all")) }
                    @for status in SourceStatus::ALL {
                        option value=(status.as_str()) selected[wanted.status == status.as_str()] {
                            (words.text(&format!("source.status-name.{}", status.as_str())))
                        }
                    }
                }
            }
            label { (words.text("source.kind"))
                select name="kind" {
                    option value="" { (words.text("list.all")) }
                    @for kind in app.registry.kinds() {
                        option value=(kind.name()) selected[wanted.kind == kind.name()] {
                            (kind_title(app, words, kind.name()))
                        }
                    }
                }
            }
            button { (words.text("list.show")) }
        }
    }
}
