//! What is done about a run without much ado: pausing, going on, starting again.

use axum::extract::{Path, State};
use harvest_pipeline::RunState;
use harvest_pipeline::store::{Requested, RunEntry, RunKind, RunRequest};
use maud::{Markup, html};

use super::{address, decisions, find};
use crate::accounts::{Permission, asked_for};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::csrf;
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

/// The buttons for what can be done with a run as it is.
pub(super) fn buttons(visitor: &Visitor, run: &RunEntry) -> Markup {
    let words = visitor.words;
    let here = address(run.id);
    let may = visitor.may(Permission::Run);
    let post = |what: &str| {
        html! {
            form.inline method="post" action={ (here) "/" (what) } {
                (csrf(visitor))
                button id=(what) { (words.text(&format!("run.action.{what}"))) }
            }
        }
    };
    let ask = |what: &str, class: &str| {
        html! {
            a id=(what) class={ "button " (class) } href={ (here) "/" (what) } {
                (words.text(&format!("run.action.{what}")))
            }
        }
    };
    let is_stoppable =
        matches!(run.state, RunState::Queued | RunState::Running | RunState::Suspended);
    html! {
        div.runs {
            @if may && run.state == RunState::Running { (post("pause")) }
            @if may && run.state == RunState::Suspended { (post("resume")) }
            @if may && is_stoppable { (ask("cancel", "danger")) }
            @if may && is_repeatable(run) { (post("again")) }
            @if visitor.may(Permission::Approve) && decisions::is_to_apply(run) {
                (ask("apply", "primary"))
            }
            @if visitor.may(Permission::Approve) && decisions::is_to_undo(run) {
                (ask("undo", "danger"))
            }
        }
    }
}

/// What is over can be started again; but a dry run is applied only once.
fn is_repeatable(run: &RunEntry) -> bool {
    let applies = run.request.kind == RunKind::Import && run.request.parent.is_some();
    !run.state.is_open() && !applies
}

pub(super) async fn pause(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
) -> Result<Done, Problem> {
    let run = find(&app, &visitor, run).await?.id;
    let state = app.store.pause_run(run).await?;
    visitor.did(&app, "run.pause", run).await;
    let is_done = state == RunState::Suspended;
    let notice = if is_done { "run-paused" } else { "run-pausing" };
    Ok(Done::go(&app, address(run)).saying_of(notice, run))
}

pub(super) async fn resume(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
) -> Result<Done, Problem> {
    let run = find(&app, &visitor, run).await?.id;
    app.store.resume_run(run).await?;
    visitor.did(&app, "run.resume", run).await;
    Ok(Done::go(&app, address(run)).saying_of("run-resumed", run))
}

/// Asks for a run like this one.
pub(super) async fn again(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
) -> Result<Done, Problem> {
    let run = find(&app, &visitor, run).await?;
    if !is_repeatable(&run) {
        return Err(Problem::conflict(visitor.words.text("run.not-again")));
    }
    let mut request = RunRequest::new(run.request.source, run.request.kind);
    request.full = run.request.full;
    request.dry_run = run.request.dry_run;
    request.by = visitor.name();
    ask_for(&app, &visitor, &request).await
}

/// Asks for a run, and goes to its page.
pub(super) async fn ask_for(
    app: &App,
    visitor: &Visitor,
    request: &RunRequest,
) -> Result<Done, Problem> {
    let requested = app.store.request_run(request).await?;
    let done = Done::go(app, address(requested.run()));
    Ok(match requested {
        Requested::Queued(run) => {
            visitor.did(app, &asked_for(request), &request.source).await;
            done.saying_of("run-queued", run)
        }
        Requested::AlreadyOpen(run) => done.saying_of("run-open", run),
    })
}
