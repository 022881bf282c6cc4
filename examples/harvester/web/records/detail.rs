//! The page of one record: as it came, beside what was read of it.

use axum::extract::{Path, State};
use chrono::DateTime;
use harvest_pipeline::{RunId, SourceId, StoredRecord, StoredVersion};
use maud::{Markup, html};
use serde_json::Value;

use super::list::{state, title};
use super::{address, xml};
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Table, Tone, badge, card, facts, moment, tree};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;
use crate::web::{runs, sources};
use crate::words::Words;

/// The record, if the visitor may see its source: for others it is not there. What was harvested
/// without the admin system has no source there; whoever sees all sources sees it, too.
pub(super) async fn find(
    app: &App,
    visitor: &Visitor,
    source: &SourceId,
    identifier: &str,
) -> Result<StoredRecord, Problem> {
    if visitor.confined_to().is_some() {
        sources::find(app, visitor, source.as_str()).await?;
    }
    app.catalogue.find(source, identifier).await?.ok_or_else(Problem::not_found)
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path((source, identifier)): Path<(String, String)>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let source = SourceId::from(source);
    let record = find(&app, &visitor, &source, &identifier).await?;
    let versions = app.catalogue.versions(&source, &identifier).await?;
    let issues = versions.last().and_then(|present| issues(words, present.issues.as_deref()));
    let title = title(record.fields.as_deref());
    let body = html! {
        @if title.is_some() { p.quiet.identifier { (record.identifier) } }
        (card(words.text("record.provenance"), &provenance(words, &record)))
        @if let Some(issues) = issues { (card(words.text("record.issues"), &issues)) }
        div.beside {
            section.card {
                h2 { (words.text("record.raw")) }
                (raw(words, record.metadata.as_deref()))
                @for about in &record.abouts {
                    h3 { (words.text("record.about")) }
                    (raw(words, Some(about)))
                }
            }
            section.card {
                h2 { (words.text("record.parsed")) }
                (parsed(words, record.fields.as_deref()))
            }
        }
        (card(words.text("record.versions"), &history(words, &source, &identifier, &versions)))
    };
    let title = title.as_deref().unwrap_or(&record.identifier);
    Ok(layout::page(&visitor, title, Some(Section::Records), &body))
}

fn provenance(words: Words, record: &StoredRecord) -> Markup {
    let run = |run: i64| html! { a href=(runs::address(RunId(run))) { (run) } };
    let text = |text: &Option<String>| html! { (text.as_deref().unwrap_or_default()) };
    // As the server wrote it.
    let time = |time: &Option<String>| html! { @if let Some(time) = time { time { (time) } } };
    let mut all = vec![
        (words.text("source.status"), state(words, record.deleted)),
        (
            words.text("run.source"),
            html! { a href=(sources::address(&record.source)) { (record.source) } },
        ),
        (words.text("record.datestamp"), time(&record.datestamp)),
        (words.text("record.version"), text(&record.version)),
        (words.text("record.format"), text(&record.format)),
        (words.text("record.sets"), html! { (record.sets.join(", ")) }),
        (words.text("record.harvested"), arrived(&record.harvested)),
        (words.text("record.response-date"), time(&record.response_date)),
        (words.text("record.first-run"), run(record.first_run)),
        (words.text("record.last-run"), run(record.last_run)),
    ];
    all.retain(|(_, fact)| !fact.0.is_empty());
    html! {
        (facts(&all))
        @if let Some(url) = &record.request_url {
            p.detail.below { (words.text("record.request-url")) ": " code { (url) } }
        }
    }
}

/// When something arrived here.
fn arrived(time: &str) -> Markup {
    match DateTime::parse_from_rfc3339(time) {
        Ok(time) => moment(time.to_utc()),
        Err(_) => html! { (time) },
    }
}

fn raw(words: Words, metadata: Option<&str>) -> Markup {
    html! {
        @match metadata {
            Some(metadata) => pre.code tabindex="0" role="region"
                aria-label=(words.text("record.raw")) { (xml::pretty(metadata)) },
            None => p.quiet { (words.text("record.no-metadata")) },
        }
    }
}

fn parsed(words: Words, fields: Option<&str>) -> Markup {
    let fields = fields.and_then(|fields| serde_json::from_str::<Value>(fields).ok());
    html! {
        @match fields {
            Some(fields) => (tree(words, &fields)),
            None => p.quiet { (words.text("record.not-parsed")) },
        }
    }
}

/// What the parser found wrong; `None` if nothing.
fn issues(words: Words, issues: Option<&str>) -> Option<Markup> {
    let issues: Value = serde_json::from_str(issues?).ok()?;
    let issues = issues.as_array().filter(|issues| !issues.is_empty())?;
    let text = |issue: &Value, name: &str| issue[name].as_str().unwrap_or_default().to_owned();
    Some(html! {
        ul.plain {
            @for issue in issues {
                @let is_warning = text(issue, "level") == "warning";
                @let (tone, key) = if is_warning { (Tone::Warning, "record.warning") }
                    else { (Tone::Bad, "record.field-error") };
                li {
                    (badge(tone, words.text(key))) " "
                    code { (text(issue, "path")) } " " (text(issue, "message"))
                }
            }
        }
    })
}

/// The versions, newest first, each with a way to what changed.
fn history(
    words: Words,
    source: &SourceId,
    identifier: &str,
    versions: &[StoredVersion],
) -> Markup {
    let here = address(source, identifier);
    let mut table = Table::new(words.text("record.versions"))
        .number(words.text("record.version"))
        .column(words.text("source.status"))
        .column(words.text("record.harvested"))
        .column(words.text("record.datestamp"))
        .column(words.text("run.number"))
        .column(words.text("list.actions"));
    for (at, version) in versions.iter().enumerate().rev() {
        let before = at.checked_sub(1).and_then(|before| versions.get(before));
        table.row(vec![
            html! { (version.number) },
            state(words, version.deleted),
            arrived(&version.harvested),
            html! { (version.datestamp.as_deref().unwrap_or_default()) },
            html! { a href=(runs::address(version.run)) { (version.run) } },
            html! {
                @if let Some(before) = before {
                    a href={ (here) "/versions?from=" (before.number) "&to=" (version.number) } {
                        (words.text("record.what-changed"))
                    }
                }
            },
        ]);
    }
    table.show()
}
