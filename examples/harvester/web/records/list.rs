//! Looking for records.

use axum::extract::{Query, State};
use harvest_pipeline::store::Page;
use harvest_pipeline::{RecordQuery, RunId, SourceId, StoredRecord};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::address;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Pager, Table, Tone, badge, nothing};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::sources;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many records are on a page.
const ON_A_PAGE: usize = 50;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    text: String,
    source: String,
    state: String,
    run: Option<i64>,
    /// The last record of the page before: its source, and on the next line its identifier.
    after: Option<String>,
}

impl Wanted {
    fn query(&self) -> RecordQuery {
        let mut query = RecordQuery::default();
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        query.text = some(&self.text);
        query.source = some(&self.source).map(SourceId::from);
        query.run = self.run.map(RunId);
        query.deleted = match self.state.as_str() {
            "live" => Some(false),
            "deleted" => Some(true),
            _ => None,
        };
        // One more tells whether there is another page.
        query.page = Page::first(ON_A_PAGE + 1);
        let after = self.after.as_deref().and_then(|after| after.split_once('\n'));
        if let Some((source, identifier)) = after {
            query.page = query.page.after((SourceId::from(source), identifier.to_owned()));
        }
        query
    }
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let query = wanted.query();
    // Site contacts see records of a source of theirs, or none.
    let mut records = match (&query.source, visitor.confined_to()) {
        (Some(source), Some(_)) => {
            sources::find(&app, &visitor, source.as_str()).await?;
            app.catalogue.list(&query).await?
        }
        (None, Some(_)) => Vec::new(),
        (_, None) => app.catalogue.list(&query).await?,
    };
    let is_more = records.len() > ON_A_PAGE;
    records.truncate(ON_A_PAGE);
    let next = records.last().filter(|_| is_more);
    let next = next.map(|last| format!("{}\n{}", last.source, last.identifier));
    let run = wanted.run.map(|run| run.to_string()).unwrap_or_default();
    let pager = Pager::new("/records")
        .filter("text", wanted.text.trim())
        .filter("source", wanted.source.trim())
        .filter("state", &wanted.state)
        .filter("run", &run);
    let must_choose = visitor.confined_to().is_some() && query.source.is_none();
    let body = html! {
        (search(&app, &visitor, &wanted).await?)
        @if must_choose { (nothing(words.text("record.choose"), &html! {})) }
        @else if records.is_empty() { (nothing(words.text("list.empty"), &html! {})) }
        @else {
            (table(words, &records))
            (pager.show(words, wanted.after.is_none(), next.as_deref()))
        }
    };
    let actions = html! { a.button href="/failures" { (words.text("failed.title")) } };
    let section = Some(Section::Records);
    Ok(layout::with_actions(&visitor, words.text("section.records"), section, &actions, &body))
}

fn table(words: Words, records: &[StoredRecord]) -> Markup {
    let mut table = Table::new(words.text("section.records"))
        .column(words.text("record.title"))
        .column(words.text("run.source"))
        .column(words.text("source.status"))
        .column(words.text("record.datestamp"))
        .column(words.text("record.format"))
        .column(words.text("record.sets"));
    for record in records {
        let title = title(record.fields.as_deref());
        table.row(vec![
            html! {
                a href=(address(&record.source, &record.identifier)) {
                    (title.as_deref().unwrap_or(&record.identifier))
                }
                @if title.is_some() { div.detail { (record.identifier) } }
            },
            html! { a href=(sources::address(&record.source)) { (record.source) } },
            state(words, record.deleted),
            html! { span.nowrap { (record.datestamp.as_deref().unwrap_or_default()) } },
            html! { (record.format.as_deref().unwrap_or_default()) },
            html! { div.detail { (record.sets.join(", ")) } },
        ]);
    }
    table.show()
}

/// Whether a record is there, or a tombstone.
pub(super) fn state(words: Words, deleted: bool) -> Markup {
    if deleted {
        badge(Tone::Quiet, words.text("record.deleted"))
    } else {
        badge(Tone::Good, words.text("record.live"))
    }
}

/// The title that was read, if one was.
pub(in crate::web) fn title(fields: Option<&str>) -> Option<String> {
    let fields: Value = serde_json::from_str(fields?).ok()?;
    let text = &fields["titles"][0]["text"];
    let title = text.as_str().or_else(|| text["value"].as_str())?;
    (!title.is_empty()).then(|| title.to_owned())
}

async fn search(app: &App, visitor: &Visitor, wanted: &Wanted) -> Result<Markup, Problem> {
    let words = visitor.words;
    Ok(html! {
        form.search role="search" action="/records" {
            label { (words.text("list.search"))
                input type="search" name="text" value=(wanted.text); }
            (sources::picker(app, visitor, &wanted.source).await?)
            label { (words.text("source.status"))
                select name="state" {
                    option value="" { (words.text("list.all")) }
                    @for state in ["live", "deleted"] {
                        option value=(state) selected[wanted.state == state] {
                            (words.text(&format!("record.{state}")))
                        }
                    }
                }
            }
            @if let Some(run) = wanted.run {
                label { (words.text("record.of-run"))
                    input name="run" inputmode="numeric" value=(run); }
            }
            button { (words.text("list.show")) }
        }
    })
}
