//! Harvests a repository into a file of JSON Lines, leaving out what is not wanted.
//!
//! `cargo run --example harvest_to_jsonl -- https://export.example.org/oai records.jsonl`
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;

use harvest_pipeline::sinks::JsonLines;
use harvest_pipeline::{Candidate, OaiPmhSource, Pipeline};
use oai_pmh::{Client, Selection};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: harvest_to_jsonl URL FILE".into());
    };

    let source = OaiPmhSource::new(Client::new(&url)?, Selection::prefix("oai_dc"));
    let sink = JsonLines::create(&file).await?;
    let summary = Pipeline::new(source)
        // A filter is any function of the record.
        .filter(|record: &Candidate<'_>| !record.item().sets.iter().any(|set| set == "drafts"))
        .on_progress(|progress| println!("{}", progress.counters))
        .run(&sink)
        .await?;

    println!("{}: {}", summary.state, summary.counters);
    for failure in summary.failures.first() {
        println!("failed: {failure}");
    }
    Ok(())
}
