//! Sources: what is harvested, how and when. The model for the other sections.
//!
//! ```text
//! list      all of them, looked for and page by page
//! detail    one of them: what it is, what became of it, what can be done
//! edit      setting one up and changing it ── form      what is typed, as a definition
//!                                          ├─ connect   what is at the address, filled in
//!                                          └─ options   the part that its kind declares
//!                                              └─ settled   what not everybody may see or set
//! actions   runs, pausing, archiving, deleting
//! picker    choosing one of them, in the searches of other sections
//! coverage  which time was harvested, and harvesting it once more
//! jobs      Reharvest, Stop, Clear, and what was wrong most often
//! ```

mod actions;
mod connect;
mod coverage;
mod detail;
mod edit;
mod form;
mod jobs;
mod list;
pub(super) mod options;
mod picker;
mod policies;
mod schedule;
mod settled;
mod typed;

use harvest_pipeline::store::{RunKind, SourceDefinition, SourceEntry};
use harvest_pipeline::{Kind, SourceId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

pub(super) use self::detail::definition;
pub(super) use self::picker::picker;
pub(super) use self::typed::Typed;
use super::app::App;
use super::problem::Problem;
use super::route::Route;
use super::visitor::Visitor;
use crate::accounts::Permission;
use crate::words::Words;

pub(super) fn routes() -> Vec<Route> {
    use Permission::{EditSources, Run, View};
    vec![
        Route::get("/sources", View, list::page),
        Route::get("/sources/new", EditSources, edit::new),
        Route::post("/sources/new", EditSources, edit::create),
        // The part of the form that depends on the kind.
        Route::get("/sources/options", EditSources, edit::options),
        Route::get("/sources/{id}", View, detail::page),
        Route::get("/sources/{id}/edit", EditSources, edit::change),
        Route::post("/sources/{id}/edit", EditSources, edit::save),
        Route::post("/sources/{id}/run", Run, actions::run),
        Route::post("/sources/{id}/stop", Run, jobs::stop),
        Route::post("/sources/{id}/clear", Run, jobs::clear),
        Route::get("/sources/{id}/coverage", View, coverage::page),
        Route::post("/sources/{id}/backfill", Run, coverage::backfill),
        Route::post("/sources/{id}/status", EditSources, actions::set_status),
        Route::post("/sources/{id}/output", EditSources, actions::set_output),
        Route::get("/sources/{id}/archive", EditSources, actions::ask_archive),
        Route::post("/sources/{id}/archive", EditSources, actions::archive),
        Route::get("/sources/{id}/delete", EditSources, actions::ask_delete),
        Route::post("/sources/{id}/delete", EditSources, actions::delete),
    ]
}

/// What is written otherwise in an address.
pub(crate) const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// A text as a part of a path. Ids are often addresses themselves.
pub(crate) fn in_path(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, IN_PATH)
}

/// The address of a source's page.
pub(super) fn address(id: &SourceId) -> String {
    format!("/sources/{}", in_path(id.as_str()))
}

/// The name of a kind of run.
pub(super) fn run_kind(words: Words, kind: RunKind) -> &'static str {
    words.find(&format!("run.kind.{kind}")).unwrap_or(kind.as_str())
}

/// The source of this id, if the visitor may see it: for others it is not there.
pub(crate) async fn find(app: &App, visitor: &Visitor, id: &str) -> Result<SourceEntry, Problem> {
    let source = app.store.source(&SourceId::from(id)).await?;
    let source = source.filter(|source| {
        let owner = source.definition.owner.as_deref();
        visitor.confined_to().is_none_or(|visitor| owner == Some(visitor))
    });
    source.ok_or_else(Problem::not_found)
}

/// The kinds of sources that the visitor may set up. Those that read files of this machine are the
/// administrators' alone.
pub(crate) fn kinds<'a>(app: &'a App, visitor: &Visitor) -> impl Iterator<Item = &'a Kind> {
    let administers = visitor.may(Permission::Administer);
    app.registry.kinds().iter().filter(move |kind| administers || !kind.is_privileged())
}

/// Whether something can be the id of a new source.
pub(crate) fn is_sound_id(id: &str) -> bool {
    form::is_sound_id(id)
}

/// The options that a source of this kind is to have, by what the visitor sent; `before` is what it is.
///
/// # Errors
/// Why they may not set it up like that, for people.
pub(crate) fn settled_options(
    app: &App,
    visitor: &Visitor,
    kind: &str,
    before: Option<&SourceDefinition>,
    mut options: Value,
) -> Result<Value, String> {
    let Some(kind) = kinds(app, visitor).find(|known| known.name() == kind) else {
        let known: Vec<_> = kinds(app, visitor).map(Kind::name).collect();
        return Err(format!("kind: there is no such kind, only {}", known.join(", ")));
    };
    settled::settle(visitor, kind, before, &mut options)
        .map_err(|refused| format!("options.{}: {}", refused.option, refused.message))?;
    options::check(app, kind.name(), &options)?;
    Ok(options)
}

/// What a kind of sources is called.
pub(super) fn kind_title<'a>(app: &'a App, words: Words, kind: &'a str) -> &'a str {
    let declared = || app.registry.kinds().iter().find(|it| it.name() == kind).map(|it| it.title());
    words.find(&format!("kind.{kind}")).or_else(declared).unwrap_or(kind)
}

/// What the form of a definition is filled with.
#[cfg(test)]
pub(super) fn filled(definition: &SourceDefinition) -> Vec<(String, String)> {
    let registry = harvest_pipeline::Registry::standard();
    form::fill(registry.kind(&definition.kind), definition).into_fields()
}
