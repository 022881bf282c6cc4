use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use url::Url;

use crate::transport::without_credentials;

/// The result of talking to a server.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an exchange with a server failed.
///
/// Displayed, it says what happened and at which URL (without user name and password); the cause
/// is in [`source`](StdError::source).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    detail: String,
    url: Option<Url>,
    retry_after: Option<Duration>,
    attempts: u32,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of failure it was; each says whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection: name not found, refused, TLS handshake. Transient.
    Connect,
    /// The server did not answer, or stopped sending, within the time allowed. Transient.
    Timeout,
    /// The connection broke before the body was complete. Transient.
    Interrupted,
    /// The body arrived, but is not a complete answer: empty, or cut off. Transient.
    Incomplete,
    /// The body arrived, but is something else than was asked for, such as an HTML page. Transient:
    /// servers under load and their firewalls answer so.
    Unexpected,
    /// An HTTP status other than success. Transient for 408, 425, 429, 500, 502, 503 and 504.
    Status(StatusCode),
    /// The answer is larger than the limit allows. Final.
    TooLarge,
    /// Too many redirects, or one that cannot be followed. Final.
    Redirect,
    /// The request cannot be sent at all: not HTTP, or an illegal header. Final.
    Request,
    /// It would have led into the local network; see [`Reach`](crate::transport::Reach). Final.
    OutOfReach,
    /// A file could not be written or read. Final.
    Io,
    /// It was not done, because it would do harm or leave something out. Final.
    Refused,
    /// The history of a source does not reach back to the copy: a baseline is needed. Final.
    Gap,
}

impl Error {
    /// A failure of this kind; `detail` says what happened, in lower case, without a final stop.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            detail: detail.into(),
            url: None,
            retry_after: None,
            attempts: 1,
            source: None,
        }))
    }

    /// An HTTP status other than success.
    #[must_use]
    pub fn status(status: StatusCode) -> Self {
        Self::new(ErrorKind::Status(status), format!("the server answered {status}"))
    }

    /// Adds the URL that was asked for. User name and password are left out.
    #[must_use]
    pub fn with_url(mut self, url: &Url) -> Self {
        self.0.url = Some(without_credentials(url));
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds how long the server asked us to wait.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    /// Adds how often the request was sent.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The URL that was asked for, without credentials.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.0.url.as_ref()
    }

    /// How long the server asked us to wait (`Retry-After`, RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How often the request was sent before giving up.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether the same request may well succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.0.kind {
            ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::Interrupted
            | ErrorKind::Incomplete
            | ErrorKind::Unexpected => true,
            ErrorKind::Status(status) => {
                matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
            }
            ErrorKind::TooLarge
            | ErrorKind::Redirect
            | ErrorKind::Request
            | ErrorKind::OutOfReach
            | ErrorKind::Io
            | ErrorKind::Refused
            | ErrorKind::Gap => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)?;
        if let Some(url) = &self.0.url {
            write!(f, ": {url}")?;
        }
        if self.0.attempts > 1 {
            write!(f, " (tried {} times)", self.0.attempts)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("detail", &self.0.detail)
            .field("url", &self.0.url.as_ref().map(Url::as_str))
            .field("retry_after", &self.0.retry_after)
            .field("attempts", &self.0.attempts)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
