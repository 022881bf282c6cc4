//! Batches as objects in a bucket.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use harvest_pipeline::parsers::{DublinCore, RawRecord};
use harvest_pipeline::sinks::Objects;
use harvest_pipeline::{
    Bucket, Checkpoint, Hold, Item, ParsedBatch, Payload, Pipeline, Preparer, Resume, Run,
    RunError, RunState, Sink, SourceId, Stage, Summary, Written, sources,
};
use serde_json::Value;

fn list(records: usize) -> Vec<Item> {
    let payload = |n| Payload::new("oai_dc", format!("<dc>{n}</dc>"));
    (0..records).map(|n| Item::put(format!("id{n}"), payload(n))).collect()
}

/// Every object in the folder, by its name in there.
fn objects(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// The records in all objects, in the order of their names.
fn records(folder: &Path) -> Vec<Value> {
    let batches = objects(folder).into_iter().filter(|(name, _)| name.ends_with(".jsonl.zst"));
    let texts = batches.map(|(_, body)| zstd::decode_all(&*body).unwrap());
    texts
        .flat_map(|text| {
            let lines = std::str::from_utf8(&text).unwrap().lines();
            lines.map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        })
        .collect()
}

fn identifiers(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["identifier"].as_str().unwrap()).collect()
}

async fn run(sink: &impl Sink<RawRecord>, records: usize) -> Result<Summary, RunError> {
    Pipeline::new(sources::items("a source: č", list(records))).run(sink).await
}

#[tokio::test]
async fn each_batch_is_an_object_and_the_next_run_goes_on_behind_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Objects::new(Bucket::folder(folder.path()).unwrap().below("lake/records"));
    let first = run(&sink, 250).await.unwrap();
    assert!(first.checkpoint_committed);
    let second = run(&sink, 260).await.unwrap();
    assert!(second.resumed);
    assert_eq!(second.counters.created, 10);

    let expected: Vec<_> = (0..260).map(|n| format!("id{n}")).collect();
    assert_eq!(identifiers(&records(folder.path())), expected);
    let names: Vec<_> = objects(folder.path()).into_keys().collect();
    let batches = first.batches + second.batches;
    assert_eq!(names.len() as u64, batches + 1, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("lake/records/a_source")), "{names:?}");
    let in_a_run = names.iter().filter(|name| name.ends_with(".jsonl.zst"));
    let runs: HashSet<_> = in_a_run.map(|name| name.rsplit_once('/').unwrap().0).collect();
    assert_eq!(runs.len(), 2, "{names:?}");
}

#[tokio::test]
async fn the_parsed_record_is_there_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Objects::new(Bucket::folder(folder.path()).unwrap()).with_record();
    let body = "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
                xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>T</dc:title></oai_dc:dc>";
    let items = [Item::put("a", Payload::new("oai_dc", body)), Item::delete("b")];
    Pipeline::new(sources::items("s", items)).parse(DublinCore).run(&sink).await.unwrap();
    let records = records(folder.path());
    assert_eq!(records[0]["record"]["title"][0], "T");
    assert_eq!((&records[1]["deleted"], &records[1]["record"]), (&true.into(), &Value::Null));
}

/// A sink that is killed between an object and its state: the state stays as it was.
struct Killed {
    sink: Objects,
    folder: std::path::PathBuf,
    at: u64,
}

#[async_trait]
impl Sink<RawRecord> for Killed {
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        Sink::<RawRecord>::begin(&self.sink, run).await
    }

    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        Sink::<RawRecord>::checkpoint(&self.sink, source).await
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer<RawRecord>>> {
        self.sink.preparer()
    }

    async fn write(&self, run: &Run, batch: ParsedBatch<RawRecord>) -> Result<Written, RunError> {
        if batch.number != self.at {
            return self.sink.write(run, batch).await;
        }
        let (name, state) = objects(&self.folder)
            .into_iter()
            .find(|(name, _)| name.ends_with("state.json"))
            .unwrap();
        self.sink.write(run, batch).await?;
        std::fs::write(self.folder.join(name), state).unwrap();
        Err(RunError::new(Stage::Sink, "killed"))
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        Sink::<RawRecord>::finish(&self.sink, run, summary).await
    }
}

#[tokio::test]
async fn a_batch_that_comes_again_after_a_crash_takes_its_own_place() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = || Bucket::folder(folder.path()).unwrap();
    let killed = Killed { sink: Objects::new(bucket()), folder: folder.path().into(), at: 1 };
    assert_eq!(run(&killed, 450).await.unwrap_err().message(), "killed");
    let before = objects(folder.path());
    assert_eq!(before.len(), 3, "two batches and the state");

    // A process of its own: nothing is left in memory.
    let summary = run(&Objects::new(bucket()), 450).await.unwrap();
    assert_eq!((summary.state, summary.resumed), (RunState::Succeeded, true));
    let expected: Vec<_> = (0..450).map(|n| format!("id{n}")).collect();
    assert_eq!(identifiers(&records(folder.path())), expected);
    let after = objects(folder.path());
    let kept = before.iter().filter(|(name, _)| name.ends_with(".zst"));
    for (name, body) in kept {
        assert!(after[name] == *body, "{name} has changed");
    }
}

#[tokio::test]
async fn a_run_from_the_beginning_touches_nothing_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Objects::new(Bucket::folder(folder.path()).unwrap());
    run(&sink, 150).await.unwrap();
    let before = objects(folder.path());
    let again = Pipeline::new(sources::items("a source: č", list(150)));
    again.resume(Resume::Afresh).run(&sink).await.unwrap();
    let after = objects(folder.path());
    assert_eq!(after.len(), before.len() * 2 - 1);
    assert!(before.iter().all(|(name, body)| name.ends_with("state.json") || after[name] == *body));
}

#[tokio::test]
async fn a_second_run_of_the_source_is_refused_until_the_first_has_ended() {
    let sink = Objects::new(Bucket::in_memory());
    let begin = || async { Sink::<RawRecord>::begin(&sink, &Run::new("s".into())).await };
    let hold = begin().await.unwrap();
    assert!(begin().await.unwrap_err().is_transient());
    drop(hold);
    drop(begin().await.unwrap());
}

#[test]
fn a_place_that_cannot_be_is_named_without_its_password() {
    let url = "gopher://me:secret@example.org/x".parse().unwrap();
    let error = Bucket::open(&url, []).unwrap_err().to_string();
    assert!(error.contains("example.org/x") && !error.contains("secret"), "{error}");
    Bucket::open(&"memory:///".parse().unwrap(), []).unwrap();
}

/// `BUCKET_URL=s3://bucket AWS_ENDPOINT=http://127.0.0.1:5000 AWS_ALLOW_HTTP=true AWS_REGION=…
/// AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…`, with a server that speaks S3 and has the bucket.
#[cfg(feature = "aws")]
#[ignore = "needs a server that speaks S3; the variables above say where it is"]
#[tokio::test]
async fn a_bucket_on_s3_is_like_the_others() {
    use harvest_pipeline::payloads::{ContentAddress, ObjectPayloads, PayloadStore};

    let url = std::env::var("BUCKET_URL").unwrap().parse().unwrap();
    let bucket = Bucket::open(&url, std::env::vars()).unwrap();
    let bucket = bucket.below(&format!("test-{}", std::process::id()));
    let first = run(&Objects::new(bucket.clone()), 250).await.unwrap();
    assert_eq!((first.counters.created, first.resumed), (250, false));
    // Another process reads where the first one stood.
    let second = run(&Objects::new(bucket.clone()), 260).await.unwrap();
    assert_eq!((second.counters.created, second.resumed), (10, true));

    let archive = ObjectPayloads::new(bucket);
    let address = archive.put(b"<dc/>").await.unwrap();
    assert_eq!(archive.get(&address).await.unwrap().unwrap(), b"<dc/>");
    assert_eq!(archive.get(&ContentAddress::of(b"other")).await.unwrap(), None);
    archive.remove(&address).await.unwrap();
    archive.remove(&address).await.unwrap();
    assert!(!archive.contains(&address).await.unwrap());
}
