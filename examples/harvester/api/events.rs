//! What changes, as a stream of server-sent events.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, BoxStream, StreamExt};
use harvest_pipeline::RunId;
use schemars::{JsonSchema, json_schema};
use serde::Deserialize;

use super::confine;
use super::endpoint::{Answer, Endpoint, Sketch, Told};
use super::exchange::Params;
use super::live::Change;
use super::runs::{Run, find_run};
use crate::accounts::Permission;
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::stream::Watcher;
use crate::web::visitor::Visitor;

/// How often something is sent where nothing changes.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After so long a viewer has to come back: by then it may be somebody else's browser.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Whether somebody may still watch is asked at least this often.
const ASKED: Duration = Duration::from_secs(5);
/// How long a viewer waits before it comes back.
const AGAIN: Duration = Duration::from_secs(2);

pub(super) fn endpoints() -> Vec<Endpoint> {
    let summary = "What changes, as server-sent events: `run` with a run as it is now, `event` with \
                   something that happened. Begins with the runs as they are.";
    vec![Endpoint::get("/api/events", Permission::View, summary, watch)]
}

/// A stream of server-sent events.
#[derive(Debug)]
struct Stream(Response);

impl IntoResponse for Stream {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Answer for Stream {
    fn describe(sketch: &mut Sketch<'_>) {
        let content = Some(("text/event-stream", json_schema!({ "type": "string" })));
        sketch.answers.push(Told { status: 200, what: "The stream.", content });
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only what is about this source. Site contacts must name one of theirs, or a run of it.
    source: Option<String>,
    /// Only what is about this run.
    run: Option<i64>,
}

/// What a viewer wants to see.
#[derive(Debug)]
struct Part {
    source: Option<String>,
    run: Option<RunId>,
}

impl Part {
    fn has(&self, change: &Change) -> bool {
        self.run.is_none_or(|run| change.run == Some(run))
            && (self.source.is_none() || change.source == self.source)
    }
}

async fn watch(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Params(wanted): Params<Wanted>,
) -> Result<Stream, Problem> {
    let mut part = Part { source: None, run: wanted.run.map(RunId) };
    let mut as_it_is = None;
    if let Some(run) = wanted.run {
        as_it_is = Some(Run::from(find_run(&app, &visitor, run).await?));
    }
    if wanted.run.is_none() || wanted.source.is_some() {
        part.source = confine(&app, &visitor, wanted.source).await?.map(|id| id.to_string());
    }
    let seen = headers.get("last-event-id").and_then(|it| it.to_str().ok()?.parse().ok());
    let watching = app.live().watch(seen);
    let mut first: Vec<_> = watching.first.into_iter().filter(|it| part.has(it)).collect();
    if let Some(run) = as_it_is.filter(|_| !first.iter().any(|it| it.name == "run")) {
        // Too old to be watched: it is as it is.
        first.push(Arc::new(Change::of_run(&run, seen.unwrap_or_default())));
    }
    let watcher = Watcher::new(&app, &visitor, LONGEST);
    let beginning = (watching.next, watcher, part);
    let next = stream::unfold(beginning, |(mut next, mut watcher, part)| async move {
        while watcher.may_go_on().await {
            // One that cannot follow comes back.
            if let Ok(received) = tokio::time::timeout(ASKED, next.recv()).await {
                let change = received.ok()?;
                if part.has(&change) {
                    return Some((change, (next, watcher, part)));
                }
            }
        }
        None
    });
    let all: BoxStream<'static, Arc<Change>> = stream::iter(first).chain(next).boxed();
    let opening = stream::iter([Ok(Event::default().retry(AGAIN))]);
    let told = opening.chain(all.map(|change| Ok::<_, std::convert::Infallible>(shown(&change))));
    let kept = KeepAlive::new().interval(HEARTBEAT);
    Ok(Stream(Sse::new(told).keep_alive(kept).into_response()))
}

fn shown(change: &Change) -> Event {
    Event::default().id(change.event.to_string()).event(change.name).data(&change.data)
}
