//! JSON for people to read: names and what they stand for, one inside the other.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::words::Words;

/// A value, with all that is in it.
pub(crate) fn tree(words: Words, value: &Value) -> Markup {
    match value {
        Value::Null => html! { span.quiet { "–" } },
        Value::Bool(true) => html! { (words.text("form.yes")) },
        Value::Bool(false) => html! { (words.text("form.no")) },
        Value::Number(number) => html! { (number) },
        Value::String(text) => html! { (text) },
        Value::Array(values) => html! {
            @if let [only] = values.as_slice() { (tree(words, only)) }
            @else { ul.tree { @for value in values { li { (tree(words, value)) } } } }
        },
        Value::Object(fields) => match with_language(fields) {
            Some((text, language)) => html! {
                span lang=(language) { (text) } " " span.quiet { "(" (language) ")" }
            },
            None => html! {
                dl.tree {
                    @for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                        dt { (name) }
                        dd { (tree(words, value)) }
                    }
                }
            },
        },
    }
}

/// A text that says in which language it is.
fn with_language(fields: &Map<String, Value>) -> Option<(&str, &str)> {
    let (text, language) = (fields.get("value")?.as_str()?, fields.get("lang")?.as_str()?);
    (fields.len() == 2).then_some((text, language))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_in_a_value_is_shown_as_text() {
        let value = json!({
            "title": { "value": "<b>", "lang": "cs" }, "<i>": [1, null, true, { "a": "<u>" }],
        });
        let shown = tree(Words::default(), &value).into_string();
        assert!(shown.contains(r#"<span lang="cs">&lt;b&gt;</span>"#), "{shown}");
        assert!(shown.contains("<li>1</li>") && shown.contains("Yes"), "{shown}");
        for tag in ["<b>", "<i>", "<u>"] {
            assert!(!shown.contains(tag), "{shown}");
        }
    }
}
