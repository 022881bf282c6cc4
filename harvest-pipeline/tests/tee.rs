//! Two sinks that get the same, and what happens when one of them fails.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use harvest_pipeline::parsers::DublinCore;
use harvest_pipeline::sinks::{JsonLines, Tee, XmlFiles};
use harvest_pipeline::{
    Entry, Item, Outcome, ParsedBatch, Payload, Pipeline, Query, RecordError, Run, RunError,
    RunState, Sink, SqliteCatalogue, Stage, Summary, Written, sources,
};

/// More than one batch of them.
fn list(records: usize) -> Vec<Item> {
    let payload =
        |n| Payload::new("oai_dc", format!("<oai_dc:dc xmlns:oai_dc=\"o\">{n}</oai_dc:dc>"));
    (0..records).map(|n| Item::put(format!("id{n}"), payload(n))).collect()
}

/// A sink that fails as it is told, and counts what it got.
#[derive(Debug, Default)]
struct Moody {
    refuses_batch: Option<u64>,
    refuses_record: Option<&'static str>,
    cannot_finish: bool,
    was_asked_to_finish: Arc<AtomicBool>,
}

#[async_trait]
impl<R: Send + Sync + 'static> Sink<R> for Moody {
    async fn write(&self, _: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError> {
        if self.refuses_batch == Some(batch.number) {
            return Err(RunError::new(Stage::Sink, "the disk is full"));
        }
        let mut failures = Vec::new();
        let outcomes = batch.entries.iter().map(|entry| match entry {
            Entry::Put { item, .. } if Some(&*item.identifier) == self.refuses_record => {
                let error = RecordError::new(&*item.identifier, Stage::Sink, "too long a title");
                failures.push(error);
                Outcome::Failed
            }
            _ => entry.plain_outcome(),
        });
        let outcomes = outcomes.collect();
        Ok(Written::new(outcomes).with_failures(failures))
    }

    async fn finish(&self, _: &Run, _: &Summary) -> Result<(), RunError> {
        self.was_asked_to_finish.store(true, Ordering::SeqCst);
        match self.cannot_finish {
            true => Err(RunError::new(Stage::Sink, "the last byte is lost")),
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn both_sinks_get_every_record_and_the_first_keeps_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = SqliteCatalogue::open(folder.path().join("c.db")).await.unwrap();
    let sink = Tee::new(catalogue, JsonLines::new(Vec::new()).with_record());
    let harvest = async |records: usize| {
        let pipeline = Pipeline::new(sources::items("s", list(records))).parse(DublinCore);
        pipeline.run(&sink).await.unwrap()
    };
    assert_eq!(harvest(250).await.counters.created, 250);
    let second = harvest(300).await;
    assert!(second.resumed && second.checkpoint_committed);
    assert_eq!(second.counters.total(), 50);

    let (catalogue, lines) = sink.into_inner();
    let stored: Vec<_> = catalogue.records(Query::all()).try_collect().await.unwrap();
    assert_eq!(stored.len(), 300);
    let lines = String::from_utf8(lines.into_inner()).unwrap();
    assert_eq!(lines.lines().count(), 300);
    catalogue.close().await.unwrap();
}

#[tokio::test]
async fn no_checkpoint_gets_ahead_of_the_second_sink() {
    let folder = tempfile::tempdir().unwrap();
    let files = XmlFiles::new(folder.path()).unwrap();
    let sink = Tee::new(files.clone(), Moody { refuses_batch: Some(1), ..Moody::default() });
    let error = Pipeline::new(sources::items("s", list(250))).run(&sink).await.unwrap_err();
    assert_eq!(error.message(), "the disk is full");
    assert_eq!(error.summary().unwrap().batches, 1);
    assert!(files.path(&"s".into(), "id0").exists() && !files.path(&"s".into(), "id249").exists());

    // The batch that the second refused comes again.
    let lines = JsonLines::new(Vec::new());
    let sink = Tee::new(files, lines);
    let summary = Pipeline::new(sources::items("s", list(250))).run(&sink).await.unwrap();
    assert!(summary.resumed);
    let lines = String::from_utf8(sink.into_inner().1.into_inner()).unwrap();
    assert_eq!(lines.lines().count() as u64, summary.counters.created);
    assert!(lines.contains("\"id249\"") && !lines.contains("\"id0\""));
}

#[tokio::test]
async fn a_batch_that_the_first_refuses_comes_to_the_second_again() {
    let sink =
        Tee::new(Moody { refuses_batch: Some(0), ..Moody::default() }, JsonLines::new(Vec::new()));
    let error = Pipeline::new(sources::items("s", list(3))).run(&sink).await.unwrap_err();
    assert_eq!(error.summary().unwrap().counters.total(), 0);
    let lines = String::from_utf8(sink.into_inner().1.into_inner()).unwrap();
    assert_eq!(lines.lines().count(), 3);
}

#[tokio::test]
async fn a_record_that_one_of_them_cannot_store_has_failed() {
    let moody = || Moody { refuses_record: Some("id1"), ..Moody::default() };
    for summary in [
        Pipeline::new(sources::items("s", list(3)))
            .run(&Tee::new(moody(), JsonLines::new(Vec::new())))
            .await
            .unwrap(),
        Pipeline::new(sources::items("s", list(3)))
            .run(&Tee::new(JsonLines::new(Vec::new()), moody()))
            .await
            .unwrap(),
    ] {
        assert_eq!(summary.state, RunState::SucceededWithErrors);
        assert_eq!((summary.counters.created, summary.counters.failed), (2, 1));
        let [failure] = summary.failures.first() else { panic!("{:?}", summary.failures) };
        assert_eq!(failure.identifier.as_deref(), Some("id1"));
        assert!(failure.message.ends_with("too long a title"), "{failure}");
    }
}

#[tokio::test]
async fn a_second_sink_that_cannot_be_completed_fails_the_run_in_both() {
    let was_asked = Arc::new(AtomicBool::new(false));
    let first = Moody { was_asked_to_finish: Arc::clone(&was_asked), ..Moody::default() };
    let second = Moody { cannot_finish: true, ..Moody::default() };
    let sink = Tee::new(first, second);
    let error = Pipeline::new(sources::items("s", list(3))).run(&sink).await.unwrap_err();
    assert_eq!(error.message(), "the last byte is lost");
    assert_eq!(error.summary().unwrap().state, RunState::Failed);
    assert!(was_asked.load(Ordering::SeqCst));
}
