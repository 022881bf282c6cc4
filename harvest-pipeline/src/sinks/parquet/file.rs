use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::errors::ParquetError;
use ::parquet::file::writer::SerializedFileWriter;

use super::columns::{Columns, properties, schema};
use crate::error::{RunError, Stage};
use crate::sinks::Row;

/// How much text goes into a row group, in bytes.
const ROW_GROUP: usize = 32 << 20;
/// How many rows go into a row group at most, however short they are.
const ROWS: usize = 100_000;

/// A Parquet file that is being written, one [`Row`] a record.
///
/// | column | type |
/// |---|---|
/// | `identifier` | string |
/// | `datestamp` | string as the source wrote it, or null |
/// | `sets` | list of strings |
/// | `deleted` | boolean |
/// | `format`, `metadata` | strings; null for a tombstone |
/// | `record` | what the parser read, as JSON; null if there is nothing |
/// | `source` | string |
/// | `harvested` | timestamp in microseconds, UTC, or null |
///
/// Rows are kept in memory until they make a row group, and are then compressed with zstd and
/// written. The file has another name (`records.parquet.partial`) until [`close`](Self::close)
/// gives it its own; dropped without that, it is removed and what had its name before stays.
#[derive(Debug)]
pub struct ParquetFile {
    path: PathBuf,
    partial: PathBuf,
    // None once it has its name, or could not be written.
    writer: Option<SerializedFileWriter<File>>,
    columns: Columns,
    row_group: usize,
    rows: u64,
}

impl ParquetFile {
    /// Begins a file that will have this name.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, RunError> {
        let path = path.into();
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let begun = File::create(&partial)
            .map_err(ParquetError::from)
            .and_then(|file| SerializedFileWriter::new(file, schema()?, Arc::new(properties())));
        let writer = begun.map_err(|error| failed(&path, error))?;
        let columns = Columns::default();
        Ok(Self { path, partial, writer: Some(writer), columns, row_group: ROW_GROUP, rows: 0 })
    }

    /// Sets how many bytes of text go into a row group, which is what the file takes in memory.
    /// Left out: 32 MiB. Larger groups are read faster.
    #[must_use]
    pub fn row_group(mut self, bytes: usize) -> Self {
        self.row_group = bytes;
        self
    }

    /// Adds a row.
    ///
    /// # Errors
    /// If a row group is complete and cannot be written.
    pub fn push(&mut self, row: &Row<'_>) -> Result<(), RunError> {
        self.columns.push(row);
        self.rows += 1;
        match self.columns.bytes() >= self.row_group || self.columns.rows() >= ROWS {
            true => self.write_row_group(),
            false => Ok(()),
        }
    }

    /// How many rows were added.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what is left, makes it durable, and gives the file its name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn close(mut self) -> Result<(), RunError> {
        if self.columns.rows() > 0 {
            self.write_row_group()?;
        }
        let writer = self.writer.take().ok_or_else(|| self.given_up())?;
        let named = writer
            .into_inner()
            .and_then(|file| Ok(file.sync_all()?))
            .and_then(|()| Ok(fs::rename(&self.partial, &self.path)?));
        named.map_err(|error| {
            self.remove();
            failed(&self.path, error)
        })
    }

    fn write_row_group(&mut self) -> Result<(), RunError> {
        let mut writer = self.writer.take().ok_or_else(|| self.given_up())?;
        let columns = std::mem::take(&mut self.columns);
        match columns.write_to(&mut writer) {
            Ok(()) => self.writer = Some(writer),
            Err(error) => {
                // These rows are lost; without them it must not look complete.
                self.remove();
                return Err(failed(&self.path, error));
            }
        }
        Ok(())
    }

    fn given_up(&self) -> RunError {
        let message = format!("{} was given up after an error before", self.path.display());
        RunError::new(Stage::Sink, message)
    }

    fn remove(&self) {
        // Nobody takes it for the file it was to be.
        let _ = fs::remove_file(&self.partial);
    }
}

impl Drop for ParquetFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            self.remove();
            if self.rows > 0 {
                let (path, rows) = (self.path.display(), self.rows);
                tracing::warn!(%path, rows, "a Parquet file was given up before it was closed");
            }
        }
    }
}

fn failed(path: &Path, error: ParquetError) -> RunError {
    let message = format!("cannot write {}: {error}", path.display());
    RunError::new(Stage::Sink, message).with_source(error)
}
