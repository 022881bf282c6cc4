//! Records as files in a folder.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::Deserialize;

use crate::error::{RunError, Stage};
use crate::parsers::Bibliographic;
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

/// Records as files in a folder, which is made when there are some. A file of a batch appears complete
/// and is durable, or is not there.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) form: Form,
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
impl Sink<Bibliographic> for Folder {
    async fn write(
        &self,
        run: &Run,
        batch: ParsedBatch<Bibliographic>,
    ) -> Result<Written, RunError> {
        let name = batch_name(run, batch.number);
        let (name, text, written) = match self.form {
            Form::Xml => return XmlFiles::new(self.path.clone())?.write(run, batch).await,
            Form::JsonLines => {
                let lines = JsonLines::new(Vec::new()).with_record();
                let written = lines.write(run, batch).await?;
                (format!("{name}.jsonl"), lines.into_inner(), written)
            }
            Form::Csv => {
                let csv = Csv::new(Vec::new(), table());
                let written = csv.write(run, batch).await?;
                (format!("{name}.csv"), csv.into_inner(), written)
            }
        };
        let path = self.path.join(name);
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
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
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
