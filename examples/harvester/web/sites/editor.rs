//! The harvest list editor: a table whose every button works without a script.

use axum::Form;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use oai_pmh::transport::{BodyLimits, Payload, Request, Transport};
use oai_pmh::xml::{Issues, Mode, decode};
use serde::Deserialize;

use super::sheet::{COLUMNS, Invalid, Sheet, defaults_of};
use super::{Step, check, owner, page as stepped, site_id};
use crate::accounts::ListDefaults;
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::csrf;
use crate::web::parts::form::{Errors, Field};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;
use crate::words::Words;

type Fields = Vec<(String, String)>;

/// A list is not larger than this, in bytes.
const LARGEST_LIST: u64 = 1 << 20;

/// What is said above the table.
#[derive(Debug)]
enum Verdict {
    None,
    Good(String),
    Bad(String),
}

pub(super) async fn page(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let defaults = app.accounts.list_defaults(&owner(&visitor)?).await?;
    let mut sheet = Sheet::default().padded();
    let mut verdict = Verdict::None;
    if !defaults.list.is_empty() {
        match load(&app, visitor.words, &defaults.list).await? {
            Ok(read) => sheet = read,
            Err(message) => verdict = Verdict::Bad(message),
        }
    }
    Ok(show(&visitor, &sheet, &defaults.list, &verdict))
}

pub(super) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let field = |wanted: &str| {
        let found = fields.iter().find(|(name, _)| name == wanted);
        found.map_or("", |(_, value)| value.as_str())
    };
    let mut sheet = Sheet::of(&fields);
    let address = field("address");
    let mut verdict = Verdict::None;
    match field("do") {
        "cut" => sheet.cut(),
        "copy" => sheet.copy(),
        "paste" => sheet.paste(),
        "paste-defaults" => {
            sheet.paste_defaults(&app.accounts.list_defaults(&owner(&visitor)?).await?);
        }
        "new" => sheet = Sheet::default().padded(),
        "open" | "open-text" => {
            let read = match field("do") {
                "open" => load(&app, words, address).await?,
                _ => Sheet::read(field("text").trim_end()),
            };
            match read {
                Ok(read) => sheet = read,
                Err(message) => verdict = invalid(words, &message),
            }
        }
        "save" => match sheet.write() {
            Ok(list) => return Ok(download(list)),
            Err(error) => verdict = invalid(words, &text(words, &error)),
        },
        _ => {
            verdict = match sheet.documents() {
                Ok(_) => Verdict::Good(words.text("site.list-valid").to_owned()),
                Err(error) => invalid(words, &text(words, &error)),
            }
        }
    }
    Ok(show(&visitor, &sheet.padded(), address, &verdict))
}

/// Opens a list that is a file.
pub(super) async fn upload(visitor: Visitor, mut sent: Multipart) -> Result<Response, Problem> {
    let words = visitor.words;
    let unreadable =
        |error: axum::extract::multipart::MultipartError| Problem::bad_request(error.body_text());
    let mut list = Vec::new();
    let mut charset = None;
    while let Some(field) = sent.next_field().await.map_err(unreadable)? {
        if field.name() == Some("file") {
            charset = field
                .content_type()
                .and_then(|it| it.split_once("charset="))
                .map(|(_, charset)| charset.trim().to_owned());
            list = field.bytes().await.map_err(unreadable)?.to_vec();
        }
    }
    let text = decode(list, charset.as_deref(), Mode::Strict, &mut Issues::default());
    let read = text.map_err(|error| error.to_string()).and_then(|text| Sheet::read(&text));
    let (sheet, verdict) = match read {
        Ok(sheet) => (sheet, Verdict::None),
        Err(message) => (Sheet::default().padded(), invalid(words, &message)),
    };
    Ok(show(&visitor, &sheet, "", &verdict))
}

fn invalid(words: Words, message: &str) -> Verdict {
    Verdict::Bad(words.fill("site.list-invalid", &[("why", &message)]))
}

fn text(words: Words, error: &Invalid) -> String {
    match error {
        Invalid::Empty => words.text("site.list-empty").to_owned(),
        Invalid::Row { row, column, is_empty } => {
            let column = words.text(&format!("site.column-{column}")).to_owned();
            let key = if *is_empty { "site.row-partial" } else { "site.row-number" };
            words.fill(key, &[("row", row), ("column", &column)])
        }
    }
}

/// The list at an address; what is wrong with it is said to whoever typed that.
async fn load(app: &App, words: Words, address: &str) -> Result<Result<Sheet, String>, Problem> {
    let url = match check::address(words, address) {
        Ok(url) => url,
        Err(message) => return Ok(Err(message)),
    };
    let transport = check::transport(app)?;
    let fetched = async {
        let response = transport.send(Request::get(url)).await?;
        let answer = response
            .collect(&BodyLimits::default().max(LARGEST_LIST).memory(LARGEST_LIST as usize))
            .await?;
        answer.success()?;
        Ok::<_, oai_pmh::Error>(answer)
    };
    let answer = match fetched.await {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let charset = answer.charset();
    let Payload::Memory(bytes) = answer.payload else {
        return Ok(Err(words.fill("site.list-large", &[("most", &LARGEST_LIST)])));
    };
    let text = decode(bytes, charset.as_deref(), Mode::Strict, &mut Issues::default());
    Ok(match text {
        Ok(text) => Sheet::read(&text),
        Err(error) => Err(error.to_string()),
    })
}

fn download(list: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/xml"),
        (CONTENT_DISPOSITION, "attachment; filename=\"harvestList.xml\""),
    ];
    (headers, list).into_response()
}

fn show(visitor: &Visitor, sheet: &Sheet, address: &str, verdict: &Verdict) -> Response {
    let words = visitor.words;
    let button = |what: &str, key: &str| {
        html! { button name="do" value=(what) formnovalidate { (words.text(key)) } }
    };
    let body = html! {
        @match verdict {
            Verdict::None => {},
            Verdict::Good(text) => div.notice role="status" { (text) },
            Verdict::Bad(text) => div.errors role="alert" { p { (text) } },
        }
        form method="post" action="/sites/list" {
            (csrf(visitor))
            // What Enter does.
            button.unseen name="do" value="validate" tabindex="-1" aria-hidden="true" {}
            div.card.bar {
                div.actions {
                    (button("cut", "site.cut")) (button("copy", "site.copy"))
                    (button("paste", "site.paste"))
                    (button("paste-defaults", "site.paste-defaults"))
                }
                div.actions {
                    (button("new", "site.new")) (button("validate", "site.validate"))
                    button.primary name="do" value="save" { (words.text("site.save")) }
                    a.button href="/sites/list/defaults" { (words.text("site.defaults")) }
                }
            }
            @for (column, text) in COLUMNS.iter().zip(&sheet.clipboard) {
                input type="hidden" name={ "clip." (column) } value=(text);
            }
            (table(words, sheet))
            (open(words, address))
        }
        (upload_form(visitor))
    };
    stepped(visitor, Step::List, &body).into_response()
}

fn table(words: Words, sheet: &Sheet) -> Markup {
    html! {
        div.scroll.sheet role="region" aria-label=(words.text("site.step-list")) tabindex="0" {
            table {
                caption.unseen { (words.text("site.step-list")) }
                thead {
                    tr {
                        th scope="col" { (words.text("site.row")) }
                        @for column in COLUMNS {
                            th scope="col" { (words.text(&format!("site.column-{column}"))) }
                        }
                    }
                }
                tbody {
                    @for (at, row) in sheet.rows.iter().enumerate() {
                        tr {
                            td {
                                label.tick {
                                    input type="radio" name="selected" value=(at)
                                        checked[at == sheet.selected];
                                    (at + 1)
                                }
                            }
                            @for (column, text) in COLUMNS.iter().zip(row) {
                                td {
                                    input name={ "row." (at) "." (column) } value=(text)
                                        aria-label={
                                            (words.text(&format!("site.column-{column}"))) " "
                                            (at + 1)
                                        };
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Another list, in place of this one.
fn open(words: Words, address: &str) -> Markup {
    html! {
        details.part {
            summary { (words.text("site.open")) }
            (Field::url("address", words.text("site.open-address")).value(address)
                .show(words, &Errors::none()))
            p { button name="do" value="open" { (words.text("site.open")) } }
            (Field::lines("text", words.text("site.open-text")).show(words, &Errors::none()))
            p { button name="do" value="open-text" { (words.text("site.open-text-do")) } }
        }
    }
}

fn upload_form(visitor: &Visitor) -> Markup {
    let words = visitor.words;
    html! {
        form.card.filter method="post" action="/sites/list/upload" enctype="multipart/form-data" {
            (csrf(visitor))
            label.line { (words.text("site.open-file"))
                input type="file" name="file" required accept=".xml,application/xml,text/xml"; }
            button { (words.text("site.open-file-do")) }
        }
    }
}

/// What is typed for the defaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    list: String,
    scope: String,
    identifier: String,
    revision: String,
    document_type: String,
    document_url: String,
    /// A file of Metacat's editor, which goes before the rest.
    file: String,
}

pub(super) async fn defaults(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let defaults = app.accounts.list_defaults(&owner(&visitor)?).await?;
    let none = Errors::none();
    let text = |name: &str, label: &str, value: &str| {
        Field::text(name, words.text(label)).value(value).show(words, &none)
    };
    let body = html! {
        form.card.wide method="post" action="/sites/list/defaults" {
            (csrf(&visitor))
            p.quiet { (words.text("site.defaults-what")) }
            (Field::url("list", words.text("site.default-list")).value(&defaults.list)
                .show(words, &none))
            div.row {
                (text("scope", "site.column-scope", &defaults.scope))
                (text("identifier", "site.column-identifier", &defaults.identifier))
                (text("revision", "site.column-revision", &defaults.revision))
                (text("document_type", "site.column-type", &defaults.document_type))
                (text("document_url", "site.column-url", &defaults.document_url))
            }
            (Field::lines("file", words.text("site.default-file"))
                .hint(words.text("site.default-file-hint")).show(words, &none))
            div.buttons {
                button.primary { (words.text("form.save")) }
                a.button href="/sites/list" { (words.text("form.cancel")) }
            }
        }
    };
    Ok((StatusCode::OK, stepped(&visitor, Step::List, &body)).into_response())
}

pub(super) async fn set_defaults(
    State(app): State<App>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Done, Problem> {
    let typed_in = ListDefaults {
        list: typed.list.trim().to_owned(),
        scope: typed.scope.trim().to_owned(),
        identifier: typed.identifier.trim().to_owned(),
        revision: typed.revision.trim().to_owned(),
        document_type: typed.document_type.trim().to_owned(),
        document_url: typed.document_url.trim().to_owned(),
    };
    let defaults = defaults_of(&typed.file, typed_in);
    let owner = owner(&visitor)?;
    app.accounts.set_list_defaults(&owner, &defaults, app.now()).await?;
    visitor.did(&app, "site.defaults", site_id(&owner)).await;
    Ok(Done::go(&app, "/sites/list").saying("list-defaults"))
}
