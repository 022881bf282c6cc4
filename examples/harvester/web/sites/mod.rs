//! Metacat's harvester for those who look after a site: registering it, making its harvest list, and
//! reading what became of it.
//!
//! ```text
//! registration   one a user: a source of kind `document-list` that is theirs
//! editor         the harvest list as a table ── sheet   its rows, without any page
//! check          the list and its documents, tried before they are harvested
//! log            what was harvested, operation by operation
//! ```

mod check;
mod editor;
mod log;
mod registration;
mod sheet;

use harvest_pipeline::SourceId;
use maud::{Markup, html};

use super::layout;
use super::problem::Problem;
use super::route::Route;
use super::section::Section;
use super::visitor::Visitor;
use crate::accounts::Permission;

pub(super) fn routes() -> Vec<Route> {
    use Permission::EditSources;
    vec![
        Route::get("/sites", EditSources, registration::page),
        Route::post("/sites", EditSources, registration::register),
        Route::post("/sites/unregister", EditSources, registration::unregister),
        Route::get("/sites/list", EditSources, editor::page),
        Route::post("/sites/list", EditSources, editor::change),
        Route::post("/sites/list/upload", EditSources, editor::upload),
        Route::get("/sites/list/defaults", EditSources, editor::defaults),
        Route::post("/sites/list/defaults", EditSources, editor::set_defaults),
        Route::get("/sites/check", EditSources, check::page),
        Route::post("/sites/check", EditSources, check::check),
        Route::get("/sites/log", EditSources, log::page),
    ]
}

/// The steps of a site contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Register,
    List,
    Check,
    Log,
}

fn page(visitor: &Visitor, step: Step, body: &Markup) -> layout::Page {
    let words = visitor.words;
    let steps = [
        (Step::Register, "/sites", "site.step-register"),
        (Step::List, "/sites/list", "site.step-list"),
        (Step::Check, "/sites/check", "site.step-check"),
        (Step::Log, "/sites/log", "site.step-log"),
    ];
    let body = html! {
        nav.tabs aria-label=(words.text("site.title")) {
            @for (this, address, key) in steps {
                a href=(address) aria-current=[(this == step).then_some("page")] {
                    (words.text(key))
                }
            }
        }
        (body)
    };
    layout::page(visitor, words.text("site.title"), Some(Section::Sites), &body)
}

/// Whose site it is.
fn owner(visitor: &Visitor) -> Result<String, Problem> {
    visitor.user().map(|user| user.site().to_owned()).ok_or_else(Problem::forbidden)
}

/// The id under which a site is registered.
fn site_id(site: &str) -> SourceId {
    SourceId::from(format!("site-{site}"))
}
