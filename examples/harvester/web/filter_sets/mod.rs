//! Filter sets: what is taken of what sources have.
//!
//! ```text
//! list     all of them
//! edit     setting one up, changing it, deleting it ── form     what is typed, as a set
//!                                                   └─ preview  what it would say to records
//! ```

mod edit;
mod form;
mod list;
mod preview;

use super::route::Route;
use super::sources::in_path;
use crate::accounts::Permission;

pub(super) fn routes() -> Vec<Route> {
    use Permission::{EditFilterSets, View};
    vec![
        Route::get("/filter-sets", View, list::page),
        Route::get("/filter-sets/new", EditFilterSets, edit::new),
        Route::post("/filter-sets/new", EditFilterSets, edit::create),
        Route::get("/filter-sets/{set}", View, list::one),
        Route::get("/filter-sets/{set}/edit", EditFilterSets, edit::change),
        Route::post("/filter-sets/{set}/edit", EditFilterSets, edit::save),
        Route::get("/filter-sets/{set}/delete", EditFilterSets, edit::ask_delete),
        Route::post("/filter-sets/{set}/delete", EditFilterSets, edit::delete),
    ]
}

/// The address of a filter set's page.
fn address(name: &str) -> String {
    format!("/filter-sets/{}", in_path(name))
}
