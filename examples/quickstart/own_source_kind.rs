//! A source of your own, in two steps: a folder is listed, then its files are read one by one.
//!
//! `cargo run --example own_source_kind -- folder` writes `records.jsonl`

use std::{error, io, num::NonZeroUsize, path::PathBuf};

use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};
use harvest_pipeline::two_step::{self, Page, TwoStep};
use harvest_pipeline::{Batch, Checkpoint, Item, Payload, Pipeline, RecordError, RunError};
use harvest_pipeline::{Source, SourceId, Stage, sinks::JsonLines};

#[derive(Debug)]
struct Folder(PathBuf);

impl Source for Folder {
    fn id(&self) -> SourceId {
        self.0.display().to_string().into()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let begin = async { Ok(Listing(Some(self.0.clone()))) };
        two_step::batches(begin, NonZeroUsize::MIN).boxed()
    }
}

/// One run: the folder, until it was listed.
struct Listing(Option<PathBuf>);

#[async_trait]
impl TwoStep for Listing {
    type Reference = PathBuf;

    async fn list(&mut self) -> Result<Option<Page<PathBuf>>, RunError> {
        let Some(folder) = self.0.take() else { return Ok(None) };
        let files: io::Result<_> = std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let failed = |error: io::Error| RunError::new(Stage::Source, error.to_string());
        Ok(Some(Page::new(files.map_err(failed)?)))
    }

    async fn get(&self, file: &PathBuf) -> Result<Item, RecordError> {
        let name = file.display().to_string();
        let body = tokio::fs::read_to_string(file).await;
        body.map(|body| Item::put(&*name, Payload::new("xml", body)))
            .map_err(|error| RecordError::new(&*name, Stage::Source, error.to_string()))
    }

    fn checkpoint(&mut self, _: usize, _: Vec<PathBuf>) -> Result<Option<Checkpoint>, RunError> {
        Ok(None) // every run reads everything
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: own_source_kind FOLDER")?;
    let sink = JsonLines::create("records.jsonl").await?;
    Pipeline::new(Folder(folder.into())).run(&sink).await?;
    Ok(())
}
