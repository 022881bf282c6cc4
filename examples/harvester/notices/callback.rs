//! `/notify/…`: what a hub says. It is kept and answered at once; what follows from it, the
//! [`Keeper`](super::Keeper) does.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State as Shared};
use axum::response::Response;
use axum::routing::any;
use chrono::{TimeDelta, Utc};
use http::{HeaderMap, Method, StatusCode, Uri};
use resync_core::notify::Event;
use tokio::sync::Notify;

use super::exchange::{Said, empty};
use super::{LARGEST, State, Subscriptions};
use crate::accounts::DocumentError;
use crate::api::metrics::Tally;

/// How often it is tried to keep what a hub says, while others change the same.
const TRIES: usize = 20;
/// After so long a hub that does not want a subscription is asked once more.
const DENIED: TimeDelta = TimeDelta::days(1);

/// What answers hubs.
#[derive(Clone, Debug)]
pub(crate) struct Callbacks {
    pub(crate) subscriptions: Subscriptions,
    pub(crate) tally: Tally,
    /// Told when there is something to do.
    pub(crate) heard: Arc<Notify>,
}

impl Callbacks {
    /// What answers requests.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/notify/{name}", any(answer))
            .layer(DefaultBodyLimit::max(LARGEST))
            .with_state(self)
    }

    async fn take(&self, name: &str, said: &Said) -> Result<Response, DocumentError> {
        let Some(source) = self.subscriptions.source(name).await? else {
            return Ok(empty(StatusCode::NOT_FOUND));
        };
        for _ in 0..TRIES {
            let kept = self.subscriptions.of(&source).await?;
            let Some((mut kept, mut subscription)) = kept.and_then(|kept| {
                let subscription = self.subscriptions.subscription(&kept.body)?;
                Some((kept, subscription))
            }) else {
                return Ok(empty(StatusCode::NOT_FOUND));
            };
            let now = Utc::now();
            let (response, event) = said.to(&mut subscription, now);
            let Some(event) = event else { return Ok(response) };
            let outcome = match &event {
                Event::Subscribed { until } => {
                    kept.body.granted(*until, now);
                    "subscribed"
                }
                Event::Denied { reason } => {
                    kept.body.state = State::Denied(reason.clone().unwrap_or_default());
                    (kept.body.until, kept.body.next) = (None, now + DENIED);
                    "denied"
                }
                Event::Changes { .. } => {
                    kept.body.notices += 1;
                    kept.body.last_notice = Some(now);
                    "changes"
                }
                Event::Unsubscribed => {
                    self.subscriptions.forget(&kept).await?;
                    self.tally.notice("received", "unsubscribed");
                    return Ok(response);
                }
                Event::Rejected { reason } => {
                    tracing::warn!(%source, %reason, "a request at the callback is not acted on");
                    self.tally.notice("received", "rejected");
                    return Ok(response);
                }
                _ => {
                    self.tally.notice("received", "other");
                    return Ok(response);
                }
            };
            if self.subscriptions.replace(&kept, now).await? {
                tracing::info!(%source, outcome, "the hub of a source has said something");
                self.tally.notice("received", outcome);
                self.heard.notify_one();
                return Ok(response);
            }
        }
        // The hub will come again.
        Ok(empty(StatusCode::SERVICE_UNAVAILABLE))
    }
}

async fn answer(
    Shared(callbacks): Shared<Callbacks>,
    Path(name): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let said = Said { method, uri, headers, body };
    callbacks.take(&name, &said).await.unwrap_or_else(|error| {
        tracing::error!(%error, "what a hub says cannot be kept");
        empty(StatusCode::SERVICE_UNAVAILABLE)
    })
}
