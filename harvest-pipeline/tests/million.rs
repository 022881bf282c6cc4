//! A list of a million records, in no more memory than a short one.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used)]

use futures_util::stream::{self, BoxStream, StreamExt};
use harvest_pipeline::parsers::ByFormat;
use harvest_pipeline::{
    Batch, Checkpoint, Item, Payload, Pipeline, Resume, RunError, RunState, Source, SourceId,
    SqliteCatalogue,
};

const RECORDS: u64 = 1_000_000;
/// How many come on a page.
const PAGE: u64 = 1000;
/// What the whole process may need, in MiB. That does not depend on the number of records.
const MEMORY: u64 = 192;

/// So many records, made as they are asked for.
#[derive(Debug)]
struct Million;

impl Source for Million {
    fn id(&self) -> SourceId {
        "million".into()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let batches = (0..RECORDS / PAGE).map(|number| {
            let items = (number * PAGE..(number + 1) * PAGE).map(record).map(Ok).collect();
            let checkpoint = Checkpoint::new(1, &number)?;
            let mut batch = Batch::new(number, checkpoint).with_items(items);
            batch.total_hint = Some(RECORDS);
            Ok(batch)
        });
        stream::iter(batches).boxed()
    }
}

fn record(number: u64) -> Item {
    // No two are alike.
    let title = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let body = format!(
        "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>On the number {title}</dc:title>\
         <dc:creator>Author {:x}</dc:creator><dc:date>20{:02}</dc:date><dc:type>article</dc:type>\
         <dc:identifier>https://repository.example.org/items/{number}</dc:identifier></oai_dc:dc>",
        title >> 40,
        number % 25,
    );
    Item::put(format!("oai:repository.example.org:{number:07}"), Payload::new("oai_dc", body))
        .with_datestamp("2024-01-31T12:00:00Z")
}

/// The most memory that this process had at a time, in MiB; `None` where nobody says.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute; run it with --run-ignored all, or cargo test -- --ignored"]
async fn a_34_a_million_records_are_harvested_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = SqliteCatalogue::open(folder.path().join("harvest.db")).await.unwrap();
    let pipeline = Pipeline::new(Million).parse(ByFormat::new()).resume(Resume::Afresh);
    let summary = pipeline.run(&catalogue).await.unwrap();
    assert_eq!((summary.state, summary.batches), (RunState::Succeeded, RECORDS / PAGE));
    assert_eq!((summary.counters.created, summary.counters.total()), (RECORDS, RECORDS));
    let stored = catalogue.source(&"million".into()).await.unwrap().unwrap();
    assert_eq!((stored.live, stored.deleted, stored.errors), (RECORDS, 0, 0));
    for number in [0, RECORDS / 2, RECORDS - 1] {
        let item = record(number);
        let found = catalogue.find(&"million".into(), &item.identifier).await.unwrap().unwrap();
        assert_eq!(found.metadata.as_deref(), item.payload().map(|it| &*it.body));
    }
    catalogue.close().await.unwrap();
    if let Some(peak) = peak() {
        assert!(peak <= MEMORY, "{peak} MiB for {RECORDS} records");
    }
}
