//! What happened in a run.

use harvest_pipeline::store::{EventLevel, EventQuery, Page, RunEntry};
use maud::{Markup, html};
use url::form_urlencoded;

use super::address;
use crate::web::app::App;
use crate::web::parts::{Pager, Table, event_level, exact};
use crate::web::problem::Problem;
use crate::web::records;
use crate::words::Words;

/// So many events are shown at once.
const ON_A_PAGE: usize = 50;

/// Which events are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventsWanted<'a> {
    /// At least so serious; if it is no level, all but those that only help to find faults.
    pub(super) level: &'a str,
    pub(super) after: Option<i64>,
}

impl EventsWanted<'_> {
    /// As part of an address.
    pub(super) fn query(self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.level.is_empty() {
            query.append_pair("level", self.level);
        }
        if let Some(after) = self.after {
            query.append_pair("after", &after.to_string());
        }
        let query = query.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }

    fn level(self) -> EventLevel {
        self.level.parse().unwrap_or(EventLevel::Info)
    }
}

/// The events, with a choice of how serious they must be.
pub(super) async fn show(
    app: &App,
    words: Words,
    run: &RunEntry,
    wanted: EventsWanted<'_>,
) -> Result<Markup, Problem> {
    let mut query = EventQuery::default();
    query.run = Some(run.id);
    query.level = Some(wanted.level());
    query.page = Page::first(ON_A_PAGE + 1);
    if let Some(after) = wanted.after {
        query.page = query.page.after(after);
    }
    let mut events = app.store.events(&query).await?;
    let is_more = events.len() > ON_A_PAGE;
    events.truncate(ON_A_PAGE);
    let next = events.last().filter(|_| is_more).map(|event| event.id.to_string());
    let mut table = Table::new(words.text("run.events"))
        .column(words.text("event.time"))
        .column(words.text("event.level-of"))
        .column(words.text("event.what"));
    for stored in &events {
        let event = &stored.event;
        table.row(vec![
            exact(stored.time),
            event_level(words, event.level),
            html! {
                (event.message)
                div.detail {
                    (event.code)
                    @if let Some(record) = &event.scope.record {
                        " · " a href=(records::address(&run.request.source, record)) { (record) }
                    }
                    @if let Some(url) = &event.url { " · " (url) }
                }
            },
        ]);
    }
    let path = address(run.id);
    let pager = Pager::new(&path).filter("level", wanted.level);
    Ok(html! {
        (levels(words, run, wanted.level()))
        @if table.is_empty() { p.quiet { (words.text("event.none")) } }
        @else {
            (table.show())
            (pager.show(words, wanted.after.is_none(), next.as_deref()))
        }
    })
}

/// Links, so that they work without script and without a button.
fn levels(words: Words, run: &RunEntry, chosen: EventLevel) -> Markup {
    html! {
        nav.choices aria-label=(words.text("event.level-of")) {
            @for level in EventLevel::ALL {
                @let current = (level == chosen).then_some("true");
                a id={ "level-" (level) } href={ (address(run.id)) "?level=" (level) }
                    aria-current=[current] {
                    (words.text(&format!("event.from.{level}")))
                }
            }
        }
    }
}
