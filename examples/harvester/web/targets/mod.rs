//! Targets and reports: who gets the records, and who is told of runs.
//!
//! ```text
//! list     all targets, and the reports that wait or were sent ── reports
//! detail   one of them: what it has, what it is owed, and delivering again
//! edit     setting one up, changing it, deleting it ── form  what is typed, as a definition
//! effects  what an error or a warning means for each target of a source
//! ```

mod detail;
mod edit;
mod effects;
mod form;
mod list;
mod reports;

use harvest_pipeline::store::TargetDefinition;
use resync_core::transport::without_credentials;
use serde_json::{Value, json};
use url::Url;

pub(super) use self::effects::card as effects;
pub(crate) use self::form::{check, is_sound};
use super::app::App;
use super::route::Route;
use super::sources::in_path;
use crate::accounts::Permission;
use crate::words::Words;

pub(super) fn routes() -> Vec<Route> {
    use Permission::{Administer, Approve, View};
    vec![
        Route::get("/targets", View, list::page),
        Route::get("/targets/new", Administer, edit::new),
        Route::post("/targets/new", Administer, edit::create),
        // The part of the form that depends on the kind.
        Route::get("/targets/options", Administer, edit::options),
        Route::post("/targets/reports", Administer, reports::again),
        Route::get("/targets/{target}", View, detail::page),
        Route::post("/targets/{target}/deliver", Approve, detail::deliver),
        Route::get("/targets/{target}/edit", Administer, edit::change),
        Route::post("/targets/{target}/edit", Administer, edit::save),
        Route::get("/targets/{target}/delete", Administer, edit::ask_delete),
        Route::post("/targets/{target}/delete", Administer, edit::delete),
    ]
}

/// The address of a target's page.
fn address(name: &str) -> String {
    format!("/targets/{}", in_path(name))
}

/// What a kind of targets is called.
fn kind_title<'a>(app: &'a App, words: Words, kind: &'a str) -> &'a str {
    let declared = || app.targets.kind(kind).map(harvest_pipeline::Kind::title);
    words.find(&format!("target.kind-name.{kind}")).or_else(declared).unwrap_or(kind)
}

/// A target's options as everybody may see them: without the credentials that an address may have.
pub(crate) fn public_options(target: &TargetDefinition) -> Value {
    let mut options = target.options.clone();
    if let Some(url) = options.get_mut("url")
        && let Some(parsed) = url.as_str().and_then(|url| Url::parse(url).ok())
    {
        *url = json!(without_credentials(&parsed));
    }
    options
}
