//! `harvester source connect`

use std::fmt::Write;

use harvest_pipeline::SignIn;
use percent_encoding::percent_decode_str;
use resync_core::transport::Reach;
use serde_json::{Value, json};
use url::Url;

use crate::args::GlobalArgs;
use crate::connect::{Found, connect};
use crate::network;
use crate::output::one_line;
use crate::report::Failure;

/// Asks an address what can be harvested there; what is to be printed.
///
/// # Errors
/// If there is nothing, or it cannot be reached.
pub(in crate::service) async fn run(url: &Url, global: &GlobalArgs) -> Result<String, Failure> {
    let reach = match global.network.allow_local {
        true => Reach::anywhere(),
        false => Reach::from_origin(url),
    };
    let found = connect(url, &sign_in(url, global)?, reach).await;
    let found = found.map_err(|failed| Failure::new(failed.to_string()))?;
    Ok(match global.json {
        true => format!("{}\n", json!(found)),
        false => text(&found),
    })
}

/// By the options, or else by what stands in the address.
fn sign_in(url: &Url, global: &GlobalArgs) -> Result<SignIn, Failure> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let said: Option<(String, Option<String>)> = match global.network.user.as_deref() {
        Some(user) => Some(match user.split_once(':') {
            Some((user, password)) => (user.to_owned(), Some(password.to_owned())),
            None => (user.to_owned(), std::env::var(network::PASSWORD).ok()),
        }),
        None => (!url.username().is_empty())
            .then(|| (decoded(url.username()), url.password().map(decoded))),
    };
    let options = match said {
        Some((user, Some(password))) => json!({ "user": user, "password": password }),
        Some((user, None)) => json!({ "user": user }),
        None => Value::Null,
    };
    SignIn::of(&options).map_err(Failure::usage)
}

fn text(found: &Found) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{name:<14}{}", one_line(value));
        }
    };
    line("kind", &found.kind);
    line("url", &found.url);
    line("name", &found.name);
    line("description", &found.description);
    line("contacts", &found.administrators.join(", "));
    line("earliest", found.earliest.as_deref().unwrap_or_default());
    line("granularity", found.granularity.unwrap_or_default());
    line("deleted", found.deleted.unwrap_or_default());
    line("documents", &found.listed.map(|listed| listed.to_string()).unwrap_or_default());
    for (name, choices) in [("format", &found.formats), ("set", &found.sets)] {
        for choice in choices {
            line(name, &format!("{}  {}", choice.value, choice.name));
        }
    }
    for document in &found.documents {
        let entries = document.entries.map(|entries| format!("  {entries} entries"));
        let entries = entries.unwrap_or_default();
        line("offers", &format!("{}  {}{entries}", document.what, document.url));
    }
    for warning in &found.warnings {
        line("warning", warning);
    }
    text
}
