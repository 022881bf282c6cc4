//! Roles that are started, stopped and killed.
#![cfg(unix)]

use std::time::Duration;

use serde_json::Value;

use crate::common::{Repository, Server};
use crate::process::Site;
use crate::support::Schema;

const RECORDS: usize = 3000;

/// A repository whose list takes some seconds.
fn slow() -> Server {
    Repository { delay: Duration::from_millis(60), ..Repository::of(RECORDS, 50) }.serve()
}

fn state(run: &Value) -> &str {
    run["state"].as_str().unwrap()
}

fn is_under_way(run: &Value) -> bool {
    state(run) == "running" && run["batches"].as_u64().unwrap() > 3
}

/// How often the list was asked for from its beginning.
fn beginnings(server: &Server) -> usize {
    let seen = server.seen();
    let is_first = |request: &&crate::common::Request| {
        request.argument("verb") == "ListRecords" && request.argument("resumptionToken").is_empty()
    };
    seen.iter().filter(is_first).count()
}

#[test]
fn a_service_that_is_stopped_puts_its_runs_back_and_the_next_goes_on_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let server = slow();
    let url = format!("url={}", server.url());
    site.do_(&["source", "add", "slow", "--option", &url, "--every", "1 day"]);

    let mut first = site.start(&["all", "--listen", "127.0.0.1:0"]);
    assert!(first.line().starts_with("http://127.0.0.1:"));
    // Nobody asked for it but the schedule.
    let run = site.run_that("slow", is_under_way);
    assert_eq!(run["trigger"], "schedule");
    assert_eq!(site.do_(&["status", "--json"]).json()["running"][0]["id"], run["id"]);
    let ended = first.stop();
    assert_eq!(ended.status, 0, "{}", ended.stderr);

    let left = &site.runs("slow")[0];
    assert_eq!((state(left), &left["worker"]), ("queued", &Value::Null), "{left}");
    let stored = left["counters"]["total"].as_u64().unwrap();
    assert!((1..RECORDS as u64).contains(&stored), "{left}");

    let second = site.start(&["all", "--listen", "127.0.0.1:0"]);
    let done = site.run_that("slow", |run| state(run) == "succeeded");
    assert_eq!((&done["id"], &done["counters"]["total"]), (&run["id"], &RECORDS.into()), "{done}");
    assert_eq!(beginnings(&server), 1, "it went on where it was");
    assert_eq!(second.stop().status, 0);
    assert_eq!(site.do_(&["records"]).stdout.lines().count(), RECORDS);
}

///
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_is_followed_by_another_and_no_record_comes_twice() {
    let Some(schema) = Schema::new().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let db = schema.url();
    let site = Site { folder: folder.path(), db: &db };
    std::fs::write(folder.path().join("short.toml"), "[worker]\nlease = \"2s\"\n").unwrap();
    let server = slow();
    let url = format!("url={}", server.url());
    site.do_(&["source", "add", "slow", "--option", &url]);
    site.do_(&["run", "start", "slow"]);

    let scheduler = site.start(&["scheduler"]);
    let one = site.start(&["worker", "--name", "one", "--config", "short.toml"]);
    let run = site.run_that("slow", is_under_way);
    assert_eq!(run["worker"], "one");
    one.kill();
    let two = site.start(&["worker", "--name", "two", "--config", "short.toml"]);
    let taken = site.run_that("slow", |run| run["worker"] == "two" || state(run) == "succeeded");
    assert_eq!(taken["id"], run["id"]);
    let done = site.run_that("slow", |run| state(run) == "succeeded");
    let counted = &done["counters"];
    assert_eq!((&counted["total"], &done["attempt"]), (&RECORDS.into(), &2.into()), "{done}");
    assert_eq!(counted["unchanged"], 0, "none came twice: {done}");
    assert!(site.events(&done).iter().any(|(code, _)| code == "WorkerLost"), "{done}");
    for role in [scheduler, two] {
        assert_eq!(role.stop().status, 0);
    }
    assert_eq!(site.do_(&["records"]).stdout.lines().count(), RECORDS);
    drop(schema);
}

#[test]
fn passwords_in_an_address_go_to_the_source_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let server = Repository::of(20, 10).serve();
    let url = server.url().replacen("http://", "url=http://me:s3cret@", 1);
    site.do_(&["source", "add", "closed", "--option", &url]);
    let worker = site.start(&["worker", "-vv", "--retries", "1", "--retry-delay", "1ms"]);
    site.do_(&["run", "start", "closed"]);
    let run = site.run_that("closed", |run| state(run) == "succeeded");
    let authorized = server.seen();
    assert!(authorized.iter().all(|request| request.headers.contains_key("authorization")));

    // Nobody listens there, which is told.
    site.do_(&["source", "change", "closed", "--option", "url=http://me:s3cret@127.0.0.1:9/oai"]);
    site.do_(&["run", "start", "closed"]);
    let broken = site.run_that("closed", |run| state(run) == "failed");
    let said = worker.stop();
    assert!(said.stderr.contains("127.0.0.1:9"), "{}", said.stderr);
    let told = [
        said.stderr,
        format!("{:?}{:?}", site.events(&run), site.events(&broken)),
        site.do_(&["source", "list"]).stdout,
        site.do_(&["source", "show", "closed", "--json"]).stdout,
        site.do_(&["run", "list", "--json"]).stdout,
        site.run(&["status"]).stdout,
        site.do_(&["records"]).stdout,
    ];
    for text in told {
        assert!(!text.contains("s3cret"), "{text}");
    }
}
