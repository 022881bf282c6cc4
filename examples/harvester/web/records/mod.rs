//! Records: what was harvested, and what could not be.
//!
//! ```text
//! list      looked for by words, source and run
//! detail    one of them: as it came, as it was read, where it is from
//! versions  what it was before, and what changed ── xml   laid out in lines
//!                                                └─ diff  line by line
//! failures  what failed, to be fetched again or forgotten
//! ```

mod detail;
pub(super) mod diff;
mod failures;
mod list;
mod versions;
pub(super) mod xml;

use harvest_pipeline::SourceId;

pub(super) use self::list::title;
use super::route::Route;
use super::sources::in_path;
use crate::accounts::Permission;

pub(super) fn routes() -> Vec<Route> {
    use Permission::{Run, View};
    vec![
        Route::get("/records", View, list::page),
        Route::get("/records/{source}/{record}", View, detail::page),
        Route::get("/records/{source}/{record}/versions", View, versions::page),
        Route::get("/failures", View, failures::page),
        Route::post("/failures/dismiss", Run, failures::dismiss),
        Route::post("/failures/replay", Run, failures::replay),
    ]
}

/// The address of a record's page.
pub(super) fn address(source: &SourceId, identifier: &str) -> String {
    format!("/records/{}/{}", in_path(source.as_str()), in_path(identifier))
}
