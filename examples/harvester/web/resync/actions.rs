//! What can be done with a record: Sync, Import, ON and OFF, delete.

use axum::Form;
use axum::extract::{Path, State};
use harvest_pipeline::store::{
    Harvested, Requested, RunKind, RunRequest, SourceEntry, StoreError, Trigger,
};
use maud::html;
use serde::Deserialize;

use super::record::{Mode, Record, Status};
use super::{Tab, address, find, page as tabbed};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::{self, csrf};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

/// Collects; of what is only compared, compares.
pub(super) async fn sync(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Done, Problem> {
    let source = find(&app, &visitor, &id).await?;
    let kind = match Record::of(&source.definition).mode {
        Mode::Audit => RunKind::Audit,
        Mode::Baseline | Mode::Incremental => RunKind::Collect,
    };
    let request = RunRequest::new(source.definition.id.clone(), kind);
    let asked = ask(&app, &visitor, &source, request).await;
    Ok(told(&app, &source, asked, "resync-sync", "resync-sync-error"))
}

/// Registers what was collected.
pub(super) async fn import(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Done, Problem> {
    let source = find(&app, &visitor, &id).await?;
    if Record::of(&source.definition).mode == Mode::Audit {
        return Err(Problem::conflict(visitor.words.text("resync.audit-no-import")));
    }
    let request = RunRequest::new(source.definition.id.clone(), RunKind::Import);
    let asked = ask(&app, &visitor, &source, request).await;
    Ok(told(&app, &source, asked, "resync-import", "resync-import-error"))
}

#[derive(Debug, Deserialize)]
pub(super) struct Switched {
    to: String,
}

/// Switches an automatic record ON, which starts a sync at once, or OFF.
pub(super) async fn toggle(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(sent): Form<Switched>,
) -> Result<Done, Problem> {
    let words = visitor.words;
    let mut source = find(&app, &visitor, &id).await?;
    let mut record = Record::of(&source.definition);
    if record.status != Status::Automatic {
        return Err(Problem::conflict(words.text("resync.not-automatic")));
    }
    let on = match sent.to.as_str() {
        "on" => true,
        "off" => false,
        other => return Err(Problem::bad_request(other)),
    };
    let page = address(&source.definition.id);
    // Two clicks are one.
    if record.is_running == on {
        return Ok(Done::go(&app, page));
    }
    record.switch(on, &mut source.definition);
    app.store.change_source(&source.definition).await?;
    let what = if on { "resync.on" } else { "resync.off" };
    visitor.did(&app, what, &source.definition.id).await;
    if !on {
        return Ok(Done::go(&app, page).saying("resync-off"));
    }
    let kind = if record.mode == Mode::Audit { RunKind::Audit } else { RunKind::Harvest };
    // It goes with being switched on, and is no deed of its own.
    let mut request = RunRequest::new(source.definition.id.clone(), kind);
    request.trigger = Trigger::SwitchedOn;
    request.by = visitor.name();
    let asked = app.store.request_run(&request).await;
    Ok(told(&app, &source, asked, "resync-sync", "resync-sync-error"))
}

async fn ask(
    app: &App,
    visitor: &Visitor,
    source: &SourceEntry,
    mut request: RunRequest,
) -> Result<Requested, StoreError> {
    request.by = visitor.name();
    let what = format!("resync.{}", request.kind);
    let asked = app.store.request_run(&request).await;
    if let Ok(Requested::Queued(_)) = asked {
        visitor.did(app, &what, &source.definition.id).await;
    }
    asked
}

/// Back to the record, with what WEKO says.
fn told(
    app: &App,
    source: &SourceEntry,
    asked: Result<Requested, StoreError>,
    success: &str,
    error: &str,
) -> Done {
    let done = Done::go(app, address(&source.definition.id));
    match asked {
        Ok(Requested::Queued(_)) => done.saying(success),
        Ok(Requested::AlreadyOpen(run)) => done.saying_of("run-open", run),
        Err(cause) => {
            tracing::warn!(%cause, source = %source.definition.id, "a run cannot be asked for");
            done.saying(error)
        }
    }
}

pub(super) async fn ask_delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let source = find(&app, &visitor, &id).await?;
    let body = html! {
        form.card method="post" action={ (address(&source.definition.id)) "/delete" } {
            (csrf(&visitor))
            p.lead { (words.text("resync.delete-ask")) }
            p { strong { (source.definition.title) } }
            p.quiet { (words.text("resync.delete-what")) }
            div.buttons {
                button.danger { (words.text("source.action.delete")) }
                a.button href="/resync" { (words.text("form.cancel")) }
            }
        }
    };
    Ok(tabbed(&visitor, Tab::List, None, &body))
}

/// Deletes a record and its logs. What it has brought stays, as the items of WEKO do.
pub(super) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Done, Problem> {
    let source = find(&app, &visitor, &id).await?;
    match app.store.erase_source(&source.definition.id, Harvested::Keep).await {
        Ok(_) => {}
        Err(error) if error.is_conflict() => {
            return Err(Problem::conflict(visitor.words.text("resync.delete-running")));
        }
        Err(error) => return Err(error.into()),
    }
    visitor.did(&app, "resync.delete", &source.definition.id).await;
    Ok(Done::go(&app, "/resync").saying("resync-deleted"))
}
