use std::path::PathBuf;

use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::stream::Unpacked;
use super::{Answer, Body, Payload, Response, Spool};
use crate::{Error, ErrorKind, Result};

/// How much of a body to hand to the file at once.
const WRITE: usize = 256 * 1024;

/// How large a body may be, and where it is kept.
///
/// ```
/// use resync_core::transport::BodyLimits;
///
/// let limits = BodyLimits::default().max(64 << 20).memory(1 << 20);
/// assert_eq!(limits.max, 64 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyLimits {
    /// The most bytes that are accepted, unpacked. 8 GiB unless said otherwise.
    pub max: u64,
    /// The most bytes that are kept in memory; a larger body goes to a temporary file. 8 MiB unless
    /// said otherwise.
    pub memory: usize,
    /// Where temporary files go; the system's place for them unless said otherwise. They have no
    /// name and vanish with the process.
    pub spool_dir: Option<PathBuf>,
    /// Whether a body that is gzip by its first bytes is unpacked even if no header announces it.
    /// Yes unless said otherwise; a file that is meant to stay packed needs no.
    pub sniff: bool,
}

impl BodyLimits {
    /// Sets the most bytes that are accepted, unpacked.
    #[must_use]
    pub fn max(mut self, bytes: u64) -> Self {
        self.max = bytes;
        self
    }

    /// Sets the most bytes that are kept in memory.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the directory for temporary files.
    #[must_use]
    pub fn spool_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.spool_dir = Some(dir.into());
        self
    }

    /// Sets whether a gzip body that no header announces is unpacked.
    #[must_use]
    pub fn sniff(mut self, yes: bool) -> Self {
        self.sniff = yes;
        self
    }
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { max: 8 << 30, memory: 8 << 20, spool_dir: None, sniff: true }
    }
}

impl Response {
    /// Receives the whole body and unpacks it (gzip and deflate).
    ///
    /// A body that is here already is passed on as it is.
    ///
    /// # Errors
    /// * `TooLarge` when the body, unpacked, is larger than [`BodyLimits::max`];
    /// * `Interrupted` when less arrives than was announced, and whatever the body's stream says;
    /// * `Incomplete` when packed data are cut off or damaged;
    /// * `Unexpected` when it is packed in a way that was not asked for;
    /// * `Io` when the temporary file cannot be written.
    pub async fn collect(self, limits: &BodyLimits) -> Result<Answer> {
        let Self { status, headers, url, body } = self;
        let (payload, url) = match body {
            Body::Whole(payload) => (payload, url),
            Body::Stream(pieces) => {
                let mut unpacked = Unpacked::new(status, &headers, url, pieces, limits)?;
                let stored = store(&mut unpacked, limits).await;
                let payload = stored.map_err(|error| error.with_url(unpacked.url()))?;
                (payload, unpacked.into_url())
            }
        };
        Ok(Answer::new(status, headers, url, payload))
    }
}

async fn store(unpacked: &mut Unpacked, limits: &BodyLimits) -> Result<Payload> {
    let mut store = Store::new(limits, unpacked.announced());
    // Straight into the store, not piece by piece: what is unpacked is not copied again.
    while unpacked.step(&mut store.buffer).await? {
        store.settle().await?;
    }
    store.settle().await?;
    store.finish().await
}

struct Store<'a> {
    limits: &'a BodyLimits,
    // What is not in the file (yet).
    buffer: Vec<u8>,
    file: Option<File>,
    // Bytes in the file.
    written: u64,
}

impl<'a> Store<'a> {
    fn new(limits: &'a BodyLimits, announced: Option<u64>) -> Self {
        let capacity = announced
            .and_then(|length| usize::try_from(length).ok())
            .filter(|&length| length <= limits.memory)
            .unwrap_or(0);
        Self { limits, buffer: Vec::with_capacity(capacity), file: None, written: 0 }
    }

    // Moves to the file what is too much for memory.
    async fn settle(&mut self) -> Result<()> {
        let most = if self.file.is_some() { WRITE } else { self.limits.memory };
        if self.buffer.len() > most { self.write().await } else { Ok(()) }
    }

    async fn write(&mut self) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(spool_file(self.limits.spool_dir.clone()).await?),
        };
        file.write_all(&self.buffer).await.map_err(unwritable)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    async fn finish(mut self) -> Result<Payload> {
        if self.file.is_none() {
            return Ok(Payload::Memory(self.buffer));
        }
        self.write().await?;
        let Some(mut file) = self.file else { return Ok(Payload::Memory(self.buffer)) };
        // tokio tells of a failed write only at the next operation.
        file.flush().await.map_err(unwritable)?;
        Ok(Payload::Spooled(Spool::new(file.into_std().await, self.written)))
    }
}

async fn spool_file(dir: Option<PathBuf>) -> Result<File> {
    let opened = tokio::task::spawn_blocking(move || match dir {
        Some(dir) => tempfile::tempfile_in(dir),
        None => tempfile::tempfile(),
    });
    match opened.await {
        Ok(opened) => opened.map(File::from_std).map_err(unwritable),
        Err(cause) => Err(unwritable(cause.into())),
    }
}

fn unwritable(cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "a temporary file could not be written").with_source(cause)
}
