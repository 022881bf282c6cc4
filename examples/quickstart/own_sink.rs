//! Records into something of your own: a sink is one method that takes a batch.
//!
//! `cargo run --example own_sink -- https://export.example.org/oai` counts the languages.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;

use async_trait::async_trait;
use harvest_pipeline::parsers::{DublinCore, DublinCoreRecord};
use harvest_pipeline::{Entry, OaiPmhSource, ParsedBatch, Pipeline, Run, RunError, Sink, Written};
use oai_pmh::{Client, Selection};
use tokio::sync::Mutex;

/// How many records there are in each language.
#[derive(Default)]
struct Languages(Mutex<BTreeMap<String, u64>>);

#[async_trait]
impl Sink<DublinCoreRecord> for Languages {
    async fn write(
        &self,
        _: &Run,
        batch: ParsedBatch<DublinCoreRecord>,
    ) -> Result<Written, RunError> {
        let mut languages = self.0.lock().await;
        for entry in &batch.entries {
            if let Entry::Put { record, .. } = entry {
                for language in &record.language {
                    *languages.entry(language.value.clone()).or_default() += 1;
                }
            }
        }
        // What became of each record. A sink that keeps `batch.checkpoint` says so here as well,
        // and gives it back in `Sink::checkpoint`: then a second run is incremental.
        Ok(Written::new(batch.entries.iter().map(Entry::plain_outcome).collect()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: own_sink URL")?;
    let source = OaiPmhSource::new(Client::new(&url)?, Selection::prefix("oai_dc"));
    let languages = Languages::default();

    let summary = Pipeline::new(source).parse(DublinCore).run(&languages).await?;

    println!("{}", summary.counters);
    for (language, records) in languages.0.into_inner() {
        println!("{records:>8} {language}");
    }
    Ok(())
}
