//! Runs: what goes on, what became of it, and what a person decides about it.
//!
//! ```text
//! list         all of them, newest first
//! detail       one of them, as it goes on ── counters     what became of its records
//!                                         ├─ events       what happened
//!                                         └─ settings     what it runs with
//! actions      stopping, pausing, going on, starting again
//! decisions    what is asked before: cancelling, approving, rejecting, applying, undoing
//! differences  what a dry run would change
//! together     several sources at once
//! ```

mod actions;
mod counters;
mod decisions;
mod detail;
mod differences;
mod events;
mod list;
mod settings;
mod together;

use harvest_pipeline::RunId;
use harvest_pipeline::store::{RunEntry, RunKind};
use maud::{Markup, html};

pub(super) use self::counters::processed;
use self::decisions::{Decision, ask};
use super::app::App;
use super::parts::duration;
use super::problem::Problem;
use super::route::Route;
use super::sources::{self, run_kind};
use super::visitor::Visitor;
use crate::accounts::Permission;
use crate::words::Words;

pub(super) fn routes() -> Vec<Route> {
    use Permission::{Approve, Run, View};
    vec![
        Route::get("/runs", View, list::page),
        Route::get("/runs/stream", View, list::stream),
        Route::get("/runs/{run}", View, detail::page),
        Route::get("/runs/{run}/stream", View, detail::stream),
        Route::get("/runs/{run}/differences", View, differences::page),
        Route::post("/runs/{run}/pause", Run, actions::pause),
        Route::post("/runs/{run}/resume", Run, actions::resume),
        Route::post("/runs/{run}/again", Run, actions::again),
        Route::get("/runs/{run}/cancel", Run, |app, who, run| ask(app, who, run, Decision::Cancel)),
        Route::post("/runs/{run}/cancel", Run, decisions::cancel),
        Route::get("/runs/{run}/approve", Approve, |app, who, run| {
            ask(app, who, run, Decision::Approve)
        }),
        Route::post("/runs/{run}/approve", Approve, decisions::approve),
        Route::get("/runs/{run}/reject", Approve, |app, who, run| {
            ask(app, who, run, Decision::Reject)
        }),
        Route::post("/runs/{run}/reject", Approve, decisions::reject),
        Route::get("/runs/{run}/apply", Approve, |app, who, run| {
            ask(app, who, run, Decision::Apply)
        }),
        Route::post("/runs/{run}/apply", Approve, decisions::apply),
        Route::get("/runs/{run}/undo", Approve, |app, who, run| ask(app, who, run, Decision::Undo)),
        Route::post("/runs/{run}/undo", Approve, decisions::undo),
        Route::get("/imports", Run, together::choose),
        Route::post("/imports", Run, together::start),
        Route::get("/imports/{group}", View, together::page),
        Route::get("/imports/{group}/stream", View, together::stream),
    ]
}

/// The address of a run's page.
pub(super) fn address(run: RunId) -> String {
    format!("/runs/{run}")
}

/// The run of this number, if the visitor may see its source: for others it is not there.
async fn find(app: &App, visitor: &Visitor, run: i64) -> Result<RunEntry, Problem> {
    let run = app.store.run(RunId(run)).await?.ok_or_else(Problem::not_found)?;
    sources::find(app, visitor, run.request.source.as_str()).await?;
    Ok(run)
}

/// What a run does, in words.
pub(super) fn kind(words: Words, run: &RunEntry) -> Markup {
    let request = &run.request;
    html! {
        @if request.dry_run { (words.text("source.action.dry-run")) }
        @else if request.full && request.kind == RunKind::Harvest {
            (words.text("source.action.full"))
        } @else { (run_kind(words, request.kind)) }
    }
}

/// How long a run took, or has taken so far.
fn length(app: &App, words: Words, run: &RunEntry) -> Option<String> {
    let until = run.ended.unwrap_or_else(|| app.now());
    run.started.map(|started| duration(words, until - started))
}
