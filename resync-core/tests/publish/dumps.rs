//! Packages.

use super::*;

#[test]
fn dumps_hold_what_the_lists_say() {
    let mut site = site();
    let size = PackageSize { entries: 4, bytes: 100 };
    site.publisher = site.publisher.dumps(true).package_size(size);
    for n in 0..10 {
        site.write(&format!("{n}.txt"), &n.to_string().repeat(30));
    }
    site.write("large.txt", &"x".repeat(1000));
    site.publish();
    let all = site.unpacked(&Capability::ResourceDump);
    assert_eq!(all.keys().cloned().collect::<Vec<_>>(), site.listed());
    assert_eq!(all["7.txt"], "7".repeat(30));
    for entry in site.entries(&Capability::ResourceDump) {
        let package = File::open(site.path(&entry.loc)).unwrap();
        let mut package = Package::open(package).unwrap();
        let entries = Document::collect(package.manifest().unwrap()).unwrap().entries;
        let bytes: u64 = entries.iter().map(|entry| entry.md.length.unwrap()).sum();
        assert!(entries.len() <= 4 && (bytes <= 100 || entries.len() == 1), "{bytes}");
    }
    assert!(site.unpacked(&Capability::ChangeDump).is_empty());

    let before = snapshot(&site.documents);
    site.write("7.txt", "seven");
    fs::remove_file(site.data.join("0.txt")).unwrap();
    let second = site.publish();
    assert!(second.written.iter().any(|name| name == "changedump.xml"));
    let all = site.unpacked(&Capability::ResourceDump);
    assert_eq!(all.keys().cloned().collect::<Vec<_>>(), site.listed());
    assert_eq!(all["7.txt"], "seven");
    let changes = site.unpacked(&Capability::ChangeDump);
    assert_eq!(
        changes.into_iter().collect::<Vec<_>>(),
        [("0.txt", "-"), ("7.txt", "seven")].map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
    let package = &site.entries(&Capability::ChangeDump)[0];
    let days = [package.md.from, package.md.until].map(|time| time.unwrap().to_string());
    assert_eq!(days, ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]);
    let after = snapshot(&site.documents);
    assert!(before.keys().filter(|name| name.ends_with(".zip")).all(|it| after.contains_key(it)));

    // Without dumps for a while: the Change Dump has missed something, and begins anew.
    site.publisher = site.publisher.dumps(false);
    site.write("8.txt", "eight");
    site.publish();
    assert!(!names(&site.documents).iter().any(|name| name.contains("dump")));
    site.publisher = site.publisher.dumps(true);
    site.write("9.txt", "nine");
    site.publish();
    let changes = site.unpacked(&Capability::ChangeDump);
    assert_eq!(changes.into_keys().collect::<Vec<_>>(), ["9.txt"]);

    // A manifest has the digests that the list has.
    let both = [Algorithm::Md5, Algorithm::Sha256];
    site.publisher = site.publisher.algorithms(both);
    site.publish();
    let package = site.path(&site.entries(&Capability::ResourceDump)[0].loc);
    let mut package = Package::open(File::open(package).unwrap()).unwrap();
    let manifest = Document::collect(package.manifest().unwrap()).unwrap();
    assert_eq!(manifest.entries[0].md.hash.digests().count(), 2);
}

#[test]
fn one_more_resource_does_not_move_all_packages() {
    let mut site = site();
    let size = PackageSize { entries: 20, bytes: 1 << 20 };
    site.publisher = site.publisher.dumps(true).package_size(size);
    let resources =
        |from: u32| (from..400).map(|n| bytes(&format!("https://x.org/{n:03}"), &n.to_string()));
    site.publish_these(resources(1)).unwrap();
    let all = site.entries(&Capability::ResourceDump).len();
    assert!((20..50).contains(&all), "{all}");
    let written = site.publish_these(resources(0)).unwrap().written;
    let packages = written.iter().filter(|name| name.starts_with("resourcedump-")).count();
    assert!((1..8).contains(&packages), "{packages} of {all}");
    assert_eq!(site.unpacked(&Capability::ResourceDump).len(), 400);
}
