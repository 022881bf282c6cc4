mod builder;
mod resolve;

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;
use url::{Origin, Url};

use super::redirect::{Redirects, is_harmless};
use super::{Body, Method, Reach, Request, Response, Transport, without_credentials};
use crate::{Error, ErrorKind, Result};

pub use self::builder::HttpTransportBuilder;

/// Sends requests over HTTP/1.1 and HTTP/2, with cookies, and follows redirects.
///
/// Cheap to clone; clones share connections and cookies. Proxies are taken from the system's
/// settings.
///
/// * **Redirects**: five at most, never from https to http. Whoever is redirected to another origin
///   sees neither credentials nor headers other than the well-known harmless ones. A `Location`
///   without a query keeps the query that was asked with. A POST is repeated as POST after 307 and
///   308; otherwise the form becomes the query of a GET. A body that is no form is repeated at the
///   same host only, and never dropped: 301 and 302 are then errors.
/// * **Reach**: who sets [`reach`](HttpTransportBuilder::reach) is not led into the local network by
///   the documents and redirects of others.
/// * **Credentials** in a URL (`https://user:password@…`) are sent as Basic authentication and
///   appear neither in [`Response::url`] nor in errors.
///
/// ```
/// use std::time::Duration;
/// use resync_core::transport::HttpTransport;
///
/// # fn main() -> resync_core::Result<()> {
/// let transport = HttpTransport::builder()
///     .user_agent("library-harvester/1.0")
///     .contact("harvest@library.example")
///     .read_timeout(Duration::from_secs(120))
///     .build()?;
/// # drop(transport);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    // What every request carries unless it says otherwise itself.
    headers: HeaderMap,
    // Where those of them go that are not harmless; anywhere if there is none.
    secrets_for: Option<Origin>,
    reach: Reach,
    connect_timeout: Duration,
    patience: Patience,
}

// How long we wait for an answer. reqwest's own limit between two pieces also counts the time in
// which nobody reads.
#[derive(Clone, Copy, Debug)]
struct Patience {
    read: Duration,
    total: Option<Duration>,
}

impl HttpTransport {
    /// Begins with the usual settings.
    pub fn builder() -> HttpTransportBuilder {
        HttpTransportBuilder::new()
    }

    // Completes the headers, and moves credentials out of the URL.
    fn complete(&self, mut request: Request) -> Result<Request> {
        match request.url.scheme() {
            "https" if cfg!(not(any(feature = "rustls", feature = "native-tls"))) => {
                let detail = "https needs the feature \"rustls\" or \"native-tls\"";
                return Err(Error::new(ErrorKind::Request, detail).with_url(&request.url));
            }
            "http" | "https" => {}
            other => {
                let detail = format!("only http and https addresses can be asked, not {other}");
                return Err(Error::new(ErrorKind::Request, detail).with_url(&request.url));
            }
        }
        // reqwest makes the header of it, and takes it out of the URL.
        let mut parts = self.client.get(request.url.clone()).build().map_err(unsendable)?;
        if let Some(credentials) = parts.headers_mut().remove(header::AUTHORIZATION) {
            request.headers.entry(header::AUTHORIZATION).or_insert(credentials);
        }
        request.url = parts.url().clone();

        let trusted = self.secrets_for.as_ref().is_none_or(|only| *only == request.url.origin());
        for (name, value) in &self.headers {
            if trusted || is_harmless(name) {
                request.headers.entry(name).or_insert_with(|| value.clone());
            }
        }
        if matches!(request.method, Method::PostForm(_)) {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers.insert(header::CONTENT_TYPE, form);
        }
        Ok(request)
    }

    async fn exchange(
        &self,
        request: &Request,
        deadline: Option<Instant>,
    ) -> Result<reqwest::Response> {
        let (method, body) = match &request.method {
            Method::Get => (http::Method::GET, None),
            Method::Post(body) => (http::Method::POST, Some(body.clone().into())),
            Method::PostForm(form) => (http::Method::POST, Some(form.clone().into())),
        };
        let mut sent = reqwest::Request::new(method, request.url.clone());
        *sent.headers_mut() = request.headers.clone();
        *sent.body_mut() = body;
        match timeout_at(self.patience.until(deadline), self.client.execute(sent)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(cause)) => Err(self.no_answer(cause)),
            Err(_) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                Err(self.patience.exceeded())
            }
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("no answer within {}", seconds(self.patience.read)),
            )),
        }
    }

    // What went wrong before the head of an answer was there.
    fn no_answer(&self, cause: reqwest::Error) -> Error {
        if let Some(refused) = refused(&cause) {
            return refused;
        }
        let (kind, detail) = if cause.is_builder() {
            return unsendable(cause);
        } else if cause.is_connect() && cause.is_timeout() {
            let limit = seconds(self.connect_timeout);
            (ErrorKind::Connect, format!("no connection within {limit}"))
        } else if cause.is_dns() {
            (ErrorKind::Connect, "no such host could be found".to_owned())
        } else if cause.is_connect() {
            (ErrorKind::Connect, "could not connect".to_owned())
        } else if cause.is_timeout() {
            (ErrorKind::Timeout, "no answer in time".to_owned())
        } else {
            // There was a connection: it was reset or closed (with HTTP/2, GOAWAY), or what came
            // is not HTTP.
            (ErrorKind::Interrupted, "the connection broke before an answer came".to_owned())
        };
        Error::new(kind, detail).with_source(cause.without_url())
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response> {
        let deadline = self.patience.total.and_then(|total| Instant::now().checked_add(total));
        let mut request = self.complete(request)?;
        let mut redirects = Redirects::default();
        loop {
            self.reach.check(&request.url)?;
            let url = without_credentials(&request.url);
            let span = tracing::debug_span!("request", %url);
            let answer = self.exchange(&request, deadline).instrument(span).await;
            let answer = answer.map_err(|error| error.with_url(&request.url))?;
            match redirects.follow(&request, answer.status(), answer.headers())? {
                Some(next) => request = next,
                None => {
                    let (status, headers) = (answer.status(), answer.headers().clone());
                    let url = request.url;
                    let pieces = Pieces {
                        answer,
                        url: url.clone(),
                        patience: self.patience,
                        deadline,
                        received: 0,
                    };
                    let body = Body::Stream(stream::try_unfold(pieces, Pieces::next).boxed());
                    return Ok(Response::new(status, headers, url, body));
                }
            }
        }
    }
}

impl fmt::Debug for HttpTransport {
    /// Names the headers, but not their values: these may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("connect_timeout", &self.connect_timeout)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

// A body on its way.
struct Pieces {
    answer: reqwest::Response,
    url: Url,
    patience: Patience,
    deadline: Option<Instant>,
    received: u64,
}

impl Pieces {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let (kind, detail, source) =
            match timeout_at(self.patience.until(self.deadline), self.answer.chunk()).await {
                Ok(Ok(Some(piece))) => {
                    self.received += piece.len() as u64;
                    return Ok(Some((piece, self)));
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(cause)) => {
                    let detail = format!("the connection broke after {} bytes", self.received);
                    (ErrorKind::Interrupted, detail, Some(cause.without_url()))
                }
                Err(_) if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                    return Err(self.patience.exceeded().with_url(&self.url));
                }
                Err(_) => {
                    let limit = seconds(self.patience.read);
                    let detail = format!("nothing more for {limit} after {} bytes", self.received);
                    (ErrorKind::Timeout, detail, None)
                }
            };
        let error = Error::new(kind, detail).with_url(&self.url);
        Err(match source {
            Some(source) => error.with_source(source),
            None => error,
        })
    }
}

impl Patience {
    // Until when the next piece must be there.
    fn until(&self, deadline: Option<Instant>) -> Instant {
        let now = Instant::now();
        // As good as for ever, and safe to add.
        let read = now + self.read.min(Duration::from_secs(u32::MAX.into()));
        deadline.map_or(read, |deadline| deadline.min(read))
    }

    fn exceeded(&self) -> Error {
        let limit = seconds(self.total.unwrap_or_default());
        Error::new(ErrorKind::Timeout, format!("the answer was not complete within {limit}"))
    }
}

/// What the resolver has against a name.
fn refused(cause: &reqwest::Error) -> Option<Error> {
    let mut next = cause.source();
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<Error>() {
            return Some(Error::new(error.kind(), error.to_string()));
        }
        next = cause.source();
    }
    None
}

fn unsendable(cause: reqwest::Error) -> Error {
    Error::new(ErrorKind::Request, "the request cannot be sent").with_source(cause.without_url())
}

// For people: "60 s", "0.2 s".
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_resolver_refuses_is_not_tried_again() {
        let reach = Reach::internet();
        let transport = HttpTransport::builder().reach(reach).build().expect("a transport");
        // A name whose address nobody looked at before.
        let request = Request::get("http://localhost:1/".parse().expect("a URL"));
        let error = transport.exchange(&request, None).await.expect_err("no answer");
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::OutOfReach, false));
        assert!(error.to_string().starts_with("localhost is on the local network ("), "{error}");
    }
}
