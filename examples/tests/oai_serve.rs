//! `harvester oai serve`, harvested by `harvester`.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use common::{Ran, Repository, harvester};

/// A server of what is in a folder; it ends with the test.
struct Serving(Child);

impl Serving {
    /// Serves it, and says where.
    fn of(folder: &Path, args: &[&str]) -> (Self, String) {
        let mut command = harvester(folder);
        command.args(["oai", "serve", "--listen", "127.0.0.1:0", "--json"]).args(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        (Self(child), told["base_url"].as_str().unwrap().to_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_database_is_served_with_all_that_was_harvested() {
    let folder = tempfile::tempdir().unwrap();
    let server = Repository::of(250, 100).serve();
    let harvested = Ran::of(harvester(folder.path()).args(["harvest", &server.url()]));
    assert_eq!(harvested.status, 0, "{}", harvested.stderr);
    let (_serving, url) = Serving::of(folder.path(), &["sqlite:harvest.db"]);
    let listed = Ran::of(harvester(folder.path()).args(["oai", "records", &url, "--strict"]));
    assert_eq!((listed.status, listed.stdout.lines().count()), (0, 250), "{}", listed.stderr);
    let (_off, url) = Serving::of(folder.path(), &["sqlite:harvest.db", "--output-off"]);
    let listed = Ran::of(harvester(folder.path()).args(["oai", "records", &url, "--strict"]));
    assert_eq!((listed.status, &*listed.stdout), (0, ""));
    let one = Ran::of(harvester(folder.path()).args(["oai", "get", &url, "oai:x:1"]));
    assert_eq!(one.status, 0, "{}", one.stderr);
}

#[test]
fn a_folder_is_served_and_what_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("r/theses")).unwrap();
    fs::write(folder.path().join("r/theses/a.xml"), "<m xmlns='urn:m'>one</m>").unwrap();
    let (_serving, url) = Serving::of(folder.path(), &["r", "--format", "m"]);
    let args = ["oai", "records", &url, "--format", "m", "--set", "theses"];
    let listed = Ran::of(harvester(folder.path()).args(args));
    assert!(
        listed.stdout.contains(r#""identifier":"oai:127.0.0.1:theses/a""#),
        "{}",
        listed.stderr
    );
    let refused = Ran::of(harvester(folder.path()).args(["oai", "serve", "nowhere"]));
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("nowhere cannot be served"), "{}", refused.stderr);
}
