use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::{StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use url::{Origin, Url};

use super::{Body, Request, Response, Transport};
use crate::retry::retry_after;
use crate::{Error, ErrorKind, Result};

/// The longest pause that one answer can impose on a host.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How many hosts are remembered before those that need not be are forgotten.
const HOSTS: usize = 256;

/// How gently a host is treated.
///
/// ```
/// use std::time::Duration;
/// use resync_core::transport::Politeness;
///
/// let gentle = Politeness::default().interval(Duration::from_secs(1));
/// assert_eq!(gentle.concurrency.get(), 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Politeness {
    /// The least time between the beginnings of two requests. None unless said otherwise.
    pub interval: Duration,
    /// How many requests may be under way at once, until their answers have been read. 4 unless
    /// said otherwise.
    pub concurrency: NonZeroUsize,
}

/// Is polite to hosts: keeps requests apart, bounds how many run at once, and leaves a host alone
/// that asks for it.
///
/// A host is a scheme, name and port. When it answers 429 or 503 with `Retry-After`, all requests
/// to it wait, for an hour at most. A request that is redirected counts for the host it was first
/// sent to.
#[derive(Debug)]
pub struct Throttled<T> {
    inner: T,
    politeness: Politeness,
    hosts: Mutex<HashMap<Origin, Arc<Host>>>,
}

#[derive(Debug)]
struct Host {
    permits: Arc<Semaphore>,
    // When the next request may begin. Held while waiting, so that requests take turns.
    turn: tokio::sync::Mutex<Instant>,
    // Until when the host wants to be left alone.
    paused: Mutex<Instant>,
}

impl Politeness {
    /// Sets the least time between the beginnings of two requests.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how many requests may be under way at once.
    #[must_use]
    pub fn concurrency(mut self, requests: NonZeroUsize) -> Self {
        self.concurrency = requests;
        self
    }

    fn permits(&self) -> usize {
        self.concurrency.get().min(Semaphore::MAX_PERMITS)
    }
}

impl Default for Politeness {
    fn default() -> Self {
        Self { interval: Duration::ZERO, concurrency: NonZeroUsize::MIN.saturating_add(3) }
    }
}

impl<T> Throttled<T> {
    /// Wraps a transport.
    pub fn new(inner: T, politeness: Politeness) -> Self {
        Self { inner, politeness, hosts: Mutex::default() }
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = url.origin();
        if let Some(host) = hosts.get(&key) {
            return Arc::clone(host);
        }
        if hosts.len() >= HOSTS {
            hosts.retain(|_, host| host.is_needed(&self.politeness));
        }
        let host = Arc::new(Host::new(&self.politeness));
        hosts.insert(key, Arc::clone(&host));
        host
    }
}

impl Host {
    fn new(politeness: &Politeness) -> Self {
        let now = Instant::now();
        Self {
            permits: Arc::new(Semaphore::new(politeness.permits())),
            turn: tokio::sync::Mutex::new(now),
            paused: Mutex::new(now),
        }
    }

    // Waits until a request may begin.
    async fn admit(&self, interval: Duration) -> Result<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|cause| {
            Error::new(ErrorKind::Request, "the throttle is closed").with_source(cause)
        })?;
        let mut turn = self.turn.lock().await;
        loop {
            // Another request may have been told to wait while this one slept.
            let until = (*turn).max(self.paused_until());
            let now = Instant::now();
            if until <= now {
                *turn = now.checked_add(interval).unwrap_or(now + LONGEST_PAUSE);
                return Ok(permit);
            }
            sleep_until(until).await;
        }
    }

    fn paused_until(&self) -> Instant {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_PAUSE);
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        *paused = (*paused).max(until);
    }

    // Whether forgetting it would let a request through too early.
    fn is_needed(self: &Arc<Self>, politeness: &Politeness) -> bool {
        let now = Instant::now();
        Arc::strong_count(self) > 1
            || self.permits.available_permits() < politeness.permits()
            || self.paused_until() > now
            || self.turn.try_lock().map_or(true, |turn| *turn > now)
    }
}

#[async_trait]
impl<T: Transport> Transport for Throttled<T> {
    async fn send(&self, request: Request) -> Result<Response> {
        let host = self.host(&request.url);
        let permit = host.admit(self.politeness.interval).await?;
        let response = self.inner.send(request).await?;
        if matches!(
            response.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) && let Some(wait) = response.headers.get(header::RETRY_AFTER).and_then(retry_after)
        {
            host.pause(wait);
        }
        Ok(Response { body: hold(response.body, permit), ..response })
    }
}

// Keeps the permit until the body has been read or dropped.
fn hold(body: Body, permit: OwnedSemaphorePermit) -> Body {
    match body {
        Body::Whole(_) => body,
        Body::Stream(pieces) => Body::Stream(
            stream::unfold((pieces, permit), |(mut pieces, permit)| async move {
                let piece = pieces.next().await?;
                Some((piece, (pieces, permit)))
            })
            .boxed(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future;

    use super::*;

    #[derive(Debug)]
    struct Instantly;

    #[async_trait]
    impl Transport for Instantly {
        async fn send(&self, request: Request) -> Result<Response> {
            let (status, body) =
                (StatusCode::OK, Body::Whole(super::super::Payload::Memory(vec![])));
            Ok(Response::new(status, http::HeaderMap::new(), request.url, body))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_that_need_not_be_remembered_are_forgotten() {
        let politeness =
            Politeness::default().interval(Duration::from_secs(10)).concurrency(NonZeroUsize::MAX);
        let throttled = Throttled::new(Instantly, politeness);
        let get = |n: usize| Request::get(format!("http://h{n}.example/").parse().unwrap());
        let count = || throttled.hosts.lock().unwrap().len();

        let started = Instant::now();
        future::join_all((0..2 * HOSTS).map(|n| throttled.send(get(n)))).await;
        // None of them could be forgotten: their next turn is still to come.
        assert_eq!(count(), 2 * HOSTS);
        assert_eq!(started.elapsed(), Duration::ZERO);

        throttled.host(&get(0).url).pause(Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(10)).await;
        throttled.send(get(2 * HOSTS)).await.unwrap();
        assert_eq!(count(), 2);
        throttled.send(get(0)).await.unwrap();
        assert_eq!(started.elapsed(), Duration::from_secs(60));
    }
}
