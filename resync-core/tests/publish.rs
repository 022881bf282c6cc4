//! A folder, published again and again.

#![cfg(feature = "publish")]
#![allow(clippy::unwrap_used)]

#[path = "publish/dumps.rs"]
mod dumps;
#[path = "publish/interrupted.rs"]
mod interrupted;
#[path = "publish/resources.rs"]
mod resources;

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
