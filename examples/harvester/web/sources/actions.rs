//! What can be done with a source: runs, pausing, archiving, deleting.

use axum::Form;
use axum::extract::{Path, State};
use harvest_pipeline::store::{
    Requested, RunKind, RunRequest, SourceEntry, SourceStatus, StoreError,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{address, find};
use crate::accounts::{Permission, asked_for};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::confirm::Question;
use crate::web::layout::{self, csrf};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;

/// A run that somebody can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ask {
    Harvest,
    Full,
    Collect,
    Import,
    Audit,
    Reprocess,
    DryRun,
}

impl Ask {
    const ALL: [Self; 7] = [
        Self::Harvest,
        Self::Full,
        Self::Collect,
        Self::Import,
        Self::Audit,
        Self::Reprocess,
        Self::DryRun,
    ];

    /// As it is sent, and in the keys of words.
    fn as_str(self) -> &'static str {
        match self {
            Self::Harvest => "harvest",
            Self::Full => "full",
            Self::Collect => "collect",
            Self::Import => "import",
            Self::Audit => "audit",
            Self::Reprocess => "reprocess",
            Self::DryRun => "dry-run",
        }
    }

    fn request(self, source: &SourceEntry, by: Option<String>) -> RunRequest {
        let kind = match self {
            Self::Harvest | Self::Full | Self::DryRun => RunKind::Harvest,
            Self::Collect => RunKind::Collect,
            Self::Import => RunKind::Import,
            Self::Audit => RunKind::Audit,
            Self::Reprocess => RunKind::Reprocess,
        };
        let mut request = RunRequest::new(source.definition.id.clone(), kind);
        request.full = self == Self::Full;
        request.dry_run = self == Self::DryRun;
        request.by = by;
        request
    }

    /// A source that is only compared has nothing to import.
    fn is_for(self, source: &SourceEntry) -> bool {
        let only_compares = source.definition.options["mode"] == "audit";
        !(only_compares && self == Self::Import)
    }
}

/// The buttons that ask for a run.
pub(super) fn buttons(visitor: &Visitor, source: &SourceEntry) -> Markup {
    let words = visitor.words;
    let is_off = matches!(source.definition.status, SourceStatus::Draft | SourceStatus::Archived);
    html! {
        @if visitor.may(Permission::Run) && !is_off {
            form.runs method="post" action={ (address(&source.definition.id)) "/run" } {
                (csrf(visitor))
                @for ask in Ask::ALL.into_iter().filter(|ask| ask.is_for(source)) {
                    @let class = (ask == Ask::Harvest).then_some("primary");
                    button class=[class] name="ask" value=(ask.as_str()) {
                        (words.text(&format!("source.action.{}", ask.as_str())))
                    }
                }
            }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    ask: Ask,
}

pub(super) async fn run(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Done, Problem> {
    let source = find(&app, &visitor, &id).await?;
    if !asked.ask.is_for(&source) {
        return Err(Problem::conflict(visitor.words.text("source.only-compared")));
    }
    let request = asked.ask.request(&source, visitor.name());
    let requested = app.store.request_run(&request).await?;
    let done = Done::go(&app, address(&source.definition.id));
    Ok(match requested {
        Requested::Queued(run) => {
            visitor.did(&app, &asked_for(&request), &source.definition.id).await;
            done.saying_of("run-queued", run)
        }
        Requested::AlreadyOpen(run) => done.saying_of("run-open", run),
    })
}

#[derive(Debug, Deserialize)]
pub(super) struct NewStatus {
    to: String,
}

/// Pauses a source, or lets it be harvested again.
pub(super) async fn set_status(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(sent): Form<NewStatus>,
) -> Result<Done, Problem> {
    let (status, notice) = match sent.to.as_str() {
        "paused" => (SourceStatus::Paused, "source-paused"),
        "active" => (SourceStatus::Active, "source-resumed"),
        other => return Err(Problem::bad_request(other)),
    };
    change_status(&app, &visitor, &id, status).await?;
    Ok(Done::go(&app, address(&id.into())).saying(notice))
}

/// Takes a source out of the lists that are given out, or puts it back.
pub(super) async fn set_output(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(sent): Form<NewStatus>,
) -> Result<Done, Problem> {
    let mut definition = find(&app, &visitor, &id).await?.definition;
    let (on, what, notice) = match sent.to.as_str() {
        "on" => (true, "source.output-on", "output-on"),
        "off" => (false, "source.output-off", "output-off"),
        other => return Err(Problem::bad_request(other)),
    };
    definition.output = definition.output.turned(on, app.now());
    app.store.change_source(&definition).await?;
    visitor.did(&app, what, &id).await;
    app.provide.make_up().await?;
    Ok(Done::go(&app, address(&definition.id)).saying(notice))
}

async fn change_status(
    app: &App,
    visitor: &Visitor,
    id: &str,
    status: SourceStatus,
) -> Result<(), Problem> {
    let mut definition = find(app, visitor, id).await?.definition;
    definition.status = status;
    app.store.change_source(&definition).await?;
    visitor.did(app, &format!("source.{}", status.as_str()), id).await;
    Ok(())
}

pub(super) async fn ask_archive(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let source = find(&app, &visitor, &id).await?;
    let title = words.fill("source.confirm.archive", &[("name", &source.definition.title)]);
    let (what, label) =
        (words.text("source.confirm.archive-what"), words.text("source.action.archive"));
    Ok(confirm(&visitor, &source, &title, what, "archive", label))
}

pub(super) async fn archive(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Done, Problem> {
    change_status(&app, &visitor, &id, SourceStatus::Archived).await?;
    Ok(Done::go(&app, address(&id.into())).saying("source-archived"))
}

pub(super) async fn ask_delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let source = find(&app, &visitor, &id).await?;
    let name = &source.definition.title;
    if source.last_run.is_none() {
        let title = words.fill("source.confirm.delete", &[("name", name)]);
        let (what, label) =
            (words.text("source.confirm.delete-what"), words.text("source.action.delete"));
        return Ok(confirm(&visitor, &source, &title, what, "delete", label));
    }
    let title = words.fill("source.confirm.history", &[("name", name)]);
    let (what, label) =
        (words.text("source.confirm.history-next"), words.text("source.action.archive"));
    Ok(confirm(&visitor, &source, &title, what, "archive", label))
}

pub(super) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Done, Problem> {
    let source = find(&app, &visitor, &id).await?;
    match app.store.remove_source(&source.definition.id).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => {
            let name = [("name", &source.definition.title as &dyn std::fmt::Display)];
            return Err(Problem::refused(visitor.words.fill("source.confirm.history", &name)));
        }
        Err(error) => return Err(error.into()),
    }
    visitor.did(&app, "source.delete", &id).await;
    Ok(Done::go(&app, "/sources").saying("source-deleted"))
}

/// Asks whether somebody means it.
fn confirm(
    visitor: &Visitor,
    source: &SourceEntry,
    title: &str,
    what: &str,
    action: &str,
    label: &str,
) -> layout::Page {
    let back = address(&source.definition.id);
    let action = format!("{back}/{action}");
    let section = Section::Sources;
    Question { title, what, action: &action, label, back: &back, section }.page(visitor)
}
