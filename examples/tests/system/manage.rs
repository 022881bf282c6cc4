//! Sources, runs and filter sets from the command line, over SQLite and PostgreSQL.

use serde_json::{Value, json};

use crate::common::{Repository, harvester};
use crate::process::Site;
use crate::support::Schema;

#[test]
fn sources_runs_and_filter_sets_are_managed_over_sqlite() {
    manage("sqlite:harvest.db");
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_runs_and_filter_sets_are_managed_over_postgresql() {
    let Some(schema) = Schema::new().await else { return };
    manage(&schema.url());
    drop(schema);
}

fn manage(db: &str) {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db };
    let server = Repository { broken: Some(7), ..Repository::of(60, 25) }.serve();
    let url = format!("url={}", server.url());

    // A source is set up, shown, changed, and cannot be set up twice.
    site.do_(&["source", "add", "maps", "--option", &url, "--title", "Maps", "--every", "2 weeks"]);
    let twice = site.run(&["source", "add", "copy", "--option", &url]);
    assert_eq!(twice.status, 1);
    assert!(twice.stderr.contains("maps has the same kind and options"), "{}", twice.stderr);
    let changed = ["source", "change", "maps", "--option", "set=thirds", "--absent-after", "0"];
    site.do_(&changed);
    let shown = site.do_(&["source", "show", "maps", "--json"]).json();
    let definition = &shown["definition"];
    assert_eq!(
        (&definition["title"], &definition["options"]["set"]),
        (&json!("Maps"), &json!("thirds"))
    );
    assert_eq!(
        definition["schedule"]["rhythm"],
        json!({"kind": "every", "count": 2, "unit": "weeks"})
    );
    assert_eq!(definition["policies"]["deletions"]["absent_after"], Value::Null);
    site.do_(&["source", "change", "maps", "--option", "set="]);

    // A filter set; one that a source uses stays.
    let condition = ["--where", "@identifier not ends-with :3"];
    site.do_(&[&["filter-set", "add", "most"], &condition[..]].concat());
    site.do_(&["source", "change", "maps", "--filter-set", "most"]);
    let used = site.run(&["filter-set", "remove", "most"]);
    assert!(used.status == 1 && used.stderr.contains("maps"), "{}", used.stderr);
    let set = site.do_(&["filter-set", "show", "most"]).stdout;
    std::fs::write(folder.path().join("set.json"), set.replace("most", "other")).unwrap();
    site.do_(&["filter-set", "add", "--file", "set.json"]);
    assert_eq!(site.do_(&["filter-set", "list", "--json"]).lines().len(), 2);
    site.do_(&["filter-set", "remove", "other"]);

    // A run is asked for once, cancelled while it waits, and done by this process.
    let queued = site.do_(&["run", "start", "maps", "--json"]).json();
    assert_eq!((&queued["state"], &queued["id"]), (&json!("queued"), &json!(1)));
    let again = site.do_(&["run", "start", "maps"]);
    assert!(again.stderr.contains("run 1 already"), "{}", again.stderr);
    let cancelled = site.do_(&["run", "cancel", "1", "--json"]).json();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(site.run(&["run", "pause", "1"]).status, 1);

    let done = site.run(&["run", "start", "maps", "--now", "--json"]);
    assert_eq!(done.status, 3, "a record is broken: {}", done.stderr);
    let run: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        (&run["state"], &run["counters"]["failed"]),
        (&json!("succeeded-with-errors"), &json!(1))
    );
    let records = site.do_(&["records"]);
    assert!(!records.stdout.contains("\"oai:x:3\"") && records.stdout.contains("\"oai:x:4\""));
    let text = site.do_(&["run", "show", &run["id"].to_string()]).stdout;
    assert!(text.contains("RecordFailed") && text.contains("oai:x:7"), "{text}");

    // What is queued is done without naming it (C-005), and whoever waits is told.
    site.do_(&["run", "start", "maps", "--kind", "audit"]);
    site.run(&["run", "start", "--now"]);
    let waited = site.run(&["run", "wait", "3"]);
    assert!(waited.stdout.contains("audit"), "{}{}", waited.stdout, waited.stderr);

    // A source that was harvested is archived, not removed.
    for (command, status) in [("pause", "paused"), ("resume", "active"), ("archive", "archived")] {
        let entry = site.do_(&["source", command, "maps", "--json"]).json();
        assert_eq!(entry["definition"]["status"], status);
    }
    assert_eq!(site.run(&["source", "remove", "maps"]).status, 1);
    assert_eq!(site.do_(&["source", "list"]).stdout, "");
    site.do_(&["source", "add", "draft", "--draft", "--option", &url]);
    assert_eq!(site.run(&["run", "start", "draft"]).status, 1);
    site.do_(&["source", "remove", "draft"]);
    what_was_done_is_in_the_audit_log(&site);
}

fn what_was_done_is_in_the_audit_log(site: &Site<'_>) {
    site.do_(&["user", "add", "vera", "--role", "site-contact", "--site", "gce"]);
    site.do_(&["user", "lock", "vera"]);
    site.do_(&["user", "remove", "vera"]);
    let log = site.do_(&["user", "log", "--json", "--lines", "500"]).lines();
    let deeds: Vec<_> = log.iter().rev().map(|entry| &entry["deed"]).collect();
    for deed in &deeds {
        assert_eq!((&deed["who"], &deed["address"]), (&json!("clerk"), &json!("command line")));
    }
    let text = |deed: &Value, name: &str| deed[name].as_str().unwrap().to_owned();
    let done: Vec<_> = deeds
        .iter()
        .map(|deed| format!("{} {}", text(deed, "what"), text(deed, "about")))
        .collect();
    assert_eq!(
        done,
        [
            "source.create maps",
            "source.change maps",
            "source.change maps",
            "filter-set.create most",
            "source.change maps",
            "filter-set.create other",
            "filter-set.delete other",
            "run.harvest maps",
            "run.cancel 1",
            "run.harvest maps",
            "run.audit maps",
            "source.paused maps",
            "source.active maps",
            "source.archived maps",
            "source.create draft",
            "source.delete draft",
            "user.create vera",
            "user.lock vera",
            "user.delete vera",
        ]
    );
}

#[test]
fn what_makes_no_sense_is_refused_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    for (args, status, why) in [
        (&["source", "add", "a", "--option", "urll=http://x.org/"][..], 2, "url"),
        (&["source", "add", "a", "--option", "url=nonsense"], 2, "url"),
        (&["source", "add", "a"], 2, "url"),
        (&["source", "add", "a", "--kind", "z3950"], 2, "oai-pmh"),
        (&["source", "add", "a", "--option", "url=http://x.org/", "--cron", "never"], 2, "never"),
        (&["source", "show", "a"], 1, "source list"),
        (&["run", "start"], 2, "SOURCE"),
        (&["run", "start", "a"], 1, "source a"),
        (&["run", "show", "7"], 1, "run 7"),
        (&["filter-set", "add", "x"], 2, "expression"),
    ] {
        let ran = site.run(args);
        assert_eq!(ran.status, status, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_source_on_the_local_network_is_harvested_only_where_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Repository::of(20, 10).serve();
    let url = format!("url={}", server.url());
    let site = Site { folder: folder.path(), db: "sqlite:harvest.db" };
    site.do_(&["source", "add", "near", "--option", &url]);
    let run = |hosts: &str| {
        let mut command = harvester(folder.path());
        command.env("HARVESTER_NETWORK_LOCAL_HOSTS", hosts);
        command.args(["run", "start", "near", "--now", "--db", site.db]);
        crate::common::Ran::of(&mut command)
    };
    let refused = run("");
    assert_eq!((refused.status, server.seen().len()), (1, 0), "{}", refused.stdout);
    assert!(refused.stdout.contains("local network"), "{}", refused.stdout);
    assert_eq!(site.run(&["status"]).status, 1);
    assert_eq!(run("10.0.0.1, 127.0.0.1").status, 0);
    assert_eq!(site.do_(&["status"]).stdout, "Sources: 1 active\n");
}

#[test]
fn the_settings_of_all_roles_are_checked_and_shown_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let check = |file: &str| {
        std::fs::write(folder.path().join("h.toml"), file).unwrap();
        let mut command = harvester(folder.path());
        crate::common::Ran::of(command.args(["config", "check", "--config", "h.toml"]))
    };
    let good =
        check("[worker]\nconcurrency = 2\n[mail]\nserver = \"localhost\"\npassword = \"s3cret\"\n");
    assert_eq!(good.status, 0, "{}", good.stderr);
    for section in ["[web]", "[login]", "[network]", "[worker]", "[scheduler]", "[mail]"] {
        assert!(good.stdout.contains(section), "{}", good.stdout);
    }
    assert!(good.stdout.contains("concurrency = 2") && !good.stdout.contains("s3cret"));
    let bad = check("[mail]\nserver = \"localhost\"\nfrom = \"nobody\"\n");
    assert!(bad.status == 2 && bad.stderr.contains("nobody"), "{}", bad.stderr);
}
