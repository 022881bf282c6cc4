//! Records as files in a folder.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::Deserialize;

use crate::error::{RunError, Stage};
use crate::parsers::Bibliographic;
use crate::registry::Receiver;
use crate::run::Run;
use crate::sink::{ParsedBatch, Sink, Written};
use crate::sinks::{Column, Csv, CsvTable, JsonLines, XmlFiles, batch_name};

/// What is written into a folder.
#[derive(Clone, Copy, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Form {
    /// The metadata of each record, as a file of its own.
    #[default]
    Xml,
    /// A file for each batch, with an object a line: metadata, and what was read in it.
    JsonLines,
    /// A file for each batch, with a row a record.
    Csv,
}

pub(super) fn receiver(path: PathBuf, form: Form) -> Result<Box<Receiver>, RunError> {
    let ending = match form {
        Form::Xml => return Ok(Box::new(XmlFiles::new(path)?)),
        Form::JsonLines => "jsonl",
        Form::Csv => "csv",
    };
    std::fs::create_dir_all(&path).map_err(|error| cannot_write(&path, error))?;
    Ok(Box::new(BatchFiles { folder: path, ending }))
}

/// A file for each batch. It appears complete and is durable, or is not there.
#[derive(Debug)]
struct BatchFiles {
    folder: PathBuf,
    ending: &'static str,
}

/// What a row of CSV says of a record.
fn table() -> CsvTable {
    CsvTable::new([
        Column::source(),
        Column::identifier(),
        Column::datestamp(),
        Column::deleted(),
        Column::sets(),
        Column::format(),
        Column::field("titles").titled("title"),
        Column::field("creators.names").titled("creator"),
        Column::field("publishers").titled("publisher"),
        Column::field("dates").titled("date"),
        Column::field("types").titled("type"),
        Column::field("languages").titled("language"),
        Column::field("identifiers").titled("identifiers"),
    ])
    .for_spreadsheets()
}

#[async_trait]
impl Sink<Bibliographic> for BatchFiles {
    async fn write(
        &self,
        run: &Run,
        batch: ParsedBatch<Bibliographic>,
    ) -> Result<Written, RunError> {
        let path = self.folder.join(format!("{}.{}", batch_name(run, batch.number), self.ending));
        let (text, written) = if self.ending == "csv" {
            let csv = Csv::new(Vec::new(), table());
            let written = csv.write(run, batch).await?;
            (csv.into_inner(), written)
        } else {
            let lines = JsonLines::new(Vec::new()).with_record();
            let written = lines.write(run, batch).await?;
            (lines.into_inner(), written)
        };
        let put = tokio::task::spawn_blocking(move || {
            put(&path, &text).map_err(|error| cannot_write(&path, error))
        });
        put.await.unwrap_or_else(|error| {
            Err(RunError::new(Stage::Sink, format!("writing a file was stopped: {error}")))
        })?;
        Ok(written)
    }
}

/// Writes a file beside its place, makes it durable, and moves it there.
fn put(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

fn cannot_write(path: &Path, error: std::io::Error) -> RunError {
    let message = format!("cannot write {}: {error}", path.display());
    RunError::new(Stage::Sink, message).with_source(error)
}
