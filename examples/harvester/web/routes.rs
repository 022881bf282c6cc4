//! The table of routes: what there is, and who may ask for it.
//!
//! Everything that is served stands here; each section has its lines beside its pages. The tests
//! walk all kinds of visitors over all of it.

use axum::http::Method;

use super::route::{Access, Route};
use super::section::Section;
use super::{
    assets, filter_sets, health, login, records, resync, runs, settings, sites, sources, start,
    targets,
};
use crate::accounts::Permission;

/// Everything that is served.
pub(super) fn table() -> Vec<Route> {
    let mut table = vec![Route::get("/assets/{name}", Access::Open, assets::serve)];
    table.extend(health::routes());
    table.extend(login::routes());
    table.extend(start::routes());
    table.extend(sources::routes());
    table.extend(runs::routes());
    table.extend(records::routes());
    table.extend(filter_sets::routes());
    table.extend(targets::routes());
    table.extend(resync::routes());
    table.extend(sites::routes());
    table.extend(settings::routes());
    table.extend(crate::api::routes());
    table
}

/// The sections that the table has pages of, and who may see them.
pub(super) fn sections(table: &[Route]) -> Vec<(Section, Permission)> {
    let first_page = |section: Section| {
        let is_page = |route: &&Route| route.method == Method::GET && route.path == section.path();
        let route = table.iter().find(is_page)?;
        match route.access {
            Access::With(permission) => Some((section, permission)),
            Access::Open | Access::LoggedIn => None,
        }
    };
    Section::ALL.into_iter().filter_map(first_page).collect()
}
