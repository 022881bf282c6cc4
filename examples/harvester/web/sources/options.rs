//! The part of a form that a kind of sources or targets declares, by the JSON Schema of its options.

use std::sync::Arc;

use async_trait::async_trait;
use harvest_pipeline::store::SourceDefinition;
use harvest_pipeline::{Kind, secrets};
use maud::{Markup, html};
use resync_core::transport::{Request, Response, Transport};
use serde_json::{Map, Value};
use url::Url;

use super::settled::settle;
use super::typed::Typed;
use super::{connect, kinds};
use crate::accounts::Permission;
use crate::connect::{Choice, Found};
use crate::web::app::App;
use crate::web::parts::form::{Errors, Field, holds_credentials};
use crate::web::visitor::Visitor;
use crate::words::Words;

/// An option of a kind, as a field.
#[derive(Debug)]
struct Declared<'a> {
    name: &'a str,
    label: String,
    hint: Option<&'a str>,
    input: Input,
    is_required: bool,
    default: Option<&'a Value>,
}

#[derive(Debug, PartialEq, Eq)]
enum Input {
    Text,
    Address,
    Number {
        least: Option<i64>,
        most: Option<i64>,
    },
    Tick,
    Choice(Vec<String>),
    /// A text a line.
    Lines,
    /// A password or token: typed, and never shown again.
    Secret,
}

/// The name of an option's field.
pub(super) fn field_name(option: &str) -> String {
    format!("options.{option}")
}

/// The field that says that a secret is set.
fn set_name(option: &str) -> String {
    format!("options.{option}.set")
}

/// The box that takes a secret away.
fn remove_name(option: &str) -> String {
    format!("options.{option}.remove")
}

/// The fields of the kind of source that was chosen.
pub(super) fn show(
    app: &App,
    visitor: &Visitor,
    found: Option<&Found>,
    typed: &Typed,
    errors: &Errors,
) -> Markup {
    let words = visitor.words;
    let Some(kind) = chosen(app, visitor, typed) else { return html! {} };
    html! {
        @if kind.signs_in() {
            p.hint { (words.text("connect.what")) }
        }
        (fields(kind, visitor, found, typed, errors))
        @if kind.signs_in() {
            button name="connect" value="on" formnovalidate { (words.text("connect.button")) }
            @if let Some(found) = found { (connect::show(app, words, found)) }
        }
    }
}

/// The fields of this kind, with what was found to choose from.
pub(in crate::web) fn fields<T: ?Sized + 'static>(
    kind: &Kind<T>,
    visitor: &Visitor,
    found: Option<&Found>,
    typed: &Typed,
    errors: &Errors,
) -> Markup {
    let words = visitor.words;
    html! {
        @for option in declared(kind, words, visitor.may(Permission::Administer)) {
            (option.field(words, found, typed).show(words, errors))
            @if option.input == Input::Secret && typed.is_ticked(&set_name(option.name)) {
                input type="hidden" name=(set_name(option.name)) value="on";
                (Field::tick(remove_name(option.name), &words.fill(
                    "secret.remove", &[("field", &option.label)],
                )).show(words, errors))
            }
        }
    }
}

/// The options that were typed for a source that was this, checked one by one and then all together.
pub(super) fn read(
    app: &App,
    visitor: &Visitor,
    before: Option<&SourceDefinition>,
    typed: &Typed,
    errors: &mut Errors,
) -> Value {
    let words = visitor.words;
    let Some(kind) = chosen(app, visitor, typed) else {
        let field = [("field", &words.text("source.kind") as &dyn std::fmt::Display)];
        errors.add("kind", words.fill("form.choice", &field));
        return Value::Null;
    };
    let known = errors.messages().count();
    let mut options = typed_options(kind, visitor, typed, errors);
    if errors.messages().count() > known {
        return options;
    }
    if let Err(refused) = settle(visitor, kind, before, &mut options) {
        errors.add(field_name(&refused.option), refused.message);
    } else if let Err(error) = check(app, kind.name(), &options) {
        errors.add("", error);
    }
    options
}

/// The options of this kind that were typed, checked one by one.
pub(in crate::web) fn typed_options<T: ?Sized + 'static>(
    kind: &Kind<T>,
    visitor: &Visitor,
    typed: &Typed,
    errors: &mut Errors,
) -> Value {
    let words = visitor.words;
    let mut options = Map::new();
    for option in declared(kind, words, visitor.may(Permission::Administer)) {
        match option.read(words, typed) {
            // What is usual is not said, so that the same options are the same.
            Ok(Some(value)) if option.default != Some(&value) => {
                options.insert(option.name.to_owned(), value);
            }
            Ok(_) => {}
            Err(message) => errors.add(field_name(option.name), message),
        }
    }
    Value::Object(options)
}

/// Whether these are options of a kind.
///
/// # Errors
/// Why not, for people.
pub(super) fn check(app: &App, kind: &str, options: &Value) -> Result<(), String> {
    let made = app.registry.create(kind, secrets::covered(options), Arc::new(Offline));
    made.map(drop).map_err(|error| error.to_string())
}

/// A definition's options, as if they had been typed; of secrets, that they are set.
pub(super) fn fill(kind: Option<&Kind>, definition: &SourceDefinition, typed: &mut Typed) {
    for (name, value) in definition.options.as_object().into_iter().flatten() {
        match value {
            secret if secrets::is_secret(kind, name, secret) => typed.tick(&set_name(name), true),
            value => put(name, value, typed),
        }
    }
}

/// An option, as if it had been typed.
pub(in crate::web) fn put(name: &str, value: &Value, typed: &mut Typed) {
    match value {
        Value::Bool(ticked) => typed.tick(&field_name(name), *ticked),
        value => typed.put(field_name(name), text(value)),
    }
}

/// A definition's options for people to read.
pub(super) fn shown(
    app: &App,
    words: Words,
    definition: &SourceDefinition,
) -> Vec<(String, String)> {
    let kind = app.registry.kind(&definition.kind);
    let options = definition.options.as_object().into_iter().flatten();
    let named = options.map(|(name, value)| {
        let shown = match value {
            secret if secrets::is_secret(kind, name, secret) => {
                words.text("secret.is-set").to_owned()
            }
            value => readable(words, value),
        };
        (label(words, name), shown)
    });
    named.collect()
}

/// An address that was typed.
///
/// # Errors
/// What is wrong with it.
pub(super) fn address(words: Words, label: &str, text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        // They would be seen here again.
        Ok(url) if holds_credentials(&url) => Err(words.text("form.url-credentials").to_owned()),
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(words.fill("form.url", &[("field", &label)])),
    }
}

/// An option's value for people to read.
pub(in crate::web) fn readable(words: Words, value: &Value) -> String {
    match value {
        Value::Bool(true) => words.text("form.yes").to_owned(),
        Value::Bool(false) => words.text("form.no").to_owned(),
        Value::String(choice) => choice_name(words, choice),
        value => text(value),
    }
}

/// The kind that was chosen, if the visitor may set up one of it.
fn chosen<'a>(app: &'a App, visitor: &Visitor, typed: &Typed) -> Option<&'a Kind> {
    kinds(app, visitor).find(|kind| kind.name() == typed.get("kind"))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    }
}

/// What an option is called: in the visitor's language, if the words know it.
pub(in crate::web) fn label(words: Words, name: &str) -> String {
    let known = words.find(&format!("option.{name}"));
    known.map_or_else(|| name.replace('_', " "), str::to_owned)
}

fn choice_name(words: Words, choice: &str) -> String {
    words.find(&format!("choice.{choice}")).unwrap_or(choice).to_owned()
}

/// The options that a kind declares and the visitor may set, in the order of their names' importance:
/// what is required first.
fn declared<T: ?Sized + 'static>(
    kind: &Kind<T>,
    words: Words,
    administers: bool,
) -> Vec<Declared<'_>> {
    let schema = kind.schema();
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|it| it == name));
    let properties = schema["properties"].as_object().into_iter().flatten();
    let may_set = |name: &str| administers || !kind.privileged().any(|it| it == name);
    let mut all: Vec<_> = properties
        .filter(|(name, _)| may_set(name))
        .map(|(name, property)| Declared {
            name,
            label: label(words, name),
            // Kinds are described in English.
            hint: property["description"].as_str().filter(|_| words == Words::default()),
            input: Input::of(property, &schema["$defs"]),
            is_required: is_required(name),
            default: property.get("default").filter(|value| !value.is_null()),
        })
        .collect();
    all.sort_by_key(|option| !option.is_required);
    all
}

impl Input {
    /// By the schema of an option, which may refer to definitions.
    fn of(schema: &Value, definitions: &Value) -> Self {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            return Self::of(&definitions[name], definitions);
        }
        // An option that may be left out: this, or null.
        if let Some(either) = schema["anyOf"].as_array() {
            let one = either.iter().find(|it| it["type"] != "null");
            return one.map_or(Self::Text, |one| Self::of(one, definitions));
        }
        if let Some(each) = schema["oneOf"].as_array() {
            let constants = each.iter().flat_map(|it| match it["enum"].as_array() {
                Some(several) => several.iter().filter_map(Value::as_str).collect(),
                None => it["const"].as_str().into_iter().collect::<Vec<_>>(),
            });
            return Self::Choice(constants.map(str::to_owned).collect());
        }
        if let Some(values) = schema["enum"].as_array() {
            let texts = values.iter().filter_map(Value::as_str);
            return Self::Choice(texts.map(str::to_owned).collect());
        }
        let is = |name: &str| match &schema["type"] {
            Value::Array(several) => several.iter().any(|it| it == name),
            one => one == name,
        };
        if schema["writeOnly"] == true || schema["format"] == "password" {
            Self::Secret
        } else if is("boolean") {
            Self::Tick
        } else if is("integer") {
            Self::Number { least: schema["minimum"].as_i64(), most: schema["maximum"].as_i64() }
        } else if is("array") {
            Self::Lines
        } else if schema["format"] == "uri" {
            Self::Address
        } else {
            Self::Text
        }
    }
}

impl Declared<'_> {
    fn field(&self, words: Words, found: Option<&Found>, typed: &Typed) -> Field {
        let name = field_name(self.name);
        let label = &self.label;
        if let Some(choice) = self.chosen_from(words, found, typed) {
            return choice;
        }
        if self.input == Input::Secret {
            let field = Field::password(name.as_str(), label).autocomplete("new-password");
            let field = if self.is_required { field } else { field.optional() };
            let is_set = typed.is_ticked(&set_name(self.name));
            return match self.hint.filter(|_| !is_set) {
                Some(hint) => field.hint(hint),
                None if is_set => field.optional().hint(words.text("secret.keep")),
                None => field,
            };
        }
        let field = match &self.input {
            Input::Secret => Field::password(name.as_str(), label),
            Input::Text => Field::text(name.as_str(), label),
            Input::Address => Field::url(name.as_str(), label),
            Input::Number { least, most } => Field::number(name.as_str(), label, *least, *most),
            Input::Lines => Field::lines(name.as_str(), label),
            Input::Tick => Field::tick(name.as_str(), label),
            Input::Choice(choices) => {
                let none = (String::new(), words.text("form.none").to_owned());
                let is_open = !self.is_required && self.default.is_none();
                let named = |choice: &String| (choice.clone(), choice_name(words, choice));
                let all = is_open.then_some(none).into_iter().chain(choices.iter().map(named));
                Field::choice(name.as_str(), label, all.collect())
            }
        };
        let default = self.default.map(text).unwrap_or_default();
        let field = field.value(typed.some(&name).unwrap_or(&default));
        let field = if self.is_required { field.required() } else { field };
        match self.hint {
            Some(hint) => field.hint(hint),
            None => field,
        }
    }

    /// The field as a choice of what was found at the address, if there is something to choose; what was
    /// typed before stays among it.
    fn chosen_from(&self, words: Words, found: Option<&Found>, typed: &Typed) -> Option<Field> {
        let name = field_name(self.name);
        let default = self.default.map(text).unwrap_or_default();
        let value = typed.some(&name).unwrap_or(&default);
        let found =
            found.map(|found| found.choices(self.name)).filter(|found| !found.is_empty())?;
        let mut choices = Vec::with_capacity(found.len() + 2);
        if !self.is_required && self.default.is_none() {
            choices.push((String::new(), words.text("form.none").to_owned()));
        }
        if !value.is_empty() && found.iter().all(|choice| choice.value != value) {
            choices.push((value.to_owned(), value.to_owned()));
        }
        choices.extend(found.iter().map(|choice| {
            let Choice { value, name } = choice;
            let shown = if name.is_empty() { value.clone() } else { format!("{value} – {name}") };
            (value.clone(), shown)
        }));
        Some(Field::choice(name.as_str(), &self.label, choices).value(value))
    }

    /// The value that was typed; `None` if it was left out.
    fn read(&self, words: Words, typed: &Typed) -> Result<Option<Value>, String> {
        let name = field_name(self.name);
        let message = |key| words.fill(key, &[("field", &self.label)]);
        if self.input == Input::Tick {
            return Ok(typed.is_ticked(&name).then_some(Value::Bool(true)));
        }
        if self.input == Input::Secret && typed.is_ticked(&remove_name(self.name)) {
            return Ok(Some(Value::Null));
        }
        let Some(text) = typed.some(&name) else {
            if self.input == Input::Secret && typed.is_ticked(&set_name(self.name)) {
                return Ok(None);
            }
            return if self.is_required { Err(message("form.required")) } else { Ok(None) };
        };
        match &self.input {
            Input::Address => address(words, &self.label, text).map(|_| Some(text.into())),
            Input::Number { least, most } => {
                let number: i64 = text.parse().map_err(|_| message("form.number"))?;
                let (least, most) = (least.unwrap_or(0), most.unwrap_or(i64::MAX));
                if (least..=most).contains(&number) {
                    return Ok(Some(number.into()));
                }
                let field = ("field", &self.label as &dyn std::fmt::Display);
                Err(words.fill("form.range", &[field, ("least", &least), ("most", &most)]))
            }
            Input::Choice(choices) if !choices.iter().any(|choice| choice == text) => {
                Err(message("form.choice"))
            }
            Input::Lines => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                Ok(Some(lines.collect()))
            }
            Input::Text | Input::Choice(_) | Input::Tick | Input::Secret => Ok(Some(text.into())),
        }
    }
}

/// No network: options are checked without asking anybody.
#[derive(Debug)]
pub(in crate::web) struct Offline;

#[async_trait]
impl Transport for Offline {
    async fn send(&self, request: Request) -> resync_core::Result<Response> {
        drop(request);
        Err(resync_core::Error::new(resync_core::ErrorKind::Connect, "options are being checked"))
    }
}

#[cfg(test)]
mod tests {
    use harvest_pipeline::Registry;

    use super::*;

    #[test]
    fn every_option_of_the_kinds_that_come_along_has_a_name_in_words() {
        for kind in Registry::standard().kinds() {
            let words = Words::default();
            assert!(words.find(&format!("kind.{}", kind.name())).is_some(), "{}", kind.name());
            for option in declared(kind, words, true) {
                let key = format!("option.{}", option.name);
                assert!(words.find(&key).is_some(), "{} {key}", kind.name());
                if let Input::Choice(choices) = option.input {
                    assert!(!choices.is_empty(), "{key}");
                    for choice in choices {
                        assert!(words.find(&format!("choice.{choice}")).is_some(), "{choice}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_a_schema_says_becomes_the_field_for_it() {
        let definitions = serde_json::json!({ "Unit": { "type": "string", "enum": ["day"] } });
        for (schema, input) in [
            (serde_json::json!({ "type": ["string", "null"] }), Input::Text),
            (serde_json::json!({ "type": "string", "format": "uri" }), Input::Address),
            (serde_json::json!({ "type": "string", "writeOnly": true }), Input::Secret),
            (serde_json::json!({ "type": "string", "format": "password" }), Input::Secret),
            (serde_json::json!({ "type": "boolean" }), Input::Tick),
            (serde_json::json!({ "type": "array" }), Input::Lines),
            (
                serde_json::json!({ "type": "integer", "minimum": 1, "maximum": 16 }),
                Input::Number { least: Some(1), most: Some(16) },
            ),
            (
                serde_json::json!({ "anyOf": [{ "$ref": "#/$defs/Unit" }, { "type": "null" }] }),
                Input::Choice(vec!["day".to_owned()]),
            ),
            (
                serde_json::json!({ "oneOf": [{ "const": "a" }, { "enum": ["b", "c"] }] }),
                Input::Choice(["a", "b", "c"].map(str::to_owned).to_vec()),
            ),
        ] {
            assert_eq!(Input::of(&schema, &definitions), input, "{schema}");
        }
    }
}
