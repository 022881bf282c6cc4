//! The sinks that write files.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use std::path::Path;

use harvest_pipeline::sinks::{JsonLines, XmlFiles};
use harvest_pipeline::{
    Counters, Item, Outcome, Payload, Pipeline, RecordError, Resume, RunState, Stage, sources,
};

fn put(id: &str, body: &str) -> Item {
    Item::put(id, Payload::new("test", body.to_owned()))
}

#[tokio::test]
async fn json_lines_are_one_object_a_record() {
    let list = vec![
        Ok(put("a\n\"", "<r x=\"1\">č\n</r>")
            .with_datestamp("2024-01-31")
            .with_sets(["s", "t"])
            .with_abouts(["<about/>"])),
        Err(RecordError::new("b", Stage::Source, "broken")),
        Ok(Item::delete("d").with_datestamp("2024-02-01")),
    ];
    let sink = JsonLines::new(Vec::new());
    let summary = Pipeline::new(sources::items("s", list)).run(&sink).await.unwrap();
    assert_eq!(summary.state, RunState::SucceededWithErrors);
    assert_eq!((summary.counters.created, summary.counters.failed), (1, 1));
    assert!(!summary.checkpoint_committed);
    assert_eq!(
        String::from_utf8(sink.into_inner()).unwrap(),
        "{\"identifier\":\"a\\n\\\"\",\"datestamp\":\"2024-01-31\",\"sets\":[\"s\",\"t\"],\
         \"deleted\":false,\"metadata\":\"<r x=\\\"1\\\">č\\n</r>\",\"about\":[\"<about/>\"]}\n\
         {\"identifier\":\"d\",\"datestamp\":\"2024-02-01\",\"sets\":[],\
         \"deleted\":true,\"metadata\":null,\"about\":[]}\n"
    );
}

#[tokio::test]
async fn json_lines_go_to_a_file_that_is_emptied_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.jsonl");
    for _ in 0..2 {
        let sink = JsonLines::create(&path).await.unwrap();
        let source = sources::items("s", (0..250).map(|n| put(&n.to_string(), "<r/>")));
        Pipeline::new(source).run(&sink).await.unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let identifiers = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["identifier"].as_str().unwrap().to_owned()
    });
    assert!(identifiers.eq((0..250).map(|n| n.to_string())));
    let nowhere = folder.path().join("no/such/folder");
    let error = JsonLines::create(&nowhere).await.unwrap_err().to_string();
    assert!(error.contains("no/such/folder"), "{error}");
}

async fn store(folder: &Path, list: Vec<Item>, resume: Resume) -> Counters {
    let sink = XmlFiles::new(folder).unwrap();
    let source = sources::items("s", list);
    Pipeline::new(source).resume(resume).run(&sink).await.unwrap().counters
}

fn one(outcome: Outcome) -> Counters {
    [outcome].into_iter().collect()
}

#[tokio::test]
async fn xml_files_follow_their_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = XmlFiles::new(folder.path()).unwrap().path(&"s".into(), "oai:x/1");
    let marker = path.with_extension("deleted");
    let step = async |item: Item| store(folder.path(), vec![item], Resume::Afresh).await;

    assert_eq!(step(Item::delete("oai:x/1")).await, one(Outcome::SkippedDeleted));
    assert!(marker.exists() && !path.exists());
    assert_eq!(step(put("oai:x/1", "<v1/>")).await, one(Outcome::Created));
    assert!(!marker.exists());
    assert_eq!(step(put("oai:x/1", "<v1/>")).await, one(Outcome::Unchanged));
    assert_eq!(step(put("oai:x/1", "<v2/>")).await, one(Outcome::Updated));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "<v2/>");
    assert_eq!(step(Item::delete("oai:x/1")).await, one(Outcome::Deleted));
    assert!(!path.exists());
    let tombstone = std::fs::read_to_string(&marker).unwrap();
    assert!(tombstone.starts_with("{\"identifier\":\"oai:x/1\""), "{tombstone}");
    assert_eq!(step(Item::delete("oai:x/1")).await, one(Outcome::Unchanged));
}

#[tokio::test]
async fn xml_files_stay_in_their_folder_and_apart_whatever_the_identifiers() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("records");
    let long = "long".repeat(1000);
    let identifiers = ["../escape", "/etc/passwd", "A", "a", "a/b", "a_b", "", "..", &long];
    let list: Vec<_> = identifiers.iter().map(|id| put(id, &format!("<r>{id}</r>"))).collect();
    let counters = store(&folder, list, Resume::FromSink).await;
    assert_eq!(counters.created, identifiers.len() as u64);
    let sink = XmlFiles::new(&folder).unwrap();
    for id in identifiers {
        let body = std::fs::read_to_string(sink.path(&"s".into(), id)).unwrap();
        assert_eq!(body, format!("<r>{id}</r>"));
    }
    assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1);
    // One for the checkpoint, and nothing temporary.
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), identifiers.len() + 1);
}

#[tokio::test]
async fn xml_files_continue_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let list = |n: usize| (0..n).map(|n| put(&n.to_string(), "<r/>")).collect::<Vec<_>>();
    assert_eq!(store(folder.path(), list(3), Resume::FromSink).await.created, 3);
    let counters = store(folder.path(), list(5), Resume::FromSink).await;
    assert_eq!((counters.created, counters.total()), (2, 2));
}
