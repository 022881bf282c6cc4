//! Options of a kind of sources or targets, as they are written on the command line.

use std::fmt::Write;

use harvest_pipeline::{Kind, Registry};
use serde_json::{Map, Value, json};

use crate::report::Failure;

/// Sets options that were written `NAME=VALUE`, each read as its kind declares it. An empty value takes
/// one away.
///
/// # Errors
/// If the kind has no such option, or the value is none for it.
pub(super) fn set<T: ?Sized + 'static>(
    kind: &Kind<T>,
    options: &mut Value,
    written: &[(String, String)],
) -> Result<(), Failure> {
    if !options.is_object() {
        *options = json!({});
    }
    let Value::Object(options) = options else { return Ok(()) };
    let mut lists = Map::new();
    for (name, text) in written {
        let schema = &kind.schema()["properties"][name];
        if schema.is_null() {
            let known: Vec<_> = names(kind).collect();
            return Err(Failure::usage(format!(
                "--option {name}: those of the kind {} have the options {}",
                kind.name(),
                known.join(", ")
            )));
        }
        if text.is_empty() {
            options.remove(name);
            continue;
        }
        let schema = resolved(schema, &kind.schema()["$defs"]);
        if is(schema, "array") {
            let list = lists.entry(name).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(json!(text));
            }
            continue;
        }
        let value = read(schema, text).ok_or_else(|| {
            Failure::usage(format!("--option {name}: {text:?} is no {}", type_name(schema)))
        })?;
        options.insert(name.clone(), value);
    }
    options.extend(lists);
    Ok(())
}

/// The kinds that there are.
pub(super) fn kinds<T: ?Sized + 'static>(registry: &Registry<T>, as_json: bool) -> String {
    let mut text = String::new();
    for kind in registry.kinds() {
        // Writing to a text cannot fail.
        if as_json {
            let all =
                json!({ "kind": kind.name(), "title": kind.title(), "options": kind.schema() });
            let _ = writeln!(text, "{all}");
            continue;
        }
        let _ = writeln!(text, "{}  {}", kind.name(), kind.title());
        for name in names(kind) {
            let declared = &kind.schema()["properties"][name];
            let required = kind.schema()["required"].as_array();
            let is_required = required.is_some_and(|all| all.iter().any(|it| it == name));
            let described = declared["description"].as_str().unwrap_or_default().trim();
            let schema = resolved(declared, &kind.schema()["$defs"]);
            let _ = write!(text, "    {name} ({})  {described}", type_name(schema));
            let _ = match (is_required, declared.get("default").filter(|it| !it.is_null())) {
                (true, _) => writeln!(text, " [required]"),
                (_, Some(default)) => writeln!(text, " [default: {}]", plain(default)),
                _ => writeln!(text),
            };
        }
    }
    text
}

fn names<T: ?Sized + 'static>(kind: &Kind<T>) -> impl Iterator<Item = &str> {
    kind.schema()["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The schema itself, where an option only refers to it or may be left out.
fn resolved<'a>(schema: &'a Value, definitions: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return resolved(&definitions[name], definitions);
    }
    let either = schema["anyOf"].as_array();
    match either.and_then(|either| either.iter().find(|it| it["type"] != "null")) {
        Some(one) => resolved(one, definitions),
        None => schema,
    }
}

fn is(schema: &Value, name: &str) -> bool {
    match &schema["type"] {
        Value::Array(several) => several.iter().any(|it| it == name),
        one => one == name,
    }
}

/// The words of a choice; none, if it is something else.
fn choices(schema: &Value) -> Vec<&str> {
    let each = schema["oneOf"].as_array().into_iter().flatten();
    let each = each.flat_map(|it| match it["enum"].as_array() {
        Some(several) => several.iter().filter_map(Value::as_str).collect(),
        None => it["const"].as_str().into_iter().collect::<Vec<_>>(),
    });
    each.chain(schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str)).collect()
}

fn type_name(schema: &Value) -> String {
    let choices = choices(schema);
    if !choices.is_empty() {
        return choices.join("|");
    }
    let known =
        [("boolean", "true|false"), ("integer", "whole number"), ("array", "text, repeated")];
    let known = known.iter().find(|(name, _)| is(schema, name)).map(|(_, shown)| *shown);
    known.unwrap_or(if schema["format"] == "uri" { "address" } else { "text" }).to_owned()
}

fn read(schema: &Value, text: &str) -> Option<Value> {
    let choices = choices(schema);
    if !choices.is_empty() {
        return choices.contains(&text).then(|| json!(text));
    }
    if is(schema, "boolean") {
        return text.parse::<bool>().ok().map(Value::from);
    }
    if is(schema, "integer") {
        let number: i64 = text.parse().ok()?;
        let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
        let most = schema["maximum"].as_i64().unwrap_or(i64::MAX);
        return (least..=most).contains(&number).then(|| number.into());
    }
    Some(json!(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_all(written: &[(&str, &str)]) -> Result<Value, String> {
        let registry = Registry::standard();
        let kind = registry.kinds().iter().find(|kind| kind.name() == "oai-pmh").unwrap();
        let mut options = json!({ "url": "http://x.org/", "set": "a" });
        let written: Vec<_> =
            written.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let outcome = set(kind, &mut options, &written);
        outcome.map(|()| options).map_err(|failure| failure.text().unwrap_or_default())
    }

    #[test]
    fn values_are_read_as_the_kind_declares_them() {
        let options = set_all(&[
            ("set", ""),
            ("parallel", "3"),
            ("strict", "true"),
            ("slice", "month"),
            ("format", "mods"),
        ]);
        let expected = json!({
            "url": "http://x.org/", "parallel": 3, "strict": true, "slice": "month", "format": "mods",
        });
        assert_eq!(options.unwrap(), expected);
    }

    #[test]
    fn what_the_kind_does_not_declare_is_refused_and_named() {
        for (name, value, why) in [
            ("sett", "x", "format"),
            ("parallel", "many", "whole number"),
            ("parallel", "17", "17"),
            ("strict", "yes", "true|false"),
            ("slice", "year", "month|day"),
        ] {
            let message = set_all(&[(name, value)]).unwrap_err();
            assert!(message.contains(name) && message.contains(why), "{message}");
        }
    }

    #[test]
    fn every_option_of_every_kind_is_listed() {
        let text = kinds(&Registry::standard(), false);
        assert!(text.contains("url (address)") && text.contains("[required]"), "{text}");
        assert!(text.contains("[default: oai_dc]"), "{text}");
    }
}
