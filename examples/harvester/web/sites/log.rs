//! The detail log: what was harvested from the own site, operation by operation.

use axum::extract::{Query, State};
use harvest_pipeline::Operation;
use harvest_pipeline::store::{EventLevel, EventQuery, Page, StoredEvent};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Step, owner, page as stepped, site_id};
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Pager, Table, Tone, badge, moment, nothing};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many entries are on a page.
const ON_A_PAGE: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// `on`: errors only.
    errors: String,
    after: Option<i64>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let mut query = EventQuery::default();
    query.source = Some(site_id(&owner(&visitor)?));
    query.level = (wanted.errors == "on").then_some(EventLevel::Error);
    query.page = Page::first(ON_A_PAGE + 1);
    query.page.after = wanted.after;
    let mut events = app.store.events(&query).await?;
    let is_more = events.len() > ON_A_PAGE;
    events.truncate(ON_A_PAGE);
    let next = events.last().filter(|_| is_more).map(|last| last.id.to_string());
    let pager = Pager::new("/sites/log").filter("errors", &wanted.errors);
    let body = html! {
        form.search action="/sites/log" {
            label.tick {
                input type="checkbox" name="errors" checked[wanted.errors == "on"];
                (words.text("site.errors-only"))
            }
            button { (words.text("list.show")) }
        }
        @if events.is_empty() { (nothing(words.text("site.no-log"), &html! {})) }
        @else {
            (table(words, &events))
            (pager.show(words, wanted.after.is_none(), next.as_deref()))
        }
        (operations(words))
    };
    Ok(stepped(&visitor, Step::Log, &body))
}

fn table(words: Words, events: &[StoredEvent]) -> Markup {
    let mut table = Table::new(words.text("site.step-log"))
        .number(words.text("resync.log-number"))
        .column(words.text("site.date"))
        .number(words.text("source.status"))
        .column(words.text("site.code"))
        .column(words.text("site.about"))
        .column(words.text("site.message"));
    for StoredEvent { id, time, event, .. } in events {
        let is_error = event.level == EventLevel::Error;
        let (tone, status) = if is_error { (Tone::Bad, "1") } else { (Tone::Good, "0") };
        table.row(vec![
            html! { (id) },
            moment(*time),
            badge(tone, status),
            html! { (event.code) },
            html! { (event.scope.record.as_deref().unwrap_or_default()) },
            html! {
                (event.message)
                @if let Some(url) = &event.url { div.detail { (url) } }
            },
        ]);
    }
    table.show()
}

/// What the codes mean.
fn operations(words: Words) -> Markup {
    html! {
        details.part {
            summary { (words.text("site.codes")) }
            dl.facts {
                @for operation in &Operation::ALL {
                    div { dt { (operation.code) " · " (operation.level) } dd { (operation.explanation) } }
                }
            }
        }
    }
}
