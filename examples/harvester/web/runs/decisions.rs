//! What is asked before it is done: cancelling, approving or rejecting deletions, applying a dry run,
//! undoing.

use std::time::Duration;

use axum::Form;
use axum::extract::{Path, State};
use harvest_pipeline::RunState;
use harvest_pipeline::store::{Ending, RunEntry, RunKind, RunRequest};
use serde::Deserialize;

use super::actions::ask_for;
use super::{address, find};
use crate::web::answer::{Done, ours};
use crate::web::app::App;
use crate::web::confirm::Question;
use crate::web::layout;
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;

/// Whoever agrees has the run for so long, to hand it to a worker. If that breaks off, the scheduler
/// does it.
const HAND_OVER: Duration = Duration::from_secs(5);
/// Under this name.
const HANDS_OVER: &str = "admin system";

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Cancel,
    Approve,
    Reject,
    Apply,
    Undo,
}

impl Decision {
    /// In addresses, and in the keys of words.
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Apply => "apply",
            Self::Undo => "undo",
        }
    }
}

/// Whether a run is a dry one that fetched something.
pub(super) fn is_to_apply(run: &RunEntry) -> bool {
    run.request.dry_run && run.state.is_success()
}

/// Whether a run changed records.
pub(super) fn is_to_undo(run: &RunEntry) -> bool {
    let changed = run.counters.created + run.counters.updated + run.counters.deleted;
    let stores = !matches!(run.request.kind, RunKind::Audit | RunKind::Collect);
    !run.state.is_open() && !run.request.dry_run && stores && changed > 0
}

/// The page that asks.
pub(super) async fn ask(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
    decision: Decision,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let run = find(&app, &visitor, run).await?;
    let (here, what) = (address(run.id), decision.as_str());
    let held = run.held.unwrap_or_else(|| harvest_pipeline::store::Held::new(0, 0));
    let filled = [
        ("run", &run.id as &dyn std::fmt::Display),
        ("source", &run.request.source),
        ("deletions", &words.number(held.deletions)),
        ("live", &words.number(held.live)),
    ];
    let title = words.fill(&format!("run.confirm.{what}"), &filled);
    let meaning = words.fill(&format!("run.confirm.{what}-what"), &filled);
    let (label, action) = (format!("run.action.{what}"), format!("{here}/{what}"));
    let question = Question {
        title: &title,
        what: &meaning,
        action: &action,
        label: words.text(&label),
        back: &here,
        section: Section::Runs,
    };
    Ok(question.page(&visitor))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    /// Where to go on.
    back: String,
}

pub(super) async fn cancel(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
    Form(sent): Form<Sent>,
) -> Result<Done, Problem> {
    let run = find(&app, &visitor, run).await?.id;
    let state = app.store.cancel_run(run).await?;
    visitor.did(&app, "run.cancel", run).await;
    let is_done = state == RunState::Cancelled;
    let notice = if is_done { "run-cancelled" } else { "run-cancelling" };
    let back = if sent.back.is_empty() { address(run) } else { ours(&sent.back).to_owned() };
    Ok(Done::go(&app, back).saying_of(notice, run))
}

/// Agrees to the deletions of a run, and queues it: the next worker applies them.
pub(super) async fn approve(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
) -> Result<Done, Problem> {
    let run = find(&app, &visitor, run).await?.id;
    let ticket = app.store.approve_run(run, HANDS_OVER, HAND_OVER).await?;
    visitor.did(&app, "run.approve", run).await;
    let now = app.store.now().await?;
    app.store.end_run(ticket, &Ending::Later(now)).await?;
    Ok(Done::go(&app, address(run)).saying_of("run-approved", run))
}

pub(super) async fn reject(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
) -> Result<Done, Problem> {
    let run = find(&app, &visitor, run).await?.id;
    app.store.reject_run(run).await?;
    visitor.did(&app, "run.reject", run).await;
    Ok(Done::go(&app, address(run)).saying_of("run-rejected", run))
}

/// Stores what a dry run fetched.
pub(super) async fn apply(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
) -> Result<Done, Problem> {
    let run = find(&app, &visitor, run).await?;
    let staged = app.store.staged(&run.request.source, Some(run.id), 0).await?;
    if !is_to_apply(&run) || staged.is_none() {
        return Err(Problem::conflict(visitor.words.text("run.nothing-to-apply")));
    }
    let mut request = RunRequest::new(run.request.source, RunKind::Import);
    request.parent = Some(run.id);
    request.by = visitor.name();
    ask_for(&app, &visitor, &request).await
}

/// Puts the records of a run back to what they were.
pub(super) async fn undo(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
) -> Result<Done, Problem> {
    let run = find(&app, &visitor, run).await?;
    if !is_to_undo(&run) {
        return Err(Problem::conflict(visitor.words.text("run.nothing-to-undo")));
    }
    let undone = app.catalogue.undo(&run.request.source, run.id).await;
    let undone = undone.map_err(|error| Problem::conflict(error.message()))?;
    visitor.did(&app, "run.undo", run.id).await;
    Ok(Done::go(&app, address(run.id)).saying_of("run-undone", undone.total()))
}
