//! One resource: asked for, received, checked.

use std::io::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use http::{HeaderValue, StatusCode, header};
use url::Url;

use super::{Authority, Temp, Tree, Validators};
use crate::document::{Algorithm, Entry, Hashes};
use crate::fixity::{Fixity, Measured, Proof, verify};
use crate::retry::Retrying;
use crate::transport::{BodyLimits, Request, Response, Transport};
use crate::{Error, ErrorKind, Result};

/// The most that is kept in memory until it is written.
const SMALL: usize = 256 << 10;

/// What is asked for, and what it must be.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) uri: String,
    pub(super) length: Option<u64>,
    pub(super) hash: Hashes<'static>,
    /// What is here, if that may still be it.
    pub(super) known: Option<Validators>,
    /// Where else the same bytes are said to be, the best first.
    pub(super) mirrors: Vec<String>,
}

impl Wanted {
    /// What an entry lists under this address.
    pub(super) fn of(uri: String, entry: &Entry<'_>) -> Self {
        let hash = entry.md.hash.clone().into_owned();
        Self { uri, length: entry.md.length, hash, known: None, mirrors: mirrors(entry) }
    }
}

/// Where else an entry says that the bytes are: the same elsewhere (§14), or the version that it
/// speaks of. They are taken for those of the resource only if a digest proves it.
pub(super) fn mirrors(entry: &Entry<'_>) -> Vec<String> {
    if entry.md.hash.digests().next().is_none() {
        return Vec::new();
    }
    let links = entry.duplicates().into_iter().chain(entry.memento());
    links.map(|link| link.href.to_string()).collect()
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Got {
    /// It is still what it was (RFC 9110 §15.4.5).
    NotModified,
    Content(Content),
}

/// A resource that has come whole and is what it should be.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) body: Received,
    pub(super) measured: Measured,
    pub(super) proof: Proof,
    pub(super) validators: Validators,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Received {
    Memory(Vec<u8>),
    /// In a temporary file of the folder.
    Temp(String),
}

/// Fetches resources.
#[derive(Debug)]
pub(super) struct Downloads {
    pub(super) transport: Arc<Retrying<Arc<dyn Transport>>>,
    pub(super) authority: Authority,
    pub(super) tree: Arc<Tree>,
    pub(super) limits: BodyLimits,
}

impl Downloads {
    /// Fetches a resource, from one of its mirrors if it cannot be had where it is.
    ///
    /// # Errors
    /// As [`fetch_from`](Self::fetch_from), of the resource itself.
    pub(super) async fn fetch(&self, wanted: &Wanted) -> Result<Got> {
        let failed = match self.fetch_from(&wanted.uri, wanted).await {
            Ok(got) => return Ok(got),
            Err(error) => error,
        };
        let unconditional = Wanted { known: None, ..wanted.clone() };
        for mirror in &wanted.mirrors {
            if let Ok(got) = self.fetch_from(mirror, &unconditional).await {
                return Ok(got);
            }
        }
        Err(failed)
    }

    /// Fetches a resource from this address. What comes is compared with the length and every digest
    /// that the source gives; where these differ it is fetched once more, past all caches.
    ///
    /// # Errors
    /// When it cannot be had, is not what the source says, or may not be asked for.
    async fn fetch_from(&self, address: &str, wanted: &Wanted) -> Result<Got> {
        let url = Url::parse(address).map_err(|cause| {
            Error::new(ErrorKind::Request, format!("{address:?} is no address")).with_source(cause)
        })?;
        self.authority.check(&url).map_err(|error| forbidden(&error))?;
        // Digests and lengths are those of the bytes as they are sent.
        let mut request = authorized(Request::get(url), &self.authority)
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(known) = &wanted.known {
            request = known.ask(request);
        }
        match self.once(&request, wanted).await? {
            Ok(got) => Ok(got),
            Err(_) => {
                let fresh = HeaderValue::from_static("no-cache");
                self.once(&request.header(header::CACHE_CONTROL, fresh), wanted).await?
            }
        }
    }

    /// Fetches it once; the inner error is that of something else than was wanted.
    async fn once(&self, request: &Request, wanted: &Wanted) -> Result<Result<Got>> {
        let received = self.transport.exchange(request, async |response| {
            if response.status == StatusCode::NOT_MODIFIED && wanted.known.is_some() {
                return Ok(None);
            }
            response.success()?;
            self.authority.check(&response.url).map_err(|error| forbidden(&error))?;
            let headers = response.headers.clone();
            let (body, measured) = self.receive(response, wanted).await?;
            Ok(Some((headers, body, measured)))
        });
        let Some((headers, body, measured)) = received.await? else {
            return Ok(Ok(Got::NotModified));
        };
        match verify(&measured, wanted.length, &wanted.hash) {
            Ok(proof) => Ok(Ok(Got::Content(Content {
                body,
                measured,
                proof,
                validators: Validators::of(&headers),
            }))),
            Err(mismatch) => {
                if let Received::Temp(name) = body {
                    // What is left goes with the next run.
                    let _ = self.tree.remove_temp(&name);
                }
                Ok(Err(
                    Error::new(ErrorKind::Unexpected, mismatch.to_string()).with_url(&request.url)
                ))
            }
        }
    }

    async fn receive(&self, response: Response, wanted: &Wanted) -> Result<(Received, Measured)> {
        let mut fixity = Fixity::new(algorithms(&wanted.hash));
        let mut body = response.unpack(&self.limits)?;
        let mut memory = Vec::new();
        let mut temp: Option<Temp> = None;
        let received = loop {
            let piece = match body.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            fixity.update(&piece);
            memory.extend_from_slice(&piece);
            if memory.len() > SMALL {
                let full = std::mem::take(&mut memory);
                match self.write(temp.take(), full).await {
                    Ok((written, buffer)) => {
                        temp = Some(written);
                        memory = buffer;
                    }
                    Err(error) => break Err(error),
                }
            }
        };
        let name = match (received, temp) {
            (Ok(()), None) => return Ok((Received::Memory(memory), fixity.finish())),
            (Ok(()), Some(temp)) => match self.write(Some(temp), memory).await {
                Ok((temp, _)) => return Ok((Received::Temp(temp.name), fixity.finish())),
                Err(error) => return Err(error),
            },
            (Err(error), None) => return Err(error),
            (Err(error), Some(temp)) => (temp.name, error),
        };
        // What is left goes with the next run.
        let _ = self.tree.remove_temp(&name.0);
        Err(name.1)
    }

    /// Appends to the temporary file, and gives the buffer back empty.
    async fn write(&self, temp: Option<Temp>, mut bytes: Vec<u8>) -> Result<(Temp, Vec<u8>)> {
        let tree = Arc::clone(&self.tree);
        let written = tokio::task::spawn_blocking(move || {
            let mut temp = match temp {
                Some(temp) => temp,
                None => tree.create_temp()?,
            };
            temp.file.write_all(&bytes)?;
            bytes.clear();
            Ok((temp, bytes))
        });
        written.await.unwrap_or_else(|cause| Err(cause.into())).map_err(|cause: std::io::Error| {
            Error::new(ErrorKind::Io, "a file of the copy could not be written").with_source(cause)
        })
    }
}

/// Those that the source gives, and the one we remember a file by.
pub(super) fn algorithms(hashes: &Hashes<'_>) -> Vec<Algorithm> {
    let mut algorithms: Vec<_> = hashes.digests().map(|digest| digest.algorithm()).collect();
    algorithms.push(Algorithm::Sha256);
    algorithms.sort_unstable();
    algorithms.dedup();
    algorithms
}

/// A request that follows no redirect to where the source has no authority.
pub(super) fn authorized(request: Request, authority: &Authority) -> Request {
    let authority = authority.clone();
    request.redirect_if(move |url| authority.check(url).map_err(|error| forbidden(&error)))
}

pub(super) fn forbidden(cause: &super::Forbidden) -> Error {
    Error::new(ErrorKind::Request, cause.to_string())
}

/// The time of an HTTP header (RFC 9110 §5.6.7).
pub(super) fn http_time(text: &str) -> Option<SystemTime> {
    let time = DateTime::parse_from_rfc2822(text).ok()?;
    Some(time.with_timezone(&Utc).into())
}
