//! Publishing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::Command;
use std::time::Instant;

use resync_core::document::{Document, Reader};
use resync_core::dump::Package;

use super::files::FileServer;
use super::*;

const FILES: usize = 400;

#[test]
fn what_is_published_is_whole_whenever_publishing_is_killed() {
    const KILLS: usize = 15;
    let mut random = Random::new();
    let folder = quick_folder();
    let site = folder.path().join("site");
    let server = FileServer::start(site.clone());
    let mut files = BTreeMap::new();
    change(&site, &mut files, FILES, &mut random);
    let begun = Instant::now();
    finish(publish(folder.path(), &server));
    let longest = usize::try_from(begun.elapsed().as_micros()).unwrap();
    let capabilities = server.url("capabilitylist.xml");
    let mirror = |mode: &str, more: &[&str]| {
        let mut command = harvester(folder.path());
        command.args(["resync", mode, &capabilities, "copy"]).args(more).arg("--json");
        finish(command)
    };
    mirror("baseline", &[]);

    let (mut killed, mut run_number) = (0, 0);
    while killed < KILLS {
        run_number += 1;
        assert!(run_number < 10 * KILLS, "only {killed} of {run_number} runs could be killed");
        change(&site, &mut files, 10, &mut random);
        let mut child = publish(folder.path(), &server)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Most of them at the end, when everything is put in its place.
        let late = if run_number % 4 == 0 { 0 } else { longest / 2 };
        sleep(Duration::from_micros((late + random.below(longest - late)) as u64));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_leads_nowhere_wrong(&site, &server);
    }

    finish(publish(folder.path(), &server));
    assert_leads_nowhere_wrong(&site, &server);
    let left_over = fs::read_dir(&site).unwrap().map(|it| it.unwrap().file_name());
    let left_over = left_over.filter(|name| name.to_string_lossy().starts_with(".resync-tmp-"));
    assert_eq!(left_over.count(), 0);
    // Whoever followed from the beginning has missed nothing, and whoever begins now has it all.
    let followed = mirror("incremental", &["--delete", "--max-delete", "100"]);
    assert_eq!(followed["failed"], 0, "{followed}");
    assert_eq!(differences(&tree(&folder.path().join("copy")), &files), [""; 0]);
    let audit = mirror("audit", &["--content"]);
    assert_eq!(audit["in_sync"], true, "{audit}");
    fs::remove_dir_all(folder.path().join("copy")).unwrap();
    mirror("baseline", &[]);
    assert_eq!(differences(&tree(&folder.path().join("copy")), &files), [""; 0]);
}

fn publish(folder: &Path, server: &FileServer) -> Command {
    let mut command = harvester(folder);
    let base = server.url("");
    command.args(["resync", "publish", "site", "--base-url", &base, "--dump", "--json"]);
    command
}

/// Runs a command to its end, and gives its summary.
fn finish(mut command: Command) -> Value {
    let ran = Ran::of(&mut command);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    ran.lines().pop().unwrap()
}

/// Writes so many files, some of them anew, and removes some.
fn change(site: &Path, files: &mut BTreeMap<String, Vec<u8>>, number: usize, random: &mut Random) {
    for _ in 0..number {
        let name = format!("{:02}/{:04}.bin", random.below(10), random.below(FILES));
        let path = site.join(&name);
        if files.contains_key(&name) && random.below(3) == 0 {
            fs::remove_file(path).unwrap();
            files.remove(&name);
            continue;
        }
        let body = body(random);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &body).unwrap();
        files.insert(name, body);
    }
}

/// Checks that every document is whole, and whatever it leads to is there and whole.
fn assert_leads_nowhere_wrong(site: &Path, server: &FileServer) {
    let mut pending = vec![".well-known/resourcesync".to_owned()];
    let mut seen = 0;
    while let Some(name) = pending.pop() {
        seen += 1;
        let file = File::open(site.join(&name)).unwrap_or_else(|why| panic!("{name}: {why}"));
        if name.ends_with(".zip") {
            let mut package = Package::open(file).unwrap_or_else(|why| panic!("{name}: {why}"));
            Document::collect(package.manifest().unwrap()).unwrap();
            continue;
        }
        let document = Document::collect(Reader::new(file));
        let document = document.unwrap_or_else(|why| panic!("{name}: {why}"));
        let head = document.head;
        let leads_to_resources = !head.is_index()
            && matches!(head.capability(), Some(Capability::ResourceList | Capability::ChangeList));
        if !leads_to_resources {
            let base = server.url("");
            let names = document.entries.iter().map(|it| it.loc.strip_prefix(&base).unwrap());
            pending.extend(names.map(str::to_owned));
        }
    }
    assert!(seen >= 7, "only {seen} documents and packages");
}
