//! What a run runs with: the definition of its source when it was asked for, and where it began.

use harvest_pipeline::Checkpoint;
use harvest_pipeline::store::{RunEntry, SourceDefinition};
use maud::{Markup, html};
use serde_json::Value;

use crate::web::app::App;
use crate::web::parts::{facts, tree};
use crate::web::sources;
use crate::words::Words;

/// Both, to be opened.
pub(super) fn show(app: &App, words: Words, run: &RunEntry) -> Markup {
    html! {
        details.card {
            summary { (words.text("run.settings")) }
            p.hint { (words.text("run.settings-hint")) }
            @if let Ok(definition) = serde_json::from_value(run.settings.clone()) {
                (settings(app, words, &definition))
            }
        }
        section.card {
            h2 { (words.text("run.began-at")) }
            (beginning(words, run.began_at.as_ref()))
        }
    }
}

fn settings(app: &App, words: Words, definition: &SourceDefinition) -> Markup {
    let policies = serde_json::to_value(&definition.policies).unwrap_or_default();
    html! {
        (sources::definition(app, words, definition))
        (facts(&[(words.text("source.policies"), tree(words, &policies))]))
    }
}

/// A checkpoint in words: up to when everything is known, if it says so, and all that it says.
fn beginning(words: Words, checkpoint: Option<&Checkpoint>) -> Markup {
    let Some(checkpoint) = checkpoint else {
        return html! { p { (words.text("run.at-the-beginning")) } };
    };
    let state: Value = serde_json::from_str(&checkpoint.to_json()).unwrap_or_default();
    let state = &state["state"];
    html! {
        @if let Some(time) = time_in(state) {
            p { (words.fill("run.began-after", &[("time", &time)])) }
        } @else { p { (words.text("run.began-within")) } }
        details {
            summary { (words.text("run.checkpoint")) }
            (tree(words, state))
        }
    }
}

/// The first point in time that stands in there.
fn time_in(state: &Value) -> Option<&str> {
    match state {
        Value::String(text) => {
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let is_day = text.get(..4).is_some_and(digits)
                && text.get(4..5) == Some("-")
                && text.get(5..7).is_some_and(digits)
                && text.len() <= 32;
            is_day.then_some(text)
        }
        Value::Array(values) => values.iter().find_map(time_in),
        Value::Object(fields) => fields.values().find_map(time_in),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_checkpoint_says_from_when_on() {
        let state = json!({ "complete": { "next": [null, 3, "2024-01-31T00:00:00Z"] } });
        let checkpoint = Checkpoint::new(2, &state).unwrap();
        let shown = beginning(Words::default(), Some(&checkpoint)).into_string();
        assert!(shown.contains("2024-01-31T00:00:00Z"), "{shown}");
        assert_eq!(time_in(&json!(["12345", "日本日本", "2024"])), None);
        let token = Checkpoint::new(1, &json!({ "token": "<b>" })).unwrap();
        assert!(!beginning(Words::default(), Some(&token)).into_string().contains("<b>"));
    }
}
