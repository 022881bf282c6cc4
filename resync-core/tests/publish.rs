//! A folder, published again and again.

#![cfg(feature = "publish")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use resync_core::document::{
    Algorithm, Capability, Change, Datetime, Document, Entry, Head, Link, Severity, Size,
    Validator, rel, to_xml,
};
use resync_core::dump::{Package, PackageError};
use resync_core::publish::{Content, Folder, PackageSize, Publication, Publisher, Resource};
use tempfile::TempDir;

const BASE: &str = "https://x.org/rs/";

struct Site {
    _dir: TempDir,
    data: PathBuf,
    documents: PathBuf,
    publisher: Publisher,
    /// A publication a day.
    day: u32,
}

fn site() -> Site {
    let dir = tempfile::tempdir().unwrap();
    let (data, documents) = (dir.path().join("data"), dir.path().join("documents"));
    fs::create_dir(&data).unwrap();
    let publisher = Publisher::new(&documents, BASE).unwrap();
    Site { _dir: dir, data, documents, publisher, day: 0 }
}

impl Site {
    fn write(&self, name: &str, text: &str) {
        let path = self.data.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        // Old enough to be believed.
        let old = SystemTime::now() - Duration::from_secs(1000 - u64::from(self.day));
        File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }

    fn publish(&mut self) -> Publication {
        let resources = Folder::walk(&self.data, "https://x.org/data").unwrap();
        self.publish_these(resources).unwrap()
    }

    fn publish_these(
        &mut self,
        resources: impl IntoIterator<Item = io::Result<Resource>>,
    ) -> io::Result<Publication> {
        self.day += 1;
        let at = Datetime::read(&format!("2024-01-{:02}T00:00:00Z", self.day)).unwrap();
        let publication = self.publisher.clone().at(at).publish(resources)?;
        self.check();
        Ok(publication)
    }

    fn path(&self, url: &str) -> PathBuf {
        self.documents.join(url.strip_prefix(BASE).unwrap())
    }

    fn document(&self, url: &str) -> Document {
        Document::parse(&fs::read_to_string(self.path(url)).unwrap()).unwrap()
    }

    /// All that a document leads to, itself first; each is there, and as the standard has it.
    fn climb_down(&self, url: &str, above: &str, is_part: bool, all: &mut Vec<(String, Document)>) {
        let mut validator = Validator::new().address(url.parse().unwrap());
        if is_part {
            validator = validator.part_of_index();
        }
        let report = validator.check(File::open(self.path(url)).unwrap());
        assert_eq!(report.total(Severity::Error), 0, "{url}: {:?}", report.findings);
        assert_eq!(report.total(Severity::Warning), 0, "{url}: {:?}", report.findings);
        let document = self.document(url);
        if !above.is_empty() {
            assert_eq!(document.head.link(rel::UP), Some(above), "{url}");
        }
        if let Some(archive) = document.head.link(rel::ARCHIVES) {
            assert!(self.document(above).entries.iter().any(|entry| entry.loc == archive));
        }
        all.push((url.to_owned(), document.clone()));
        match document.head.capability().unwrap() {
            Capability::Description | Capability::CapabilityList => {
                for entry in &document.entries {
                    self.climb_down(&entry.loc, url, false, all);
                }
            }
            _ if document.head.is_index() => {
                for entry in &document.entries {
                    let part_above = document.head.link(rel::UP).unwrap();
                    let before = all.len();
                    self.climb_down(&entry.loc, part_above, true, all);
                    assert_eq!(all[before].1.head.link(rel::INDEX), Some(url));
                }
            }
            Capability::ChangeListArchive | Capability::ChangeDumpArchive => {
                for entry in &document.entries {
                    let before = all.len();
                    self.climb_down(&entry.loc, above, false, all);
                    let closed = &all[before].1.head;
                    assert!(closed.md.until.is_some() && closed.link(rel::INDEX).is_none());
                    assert_eq!((closed.md.from, closed.md.until), (entry.md.from, entry.md.until));
                }
            }
            capability if capability.lists_packages() => {
                for entry in &document.entries {
                    let file = self.path(&entry.loc);
                    assert_eq!(Some(file.metadata().unwrap().len()), entry.md.length);
                    let mut package = Package::open(File::open(file).unwrap()).unwrap();
                    let manifest = package.manifest().unwrap();
                    let report = Document::collect(manifest).unwrap();
                    assert!(report.issues.is_empty());
                    let mut text = String::new();
                    package.bitstream("manifest.xml").unwrap().read_to_string(&mut text).unwrap();
                    let report = Validator::new().check(text.as_bytes());
                    assert!(report.is_valid(), "{:?}", report.findings);
                }
            }
            _ => {}
        }
    }

    fn check(&self) -> Vec<(String, Document)> {
        let mut all = Vec::new();
        self.climb_down(&format!("{BASE}.well-known/resourcesync"), "", false, &mut all);
        let names = names(&self.documents);
        assert!(!names.iter().any(|name| name.starts_with(".resync-tmp-")), "{names:?}");
        all
    }

    /// The entries of all lists of a kind, in order.
    fn entries(&self, capability: &Capability) -> Vec<Entry<'static>> {
        let mut all = self.check();
        all.retain(|(_, document)| {
            document.head.capability() == Some(capability) && !document.head.is_index()
        });
        // What is closed was before what is open.
        all.sort_by_key(|(_, document)| document.head.md.until.is_none());
        all.into_iter().flat_map(|(_, document)| document.entries).collect()
    }

    fn listed(&self) -> Vec<String> {
        let entries = self.entries(&Capability::ResourceList);
        entries.iter().map(|it| it.loc.replace("https://x.org/data/", "")).collect()
    }

    fn changes(&self) -> Vec<(String, Change, String)> {
        let entries = self.entries(&Capability::ChangeList);
        entries
            .iter()
            .map(|it| {
                let day = it.md.datetime.unwrap().to_string()[8..10].to_owned();
                (it.loc.replace("https://x.org/data/", ""), it.md.change.unwrap(), day)
            })
            .collect()
    }

    /// What is in the packages of a dump, by address, the last of each.
    fn unpacked(&self, capability: &Capability) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for entry in self.entries(capability) {
            let mut package = Package::open(File::open(self.path(&entry.loc)).unwrap()).unwrap();
            let unlisted = package.for_each_entry(|entry, bitstream| {
                let mut text = "-".to_owned();
                if let Some(mut bitstream) = bitstream? {
                    text.clear();
                    bitstream.read_to_string(&mut text)?;
                }
                all.insert(entry.loc.replace("https://x.org/data/", ""), text);
                Ok::<_, PackageError>(())
            });
            assert_eq!(unlisted.unwrap(), 0);
        }
        all
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// Bytes and times of all files that are for readers.
fn snapshot(dir: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    names(dir)
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .map(|name| {
            let path = dir.join(&name);
            let time = path.metadata().unwrap().modified().unwrap();
            (name, (fs::read(path).unwrap(), time))
        })
        .collect()
}

fn bytes(uri: &str, text: &str) -> io::Result<Resource> {
    Ok(Resource::new(uri, Content::Bytes(text.as_bytes().to_vec())))
}

#[test]
fn what_changes_is_told() {
    let mut site = site();
    site.write("a.txt", "a");
    site.write("b/c.xml", "<c/>");
    site.write("b.txt", "b");
    let first = site.publish();
    assert_eq!((first.created, first.updated, first.deleted, first.unchanged), (3, 0, 0, 0));
    assert_eq!(
        first.written,
        ["changelist.xml", "resourcelist.xml", "capabilitylist.xml", ".well-known/resourcesync"]
    );
    assert_eq!(site.listed(), ["a.txt", "b.txt", "b/c.xml"]);
    assert_eq!(site.changes(), []);
    let entry = &site.entries(&Capability::ResourceList)[2];
    assert_eq!(
        (entry.md.length, entry.md.media_type.as_deref()),
        (Some(4), Some("application/xml"))
    );
    assert_eq!(entry.md.hash.digests().next().unwrap().algorithm(), Algorithm::Sha256);
    assert!(entry.lastmod.is_some());

    // Nothing happens: nothing is written, and nothing read.
    let before = snapshot(&site.documents);
    let second = site.publish();
    assert_eq!((second.unchanged, second.measured, second.written.len()), (3, 0, 0));
    assert_eq!(snapshot(&site.documents), before);

    site.write("a.txt", "A");
    site.write("c d.txt", "new");
    fs::remove_file(site.data.join("b.txt")).unwrap();
    let third = site.publish();
    assert_eq!((third.created, third.updated, third.deleted, third.unchanged), (1, 1, 1, 1));
    assert_eq!(third.measured, 2);
    assert_eq!(third.written, ["changelist.xml", "resourcelist.xml"]);
    assert_eq!(site.listed(), ["a.txt", "b/c.xml", "c%20d.txt"]);
    let expected = [
        ("a.txt", Change::Updated, "03"),
        ("b.txt", Change::Deleted, "03"),
        ("c%20d.txt", Change::Created, "03"),
    ]
    .map(|(name, change, day)| (name.to_owned(), change, day.to_owned()));
    assert_eq!(site.changes(), expected);

    // Only the time is another: read again, but not changed.
    site.write("b/c.xml", "<c/>");
    let fourth = site.publish();
    assert_eq!((fourth.updated, fourth.unchanged, fourth.measured), (0, 3, 1));
    site.write("a.txt", "again");
    site.publish();
    let changes = site.changes();
    assert_eq!(changes[..3], expected);
    assert_eq!(changes[3], ("a.txt".to_owned(), Change::Updated, "05".to_owned()));
    assert_eq!(changes.len(), 4);
}

#[test]
fn full_change_lists_are_closed_and_stay() {
    let mut site = site();
    site.publisher = site.publisher.size(Size { entries: 3, ..Size::default() });
    site.publish();
    let mut told = 0;
    for (day, count) in [(2, 2), (3, 1), (4, 1), (5, 8), (6, 0)] {
        let before = snapshot(&site.documents);
        let closed = before.keys().filter(|name| name.starts_with("changelist-0"));
        let closed: Vec<_> = closed.cloned().collect();
        for n in 0..count {
            site.write(&format!("{day}-{n}"), "x");
        }
        site.publish();
        told += count;
        let after = snapshot(&site.documents);
        assert!(closed.iter().all(|name| before[name] == after[name]));
        assert_eq!(site.changes().len(), told);
    }
    let changes = site.changes();
    assert!(changes.is_sorted_by_key(|(name, _, day)| (day.clone(), name.clone())));
    let archive = site.document(&format!("{BASE}changelist-archive.xml"));
    assert_eq!(archive.entries.len(), 3);
    assert!(archive.entries.windows(2).all(|it| it[0].md.until == it[1].md.from));
    let open = site.document(&format!("{BASE}changelist.xml"));
    assert_eq!(open.head.link(rel::ARCHIVES), Some(&*format!("{BASE}changelist-archive.xml")));
    assert_eq!((open.head.md.from, open.head.md.until), (archive.entries[2].md.until, None));
}

/// As it was published by versions that had an index of all Change Lists, the open one too.
fn with_index(site: &Site) {
    let mut index = Document::new(Head::index(Capability::ChangeList));
    let list = |name: &str| site.document(&format!("{BASE}{name}"));
    let archive = list("changelist-archive.xml");
    let names = archive.entries.iter().map(|entry| entry.loc.strip_prefix(BASE).unwrap());
    let mut lists: Vec<_> = names.map(list).collect();
    lists.push(list("changelist.xml"));
    for (number, mut list) in (1..).zip(lists) {
        let name = format!("changelist-{number:05}.xml");
        list.head.links.retain(|link| link.is(rel::UP));
        index.head.links = list.head.links.clone();
        list.head.links.push(Link::new(rel::INDEX, format!("{BASE}changelist.xml")));
        fs::write(site.documents.join(&name), to_xml(&list).unwrap()).unwrap();
        let mut entry = Entry::new(format!("{BASE}{name}"));
        (entry.md.from, entry.md.until) = (list.head.md.from, list.head.md.until);
        index.head.md.from = index.head.md.from.or(entry.md.from);
        index.entries.push(entry);
    }
    fs::write(site.documents.join("changelist.xml"), to_xml(&index).unwrap()).unwrap();
    fs::remove_file(site.documents.join("changelist-archive.xml")).unwrap();
    let path = site.documents.join("capabilitylist.xml");
    let mut capabilities = list("capabilitylist.xml");
    capabilities.entries.retain(|entry| !entry.loc.ends_with("archive.xml"));
    fs::write(path, to_xml(&capabilities).unwrap()).unwrap();
}

#[test]
fn an_index_of_an_earlier_version_becomes_an_archive() {
    let mut site = site();
    site.publisher = site.publisher.size(Size { entries: 3, ..Size::default() });
    site.publish();
    for name in ["a", "b", "c", "d", "e"] {
        site.write(name, "x");
        site.publish();
    }
    let before = site.changes();
    assert_eq!(before.len(), 5);
    let open = fs::read(site.documents.join("changelist.xml")).unwrap();
    with_index(&site);
    let publication = site.publish();
    assert_eq!(publication.unchanged, 5);
    assert_eq!(
        publication.written,
        ["changelist-00001.xml", "changelist-archive.xml", "changelist.xml", "capabilitylist.xml"]
    );
    assert_eq!(site.changes(), before);
    assert_eq!(fs::read(site.documents.join("changelist.xml")).unwrap(), open);
    site.write("f", "x");
    let written = site.publish().written;
    assert!(!written.iter().any(|name| name.starts_with("changelist-")), "{written:?}");
    assert_eq!(site.changes().len(), 6);
}

#[test]
fn snapshots_say_when_they_were_taken() {
    let mut site = site();
    site.publisher = site.publisher.size(Size { entries: 2, ..Size::default() }).dumps(true);
    for name in ["a", "b", "c"] {
        site.write(name, "x");
        let begun = Datetime::now();
        let at = site.publish().at;
        for name in ["resourcelist.xml", "resourcedump.xml"] {
            let head = site.document(&format!("{BASE}{name}")).head;
            assert_eq!(head.md.at, Some(at));
            assert!(head.md.completed.unwrap().timestamp() >= begun.timestamp(), "{name}");
        }
    }
    // And so do the manifests of packages (§11.3).
    for entry in site.entries(&Capability::ResourceDump) {
        let mut package = Package::open(File::open(site.path(&entry.loc)).unwrap()).unwrap();
        let md = package.manifest().unwrap().head().unwrap().md.clone();
        assert!(md.completed.unwrap().time() >= md.at.unwrap().time());
    }
    assert!(site.document(&format!("{BASE}resourcelist.xml")).head.is_index());
}

#[test]
fn long_lists_are_split_and_parts_that_are_the_same_stay() {
    let mut site = site();
    site.publisher = site.publisher.size(Size { entries: 10, ..Size::default() });
    for n in 0..35 {
        site.write(&format!("{n:02}"), "x");
    }
    site.publish();
    let before = snapshot(&site.documents);
    assert_eq!(before.keys().filter(|name| name.starts_with("resourcelist-")).count(), 4);
    site.write("34", "y");
    let second = site.publish();
    let parts = second.written.iter().filter(|name| name.starts_with("resourcelist-"));
    assert_eq!(parts.count(), 1);
    assert_eq!(site.listed().len(), 35);
    let after = snapshot(&site.documents);
    // The part that is replaced is still there, once.
    for name in before.keys().filter(|name| name.starts_with("resourcelist-")) {
        assert_eq!(before[name], after[name]);
    }
    assert_eq!(after.keys().filter(|name| name.starts_with("resourcelist-")).count(), 5);
    site.publish();
    let third = names(&site.documents);
    assert_eq!(third.iter().filter(|name| name.starts_with("resourcelist-")).count(), 4);
    // From many to one, and back.
    for n in 5..35 {
        fs::remove_file(site.data.join(format!("{n:02}"))).unwrap();
    }
    site.publish();
    assert_eq!(site.listed().len(), 5);
    site.publish();
    assert!(!names(&site.documents).iter().any(|name| name.starts_with("resourcelist-")));
}

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

#[test]
fn what_broke_off_is_harmless() {
    let mut site = site();
    site.publisher = site.publisher.size(Size { entries: 3, ..Size::default() });
    for n in 0..5 {
        site.write(&n.to_string(), "x");
    }
    site.publish();
    fs::write(site.documents.join(".resync-tmp-abc"), "half a li").unwrap();
    let state = fs::read(site.documents.join(".resync-state")).unwrap();
    let records = fs::read(site.documents.join(".resync-records-1")).unwrap();
    site.write("3", "y");
    site.publish();

    // A resource that cannot be read: nothing is published.
    let before = snapshot(&site.documents);
    let broken = [bytes("https://x.org/1", ""), Err(io::Error::other("gone"))];
    site.publish_these(broken).unwrap_err();
    assert_eq!(snapshot(&site.documents), before);

    // Everything is in place but the state: changes are told twice, never lost.
    fs::write(site.documents.join(".resync-state"), state).unwrap();
    fs::write(site.documents.join(".resync-records-1"), records).unwrap();
    site.write("4", "y");
    site.publish();
    let changes: Vec<_> = site.changes().into_iter().map(|(name, _, _)| name).collect();
    assert_eq!(changes, ["3", "3", "4"]);

    // The full list was closed and in the archive, but the next one not in place yet.
    let archived = ["changelist-00001.xml", "changelist-archive.xml"];
    for name in archived {
        fs::copy(site.documents.join("changelist.xml"), site.documents.join(name)).unwrap();
    }
    site.publish();
    assert!(archived.iter().all(|name| !site.documents.join(name).exists()));
    site.write("5", "y");
    site.publish();
    assert_eq!(site.changes().len(), 4);
    assert!(archived.iter().all(|name| site.documents.join(name).exists()));
    assert_eq!(site.listed().len(), 6);
}

/// Whether all that the Source Description leads to, and leads on to, is there.
fn is_whole(dir: &Path) -> bool {
    let mut open = vec![".well-known/resourcesync".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = open.pop() {
        let Ok(file) = fs::read(dir.join(&name)) else { return false };
        if seen.insert(name.clone()) && !name.ends_with(".zip") {
            let document = Document::parse(str::from_utf8(&file).unwrap()).unwrap();
            let links = document.head.links.iter().map(|link| &*link.href);
            let locs = document.entries.iter().map(|entry| &*entry.loc);
            let names = links.chain(locs).filter_map(|url| url.strip_prefix(BASE));
            open.extend(names.map(str::to_owned));
        }
    }
    true
}

#[test]
fn at_every_moment_all_that_is_led_to_is_there() {
    let mut site = site();
    let small = Size { entries: 3, ..Size::default() };
    let package = PackageSize { entries: 2, bytes: 1000 };
    site.publisher = site.publisher.size(small).package_size(package).dumps(true);
    site.write("0", "x");
    site.publish();
    let mut moments = 0;
    for count in [1, 2, 9, 0, 1] {
        // What a reader sees, file by file, in the order in which they are put in place.
        let seen = tempfile::tempdir().unwrap();
        fs::create_dir(seen.path().join(".well-known")).unwrap();
        let copy = |name: &str| {
            fs::copy(site.documents.join(name), seen.path().join(name)).unwrap();
        };
        snapshot(&site.documents).keys().for_each(|name| copy(name));
        copy(".well-known/resourcesync");
        assert!(is_whole(seen.path()));
        for n in 0..count {
            site.write(&format!("{}-{n}", site.day), "x");
        }
        let written = site.publish().written;
        for name in written {
            fs::copy(site.documents.join(&name), seen.path().join(&name)).unwrap();
            assert!(is_whole(seen.path()), "{name} is in place too early");
            moments += 1;
        }
    }
    assert!(moments > 30, "{moments}");
}

#[test]
fn a_folder_is_walked_in_the_order_of_addresses() {
    let site = site();
    let odd =
        ["a b", "ä", "a&b<c>\"d'", "100%", "q?x=1#y", "[x]", "a", "x/y/z", "x.y", "x-y/z", "x/b"];
    for name in odd {
        site.write(name, name);
    }
    for hidden in [".git/config", ".hidden", "resourcelist.xml", "changelist-00001.xml"] {
        site.write(hidden, "no");
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(site.data.join("a"), site.data.join("link")).unwrap();
    let uris: Vec<_> =
        Folder::walk(&site.data, "https://x.org").unwrap().map(|it| it.unwrap().uri).collect();
    assert_eq!(
        uris,
        [
            "100%25",
            "%5Bx%5D",
            "%C3%A4",
            "a",
            "a%20b",
            "a&b%3Cc%3E%22d'",
            "q%3Fx=1%23y",
            "x-y/z",
            "x.y",
            "x/b",
            "x/y/z"
        ]
        .map(|name| format!("https://x.org/{name}"))
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    let mut site = site;
    site.publish();
    assert_eq!(site.listed().len(), uris.len());
    // Documents in the folder itself are not published as resources.
    site.documents = site.data.clone();
    site.publisher = Publisher::new(&site.data, BASE).unwrap();
    for document in ["resourcelist.xml", "changelist-00001.xml"] {
        fs::remove_file(site.data.join(document)).unwrap();
    }
    for _ in 0..2 {
        site.publish();
        assert_eq!(site.listed().len(), uris.len());
    }
}

#[test]
fn what_is_out_of_order_is_refused() {
    let mut site = site();
    for (uris, what) in [
        (["https://x.org/b", "https://x.org/a"], "order"),
        (["https://x.org/a", "https://x.org/a"], "twice"),
        (["https://x.org/a", "https://x.org/b c"], "address"),
    ] {
        let error = site.publisher.publish(uris.map(|uri| bytes(uri, ""))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(what), "{error}");
        let left = names(&site.documents);
        assert_eq!(left, [".resync-lock"]);
    }
    let publication = site
        .publish_these([bytes("https://x.org/a&b", "1"), bytes("https://x.org/c", "2")])
        .unwrap();
    assert_eq!(publication.created, 2);
    let publication = site
        .publish_these([bytes("https://x.org/a&b", "1"), bytes("https://x.org/c", "3")])
        .unwrap();
    assert_eq!((publication.unchanged, publication.updated), (1, 1));
    for base in ["x.org", "mailto:a@x.org", "https://x.org/?a=b"] {
        assert_eq!(Publisher::new("x", base).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn other_digests_are_no_change() {
    let mut site = site();
    site.write("a", "x");
    site.publish();
    let both = [Algorithm::Md5, Algorithm::Sha256];
    site.publisher = site.publisher.algorithms(both).described_by("https://x.org/about");
    let publication = site.publish();
    assert_eq!((publication.unchanged, publication.measured), (1, 1));
    assert_eq!(
        publication.written,
        ["resourcelist.xml", "capabilitylist.xml", ".well-known/resourcesync"]
    );
    assert_eq!(site.entries(&Capability::ResourceList)[0].md.hash.digests().count(), 2);
    assert_eq!(site.changes(), []);
    // Digests of one kind can be compared, though the files cannot be told apart by their times.
    site.publisher = site.publisher.algorithms([Algorithm::Md5]);
    let now = SystemTime::now();
    File::options().write(true).open(site.data.join("a")).unwrap().set_modified(now).unwrap();
    assert_eq!(site.publish().unchanged, 1);
    site.publisher = site.publisher.algorithms([Algorithm::Sha1]);
    assert_eq!(site.publish().updated, 1);
}

#[test]
fn without_its_state_all_begins_anew() {
    let mut site = site();
    site.publisher = site.publisher.size(Size { entries: 1, ..Size::default() });
    site.publish();
    for name in ["a", "b", "c"] {
        site.write(name, "x");
        site.publish();
    }
    assert_eq!(site.changes().len(), 3);
    fs::remove_file(site.documents.join(".resync-state")).unwrap();
    assert_eq!(site.publish().created, 3);
    assert_eq!(site.changes(), []);
    site.write("d", "x");
    site.publish();
    assert_eq!(site.changes(), [("d".to_owned(), Change::Created, "06".to_owned())]);
    site.write("e", "x");
    site.publish();
    assert_eq!(site.changes().len(), 2);
    fs::write(site.documents.join(".resync-state"), "something else").unwrap();
    let error = site.publisher.publish([]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn what_vanishes_on_the_way_is_gone() {
    let mut site = site();
    site.write("a", "x");
    site.write("b", "x");
    site.publish();
    let mut resources = Folder::walk(&site.data, "https://x.org/data").unwrap();
    let first = resources.next().unwrap();
    fs::remove_file(site.data.join("b")).unwrap();
    let publication = site.publish_these([first].into_iter().chain(resources)).unwrap();
    assert_eq!((publication.unchanged, publication.deleted), (1, 1));
    assert_eq!(site.changes(), [("b".to_owned(), Change::Deleted, "02".to_owned())]);
}

#[test]
fn a_clock_that_is_set_back_does_not_confuse_the_order() {
    let mut site = site();
    site.write("a", "x");
    site.day = 10;
    site.publish();
    site.day = 3;
    site.write("b", "x");
    let publication = site.publish();
    assert_eq!(publication.at.to_string(), "2024-01-11T00:00:00Z");
    assert_eq!(site.changes(), [("b".to_owned(), Change::Created, "11".to_owned())]);
}

#[test]
fn two_publishers_do_not_meet() {
    let mut site = site();
    site.publish();
    let publisher = site.publisher.clone();
    let inner = std::iter::from_fn(|| {
        let error = publisher.publish([]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        None
    });
    site.publish_these(inner).unwrap();
}
