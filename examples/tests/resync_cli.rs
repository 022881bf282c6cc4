//! `harvester resync`, run as people and scripts run it: a folder is published, served, checked,
//! copied, changed and followed.
#![allow(clippy::unwrap_used, reason = "these are tests")]

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

    for round in 0..2 {
        source.server.take_seen();
        let (status, again) = source.summary("baseline", &[]);
        assert_eq!((status, &again["created"], &again["updated"]), (0, &json!(0), &json!(0)));
        let seen = source.server.take_seen();
        // No resource is asked for. In the first round the list is looked for once more: now that
        // there is a copy, a dump would not be the best to take.
        let names: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        let is_resource = |path: &str| names.iter().any(|name| path == format!("/{name}"));
        assert!(
            !seen.iter().any(|(path, _)| is_resource(path) || path.contains("deep")),
            "{seen:?}"
        );
        assert!(round == 0 || seen.iter().all(|(_, status)| *status == 304), "{seen:?}");
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
fn what_is_broken_is_checked_all_the_same() {
    let source = Source::published();
    let list = source.site().join("resourcelist.xml");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, &text[..text.len() - 20]).unwrap();
    let ran = source.run(&["check", &source.server.url("resourcelist.xml")]);
    assert_eq!(ran.status, 4, "{}", ran.stderr);
    assert_has(&ran.stdout, &[" error   truncated (XML) ", "1 error,"]);
    // Where the source has it is told by the one that leads there.
    fs::copy(source.site().join("changelist.xml"), &list).unwrap();
    let ran = source.run(&["check", &source.url()]);
    assert_eq!(ran.status, 4, "{}", ran.stdout);
    let wrong = "error   other-capability (§9) it is a changelist, and listed as a resourcelist \
                 in http://";
    assert_has(&ran.stdout, &[wrong]);
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

#[test]
fn the_check_compares_some_resources_with_what_the_list_says() {
    let source = Source::published();
    let before = source.run(&["check", &source.url(), "--json"]);
    let summary = before.lines().pop().unwrap();
    assert_eq!((before.status, &summary["resources"]), (0, &json!(3)), "{}", before.stdout);
    let none = source.run(&["check", &source.url(), "--json", "--sample", "0"]);
    assert_eq!(none.lines().pop().unwrap()["resources"], 0);

    // As long as before, and of the same time: only its digest tells.
    let (name, text) = FILES[0];
    let path = source.site().join(name);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "x".repeat(text.len())).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    for (name, _) in &FILES[1..] {
        source.remove(name);
    }
    let all = ["check", &*source.url(), "--sample", "100"];
    let ran = source.run(&all);
    assert_eq!(ran.status, 4, "{}", ran.stdout);
    let missing = FILES.len() - 1;
    assert_eq!(ran.stdout.matches("error   resource-missing (§10) ").count(), missing);
    assert_eq!(ran.stdout.matches("error   resource-differs (§7.2) ").count(), 1, "{}", ran.stdout);
    // What to do is told once.
    let to_do = ran.stdout.find("\nTo do:\n").unwrap();
    assert_eq!(ran.stdout[to_do..].matches("resource-missing").count(), 1);
    let ran = source.run(&[&all[..], &["--json"]].concat());
    let lines = ran.lines();
    let found = lines.iter().find(|it| it["code"] == "resource-differs").unwrap();
    assert_eq!(found["url"], source.server.url(name));
    assert!(found["fix"].is_string());
}

#[test]
fn the_check_compares_documents_with_each_other() {
    let source = Source::published();
    let rewrite = |name: &str, from: &str, to: &str| {
        let path = source.site().join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        fs::write(&path, text.replace(from, to)).unwrap();
    };
    let part = fs::read_to_string(source.site().join("changelist.xml")).unwrap();
    let from = part.split("from=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let index = format!(
        "<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
         xmlns:rs='http://www.openarchives.org/rs/terms/'><rs:ln rel='up' href='{}'/>\
         <rs:md capability='changelist' from=\"{from}\"/><sitemap><loc>{}</loc>\
         <rs:md from=\"{from}\"/></sitemap></sitemapindex>",
        source.server.url("capabilitylist.xml"),
        source.server.url("changelist-00001.xml"),
    );
    source.write("changelist-00001.xml", &part);
    source.write("changelist.xml", &index);
    // The part of the index says that it begins later than the index says.
    rewrite("changelist-00001.xml", &format!("from=\"{from}\""), "from=\"2999-01-01T00:00:00Z\"");
    let ran = source.run(&["check", &source.url()]);
    assert_eq!(
        ran.stdout.matches("warning part-times (§12) from is 2999-").count(),
        1,
        "{}",
        ran.stdout
    );
    // And the index, too: then the changes after the Resource List are lost.
    rewrite("changelist.xml", &format!("from=\"{from}\""), "from=\"2999-01-01T00:00:00Z\"");
    let ran = source.run(&["check", &source.url()]);
    assert_eq!(ran.stdout.matches("warning changes-late (§12) ").count(), 1, "{}", ran.stdout);
    assert!(!ran.stdout.contains("part-times"), "{}", ran.stdout);
}

#[test]
fn the_check_compares_archives_with_what_they_lead_to() {
    let source = Source::new(&[]);
    let document = |md: &str, entries: &str| {
        format!(
            "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
             xmlns:rs='http://www.openarchives.org/rs/terms/'><rs:ln rel='up' href='{}'/>\
             <rs:md {md}/>{entries}</urlset>",
            source.server.url("capabilitylist.xml"),
        )
    };
    let (from, until) = ("from='2024-01-01T00:00:00Z'", "until='2024-02-01T00:00:00Z'");
    source.write("old.xml", &document(&format!("capability='changelist' {from} {until}"), ""));
    let archive = |until: &str| {
        let url = source.server.url("old.xml");
        let entry = format!("<url><loc>{url}</loc><rs:md {from} {until}/></url>");
        source.write("archive.xml", &document("capability='changelist-archive'", &entry));
        source.run(&["check", &source.server.url("archive.xml")])
    };
    let ran = archive(until);
    assert!(!ran.stdout.contains("part-times"), "{}", ran.stdout);
    let ran = archive("until='2024-03-01T00:00:00Z'");
    let told = "warning part-times (§12) until is 2024-02-01T00:00:00Z, and 2024-03-01T00:00:00Z";
    assert_eq!(ran.stdout.matches(told).count(), 1, "{}", ran.stdout);
}

#[test]
fn the_check_compares_packages_with_the_copies_of_their_manifests() {
    let source = Source::published();
    assert_eq!(source.publish(&["--dump"]).status, 0);
    let dump = source.site().join("resourcedump.xml");
    let text = fs::read_to_string(&dump).unwrap();
    let name = text.split("<loc>").nth(1).unwrap().split("</loc>").next().unwrap();
    let name = name.strip_prefix(&source.server.url("")).unwrap();
    let package = fs::File::open(source.site().join(name)).unwrap();
    let mut package = resync_core::dump::Package::open(package).unwrap();
    let manifest = resync_core::document::Document::collect(package.manifest().unwrap()).unwrap();
    let mut entries = String::new();
    for entry in &manifest.entries {
        let (loc, md) = (&entry.loc, &entry.md);
        let (path, length) = (md.path.as_ref().unwrap(), md.length.unwrap());
        let (hash, kind) = (md.hash.as_str(), md.media_type.as_ref().unwrap());
        entries += &format!(
            "<url><loc>{loc}</loc><rs:md path=\"{path}\" length=\"{length}\" hash=\"{hash}\" \
             type=\"{kind}\"/></url>"
        );
    }
    let at = manifest.head.md.at.as_ref().unwrap();
    let copy = format!(
        "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\"><rs:md \
         capability=\"resourcedump-manifest\" at=\"{at}\"/>{entries}</urlset>"
    );
    let link = "<rs:ln rel=\"contents\" href=\"{}\"/></url>";
    let link = link.replace("{}", &source.server.url("contents.xml"));
    fs::write(&dump, text.replace("</url>", &link)).unwrap();

    source.write("contents.xml", &copy);
    let ran = source.run(&["check", &source.url()]);
    assert!(!ran.stdout.contains("contents-differ"), "{}", ran.stdout);
    source.write("contents.xml", &copy.replacen("length=\"", "length=\"1", 1));
    let ran = source.run(&["check", &source.url()]);
    assert_eq!(ran.status, 4);
    assert_has(&ran.stdout, &["error   contents-differ (§11) ", "is listed otherwise in the copy"]);
}
