//! What a service says of what it does, for programs.
#![cfg(unix)]

use serde_json::Value;

use crate::common::Repository;
use crate::process::Site;

#[test]
fn a_log_of_objects_names_run_and_source_and_tells_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let server = Repository::of(250, 100).serve();
    let url = server.url().replace("http://", "http://reader:s3cr3t-word@");
    site.do_(&["source", "add", "maps", "--option", &format!("url={url}")]);
    let filter = "harvest_pipeline=debug,harvester=debug,oai_pmh=debug,resync_core=debug";
    let args = ["--log-format", "json", "--log-filter", filter];
    let mut service = site.start(&[&["all", "--listen", "127.0.0.1:0"][..], &args].concat());
    service.line();
    site.do_(&["run", "start", "maps"]);
    let run = site.run_that("maps", |run| run["state"] == "succeeded");
    let ended = service.stop();
    assert_eq!(ended.status, 0, "{}", ended.stderr);

    let log: Vec<Value> = ended
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let is_about_it = |line: &&Value| {
        let spans = line["spans"].as_array();
        spans.is_some_and(|spans| {
            spans.iter().any(|span| span["run"] == run["id"] && span["source"] == "maps")
        })
    };
    let about: Vec<_> = log.iter().filter(is_about_it).collect();
    for message in ["a run begins", "a run has ended"] {
        assert!(about.iter().any(|line| line["message"] == message), "{message}: {about:?}");
    }
    assert!(log.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()));
    for secret in ["s3cr3t-word", "password"] {
        assert!(!ended.stderr.contains(secret), "{secret}: {}", ended.stderr);
    }
}

#[test]
fn a_filter_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let refused = site.run(&["worker", "--log-filter", "ours=loud"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("ours=loud"), "{}", refused.stderr);
}
