use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use super::formatted::Formatted;
use super::line::{AsReceived, FormatLines, LineForm, WithRecord, lines};
use crate::error::{RunError, Stage};
use crate::run::{Run, Summary};
use crate::sink::{ParsedBatch, Preparer, Sink, Written};

/// Writes one JSON object per record and line, metadata as it came.
///
/// ```json
/// {"identifier":"a","datestamp":"2024-01-31","sets":[],"deleted":false,"metadata":"<dc/>","about":[]}
/// ```
/// [`with_record`](Self::with_record) adds what the parser read. Records that a filter rejected,
/// that did not change or that failed are not written. It keeps no checkpoint: every run begins at
/// the beginning unless told otherwise, and after a crash the output ends anywhere.
#[derive(Debug)]
pub struct JsonLines<W, F = AsReceived> {
    // A tokio lock, because it is held while the output is slow.
    out: Mutex<W>,
    form: PhantomData<fn() -> F>,
}

impl<W: AsyncWrite + Unpin + Send> JsonLines<W> {
    /// Writes to `out`, once per batch; it needs no buffer around it.
    #[must_use]
    pub fn new(out: W) -> Self {
        Self { out: Mutex::new(out), form: PhantomData }
    }

    /// Writes the parsed record as well, as the last member of each object: `"record":{…}`.
    #[must_use]
    pub fn with_record(self) -> JsonLines<W, WithRecord> {
        self.in_form()
    }
}

impl<W: AsyncWrite + Unpin + Send, F> JsonLines<W, F> {
    /// Writes each record in this form, which may be your own.
    #[must_use]
    pub fn in_form<G>(self) -> JsonLines<W, G> {
        JsonLines { out: self.out, form: PhantomData }
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
        Ok(Self::new(create(path.as_ref()).await?))
    }
}

/// Creates a file, or empties it.
pub(super) async fn create(path: &Path) -> Result<File, RunError> {
    File::create(path).await.map_err(|error| {
        let message = format!("cannot create {}: {error}", path.display());
        RunError::new(Stage::Sink, message).with_source(error)
    })
}

#[async_trait]
impl<R, W, F> Sink<R> for JsonLines<W, F>
where
    R: Send + Sync + 'static,
    W: AsyncWrite + Unpin + Send,
    F: LineForm<R>,
{
    fn preparer(&self) -> Option<Arc<dyn Preparer<R>>> {
        Some(Arc::new(FormatLines::<F>::new()))
    }

    async fn write(&self, _: &Run, mut batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let lines = Formatted::take(&mut batch).unwrap_or_else(|| lines::<R, F>(&batch));
        self.out.lock().await.write_all(&lines.text).await.map_err(cannot_write)?;
        Ok(lines.written)
    }

    async fn finish(&self, _: &Run, _: &Summary) -> Result<(), RunError> {
        self.out.lock().await.flush().await.map_err(cannot_write)
    }
}

fn cannot_write(error: std::io::Error) -> RunError {
    RunError::new(Stage::Sink, format!("cannot write JSON Lines: {error}")).with_source(error)
}
