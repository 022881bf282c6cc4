//! A copy, or a publication, whose making is killed again and again ends up as an undisturbed one
//! does.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;
#[path = "resync_kill/dump.rs"]
mod dump;
#[allow(dead_code, reason = "a part of it is used here")]
#[path = "common/files.rs"]
mod files;
#[path = "resync_kill/publish.rs"]
mod publish;

use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use common::lists::{at, capability_list, entry, list};
use common::{Ran, Random, Source, differences, harvester, tree};
use resync_core::document::{Capability, Change, Entry, Head};
use serde_json::Value;
use tempfile::TempDir;

const RESOURCES: usize = 5_000;
const CHANGES: usize = 2_000;
/// How many resources are fetched at the same time.
const CONCURRENCY: usize = 8;
/// The time of the Resource List, in seconds since 1970.
const LISTED: i64 = 1_714_521_600;
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_baseline_survives_being_killed_at_any_moment() {
    const KILLS: usize = 50;
    let mut random = Random::new();
    let source = Source::start();
    resources(&source, RESOURCES, &mut random);
    let folder = quick_folder();
    let folder = folder.path();

    let expected = source.resources();
    kill(folder, &source, &["baseline"], KILLS, &mut random, |path, body| {
        expected.get(path).is_some_and(|it| **it == *body)
    });
    let again = source.again();
    let before = source.served();
    let rest = run(folder, &source, &["baseline"]);
    eprintln!(
        "{KILLS} kills: {again} resources fetched once more, {} left for the end",
        source.served() - before
    );
    assert!(again <= KILLS * CONCURRENCY, "{again} resources were fetched once more");
    assert!(source.again() <= KILLS * CONCURRENCY);
    assert_eq!((&rest["failed"], &rest["listed"]), (&Value::from(0), &Value::from(RESOURCES)));
    assert!(rest["created"].as_u64().unwrap() < RESOURCES as u64 / 2, "{rest}");
    assert_is_copy(folder, &source);

    // And nothing is left to be done.
    let before = source.served();
    let after = run(folder, &source, &["baseline", "--content"]);
    assert_eq!((&after["same"], source.served()), (&Value::from(RESOURCES), before), "{after}");
}

#[test]
fn no_change_is_lost_when_an_incremental_run_is_killed_at_any_moment() {
    const KILLS: usize = 25;
    let mut random = Random::new();
    let source = Source::start();
    resources(&source, RESOURCES, &mut random);
    let folder = quick_folder();
    let folder = folder.path();
    let first = run(folder, &source, &["baseline"]);
    assert_eq!(first["created"], RESOURCES);

    let old = source.resources();
    changes(&source, &mut random);
    let new = source.resources();
    let command = ["incremental", "--delete", "--max-delete", "100"];
    kill(folder, &source, &command, KILLS, &mut random, |path, body| {
        [&old, &new].iter().any(|all| all.get(path).is_some_and(|it| **it == *body))
    });
    let again = source.again();
    let before = source.served();
    let rest = run(folder, &source, &command);
    eprintln!(
        "{KILLS} kills: {again} resources fetched once more, {} left for the end",
        source.served() - before
    );
    assert!(source.again() <= KILLS * CONCURRENCY, "{again} resources were fetched once more");
    assert_eq!(rest["failed"], 0);
    assert_is_copy(folder, &source);

    let after = run(folder, &source, &command);
    assert_eq!((&after["listed"], &after["documents"]), (&Value::from(0), &Value::from(1)));
    let audit = run(folder, &source, &["audit", "--content"]);
    assert_eq!(audit["in_sync"], true, "{audit}");
}

/// Runs the command and kills it so many times, from the beginning until little is left to be done;
/// checks each time that whatever has its final name is whole.
fn kill(
    folder: &Path,
    source: &Source,
    command: &[&str],
    kills: usize,
    random: &mut Random,
    is_whole: impl Fn(&str, &[u8]) -> bool,
) {
    let mut looked_at = 0;
    for number in 0..kills {
        let (begun, left) = (source.served(), source.left());
        // The last two times all but one, which is what makes the list be done with.
        let most = left.saturating_sub(1);
        let more = match kills - number {
            1 | 2 => most,
            rest => random.below(2 * left / rest).min(most),
        };
        // It shall not come to its end, however late it is killed.
        source.stop_after(Some((more + CONCURRENCY).min(most)));
        let mut child = resync(folder, source, command)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // While it mends what the one before has left or reads the lists; or at any number of
        // resources: while these are fetched, or about when they are put in their places, a second
        // after the first of them came.
        if number % 8 != 3 {
            source.wait_for(begun + more, LONG);
        }
        sleep(Duration::from_micros(match number % 8 {
            3 => random.below(150_000),
            6 => 950_000 + random.below(150_000),
            _ => random.below(5_000),
        } as u64));
        assert!(child.try_wait().unwrap().is_none(), "it was done after {number} kills");
        child.kill().unwrap();
        child.wait().unwrap();
        source.stop_after(None);
        for (path, body) in &tree(folder) {
            assert!(is_whole(path, body), "{path} is not what the source has");
            looked_at += 1;
        }
    }
    assert!(looked_at > kills * 1_000, "only {looked_at} files were there to be looked at");
}

/// A folder in memory where there is such a thing: what is killed needs no disk to lose nothing.
fn quick_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    folder.unwrap()
}

fn resync(folder: &Path, source: &Source, command: &[&str]) -> std::process::Command {
    let mut run = harvester(folder);
    run.args(["resync", command[0], &source.url("capabilitylist.xml"), "."])
        .args(&command[1..])
        .args(["--concurrency", &CONCURRENCY.to_string()]);
    run
}

/// Runs the command to its end, and gives its summary.
fn run(folder: &Path, source: &Source, command: &[&str]) -> Value {
    let ran = Ran::of(resync(folder, source, command).arg("--json"));
    assert_eq!(ran.status, 0, "{command:?}: {}", ran.stderr);
    ran.lines().pop().unwrap()
}

/// Checks that the copy is as the source, and that nothing else is in it.
fn assert_is_copy(folder: &Path, source: &Source) {
    let resources = source.resources();
    let resources = resources.into_iter().map(|(name, body)| (name, body.to_vec())).collect();
    assert_eq!(differences(&tree(folder), &resources), [""; 0]);
}

/// Gives the source so many resources, and the lists that lead to them.
fn resources(source: &Source, number: usize, random: &mut Random) {
    let mut entries = Vec::new();
    for number in 0..number {
        let (name, body) = (format!("{:02}/{number:04}.bin", number % 37), body(random));
        entries.push(entry(source.url(&name), LISTED - 100_000 + number as i64, &body));
        source.put(name, body);
    }
    let mut head = Head::list(Capability::ResourceList);
    head.md.at = Some(at(LISTED));
    source.put_document("resourcelist.xml", list(&head, &entries));
    let capabilities = [
        (Capability::ResourceList, source.url("resourcelist.xml")),
        (Capability::ChangeList, source.url("changelist.xml")),
    ];
    source.put_document("capabilitylist.xml", capability_list(&capabilities));
}

/// Changes the source, and lists the changes, of which some are to the same resource.
fn changes(source: &Source, random: &mut Random) {
    let mut names: Vec<String> = source.resources().into_keys().collect();
    let mut entries = Vec::new();
    for number in 0..CHANGES {
        let time = LISTED + 1 + number as i64;
        let (name, change) = match random.below(4) {
            0 => (format!("new/{number:04}.bin"), Change::Created),
            1 => (names.swap_remove(random.below(names.len())), Change::Deleted),
            _ => (names[random.below(names.len())].clone(), Change::Updated),
        };
        let url = source.url(&name);
        let mut entry = if change == Change::Deleted {
            source.remove(&name);
            Entry::new(url)
        } else {
            let body = body(random);
            let entry = entry(url, time, &body);
            source.put(name.clone(), body);
            if change == Change::Created {
                names.push(name);
            }
            entry
        };
        entry.md.change = Some(change);
        entry.md.datetime = Some(at(time));
        entries.push(entry);
    }
    let mut head = Head::list(Capability::ChangeList);
    head.md.from = Some(at(LISTED));
    source.put_document("changelist.xml", list(&head, &entries));
    let all: Vec<_> = source
        .resources()
        .iter()
        .map(|(name, body)| entry(source.url(name), LISTED + CHANGES as i64 + 1, body))
        .collect();
    // For the audit; of the digests it is the same as the changes.
    let mut head = Head::list(Capability::ResourceList);
    head.md.at = Some(at(LISTED + CHANGES as i64 + 1));
    source.put_document("resourcelist.xml", list(&head, &all));
}

fn body(random: &mut Random) -> Vec<u8> {
    let length = 200 + random.below(2_801);
    (0..length).map(|_| random.below(256) as u8).collect()
}
