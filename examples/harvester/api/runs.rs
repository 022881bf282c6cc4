//! Runs: what was done, what is being done, what waits.

use std::time::Duration;

use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use harvest_pipeline::store::{
    Coverage, Ending, EventLevel, EventQuery, Failure, Held, Page, Requested, RunEntry, RunKind,
    RunQuery, RunRequest, StoredEvent, Trigger,
};
use harvest_pipeline::{Counters, RunId, RunState, SourceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::confine;
use super::endpoint::Endpoint;
use super::exchange::{Accepted, Body, Limit, Listing, Params, Reply};
use crate::accounts::{Permission, asked_for};
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::sources::find;
use crate::web::visitor::Visitor;

/// For so long a run is this process's while a decision about it is entered.
const DECIDING: Duration = Duration::from_secs(60);

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::{Approve, Run, View};
    vec![
        Endpoint::post("/api/sources/{source}/runs", Run, "Asks for a run of a source", request),
        Endpoint::get(
            "/api/sources/{source}/coverage",
            View,
            "Which time of a source was harvested, by its end",
            coverage,
        ),
        Endpoint::get("/api/runs", View, "The runs, newest first", list),
        Endpoint::get("/api/runs/{run}", View, "A run", get),
        Endpoint::post("/api/runs/{run}/cancel", Run, "Stops a run", cancel),
        Endpoint::post("/api/runs/{run}/pause", Run, "Pauses a run that goes on", pause),
        Endpoint::post("/api/runs/{run}/resume", Run, "Lets a paused run go on", resume),
        Endpoint::post(
            "/api/runs/{run}/approve",
            Approve,
            "Agrees to the deletions that a run waits with; a worker does them",
            approve,
        ),
        Endpoint::post(
            "/api/runs/{run}/reject",
            Approve,
            "Does not agree to the deletions that a run waits with: the records stay",
            reject,
        ),
        Endpoint::get(
            "/api/runs/{run}/events",
            View,
            "What happened in a run, newest first",
            events,
        ),
        Endpoint::get("/api/log", View, "What happened anywhere, newest first", log),
    ]
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Run {
    /// Its number: later ones are higher.
    pub(super) id: RunId,
    /// The source.
    pub(super) source: String,
    /// What it does.
    kind: RunKind,
    /// Why there is it.
    trigger: Trigger,
    /// Who asked for it.
    by: Option<String>,
    /// Whether it begins at the beginning.
    full: bool,
    /// Whether it only says what it would do.
    dry_run: bool,
    /// The run that it follows.
    parent: Option<RunId>,
    /// Runs that were asked for together have the same.
    group: Option<i64>,
    /// How far it is.
    pub(super) state: RunState,
    /// What its worker is to do at the next occasion: `cancel` or `pause`.
    wanted: Option<&'static str>,
    /// How many workers have had it.
    attempt: u32,
    /// Who has it.
    worker: Option<String>,
    /// What became of the records so far.
    counters: Counters,
    /// How many batches were stored.
    batches: u64,
    /// How many bytes were received.
    bytes: u64,
    /// What is done of it, from 0 to 1, by what the source claims.
    progress: Option<f64>,
    /// Deletions that a person must agree to.
    held: Option<Held>,
    /// Why it failed.
    failure: Option<Failure>,
    /// When it was asked for.
    queued: DateTime<Utc>,
    /// When a worker took it first.
    started: Option<DateTime<Utc>>,
    /// When it was over.
    ended: Option<DateTime<Utc>>,
}

impl From<RunEntry> for Run {
    fn from(entry: RunEntry) -> Self {
        Self {
            id: entry.id,
            progress: entry.progress(),
            source: entry.request.source.to_string(),
            kind: entry.request.kind,
            trigger: entry.request.trigger,
            by: entry.request.by,
            full: entry.request.full,
            dry_run: entry.request.dry_run,
            parent: entry.request.parent,
            group: entry.request.group,
            state: entry.state,
            wanted: entry.wanted.map(|wanted| wanted.as_str()),
            attempt: entry.attempt,
            worker: entry.worker,
            counters: entry.counters,
            batches: entry.batches,
            bytes: entry.bytes,
            held: entry.held,
            failure: entry.failure,
            queued: entry.queued,
            started: entry.started,
            ended: entry.ended,
        }
    }
}

/// A run that is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// What it does.
    kind: RunKind,
    /// Whether it begins at the beginning.
    #[serde(default)]
    full: bool,
    /// Whether it only says what it would do.
    #[serde(default)]
    dry_run: bool,
    /// The dry run or collection that an import is of.
    #[serde(default)]
    parent: Option<RunId>,
    /// Not before this time.
    #[serde(default)]
    not_before: Option<DateTime<Utc>>,
}

/// What came of asking for a run.
#[derive(Debug, Serialize, JsonSchema)]
struct Answered {
    /// Whether it was queued; if not, the source has this open run already.
    queued: bool,
    /// The source's open run.
    run: Run,
}

async fn request(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Body(asked): Body<Asked>,
) -> Result<Accepted<Answered>, Problem> {
    let source = find(&app, &visitor, &id).await?.definition;
    if asked.kind == RunKind::Import && source.options["mode"] == "audit" {
        return Err(Problem::conflict(visitor.words.text("source.only-compared")));
    }
    if let Some(parent) = asked.parent {
        let parent = app.store.run(parent).await?;
        if parent.is_none_or(|parent| parent.request.source != source.id) {
            return Err(Problem::bad_request("parent: that is no run of this source"));
        }
    }
    let mut request = RunRequest::new(source.id.clone(), asked.kind);
    request.trigger = Trigger::Api;
    request.by = visitor.name();
    request.full = asked.full;
    request.dry_run = asked.dry_run;
    request.parent = asked.parent;
    request.not_before = asked.not_before;
    let requested = app.store.request_run(&request).await?;
    let queued = matches!(requested, Requested::Queued(_));
    if queued {
        visitor.did(&app, &asked_for(&request), &id).await;
    }
    let run = app.store.run(requested.run()).await?.ok_or_else(Problem::not_found)?;
    Ok(Accepted(Answered { queued, run: run.into() }))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only those of this source. Site contacts must name one of theirs.
    source: Option<String>,
    /// Only those in this state.
    state: Option<RunState>,
    /// Only those that were asked for together.
    group: Option<i64>,
    /// Only those behind, that is before, this number.
    after: Option<i64>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Params(wanted): Params<Wanted>,
) -> Result<Listing<Run>, Problem> {
    let limit = wanted.limit.get();
    let mut query = RunQuery::default();
    query.source = confine(&app, &visitor, wanted.source).await?;
    query.states = wanted.state.into_iter().collect();
    query.group = wanted.group;
    query.page = Page::first(limit);
    query.page.after = wanted.after.map(RunId);
    let found = app.store.runs(&query).await?.into_iter().map(Run::from).collect();
    Ok(Listing::new(&visitor, limit, found, |run: &Run| run.id.to_string()))
}

/// The run of this number, if the visitor may see it.
pub(super) async fn find_run(app: &App, visitor: &Visitor, id: i64) -> Result<RunEntry, Problem> {
    let run = app.store.run(RunId(id)).await?.ok_or_else(Problem::not_found)?;
    if visitor.confined_to().is_some() {
        find(app, visitor, run.request.source.as_str()).await?;
    }
    Ok(run)
}

async fn get(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Reply<Run>, Problem> {
    Ok(Reply(find_run(&app, &visitor, id).await?.into()))
}

async fn cancel(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Reply<Run>, Problem> {
    let run = find_run(&app, &visitor, id).await?.id;
    app.store.cancel_run(run).await?;
    done(&app, &visitor, run, "run.cancel").await
}

async fn pause(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Reply<Run>, Problem> {
    let run = find_run(&app, &visitor, id).await?.id;
    app.store.pause_run(run).await?;
    done(&app, &visitor, run, "run.pause").await
}

async fn resume(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Reply<Run>, Problem> {
    let run = find_run(&app, &visitor, id).await?.id;
    app.store.resume_run(run).await?;
    done(&app, &visitor, run, "run.resume").await
}

/// Whoever agrees has the run, and would have to do its deletions: it goes back into the queue with
/// what was decided, and a worker does them.
async fn approve(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Reply<Run>, Problem> {
    let run = find_run(&app, &visitor, id).await?.id;
    let ticket = app.store.approve_run(run, "api", DECIDING).await?;
    let now = app.store.now().await?;
    app.store.end_run(ticket, &Ending::Later(now)).await?;
    done(&app, &visitor, run, "run.approve").await
}

async fn reject(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Reply<Run>, Problem> {
    let run = find_run(&app, &visitor, id).await?.id;
    app.store.reject_run(run).await?;
    done(&app, &visitor, run, "run.reject").await
}

async fn done(app: &App, visitor: &Visitor, run: RunId, what: &str) -> Result<Reply<Run>, Problem> {
    visitor.did(app, what, run).await;
    Ok(Reply(app.store.run(run).await?.ok_or_else(Problem::not_found)?.into()))
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Happened {
    /// Its number: later ones are higher.
    pub(super) id: i64,
    /// When it happened.
    time: DateTime<Utc>,
    /// The source that it is about.
    source: Option<String>,
    /// The run that it is about.
    run: Option<RunId>,
    /// The record that it is about.
    record: Option<String>,
    /// What happened, in one word.
    code: String,
    /// How much it matters.
    level: EventLevel,
    /// What happened.
    message: String,
    /// The URL that was asked.
    url: Option<String>,
}

impl From<StoredEvent> for Happened {
    fn from(stored: StoredEvent) -> Self {
        let event = stored.event;
        Self {
            id: stored.id,
            time: stored.time,
            source: event.scope.source.map(|source| source.to_string()),
            run: event.scope.run,
            record: event.scope.record,
            code: event.code,
            level: event.level,
            message: event.message,
            url: event.url,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EventsWanted {
    /// Only those at least so serious.
    level: Option<EventLevel>,
    /// Only those behind, that is before, this number.
    after: Option<i64>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn events(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Params(wanted): Params<EventsWanted>,
) -> Result<Listing<Happened>, Problem> {
    let mut query = EventQuery::default();
    query.run = Some(find_run(&app, &visitor, id).await?.id);
    query.level = wanted.level;
    query.page.after = wanted.after;
    page_of_events(&app, &visitor, query, wanted.limit).await
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LogWanted {
    /// Only what is about this source. Site contacts must name one of theirs.
    source: Option<String>,
    /// Only those at least so serious.
    level: Option<EventLevel>,
    /// Only those behind, that is before, this number.
    after: Option<i64>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn log(
    State(app): State<App>,
    visitor: Visitor,
    Params(wanted): Params<LogWanted>,
) -> Result<Listing<Happened>, Problem> {
    let mut query = EventQuery::default();
    query.source = confine(&app, &visitor, wanted.source).await?;
    query.level = wanted.level;
    query.page.after = wanted.after;
    page_of_events(&app, &visitor, query, wanted.limit).await
}

async fn page_of_events(
    app: &App,
    visitor: &Visitor,
    mut query: EventQuery,
    limit: Limit,
) -> Result<Listing<Happened>, Problem> {
    query.page.limit = limit.get();
    let found = app.store.events(&query).await?.into_iter().map(Happened::from).collect();
    Ok(Listing::new(visitor, limit.get(), found, |event: &Happened| event.id.to_string()))
}

/// A stretch of time that was harvested.
#[derive(Debug, Serialize, JsonSchema)]
struct Covered {
    /// From when; none: from the beginning.
    from: Option<DateTime<Utc>>,
    /// Until when.
    until: DateTime<Utc>,
    /// By which run.
    run: RunId,
    /// How many records came.
    records: u64,
    /// How many of them failed.
    failed: u64,
}

impl From<Coverage> for Covered {
    fn from(of: Coverage) -> Self {
        Self { from: of.from, until: of.until, run: of.run, records: of.records, failed: of.failed }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CoverageWanted {
    /// Only what ends after this time.
    since: Option<DateTime<Utc>>,
}

async fn coverage(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Params(wanted): Params<CoverageWanted>,
) -> Result<Listing<Covered>, Problem> {
    let source: SourceId = find(&app, &visitor, &id).await?.definition.id;
    let covered = app.store.coverage(&source, wanted.since).await?;
    Ok(Listing::whole(covered.into_iter().map(Covered::from).collect()))
}
