//! One document, asked for and looked at.

use std::io::Read;
use std::sync::{Arc, OnceLock};

use http::header::{self, HeaderName};
use http::{HeaderValue, StatusCode};
use memchr::memmem;
use url::Url;

use super::opened::{Fetched, Opened, Validators};
use super::{Client, Error, Result};
use crate::document::{ReadError, Reader};
use crate::transport::{Answer, Payload, Request};
use crate::xml::{Mode, ParseErrorKind};
use crate::{Error as NetError, ErrorKind as NetKind};

/// How much of the end of an answer is searched for its closing tag.
const TAIL: usize = 64 << 10;

/// What came from an address where a document may be.
pub(super) enum Probe {
    Document(Box<Opened>),
    /// A web page, or anything else.
    Other(Box<Answer>, Look),
}

/// What an answer is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Look {
    Document,
    Html,
    Empty,
    /// Cut off before its first entry.
    Cut,
    /// A document that must not be read: asking again does not help.
    Refused,
    /// Something else, as it begins.
    Other(String),
}

/// What is good enough.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    Document,
    DocumentOrNotModified,
    Anything,
}

impl Client {
    /// A document, if it is not as it is `known`.
    ///
    /// Something else than a whole document, such as a web page, an empty answer or one that is cut
    /// off, is asked for again as the transport sees fit.
    ///
    /// # Errors
    /// When it could not be had, is something else, is too large, or the address is not permitted.
    pub async fn fetch(&self, url: &Url, known: Option<&Validators>) -> Result<Fetched> {
        let mut request = Request::get(url.clone());
        let mut expected = Expected::Document;
        if let Some(known) = known {
            let bare = request.headers.len();
            request = known.ask(request);
            if request.headers.len() > bare {
                expected = Expected::DocumentOrNotModified;
            }
        }
        let answer = self.exchange(request, expected).await?;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::NotModified);
        }
        Ok(Fetched::Document(Opened::new(answer, self.mode)?))
    }

    /// A document, as it is now.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn open(&self, url: &Url) -> Result<Opened> {
        let answer = self.exchange(Request::get(url.clone()), Expected::Document).await?;
        Opened::new(answer, self.mode)
    }

    /// Whatever is at an address; it is asked for again at most `retries` times.
    pub(super) async fn probe(&self, url: &Url, retries: Option<u32>) -> Result<Probe> {
        let mut request = Request::get(url.clone());
        if let Some(retries) = retries {
            request = request.retry_at_most(retries);
        }
        let answer = self.exchange(request, Expected::Anything).await?;
        match look(&answer)? {
            Look::Document | Look::Refused => {
                Ok(Probe::Document(Box::new(Opened::new(answer, self.mode)?)))
            }
            other => Ok(Probe::Other(Box::new(answer), other)),
        }
    }

    async fn exchange(&self, request: Request, expected: Expected) -> Result<Answer> {
        self.check(&request.url)?;
        let accept = HeaderValue::from_static("application/xml, text/xml;q=0.9, */*;q=0.5");
        let accept_name: HeaderName = header::ACCEPT;
        let most = self.limits.max;
        let (permit, refused) = (self.permit.clone(), Arc::new(OnceLock::new()));
        let refusal = Arc::clone(&refused);
        let request = request
            .redirect_if(move |url| match permit.as_ref().map_or(Ok(()), |permit| permit(url)) {
                Ok(()) => Ok(()),
                Err(why) => {
                    refusal.get_or_init(|| url.clone());
                    Err(NetError::new(NetKind::Refused, why))
                }
            })
            .header(accept_name, accept)
            .accept_if(move |answer| check(answer, expected, most));
        let sent = self.transport.send(request.clone()).await;
        if let Some(url) = refused.get() {
            self.check(url)?;
        }
        let answer = sent?.collect(&self.limits).await?;
        // Once more, for transports that do not look.
        request.check(&answer).map_err(|error| match error.url() {
            Some(_) => error,
            None => error.with_url(&request.url),
        })?;
        // The same for where redirects have led.
        self.check(&answer.url)?;
        Ok(answer)
    }
}

/// Whether an answer is one that can be read to its end.
fn check(answer: &Answer, expected: Expected, most: u64) -> crate::Result<()> {
    let fail = |kind, what: &str| Err(NetError::new(kind, what).with_url(&answer.url));
    if answer.status == StatusCode::NOT_MODIFIED && expected == Expected::DocumentOrNotModified {
        return Ok(());
    }
    answer.success()?;
    if answer.payload.len() > most {
        // The layer that received it may allow more.
        return fail(NetKind::TooLarge, &format!("the document is larger than {most} bytes"));
    }
    match look(answer)? {
        Look::Document if is_whole(answer)? => Ok(()),
        Look::Document | Look::Cut => fail(NetKind::Incomplete, "the document is cut off"),
        Look::Refused => Ok(()),
        _ if expected == Expected::Anything => Ok(()),
        Look::Empty => fail(NetKind::Incomplete, "the answer is empty"),
        Look::Html => fail(NetKind::Unexpected, "a web page came instead of a document"),
        Look::Other(text) => fail(NetKind::Unexpected, &format!("no document came, but {text:?}")),
    }
}

/// What an answer is, by its beginning.
pub(super) fn look(answer: &Answer) -> crate::Result<Look> {
    let start = narrow(answer.payload.head(4 << 10).map_err(unreadable)?);
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&start).trim_ascii();
    if start.is_empty() {
        return Ok(Look::Empty);
    }
    let Err(error) = reader(answer)?.head().map(drop) else { return Ok(Look::Document) };
    let lower = start.to_ascii_lowercase();
    if memmem::find(&lower, b"<html").is_some() || lower.starts_with(b"<!doctype html") {
        return Ok(Look::Html);
    }
    let kind = match error {
        ReadError::Source(error) => return Err(unreadable(error)),
        ReadError::Document(error) => error.kind(),
    };
    Ok(match kind {
        ParseErrorKind::Limit | ParseErrorKind::Doctype | ParseErrorKind::Encoding => Look::Refused,
        ParseErrorKind::Truncated if start.starts_with(b"<") => Look::Cut,
        _ => Look::Other(String::from_utf8_lossy(start).chars().take(60).collect()),
    })
}

/// Whether the document goes up to its end.
fn is_whole(answer: &Answer) -> crate::Result<bool> {
    let tail = narrow(answer.payload.tail(TAIL).map_err(unreadable)?);
    if closes(&tail, b"urlset") || closes(&tail, b"sitemapindex") {
        return Ok(true);
    }
    // It has no entries, or much stands behind its end: only reading it will tell.
    let mut reader = reader(answer)?;
    loop {
        match reader.next_part() {
            Ok(None) => return Ok(true),
            Ok(Some(mut part)) => match part.find_map(Result::err) {
                Some(error) => return Ok(!is_truncated(&error)),
                None => continue,
            },
            Err(ReadError::Source(error)) => return Err(unreadable(error)),
            Err(error) => return Ok(!is_truncated(&error)),
        }
    }
}

fn is_truncated(error: &ReadError) -> bool {
    matches!(error, ReadError::Document(error) if error.kind() == ParseErrorKind::Truncated)
}

fn reader(answer: &Answer) -> crate::Result<Reader<Box<dyn Read + '_>>> {
    let source: Box<dyn Read + '_> = match &answer.payload {
        Payload::Memory(bytes) => Box::new(&bytes[..]),
        Payload::Spooled(spool) => Box::new(spool.reader().map_err(unreadable)?),
    };
    Ok(Reader::with(source, answer.charset().as_deref(), Mode::Tolerant))
}

/// UTF-16 seen as bytes has its ASCII characters apart.
fn narrow(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(b"\xFE\xFF") || bytes.starts_with(b"\xFF\xFE") {
        bytes.drain(..2);
    }
    bytes.retain(|b| *b != 0);
    bytes
}

/// Whether `</root>`, under any prefix, is in there.
fn closes(tail: &[u8], root: &[u8]) -> bool {
    memmem::rfind_iter(tail, root).any(|at| {
        let after = tail[at + root.len()..].trim_ascii_start();
        let name = tail[..at].rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let is_prefix = name.is_empty() || name.ends_with(b":");
        let has_blank = name.iter().any(|b| b.is_ascii_whitespace() || matches!(b, b'<' | b'>'));
        let before = tail[..at - name.len()].ends_with(b"</");
        before && is_prefix && !has_blank && after.starts_with(b">")
    })
}

fn unreadable(error: std::io::Error) -> NetError {
    NetError::new(NetKind::Io, "a temporary file cannot be read").with_source(error)
}

impl Look {
    /// For people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Document => "a document".to_owned(),
            Self::Html => "a web page".to_owned(),
            Self::Empty => "an empty answer".to_owned(),
            Self::Cut => "a document that is cut off".to_owned(),
            Self::Refused => "a document that must not be read".to_owned(),
            Self::Other(text) => format!("no document, but {text:?}"),
        }
    }
}

/// A URL as it stands in a document, and whether it was relative.
pub(super) fn join(base: &Url, text: &str) -> Result<(Url, bool)> {
    let bad = |why: String| Error::new(super::ErrorKind::Url { text: text.to_owned(), why });
    let (url, is_relative) = match Url::parse(text.trim()) {
        Ok(url) => (url, false),
        Err(url::ParseError::RelativeUrlWithoutBase) if !text.trim().is_empty() => {
            let why = |error| bad(format!("named by {base}: {error}"));
            (base.join(text.trim()).map_err(why)?, true)
        }
        Err(error) => return Err(bad(format!("named by {base}: {error}"))),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(format!("named by {base}, and neither http nor https")));
    }
    Ok((super::opened::without_fragment(&url), is_relative))
}
