//! Targets and an archive of payloads, from the command line.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::common::{Ran, Repository, harvester};
use crate::process::Site;

/// How many records all files in a folder have, one a line.
fn lines(folder: &Path) -> usize {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| fs::read_to_string(file.path()).unwrap().lines().count()).sum()
}

#[test]
fn what_is_harvested_is_delivered_and_delivered_again() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    let server = Repository::of(60, 25).serve();
    site.do_(&["source", "add", "maps", "--option", &format!("url={}", server.url())]);
    let options = ["--option", "path=delivered", "--option", "form=json-lines"];
    let add = ["target", "add", "index", "--kind", "folder", "--from", "maps"];
    site.do_(&[&add[..], &options].concat());
    let twice = site.run(&[&add[..], &options].concat());
    assert!(twice.status == 1 && twice.stderr.contains("target edit"), "{}", twice.stderr);

    let run = site.do_(&["run", "start", "maps", "--now", "--json"]).lines().remove(0);
    let delivered = folder.path().join("delivered");
    assert_eq!(lines(&delivered), 54, "every tenth is deleted");
    assert!(site.events(&run).contains(&("Delivered".into(), "to index: 54 new".into())));
    let shown = site.do_(&["target", "show", "index", "--json"]).json();
    assert_eq!(shown["standings"][0]["delivered"], json!(54), "{shown}");
    assert!(site.do_(&["target", "list"]).stdout.contains("index  folder  delivered  maps"));

    let asked = server.seen().len();
    site.do_(&["target", "deliver", "index", "--now"]);
    assert_eq!(lines(&delivered), 54, "nothing is owed");
    site.do_(&["target", "deliver", "index", "--again", "--now"]);
    assert_eq!(lines(&delivered), 108);
    assert_eq!(server.seen().len(), asked, "the source is not asked");

    let edited =
        site.do_(&["target", "edit", "index", "--all-sources", "--paused", "true", "--json"]);
    assert_eq!(edited.json()["paused"], json!(true));
    site.do_(&["target", "remove", "index"]);
    assert_eq!(site.do_(&["target", "list"]).stdout, "");
    assert_eq!(lines(&delivered), 108, "what it has stays there");
    assert!(site.do_(&["target", "kinds"]).stdout.contains("path (text)"));
    for (args, status, why) in [
        (&["target", "show", "index"][..], 1, "target list"),
        (&["target", "add", "x", "--kind", "pigeon"], 2, "http-post"),
        (&["target", "add", "x", "--option", "url=nonsense"], 2, "url"),
        (&["target", "add", "x", "--option", "url=http://x.org/", "--from", "no"], 1, "source no"),
    ] {
        let ran = site.run(args);
        assert_eq!(ran.status, status, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn metadata_in_an_archive_is_read_anew_without_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = Repository::of(30, 10).serve();
    let run = |archive: &str, args: &[&str]| {
        let mut command = harvester(folder.path());
        command.env("HARVESTER_PAYLOADS", archive).args(args).args(["--db", "sqlite:harvest.db"]);
        Ran::of(&mut command)
    };
    let archived = |args: &[&str]| {
        let ran = run("folder:payloads", args);
        assert_eq!(ran.status, 0, "{args:?}: {}{}", ran.stdout, ran.stderr);
        ran
    };
    let url = format!("url={}", server.url());
    archived(&["source", "add", "maps", "--option", &url, "--allow-local"]);
    archived(&["run", "start", "maps", "--now", "--allow-local"]);
    let folders = fs::read_dir(folder.path().join("payloads")).unwrap();
    assert!(folders.count() > 1, "payloads are kept by the beginning of their hash");
    let records = archived(&["records"]).lines();
    assert!(records.len() == 30 && records[7]["metadata"].is_string(), "{:?}", records[7]);
    let without = run("database", &["records"]);
    assert!(without.status == 1 && without.stderr.contains("payloads"), "{}", without.stderr);

    let asked = server.seen().len();
    let done = archived(&["run", "start", "maps", "--kind", "reprocess", "--now", "--json"]);
    assert_eq!(done.lines()[0]["counters"]["unchanged"], json!(27), "{}", done.stdout);
    assert_eq!(server.seen().len(), asked);
    assert_eq!(run("cellar", &["config", "check"]).status, 2);
}
