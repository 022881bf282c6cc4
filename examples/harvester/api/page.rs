//! The description of the API as a page, for people.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::openapi::{ADDRESS, INTRODUCTION, document};
use crate::accounts::Permission;
use crate::web::layout;
use crate::web::parts::{Table, card};
use crate::web::route::Route;
use crate::web::visitor::Visitor;

pub(super) fn route() -> Route {
    Route::get("/api", Permission::View, page)
}

async fn page(visitor: Visitor) -> layout::Page {
    let actions = html! { a.button href=(ADDRESS) { "openapi.json" } };
    let body = shown(&document(&super::endpoints()));
    layout::with_actions(&visitor, "API", None, &actions, &body)
}

/// What can be asked for, by what it is about.
fn shown(described: &Value) -> Markup {
    let mut about: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, operations) in described["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let tag = text(&operation["tags"][0]);
            about.entry(tag).or_default().push(Operation { described, path, method, operation });
        }
    }
    html! {
        p { (marked(INTRODUCTION)) }
        @for (tag, operations) in about {
            (card(tag, &html! { @for operation in operations { (operation.show()) } }))
        }
    }
}

/// Something that can be asked for.
struct Operation<'a> {
    described: &'a Value,
    path: &'a str,
    method: &'a str,
    operation: &'a Value,
}

impl Operation<'_> {
    fn show(&self) -> Markup {
        html! {
            details.operation {
                summary {
                    code.method data-method=(self.method) { (self.method.to_uppercase()) } " "
                    code { (self.path) }
                    span.detail { (marked(text(&self.operation["summary"]))) }
                }
                (self.takes())
                (self.answers())
            }
        }
    }

    /// Parameters of path and query, and the fields of the body.
    fn takes(&self) -> Markup {
        let mut table =
            Table::new("Takes").column("Name").column("In").column("Type").column("Meaning");
        for parameter in self.operation["parameters"].as_array().into_iter().flatten() {
            table.row(vec![
                html! { code { (text(&parameter["name"])) } },
                html! { (text(&parameter["in"])) },
                html! { (kind(&parameter["schema"])) },
                marked(text(&parameter["description"])),
            ]);
        }
        let body =
            self.resolved(&self.operation["requestBody"]["content"]["application/json"]["schema"]);
        let required = |name: &str| {
            let mut all = body["required"].as_array().into_iter().flatten();
            all.any(|it| it == name)
        };
        for (name, schema) in body["properties"].as_object().into_iter().flatten() {
            table.row(vec![
                html! { code { (name) } },
                html! { "body" @if !required(name) { " (optional)" } },
                html! { (kind(schema)) },
                marked(text(&schema["description"])),
            ]);
        }
        html! { @if !table.is_empty() { (table.show()) } }
    }

    fn answers(&self) -> Markup {
        let answers = self.operation["responses"].as_object().into_iter().flatten();
        html! {
            dl.answers {
                @for (status, answer) in answers {
                    @let answer = self.resolved(answer);
                    dt { code { (status) } }
                    dd {
                        (marked(text(&answer["description"])))
                        @for (content, of) in answer["content"].as_object().into_iter().flatten() {
                            " " span.detail { (content) ": " (kind(&of["schema"])) }
                        }
                    }
                }
            }
        }
    }

    /// What stands where a reference leads.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else { return value };
        let place = reference.trim_start_matches('#');
        self.described.pointer(place).unwrap_or(value)
    }
}

/// What a value is: `integer`, `array of Run`.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let several = |all: &[Value], of: fn(&Value) -> String| {
        all.iter().map(of).collect::<Vec<_>>().join(" or ")
    };
    match (&schema["type"], &schema["enum"], &schema["anyOf"], &schema["oneOf"]) {
        (Value::String(one), ..) if one == "array" => {
            format!("array of {}", kind(&schema["items"]))
        }
        (_, Value::Array(values), ..) => several(values, |value| text(value).to_owned()),
        (Value::String(one), ..) => one.clone(),
        (Value::Array(types), ..) => several(types, |value| text(value).to_owned()),
        (.., Value::Array(all), _) | (.., Value::Array(all)) => several(all, kind),
        _ => "any".to_owned(),
    }
}

/// A text in which what stands between backticks is code.
fn marked(text: &str) -> Markup {
    html! {
        @for (number, part) in text.split('`').enumerate() {
            @if number % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
