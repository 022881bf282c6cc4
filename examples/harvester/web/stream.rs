//! Streams of events for pages that follow what happens.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::Instant;

use super::parts::Live;
use super::problem::Problem;

/// What changes is sent no more often than this, and looked for at least this often.
const EVERY: Duration = Duration::from_secs(1);
/// Then browsers connect again, and whether they still may is asked again.
const LONGEST: Duration = Duration::from_secs(600);

/// A stream of what `look` sees: first at once, then whenever it has changed, until it does not go on.
///
/// # Errors
/// If the first look fails.
pub(super) async fn follow<L, F>(look: L) -> Result<Response, Problem>
where
    L: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<Live, Problem>> + Send + 'static,
{
    let first = look().await?;
    let until = Instant::now() + LONGEST;
    let follower = Follower { look, until, sent: None, next: Next::Send(first) };
    let events = stream::unfold(follower, Follower::step);
    let sse = Sse::new(events).keep_alive(KeepAlive::default());
    // Otherwise nginx keeps events until it has many.
    Ok(([("x-accel-buffering", "no")], sse).into_response())
}

struct Follower<L> {
    look: L,
    until: Instant,
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
                    tokio::time::sleep(EVERY).await;
                    if Instant::now() > self.until {
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
}
