//! `harvester run`

use std::fmt::Write;

use harvest_pipeline::engine::Worker;
use harvest_pipeline::store::{
    EventQuery, Page, Requested, RunEntry, RunQuery, RunRequest, Store, StoreError,
};
use harvest_pipeline::{RunId, SourceId};
use serde_json::json;

use super::shown;
use super::waiting::{Patience, verdict};
use crate::accounts::asked_for;
use crate::args::{ListRunsArgs, RunCommand, ShowRunArgs, StartArgs};
use crate::output::{one_line, print};
use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::service::clerk::{Clerk, system_user};

/// What runs are managed with.
pub(in crate::service) struct Manager<'a> {
    pub(in crate::service) store: &'a dyn Store,
    pub(in crate::service) clerk: Clerk<'a>,
    /// The worker that this process would be.
    pub(in crate::service) worker: Worker,
    /// How many workers may lose a run before it is given up.
    pub(in crate::service) most_attempts: u32,
    pub(in crate::service) console: &'a Console,
    pub(in crate::service) as_json: bool,
}

/// Manages runs.
///
/// # Errors
/// If there is no such run, it cannot be done what is asked for, or the database cannot be used.
pub(in crate::service) async fn run(
    command: &RunCommand,
    manager: &Manager<'_>,
) -> Result<Status, Failure> {
    let store = manager.store;
    let (what, run) = match command {
        RunCommand::Start(args) => return start(args, manager).await,
        RunCommand::Wait(args) => return wait(&args.runs, None, manager).await,
        RunCommand::List(args) => return list(args, manager).await,
        RunCommand::Show(args) => return show(args, manager).await,
        RunCommand::Cancel(args) => {
            store.cancel_run(args.run).await?;
            ("run.cancel", args.run)
        }
        RunCommand::Pause(args) => {
            store.pause_run(args.run).await?;
            ("run.pause", args.run)
        }
        RunCommand::Resume(args) => {
            store.resume_run(args.run).await?;
            ("run.resume", args.run)
        }
        RunCommand::Reject(args) => {
            store.reject_run(args.run).await?;
            ("run.reject", args.run)
        }
        RunCommand::Approve(args) => {
            manager.worker.approve(args.run).await?;
            ("run.approve", args.run)
        }
    };
    manager.clerk.did(what, run).await;
    told(&known(store, run).await?, manager.as_json)?;
    Ok(Status::Complete)
}

async fn known(store: &dyn Store, run: RunId) -> Result<RunEntry, StoreError> {
    store.run(run).await?.ok_or_else(|| StoreError::missing("run", &run))
}

fn told(run: &RunEntry, as_json: bool) -> Result<(), Failure> {
    print(match as_json {
        true => format!("{}\n", shown::run_json(run)),
        false => format!("{}\n", one_line(&shown::run_line(run))),
    })
}

/// Says how a run is.
pub(super) async fn told_of(run: RunId, manager: &Manager<'_>) -> Result<(), Failure> {
    told(&known(manager.store, run).await?, manager.as_json)
}

/// Asks for runs; with `--now` does them.
async fn start(args: &StartArgs, manager: &Manager<'_>) -> Result<Status, Failure> {
    let mut runs = Vec::new();
    for source in &args.sources {
        let mut request = RunRequest::new(source.as_str(), args.kind);
        request.full = args.full;
        request.dry_run = args.dry_run;
        request.parent = args.parent;
        request.by = system_user();
        let requested = manager.store.request_run(&request).await?;
        match requested {
            Requested::AlreadyOpen(run) => manager
                .console
                .notice(&format!("{source} has run {run} already, which is not over")),
            Requested::Queued(_) => manager.clerk.did(&asked_for(&request), source).await,
        }
        runs.push(requested.run());
    }
    if !args.now && !args.wait {
        for run in runs {
            told_of(run, manager).await?;
        }
        return Ok(Status::Complete);
    }
    let worker = args.now.then_some(&manager.worker);
    wait(&runs, worker, manager).await
}

/// Waits until these runs are over, or with a worker and no runs, until none is queued.
pub(super) async fn wait(
    runs: &[RunId],
    worker: Option<&Worker>,
    manager: &Manager<'_>,
) -> Result<Status, Failure> {
    let patience = Patience {
        store: manager.store,
        most_attempts: manager.most_attempts,
        console: manager.console,
    };
    let entries = match worker {
        Some(worker) => patience.with(worker, runs).await?,
        None => patience.wait(runs).await?,
    };
    let mut status = Status::Complete;
    for entry in &entries {
        told(entry, manager.as_json)?;
        status = status.max(verdict(entry));
    }
    Ok(status)
}

async fn list(args: &ListRunsArgs, manager: &Manager<'_>) -> Result<Status, Failure> {
    let mut query = RunQuery::default();
    query.source = args.source.as_deref().map(SourceId::from);
    query.states.clone_from(&args.states);
    query.page = Page::first(args.lines);
    for run in manager.store.runs(&query).await? {
        told(&run, manager.as_json)?;
    }
    Ok(Status::Complete)
}

async fn show(args: &ShowRunArgs, manager: &Manager<'_>) -> Result<Status, Failure> {
    let run = known(manager.store, args.run.run).await?;
    let mut query = EventQuery::default();
    query.run = Some(run.id);
    query.page = Page::first(args.events);
    let mut events = manager.store.events(&query).await?;
    events.reverse();
    if manager.as_json {
        let mut all = shown::run_json(&run);
        all["events"] = events.iter().map(shown::event_json).collect();
        print(format!("{}\n", json!(all)))?;
        return Ok(Status::Complete);
    }
    let mut text = format!("{}\n", one_line(&shown::run_line(&run)));
    for event in &events {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {}", one_line(&shown::event_line(event)));
    }
    print(text)?;
    Ok(Status::Complete)
}
