//! Trying a harvest list and its documents, as a harvest would, and keeping nothing.

use std::time::Duration;

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use harvest_pipeline::{DocumentListSource, Operation, RecordError, RunError, Source};
use maud::{Markup, html};
use oai_pmh::transport::HttpTransport;
use serde::Deserialize;
use url::Url;

use super::registration::registered;
use super::{Step, page as stepped};
use crate::web::app::App;
use crate::web::layout::csrf;
use crate::web::parts::form::{Errors, Field, holds_credentials};
use crate::web::parts::{Table, Tone, badge};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many documents are tried.
const TRIED: usize = 50;
/// So long a page waits for a site.
const PATIENCE: Duration = Duration::from_secs(20);
/// How the formats of documents that Metacat takes are called.
const EML: &str = "eml";

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    code: &'static str,
    about: String,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    list: String,
}

pub(super) async fn page(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let site = registered(&app, &visitor).await?;
    let list = site.and_then(|site| site.definition.url().map(str::to_owned)).unwrap_or_default();
    Ok(show(&visitor, &list, None, &Errors::none()))
}

pub(super) async fn check(
    State(app): State<App>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let url = match address(words, &typed.list) {
        Ok(url) => url,
        Err(message) => {
            let mut errors = Errors::none();
            errors.add("list", message);
            return Ok(show(&visitor, &typed.list, None, &errors));
        }
    };
    let findings = tokio::time::timeout(PATIENCE, examine(&url, transport(&app)?)).await;
    let findings = findings.unwrap_or_else(|_| {
        let message = words.fill("site.check-slow", &[("seconds", &PATIENCE.as_secs())]);
        vec![Finding { code: "GetHarvestListError", about: url.to_string(), message }]
    });
    Ok(show(&visitor, &typed.list, Some(&findings), &Errors::none()))
}

/// The address of a list that was typed.
///
/// # Errors
/// What is wrong with it.
pub(super) fn address(words: Words, typed: &str) -> Result<Url, String> {
    if typed.trim().is_empty() {
        return Err(words.text("site.no-list").to_owned());
    }
    let url = Url::parse(typed.trim()).ok();
    if url.as_ref().is_some_and(holds_credentials) {
        return Err(words.text("form.url-credentials").to_owned());
    }
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| words.fill("form.url", &[("field", &words.text("site.list"))]))
}

/// The way to addresses that somebody typed in.
pub(super) fn transport(app: &App) -> Result<HttpTransport, Problem> {
    let transport = HttpTransport::builder().reach(app.reach.clone()).total_timeout(PATIENCE);
    transport.build().map_err(Problem::unavailable)
}

/// Reads the list and its first documents.
async fn examine(url: &Url, transport: HttpTransport) -> Vec<Finding> {
    let source = DocumentListSource::new(url.clone(), transport);
    let mut batches = source.batches(None);
    let mut findings = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                findings.push(of_list(url, &error));
                return findings;
            }
        };
        if findings.is_empty() {
            findings.push(Finding::new("ValidateHarvestListSuccess", url.as_str()));
        }
        for item in batch.items {
            if findings.len() > TRIED {
                return findings;
            }
            findings.push(match item {
                Ok(item) => {
                    let name = match &item.version {
                        Some(revision) => format!("{}.{revision}", item.identifier),
                        None => item.identifier.clone(),
                    };
                    let format = item.payload().map_or("", |payload| &payload.format);
                    match format == EML {
                        true => Finding::new("ValidateDocSuccess", &name),
                        false => Finding {
                            message: format!("the document is no EML, but {format}"),
                            ..Finding::new("ValidateDocError", &name)
                        },
                    }
                }
                Err(error) => of_document(&error),
            });
        }
    }
    findings
}

impl Finding {
    fn new(code: &'static str, about: &str) -> Self {
        Self { code, about: about.to_owned(), message: String::new() }
    }

    /// The key of what the usual cause is.
    fn hint(&self) -> Option<&'static str> {
        Some(match self.code {
            "GetDocError" => "site.hint-document-url",
            "ValidateHarvestListError" => "site.hint-list",
            "GetHarvestListError" => "site.hint-list-url",
            "ValidateDocError" => "site.hint-document",
            _ => return None,
        })
    }

    fn is_error(&self) -> bool {
        self.hint().is_some()
    }
}

fn of_list(url: &Url, error: &RunError) -> Finding {
    let (code, message) = told(error.message(), "GetHarvestListError");
    Finding { code, about: error.url().unwrap_or(url.as_str()).to_owned(), message }
}

fn of_document(error: &RecordError) -> Finding {
    let (code, message) = told(&error.message, "GetDocError");
    Finding { code, about: error.identifier.clone().unwrap_or_default(), message }
}

/// The operation that a message begins with, and the rest of it.
fn told(message: &str, otherwise: &'static str) -> (&'static str, String) {
    match Operation::of_message(message) {
        Some((operation, rest)) => (operation.code, rest.to_owned()),
        None => (otherwise, message.to_owned()),
    }
}

fn show(visitor: &Visitor, list: &str, findings: Option<&[Finding]>, errors: &Errors) -> Response {
    let words = visitor.words;
    let body = html! {
        p.quiet { (words.text("site.check-what")) }
        (errors.summary(words))
        form.card.wide method="post" action="/sites/check" {
            (csrf(visitor))
            (Field::url("list", words.text("site.list")).required().value(list)
                .show(words, errors))
            button.primary { (words.text("site.check")) }
        }
        @if let Some(findings) = findings { (result(words, findings)) }
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    (status, stepped(visitor, Step::Check, &body)).into_response()
}

fn result(words: Words, findings: &[Finding]) -> Markup {
    let failed = findings.iter().filter(|finding| finding.is_error()).count();
    let mut table = Table::new(words.text("site.check"))
        .column(words.text("source.status"))
        .column(words.text("site.about"))
        .column(words.text("site.code"))
        .column(words.text("site.message"));
    for finding in findings {
        let (tone, key) = match finding.is_error() {
            true => (Tone::Bad, "site.bad"),
            false => (Tone::Good, "site.good"),
        };
        table.row(vec![
            badge(tone, words.text(key)),
            html! { (finding.about) },
            html! { (finding.code) },
            html! {
                (finding.message)
                @if let Some(hint) = finding.hint() { div.detail { (words.text(hint)) } }
            },
        ]);
    }
    html! {
        div role="status" {
            @match failed {
                0 => p.lead { (words.text("site.check-sound")) },
                _ => p.lead { (words.fill("site.check-failed", &[("count", &failed)])) },
            }
            @if findings.len() > TRIED {
                p.quiet { (words.fill("site.check-most", &[("count", &TRIED)])) }
            }
        }
        (table.show())
    }
}
