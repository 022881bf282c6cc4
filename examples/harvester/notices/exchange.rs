//! One request of a hub at a callback.

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode, Uri};
use resync_core::notify::{Event, Incoming, Rejection, Subscription};

/// A request, as far as it is looked at.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, BytesRejection>,
}

impl Said {
    /// What to answer, and what it means to the subscription that it is about.
    pub(crate) fn to(
        &self,
        subscription: &mut Subscription,
        now: DateTime<Utc>,
    ) -> (Response, Option<Event>) {
        let body = match &self.body {
            Ok(body) => body,
            Err(rejection) => {
                let is_large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
                let event = is_large.then_some(Event::Rejected { reason: Rejection::TooLarge });
                return (empty(rejection.status()), event);
            }
        };
        let incoming = Incoming {
            method: self.method.as_str(),
            query: self.uri.query(),
            headers: &self.headers,
            body,
        };
        let outgoing = subscription.handle(incoming, now);
        let mut response = empty(outgoing.status);
        *response.headers_mut() = outgoing.headers;
        *response.body_mut() = Body::from(outgoing.body);
        (response, outgoing.event)
    }
}

/// Nothing but a status.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
