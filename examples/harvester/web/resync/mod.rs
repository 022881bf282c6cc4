//! WEKO's Resync administration: List, Create, Edit, Detail.
//!
//! It is a view on the sources of kind `resync`, and keeps nothing beside them but the index tree.
//!
//! ```text
//! list ─▶ create ─┐
//!  └────▶ edit ───┴─ form     what is typed ─▶ record    a source, in WEKO's words
//!  └────▶ detail ─── logs     its runs, in WEKO's words
//!            └────── actions  Sync, Import, ON and OFF, delete
//! indexes                     the tree that records are registered into
//!    └── dependants            moving and deleting an index, with what depends on it
//! ```

mod actions;
mod create;
mod dependants;
mod detail;
mod edit;
mod form;
mod indexes;
mod list;
mod logs;
mod record;

use harvest_pipeline::SourceId;
use harvest_pipeline::store::{SourceEntry, SourceStatus};
use maud::{Markup, html};
use percent_encoding::utf8_percent_encode;

use self::record::KIND;
use super::app::App;
use super::layout;
use super::problem::Problem;
use super::route::Route;
use super::section::Section;
use super::sources::IN_PATH;
use super::visitor::Visitor;
use crate::accounts::Permission;

pub(super) fn routes() -> Vec<Route> {
    use Permission::Resync;
    vec![
        Route::get("/resync", Resync, list::page),
        Route::get("/resync/create", Resync, create::page),
        Route::post("/resync/create", Resync, create::create),
        Route::get("/resync/indexes", Resync, indexes::page),
        Route::post("/resync/indexes", Resync, indexes::add),
        Route::post("/resync/indexes/rename", Resync, indexes::rename),
        Route::post("/resync/indexes/move", Resync, dependants::put),
        Route::get("/resync/indexes/{index}/delete", Resync, dependants::ask_delete),
        Route::post("/resync/indexes/{index}/delete", Resync, dependants::delete),
        Route::get("/resync/{name}", Resync, detail::page),
        Route::get("/resync/{name}/logs", Resync, logs::part),
        Route::get("/resync/{name}/edit", Resync, edit::page),
        Route::post("/resync/{name}/edit", Resync, edit::save),
        Route::get("/resync/{name}/delete", Resync, actions::ask_delete),
        Route::post("/resync/{name}/delete", Resync, actions::delete),
        Route::post("/resync/{name}/sync", Resync, actions::sync),
        Route::post("/resync/{name}/import", Resync, actions::import),
        Route::post("/resync/{name}/running", Resync, actions::toggle),
    ]
}

/// The tabs. Edit and Detail are those of a record, and seen only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    List,
    Create,
    Edit,
    Detail,
}

/// A page with its tabs; `record` is what Edit and Detail are of.
fn page(visitor: &Visitor, tab: Tab, record: Option<&SourceId>, body: &Markup) -> layout::Page {
    let words = visitor.words;
    let mut tabs = vec![
        (Tab::List, "resync.tab-list", "/resync".to_owned()),
        (Tab::Create, "resync.tab-create", "/resync/create".to_owned()),
    ];
    if let Some(id) = record {
        tabs.push((Tab::Edit, "resync.tab-edit", format!("{}/edit", address(id))));
        tabs.push((Tab::Detail, "resync.tab-detail", address(id)));
    }
    let body = html! {
        p.quiet { (words.text("resync.path")) }
        nav.tabs aria-label=(words.text("resync.title")) {
            @for (this, key, address) in &tabs {
                a href=(address) aria-current=[(*this == tab).then_some("page")] {
                    (words.text(key))
                }
            }
        }
        (body)
    };
    let actions = html! {
        a.button href="/resync/indexes" { (words.text("index.title")) }
    };
    let section = Some(Section::Resync);
    layout::with_actions(visitor, words.text("resync.title"), section, &actions, &body)
}

/// The address of a record's page.
fn address(id: &SourceId) -> String {
    format!("/resync/{}", utf8_percent_encode(id.as_str(), IN_PATH))
}

/// The record of this id. Only sources of this kind are records, and not those that are over.
///
/// # Errors
/// "Resync is not exist" if there is none.
async fn find(app: &App, visitor: &Visitor, id: &str) -> Result<SourceEntry, Problem> {
    let found = app.store.source(&SourceId::from(id)).await?;
    let is_record = |source: &SourceEntry| {
        source.definition.kind == KIND && source.definition.status != SourceStatus::Archived
    };
    found
        .filter(is_record)
        .ok_or_else(|| Problem::not_found().because(visitor.words.text("resync.not-exist")))
}
