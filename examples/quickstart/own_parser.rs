//! Records as a type of your own: a parser is one method, and can stand on one that is there.
//!
//! `cargo run --example own_parser -- https://export.example.org/oai` fills `works.sqlite`.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;

use harvest_pipeline::parsers::{ByFormat, DateKind};
use harvest_pipeline::{
    Issue, IssueLevel, Item, OaiPmhSource, Parsed, Parser, Payload, Pipeline, RecordError,
    SqliteCatalogue,
};
use oai_pmh::{Client, Selection};
use serde::Serialize;

/// What a list of works needs.
#[derive(Serialize)]
struct Work {
    year: Option<u16>,
    title: String,
    authors: Vec<String>,
}

/// Makes works of whatever formats `ByFormat` reads.
struct Works(ByFormat);

impl Parser for Works {
    type Record = Work;

    fn format(&self) -> &str {
        "*"
    }

    fn parse(&self, item: &Item, payload: &Payload) -> Result<Parsed<Work>, RecordError> {
        let read = self.0.parse(item, payload)?;
        let issued = |kind: &Option<DateKind>| matches!(kind, None | Some(DateKind::Issued));
        let date = read.record.dates.iter().find(|date| issued(&date.kind));
        let year = date.and_then(|date| date.value.get(..4)?.parse().ok());
        let title = read.record.title().unwrap_or("untitled").to_owned();
        let names = read.record.creators.iter().filter_map(|agent| agent.names.first());
        let authors = names.map(|name| name.value.clone()).collect();
        let mut parsed = Parsed::new(Work { year, title, authors });
        parsed.issues = read.issues;
        if year.is_none() {
            parsed.issues.push(Issue::new(IssueLevel::Warning, "date", "no year of publication"));
        }
        Ok(parsed)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: own_parser URL")?;
    let source = OaiPmhSource::new(Client::new(&url)?, Selection::prefix("oai_dc"));
    let sink = SqliteCatalogue::open("works.sqlite").await?;
    let summary = Pipeline::new(source).parse(Works(ByFormat::new())).run(&sink).await?;
    sink.close().await?;
    println!("{}: {}", summary.state, summary.counters);
    Ok(())
}
