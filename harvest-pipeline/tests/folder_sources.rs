//! Folders and files as sources, into SQLite.
#![cfg(all(feature = "folder", feature = "sqlite"))]
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::TryStreamExt;
use harvest_pipeline::sources::{Compare, Folder, JsonLines};
use harvest_pipeline::{
    Batch, Checkpoint, Counters, Pipeline, Query, Registry, Resume, RunError, RunState, Source,
    SqliteCatalogue, StoredRecord, Summary, sinks,
};
use resync_core::transport::{Request, Response, Transport};
use serde_json::json;
use tempfile::TempDir;

const DC: &str = "http://www.openarchives.org/OAI/2.0/oai_dc/";

/// A folder with records, and a catalogue beside it.
struct Site(TempDir);

impl Site {
    fn new(files: &[(&str, &str)]) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::create_dir(site.path("")).unwrap();
        files.iter().for_each(|(name, content)| site.put(name, content));
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("records").join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    fn folder(&self) -> Folder {
        Folder::new(self.path(""))
    }

    async fn catalogue(&self) -> SqliteCatalogue {
        SqliteCatalogue::open(self.0.path().join("x.db")).await.unwrap()
    }

    async fn run(&self, source: impl Source + 'static) -> Result<Summary, RunError> {
        let catalogue = self.catalogue().await;
        let ran = Pipeline::new(source).run(&catalogue).await;
        catalogue.close().await.unwrap();
        ran
    }

    async fn records(&self) -> Vec<StoredRecord> {
        let catalogue = self.catalogue().await;
        let records = catalogue.records(Query::all()).try_collect().await.unwrap();
        catalogue.close().await.unwrap();
        records
    }
}

fn counters(created: u64, updated: u64, unchanged: u64, failed: u64) -> Counters {
    let mut counters = Counters::default();
    (counters.created, counters.updated) = (created, updated);
    (counters.unchanged, counters.failed) = (unchanged, failed);
    counters
}

async fn all(source: &dyn Source) -> Result<Vec<Batch>, RunError> {
    source.batches(None).try_collect().await
}

#[tokio::test]
async fn a_folder_is_read_once_and_then_what_has_changed() {
    let site = Site::new(&[
        ("b.xml", &format!("<?xml version='1.0' encoding='UTF-8'?><dc xmlns='{DC}'>b</dc>")),
        ("a/2024/one.xml", "<x/>"),
        ("a/two.XML", "<x/>"),
        ("notes.txt", "no record"),
        (".hidden.xml", "<x/>"),
        (".git/c.xml", "<x/>"),
        ("broken.xml", "<x>"),
    ]);
    let source = site.folder().prefix("oai:x.org:");
    let summary = site.run(source.clone()).await.unwrap();
    assert_eq!(summary.state, RunState::SucceededWithErrors);
    assert_eq!(summary.counters, counters(3, 0, 0, 1));
    let failure = &summary.failures.first()[0];
    assert_eq!(failure.identifier.as_deref(), Some("oai:x.org:broken"));
    assert!(failure.message.contains("broken.xml is no well-formed XML"), "{failure}");
    let names = ["oai:x.org:a/2024/one", "oai:x.org:a/two.XML", "oai:x.org:b"];
    let records = site.records().await;
    assert_eq!(records.iter().map(|it| &*it.identifier).collect::<Vec<_>>(), names);
    assert_eq!(records[2].format.as_deref(), Some("oai_dc"));
    assert_eq!(records[2].metadata, Some(format!("<dc xmlns='{DC}'>b</dc>")));
    assert!(records[2].datestamp.as_ref().unwrap().ends_with('Z'));

    site.put("b.xml", "<dc>other</dc>");
    site.put("broken.xml", "<x/>");
    fs::remove_file(site.path("a/2024/one.xml")).unwrap();
    let summary = site.run(source.clone()).await.unwrap();
    assert_eq!(summary.counters, counters(1, 1, 1, 0));
    assert!(source.lists_everything(summary.checkpoint.as_ref()));

    // What is held is not read.
    let time = fs::metadata(site.path("b.xml")).unwrap().modified().unwrap();
    site.put("b.xml", "<dc>otHer</dc>");
    File::open(site.path("b.xml")).unwrap().set_modified(time).unwrap();
    assert_eq!(site.run(source.clone()).await.unwrap().counters, counters(0, 0, 3, 0));
    let by_content = source.compare(Compare::Content);
    // Another way to compare calls the same versions otherwise.
    assert_eq!(site.run(by_content.clone()).await.unwrap().counters, counters(0, 3, 0, 0));
    assert!(site.records().await.iter().any(|it| it.metadata.as_ref().unwrap().contains("otHer")));
    assert_eq!(site.run(by_content).await.unwrap().counters, counters(0, 0, 3, 0));
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_outside_the_folder_is_read() {
    use std::os::unix::fs::symlink;

    let site = Site::new(&[("a.xml", "<x/>"), ("sub/b.xml", "<x/>")]);
    let outside = site.0.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret.xml"), "<secret/>").unwrap();
    symlink(&outside, site.path("out")).unwrap();
    symlink(outside.join("secret.xml"), site.path("secret.xml")).unwrap();
    symlink(site.path(""), site.path("sub/round")).unwrap();
    assert_eq!(site.run(site.folder()).await.unwrap().counters, counters(2, 0, 0, 0));

    let at = Checkpoint::new(1, &()).unwrap();
    let names = ["sub/b", "secret", "out/secret", "../outside/secret", "/etc/passwd", "none"];
    let source = site.folder();
    let got = source.get(names.map(str::to_owned).to_vec(), Some(at)).unwrap();
    let batches: Vec<_> = got.try_collect().await.unwrap();
    let items: Vec<_> = batches.iter().flat_map(|batch| &batch.items).collect();
    assert_eq!(items[0].as_ref().unwrap().payload().unwrap().body, "<x/>");
    assert_eq!(items.len(), names.len());
    assert!(items[1..].iter().all(|item| item.is_err()), "{items:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_fails_the_run_and_never_looks_empty() {
    let site = Site::new(&[]);
    let error = all(&Folder::new(site.path("none"))).await.unwrap_err();
    assert!(error.message().contains("none cannot be read"), "{error}");
    assert_eq!(all(&site.folder()).await.unwrap().len(), 0);
    site.put("large.xml", format!("<x>{}</x>", " ".repeat(100)));
    let batches = all(&site.folder().limit(50)).await.unwrap();
    let error = batches[0].items[0].as_ref().unwrap_err();
    assert!(error.message.contains("more than 50 bytes"), "{error}");
}

#[tokio::test]
async fn what_our_sink_wrote_is_read_again_and_then_only_what_was_added() {
    let site = Site::new(&[("a.xml", "<x>č</x>"), ("b.xml", "<x/>")]);
    let file = site.path("records.jsonl");
    let sink = sinks::JsonLines::create(&file).await.unwrap();
    Pipeline::new(site.folder()).run(&sink).await.unwrap();
    let source = JsonLines::new(&file).format("mine");
    assert_eq!(site.run(source.clone()).await.unwrap().counters, counters(2, 0, 0, 0));
    let records = site.records().await;
    assert_eq!(records[0].metadata.as_deref(), Some("<x>č</x>"));
    assert_eq!(records[0].format.as_deref(), Some("mine"));
    assert!(!source.lists_everything(None), "a file may be a list of changes");

    let append = |text: &str| {
        let mut out = File::options().append(true).open(&file).unwrap();
        out.write_all(text.as_bytes()).unwrap();
    };
    append("{\"identifier\":\"a\",\"deleted\":true}\n\nnonsense\n{\"identifier\":\"c\",\"meta");
    let error = site.run(source.clone()).await.unwrap_err();
    assert!(error.message().contains("ends in the middle of line 6"), "{error}");
    let summary = error.summary().unwrap();
    assert_eq!((summary.counters.deleted, summary.counters.failed), (1, 1));
    assert!(summary.failures.first()[0].message.starts_with("line 5 is no record"));

    append("data\":\"<x/>\"}");
    let summary = site.run(source.clone()).await.unwrap();
    assert_eq!((summary.state, summary.counters), (RunState::Succeeded, counters(1, 0, 0, 0)));
    assert_eq!(site.run(source.clone()).await.unwrap().counters.total(), 0);

    // Another file in its place, even a longer one, is read from its beginning.
    let line = "{\"identifier\":\"d\",\"metadata\":\"<x/>\"}\n";
    fs::write(&file, line.repeat(20)).unwrap();
    let summary = site.run(source.clone()).await.unwrap();
    assert_eq!(summary.counters.total(), 20);
    assert!(summary.notices.first()[0].message.contains("is not the file"));
    fs::write(&file, line).unwrap();
    assert_eq!(site.run(source).await.unwrap().counters.total(), 1);
}

#[tokio::test]
async fn lines_of_any_length_and_content_cost_only_themselves() {
    let good = "{\"identifier\":\"a\",\"metadata\":\"<x/>\"}\n";
    let long = format!("{{\"identifier\":\"b\",\"metadata\":\"<x>{}</x>\"}}\n", " ".repeat(300));
    let bad = "{\"identifier\":\"c\",\"metadata\":\"<x>\"}\n{\"identifier\":\"d\"}\n[]\n\"\n";
    let exact = format!("{}{}\n", &good[..good.len() - 1], " ".repeat(100 - good.len() + 1));
    let site = Site::new(&[("r.jsonl", &format!("{long}{good}{bad}{exact}{good}{long}"))]);
    let batches = all(&JsonLines::new(site.path("r.jsonl")).limit(100)).await.unwrap();
    let items: Vec<_> = batches.iter().flat_map(|batch| &batch.items).collect();
    let found: Vec<_> = items
        .iter()
        .map(|item| match item {
            Ok(item) => item.identifier.clone(),
            Err(error) => error.to_string().chars().take(45).collect(),
        })
        .collect();
    let unnamed = "(record without identifier): source: line ";
    assert_eq!(
        found,
        [
            &*format!("{unnamed}1 h"),
            "a",
            "c: source: the metadata is no well-formed XML",
            "d: source: the record has no metadata, yet is",
            &format!("{unnamed}5 i"),
            &format!("{unnamed}6 i"),
            &format!("{unnamed}7 h"),
            "a",
            &format!("{unnamed}9 h"),
        ]
    );
}

#[derive(Debug)]
struct Offline;

#[async_trait::async_trait]
impl Transport for Offline {
    async fn send(&self, _: Request) -> resync_core::Result<Response> {
        Err(resync_core::Error::new(resync_core::ErrorKind::Connect, "offline"))
    }
}

#[tokio::test]
async fn folders_and_files_are_kinds_by_name() {
    let site = Site::new(&[("a.xml", "<x/>")]);
    site.put("r.jsonl", "{\"identifier\":\"b\",\"metadata\":\"<x/>\"}\n");
    let folder = json!({ "path": site.path(""), "prefix": "p:", "format": "f" });
    let file = json!({ "path": site.path("r.jsonl"), "format": "f" });
    for (kind, options, name) in [("folder", folder, "p:a"), ("json-lines", file, "b")] {
        let transport: Arc<dyn Transport> = Arc::new(Offline);
        let source = Registry::standard().create(kind, options, transport).unwrap();
        let sink = sinks::JsonLines::new(Vec::new());
        Pipeline::new(source).resume(Resume::Afresh).run(&sink).await.unwrap();
        let line: serde_json::Value = serde_json::from_slice(&sink.into_inner()).unwrap();
        assert_eq!(line["identifier"], name);
    }
}
