//! Harvests and checks somebody else's OAI-PMH servers, if they are installed:
//! `third_party/install.sh` does that.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "these are tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use common::{Ran, harvester};
use serde_json::{Value, json};

#[test]
fn a_third_partys_catalogue_is_harvested_completely_and_then_incrementally() {
    let Some(mut catalogue) = Catalogue::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let expected = catalogue.expected.clone();
    let url = expected["url"].as_str().unwrap().to_owned();
    let harvest = |db: &str| {
        let db = format!("sqlite:{db}");
        Ran::of(harvester(folder).args(["harvest", &url, "--json", "--db", &db])).json()
    };

    let first = harvest("harvest.db");
    assert_eq!((&first["verdict"], &first["resumed"]), (&json!("complete"), &json!(false)));
    assert_eq!(first["records"], expected["records"]);
    assert_eq!(first["already_deleted"], expected["deleted"]);
    assert_holds(&records(folder, "harvest.db"), &expected);

    // Straight from the server it is the same.
    let listed = Ran::of(harvester(folder).args(["oai", "records", &url])).lines();
    assert_holds(&listed, &expected);
    assert!(
        listed.iter().any(|it| it["metadata"].as_str().is_some_and(|it| it.contains("光の屈折")))
    );
    let rare =
        Ran::of(harvester(folder).args(["oai", "identifiers", &url, "--set", "library:rare"]));
    assert_eq!(rare.lines().len(), expected["sets"]["library:rare"]);

    let expected = catalogue.change(31);
    let second = harvest("harvest.db");
    assert_eq!((&second["verdict"], &second["resumed"]), (&json!("complete"), &json!(true)));
    // Only what has changed was asked for.
    assert_eq!(second["records"], 31);
    assert_eq!(second["created"], expected["added"]);
    assert_eq!(second["updated"], expected["updated"]);
    assert_eq!(second["deleted"], expected["removed"]);

    let kept = records(folder, "harvest.db");
    assert_holds(&kept, &expected);
    harvest("afresh.db");
    assert_eq!(kept, records(folder, "afresh.db"));
}

#[test]
fn the_checker_finds_what_third_partys_servers_are_known_for() {
    let Some(catalogue) = Catalogue::start() else { return };
    // What the package leaves out; that arguments are repeated, its frame does not tell it.
    let known = [
        "argument-repeated",
        "bad-verb",
        "from-after-until",
        "request-attributes",
        "token-end",
        "token-verb",
    ];
    assert_eq!(catalogue.broken_rules(), BTreeSet::from(known.map(str::to_owned)));

    let Some(catalogue) = Catalogue::serve("serve_oai_repo.py") else { return };
    let broken = catalogue.broken_rules();
    // ListRecords leaves deleted records out, and two granularities are taken together.
    for rule in ["lists-differ", "token-size", "granularity-mixed", "day-granularity"] {
        assert!(broken.contains(rule), "{rule} is not in {broken:?}");
    }
}

fn records(folder: &Path, db: &str) -> Vec<Value> {
    Ran::of(harvester(folder).args(["records", "--db", &format!("sqlite:{db}")])).lines()
}

/// Checks the numbers of records, of deleted ones, and of those in each set.
fn assert_holds(records: &[Value], expected: &Value) {
    assert_eq!(records.len(), expected["records"]);
    let deleted = records.iter().filter(|record| record["deleted"] == true).count();
    assert_eq!(deleted, expected["deleted"]);
    let mut sets: BTreeMap<&str, usize> = BTreeMap::new();
    for name in expected["sets"].as_object().unwrap().keys() {
        let is_below = |spec: &Value| {
            let rest = spec.as_str().unwrap().strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        let is_in = |record: &&Value| record["sets"].as_array().unwrap().iter().any(is_below);
        sets.insert(name, records.iter().filter(is_in).count());
    }
    assert_eq!(json!(sets), expected["sets"]);
}

/// The server, until it is dropped.
struct Catalogue {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    expected: Value,
}

impl Catalogue {
    fn start() -> Option<Self> {
        Self::serve("serve.py")
    }

    fn serve(script: &str) -> Option<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let venv = root.join(".venv");
        if !venv.join("installed.txt").exists() {
            // Not `eprintln!`, which is not shown when a test passes.
            let _ = std::io::stderr().write_all(
                b"SKIPPED: the third-party OAI-PMH server is not installed; \
                  examples/tests/third_party/install.sh installs it\n",
            );
            return None;
        }
        let mut child = Command::new(venv.join("bin/python"))
            .arg(root.join("examples/tests/third_party").join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut catalogue = Self { child, input, output, expected: Value::Null };
        catalogue.expected = catalogue.answer();
        Some(catalogue)
    }

    /// What the checker finds broken.
    fn broken_rules(&self) -> BTreeSet<String> {
        let folder = tempfile::tempdir().unwrap();
        let url = self.expected["url"].as_str().unwrap();
        let ran = Ran::of(harvester(folder.path()).args(["oai", "check", url, "--json"]));
        assert_eq!(ran.status, 4, "{}", ran.stderr);
        let lines = ran.lines();
        let codes = lines.iter().filter_map(|line| line["code"].as_str());
        codes.map(str::to_owned).collect()
    }

    /// Changes so many records, and tells what a harvest must find now.
    fn change(&mut self, records: usize) -> Value {
        writeln!(self.input, "change {records}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Catalogue {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
