//! How much anybody may ask: so many requests a minute from one address, and so many answered at once.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::service::ProvideSettings;

const MINUTE: Duration = Duration::from_secs(60);
/// Of so many addresses it is known how often they asked.
const MOST_ADDRESSES: usize = 10_000;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much anybody may ask.
#[derive(Debug)]
pub(super) struct Limits {
    lists: Rate,
    resources: Rate,
    turns: Arc<Semaphore>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Something that may have a thousand records.
    List,
    /// A record, or a document that is ready.
    Resource,
}

/// So many requests a minute from one address.
#[derive(Debug)]
struct Rate {
    per_minute: u32,
    asked: Mutex<Asked>,
}

/// Who asked how often since then.
#[derive(Debug)]
struct Asked {
    since: Instant,
    by: HashMap<IpAddr, u32>,
}

impl Limits {
    pub(super) fn new(settings: &ProvideSettings) -> Self {
        Self {
            lists: Rate::new(settings.requests_per_minute),
            resources: Rate::new(settings.resources_per_minute),
            turns: Arc::new(Semaphore::new(settings.at_once as usize)),
        }
    }

    /// A turn for a request from this address, held while it is answered.
    ///
    /// # Errors
    /// When to come back, if there is none.
    pub(super) async fn turn(
        &self,
        what: What,
        address: IpAddr,
    ) -> Result<OwnedSemaphorePermit, Response> {
        let rate = match what {
            What::List => &self.lists,
            What::Resource => &self.resources,
        };
        if let Some(wait) = rate.count(address, Instant::now()) {
            return Err(later(wait));
        }
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        // Nobody closes the semaphore.
        turn.ok().and_then(Result::ok).ok_or_else(|| later(MINUTE))
    }
}

impl Rate {
    fn new(per_minute: u32) -> Self {
        let asked = Mutex::new(Asked { since: Instant::now(), by: HashMap::new() });
        Self { per_minute, asked }
    }

    /// Counts a request; how long to wait, if it was one too many.
    fn count(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(asked.since) >= MINUTE {
            *asked = Asked { since: now, by: HashMap::new() };
        }
        let is_crowd = asked.by.len() >= MOST_ADDRESSES && !asked.by.contains_key(&address);
        let left = MINUTE.saturating_sub(now.duration_since(asked.since));
        if is_crowd {
            return Some(left);
        }
        let count = asked.by.entry(address).or_default();
        *count = count.saturating_add(1);
        (*count > self.per_minute).then_some(left)
    }
}

/// Who asks. A proxy on this machine says for whom; nobody else is believed.
pub(super) fn address(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.0.ip());
    let forwarded = || {
        let value = request.headers().get("x-forwarded-for")?.to_str().ok()?;
        value.rsplit(',').next()?.trim().parse().ok()
    };
    if peer.is_loopback() { forwarded().unwrap_or(peer) } else { peer }
}

/// Harvesters know 503 with a time to come back (OAI-PMH §3.1.2.2).
fn later(wait: Duration) -> Response {
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, "too many requests\n").into_response();
    let seconds = HeaderValue::from(wait.as_secs().max(1));
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_asks_too_much_waits_and_others_do_not() {
        let limits = Rate::new(2);
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        let now = Instant::now();
        assert_eq!([0; 3].map(|_| limits.count(one, now).is_some()), [false, false, true]);
        assert_eq!(limits.count(other, now), None);
        let wait = limits.count(one, now).unwrap();
        assert!(wait <= MINUTE);
        assert_eq!(limits.count(one, now + MINUTE), None);
    }

    #[test]
    fn only_a_proxy_on_this_machine_says_for_whom_it_asks() {
        let asked_by = |peer: [u8; 4]| {
            let mut request = Request::new(axum::body::Body::empty());
            let forwarded = HeaderValue::from_static("203.0.113.9, 192.0.2.7");
            request.headers_mut().insert("x-forwarded-for", forwarded);
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 1))));
            address(&request)
        };
        assert_eq!(asked_by([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 7]));
        assert_eq!(asked_by([198, 51, 100, 1]), IpAddr::from([198, 51, 100, 1]));
    }
}
