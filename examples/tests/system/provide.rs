//! What an installation harvested, given out again: checked, and harvested into another.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::common::{Ran, Repository, Serving, harvester};
use crate::process::{Process, Site, until};
use crate::support::Schema;

const RECORDS: usize = 120;

fn ran(folder: &Path, args: &[&str]) -> Ran {
    Ran::of(harvester(folder).env_remove("HARVESTER_CONFIG").args(args))
}

/// What a database holds, by identifier: the metadata, or none for tombstones.
fn held(folder: &Path, db: &str) -> BTreeMap<String, Value> {
    let records = ran(folder, &["records", "--db", db]);
    assert_eq!(records.status, 0, "{}", records.stderr);
    let records = records.lines().into_iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    records.map(|record| (text(&record["identifier"]), record["metadata"].clone())).collect()
}

/// Two sources, harvested, and the service that gives them out.
fn serving(site: &Site<'_>, config: &Path) -> (Process, String) {
    for source in ["maps", "prints"] {
        let server = Repository::of(RECORDS, 50).serve();
        let url = format!("url={}", server.url());
        site.do_(&["source", "add", source, "--option", &url]);
        site.do_(&["run", "start", source, "--now"]);
    }
    let config = config.to_str().unwrap();
    let mut process = site.start(&["serve", "--listen", "127.0.0.1:0", "--config", config]);
    let address = process.line().trim().to_owned();
    (process, address)
}

fn is_given_out_as_it_should_be(db: &str, documents: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = folder.join("harvester.toml");
    std::fs::write(
        &config,
        format!("[provide]\ndocuments = {documents:?}\nadmin = \"librarian@x.example.org\"\n"),
    )
    .unwrap();
    let site = Site { folder, db };
    let (process, address) = serving(&site, &config);

    for path in ["oai", "oai/maps"] {
        let checked = ran(folder, &["oai", "check", &format!("{address}{path}")]);
        assert_eq!(checked.status, 0, "{path}: {}{}", checked.stdout, checked.stderr);
        assert!(checked.stdout.contains(" 0 errors"), "{path}: {}", checked.stdout);
    }
    // Another installation has the same.
    let url = format!("{address}oai/maps");
    let again = ran(folder, &["harvest", &url, "--db", "sqlite:second.db", "--json"]);
    assert_eq!(again.status, 0, "{}", again.stderr);
    let first = site.do_(&["records", "--source", "maps"]).lines();
    let second = held(folder, "sqlite:second.db");
    assert_eq!((first.len(), second.len()), (RECORDS, RECORDS));
    for record in first {
        assert_eq!(second[record["identifier"].as_str().unwrap()], record["metadata"]);
    }
    let all = ran(folder, &["harvest", &format!("{address}oai"), "--db", "sqlite:all.db"]);
    assert_eq!(all.status, 0, "{}", all.stderr);
    assert_eq!(held(folder, "sqlite:all.db").len(), 2 * RECORDS);
    // Nothing new; then output is off, for other processes too, and on again.
    let list = |more: &[&str]| {
        let args = [&["oai", "identifiers", url.as_str()], more].concat();
        let listed = ran(folder, &args);
        assert_eq!(listed.status, 0, "{}", listed.stderr);
        listed.stdout.lines().count()
    };
    site.do_(&["source", "change", "maps", "--output", "off"]);
    assert_eq!(list(&[]), 0);
    let shown = site.do_(&["source", "show", "maps"]).stdout;
    assert!(shown.contains("off since"), "{shown}");
    let get = ["oai", "get", &url, second.keys().next().unwrap()];
    assert_eq!(ran(folder, &get).status, 0);
    site.do_(&["source", "change", "maps", "--output", "on"]);
    assert_eq!(list(&[]), RECORDS);
    // By ResourceSync it is the same.
    let check = |path: &str| ran(folder, &["resync", "check", &format!("{address}{path}")]);
    let checked = until(|| {
        let checked = check(".well-known/resourcesync");
        let has_both = ["maps", "prints"].map(|it| format!("resync/{it}/resourcelist.xml"));
        has_both.iter().all(|it| checked.stdout.contains(it)).then_some(checked)
    });
    assert_eq!(checked.status, 0, "{}{}", checked.stdout, checked.stderr);
    let copied =
        ran(folder, &["resync", "baseline", &format!("{address}resync/maps/"), "copy", "--json"]);
    assert_eq!(copied.status, 0, "{}", copied.stderr);
    drop(process);
    // And without a service.
    let folder_of = |name: &str| documents.join(name).display().to_string();
    let checked = Serving::start(folder, &[db, "--source", "maps"]);
    let checked = ran(folder, &["oai", "check", &checked.url]);
    assert_eq!(checked.status, 0, "{}{}", checked.stdout, checked.stderr);
    let serve = ["resync", "serve", db, "--source", "maps", "--documents", &folder_of("again")];
    let mut process =
        site.start_plain(&[&serve[..], &["--listen", "127.0.0.1:0", "--json"]].concat());
    let told: Value = serde_json::from_str(&process.line()).unwrap();
    let checked = ran(folder, &["resync", "check", told["description"].as_str().unwrap()]);
    assert_eq!(checked.status, 0, "{}{}", checked.stdout, checked.stderr);
}

#[test]
fn what_is_in_sqlite_is_given_out_as_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    is_given_out_as_it_should_be("sqlite:harvest.db", folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_postgresql_is_given_out_as_it_should_be() {
    let Some(schema) = Schema::new().await else { return };
    let folder = tempfile::tempdir().unwrap();
    is_given_out_as_it_should_be(&schema.url(), folder.path());
}
