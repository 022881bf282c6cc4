//! What a run does, as a collector of traces sees it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;
#[path = "system/process.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod process;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use common::Repository;
use process::{Site, until};
use serde_json::Value;

/// A collector on loopback: its address, and the spans that it was sent, by their ids.
fn collector() -> (String, Arc<Mutex<BTreeMap<String, Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let spans = Arc::new(Mutex::new(BTreeMap::new()));
    let seen = Arc::clone(&spans);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
            for resource in sent["resourceSpans"].as_array().into_iter().flatten() {
                for scope in resource["scopeSpans"].as_array().into_iter().flatten() {
                    for span in scope["spans"].as_array().into_iter().flatten() {
                        let id = span["spanId"].as_str().unwrap().to_owned();
                        seen.lock().unwrap().insert(id, span.clone());
                    }
                }
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                          content-length: 2\r\nconnection: close\r\n\r\n{}";
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    (address, spans)
}

#[test]
fn a_run_is_a_trace_of_requests_pages_and_commits() {
    let (collector, spans) = collector();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("harvester.toml");
    std::fs::write(&config, format!("[log]\notlp = {collector:?}\n")).unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let server = Repository::of(250, 100).serve();
    site.do_(&["source", "add", "maps", "--option", &format!("url={}", server.url())]);
    site.do_(&["run", "start", "maps"]);
    let config = config.to_str().unwrap();
    let worker = site.start(&["worker", "--config", config]);
    site.run_that("maps", |run| run["state"] == "succeeded");
    let ended = worker.stop();
    assert_eq!(ended.status, 0, "{}", ended.stderr);

    let spans = until(|| {
        let spans = spans.lock().unwrap().clone();
        spans.values().any(|span| span["name"] == "run").then_some(spans)
    });
    let within_a_run = |name: &str| {
        let named = spans.values().filter(|span| span["name"] == name);
        let roots = named.map(|span| {
            let mut span = span;
            while let Some(parent) = span["parentSpanId"].as_str().and_then(|it| spans.get(it)) {
                span = parent;
            }
            span["name"].as_str().unwrap()
        });
        roots.filter(|root| *root == "run").count()
    };
    for (name, least) in [("run", 1), ("request", 4), ("page", 3), ("commit", 3)] {
        let found = within_a_run(name);
        assert!(found >= least, "{found} spans are called {name}: {spans:?}");
    }
}
