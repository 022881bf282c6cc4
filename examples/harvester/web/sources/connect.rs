//! The button Connect: what is at the address that was typed, taken over into the form.

use harvest_pipeline::store::SourceDefinition;
use harvest_pipeline::{Kind, SignIn, secrets};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::form::SourceForm;
use super::options::{address, field_name};
use super::settled::settle;
use super::typed::Typed;
use super::{kind_title, kinds};
use crate::connect::{Choice, Failed, Found, connect as ask};
use crate::web::app::App;
use crate::web::parts::form::Errors;
use crate::web::parts::{Table, facts};
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many formats, sets and documents are named; all of them can be chosen.
const NAMED: usize = 12;
/// What is chosen where there is a choice of formats.
const USUAL_FORMAT: &str = "oai_dc";

/// Asks the address that was typed, and fills in what can be told from its answers.
pub(super) async fn connect(form: &mut SourceForm<'_>, typed: &mut Typed) -> Errors {
    let mut errors = Errors::none();
    match found(form, typed).await {
        Ok(found) => {
            take_over(form.app, form.visitor, &found, typed);
            form.found = Some(found);
        }
        Err((option, message)) => errors.add(field_name(&option), message),
    }
    errors
}

/// What is there; or else the option that is wrong, and why.
async fn found(form: &SourceForm<'_>, typed: &Typed) -> Result<Found, (String, String)> {
    let (app, visitor, words) = (form.app, form.visitor, form.visitor.words);
    let at_url = |message: String| ("url".to_owned(), message);
    let kind = kinds(app, visitor).find(|kind| kind.name() == typed.get("kind"));
    let kind = kind.filter(|kind| kind.signs_in()).ok_or_else(|| {
        at_url(words.fill("form.choice", &[("field", &words.text("source.kind"))]))
    })?;
    let url =
        address(words, words.text("option.url"), typed.get(&field_name("url"))).map_err(at_url)?;
    let sign_in = sign_in(form, kind, typed)?;
    let found = ask(&url, &sign_in, app.reach.clone()).await;
    found.map_err(|failed| at_url(told(words, &failed)))
}

/// How to sign in: as it was typed, and with what is kept secret for the same place.
fn sign_in(form: &SourceForm<'_>, kind: &Kind, typed: &Typed) -> Result<SignIn, (String, String)> {
    let mut said = Map::new();
    for option in ["url", "user", "password", "token"] {
        if let Some(text) = typed.some(&field_name(option)) {
            said.insert(option.to_owned(), text.into());
        }
    }
    let mut options = Value::Object(said);
    settle(form.visitor, kind, form.source, &mut options)
        .map_err(|refused| (refused.option, refused.message))?;
    let id = form.source.map_or("", |source| source.id.as_str());
    let source = SourceDefinition::new(id, kind.name(), options);
    let at_password = |message: String| ("password".to_owned(), message);
    let opened = secrets::open(form.app.vault.as_deref(), &source);
    let opened = opened.map_err(|error| at_password(error.to_string()))?;
    SignIn::of(&opened.options).map_err(at_password)
}

fn told(words: Words, failed: &Failed) -> String {
    match failed {
        Failed::Slow(url) => words.fill("connect.slow", &[("url", url)]),
        Failed::Unknown { url, what } => {
            words.fill("connect.unknown", &[("url", url), ("why", what)])
        }
        Failed::Broken(why) => words.fill("connect.broken", &[("why", why)]),
    }
}

/// Fills in what was left empty, and what cannot be as it is.
fn take_over(app: &App, visitor: &Visitor, found: &Found, typed: &mut Typed) {
    if kinds(app, visitor).any(|kind| kind.name() == found.kind) {
        typed.set("kind", &found.kind);
    }
    for (field, value) in [
        ("title", &found.name),
        ("description", &found.description),
        ("contacts", &found.administrators.join(", ")),
    ] {
        if typed.some(field).is_none() {
            typed.set(field, value);
        }
    }
    let format = field_name("format");
    let has = |format: &str| found.formats.iter().any(|choice| choice.value == format);
    let chosen = typed.some(&format).unwrap_or(USUAL_FORMAT);
    if let Some(first) = found.formats.first().filter(|_| !has(chosen)) {
        let usual = if has(USUAL_FORMAT) { USUAL_FORMAT } else { &first.value };
        typed.set(&format, usual);
    }
}

/// What was found, for people.
pub(super) fn show(app: &App, words: Words, found: &Found) -> Markup {
    let named = |prefix: &str, value: &str| {
        words.find(&format!("{prefix}.{value}")).unwrap_or(value).to_owned()
    };
    let or_unsaid = |value: Option<String>| value.unwrap_or_default();
    let listed = found.listed.map(|listed| words.number(listed));
    let kind = kind_title(app, words, &found.kind);
    let rows = [
        ("source.kind", kind.to_owned()),
        ("source.name", found.name.clone()),
        ("source.description", found.description.clone()),
        ("connect.administrators", found.administrators.join(", ")),
        ("connect.earliest", or_unsaid(found.earliest.clone())),
        ("connect.granularity", or_unsaid(found.granularity.map(|it| named("connect", it)))),
        ("connect.deleted", or_unsaid(found.deleted.map(|it| named("connect", it)))),
        ("connect.formats", some(words, &found.formats)),
        ("connect.sets", some(words, &found.sets)),
        ("connect.listed", or_unsaid(listed)),
    ];
    let rows = rows.iter().filter(|(_, value)| !value.is_empty());
    let rows: Vec<_> = rows.map(|(key, value)| (words.text(key), html! { (value) })).collect();
    html! {
        div.notice role="status" {
            p { (words.fill("connect.found", &[("url", &found.url), ("kind", &kind)])) }
            (facts(&rows))
            @if !found.documents.is_empty() { (documents(words, found)) }
            @if !found.warnings.is_empty() {
                p { (words.text("connect.warnings")) }
                ul { @for warning in found.warnings.iter().take(NAMED) { li { (warning) } } }
            }
        }
    }
}

/// The first of them, and how many more there are.
fn some(words: Words, choices: &[Choice]) -> String {
    let mut names: Vec<_> = choices.iter().take(NAMED).map(|choice| choice.value.clone()).collect();
    if choices.len() > NAMED {
        let more = words.number((choices.len() - NAMED) as u64);
        names.push(words.fill("connect.more", &[("count", &more)]));
    }
    names.join(", ")
}

fn documents(words: Words, found: &Found) -> Markup {
    let mut table = Table::new(words.text("connect.documents"))
        .column(words.text("connect.document"))
        .column(words.text("source.url"))
        .number(words.text("connect.entries"));
    for document in found.documents.iter().take(NAMED) {
        let entries = document.entries.map(|entries| words.number(entries)).unwrap_or_default();
        table.row(vec![html! { (document.what) }, html! { (document.url) }, html! { (entries) }]);
    }
    table.show()
}
