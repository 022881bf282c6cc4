//! Batches sent to a receiver over HTTP.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use std::time::Duration;

use harvest_pipeline::sinks::HttpPost;
use harvest_pipeline::{Item, Payload, Pipeline, Summary, sources};
use resync_core::retry::{Backoff, Retrying};
use resync_core::transport::HttpTransport;
use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

fn sink(server: &MockServer) -> HttpPost {
    let backoff = Backoff::default().retries(2).first(Duration::from_millis(1));
    let transport = Retrying::new(HttpTransport::builder().build().unwrap(), backoff);
    HttpPost::new(format!("{}/in", server.uri()).parse().unwrap(), transport)
}

async fn answering(statuses: &[u16]) -> MockServer {
    let server = MockServer::start().await;
    let (last, first) = statuses.split_last().unwrap();
    for status in first {
        let once = Mock::given(method("POST")).respond_with(ResponseTemplate::new(*status));
        once.up_to_n_times(1).mount(&server).await;
    }
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(*last)).mount(&server).await;
    server
}

fn list(records: usize) -> Vec<Item> {
    let put = |n| Item::put(format!("id{n}\n"), Payload::new("x", format!("<x>\n{n}\n</x>")));
    (0..records).map(put).chain([Item::delete("gone")]).collect()
}

async fn run(sink: &HttpPost, records: usize) -> Result<Summary, harvest_pipeline::RunError> {
    Pipeline::new(sources::items("zdroj č. 1", list(records))).run(sink).await
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers[name].to_str().unwrap()
}

#[tokio::test]
async fn every_batch_is_one_request_with_a_key_of_its_own() {
    let server = answering(&[204]).await;
    let summary = run(&sink(&server), 250).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len() as u64, summary.batches);
    let keys: std::collections::HashSet<_> =
        requests.iter().map(|request| header(request, "idempotency-key")).collect();
    assert_eq!(keys.len(), requests.len());
    let lines = requests.iter().flat_map(|request| {
        assert_eq!(header(request, "content-type"), "application/x-ndjson");
        assert_eq!(header(request, "harvest-source"), "zdroj+%C4%8D.+1");
        let text = std::str::from_utf8(&request.body).unwrap();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    });
    let identifiers: Vec<_> = lines.map(|line| line["identifier"].clone()).collect();
    assert_eq!(identifiers.len(), 251);
    assert_eq!((&identifiers[0], &identifiers[250]), (&"id0\n".into(), &"gone".into()));
}

#[tokio::test]
async fn a_batch_can_be_one_array() {
    let server = answering(&[200]).await;
    run(&sink(&server).as_array(), 2).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let array: Vec<Value> = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(header(&requests[0], "content-type"), "application/json");
    assert_eq!(array.len(), 3);
    assert_eq!(array[1]["metadata"], "<x>\n1\n</x>");
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_known_by_its_key() {
    let server = answering(&[503, 502, 200]).await;
    let summary = run(&sink(&server), 1).await.unwrap();
    assert_eq!(summary.counters.created, 1);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    for again in &requests[1..] {
        assert_eq!(again.body, requests[0].body);
        assert_eq!(header(again, "idempotency-key"), header(&requests[0], "idempotency-key"));
    }
    // The same batch of another run is another one.
    run(&sink(&server), 1).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_ne!(header(&requests[3], "idempotency-key"), header(&requests[0], "idempotency-key"));
}

#[tokio::test]
async fn a_batch_that_is_not_taken_ends_the_run_and_is_named() {
    let server = answering(&[422]).await;
    let error = run(&sink(&server), 1).await.unwrap_err();
    assert!(!error.is_transient());
    let message = error.to_string();
    assert!(message.contains("batch 0") && message.contains("422"), "{message}");
    assert!(message.contains("/in"), "{message}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);

    let server = answering(&[500]).await;
    assert!(run(&sink(&server), 1).await.unwrap_err().is_transient());
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn nothing_to_store_is_not_sent() {
    let server = answering(&[200]).await;
    let source = sources::items("s", list(3));
    let nothing = |_: &harvest_pipeline::Candidate<'_>| false;
    let list = Pipeline::new(source).filter(nothing);
    list.run(&sink(&server)).await.unwrap();
    // The tombstone alone, which no filter is asked about.
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    Pipeline::new(sources::items("s", Vec::<Item>::new())).run(&sink(&server)).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}
