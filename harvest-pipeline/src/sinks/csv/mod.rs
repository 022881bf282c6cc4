//! Records as comma-separated values.

mod table;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

pub use self::table::{Column, CsvTable};
use super::formatted::Formatted;
use super::json_lines::create;
use super::row::Row;
use crate::error::{RunError, Stage};
use crate::run::{Run, Summary};
use crate::sink::{ParsedBatch, Preparer, Sink, Written};

/// Writes a table of comma-separated values (RFC 4180) with a header row, one record a row.
///
/// Tombstones are rows, too, of which the column [`deleted`](Column::deleted) tells. Records that a
/// filter rejected, that did not change or that failed are not written. Like
/// [`JsonLines`](super::JsonLines), it keeps no checkpoint.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use harvest_pipeline::sinks::{Column, Csv, CsvTable};
///
/// let columns = [Column::identifier(), Column::field("title"), Column::field("creator")];
/// let sink = Csv::create("records.csv", CsvTable::new(columns).for_spreadsheets()).await?;
/// # let _ = sink; Ok(()) }
/// ```
#[derive(Debug)]
pub struct Csv<W> {
    table: Arc<CsvTable>,
    // A tokio lock, because it is held while the output is slow.
    out: Mutex<Output<W>>,
}

#[derive(Debug)]
struct Output<W> {
    writer: W,
    has_head: bool,
}

impl<W: AsyncWrite + Unpin + Send> Csv<W> {
    /// Writes to `out`, once per batch; it needs no buffer around it.
    #[must_use]
    pub fn new(out: W, table: CsvTable) -> Self {
        let out = Mutex::new(Output { writer: out, has_head: false });
        Self { table: Arc::new(table), out }
    }

    /// The output, with everything that was written.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.out.into_inner().writer
    }

    async fn append(&self, rows: &[u8]) -> std::io::Result<()> {
        let mut out = self.out.lock().await;
        if !out.has_head {
            let mut head = Vec::new();
            self.table.write_head(&mut head);
            out.has_head = true;
            out.writer.write_all(&head).await?;
        }
        out.writer.write_all(rows).await
    }
}

impl Csv<File> {
    /// Writes to a new file; one that exists is emptied first.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub async fn create(path: impl AsRef<Path>, table: CsvTable) -> Result<Self, RunError> {
        Ok(Self::new(create(path.as_ref()).await?, table))
    }
}

fn rows<R: Serialize>(table: &CsvTable, batch: &ParsedBatch<R>) -> Formatted {
    Formatted::of(batch, |item, record, out| {
        let row = Row::of(&batch.source, item, batch.received);
        let row = match record {
            None => row.into_tombstone(),
            Some(record) if table.has_fields() => row.with_parsed(record)?,
            Some(_) => row,
        };
        table.write_row(&row, out)
    })
}

/// Formats the rows beforehand, on the threads that parse.
struct FormatRows(Arc<CsvTable>);

impl<R: Serialize + Send + Sync> Preparer<R> for FormatRows {
    fn prepare(&self, batch: &mut ParsedBatch<R>) {
        batch.prepared = Some(Box::new(rows(&self.0, batch)));
    }
}

#[async_trait]
impl<R, W> Sink<R> for Csv<W>
where
    R: Serialize + Send + Sync + 'static,
    W: AsyncWrite + Unpin + Send,
{
    fn preparer(&self) -> Option<Arc<dyn Preparer<R>>> {
        Some(Arc::new(FormatRows(Arc::clone(&self.table))))
    }

    async fn write(&self, _: &Run, mut batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let rows = Formatted::take(&mut batch).unwrap_or_else(|| rows(&self.table, &batch));
        self.append(&rows.text).await.map_err(cannot_write)?;
        Ok(rows.written)
    }

    async fn finish(&self, _: &Run, _: &Summary) -> Result<(), RunError> {
        // A list without records is a table with a head.
        self.append(&[]).await.map_err(cannot_write)?;
        self.out.lock().await.writer.flush().await.map_err(cannot_write)
    }
}

fn cannot_write(error: std::io::Error) -> RunError {
    RunError::new(Stage::Sink, format!("cannot write CSV: {error}")).with_source(error)
}
