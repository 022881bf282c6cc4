use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header;
use tokio::time::{Instant, sleep};
use url::Url;

use super::{Attempt, RetryPolicy, retry_after};
use crate::transport::{BodyLimits, Request, Response, Transport};
use crate::{Error, Result};

/// Sends a request again when it fails.
///
/// A try is the whole exchange: it counts as good when the body has been received whole, could be
/// unpacked, and passes the request's own check ([`Request::accept_if`]). The response therefore
/// comes with its body already collected. What is to be read while it arrives is asked for by
/// [`exchange`](Self::exchange).
///
/// ```
/// use resync_core::retry::{Backoff, Retrying};
/// # use resync_core::transport::Transport;
/// # fn example<T: Transport>(transport: T) -> impl Transport {
/// Retrying::new(transport, Backoff::default().retries(8))
/// # }
/// # let _ = example::<Box<dyn Transport>>;
/// ```
pub struct Retrying<T> {
    inner: T,
    policy: Arc<dyn RetryPolicy>,
    limits: BodyLimits,
    on_retry: Option<Observer>,
}

type Observer = Arc<dyn Fn(&RetryEvent<'_>) + Send + Sync>;

/// A request failed and will be sent again.
///
/// Displayed, it is a line for people, such as "the server answered 503 Service Unavailable:
/// `https://…`, waiting 30 s (try 2 of 6)".
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RetryEvent<'a> {
    /// Which try failed; the first is 1.
    pub number: u32,
    /// How often the request is sent at most, where the policy tells.
    pub of: Option<u32>,
    /// How long we wait before the next try.
    pub delay: Duration,
    /// Time since the first try began, waits included.
    pub elapsed: Duration,
    /// How it failed.
    pub error: &'a Error,
    /// What was asked for, without credentials.
    pub url: &'a Url,
}

impl<T> Retrying<T> {
    /// Wraps a transport.
    pub fn new(inner: T, policy: impl RetryPolicy) -> Self {
        Self { inner, policy: Arc::new(policy), limits: BodyLimits::default(), on_retry: None }
    }

    /// Sets how large an answer may be, and where it is kept.
    #[must_use]
    pub fn limits(mut self, limits: BodyLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets who is told before each wait. Must not block.
    #[must_use]
    pub fn on_retry(mut self, observer: Arc<dyn Fn(&RetryEvent<'_>) + Send + Sync>) -> Self {
        self.on_retry = Some(observer);
        self
    }
}

impl<T: Transport> Retrying<T> {
    /// Sends a request and has its answer received by `receive`, again and again until that
    /// succeeds or the policy gives up.
    ///
    /// `receive` gets the head of an answer, whatever its status, with the body still on its way.
    /// What it does is part of the try: an error it returns is treated like one of the transport,
    /// so that a transient one leads to another try, which begins at the first byte. It therefore
    /// must take back, or do over, what it did in a try that failed. The limits of this layer and
    /// the request's own check ([`Request::accept_if`]), which are about collected answers, play no
    /// part.
    ///
    /// ```
    /// use resync_core::Result;
    /// use resync_core::retry::Retrying;
    /// use resync_core::transport::{BodyLimits, Request, Response, Transport};
    ///
    /// async fn size<T: Transport>(client: &Retrying<T>, request: &Request) -> Result<u64> {
    ///     let limits = &BodyLimits::default();
    ///     let receive = |response: Response| async move {
    ///         response.success()?;
    ///         let mut body = response.unpack(limits)?;
    ///         let mut size = 0;
    ///         while let Some(piece) = body.next().await? {
    ///             size += piece.len() as u64;
    ///         }
    ///         Ok(size)
    ///     };
    ///     client.exchange(request, receive).await
    /// }
    /// ```
    ///
    /// # Errors
    /// That of the last try.
    pub async fn exchange<R, F, Fut>(&self, request: &Request, receive: F) -> Result<R>
    where
        R: Send,
        F: Fn(Response) -> Fut + Send + Sync,
        Fut: Future<Output = Result<R>> + Send,
    {
        let started = Instant::now();
        let mut number = 1;
        loop {
            let error = match self.attempt(request, &receive).await {
                Ok(received) => return Ok(received),
                Err(error) => error.with_url(&request.url),
            };
            let elapsed = started.elapsed();
            let delay = match request.max_retries() {
                Some(most) if number > most => None,
                _ => self.policy.next_delay(&Attempt::new(number, elapsed, &error)),
            };
            let Some(delay) = delay else {
                return Err(error.with_attempts(number));
            };
            // The error's URL has lost its credentials.
            let url = error.url().unwrap_or(&request.url);
            tracing::warn!(
                attempt = number,
                delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                kind = ?error.kind(),
                %url,
                "a request failed and will be sent again"
            );
            if let Some(observer) = &self.on_retry {
                let requested = request.max_retries().map(|most| most.saturating_add(1));
                let of = self.policy.max_attempts().into_iter().chain(requested).min();
                observer(&RetryEvent { number, of, delay, elapsed, error: &error, url });
            }
            sleep(delay).await;
            number = number.saturating_add(1);
        }
    }

    async fn attempt<R, F, Fut>(&self, request: &Request, receive: &F) -> Result<R>
    where
        R: Send,
        F: Fn(Response) -> Fut + Send + Sync,
        Fut: Future<Output = Result<R>> + Send,
    {
        let response = self.inner.send(request.clone()).await?;
        let wait = response.headers.get(header::RETRY_AFTER).and_then(retry_after);
        // However the answer fails, what the server asked for holds.
        receive(response).await.map_err(|error| match error.retry_after() {
            None => error.with_retry_after(wait),
            Some(_) => error,
        })
    }
}

#[async_trait]
impl<T: Transport> Transport for Retrying<T> {
    async fn send(&self, request: Request) -> Result<Response> {
        let request = &request;
        let collect = move |response: Response| async move {
            let answer = response.collect(&self.limits).await?;
            request.check(&answer)?;
            Ok(answer.into())
        };
        self.exchange(request, collect).await
    }
}

impl<T: fmt::Debug> fmt::Debug for Retrying<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrying")
            .field("inner", &self.inner)
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for RetryEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.delay.as_secs_f64();
        let decimals = usize::from(seconds < 10.0);
        let next = self.number.saturating_add(1);
        write!(f, "{}, waiting {seconds:.decimals$} s (try {next}", self.error)?;
        match self.of {
            Some(of) => write!(f, " of {of})"),
            None => f.write_str(")"),
        }
    }
}
