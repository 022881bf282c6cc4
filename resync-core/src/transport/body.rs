use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use crate::retry::retry_after;
use crate::{Error, Result};

/// The head of an answer, and its body on the way.
#[derive(Debug)]
#[non_exhaustive]
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// Where it came from, after redirects.
    pub url: Url,
    /// The body.
    pub body: Body,
}

/// A body: on its way, or already here.
#[non_exhaustive]
pub enum Body {
    /// Chunks as they arrive, as the server encoded them.
    Stream(BoxStream<'static, Result<Bytes>>),
    /// Received whole, and unpacked.
    Whole(Payload),
}

/// A whole answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// Where it came from, after redirects.
    pub url: Url,
    /// The body, unpacked.
    pub payload: Payload,
}

/// A whole body, in memory or, when it is large, in a temporary file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Payload {
    /// In memory.
    Memory(Vec<u8>),
    /// In a temporary file that goes with the value.
    Spooled(Spool),
}

/// A temporary file, rewound for reading.
#[derive(Clone, Debug)]
pub struct Spool {
    file: Arc<File>,
    len: u64,
}

impl Response {
    /// A response.
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap, url: Url, body: Body) -> Self {
        Self { status, headers, url, body }
    }

    /// Whether the status is 2xx.
    ///
    /// # Errors
    /// The status as an error, with the server's `Retry-After`, when it is not.
    pub fn success(&self) -> Result<()> {
        success(self.status, &self.headers, &self.url)
    }

    /// The character set that the `Content-Type` header names, in lower case.
    #[must_use]
    pub fn charset(&self) -> Option<String> {
        charset(&self.headers)
    }
}

fn charset(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let value = value.to_ascii_lowercase();
    let (_, rest) = value.split_once("charset=")?;
    let label = rest.split([';', ',']).next()?.trim().trim_matches(['"', '\'']);
    (!label.is_empty()).then(|| label.to_owned())
}

fn success(status: StatusCode, headers: &HeaderMap, url: &Url) -> Result<()> {
    if status.is_success() {
        return Ok(());
    }
    let wait = headers.get(header::RETRY_AFTER).and_then(retry_after);
    Err(Error::status(status).with_url(url).with_retry_after(wait))
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        let Answer { status, headers, url, payload } = answer;
        Self { status, headers, url, body: Body::Whole(payload) }
    }
}

impl Answer {
    /// An answer.
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap, url: Url, payload: Payload) -> Self {
        Self { status, headers, url, payload }
    }

    /// Whether the status is 2xx.
    ///
    /// # Errors
    /// The status as an error, with the server's `Retry-After`, when it is not.
    pub fn success(&self) -> Result<()> {
        success(self.status, &self.headers, &self.url)
    }

    /// The character set that the `Content-Type` header names, in lower case.
    #[must_use]
    pub fn charset(&self) -> Option<String> {
        charset(&self.headers)
    }
}

impl Payload {
    /// Length in bytes, unpacked.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Spooled(spool) => spool.len,
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `n` bytes, or fewer.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn head(&self, n: usize) -> io::Result<Vec<u8>> {
        self.part(0, n)
    }

    /// The last `n` bytes, or fewer.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn tail(&self, n: usize) -> io::Result<Vec<u8>> {
        self.part(self.len().saturating_sub(n as u64), n)
    }

    fn part(&self, from: u64, n: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(bytes) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes[from..bytes.len().min(from + n)].to_vec())
            }
            Self::Spooled(spool) => {
                let mut part = Vec::new();
                let mut file = &*spool.file;
                file.seek(SeekFrom::Start(from))?;
                file.take(n as u64).read_to_end(&mut part)?;
                Ok(part)
            }
        }
    }
}

impl Spool {
    /// A file that holds `len` bytes.
    #[must_use]
    pub fn new(file: File, len: u64) -> Self {
        Self { file: Arc::new(file), len }
    }

    /// Reads it from the beginning. One reader at a time: they share the file's position.
    ///
    /// # Errors
    /// When the file cannot be rewound.
    pub fn reader(&self) -> io::Result<impl Read + Seek + Send + 'static> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(_) => f.write_str("Stream(..)"),
            Self::Whole(payload) => f.debug_tuple("Whole").field(payload).finish(),
        }
    }
}
