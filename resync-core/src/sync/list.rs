//! Lists, read while they arrive.

use http::StatusCode;
use url::Url;

use super::download::{authorized, forbidden};
use super::{Authority, Validators};
use crate::document::{ReadError, Reader};
use crate::retry::Retrying;
use crate::transport::{BodyLimits, Feed, ReadHalf, Request, Transport, crate_error};
use crate::xml::{Mode, ParseErrorKind};
use crate::{Error, ErrorKind, Result};

/// The answer to a request for a list.
pub(super) enum Opened {
    NotModified,
    List(Box<List>),
}

/// A list on its way.
pub(super) struct List {
    /// Where it came from, after redirects.
    pub(super) url: Url,
    pub(super) validators: Validators,
    charset: Option<String>,
    body: ReadHalf,
    feed: Feed,
}

/// Asks for a list, and waits until it begins to arrive.
///
/// # Errors
/// When it cannot be had.
pub(super) async fn open<T: Transport>(
    transport: &Retrying<T>,
    url: &Url,
    known: Option<&Validators>,
    authority: &Authority,
    limits: &BodyLimits,
) -> Result<Opened> {
    authority.check(url).map_err(|error| forbidden(&error))?;
    let mut request = authorized(Request::get(url.clone()), authority);
    if let Some(known) = known {
        request = known.ask(request);
    }
    transport
        .exchange(&request, async |response| {
            if response.status == StatusCode::NOT_MODIFIED && known.is_some() {
                return Ok(Opened::NotModified);
            }
            response.success()?;
            authority.check(&response.url).map_err(|error| forbidden(&error))?;
            let validators = Validators::of(&response.headers);
            let charset = response.charset();
            let url = response.url.clone();
            let (body, feed) = response.unpack(limits)?.into_read();
            Ok(Opened::List(Box::new(List { url, validators, charset, body, feed })))
        })
        .await
}

impl List {
    /// Reads it on a thread of its own.
    ///
    /// # Errors
    /// What `read` gives, or when the list could not be received whole.
    pub(super) async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(Reader<ReadHalf>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Self { url, charset, body, feed, .. } = self;
        let reader = Reader::with(body, charset.as_deref(), Mode::Tolerant);
        let done = tokio::task::spawn_blocking(move || read(reader)).await;
        let done = done.unwrap_or_else(|cause| {
            Err(Error::new(ErrorKind::Io, "reading the list was given up").with_source(cause))
        });
        let received = feed.await;
        // What the reader has to say is nearer to the cause.
        let value = done.map_err(|error| error.with_url(&url))?;
        received.map_err(|error| error.with_url(&url))?;
        Ok(value)
    }
}

/// An error of reading as one of exchanging: cut off and not ours may be better the next time.
pub(super) fn unreadable(error: ReadError) -> Error {
    match error {
        ReadError::Source(cause) => crate_error(cause),
        ReadError::Document(cause) => {
            let kind = match cause.kind() {
                ParseErrorKind::Truncated => ErrorKind::Incomplete,
                ParseErrorKind::Limit => ErrorKind::TooLarge,
                _ => ErrorKind::Unexpected,
            };
            Error::new(kind, format!("the list cannot be read: {cause}"))
        }
    }
}
