use chrono::{DateTime, Utc};
use http::header;
use url::Url;

use super::Subscription;
use crate::retry::retry_after;
use crate::transport::{Answer, BodyLimits, Payload, Request, Transport};
use crate::{Error, ErrorKind, Result};

/// The most bytes of a hub's answer that are read.
const ANSWER: u64 = 64 * 1024;

/// Sends a request to the hub that [`Subscription::start`] or [`Subscription::stop`] made.
///
/// Any 2xx is good; 202 is the proper one (WebSub §5.1.2).
///
/// # Errors
/// When the hub cannot be reached, or does not accept.
pub async fn send(transport: &dyn Transport, request: &Request) -> Result<()> {
    let response = transport.send(request.clone()).await?;
    let (status, headers, url) = (response.status, response.headers.clone(), response.url.clone());
    // What the body says is for people. Whether it arrives whole does not matter.
    let limits = BodyLimits::default().max(ANSWER);
    let answer = match response.collect(&limits).await {
        Ok(answer) => answer,
        Err(_) => Answer::new(status, headers, url, Payload::Memory(Vec::new())),
    };
    request.check(&answer)
}

impl Subscription {
    /// Asks the hub for the subscription, or for a longer one.
    ///
    /// The hub may ask back at once, even before it answers. Where [`handle`](Self::handle) has to
    /// wait for this future, because both need the same lock, such a hub waits in vain: then take
    /// [`start`](Self::start), release the lock, and [`send`] the request.
    ///
    /// # Errors
    /// When the hub cannot be reached, or does not accept; see [`failed`](Self::failed).
    pub async fn subscribe(&mut self, transport: &dyn Transport, now: DateTime<Utc>) -> Result<()> {
        let request = self.start(now);
        let result = send(transport, &request).await;
        if result.is_err() {
            self.failed(now);
        }
        result
    }

    /// Asks the hub to end the subscription. What is said at [`subscribe`](Self::subscribe) holds.
    ///
    /// # Errors
    /// When the hub cannot be reached, or does not accept; see [`failed`](Self::failed).
    pub async fn unsubscribe(
        &mut self,
        transport: &dyn Transport,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let request = self.stop();
        let result = send(transport, &request).await;
        if result.is_err() {
            self.failed(now);
        }
        result
    }
}

/// Whether the hub accepts. Errors name the hub's own address: where redirects led may have the
/// form, and with it the secret, in its query.
pub(super) fn accepted(answer: &Answer, hub: &Url) -> Result<()> {
    // After any redirect but 307 and 308 the form is not posted, and a web page is no consent.
    if answer.url.query_pairs().any(|(name, _)| name == "hub.callback") {
        let detail = "the hub redirects in a way that does not keep the request";
        return Err(Error::new(ErrorKind::Redirect, detail).with_url(hub));
    }
    if answer.status.is_success() {
        return Ok(());
    }
    let wait = answer.headers.get(header::RETRY_AFTER).and_then(retry_after);
    Err(Error::status(answer.status).with_url(hub).with_retry_after(wait))
}
