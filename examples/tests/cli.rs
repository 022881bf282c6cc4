//! The command line, run as people and scripts run it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{DAY, Ran, Reply, Repository, Server, harvester};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use serde_json::json;
use tempfile::TempDir;

fn run(args: &[&str]) -> Ran {
    run_in(&folder(), args)
}

fn run_in(folder: &TempDir, args: &[&str]) -> Ran {
    Ran::of(harvester(folder.path()).args(args))
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn records_are_json_lines_of_the_promised_form() {
    let server = Repository::of(250, 100).serve();
    let ran = run(&["oai", "records", &server.url()]);
    assert_eq!((ran.status, &*ran.stderr), (0, ""));

    let first = concat!(
        r#"{"identifier":"oai:x:0","datestamp":"2024-01-31T00:00:00Z","sets":["thirds"],"#,
        r#""deleted":false,"metadata":"<o:dc xmlns:o='http://www.openarchives.org/OAI/2.0/oai_dc/' "#,
        r#"xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>No. 0 \"žluťoučký\" &amp; 光"#,
        r#"</dc:title></o:dc>","about":[]}"#
    );
    assert_eq!(ran.stdout.lines().next(), Some(first));
    let deleted = concat!(
        r#"{"identifier":"oai:x:9","datestamp":"2024-01-31T00:00:09Z","sets":["thirds"],"#,
        r#""deleted":true,"metadata":null,"about":[]}"#
    );
    assert_eq!(ran.stdout.lines().nth(9), Some(deleted));
    assert_eq!(ran.lines().len(), 250);
    // Three pages and nothing else, not even Identify.
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn identifiers_are_headers_only_and_can_be_selected() {
    let server = Repository::of(100, 10).serve();
    let ran = run(&["oai", "identifiers", &server.url(), "--set", "thirds"]);
    let first = r#"{"identifier":"oai:x:0","datestamp":"2024-01-31T00:00:00Z","sets":["thirds"],"deleted":false}"#;
    assert_eq!(ran.stdout.lines().next(), Some(first));
    assert_eq!(ran.stdout.lines().count(), 34);

    let from = format!("{DAY}T00:01:30Z");
    let ran = run(&["oai", "identifiers", &server.url(), "--from", &from, "--until", DAY]);
    assert_eq!((ran.status, ran.stdout.lines().count()), (0, 10));
    let asked = server.seen().pop().unwrap();
    assert_eq!(asked.argument("from"), from);
    assert_eq!(asked.argument("until"), format!("{DAY}T23:59:59Z"));
}

#[test]
fn nothing_that_matches_is_an_empty_list() {
    let server = Repository::of(10, 10).serve();
    let ran = run(&["oai", "records", &server.url(), "--from", "2030-01-01"]);
    assert_eq!((ran.status, &*ran.stdout, &*ran.stderr), (0, "", ""));
}

#[test]
fn descriptions_are_text_for_people_and_json_for_programs() {
    let server = Repository::of(1, 1).serve();
    let ran = run(&["oai", "identify", &server.url()]);
    assert!(ran.stdout.starts_with("Repository        Tests\n"), "{}", ran.stdout);
    let ran = run(&["oai", "identify", &server.url(), "--json"]);
    assert_eq!(ran.json()["repositoryName"], "Tests");
    assert_eq!(ran.json()["granularity"], "YYYY-MM-DDThh:mm:ssZ");

    let ran = run(&["oai", "formats", &server.url()]);
    assert!(ran.stdout.starts_with("oai_dc  http://"), "{}", ran.stdout);
    let ran = run(&["oai", "formats", &server.url(), "oai:x:0", "--json"]);
    assert_eq!(ran.json()["metadataPrefix"], "oai_dc");

    let ran = run(&["oai", "sets", &server.url()]);
    assert_eq!(ran.stdout, "thirds  Every third\n");
    let ran = run(&["oai", "sets", &server.url(), "--json"]);
    let set = json!({"setSpec": "thirds", "setName": "Every third", "setDescription": []});
    assert_eq!(ran.json(), set);
}

#[test]
fn one_record_is_the_same_alone_as_in_the_list() {
    let server = Repository::of(10, 10).serve();
    let listed = run(&["oai", "records", &server.url()]).stdout;
    let alone = run(&["oai", "get", &server.url(), "oai:x:4"]).stdout;
    assert_eq!(listed.lines().nth(4), alone.lines().next());
}

#[test]
fn errors_name_the_url_the_code_and_the_next_step() {
    let server = Repository::of(10, 10).serve();
    let url = server.url();
    let ran = run(&["oai", "get", &url, "oai:x:99"]);
    assert_eq!((ran.status, &*ran.stdout), (1, ""));
    for part in ["idDoesNotExist", &url, &format!("`harvester oai identifiers {url}`")] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let ran = run(&["oai", "records", &url, "--format", "marc21"]);
    assert_eq!(ran.status, 1);
    for part in ["cannotDisseminateFormat", &url, &format!("`harvester oai formats {url}`")] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }

    let nobody = ["oai", "identify", "http://127.0.0.1:1/oai", "--retries", "0"];
    let ran = run(&nobody);
    assert_eq!(ran.status, 1);
    for part in ["could not connect", "http://127.0.0.1:1/oai", "Check the host name"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    for (status, advice) in [
        ("404 Not Found", "base URL"),
        ("401 Unauthorized", "--user"),
        ("403 Forbidden", "--contact"),
        ("503 Service Unavailable", "--interval"),
        ("500 Internal Server Error", "administrators"),
    ] {
        let server = Server::start(|_| Reply::status(status));
        for command in ["oai records", "oai identify", "harvest"] {
            let url = server.url();
            let args: Vec<&str> = command.split(' ').chain([&*url, "--retries", "0"]).collect();
            let ran = run(&args);
            assert_eq!(ran.status, 1, "{args:?}");
            for part in [status, &url, advice] {
                assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
            }
        }
    }
}

#[test]
fn what_cannot_be_understood_is_a_usage_error() {
    let records = ["oai", "records", "http://127.0.0.1:1/oai"];
    let harvest = ["harvest", "http://127.0.0.1:1/oai"];
    let with = |args: &[&'static str], more: &str| -> Vec<String> {
        args.iter().copied().chain(more.split(' ')).map(str::to_owned).collect()
    };
    for args in [
        vec![],
        vec!["oai".to_owned()],
        vec!["frobnicate".to_owned()],
        with(&["oai", "records"], "not-a-url"),
        with(&["oai", "get"], "http://127.0.0.1:1/oai"),
        with(&records, "extra"),
        with(&records, "--from yesterday"),
        with(&records, "--from 2024-13-01"),
        with(&records, "--from 2024-02-01 --until 2024-01-31"),
        with(&records, "--timeout 30"),
        with(&records, "--retry-delay 1h30"),
        with(&records, "--retries many"),
        with(&records, "--concurrency 0"),
        with(&records, "--header nonsense"),
        with(&records, "--quiet -v"),
        with(&harvest, "--protocol gopher"),
        with(&harvest, "--protocol resourcesync --until 2024-01-31"),
        with(&harvest, "--protocol resourcesync --slice month"),
        with(&harvest, "--protocol harvest-list --set maps"),
        with(&harvest, "--protocol harvest-list --from 2024-01-31"),
        with(&harvest, "--protocol resourcesync --strategy reconcile"),
        with(&harvest, "--strategy guess"),
        with(&harvest, "--slice year"),
        with(&harvest, "--parallel 2"),
        with(&harvest, "--to tsv:x"),
        with(&harvest, "--dry-run --to jsonl:x"),
        with(&harvest, "--db mysql://x/y"),
        with(&harvest, "http://127.0.0.1:1/oai"),
        with(&["records"], "--format parquet"),
    ] {
        let ran = run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((ran.status, &*ran.stdout), (2, ""), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty(), "{args:?}");
    }
    let ran = run(&["harvest", "http://127.0.0.1:1/", "--protocol", "harvest-list", "--set", "x"]);
    assert!(ran.stderr.contains("--set means nothing to the protocol harvest-list"));
}

#[test]
fn help_teaches() {
    let ran = run(&["--help"]);
    assert_eq!(ran.status, 0);
    for part in ["base URL", "Examples:", "Exit status:", "HARVESTER_DB"] {
        assert!(ran.stdout.contains(part), "{part}");
    }
    assert_eq!(run(&["oai", "records", "--help"]).status, 0);
}

#[test]
fn durations_and_times_are_taken_in_all_their_forms() {
    let server = Repository::of(1, 1).serve();
    for options in [
        ["--timeout", "2h", "--retry-delay", "500ms", "--interval", "0s"],
        ["--from", "2024-01-01", "--until", "2024-12-31T23:59:59Z", "--timeout", "1.5m"],
    ] {
        let ran = run(&[&["oai", "records", &server.url()], &options[..]].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    }
}

#[test]
fn a_record_that_cannot_be_had_is_named_and_the_others_are_printed() {
    let server = Repository { broken: Some(4), ..Repository::of(20, 5) }.serve();
    let ran = run(&["oai", "records", &server.url()]);
    assert_eq!((ran.status, ran.lines().len()), (3, 19), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: record oai:x:4: "), "{}", ran.stderr);

    let ran = run(&["harvest", &server.url(), "--json"]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("oai:x:4"), "{}", ran.stderr);
    assert_eq!((&ran.lines()[0]["failed"], &ran.lines()[0]["records"]), (&json!(1), &json!(20)));
}

#[test]
fn a_list_that_breaks_off_is_a_failure() {
    let server = Repository { cut: Some(20), ..Repository::of(100, 10) }.serve();
    for command in [&["oai", "records"][..], &["harvest"]] {
        let ran = run(&[command, &[&server.url()]].concat());
        assert_eq!(ran.status, 1);
        assert!(ran.stderr.contains("after 20 of 100 items"), "{}", ran.stderr);
        assert!(ran.stderr.contains("Records are missing"), "{}", ran.stderr);
    }
}

#[test]
fn a_list_that_is_suspicious_is_complete_with_a_warning() {
    let server = Repository { announced: Some(30), ..Repository::of(25, 10) }.serve();
    for command in [&["oai", "records"][..], &["harvest"]] {
        let ran = run(&[command, &[&server.url()]].concat());
        assert_eq!(ran.status, 0);
        let warning = "warning: the list may be incomplete: only 25 of 30";
        assert!(ran.stderr.contains(warning), "{}", ran.stderr);
    }
    let ran = run(&["harvest", &server.url(), "--json", "--quiet"]);
    assert_eq!((&*ran.stderr, &ran.json()["verdict"]), ("", &json!("suspicious")));
}

#[test]
fn repairs_are_told_and_strictly_refused() {
    let server = Repository { dirty: Some(3), ..Repository::of(10, 10) }.serve();
    for command in [&["oai", "records"][..], &["harvest"]] {
        let ran = run(&[command, &[&server.url()]].concat());
        assert_eq!(ran.status, 0);
        assert!(ran.stderr.contains("repaired: 1 × illegal-character"), "{}", ran.stderr);
        assert!(ran.stderr.contains("oai:x:3"), "{}", ran.stderr);
        let ran = run(&[command, &[&server.url(), "--strict"]].concat());
        assert_ne!(ran.status, 0);
        assert!(!ran.stderr.contains("repaired"), "{}", ran.stderr);
    }
    let ran = run(&["harvest", &server.url(), "--json"]);
    assert_eq!(ran.json()["repairs"], json!({"illegal-character": 1}));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let server = Repository::of(20_000, 500).serve();
    let folder = folder();
    let mut child = harvester(folder.path())
        .args(["oai", "records", &server.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    // Dropped at the end of the statement, as `head -1` would.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    assert!(line.ends_with("\"about\":[]}\n"));
    assert!(server.seen().len() < 40, "the list was fetched to its end for nobody");
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let busy = AtomicUsize::new(0);
    let repository = Repository::of(30, 10);
    let server = Server::start(move |request| match busy.fetch_add(1, Ordering::Relaxed) {
        1 => Reply {
            headers: vec![("Retry-After", "1".to_owned())],
            ..Reply::status("503 Service Unavailable")
        },
        _ => repository.answer(request),
    });
    let args = ["oai", "records", &server.url(), "--retry-delay", "10ms", "-v"];
    let ran = run(&args);
    assert_eq!((ran.status, ran.lines().len()), (0, 30), "{}", ran.stderr);
    assert!(ran.stderr.contains("waiting 1.0 s (try 2 of 6)"), "{}", ran.stderr);
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn secrets_are_sent_but_never_shown() {
    let server = Repository::of(1, 1).serve();
    let folder = folder();
    let url = server.url_with("me:sesame");
    let mut outputs = Vec::new();
    for (args, password) in [
        (vec!["harvest", &url], None),
        (vec!["harvest", &url, "--json", "-vv"], None),
        (vec!["harvest", &*server.url(), "--user", "me:sesame"], None),
        (vec!["oai", "records", &*server.url(), "--user", "me", "-vv"], Some("sesame")),
        (vec!["oai", "get", &url, "oai:x:7"], None),
        (vec!["oai", "records", &*server.url(), "--header", "X-Key: sesame"], None),
    ] {
        let mut command = harvester(folder.path());
        command.args(&args);
        if let Some(password) = password {
            command.env("HARVESTER_PASSWORD", password);
        }
        let ran = Ran::of(&mut command);
        let sent = server.seen().pop().unwrap().headers;
        match sent.get("x-key") {
            Some(key) => assert_eq!(key, "sesame"),
            None => assert_eq!(sent["authorization"], "Basic bWU6c2VzYW1l", "{args:?}"),
        }
        outputs.extend([ran.stdout, ran.stderr]);
    }
    for args in [
        vec!["oai", "records", &*server.url(), "--header", "sesame"],
        vec!["oai", "records", &*server.url(), "--header", "X Key: sesame"],
        vec!["oai", "records", &*server.url(), "--header", "X-Key: sesame\u{7}"],
        vec!["records", "--db", "postgres://me:sesame@127.0.0.1:1/y"],
        vec!["oai", "records", &*server.url(), "--user", "me:sesame", "--frobnicate"],
        vec!["records", "--help"],
    ] {
        let mut command = harvester(folder.path());
        let ran = Ran::of(command.args(&args).env("HARVESTER_PASSWORD", "sesame"));
        outputs.extend([ran.stdout, ran.stderr]);
    }
    for output in outputs {
        assert!(!output.contains("sesame"), "{output}");
    }
    for file in fs::read_dir(folder.path()).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        assert!(!content.windows(6).any(|window| window == b"sesame"));
    }
}

#[test]
fn who_asks_is_told() {
    let server = Repository::of(1, 1).serve();
    let name = ["--user-agent", "library/2.0", "--contact", "me@library.example"];
    run(&[&["oai", "identify", &server.url()], &name[..]].concat());
    let sent = server.seen().pop().unwrap().headers;
    assert!(sent["user-agent"].contains("library/2.0"), "{}", sent["user-agent"]);
    assert!(sent["user-agent"].contains("me@library.example"));
    assert_eq!(sent["from"], "me@library.example");
}

#[test]
fn a_harvest_is_summarised_and_the_next_one_is_incremental() {
    let server = Repository::of(95, 10).serve();
    let folder = folder();
    let ran = run_in(&folder, &["harvest", &server.url()]);
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines[0], format!("{}#metadataPrefix=oai_dc", server.url()));
    assert!(lines[1].starts_with("  complete: 95 records on 10 pages in "), "{}", lines[1]);
    assert_eq!(lines[2], "  86 created, 9 already deleted at the source");
    assert_eq!(lines[3], "  next run: what has changed, from=2024-06-01T11:58:00Z");

    let again = run_in(&folder, &["harvest", &server.url(), "--json"]).json();
    assert_eq!((&again["records"], &again["resumed"]), (&json!(0), &json!(true)));
    assert_eq!(server.seen().pop().unwrap().argument("from"), "2024-06-01T11:58:00Z");

    let full = run_in(&folder, &["harvest", &server.url(), "--json", "--full"]).json();
    assert_eq!((&full["unchanged"], &full["records"]), (&json!(95), &json!(95)));
}

#[test]
fn records_can_be_got_one_by_one_and_only_those_that_changed() {
    let (server, folder) = (Repository::of(30, 10).serve(), folder());
    let harvest = |strategy: &str| {
        let before = server.count("GetRecord");
        let url = server.url();
        let ran = run_in(&folder, &["harvest", &url, "--strategy", strategy, "--json"]);
        (ran.json(), server.count("GetRecord") - before)
    };
    let (summary, singles) = harvest("list-identifiers");
    assert_eq!((&summary["created"], singles), (&27.into(), 27));
    let (summary, singles) = harvest("reconcile");
    assert_eq!((&summary["unchanged"], singles), (&30.into(), 0));
    assert_eq!(server.count("ListRecords"), 0);
}

#[test]
fn a_dry_run_stores_nothing_and_says_what_it_would() {
    let server = Repository::of(20, 10).serve();
    let folder = folder();
    let ran = run_in(&folder, &["harvest", &server.url(), "--dry-run"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("18 would be created"), "{}", ran.stdout);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    run_in(&folder, &["harvest", &server.url()]);
    let dry = run_in(&folder, &["harvest", &server.url(), "--dry-run", "--full", "--json"]).json();
    assert_eq!((&dry["unchanged"], &dry["dry_run"]), (&json!(20), &json!(true)));
}

fn parquet_identifiers(file: &Path) -> Vec<String> {
    let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().get_string(0).unwrap().clone()).collect()
}

#[test]
fn the_database_is_printed_in_four_formats() {
    let server = Repository::of(20, 10).serve();
    let folder = folder();
    let db = folder.path().join("x.db");
    let db = format!("sqlite:{}", db.display());
    let harvest = ["harvest", &server.url(), "--db", &db];
    assert_eq!(run_in(&folder, &harvest).status, 0);

    let records = |args: &[&str]| run_in(&folder, &[&["records", "--db", &db], args].concat());
    let all = records(&[]).lines();
    assert_eq!(all.len(), 20);
    let first = all.iter().find(|record| record["identifier"] == "oai:x:0").unwrap();
    assert_eq!(first["fields"]["title"], json!(["No. 0 \"žluťoučký\" & 光"]));
    assert_eq!(first["source"], format!("{}#metadataPrefix=oai_dc", server.url()));
    assert_eq!(records(&["--live"]).lines().len(), 18);
    assert_eq!(records(&["--source", &server.url()]).lines().len(), 20);

    let csv = records(&["--format", "csv", "--live"]).stdout;
    assert_eq!(csv.lines().count(), 19);
    let cells = format!(
        "{}#metadataPrefix=oai_dc,oai:x:0,{DAY}T00:00:00Z,false,thirds,oai_dc,\
         \"No. 0 \"\"žluťoučký\"\" & 光\",,",
        server.url()
    );
    assert!(csv.lines().any(|line| line.starts_with(&cells)), "{csv}");

    let file = folder.path().join("all.xml");
    let out = file.to_str().unwrap();
    assert_eq!(records(&["--format", "xml", "--out", out]).stdout, "");
    let xml = fs::read_to_string(file).unwrap();
    assert_eq!(xml.matches("<oai:record>").count(), 20);
    assert_eq!(xml.matches("<oai:header status=\"deleted\">").count(), 2);
    assert!(xml.ends_with("</records>\n"));

    let file = folder.path().join("all.parquet");
    assert_eq!(records(&["--format", "parquet", "--out", file.to_str().unwrap()]).stderr, "");
    assert_eq!(parquet_identifiers(&file).len(), 20);

    let ran = records(&["--source", "http://elsewhere.org/"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains(&server.url()), "{}", ran.stderr);
    let ran = run_in(&folder, &["records", "--db", "sqlite:missing.db"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("there is no catalogue"), "{}", ran.stderr);
}

#[test]
fn the_database_can_be_named_by_the_environment() {
    let server = Repository::of(3, 10).serve();
    let folder = folder();
    let mut command = harvester(folder.path());
    command.args(["harvest", &server.url()]).env("HARVESTER_DB", "sqlite:named.db");
    assert_eq!(Ran::of(&mut command).status, 0);
    assert!(folder.path().join("named.db").exists());
}

#[test]
fn several_repositories_are_harvested_at_once() {
    let servers = [Repository::of(30, 10).serve(), Repository::of(40, 10).serve()];
    let gone = "http://127.0.0.1:1/oai";
    let folder = folder();
    let args = ["harvest", &servers[0].url(), gone, &servers[1].url(), "--json", "--retries", "0"];
    let ran = run_in(&folder, &args);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains(gone), "{}", ran.stderr);
    let summaries = ran.lines();
    let numbers: Vec<_> = summaries.iter().map(|it| &it["records"]).collect();
    assert_eq!(numbers, [30, 0, 40]);
    assert_eq!(run_in(&folder, &["records"]).lines().len(), 70);
}

#[test]
fn records_can_go_to_files_instead() {
    let server = Repository::of(20, 10).serve();
    let folder = folder();
    let ran = run_in(&folder, &["harvest", &server.url(), "--to", "jsonl:all.jsonl"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let file = fs::read_to_string(folder.path().join("all.jsonl")).unwrap();
    let listed = run(&["oai", "records", &server.url()]).stdout;
    assert_eq!(file, listed);
    for _ in 0..2 {
        let ran = run_in(&folder, &["harvest", &server.url(), "--to", "xml:files"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    }
    let files = fs::read_dir(folder.path().join("files")).unwrap();
    let xml = files.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".xml")
    });
    assert_eq!(xml.count(), 18);
    for to in ["csv:all.csv", "parquet:all.parquet"] {
        let ran = run_in(&folder, &["harvest", &server.url(), "--to", to]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains("everything anew"), "{}", ran.stdout);
    }
    let csv = fs::read_to_string(folder.path().join("all.csv")).unwrap();
    assert_eq!(csv.lines().count(), 21);
    assert!(csv.contains("\"No. 0 \"\"žluťoučký\"\" & 光\",,"), "{csv}");
    let file = folder.path().join("all.parquet");
    assert_eq!(parquet_identifiers(&file).len(), 20);

    // One that breaks off does not take the place of one that is whole.
    let to = ["--to", "parquet:all.parquet", "--retries", "0"];
    let ran = run_in(&folder, &[&["harvest", "http://127.0.0.1:1/oai"][..], &to].concat());
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("all.parquet was not written"), "{}", ran.stderr);
    assert_eq!(parquet_identifiers(&file).len(), 20);
    assert!(!folder.path().join("harvest.db").exists());
}

#[cfg(unix)]
#[test]
fn interrupted_it_stops_at_a_page_and_goes_on_from_there() {
    let delay = Duration::from_millis(50);
    let server = Repository { delay, ..Repository::of(400, 10) }.serve();
    let folder = folder();
    let child = harvester(folder.path())
        .args(["harvest", &server.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while server.count("ListRecords") < 8 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = std::process::Command::new("kill")
        .args(["-s", "INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("The same command goes on from there"), "{}", ran.stderr);
    assert!(ran.stdout.contains("  stopped: "), "{}", ran.stdout);

    let rest = run_in(&folder, &["harvest", &server.url(), "--json"]).json();
    assert_eq!(rest["resumed"], true);
    assert!(rest["records"].as_u64().unwrap() < 400, "{rest}");
    assert_eq!(run_in(&folder, &["records"]).lines().len(), 400);
}
