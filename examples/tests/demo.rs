//! `harvester demo`, run as a user would.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "these are tests")]

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use common::{Ran, harvester};
use serde_json::Value;

const PROTOCOLS: [&str; 6] =
    ["OAI-PMH", "OAI-PMH", "OAI-PMH", "OAI-PMH", "ResourceSync", "harvest list"];

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn the_database_holds_what_the_sources_have_after_both_harvests() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| Ran::of(harvester(folder.path()).args(args));
    let told = run(&["demo", "--json", "--db", "sqlite:mine.db", "--records", "200"]).json();
    assert_eq!(told["as_expected"], true, "{told}");
    let mut live: HashMap<String, u64> = HashMap::new();
    for record in run(&["records", "--db", "sqlite:mine.db", "--live"]).lines() {
        *live.entry(record["source"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let sources = told["sources"].as_array().unwrap();
    let protocols: Vec<_> = sources.iter().map(|it| it["protocol"].as_str().unwrap()).collect();
    assert_eq!(protocols, PROTOCOLS);
    for source in sources {
        let (first, second) = (&source["first"], &source["second"]);
        let is_repository = source["protocol"] == "OAI-PMH";
        let is_list = source["protocol"] == "harvest list";
        assert_eq!((number(&first["failed"]), number(&second["failed"])), (0, 0), "{source}");
        assert_eq!((number(&first["updated"]), number(&first["deleted"])), (0, 0), "{source}");
        let total = number(&first["created"]) + number(&first["already_deleted"]);
        assert!(if is_repository { total == 200 } else { total < 200 }, "{source}");

        let [created, updated, deleted] =
            ["created", "updated", "deleted"].map(|name| number(&second[name]));
        assert!(created > 0 && updated > 0 && (deleted > 0) != is_list, "{source}");
        let held = number(&first["created"]) + created - deleted;
        assert_eq!(live[source["source"].as_str().unwrap()], held, "{source}");
        // What a list names no longer is kept.
        let there = number(&source["live"]);
        assert!(if is_list { there < held } else { there == held }, "{source}");
    }
    let flaky = &sources[3];
    assert_eq!(number(&flaky["faults"]), 4);
    assert!(number(&flaky["first"]["retries"]) >= 3, "{flaky}");
}

#[test]
fn a_database_that_knows_the_sources_from_before_is_used_again() {
    // Below the ports that systems give out by themselves.
    const PORT: &str = "18470";
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut command = harvester(folder.path());
        command.args(["demo", "--json", "--db", "sqlite:mine.db", "--records", "50"]);
        let told = Ran::of(command.args(["--port", PORT])).json();
        assert_eq!((&told["as_expected"], &told["db"]), (&true.into(), &"sqlite:mine.db".into()));
    }
}

#[test]
#[cfg(unix)]
fn sources_are_only_served_until_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = harvester(folder.path())
        .args(["demo", "--serve-only", "--json", "--records", "20"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let sources = told["sources"].as_array().unwrap().clone();
    let identified = sources.iter().filter(|it| it["protocol"] == "OAI-PMH").map(|source| {
        let url = source["url"].as_str().unwrap();
        let identity = Ran::of(harvester(folder.path()).args(["oai", "identify", url])).stdout;
        identity.contains(source["name"].as_str().unwrap())
    });
    assert_eq!(identified.collect::<Vec<_>>(), [true; 4]);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
#[cfg(unix)]
fn the_whole_system_harvests_every_source_until_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = harvester(folder.path())
        .args(["demo", "--db", "sqlite:mine.db", "--records", "40"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let url = lines.find(|line| line.starts_with("http://127.0.0.1:")).unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("with the password")));
    std::thread::spawn(move || said.for_each(drop));

    let run = |args: &[&str]| {
        let ran = Ran::of(harvester(folder.path()).args(args).args(["--db", "sqlite:mine.db"]));
        assert_eq!(ran.status, 0, "{args:?}: {}", ran.stderr);
        ran.stdout
    };
    let sources = run(&["source", "list"]);
    let kinds = ["oai-pmh", "resync", "document-list", "folder", "json-lines"];
    assert_eq!(sources.lines().count(), 8, "{sources}");
    assert!(kinds.iter().all(|kind| sources.contains(&format!("  {kind}  "))), "{sources}");
    // Nobody has to do anything for their first harvests. Some records are faulty, and say so.
    let first: Vec<String> = (1..=8).map(|run| run.to_string()).collect();
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let mut waiting = harvester(folder.path());
    let waiting = waiting.args(["run", "wait", "--json", "--db", "sqlite:mine.db"]).args(first);
    for run in Ran::of(waiting).lines() {
        assert!(run["state"].as_str().unwrap().starts_with("succeeded"), "{run}");
        assert!(number(&run["counters"]["created"]) >= 20, "{run}");
    }
    let health = format!("{url}healthz");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let status = runtime.block_on(async { reqwest::get(health).await.unwrap().status() });
    assert_eq!(status, 200);

    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(run(&["records", "--live"]).lines().count() > 6 * 30);
}
