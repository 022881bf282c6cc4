//! The jobs of a source in ckanext-harvest's words: Reharvest, Stop, Clear, and the report of the last.

use std::collections::HashMap;

use axum::extract::{Path, State};
use harvest_pipeline::store::{EventLevel, EventQuery, Page, SourceEntry, SourceStatus};
use maud::{Markup, html};

use super::{address, find};
use crate::accounts::Permission;
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::parts::{Table, action};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

/// So many errors are counted.
const COUNTED: usize = 1000;
/// So many of the most frequent are shown.
const SHOWN: usize = 10;

/// What can be done, and what was wrong most often in the last job.
pub(super) async fn show(
    app: &App,
    visitor: &Visitor,
    source: &SourceEntry,
) -> Result<Markup, Problem> {
    let words = visitor.words;
    let address = address(&source.definition.id);
    let is_off = matches!(source.definition.status, SourceStatus::Draft | SourceStatus::Archived);
    let frequent = frequent_errors(app, source).await?;
    let button = |to: &str, sends: (&str, &str), key: &str| {
        action(visitor, &format!("{address}/{to}"), sends, words.text(key))
    };
    Ok(html! {
        @if visitor.may(Permission::Run) && !is_off {
            div.actions {
                @if source.open_run.is_some() { (button("stop", ("do", "stop"), "job.stop")) }
                @else {
                    (button("run", ("ask", "harvest"), "job.reharvest"))
                    (button("clear", ("do", "clear"), "job.clear"))
                }
            }
            p.hint { (words.text("job.clear-what")) }
        }
        @if frequent.is_empty() { p.quiet { (words.text("job.no-errors")) } }
        @else {
            @let table = {
                let mut table = Table::new(words.text("job.frequent"))
                    .number(words.text("job.count"))
                    .column(words.text("site.message"));
                for (message, count) in frequent {
                    table.row(vec![html! { (words.number(count)) }, html! { (message) }]);
                }
                table
            };
            h3 { (words.text("job.frequent")) }
            (table.show())
        }
    })
}

/// The errors of the last job, the most frequent first.
async fn frequent_errors(app: &App, source: &SourceEntry) -> Result<Vec<(String, u64)>, Problem> {
    let Some(run) = source.last_run else { return Ok(Vec::new()) };
    let mut query = EventQuery::default();
    query.run = Some(run);
    query.level = Some(EventLevel::Error);
    query.page = Page::first(COUNTED);
    let mut counts: HashMap<String, u64> = HashMap::new();
    for stored in app.store.events(&query).await? {
        *counts.entry(stored.event.message).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(SHOWN);
    Ok(counts)
}

/// Stops the job that goes on.
pub(super) async fn stop(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Done, Problem> {
    let source = find(&app, &visitor, &id).await?;
    let done = Done::go(&app, address(&source.definition.id));
    let Some(run) = source.open_run else { return Ok(done.saying("job-none")) };
    app.store.cancel_run(run).await?;
    visitor.did(&app, "run.cancel", run).await;
    Ok(done.saying_of("job-stopped", run))
}

/// Forgets how far the harvests have come: the next one fetches everything.
pub(super) async fn clear(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Done, Problem> {
    let source = find(&app, &visitor, &id).await?;
    app.store.set_checkpoint(&source.definition.id, None).await?;
    visitor.did(&app, "source.clear", &source.definition.id).await;
    Ok(Done::go(&app, address(&source.definition.id)).saying("job-cleared"))
}
