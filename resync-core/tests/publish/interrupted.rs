//! What comes between: power cuts, files that vanish, clocks, others who publish.

use super::*;

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
