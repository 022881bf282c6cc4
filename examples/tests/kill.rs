//! A harvest that is killed again and again ends up with what an undisturbed one has.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{Ran, Repository, Server, harvester};

const RECORDS: usize = 20_000;
const PAGE: usize = 50;
const KILLS: usize = 60;
/// So many at the least, should the harvest be through before.
const FEWEST: usize = 50;

#[test]
fn a_harvest_survives_being_killed_at_any_moment() {
    let mut random = Random::new();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let delay = Duration::from_millis(4);
    let server = Repository { delay, ..Repository::of(RECORDS, PAGE) }.serve();

    let whole = harvest(folder, &server, "whole.db");
    assert_eq!(whole["records"], RECORDS);

    let mut kills = 0;
    while kills < KILLS {
        let mut child = harvester(folder)
            .args(["harvest", &server.url(), "--db", "sqlite:killed.db"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // A few pages on average, so that the kills are spread over the harvest; and then at any
        // moment of some pages more. What was fetched but not yet stored is fetched again.
        let last = server.count("ListRecords") + random.below(9);
        let begun = Instant::now();
        while server.count("ListRecords") < last && begun.elapsed() < Duration::from_secs(20) {
            sleep(Duration::from_micros(500));
        }
        sleep(Duration::from_micros(random.below(30_000) as u64));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= FEWEST, "the harvest was through after {kills} kills");
    let rest = harvest(folder, &server, "killed.db");
    assert_eq!(rest["resumed"], true);
    let fetched = rest["records"].as_u64().unwrap() as usize;
    eprintln!("{kills} kills left {fetched} of {RECORDS} records to be fetched");
    assert!(fetched < RECORDS, "what was stored before the kills was fetched again");

    assert_eq!(records(folder, "killed.db"), records(folder, "whole.db"));
    assert_eq!(rest["next_from"], whole["next_from"]);
    // And that is what the next run asks.
    let from: Vec<String> = ["whole.db", "killed.db"]
        .map(|db| {
            harvest(folder, &server, db);
            let asked = server.seen().pop().unwrap();
            asked.argument("from").to_owned()
        })
        .into();
    assert_eq!(whole["next_from"], *from[0]);
    assert_eq!(from[0], from[1]);
}

fn harvest(folder: &Path, server: &Server, db: &str) -> serde_json::Value {
    let db = format!("sqlite:{db}");
    Ran::of(harvester(folder).args(["harvest", &server.url(), "--json", "--db", &db])).json()
}

fn records(folder: &Path, db: &str) -> Vec<String> {
    let ran = Ran::of(harvester(folder).args(["records", "--db", &format!("sqlite:{db}")]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let records: Vec<_> = ran.stdout.lines().map(str::to_owned).collect();
    assert_eq!(records.len(), RECORDS);
    records
}

/// The same numbers each time (xorshift).
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
