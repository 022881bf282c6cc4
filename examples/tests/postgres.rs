//! The commands that take `--db`, on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;
#[path = "../../harvest-pipeline/tests/support/postgres.rs"]
mod support;

use common::{Ran, Repository, harvester};

use self::support::Schema;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_harvested_into_postgresql_is_printed_and_found() {
    let Some(schema) = Schema::new().await else { return };
    let server = Repository::of(250, 100).serve();
    let folder = tempfile::tempdir().unwrap();
    let url = schema.url();
    let run = |args: &[&str]| Ran::of(harvester(folder.path()).args(args).args(["--db", &url]));

    let nothing = run(&["records"]);
    assert_eq!(nothing.status, 1);
    assert!(nothing.stderr.contains("there is no catalogue"), "{}", nothing.stderr);
    let dry = run(&["harvest", &server.url(), "--dry-run"]);
    assert_eq!(dry.status, 0, "{}", dry.stderr);
    assert_eq!(run(&["records"]).status, 1, "a dry run leaves nothing behind");

    for _ in 0..2 {
        let ran = run(&["harvest", &server.url()]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_eq!(run(&["records"]).stdout.lines().count(), 250);
    }
    let found = run(&["records", "--search", "žluťoučký 光", "--live"]).stdout.lines().count();
    let live = run(&["records", "--live"]).stdout.lines().count();
    assert!(live < 250 && found == live, "{found} of {live}");
    drop(schema);
}
