//! Records as columns, for DuckDB, Spark, pandas and their like.

mod columns;
mod file;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Serialize;

pub use self::file::ParquetFile;
use super::formatted::write_each;
use super::row::Row;
use crate::error::{RunError, Stage};
use crate::run::Run;
use crate::sink::{ParsedBatch, Sink, Written};

/// Writes records into a [`ParquetFile`], one row a record.
///
/// Tombstones are rows, too. Records that a filter rejected, that did not change or that failed are
/// not written, and it keeps no checkpoint. The file can take the records of several runs, at the
/// same time or one after the other; it is there once it is **[closed](Self::close)**, and not
/// before.
///
/// ```
/// # async fn example(source: impl harvest_pipeline::Source + 'static)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use harvest_pipeline::{Pipeline, sinks::Parquet};
///
/// let sink = Parquet::create("records.parquet")?;
/// Pipeline::new(source).run(&sink).await?;
/// sink.close().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Parquet {
    file: Arc<Mutex<ParquetFile>>,
}

impl Parquet {
    /// Begins a file that will have this name.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, RunError> {
        Ok(Self::new(ParquetFile::create(path)?))
    }

    /// Goes on with a file that was begun.
    #[must_use]
    pub fn new(file: ParquetFile) -> Self {
        Self { file: Arc::new(Mutex::new(file)) }
    }

    /// Completes the file and gives it its name, in place of an older one.
    ///
    /// # Errors
    /// If it cannot be written, or a run still writes to it.
    pub async fn close(self) -> Result<(), RunError> {
        let file = Arc::try_unwrap(self.file)
            .map_err(|_| RunError::new(Stage::Sink, "a run still writes to the Parquet file"))?;
        let file = file.into_inner().unwrap_or_else(PoisonError::into_inner);
        blocking(move || file.close()).await
    }
}

#[async_trait]
impl<R: Serialize + Send + Sync + 'static> Sink<R> for Parquet {
    async fn write(&self, _: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let file = Arc::clone(&self.file);
        blocking(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let mut pushed = Ok(());
            let written = write_each(&batch, |item, record| {
                let row = Row::of(&batch.source, item, batch.received);
                let row = match record {
                    Some(record) => row.with_parsed(record)?,
                    None => row.into_tombstone(),
                };
                if pushed.is_ok() {
                    pushed = file.push(&row);
                }
                Ok(())
            });
            pushed.map(|()| written)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RunError> + Send + 'static,
) -> Result<T, RunError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let message = format!("writing the Parquet file was stopped: {error}");
        Err(RunError::new(Stage::Sink, message).with_source(error))
    })
}
