//! Harvest lists over HTTP on loopback, into SQLite.
#![cfg(all(feature = "document-list", feature = "rustls", feature = "sqlite"))]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use harvest_pipeline::harvest_list::{Document, write};
use harvest_pipeline::sinks::JsonLines;
use harvest_pipeline::{
    Counters, DocumentListSource, Pipeline, Query, Registry, Resume, RunError, RunState, Source,
    SqliteCatalogue, StoredRecord, Summary, sources,
};
use resync_core::transport::{HttpTransport, Request, Response, Transport};
use serde_json::json;
use tempfile::TempDir;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

const EML: &str = "eml://ecoinformatics.org/eml-2.0.0";

struct Site {
    server: MockServer,
    folder: TempDir,
}

impl Site {
    async fn new() -> Self {
        Self { server: MockServer::start().await, folder: tempfile::tempdir().unwrap() }
    }

    /// Serves this list, and a document for each of its entries but those that are `gone`.
    async fn serve(&self, documents: &[(i64, i64)], gone: &[i64]) {
        self.server.reset().await;
        let list: Vec<_> = documents
            .iter()
            .map(|(identifier, revision)| Document {
                scope: "demo".to_owned(),
                identifier: *identifier,
                revision: *revision,
                document_type: EML.to_owned(),
                url: format!("/{identifier}.{revision}"),
            })
            .collect();
        self.put("/list", write(&list)).await;
        for (identifier, revision) in documents {
            if !gone.contains(identifier) {
                let body = format!("<e:eml xmlns:e='{EML}'><r>{revision}</r></e:eml>");
                self.put(&format!("/{identifier}.{revision}"), body).await;
            }
        }
    }

    async fn put(&self, place: &str, body: String) {
        let reply = ResponseTemplate::new(200).set_body_raw(body, "application/xml");
        Mock::given(path(place)).respond_with(reply).mount(&self.server).await;
    }

    fn source(&self) -> DocumentListSource {
        let url = format!("{}/list", self.server.uri()).parse().unwrap();
        DocumentListSource::new(url, HttpTransport::builder().build().unwrap())
    }

    async fn catalogue(&self) -> SqliteCatalogue {
        SqliteCatalogue::open(self.folder.path().join("x.db")).await.unwrap()
    }

    async fn run(&self) -> Result<Summary, RunError> {
        let catalogue = self.catalogue().await;
        let ran = Pipeline::new(self.source()).run(&catalogue).await;
        catalogue.close().await.unwrap();
        ran
    }

    async fn records(&self) -> Vec<StoredRecord> {
        let catalogue = self.catalogue().await;
        let records = catalogue.records(Query::all()).try_collect().await.unwrap();
        catalogue.close().await.unwrap();
        records
    }

    async fn asked(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        let mut paths: Vec<_> = requests.iter().map(|it| it.url.path().to_owned()).collect();
        paths.sort();
        paths
    }
}

fn counters(created: u64, updated: u64, unchanged: u64, failed: u64) -> Counters {
    let mut counters = Counters::default();
    (counters.created, counters.updated) = (created, updated);
    (counters.unchanged, counters.failed) = (unchanged, failed);
    counters
}

#[tokio::test]
async fn a17_new_newer_and_same_revisions_then_nothing_but_the_list() {
    let site = Site::new().await;
    site.serve(&[(2, 1), (3, 7)], &[]).await;
    assert_eq!(site.run().await.unwrap().counters, counters(2, 0, 0, 0));

    site.serve(&[(1, 5), (2, 2), (3, 7)], &[]).await;
    let summary = site.run().await.unwrap();
    assert_eq!(summary.counters, counters(1, 1, 1, 0));
    assert_eq!(site.asked().await, ["/1.5", "/2.2", "/list"]);
    let told: Vec<_> = summary.notices.first().iter().map(ToString::to_string).collect();
    assert_eq!(
        told.iter().find(|it| it.contains("MetacatHasDoc")).unwrap(),
        "demo.3: MetacatHasDoc: Attempting to update demo.3 to revision 7. Metacat has document \
         revision 7."
    );
    assert!(told[0].starts_with("GetHarvestListSuccess"), "{told:?}");

    site.serve(&[(1, 5), (2, 1), (3, 7)], &[]).await;
    let summary = site.run().await.unwrap();
    assert_eq!((summary.state, summary.counters), (RunState::Succeeded, counters(0, 0, 3, 0)));
    assert_eq!(site.asked().await, ["/list"]);
    let older = "Attempting to update demo.2 to revision 1. Metacat has document revision 2.";
    assert!(summary.notices.first().iter().any(|it| it.message.contains(older)));
    let records = site.records().await;
    let bodies: Vec<_> = records.iter().map(|it| it.metadata.clone().unwrap()).collect();
    assert_eq!(bodies[1], format!("<e:eml xmlns:e='{EML}'><r>2</r></e:eml>"));
    assert_eq!(records[1].format.as_deref(), Some("eml"));
}

#[tokio::test]
async fn a18_an_invalid_list_fails_the_run_and_nothing_moves() {
    let site = Site::new().await;
    site.serve(&[(1, 1)], &[]).await;
    site.run().await.unwrap();
    let before = site.records().await;

    for (list, what) in [
        (write(&[]), "ValidateHarvestListError: line 3: the list names no document"),
        ("<html/>".to_owned(), "ValidateHarvestListError: line 1: the root element is <html>"),
    ] {
        site.server.reset().await;
        site.put("/list", list).await;
        let error = site.run().await.unwrap_err();
        assert!(error.message().starts_with(what), "{error}");
        assert_eq!(error.url(), Some(&*format!("{}/list", site.server.uri())));
        assert_eq!(error.summary().unwrap().batches, 0);
    }
    site.server.reset().await;
    let error = site.run().await.unwrap_err();
    assert!(error.message().starts_with("GetHarvestListError: the server answered 404"), "{error}");
    assert_eq!(site.records().await, before);
}

#[tokio::test]
async fn a_document_that_fails_costs_the_others_nothing_and_is_tried_again() {
    let site = Site::new().await;
    let all = [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)];
    site.serve(&all, &[2, 3, 4]).await;
    site.put("/3.1", "<eml>".to_owned()).await;
    site.put("/4.1", "<html/>".to_owned()).await;
    let summary = site.run().await.unwrap();
    assert_eq!(summary.state, RunState::SucceededWithErrors);
    assert_eq!(summary.counters, counters(2, 0, 0, 3));
    let failures: Vec<_> = summary.failures.first().iter().map(ToString::to_string).collect();
    let begin = [
        "GetDocError: revision 1: the server answered 404",
        "ValidateDocError",
        "ValidateDocError: revision 1: the list says that the document is eml",
    ];
    for ((failure, number), begin) in failures.iter().zip(2..).zip(begin) {
        assert!(failure.starts_with(&format!("demo.{number}: source: {begin}")), "{failure}");
    }

    site.serve(&all, &[]).await;
    assert_eq!(site.run().await.unwrap().counters, counters(3, 0, 2, 0));
    assert_eq!(site.asked().await, ["/2.1", "/3.1", "/4.1", "/list"]);
}

#[tokio::test]
async fn a_run_that_was_killed_in_mid_list_goes_on_behind_what_was_stored() {
    let site = Site::new().await;
    let all: Vec<_> = (1..=120).map(|n| (n, 1)).collect();
    site.serve(&all, &[]).await;
    let (source, catalogue) = (site.source(), site.catalogue().await);
    // A run that has stored the first batch of three.
    let first = source.batches(None).next().await.unwrap().unwrap();
    let checkpoint = first.checkpoint.clone();
    let items = first.items.into_iter().map(Result::unwrap);
    let one = sources::items(source.id(), items.collect::<Vec<_>>());
    Pipeline::new(one).run(&catalogue).await.unwrap();

    let resumed = Pipeline::new(site.source())
        .resume(Resume::From(checkpoint.unwrap()))
        .run(&catalogue)
        .await
        .unwrap();
    assert_eq!(resumed.counters, counters(70, 0, 0, 0));
    // Without the checkpoint, the list is read again, but nothing is fetched twice.
    site.server.reset().await;
    site.serve(&all, &[]).await;
    let again = Pipeline::new(site.source()).resume(Resume::Afresh).run(&catalogue).await;
    assert_eq!(again.unwrap().counters, counters(0, 0, 120, 0));
    assert_eq!(site.asked().await, ["/list"]);
}

#[tokio::test]
async fn a_document_listed_twice_is_stored_in_its_highest_revision() {
    let site = Site::new().await;
    site.serve(&[(1, 5), (1, 4)], &[]).await;
    assert_eq!(site.run().await.unwrap().counters, counters(1, 0, 1, 0));
    assert!(site.records().await[0].metadata.as_ref().unwrap().contains("<r>5</r>"));
}

#[tokio::test]
async fn a_document_can_be_got_by_name_as_long_as_the_list_names_it() {
    let site = Site::new().await;
    site.serve(&[(1, 1), (2, 3), (2, 4), (3, 1)], &[3]).await;
    let (source, catalogue) = (site.source(), site.catalogue().await);
    Pipeline::new(source.clone()).run(&catalogue).await.unwrap();
    let names = ["demo.2", "demo.3", "demo.9"].map(str::to_owned).to_vec();
    let batches: Vec<_> = source.get(names, None).unwrap().try_collect().await.unwrap();
    let [batch] = &batches[..] else { panic!("one batch is enough") };
    assert_eq!(batch.checkpoint, None);
    assert_eq!(batch.items[0].as_ref().unwrap().version.as_deref(), Some("4"));
    let failed = |n: usize| batch.items[n].as_ref().unwrap_err().message.clone();
    assert!(failed(1).starts_with("GetDocError: revision 1: the server answered 404"));
    assert_eq!(failed(2), "GetDocError: the list does not name it");
}

#[tokio::test]
async fn a_list_names_everything_unless_its_beginning_was_read_before() {
    let site = Site::new().await;
    let all: Vec<_> = (1..=60).map(|n| (n, 1)).collect();
    site.serve(&all, &[]).await;
    let source = site.source();
    let batches: Vec<_> = source.batches(None).try_collect().await.unwrap();
    let last = &batches.last().unwrap().checkpoint;
    assert!(source.lists_everything(None) && source.lists_everything(last.as_ref()));
    assert!(!source.lists_everything(batches[0].checkpoint.as_ref()));
}

/// Answers as if it stood on the Internet.
#[derive(Debug)]
struct Elsewhere(HttpTransport, String);

#[async_trait::async_trait]
impl Transport for Elsewhere {
    async fn send(&self, mut request: Request) -> resync_core::Result<Response> {
        if request.url.host_str() == Some("lists.example") {
            request.url = self.1.parse().unwrap();
        }
        self.0.send(request).await
    }
}

#[tokio::test]
async fn a_list_on_the_internet_leads_into_the_local_network_only_if_that_is_allowed() {
    let site = Site::new().await;
    let document = Document {
        scope: "demo".to_owned(),
        identifier: 1,
        revision: 1,
        document_type: "text/xml".to_owned(),
        url: format!("{}/1.1", site.server.uri()),
    };
    site.put("/list", write(&[document])).await;
    site.put("/1.1", "<x/>".to_owned()).await;
    let http = HttpTransport::builder().build().unwrap();
    let elsewhere = Elsewhere(http, format!("{}/list", site.server.uri()));
    let transport: Arc<dyn Transport> = Arc::new(elsewhere);
    for allowed in [false, true] {
        let options = json!({ "url": "http://lists.example/list", "allow_local": allowed });
        let transport = Arc::clone(&transport);
        let source = Registry::standard().create("document-list", options, transport).unwrap();
        let summary = Pipeline::new(source)
            .resume(Resume::Afresh)
            .run(&JsonLines::new(Vec::new()))
            .await
            .unwrap();
        let failures = summary.failures.first();
        assert_eq!(failures.is_empty(), allowed, "{failures:?}");
        if let [failure] = failures {
            assert!(failure.message.contains("is on the local network"), "{failure}");
        }
    }
    // Only the one that was allowed.
    assert_eq!(site.asked().await, ["/1.1", "/list", "/list"]);
}
