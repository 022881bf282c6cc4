use std::error::Error as StdError;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use futures_util::future::{Either, select};
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, StatusCode, header};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use url::Url;

use super::decompress::Unpacker;
use super::{Body, BodyLimits, Payload, Response, Spool};
use crate::{Error, ErrorKind, Result};

/// The most bytes of a piece.
const PIECE: usize = 256 * 1024;

/// How many pieces wait for a reader at most.
const AHEAD: usize = 2;

/// A body on its way, unpacked piece by piece as it arrives. See [`Response::unpack`].
pub struct Unpacked {
    url: Url,
    pieces: BoxStream<'static, Result<Bytes>>,
    unpacker: Unpacker,
    // What has arrived and is not unpacked yet.
    piece: Bytes,
    // The unpacker has more to give, without more input.
    busy: bool,
    announced: Option<u64>,
    max: u64,
    received: u64,
    given: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Going,
    Over,
    // An end would look like the end of the body: whoever asks again hears it again.
    Failed(Error),
}

/// The end of a body's bridge that code reads which waits by blocking its thread, such as a parser
/// in [`spawn_blocking`]. See [`Unpacked::into_read`].
///
/// An error of the stream arrives as an [`io::Error`]; [`crate_error`] gets it back. Only a body
/// that was received whole ends like a file.
///
/// # Panics
/// Reading does, when it is done by asynchronous code.
#[derive(Debug)]
pub struct ReadHalf {
    pieces: mpsc::Receiver<Result<Option<Bytes>>>,
    piece: Bytes,
    state: State,
}

/// The end of a body's bridge that receives. See [`Unpacked::into_read`].
///
/// It works by itself. Awaited, it gives the number of bytes received, as they were sent, or how
/// receiving failed. A reader that has been dropped had enough; that is no failure.
///
/// Dropped, it cancels the exchange, and the reader gets an error.
#[derive(Debug)]
#[must_use = "dropped, it cancels the exchange"]
pub struct Feed(JoinHandle<Result<u64>>);

impl Response {
    /// Receives the body piece by piece, and unpacks it (gzip and deflate) on the way.
    ///
    /// Of the limits, [`max`](BodyLimits::max) and [`sniff`](BodyLimits::sniff) count. A body that
    /// is here already is passed on as it is.
    ///
    /// # Errors
    /// * `TooLarge` when the announced length is larger than [`BodyLimits::max`];
    /// * `Unexpected` when it is packed in a way that was not asked for;
    /// * `Io` when the temporary file of a body that is here already cannot be read.
    pub fn unpack(self, limits: &BodyLimits) -> Result<Unpacked> {
        let Self { status, headers, url, body } = self;
        match body {
            Body::Stream(pieces) => Unpacked::new(status, &headers, url, pieces, limits),
            Body::Whole(payload) => Unpacked::whole(payload, url),
        }
    }
}

impl Unpacked {
    pub(super) fn new(
        status: StatusCode,
        headers: &HeaderMap,
        url: Url,
        pieces: BoxStream<'static, Result<Bytes>>,
        limits: &BodyLimits,
    ) -> Result<Self> {
        let announced = announced(status, headers);
        let unpacker =
            Unpacker::new(headers, limits.sniff).map_err(|error| error.with_url(&url))?;
        let unpacked = Self { announced, max: limits.max, ..Self::plain(pieces, unpacker, url) };
        match unpacked.allow(announced.unwrap_or(0)) {
            Ok(()) => Ok(unpacked),
            Err(error) => Err(error.with_url(&unpacked.url)),
        }
    }

    fn whole(payload: Payload, url: Url) -> Result<Self> {
        let pieces = match payload {
            Payload::Memory(bytes) => stream::iter([Ok(bytes.into())]).boxed(),
            Payload::Spooled(spool) => spooled(&spool).map_err(|error| error.with_url(&url))?,
        };
        Ok(Self::plain(pieces, Unpacker::new(&HeaderMap::new(), false)?, url))
    }

    fn plain(pieces: BoxStream<'static, Result<Bytes>>, unpacker: Unpacker, url: Url) -> Self {
        Self {
            url,
            pieces,
            unpacker,
            piece: Bytes::new(),
            busy: false,
            announced: None,
            max: u64::MAX,
            received: 0,
            given: 0,
            state: State::Going,
        }
    }

    /// Waits for the next piece: some bytes, 256 KiB at most. `None` when the body has been
    /// received whole.
    ///
    /// # Errors
    /// * `TooLarge` when the body, unpacked, is larger than [`BodyLimits::max`];
    /// * `Interrupted` when less arrives than was announced, and whatever the body's stream says;
    /// * `Incomplete` when packed data are cut off or damaged.
    ///
    /// After an error, every further call gives the same one.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        match &self.state {
            State::Going => {}
            State::Over => return Ok(None),
            State::Failed(error) => return Err(again(error)),
        }
        self.advance().await.map_err(|error| {
            let error = error.with_url(&self.url);
            self.state = State::Failed(again(&error));
            error
        })
    }

    /// How many bytes have been received so far, as they were sent. For a body that was here
    /// already, as they were kept.
    #[must_use]
    pub fn raw_bytes(&self) -> u64 {
        self.received
    }

    /// Makes a reader of it, for code that waits by blocking its thread.
    ///
    /// The body is received by a task of its own, a few pieces ahead of the reader, so that a parser
    /// works while bytes arrive. Dropping either end cancels the exchange.
    ///
    /// ```
    /// use std::io::{self, BufRead as _};
    ///
    /// use resync_core::transport::{BodyLimits, Response, crate_error};
    /// use resync_core::{Error, ErrorKind, Result};
    ///
    /// async fn lines(response: Response) -> Result<usize> {
    ///     let (reader, feed) = response.unpack(&BodyLimits::default())?.into_read();
    ///     let count = move || reader.lines().try_fold(0, |count, line| line.map(|_| count + 1));
    ///     let counted: io::Result<usize> = match tokio::task::spawn_blocking(count).await {
    ///         Ok(counted) => counted,
    ///         Err(cause) => return Err(Error::new(ErrorKind::Io, "no thread").with_source(cause)),
    ///     };
    ///     let lines = counted.map_err(crate_error)?;
    ///     let bytes = feed.await?;
    ///     println!("{lines} lines in {bytes} bytes");
    ///     Ok(lines)
    /// }
    /// ```
    ///
    /// # Panics
    /// When there is no tokio runtime.
    pub fn into_read(self) -> (ReadHalf, Feed) {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let reader = ReadHalf { pieces: receiver, piece: Bytes::new(), state: State::Going };
        (reader, Feed(tokio::spawn(self.feed(sender))))
    }

    async fn feed(mut self, sender: mpsc::Sender<Result<Option<Bytes>>>) -> Result<u64> {
        let fed = {
            let feeding = async {
                // Nothing is received that there is no room for.
                while let Ok(room) = sender.reserve().await {
                    let next = self.next().await;
                    let end = match &next {
                        Ok(Some(_)) => None,
                        Ok(None) => Some(Ok(())),
                        Err(error) => Some(Err(again(error))),
                    };
                    room.send(next);
                    if let Some(end) = end {
                        return end;
                    }
                }
                Ok(())
            };
            // However long the server says nothing, a reader that is gone is noticed at once.
            match select(pin!(feeding), pin!(sender.closed())).await {
                Either::Left((fed, _)) => fed,
                Either::Right(_) => Ok(()),
            }
        };
        fed.map(|()| self.received)
    }

    /// How long the body will be as it is sent, where the server tells.
    pub(super) fn announced(&self) -> Option<u64> {
        self.announced
    }

    pub(super) fn into_url(self) -> Url {
        self.url
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Like [`next`](Self::next), but appends to `out` what comes of one step, which may be
    /// nothing. `false` when that was the last one.
    pub(super) async fn step(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let arrived = self.arrive().await?;
        self.give(arrived, out)?;
        Ok(arrived)
    }

    async fn advance(&mut self) -> Result<Option<Bytes>> {
        let mut out = Vec::new();
        loop {
            let arrived = self.arrive().await?;
            if arrived && self.unpacker.passes(&self.piece) {
                let piece = self.piece.split_to(self.piece.len().min(PIECE));
                if piece.is_empty() {
                    continue;
                }
                self.count(piece.len())?;
                return Ok(Some(piece));
            }
            self.give(arrived, &mut out)?;
            if !arrived {
                self.state = State::Over;
            }
            if !out.is_empty() {
                // There was room for much more than a small piece needs.
                out.shrink_to_fit();
                return Ok(Some(out.into()));
            }
            if !arrived {
                return Ok(None);
            }
        }
    }

    // Waits for input, unless there is some. `false` at the end of the body.
    async fn arrive(&mut self) -> Result<bool> {
        if self.busy || !self.piece.is_empty() {
            return Ok(true);
        }
        if let Some(piece) = self.pieces.try_next().await? {
            self.received += piece.len() as u64;
            // What follows the end of packed data is not given, but comes in all the same.
            self.allow(self.received)?;
            self.piece = piece;
            return Ok(true);
        }
        match self.announced {
            Some(announced) if self.received < announced => Err(Error::new(
                ErrorKind::Interrupted,
                format!("the connection broke after {} of {announced} bytes", self.received),
            )),
            _ => Ok(false),
        }
    }

    // Unpacks some of what has arrived or, when that was all, what is left.
    fn give(&mut self, arrived: bool, out: &mut Vec<u8>) -> Result<()> {
        let before = out.len();
        if arrived {
            let mut rest = &self.piece[..];
            self.busy = self.unpacker.step(&mut rest, out)?;
            let used = self.piece.len() - rest.len();
            self.piece.advance(used);
        } else {
            self.unpacker.finish(out)?;
        }
        self.count(out.len() - before)
    }

    fn count(&mut self, more: usize) -> Result<()> {
        self.given += more as u64;
        self.allow(self.given)
    }

    fn allow(&self, length: u64) -> Result<()> {
        if length <= self.max {
            return Ok(());
        }
        let max = self.max;
        Err(Error::new(ErrorKind::TooLarge, format!("the answer is larger than {max} bytes")))
    }
}

impl fmt::Debug for Unpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacked")
            .field("received", &self.received)
            .field("given", &self.given)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl BufRead for ReadHalf {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            match &self.state {
                State::Going => {}
                State::Over => break,
                State::Failed(error) => return Err(io::Error::other(again(error))),
            }
            match self.pieces.blocking_recv().unwrap_or_else(|| Err(given_up())) {
                Ok(Some(piece)) => self.piece = piece,
                Ok(None) => self.state = State::Over,
                Err(error) => {
                    self.state = State::Failed(again(&error));
                    return Err(io::Error::other(error));
                }
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        self.piece.advance(amount);
    }
}

impl Read for ReadHalf {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl Future for Feed {
    type Output = Result<u64>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let fed = Pin::new(&mut self.0).poll(context);
        fed.map(|fed| fed.unwrap_or_else(|cause| Err(given_up().with_source(cause))))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a [`ReadHalf`] said through an [`io::Error`], also when another error was made of that.
///
/// An error that comes from elsewhere, such as the code that reads, becomes `Incomplete` when it
/// means that something should have followed, and `Io` otherwise.
#[must_use]
pub fn crate_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => match told_in(&error) {
            Some(told) => again(told).with_source(error),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Error::new(ErrorKind::Incomplete, "the answer ends too early").with_source(error)
            }
            None => Error::new(ErrorKind::Io, "the answer could not be read").with_source(error),
        },
    }
}

fn told_in(error: &io::Error) -> Option<&Error> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        // These leave out the error they carry when they are asked for their source.
        let shared = error.downcast_ref::<Arc<io::Error>>().map(|shared| &**shared);
        next = match shared.or_else(|| error.downcast_ref::<io::Error>()) {
            Some(error) => error.get_ref().map(|inner| inner as _),
            None => error.source(),
        };
    }
    None
}

// The same failure, to be told in a second place. Its cause stays with the first.
fn again(error: &Error) -> Error {
    let text = error.to_string();
    let again = match error.url() {
        Some(url) => {
            let detail = text.strip_suffix(&format!(": {url}")).unwrap_or(&text);
            Error::new(error.kind(), detail).with_url(url)
        }
        None => Error::new(error.kind(), text),
    };
    again.with_retry_after(error.retry_after())
}

fn given_up() -> Error {
    Error::new(ErrorKind::Interrupted, "receiving was given up before the end of the answer")
}

// How long the body will be, where the server tells.
fn announced(status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    // RFC 9110 §8.6: a 304 tells the length of the body that it does not send.
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    // What is packed ends where its own format says.
    if bodiless || headers.contains_key(header::CONTENT_ENCODING) {
        return None;
    }
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

fn spooled(spool: &Spool) -> Result<BoxStream<'static, Result<Bytes>>> {
    let reader = spool.reader().map_err(unreadable)?;
    let pieces = stream::try_unfold(reader, |mut reader| async move {
        let read = spawn_blocking(move || {
            let mut piece = Vec::with_capacity(PIECE);
            reader.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
            Ok((piece, reader))
        });
        let read = read.await.unwrap_or_else(|cause| Err(cause.into()));
        let (piece, reader) = read.map_err(unreadable)?;
        Ok((!piece.is_empty()).then(|| (piece.into(), reader)))
    });
    Ok(pieces.boxed())
}

fn unreadable(cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, "a temporary file could not be read").with_source(cause)
}
