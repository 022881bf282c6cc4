//! Getting documents over HTTP.

use std::io::Read as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use resync_core::transport::{
    Answer, BodyLimits, Payload, Request, Transport, without_credentials,
};
use resync_core::{Error, ErrorKind, Result};
use url::Url;

use crate::batch::SourceId;

/// Where a list is, and how it and what it names is fetched.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) id: SourceId,
    pub(crate) url: Url,
    pub(crate) transport: Arc<dyn Transport>,
    /// How many records are fetched at the same time.
    pub(crate) concurrency: NonZeroUsize,
    /// The most bytes of a record.
    pub(crate) max_record: u64,
}

impl Site {
    /// A list at this address, and named after it.
    pub(crate) fn new(url: Url, transport: impl Transport) -> Self {
        Self {
            id: SourceId::new(without_credentials(&url).to_string()),
            url,
            transport: Arc::new(transport),
            concurrency: NonZeroUsize::MIN.saturating_add(3),
            max_record: 16 << 20,
        }
    }

    /// The address, as it may be shown.
    pub(crate) fn shown(&self) -> Url {
        without_credentials(&self.url)
    }
}

/// A document that came whole.
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) charset: Option<String>,
}

/// Sends the request and receives the answer, which must be a success of at most `max` bytes.
pub(crate) async fn fetch(
    transport: &dyn Transport,
    request: Request,
    limits: &BodyLimits,
) -> Result<Fetched> {
    let url = request.url.clone();
    let max = limits.max;
    let check = move |answer: &Answer| {
        answer.success()?;
        match answer.payload.len() > max {
            true => Err(Error::new(ErrorKind::TooLarge, format!("more than {max} bytes"))),
            false => Ok(()),
        }
    };
    let request = request.accept_if(check);
    let received = async {
        let answer = transport.send(request.clone()).await?.collect(limits).await?;
        // Once more, for transports that do not look.
        request.check(&answer)?;
        let charset = answer.charset();
        let bytes = match answer.payload {
            Payload::Memory(bytes) => bytes,
            Payload::Spooled(spool) => {
                let read = tokio::task::spawn_blocking(move || {
                    let mut bytes = Vec::new();
                    spool.reader()?.read_to_end(&mut bytes).map(|_| bytes)
                });
                read.await.unwrap_or_else(|error| Err(error.into())).map_err(|error| {
                    Error::new(ErrorKind::Io, "a temporary file cannot be read").with_source(error)
                })?
            }
            _ => return Err(Error::new(ErrorKind::Unexpected, "an answer of an unknown kind")),
        };
        Ok(Fetched { bytes, charset })
    };
    received.await.map_err(|error: Error| match error.url() {
        Some(_) => error,
        None => error.with_url(&url),
    })
}
