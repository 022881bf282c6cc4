use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::batch::Item;
use crate::error::{RunError, Stage};
use crate::run::{Outcome, Run, Summary};
use crate::sink::{Entry, ParsedBatch, Preparer, Sink, Written};

/// Writes one JSON object per record and line, metadata as it came.
///
/// ```json
/// {"identifier":"a","datestamp":"2024-01-31","sets":[],"deleted":false,"metadata":"<dc/>","about":[]}
/// ```
/// Records that a filter rejected, that did not change or that failed are not written. It keeps no
/// checkpoint: every run begins at the beginning unless told otherwise, and after a crash the output
/// ends anywhere.
#[derive(Debug)]
pub struct JsonLines<W> {
    // A tokio lock, because it is held while the output is slow.
    out: Mutex<W>,
}

impl<W: AsyncWrite + Unpin + Send> JsonLines<W> {
    /// Writes to `out`, once per batch; it needs no buffer around it.
    #[must_use]
    pub fn new(out: W) -> Self {
        Self { out: Mutex::new(out) }
    }

    /// The output, with everything that was written.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.out.into_inner()
    }
}

impl JsonLines<File> {
    /// Writes to a new file; one that exists is emptied first.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub async fn create(path: impl AsRef<Path>) -> Result<Self, RunError> {
        let path = path.as_ref();
        let file = File::create(path).await.map_err(|error| {
            let message = format!("cannot create {}: {error}", path.display());
            RunError::new(Stage::Sink, message).with_source(error)
        })?;
        Ok(Self::new(file))
    }
}

/// One record as an object of JSON Lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Line<'a> {
    /// What identifies the record.
    pub identifier: &'a str,
    /// When the source last changed it.
    pub datestamp: Option<&'a str>,
    /// The sets it belongs to.
    pub sets: &'a [String],
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// The metadata as standalone XML; none for a tombstone.
    pub metadata: Option<&'a str>,
    /// Statements about the metadata, each as standalone XML.
    pub about: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// The line of an item.
    #[must_use]
    pub fn of(item: &'a Item) -> Self {
        let metadata = item.payload().map(|payload| &*payload.body);
        Self {
            identifier: &item.identifier,
            datestamp: item.datestamp.as_deref(),
            sets: &item.sets,
            deleted: metadata.is_none(),
            metadata,
            about: item.abouts.iter().map(String::as_str).collect(),
        }
    }

    /// Appends the line with its line break to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        // Strings and lists of them: there is nothing that JSON could not say, and a Vec takes all.
        let written = serde_json::to_writer(&mut *out, self);
        debug_assert!(written.is_ok(), "{written:?}");
        out.push(b'\n');
    }
}

/// Formats the lines beforehand, on the threads that parse.
struct Format;

struct Formatted {
    text: Vec<u8>,
    outcomes: Vec<Outcome>,
}

impl Format {
    fn format<R>(batch: &ParsedBatch<R>) -> Formatted {
        // About a tenth more than the payloads, for the quotes in XML.
        let mut text = Vec::with_capacity(batch.bytes as usize / 10 * 11);
        let outcomes = batch.entries.iter().map(|entry| {
            match entry {
                Entry::Put { item, .. } => Line::of(item).write_to(&mut text),
                Entry::Delete { item } => {
                    let line = Line { deleted: true, metadata: None, ..Line::of(item) };
                    line.write_to(&mut text);
                }
                _ => {}
            }
            entry.plain_outcome()
        });
        let outcomes = outcomes.collect();
        Formatted { text, outcomes }
    }
}

impl<R: Send + Sync> Preparer<R> for Format {
    fn prepare(&self, batch: &mut ParsedBatch<R>) {
        batch.prepared = Some(Box::new(Self::format(batch)));
    }
}

#[async_trait]
impl<R, W> Sink<R> for JsonLines<W>
where
    R: Send + Sync + 'static,
    W: AsyncWrite + Unpin + Send,
{
    fn preparer(&self) -> Option<Arc<dyn Preparer<R>>> {
        Some(Arc::new(Format))
    }

    async fn write(&self, _: &Run, mut batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let prepared = batch.prepared.take().and_then(|it| it.downcast::<Formatted>().ok());
        let formatted = match prepared {
            Some(formatted) => *formatted,
            None => Format::format(&batch),
        };
        self.out.lock().await.write_all(&formatted.text).await.map_err(cannot_write)?;
        Ok(Written::new(formatted.outcomes))
    }

    async fn finish(&self, _: &Run, _: &Summary) -> Result<(), RunError> {
        self.out.lock().await.flush().await.map_err(cannot_write)
    }
}

fn cannot_write(error: std::io::Error) -> RunError {
    RunError::new(Stage::Sink, format!("cannot write JSON Lines: {error}")).with_source(error)
}
