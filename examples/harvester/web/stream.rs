//! Streams of events for pages that follow what happens.
//!
//! One reader of the store tells all of them that something changed; then a page that it concerns looks.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use harvest_pipeline::RunId;
use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, timeout_at};

use super::app::App;
use super::parts::Live;
use super::problem::Problem;
use super::visitor::Visitor;
use crate::api::live::Change;

/// What changes is sent no more often than this.
const EVERY: Duration = Duration::from_secs(1);
/// It is looked for at least this often: how long things have taken changes by itself.
const IDLE: Duration = Duration::from_secs(5);
/// Whether somebody may still watch is asked this often.
const ASKED: Duration = Duration::from_secs(3);

/// Somebody who watches, for as long as they may.
#[derive(Debug)]
pub(crate) struct Watcher {
    app: App,
    visitor: Visitor,
    until: Instant,
    asked: Instant,
}

impl Watcher {
    /// A visitor who was let in just now, and is to come back after so long.
    pub(crate) fn new(app: &App, visitor: &Visitor, longest: Duration) -> Self {
        let now = Instant::now();
        Self { app: app.clone(), visitor: visitor.clone(), until: now + longest, asked: now }
    }

    /// Whether they may watch on. Whoever is locked, logged out or made something else may not.
    pub(crate) async fn may_go_on(&mut self) -> bool {
        let now = Instant::now();
        if now > self.until {
            return false;
        }
        if now - self.asked < ASKED {
            return true;
        }
        self.asked = now;
        self.visitor.is_still_in(&self.app).await
    }
}

/// After so long browsers connect again.
const LONGEST: Duration = Duration::from_secs(600);

/// A stream of what `look` sees: first at once, then whenever it has changed after something happened
/// (to this run, if one is named), until it does not go on.
///
/// # Errors
/// If the first look fails.
pub(super) async fn follow<L, F>(
    app: &App,
    visitor: &Visitor,
    run: Option<RunId>,
    look: L,
) -> Result<Response, Problem>
where
    L: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<Live, Problem>> + Send + 'static,
{
    let changes = app.live().watch(None).next;
    let first = look().await?;
    let watcher = Watcher::new(app, visitor, LONGEST);
    let follower = Follower { look, run, changes, watcher, sent: None, next: Next::Send(first) };
    let events = stream::unfold(follower, Follower::step);
    let sse = Sse::new(events).keep_alive(KeepAlive::default());
    // Otherwise nginx keeps events until it has many.
    Ok(([("x-accel-buffering", "no"), ("cache-control", "no-store")], sse).into_response())
}

struct Follower<L> {
    look: L,
    /// What is followed; `None`: everything.
    run: Option<RunId>,
    changes: Receiver<Arc<Change>>,
    watcher: Watcher,
    /// What was sent last.
    sent: Option<String>,
    next: Next,
}

enum Next {
    Send(Live),
    Look,
    SayOver,
    End,
}

impl<L, F> Follower<L>
where
    L: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<Live, Problem>> + Send + 'static,
{
    async fn step(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            let live = match std::mem::replace(&mut self.next, Next::Look) {
                Next::Send(live) => live,
                Next::Look => {
                    self.wait().await;
                    if !self.watcher.may_go_on().await {
                        return None;
                    }
                    (self.look)().await.ok()?
                }
                Next::SayOver => {
                    self.next = Next::End;
                    return Some((Ok(Event::default().event("over").data("over")), self));
                }
                Next::End => return None,
            };
            self.next = if live.goes_on { Next::Look } else { Next::SayOver };
            // A carriage return would end a line of the stream.
            let shown = live.markup.into_string().replace('\r', "&#13;");
            if self.sent.as_ref() != Some(&shown) || !live.goes_on {
                let event = Event::default().event("now").data(&shown);
                self.sent = Some(shown);
                return Some((Ok(event), self));
            }
        }
    }

    /// Waits until something happened that is followed, or long enough.
    async fn wait(&mut self) {
        let idle = Instant::now() + IDLE;
        tokio::time::sleep(EVERY).await;
        while let Ok(received) = timeout_at(idle, self.changes.recv()).await {
            let is_followed = |change: Arc<Change>| self.run.is_none() || change.run == self.run;
            // Whoever missed some looks, too.
            if received.map_or(true, is_followed) {
                break;
            }
        }
        // What happened until now is seen in one look.
        self.changes = self.changes.resubscribe();
    }
}
