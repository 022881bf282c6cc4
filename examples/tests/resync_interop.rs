//! Works together with the reference implementation of ResourceSync, if that is installed:
//! `third_party/install.sh` does that.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "these are tests")]

mod common;
#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "common/files.rs"]
mod files;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use common::lists::{at, entry, list};
use common::{Ran, Random, Source, differences, harvester, tree};
use files::FileServer;
use resync_core::document::{Capability, Datetime, Entry, Head};
use serde_json::{Value, json};

/// In seconds since 1970.
const LISTED: i64 = 1_714_521_600;

#[test]
fn the_reference_client_copies_and_follows_what_we_publish() {
    let Some(reference) = Reference::find() else { return };
    let work = tempfile::tempdir().unwrap();
    let (source, copy) = (work.path().join("source"), work.path().join("copy"));
    let server = FileServer::start(&source);
    let site = server.url("");
    let site = site.trim_end_matches('/');
    for number in 0..60 {
        write(&source, &format!("{}/file {number}.txt", number % 7), &format!("No. {number}\n"));
    }
    write(&source, "žluťoučký/kůň & spol.xml", "<kůň/>");
    write(&source, "leer", "");
    let publish = || {
        Ran::of(harvester(work.path()).args(["resync", "publish", "source"]).args([
            "--json",
            "--base-url",
            site,
        ]))
        .json()
    };
    let published = publish();
    assert_eq!(published["created"], 62);

    let mapping = format!("{site}={}", copy.display());
    let list = server.url("resourcelist.xml");
    let said = reference.sync(work.path(), &["--baseline", "--sitemap", &list, &mapping]);
    assert!(said.contains("SYNCED (same=0, created=62, updated=0, deleted=0)"), "{said}");
    assert_eq!(differences(&resources(&source), &decoded(&copy)), [""; 0]);
    let said = reference.sync(work.path(), &["--audit", "--sitemap", &list, &mapping]);
    assert!(said.contains("IN SYNC (same=62"), "{said}");

    // It also finds the list by itself.
    let other = format!("{site}={}", work.path().join("other").display());
    let said = reference.sync(work.path(), &["--baseline", &other]);
    assert!(said.contains("created=62"), "{said}");

    // It reads no indexes of Change Lists, and needs none.
    let changes = server.url("changelist.xml");
    let from = published["at"].as_str().unwrap();
    for round in 0..3 {
        for number in 0..5 {
            let name = format!("{}/file {}.txt", (round * 5 + number) % 7, round * 5 + number);
            match number {
                0 | 1 => fs::remove_file(source.join(&name)).unwrap(),
                _ => write(&source, &name, &format!("changed in round {round}\n")),
            }
            write(&source, &format!("new/{round}-{number}"), "new");
        }
        let again = publish();
        assert_eq!(
            (&again["created"], &again["updated"], &again["deleted"]),
            (&json!(5), &json!(3), &json!(2))
        );
        let incremental = ["--incremental", "--delete", "--changelist-uri", &changes];
        let incremental = [&incremental[..], &["--from", from, &mapping]].concat();
        let said = reference.sync(work.path(), &incremental);
        assert!(said.contains("Will apply"), "{said}");
        assert_eq!(differences(&resources(&source), &decoded(&copy)), [""; 0], "round {round}");
    }
}

#[test]
fn we_copy_check_and_follow_what_the_reference_implementation_lists() {
    let Some(reference) = Reference::find() else { return };
    let work = tempfile::tempdir().unwrap();
    let work = work.path();
    let (site, copy) = (work.join("site"), work.join("copy"));
    let data = site.join("data");
    let server = FileServer::start(&site);
    for number in 0..50 {
        let name = format!("{}/file-{number}.txt", number % 6);
        write(&data, &name, &format!("No. {number}\n"));
        let file = fs::File::options().append(true).open(data.join(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(LISTED as u64)).unwrap();
    }
    let mapping = format!("{}={}", server.url("data"), data.display());
    let build = |arguments: &[&str]| {
        let hash = ["--hash", "sha-256", &mapping];
        reference.run("resync-build", work, &[arguments, &hash].concat());
    };
    build(&["--write-resourcelist", "--outfile", "site/resourcelist.xml"]);
    let capabilities = format!("resourcelist={}", server.url("resourcelist.xml"));
    let arguments = ["--write-capabilitylist", &capabilities, "--outfile", "site/capabilities.xml"];
    reference.run("resync-build", work, &arguments);
    fs::create_dir(site.join(".well-known")).unwrap();
    let capabilities = server.url("capabilities.xml");
    let description = "site/.well-known/resourcesync";
    let arguments = ["--write-sourcedescription", &capabilities, "--outfile", description];
    reference.run("resync-build", work, &arguments);
    fs::copy(site.join("resourcelist.xml"), work.join("before.xml")).unwrap();
    let base = server.url("data/");
    let resync = |mode: &str, list: &str, more: &[&str]| {
        let mut command = harvester(work);
        command.args(["resync", mode, &server.url(list), "copy", "--json", "--base-url", &base]);
        let ran = Ran::of(command.args(more));
        (ran.status, ran.lines().pop().unwrap_or_else(|| panic!("{}", ran.stderr)))
    };

    // From the site to its list.
    let (status, first) = resync("baseline", "", &[]);
    assert_eq!((status, &first["created"], &first["proven"]), (0, &json!(50), &json!(50)));
    assert_eq!(differences(&tree(&data), &tree(&copy)), [""; 0]);
    for more in [&[][..], &["--content"]] {
        let (status, audit) = resync("audit", "resourcelist.xml", more);
        assert_eq!((status, &audit["same"]), (0, &json!(50)), "{audit}");
    }

    // Something is changed here.
    write(&copy, "0/file-0.txt", "No. 0 of 50\n");
    let (status, audit) = resync("audit", "resourcelist.xml", &["--content"]);
    assert_eq!((status, &audit["different"]), (4, &json!(1)), "{audit}");
    let (status, again) = resync("baseline", "resourcelist.xml", &["--content"]);
    assert_eq!((status, differences(&tree(&data), &tree(&copy))), (0, vec![]), "{again}");

    // And there, twice. Changes are listed in no order and without their times; a list of them has
    // no beginning; each is a new one.
    for round in 0..2 {
        for number in 0..4 {
            let name = format!("{}/file-{}.txt", (round * 4 + number) % 6, round * 4 + number);
            match number {
                0 => fs::remove_file(data.join(&name)).unwrap(),
                _ => {
                    write(&data, &name, &format!("changed in round {round}, with another length\n"))
                }
            }
        }
        if round == 0 {
            write(&data, "new/file.txt", "new");
        }
        build(&["--write-resourcelist", "--outfile", "site/resourcelist.xml"]);
        let changes = ["--write-changelist", "--reference", "before.xml"];
        build(&[&changes[..], &["--outfile", "site/changelist.xml"]].concat());
        fs::copy(site.join("resourcelist.xml"), work.join("before.xml")).unwrap();
        let different = 5 - round;
        let (status, audit) = resync("audit", "resourcelist.xml", &[]);
        assert_eq!((status, &audit["different"]), (4, &json!(different)), "{audit}");

        let (status, done) = resync("incremental", "changelist.xml", &["--delete"]);
        assert_eq!((status, &done["listed"]), (0, &json!(different)), "{done}");
        assert_eq!(
            (&done["created"], &done["updated"], &done["deleted"]),
            (&json!(1 - round), &json!(3), &json!(1))
        );
        assert_eq!(differences(&tree(&data), &tree(&copy)), [""; 0]);
        let (status, audit) = resync("audit", "resourcelist.xml", &["--content"]);
        assert_eq!((status, &audit["in_sync"]), (0, &json!(true)), "{audit}");
        // What is complete does not become less so by an old change.
        let until =
            [&first, &done].map(|it| Datetime::read(it["complete_until"].as_str().unwrap()));
        let until = until.map(|it| it.unwrap().timestamp());
        assert!(until[0] <= until[1], "{until:?}");
    }
}

#[test]
fn we_decide_as_the_reference_client_does() {
    const CASES: usize = 150;
    let Some(reference) = Reference::find() else { return };
    let work = tempfile::tempdir().unwrap();
    let work = work.path();
    let source = Source::start();
    let cases: Vec<_> = {
        let mut random = Random::new();
        (0..CASES).map(|number| Case::new(number, &mut random)).collect()
    };
    let decide = |case: &Case| case.ours(work, &source);
    // On two threads, as most of the time is spent waiting.
    let (one, two) = cases.split_at(CASES / 2);
    let ours: Vec<Value> = std::thread::scope(|scope| {
        let two = scope.spawn(|| two.iter().map(decide).collect::<Vec<_>>());
        let mut all: Vec<_> = one.iter().map(decide).collect();
        all.extend(two.join().unwrap());
        all
    });
    let questions: Vec<_> = cases.iter().map(|case| case.question(work, &source)).collect();
    let theirs = reference.audit(&questions);

    let mut sums = [0; 4];
    for ((case, ours), theirs) in cases.iter().zip(&ours).zip(&theirs) {
        let [one, two] = [ours, theirs].map(|it| {
            ["same", "created", "updated", "deleted"].map(|name| it[name].as_u64().unwrap())
        });
        if case.is_touched {
            // To us, a file that is known and was removed is not a new one.
            let sum = |it: [u64; 4]| (it[0], it[1] + it[2], it[3]);
            assert_eq!(sum(one), sum(two), "{case:#?}");
        } else {
            assert_eq!(one, two, "same, created, updated, deleted of {case:#?}");
        }
        sums.iter_mut().zip(two).for_each(|(sum, n)| *sum += n);
    }
    eprintln!("{CASES} cases: same, created, updated, deleted: {sums:?}");
    assert!(sums.iter().all(|sum| *sum > 30), "{sums:?}");
}

#[test]
fn where_the_reference_client_is_wrong_we_are_right() {
    let Some(reference) = Reference::find() else { return };
    let work = tempfile::tempdir().unwrap();
    let source = Source::start();
    let file = |name, modified, content: &str| File { name, modified, content: content.to_owned() };
    let case = |number, lastmod, second| Case {
        number,
        has_hash: true,
        has_length: true,
        lastmod,
        old: vec![file(1, LISTED, "one"), file(2, LISTED, "two")],
        new: vec![file(1, LISTED, "one"), second],
        is_touched: false,
        removed: None,
        edited: None,
    };
    let two = file(2, LISTED, "two");
    // What is the same of the two resources, to us and to the reference client.
    let cases = [
        // Of the digests, it leaves out just those that the source lists: other content of the same
        // length and time, and the same content at another time.
        (case(0, Lastmod::Utc, file(2, LISTED, "six")), [1, 2]),
        (case(1, Lastmod::Utc, file(2, LISTED + 9, "two")), [2, 1]),
        // It adds the offset of a time zone where it is to be subtracted.
        (case(2, Lastmod::East, two.clone()), [2, 0]),
        // What has no time is never the same.
        (case(3, Lastmod::Missing, two), [2, 0]),
    ];
    let ours = cases.iter().map(|(case, _)| case.ours(work.path(), &source)).collect::<Vec<_>>();
    let mut questions: Vec<_> =
        cases.iter().map(|(case, _)| case.question(work.path(), &source)).collect();
    questions.iter_mut().for_each(|it| it["hashes"] = json!(["sha-256"]));
    let theirs = reference.audit(&questions);
    for (((case, same), ours), theirs) in cases.iter().zip(ours).zip(theirs) {
        assert_eq!([&ours["same"], &theirs["same"]], *same, "{case:#?}");
        assert_eq!([&ours["updated"], &theirs["updated"]], same.map(|it| 2 - it), "{case:#?}");
    }
}

/// A source at two times, and what happened to the copy in between.
#[derive(Debug)]
struct Case {
    number: usize,
    has_hash: bool,
    has_length: bool,
    lastmod: Lastmod,
    old: Vec<File>,
    new: Vec<File>,
    /// Somebody else was at the copy.
    is_touched: bool,
    removed: Option<usize>,
    edited: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Lastmod {
    Utc,
    /// Two hours east of it.
    East,
    Missing,
}

#[derive(Clone, Debug)]
struct File {
    name: usize,
    modified: i64,
    content: String,
}

impl Case {
    fn new(number: usize, random: &mut Random) -> Self {
        let (has_hash, has_length) = (random.below(2) == 0, random.below(4) > 0);
        let text =
            |random: &mut Random| "x".repeat(random.below(4)) + &random.below(99).to_string();
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for name in 0..1 + random.below(12) {
            let mut file = File {
                name,
                modified: LISTED + random.below(1_000_000) as i64,
                content: text(random),
            };
            let kind = random.below(10);
            if kind > 1 {
                old.push(file.clone());
            }
            match kind {
                // Gone, or not there before, or as it was.
                2 | 3 => continue,
                0 | 1 | 4 | 5 => {}
                // Another time, back or forth.
                6 => {
                    file.modified += [-7200, -2, 2, 3600, 86_400][random.below(5)];
                    // Where there is a digest, it tells that it is the same.
                    file.content += if has_hash { "y" } else { "" };
                }
                // Another length, at the same time. Without length or digest nobody can tell.
                7 if has_hash || has_length => {
                    file.content += "z";
                    // The reference client does not look at digests.
                    file.modified += i64::from(!has_length) * 2;
                }
                _ => {
                    file.content = text(random) + "other";
                    file.modified += 2 + random.below(100) as i64;
                }
            }
            new.push(file);
        }
        if new.is_empty() {
            // The reference client refuses empty lists.
            new.push(File { name: 99, modified: LISTED, content: String::new() });
        }
        // What the source has deleted is known to us, whether or not its file is there.
        let mut both = old.iter().map(|file| file.name).collect::<Vec<_>>();
        both.retain(|name| new.iter().any(|file| file.name == *name));
        let is_touched = random.below(3) == 0 && !both.is_empty();
        let mut pick = || is_touched.then(|| both[random.below(both.len())]);
        let (removed, edited) = (pick(), pick());
        let lastmod = Lastmod::Utc;
        Self { number, has_hash, has_length, lastmod, old, new, is_touched, removed, edited }
    }

    /// Copies the source as it was, and asks what is to be done about how it is now.
    fn ours(&self, work: &Path, source: &Source) -> Value {
        let url = self.serve(source, &self.old);
        let copy = self.copy(work);
        let folder = copy.to_str().unwrap();
        let baseline = |more: &[&str]| {
            let mut command = harvester(work);
            command.args(["resync", "baseline", &url, folder, "--json"]);
            let ran = Ran::of(command.args(more));
            assert_eq!(ran.status, 0, "{self:#?}: {}", ran.stderr);
            ran.lines().pop().unwrap()
        };
        let first = baseline(&[]);
        assert_eq!(first["created"], self.old.len());
        if let Some(name) = self.edited {
            write(&copy, &format!("file{name}"), "edited, and longer than all others");
        }
        if let Some(name) = self.removed {
            fs::remove_file(copy.join(format!("file{name}"))).unwrap();
        }
        self.serve(source, &self.new);
        fs::write(work.join(format!("{}.xml", self.number)), self.list(source, &self.new)).unwrap();
        let more = ["--dry-run", "--delete", "--max-delete", "100"];
        let before = tree(&copy);
        let decided = match self.is_touched {
            true => baseline(&[&more[..], &["--content"]].concat()),
            false => baseline(&more),
        };
        assert_eq!(differences(&before, &tree(&copy)), [""; 0], "{self:#?}");
        // The reference client would take it for resources.
        fs::remove_dir_all(copy.join(".resync")).unwrap();
        decided
    }

    /// What the reference client is asked.
    fn question(&self, work: &Path, source: &Source) -> Value {
        json!({
            "list": work.join(format!("{}.xml", self.number)),
            "uri": source.url(&self.number.to_string()),
            "folder": self.copy(work),
            "hashes": [],
        })
    }

    fn copy(&self, work: &Path) -> PathBuf {
        work.join(format!("copy{}", self.number))
    }

    fn serve(&self, source: &Source, files: &[File]) -> String {
        let name = format!("{}/list.xml", self.number);
        source.put_document(&name, self.list(source, files));
        for file in files {
            source.put(self.name(file), file.content.clone().into_bytes());
        }
        source.url(&name)
    }

    fn name(&self, file: &File) -> String {
        format!("{}/file{}", self.number, file.name)
    }

    fn list(&self, source: &Source, files: &[File]) -> String {
        let entries: Vec<Entry<'_>> = files
            .iter()
            .map(|file| {
                let url = source.url(&self.name(file));
                let mut entry = entry(url, file.modified, file.content.as_bytes());
                entry.md.length = entry.md.length.filter(|_| self.has_length);
                entry.lastmod = match self.lastmod {
                    Lastmod::Utc => entry.lastmod,
                    Lastmod::East => {
                        let time = at(file.modified + 7200).to_string().replace('Z', "+02:00");
                        Datetime::read(&time)
                    }
                    Lastmod::Missing => None,
                };
                if !self.has_hash {
                    entry.md.hash = Default::default();
                }
                entry
            })
            .collect();
        let mut head = Head::list(Capability::ResourceList);
        head.md.at = Some(at(LISTED + 2_000_000));
        list(&head, &entries)
    }
}

/// The reference implementation.
struct Reference {
    programs: PathBuf,
}

impl Reference {
    fn find() -> Option<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let programs = root.join(".venv/bin");
        if !programs.join("resync-sync").exists() {
            // Not `eprintln!`, which is not shown when a test passes.
            let _ = std::io::stderr().write_all(
                b"SKIPPED: the reference implementation of ResourceSync is not installed; \
                  examples/tests/third_party/install.sh installs it\n",
            );
            return None;
        }
        Some(Self { programs })
    }

    /// What the client says; that it ends well does not mean that it did something.
    fn sync(&self, work: &Path, arguments: &[&str]) -> String {
        let said = self.run("resync-sync", work, arguments);
        assert!(!said.contains("Error"), "{said}");
        said
    }

    fn run(&self, program: &str, work: &Path, arguments: &[&str]) -> String {
        let ran = Command::new(self.programs.join(program))
            .args(arguments)
            .current_dir(work)
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        let ran = Ran::from(ran);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran.stdout + &ran.stderr
    }

    /// What the client would do in each of these cases.
    fn audit(&self, questions: &[Value]) -> Vec<Value> {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/third_party");
        let mut child = Command::new(self.programs.join("python"))
            .arg(here.join("resync_audit.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: String = questions.iter().map(|it| format!("{it}\n")).collect();
        let mut input = child.stdin.take().unwrap();
        // What is answered in the meantime may fill the pipe.
        let asking = std::thread::spawn(move || drop(input.write_all(lines.as_bytes())));
        let ran = Ran::from(child.wait_with_output().unwrap());
        asking.join().unwrap();
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let answers = ran.lines();
        assert_eq!(answers.len(), questions.len(), "{}", ran.stderr);
        answers
    }
}

/// What is in a folder that is published, without the documents.
fn resources(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = tree(folder);
    files.retain(|name, _| name.contains('/') || !name.ends_with(".xml"));
    files
}

/// A copy by the reference client, which names files as they are spelled in addresses.
fn decoded(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    tree(folder).into_iter().map(|(name, body)| (files::decoded(&name).unwrap(), body)).collect()
}

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}
