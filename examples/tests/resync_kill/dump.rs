//! A baseline from packages.

use std::io::Cursor;
use std::time::Instant;

use resync_core::dump::PackageWriter;

use super::*;

/// Of which each has its place in one of the packages.
const PACKED: usize = 1_500;
const PACKAGES: usize = 6;

#[test]
fn a_baseline_from_packages_survives_being_killed_at_any_moment() {
    const KILLS: usize = 10;
    let mut random = Random::new();
    let source = Source::start();
    resources(&source, PACKED, &mut random);
    dump(&source);
    let expected = source.resources();

    // How long an undisturbed run takes, which needs no resource by itself.
    let whole = quick_folder();
    let begun = Instant::now();
    let ran = run(whole.path(), &source, &["baseline"]);
    let longest = usize::try_from(begun.elapsed().as_micros()).unwrap();
    assert_eq!((&ran["created"], source.served()), (&Value::from(PACKED), 0), "{ran}");
    assert_is_copy(whole.path(), &source);

    let mut folder = quick_folder();
    let (mut killed, mut looked_at, mut run_number) = (0, 0, 0);
    while killed < KILLS {
        run_number += 1;
        assert!(run_number < 10 * KILLS, "only {killed} of {run_number} runs could be killed");
        let mut child = resync(folder.path(), &source, &["baseline"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_micros(random.below(longest) as u64));
        let is_done = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        for (path, body) in &tree(folder.path()) {
            assert!(expected.get(path).is_some_and(|it| **it == *body), "{path} is not whole");
            looked_at += 1;
        }
        if is_done {
            assert_is_copy(folder.path(), &source);
            folder = quick_folder();
        } else {
            killed += 1;
        }
    }
    assert!(looked_at > PACKED, "only {looked_at} files were there to be looked at");
    let rest = run(folder.path(), &source, &["baseline"]);
    assert_eq!(rest["failed"], 0, "{rest}");
    assert_is_copy(folder.path(), &source);
    let after = run(folder.path(), &source, &["baseline", "--content"]);
    assert_eq!(after["same"], PACKED, "{after}");
}

/// Offers everything in packages, too.
fn dump(source: &Source) {
    let resources: Vec<_> = source.resources().into_iter().collect();
    let mut head = Head::list(Capability::ResourceDumpManifest);
    head.md.at = Some(at(LISTED));
    let mut packages = Vec::new();
    for (number, part) in resources.chunks(PACKED.div_ceil(PACKAGES)).enumerate() {
        let mut package = PackageWriter::new(Cursor::new(Vec::new()), &head).unwrap();
        for (name, body) in part {
            let entry = entry(source.url(name), LISTED, body);
            package.add(entry, body.as_slice()).unwrap();
        }
        let zip = package.finish().unwrap().into_inner();
        let name = format!("package{number}.zip");
        let mut entry = Entry::new(source.url(&name));
        entry.md.length = Some(zip.len() as u64);
        packages.push(entry);
        source.put_document(&name, zip);
    }
    let mut head = Head::list(Capability::ResourceDump);
    head.md.at = Some(at(LISTED));
    source.put_document("resourcedump.xml", list(&head, &packages));
    let capabilities = [
        (Capability::ResourceList, source.url("resourcelist.xml")),
        (Capability::ResourceDump, source.url("resourcedump.xml")),
    ];
    source.put_document("capabilitylist.xml", capability_list(&capabilities));
}
