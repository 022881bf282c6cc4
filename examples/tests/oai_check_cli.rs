//! `harvester oai check`, run as people and scripts run it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;

use common::{Ran, Repository, Serving, harvester};
use oai_pmh::provider::{MemoryRepository, Provider};
use oai_pmh::{Datestamp, Header, Identify, MetadataFormat, Record};
use serde_json::Value;

fn check(arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    Ran::of(harvester(folder.path()).args(["oai", "check"]).args(arguments))
}

/// A repository of our own on loopback; gives its address.
async fn serve_fifty() -> String {
    common::serve(|url| {
        let identify = Identify::new("Tests", url, "admin@x.example.org");
        let repository = MemoryRepository::new(identify, [MetadataFormat::oai_dc()]);
        for n in 0..50 {
            let stamp: Datestamp = format!("2024-01-01T00:00:{n:02}Z").parse().unwrap();
            let header = Header::new(format!("oai:x.example.org:{n}"), stamp).sets(["a:b"]);
            let dc = "<dc xmlns='http://www.openarchives.org/OAI/2.0/oai_dc/'/>";
            repository.put("oai_dc", Record::new(header, dc).unwrap()).unwrap();
        }
        repository.put_set(oai_pmh::Set::new("a", "A"));
        let provider = Provider::new(repository, b"a key of sixteen bytes or more").unwrap();
        provider.page_records(20)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_as_the_standard_has_it_passes_over_http() {
    let url = serve_fifty().await;
    let ran = check(&[&url]);
    assert_eq!((ran.status, &*ran.stderr), (0, ""), "{}", ran.stdout);
    assert!(ran.stdout.starts_with("50 records checked with "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with(": 0 errors, 0 warnings, 0 infos\n"), "{}", ran.stdout);

    // One page of each list, and no more.
    let ran = check(&[&url, "--quick", "--json"]);
    let lines = ran.lines();
    let (summary, findings) = lines.split_last().unwrap();
    assert_eq!(
        (ran.status, &summary["event"], &summary["valid"]),
        (0, &"summary".into(), &true.into())
    );
    assert_eq!(summary["records"], 20);
    assert!(!findings.is_empty() && findings.iter().all(|it| it["code"] == "sampled"));
}

#[test]
fn nothing_is_wrong_with_what_we_serve_ourselves() {
    let work = tempfile::tempdir().unwrap();
    let passes = |from: &str| {
        let served = Serving::start(work.path(), from, 7);
        let ran = check(&[&served.url]);
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{}", ran.stdout);
        assert!(ran.stdout.ends_with(": 0 errors, 0 warnings, 0 infos\n"), "{}", ran.stdout);
    };

    // A database, which has deleted records as well.
    let server = Repository::of(60, 20).serve();
    let harvest = ["harvest", &server.url(), "--db", "sqlite:harvest.db", "--quiet"];
    assert_eq!(Ran::of(harvester(work.path()).args(harvest)).status, 0);
    passes("sqlite:harvest.db");

    // A folder.
    for n in 0..30 {
        let folder = work.path().join(format!("records/sbírka-{}", n % 3));
        fs::create_dir_all(&folder).unwrap();
        let record = format!(
            "<oai_dc:dc xmlns:oai_dc='http://www.openarchives.org/OAI/2.0/oai_dc/' \
               xmlns:dc='http://purl.org/dc/elements/1.1/' \
               xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
               xsi:schemaLocation='http://www.openarchives.org/OAI/2.0/oai_dc/ \
               http://www.openarchives.org/OAI/2.0/oai_dc.xsd'>\
               <dc:title>Žluťoučký kůň 光の屈折 {n}</dc:title></oai_dc:dc>"
        );
        fs::write(folder.join(format!("{n}.xml")), record).unwrap();
    }
    passes("records");
}

#[test]
fn what_is_wrong_is_told_with_a_request_and_what_to_do() {
    let server = Repository::of(30, 10).serve();
    let ran = check(&[&server.url()]);
    assert_eq!((ran.status, &*ran.stderr), (4, ""), "{}", ran.stdout);
    let rule = ran.stdout.find("error   schema-location (§3.2, ").unwrap();
    let told = &ran.stdout[rule..];
    assert!(told.contains(&format!("\n      {}?verb=Identify\n", server.url())), "{told}");
    assert!(told.contains("\n    To do: Add xsi:schemaLocation="), "{told}");
    // The worst comes first, and of each rule a few examples.
    let at = |what: &str| ran.stdout.find(what).unwrap_or(usize::MAX);
    assert!(at("error   ") < at("warning "), "{}", ran.stdout);
    assert!(ran.stdout.matches("xsi:schemaLocation is").count() <= 3, "{}", ran.stdout);

    let server = Repository::of(30, 10).serve();
    let ran = check(&[&server.url(), "--json"]);
    let lines = ran.lines();
    let (summary, findings) = lines.split_last().unwrap();
    assert_eq!((ran.status, &summary["valid"]), (4, &Value::Bool(false)));
    for finding in findings {
        for name in ["url", "severity", "code", "section", "detail", "fix"] {
            assert!(finding[name].is_string(), "{finding}");
        }
    }
    assert_eq!(server.seen().len(), summary["requests"]);
}

#[test]
fn where_nobody_answers_nothing_is_checked() {
    let ran = check(&["http://127.0.0.1:1/oai", "--retries", "0"]);
    assert_eq!((ran.status, &*ran.stdout), (1, ""));
    assert!(ran.stderr.contains("127.0.0.1:1"), "{}", ran.stderr);
}
