//! `harvester harvest` with repositories that do not speak OAI-PMH, run as a user would.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]

mod common;
#[path = "common/files.rs"]
mod files;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use common::lists::{at, capability_list, entry, list};
use common::{Ran, Reply, Request, Server, harvester};
use files::FileServer;
use harvest_pipeline::harvest_list::{Document, write};
use resync_core::document::{Capability, Change, Head};
use tempfile::TempDir;

const EML: &str = "eml://ecoinformatics.org/eml-2.0.0";

struct Site {
    folder: TempDir,
    server: FileServer,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("www")).unwrap();
        let server = FileServer::start(folder.path().join("www"));
        Self { folder, server }
    }

    fn put(&self, name: &str, body: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join("www").join(name), body).unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        let folder: &Path = self.folder.path();
        let mut command: Command = harvester(folder);
        Ran::of(command.args(args).args(["--retries", "0", "--json"]))
    }

    /// Serves a harvest list of these documents: number and revision.
    fn documents(&self, documents: &[(i64, i64)]) -> String {
        let list = documents.iter().map(|(identifier, revision)| {
            let name = format!("{identifier}.{revision}.xml");
            self.put(&name, format!("<eml:eml xmlns:eml='{EML}'><r>{revision}</r></eml:eml>"));
            Document {
                scope: "demo".to_owned(),
                identifier: *identifier,
                revision: *revision,
                document_type: EML.to_owned(),
                url: self.server.url(&name),
            }
        });
        self.put("list.xml", write(&list.collect::<Vec<_>>()));
        self.server.url("list.xml")
    }

    /// What the database holds: identifier, and whether it is deleted.
    fn records(&self) -> Vec<(String, bool)> {
        let records = self.run(&["records"]).lines();
        let record = |line: &serde_json::Value| {
            let identifier = line["identifier"].as_str().unwrap();
            let name = identifier.rsplit('/').next().unwrap();
            (name.to_owned(), line["deleted"].as_bool().unwrap())
        };
        records.iter().map(record).collect()
    }
}

#[test]
fn a_harvest_list_is_found_out_and_harvested_by_revisions() {
    let site = Site::new();
    let url = site.documents(&[(1, 1), (2, 1)]);
    let ran = site.run(&["harvest", &url]);
    assert!(ran.stderr.contains("is a harvest list: --protocol harvest-list"), "{}", ran.stderr);
    let summary = ran.json();
    assert_eq!((&summary["created"], &summary["verdict"]), (&2.into(), &"complete".into()));

    site.documents(&[(1, 1), (2, 2), (3, 1)]);
    let summary = site.run(&["harvest", &url, "--protocol", "harvest-list"]).json();
    let counts = ["created", "updated", "unchanged"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1]);
    let names: Vec<_> = site.records().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["demo.1", "demo.2", "demo.3"]);

    let ran = site.run(&["harvest", &url, "--set", "maps"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--set means nothing to the protocol harvest-list"));
}

#[test]
fn a19_a_dry_run_fetches_the_documents_and_leaves_the_database_as_it_is() {
    let site = Site::new();
    let url = site.documents(&[(1, 1), (2, 1)]);
    site.run(&["harvest", &url]).json();
    let database = || fs::read(site.folder.path().join("harvest.db")).unwrap();
    let before = database();

    site.documents(&[(1, 2), (2, 1), (3, 1)]);
    site.server.take_seen();
    let summary = site.run(&["harvest", &url, "--dry-run"]).json();
    let counts = ["created", "updated", "unchanged"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!((counts, &summary["dry_run"]), ([1, 1, 1], &true.into()));
    let seen = site.server.take_seen();
    assert!(seen.contains(&("/1.2.xml".to_owned(), 200)), "{seen:?}");
    assert!(before == database(), "the database has changed");
}

#[test]
fn a_resourcesync_source_is_found_and_its_second_run_reads_changes_only() {
    let site = Site::new();
    let body = |text: &str| {
        format!(
            "<o:dc xmlns:o='http://www.openarchives.org/OAI/2.0/oai_dc/' \
             xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>{text}</dc:title></o:dc>"
        )
    };
    let thing = |name: &str, time: i64, text: &str| {
        let body = body(text);
        site.put(name, &body);
        entry(site.server.url(name), time, body.as_bytes())
    };
    let mut head = Head::list(Capability::ResourceList);
    head.md.at = Some(at(1_700_000_000));
    let resources = [thing("a.xml", 1000, "one"), thing("b.xml", 1000, "two")];
    site.put("resourcelist.xml", list(&head, &resources));
    let mut head = Head::list(Capability::ChangeList);
    head.md.from = Some(at(1_600_000_000));
    site.put("changelist.xml", list(&head, &[]));
    let documents = [
        (Capability::ResourceList, site.server.url("resourcelist.xml")),
        (Capability::ChangeList, site.server.url("changelist.xml")),
    ];
    site.put("capabilitylist.xml", capability_list(&documents));
    let url = site.server.url("capabilitylist.xml");

    let ran = site.run(&["harvest", &url, "--format", "oai_dc"]);
    assert!(ran.stderr.contains("--protocol resourcesync"), "{}", ran.stderr);
    let summary = ran.json();
    assert_eq!(
        (&summary["created"], &summary["next_from"]),
        (&2.into(), &"2023-11-14T22:13:20Z".into())
    );

    let mut changed = thing("a.xml", 1_700_000_100, "three");
    (changed.md.change, changed.md.datetime) = (Some(Change::Updated), Some(at(1_700_000_100)));
    let mut gone = thing("b.xml", 1_700_000_200, "two");
    (gone.md.change, gone.md.datetime) = (Some(Change::Deleted), Some(at(1_700_000_200)));
    site.put("changelist.xml", list(&head, &[changed, gone]));
    site.server.take_seen();
    let summary = site.run(&["harvest", &url, "--format", "oai_dc"]).json();
    let counts = ["created", "updated", "deleted"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [0, 1, 1]);
    let seen = site.server.take_seen();
    assert!(!seen.iter().any(|(path, _)| path == "/b.xml"), "{seen:?}");
    assert_eq!(site.records(), [("a.xml".to_owned(), false), ("b.xml".to_owned(), true)]);
    let csv = site.run(&["records", "--format", "csv"]).stdout;
    assert!(csv.contains("three"), "{csv}");
    let found = site.run(&["records", "--search", "THREE"]).stdout;
    assert!(found.lines().count() == 1 && found.contains("a.xml"), "{found}");
    assert_eq!(site.run(&["records", "--live", "--search", "b xml"]).stdout, "");
}

#[test]
fn what_is_none_of_these_says_what_was_tried() {
    let site = Site::new();
    site.put("page.html", "<html><p>Welcome</p></html>");
    let ran = site.run(&["harvest", &site.server.url("page.html")]);
    assert_eq!(ran.status, 1);
    for part in ["is no harvest list", "no ResourceSync document was found", "OAI-PMH base URL"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn a_server_that_is_busy_once_is_found_out_all_the_same() {
    let was_busy = AtomicBool::new(false);
    let server = Server::start(move |request: &Request| {
        if !was_busy.swap(true, Ordering::Relaxed) {
            return Reply::status("503 Service Unavailable");
        }
        if !request.argument("document").is_empty() {
            return Reply::xml(format!("<e:eml xmlns:e='{EML}'/>"));
        }
        Reply::xml(write(&[Document {
            scope: "demo".to_owned(),
            identifier: 1,
            revision: 1,
            document_type: EML.to_owned(),
            url: "?document=1".to_owned(),
        }]))
    });
    let folder = tempfile::tempdir().unwrap();
    let ran = Ran::of(harvester(folder.path()).args([
        "harvest",
        &server.url(),
        "--retry-delay",
        "5ms",
        "--json",
    ]));
    assert!(ran.stderr.contains("--protocol harvest-list"), "{}", ran.stderr);
    assert_eq!(ran.json()["created"], 1);
}

#[test]
fn a_server_that_stays_busy_is_not_waited_for_before_the_harvest_begins() {
    let server = Server::start(|_: &Request| Reply::status("503 Service Unavailable"));
    let folder = tempfile::tempdir().unwrap();
    let ran = Ran::of(harvester(folder.path()).args([
        "harvest",
        &server.url(),
        "--retries",
        "4",
        "--retry-delay",
        "5ms",
    ]));
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    // Twice to find out what it is; the harvest then is as patient as it was told to be.
    assert_eq!((server.count(""), server.count("Identify")), (2, 5));
}
