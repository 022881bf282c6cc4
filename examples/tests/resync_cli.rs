//! `harvester resync`, run as people and scripts run it: a folder is published, served, checked,
//! copied, changed and followed.
#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "resync_cli/check.rs"]
mod check;
mod common;
#[path = "common/files.rs"]
mod files;
#[path = "resync_cli/follow.rs"]
mod follow;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Ran, harvester};
use files::FileServer;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder that is published and served, and a folder for its copy.
struct Source {
    folder: TempDir,
    server: FileServer,
}

impl Source {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("site")).unwrap();
        let server = FileServer::start(folder.path().join("site"));
        let source = Self { folder, server };
        for (name, text) in files {
            source.write(name, text);
        }
        source
    }

    /// A few files, published.
    fn published() -> Self {
        let source = Self::new(&FILES);
        let ran = source.publish(&[]);
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{}", ran.stdout);
        source
    }

    fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn copy(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    fn url(&self) -> String {
        self.server.url("")
    }

    fn write(&self, name: &str, text: &str) {
        write(&self.site().join(name), text);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.site().join(name)).unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        let quick = ["--retries", "0"];
        Ran::of(harvester(self.folder.path()).arg("resync").args(args).args(quick))
    }

    fn publish(&self, args: &[&str]) -> Ran {
        let url = self.url();
        self.run(&[&["publish", "site", "--base-url", &url], args].concat())
    }

    /// A command on the copy.
    fn mirror(&self, mode: &str, args: &[&str]) -> Ran {
        let url = self.url();
        self.run(&[&[mode, &url, "copy"], args].concat())
    }

    /// What a command on the copy says at the end, as JSON.
    fn summary(&self, mode: &str, args: &[&str]) -> (i32, Value) {
        let ran = self.mirror(mode, &[args, &["--json"]].concat());
        let last = ran.lines().pop().unwrap_or_else(|| panic!("{}", ran.stderr));
        assert_eq!(last["event"], "summary", "{last}");
        (ran.status, last)
    }

    /// The copy has what the source has, byte for byte.
    fn assert_same(&self) {
        assert_eq!(resources(&self.copy()), resources(&self.site()));
    }
}

const FILES: [(&str, &str); 4] = [
    ("a.xml", "<a/>"),
    ("deep/er/b.txt", "b"),
    ("deep/with blank & žluť.txt", "c"),
    ("empty.csv", ""),
];

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The files in a folder that are resources, by their names.
fn resources(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(at) = pending.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let is_document = ["resourcelist", "resourcedump", "changelist", "changedump"]
                .iter()
                .chain(&["capabilitylist", "."])
                .any(|start| name.starts_with(start));
            if is_document {
                continue;
            }
            if path.is_dir() {
                pending.push(path);
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn what_is_published_is_told_and_passes_the_check() {
    let source = Source::new(&FILES);
    let ran = source.publish(&["--dump"]);
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    assert_has(
        &ran.stdout,
        &[
            "site: 4 created, 0 updated, 0 deleted, 0 unchanged",
            "\n  resourcelist.xml\n",
            &format!("others start at {}", source.server.url(".well-known/resourcesync\n")),
        ],
    );
    // From the site, from a document, and from one alone.
    let url = source.server.url("capabilitylist.xml");
    let checks: [&[&str]; 3] =
        [&["check", &source.url()], &["check", &url], &["check", &url, "--only"]];
    for args in checks {
        let ran = source.run(args);
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{}", ran.stdout);
        assert_has(&ran.stdout, &[&format!("{url}  (capabilitylist, entries: 4)"), ": 0 errors,"]);
    }
    source.write("a.xml", "<aa/>");
    source.write("new.txt", "new");
    source.remove("empty.csv");
    let again = source.publish(&["--dump", "--json"]).json();
    for (name, number) in [("created", 1), ("updated", 1), ("deleted", 1), ("unchanged", 2)] {
        assert_eq!(again[name], number, "{again}");
    }
    let ran = source.run(&["check", &source.url(), "--json"]);
    assert_eq!(ran.status, 0, "{}", ran.stdout);
    let summary = ran.lines().pop().unwrap();
    assert_eq!((&summary["valid"], &summary["errors"]), (&json!(true), &json!(0)));
}

#[test]
fn a_source_is_shown_as_a_tree() {
    let source = Source::published();
    let ran = source.run(&["explore", &source.url()]);
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    let description = source.server.url(".well-known/resourcesync");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("document  "), "{}", ran.stdout);
    assert!(lines[1].starts_with("description  ") && lines[1].ends_with(&description));
    assert!(lines[2].starts_with("└── capabilitylist  "), "{}", ran.stdout);
    assert!(lines[3].starts_with("    ├── resourcelist  "), "{}", ran.stdout);
    assert_has(lines[3], &["  4  ", "  6 B  ", &source.server.url("resourcelist.xml")]);
    assert!(lines[4].starts_with("    │       at 20"), "{}", ran.stdout);
    assert_has(&ran.stdout, &[", completed 20", "    └── changelist  "]);
    let next = format!("Next: harvester resync baseline {description} DIR");
    assert_eq!(lines.last(), Some(&&*next));

    let tree = source.run(&["explore", &source.url(), "--json"]).json();
    assert_eq!(tree["found_by"], "well-known address");
    let list = &tree["documents"][0]["children"][0]["children"][0];
    assert_eq!(list["url"], source.server.url("resourcelist.xml"));
    assert_eq!((&list["entries"], &list["listed_bytes"]), (&json!(4), &json!(6)));
    assert_eq!(list["error"], Value::Null);

    // A document that is gone is told where it was listed.
    source.remove("resourcelist.xml");
    let ran = source.run(&["explore", &source.url()]);
    assert_eq!(ran.status, 3, "{}", ran.stdout);
    assert_has(&ran.stdout, &["    ├── not read", "    │       ! ", "404"]);
    assert_has(&ran.stdout, &["Next: harvester resync incremental "]);
    // And is an error of the source.
    let ran = source.run(&["check", &source.url()]);
    assert_eq!(ran.status, 4, "{}", ran.stdout);
    assert_has(&ran.stdout, &["  error could not be had: ", "404", "1 document not had"]);
}

#[test]
fn long_indexes_are_shown_in_part() {
    let source = Source::new(&[]);
    let url = |n: usize| source.server.url(&format!("part{n}.xml"));
    let head = |root: &str| {
        format!(
            "<{root} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
             xmlns:rs=\"http://www.openarchives.org/rs/terms/\">\
             <rs:md capability=\"resourcelist\" at=\"2024-01-31T12:00:00Z\"/>"
        )
    };
    let mut index = head("sitemapindex");
    for n in 0..20 {
        let entry = format!("<url><loc>{}</loc></url>", source.server.url(&format!("r{n}")));
        source.write(&format!("part{n}.xml"), &format!("{}{entry}</urlset>", head("urlset")));
        index += &format!("<sitemap><loc>{}</loc></sitemap>", url(n));
    }
    source.write("index.xml", &(index + "</sitemapindex>"));
    let index = source.server.url("index.xml");
    let ran = source.run(&["explore", &index]);
    assert_has(&ran.stdout, &["resourcelist (index, 20 parts)", "├── … 18 parts not read"]);
    assert_has(&ran.stdout, &[&url(0), &url(19)]);
    let ran = source.run(&["explore", &index, "--full"]);
    assert_has(&ran.stdout, &[&url(0), &url(7), &url(19)]);

    // Parts without links up are errors, of which there are not more shown than help.
    let many = (0..30).map(|n| format!("<url><loc>r{n}</loc></url>")).collect::<String>();
    source.write("many.xml", &format!("{}\n{many}</urlset>", head("urlset")));
    let ran = source.run(&["check", &source.server.url("many.xml")]);
    assert_eq!(ran.status, 4);
    let shown = ran.stdout.lines().filter(|line| line.contains(" relative-loc (§7.1) "));
    assert_eq!(shown.count(), 20, "{}", ran.stdout);
    assert_has(&ran.stdout, &["… and 10 more relative-loc\n"]);
    let ran = source.run(&["check", &source.server.url("many.xml"), "--json"]);
    let lines = ran.lines();
    assert_eq!(lines.iter().filter(|it| it["code"] == "relative-loc").count(), 30);
    assert_eq!(lines.last().unwrap()["valid"], false);
}

#[test]
fn a_copy_is_the_same_and_is_not_fetched_again() {
    let source = Source::published();
    source.server.take_seen();
    let ran = source.mirror("baseline", &[]);
    assert_eq!((ran.status, &*ran.stderr), (0, ""), "{}", ran.stdout);
    assert_has(&ran.stdout, &["copy: 4 created, 0 updated, 0 deleted, 0 unchanged, 0 failed"]);
    source.assert_same();

    for _ in 0..2 {
        source.server.take_seen();
        let (status, again) = source.summary("baseline", &[]);
        assert_eq!((status, &again["created"], &again["updated"]), (0, &json!(0), &json!(0)));
        let seen = source.server.take_seen();
        assert_eq!(seen, [("/resourcelist.xml".to_owned(), 304)]);
    }

    // What is gone stays, unless it is to go.
    source.remove("a.xml");
    source.write("deep/er/b.txt", "bb");
    source.publish(&[]);
    let dry = source.summary("baseline", &["--delete", "--dry-run"]).1;
    assert_eq!((&dry["updated"], &dry["deleted"]), (&json!(1), &json!(1)), "{dry}");
    assert!(source.copy().join("a.xml").exists());
    let (status, summary) = source.summary("baseline", &["--delete"]);
    assert_eq!((status, &summary["updated"], &summary["deleted"]), (0, &json!(1), &json!(1)));
    source.assert_same();
}

#[test]
fn what_stayed_can_be_deleted_later() {
    let source = Source::published();
    assert_eq!(source.mirror("baseline", &[]).status, 0);
    source.remove("a.xml");
    source.publish(&[]);
    let ran = source.mirror("baseline", &[]);
    assert_has(&ran.stdout, &["0 deleted", "--delete removes them"]);
    assert!(source.copy().join("a.xml").exists());
    let (status, summary) = source.summary("baseline", &["--delete"]);
    assert_eq!((status, &summary["deleted"]), (0, &json!(1)), "{summary}");
    source.assert_same();
}

#[test]
fn changes_are_followed() {
    let source = Source::published();
    assert_eq!(source.mirror("baseline", &[]).status, 0);
    source.write("a.xml", "<changed/>");
    source.write("deep/new.txt", "new");
    source.remove("empty.csv");
    source.publish(&[]);

    source.server.take_seen();
    let (status, summary) = source.summary("incremental", &["--delete"]);
    assert_eq!(status, 0, "{summary}");
    for name in ["created", "updated", "deleted"] {
        assert_eq!(summary[name], 1, "{name}: {summary}");
    }
    source.assert_same();
    // Only what has changed, and not the Resource List.
    let fetched = source.server.take_seen();
    assert!(!fetched.iter().any(|(path, _)| path.ends_with("resourcelist.xml")), "{fetched:?}");

    let (status, again) = source.summary("incremental", &["--delete"]);
    assert_eq!((status, &again["created"], &again["updated"]), (0, &json!(0), &json!(0)));
}

#[test]
fn differences_are_found() {
    let source = Source::published();
    assert_eq!(source.mirror("baseline", &[]).status, 0);
    let ran = source.mirror("audit", &[]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert_has(&ran.stdout, &["copy is in sync"]);

    // The same length: only reading it tells.
    write(&source.copy().join("a.xml"), "<z/>");
    let ran = source.mirror("audit", &["--content"]);
    assert_eq!(ran.status, 4, "{}{}", ran.stdout, ran.stderr);
    assert_has(&ran.stdout, &["copy differs in 1 resource", &source.server.url("a.xml")]);
    // A baseline looks at lengths and times, and fetches what is not as it was written.
    write(&source.copy().join("a.xml"), "<longer/>");
    fs::remove_file(source.copy().join("deep/er/b.txt")).unwrap();
    let (status, differences) = source.summary("audit", &[]);
    assert_eq!((status, &differences["different"]), (4, &json!(2)), "{differences}");
    let (status, summary) = source.summary("baseline", &["--content"]);
    assert_eq!((status, &summary["updated"]), (0, &json!(2)), "{summary}");
    source.assert_same();
    assert_eq!(source.mirror("audit", &["--content"]).status, 0);
}

#[test]
fn a_list_of_another_kind_is_named_with_what_is_wanted() {
    let source = Source::published();
    let url = source.server.url("changelist.xml");
    let ran = source.run(&["baseline", &url, "copy"]);
    assert_eq!((ran.status, &*ran.stdout), (1, ""));
    assert_has(
        &ran.stderr,
        &[
            &format!("{url} is a changelist; baseline takes a resource"),
            "a resourcelist",
            "a resourcedump",
            "`harvester resync incremental`",
            &format!("`harvester resync explore {}`", source.url()),
        ],
    );
}

#[test]
fn failures_name_the_address_and_the_next_step() {
    let source = Source::new(&[("page.html", "<!DOCTYPE html><html></html>"), ("x.xml", "<x/>")]);
    for command in ["explore", "check"] {
        let ran = source.run(&[command, "http://127.0.0.1:1/"]);
        assert_eq!((ran.status, &*ran.stdout), (1, ""));
        let parts = ["could not connect", "http://127.0.0.1:1/", "Check the host name"];
        assert_has(&ran.stderr, &parts);

        let url = source.server.url("page.html");
        let ran = source.run(&[command, &url]);
        assert_eq!((ran.status, &*ran.stdout), (1, ""));
        let well_known = source.server.url(".well-known/resourcesync");
        assert_has(&ran.stderr, &[&url, &well_known, "it often ends in /.well-known/resourcesync"]);
    }
    let url = source.server.url("gone.xml");
    let ran = source.run(&["check", &url, "--only"]);
    assert_eq!((ran.status, &*ran.stdout), (1, ""));
    assert_has(
        &ran.stderr,
        &["404", &url, &format!("`harvester resync explore {}`", source.url())],
    );
    let ran = source.run(&["check", &source.server.url("x.xml"), "--only"]);
    assert_eq!(ran.status, 4);
    assert_has(&ran.stdout, &["error   not-resourcesync (§7.1)"]);

    let ran = source.run(&["publish", "nowhere", "--base-url", &source.url()]);
    assert_eq!((ran.status, &*ran.stdout), (1, ""));
    assert_has(&ran.stderr, &["nowhere cannot be published", "Name a folder"]);
    assert!(!source.folder.path().join("nowhere").exists());
}

#[test]
fn sources_do_not_lead_into_the_local_network() {
    let source = Source::new(&[]);
    source.write(
        "capabilitylist.xml",
        "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
         xmlns:rs='http://www.openarchives.org/rs/terms/'><rs:md capability='capabilitylist'/><url>\
         <loc>http://127.0.0.1:1/x.xml</loc><rs:md capability='resourcelist'/></url></urlset>",
    );
    let url = source.server.url("capabilitylist.xml");
    for (command, status) in [("explore", 3), ("check", 4)] {
        let ran = source.run(&[command, &url]);
        assert_eq!(ran.status, status, "{}", ran.stdout);
        assert_has(&ran.stdout, &["http://127.0.0.1:1/x.xml is on the local network"]);
        let ran = source.run(&[command, &url, "--allow-origin", "http://127.0.0.1:1"]);
        assert_eq!(ran.status, status, "{}", ran.stdout);
        assert_has(&ran.stdout, &["could not connect"]);
    }
}

#[test]
fn what_cannot_be_understood_is_a_usage_error() {
    let source = Source::new(&[]);
    for line in [
        "",
        "frobnicate",
        "explore",
        "explore not-a-url",
        "explore file:///tmp/x",
        "check http://127.0.0.1:1/ more",
        "baseline http://127.0.0.1:1/",
        "baseline http://127.0.0.1:1/ copy --max-delete many",
        "baseline http://127.0.0.1:1/ copy --from yesterday",
        "publish site",
        "publish site --base-url nowhere",
        "publish site --base-url http://127.0.0.1:1/?a=b",
        "publish site --base-url http://me:secret@127.0.0.1:1/",
    ] {
        let args: Vec<&str> = line.split_whitespace().collect();
        let ran = Ran::of(harvester(source.folder.path()).arg("resync").args(&args));
        assert_eq!((ran.status, &*ran.stdout), (2, ""), "{line}");
        assert!(!ran.stderr.is_empty() && !ran.stderr.contains("secret"), "{line}");
    }
    assert_eq!(fs::read_dir(source.site()).unwrap().count(), 0);
}
