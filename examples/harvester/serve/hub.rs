//! A WebSub hub (W3C Recommendation of 2018) for the documents of one source.
//!
//! Whoever subscribes is asked back whether that was meant, and is then sent each document that
//! changes, whole and signed with the secret that was agreed on. So that it cannot be used against
//! others, it talks to no callbacks but those it is made for ([`Callers`]), and has few subscriptions at
//! a time. They are in memory: after a restart, subscribers have to come again.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::LINK;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use resync_core::publish::is_document;
use resync_core::transport::{BodyLimits, HttpTransport, Reach, Transport};
use resync_core::{Error, ErrorKind};
use sha2::Sha256;
use tokio::sync::Semaphore;
use url::{Host, Url, form_urlencoded};

use crate::api::metrics::Tally;

/// The most subscriptions.
const MOST: usize = 100;
/// The most requests that are on their way to subscribers.
const AT_ONCE: usize = 8;
/// The most bytes of a request to subscribe.
const FORM: usize = 16 * 1024;
/// WebSub §7.1.
const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature");
/// WebSub §5.1: a secret is shorter than this.
const SECRET: usize = 200;
/// How long a subscriber may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The waits before a delivery is tried again.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// The shortest lease, the one given if none is asked for, and the longest, in seconds.
const LEASE: [i64; 3] = [60, 86_400, 10 * 86_400];

/// The hub. Clones are the same hub.
#[derive(Clone, Debug)]
pub(crate) struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What the topics are below.
    base: String,
    callers: Callers,
    permits: Semaphore,
    subscriptions: Mutex<Vec<Subscription>>,
}

/// Whom a hub calls back, and how.
#[derive(Clone, Debug)]
pub(crate) struct Callers {
    way: Arc<dyn Transport>,
    reach: Reach,
    /// Only programs on this machine.
    only_here: bool,
    tally: Tally,
}

impl Callers {
    /// Only programs on this machine.
    ///
    /// # Errors
    /// If no connections can be made.
    pub(crate) fn here() -> resync_core::Result<Self> {
        Ok(Self { only_here: true, ..Self::within(Reach::anywhere(), Tally::default())? })
    }

    /// Everybody within reach.
    ///
    /// # Errors
    /// If no connections can be made.
    pub(crate) fn within(reach: Reach, tally: Tally) -> resync_core::Result<Self> {
        let way = HttpTransport::builder()
            .reach(reach.clone())
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .build()?;
        Ok(Self { way: Arc::new(way), reach, only_here: false, tally })
    }

    /// Why this is no callback for the hub.
    fn refuse(&self, callback: &Url) -> Option<&'static str> {
        if self.only_here && !is_here(callback) {
            return Some("this hub only calls back to programs on its own machine");
        }
        let is_web = matches!(callback.scheme(), "http" | "https") && callback.username() == "";
        (!is_web || self.reach.check(callback).is_err())
            .then_some("hub.callback is out of this hub's reach")
    }

    /// Sends a request, which may not be redirected.
    async fn send(
        &self,
        request: resync_core::transport::Request,
    ) -> Option<resync_core::transport::Response> {
        let elsewhere =
            |_: &Url| Err(Error::new(ErrorKind::Redirect, "a callback leads elsewhere"));
        let sent = self.way.send(request.redirect_if(elsewhere));
        tokio::time::timeout(PATIENCE, sent).await.ok()?.ok()
    }
}

#[derive(Clone)]
struct Subscription {
    topic: String,
    callback: Url,
    secret: Option<String>,
    until: DateTime<Utc>,
}

/// Neither callback nor secret is for others to see.
impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// What is asked for (WebSub §5.1).
#[derive(Debug)]
struct Asked {
    mode: Mode,
    lease: i64,
    subscription: Subscription,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Subscribe,
    Unsubscribe,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

impl Hub {
    /// The hub of the source at `base`.
    pub(crate) fn new(base: &Url, callers: Callers) -> Self {
        Self(Arc::new(Inner {
            base: base.to_string(),
            callers,
            permits: Semaphore::new(AT_ONCE),
            subscriptions: Mutex::default(),
        }))
    }

    /// The links by which a document names the hub and itself (WebSub §4).
    pub(super) fn links(&self, topic: &str) -> String {
        format!("<{}hub>; rel=\"hub\", <{topic}>; rel=\"self\"", self.0.base)
    }

    /// Takes a request to subscribe or unsubscribe. The answer says only that it was understood;
    /// whether it was meant is asked of the subscriber.
    pub(super) async fn take(&self, request: Request) -> Response<Body> {
        if request.method() != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "subscribe with POST");
        }
        let Ok(form) = to_bytes(request.into_body(), FORM).await else {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
        };
        let asked = match Asked::read(&form, &self.0.base) {
            Ok(asked) => asked,
            Err(why) => return text(StatusCode::BAD_REQUEST, why),
        };
        let subscription = &asked.subscription;
        if let Some(why) = self.0.callers.refuse(&subscription.callback) {
            return text(StatusCode::BAD_REQUEST, why);
        }
        let is_new = asked.mode == Mode::Subscribe
            && !self.subscriptions().iter().any(|it| it.is_same(subscription));
        if is_new && self.subscriptions().len() >= MOST {
            return text(StatusCode::SERVICE_UNAVAILABLE, "there are too many subscriptions");
        }
        let hub = self.clone();
        tokio::spawn(async move {
            if hub.is_meant(&asked).await {
                hub.take_up(asked);
            }
        });
        text(StatusCode::ACCEPTED, "you will be asked back")
    }

    /// Sends a document that has changed to those who want to know.
    pub(super) fn distribute(&self, topic: &str, body: Vec<u8>) {
        let body = Bytes::from(body);
        let subscriptions = self.subscriptions();
        for subscription in subscriptions.iter().filter(|it| it.topic == topic) {
            let (hub, subscription, body) = (self.clone(), subscription.clone(), body.clone());
            tokio::spawn(async move { hub.deliver(&subscription, body).await });
        }
    }

    /// Those whose lease has not ended.
    fn subscriptions(&self) -> MutexGuard<'_, Vec<Subscription>> {
        let mut all = self.0.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Utc::now();
        all.retain(|subscription| subscription.until > now);
        all
    }

    fn take_up(&self, asked: Asked) {
        let mut all = self.subscriptions();
        all.retain(|it| !it.is_same(&asked.subscription));
        if asked.mode == Mode::Subscribe && all.len() < MOST {
            all.push(asked.subscription);
        }
    }

    /// Asks the subscriber (WebSub §5.3).
    async fn is_meant(&self, asked: &Asked) -> bool {
        let Ok(_permit) = self.0.permits.acquire().await else { return false };
        let challenge = challenge();
        let mut url = asked.subscription.callback.clone();
        url.query_pairs_mut()
            .append_pair("hub.mode", asked.mode.name())
            .append_pair("hub.topic", &asked.subscription.topic)
            .append_pair("hub.challenge", &challenge)
            .append_pair("hub.lease_seconds", &asked.lease.to_string());
        let request = resync_core::transport::Request::get(url);
        let Some(response) = self.0.callers.send(request).await else { return false };
        let status = response.status;
        let limits = BodyLimits::default().max(challenge.len() as u64);
        let Ok(answer) = response.collect(&limits).await else { return false };
        let said = answer.payload.head(challenge.len() + 1);
        status.is_success() && said.is_ok_and(|said| said == challenge.as_bytes())
    }

    /// Sends a document to one subscriber (WebSub §7), a few times if need be.
    async fn deliver(&self, subscription: &Subscription, body: Bytes) {
        let (Ok(url), Ok(links)) = (
            Url::parse(subscription.callback.as_str()),
            HeaderValue::from_str(&self.links(&subscription.topic)),
        ) else {
            return;
        };
        let tally = &self.0.callers.tally;
        for wait in std::iter::once(Duration::ZERO).chain(AGAIN) {
            tokio::time::sleep(wait).await;
            let Ok(_permit) = self.0.permits.acquire().await else { return };
            let content_type = HeaderValue::from_static("application/xml");
            let mut request =
                resync_core::transport::Request::post(url.clone(), content_type, body.clone())
                    .header(LINK, links.clone());
            let signature = subscription.signature(&body);
            if let Some(Ok(signature)) = signature.map(|it| HeaderValue::from_str(&it)) {
                request = request.header(SIGNATURE, signature);
            }
            match self.0.callers.send(request).await.map(|response| response.status) {
                Some(status) if status.is_success() => return tally.notice("sent", "taken"),
                // The subscriber is there no more.
                Some(StatusCode::GONE) => {
                    self.subscriptions().retain(|it| !it.is_same(subscription));
                    return tally.notice("sent", "gone");
                }
                _ => {}
            }
        }
        tally.notice("sent", "failed");
    }
}

impl Asked {
    /// Reads a form; what is wrong with it is told.
    fn read(form: &[u8], base: &str) -> Result<Self, &'static str> {
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(form);
            pairs.find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
        };
        let mode = match value("hub.mode").as_deref() {
            Some("subscribe") => Mode::Subscribe,
            Some("unsubscribe") => Mode::Unsubscribe,
            _ => return Err("hub.mode is subscribe or unsubscribe"),
        };
        let topic = value("hub.topic").ok_or("hub.topic is missing")?;
        if !topic.strip_prefix(base).is_some_and(is_document) {
            return Err("hub.topic is no document of this source");
        }
        let callback = value("hub.callback").and_then(|callback| Url::parse(&callback).ok());
        let callback = callback.ok_or("hub.callback is no address")?;
        let secret = value("hub.secret").filter(|secret| !secret.is_empty());
        if secret.as_ref().is_some_and(|secret| secret.len() >= SECRET) {
            return Err("hub.secret is too long");
        }
        let [shortest, usual, longest] = LEASE;
        let lease = value("hub.lease_seconds").and_then(|lease| lease.parse().ok());
        let lease = lease.unwrap_or(usual).clamp(shortest, longest);
        let until = Utc::now() + TimeDelta::seconds(lease);
        Ok(Self { mode, lease, subscription: Subscription { topic, callback, secret, until } })
    }
}

impl Subscription {
    fn is_same(&self, other: &Self) -> bool {
        self.topic == other.topic && self.callback == other.callback
    }

    /// The signature of a body (WebSub §7.1).
    fn signature(&self, body: &[u8]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_ref()?.as_bytes()).ok()?;
        mac.update(body);
        Some(format!("sha256={}", hex(&mac.finalize().into_bytes())))
    }
}

/// Whether an address is on this machine.
fn is_here(url: &Url) -> bool {
    let is_web = matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    is_web
        && match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
}

/// Something that only who gets it knows.
fn challenge() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // Keyed by the operating system's randomness.
    let state = RandomState::new();
    format!("{:016x}{:016x}", state.hash_one(0_u8), state.hash_one(1_u8))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // to a String: cannot fail
        text
    })
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    response
}
