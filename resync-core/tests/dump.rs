//! Packages, written and read.

#![cfg(feature = "packages")]
#![allow(clippy::unwrap_used)]

use std::io::{self, Cursor, ErrorKind, Read, Write};

use resync_core::document::{
    Algorithm, Capability, Change, Datetime, Document, Entry, Head, Link, rel, to_xml,
};
use resync_core::dump::{Limits, Package, PackageError, PackageWriter};
use resync_core::fixity::{Fixity, Proof, verify};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn head() -> Head {
    let mut head = Head::list(Capability::ChangeDumpManifest);
    head.md.from = Datetime::read("2024-01-01T00:00:00Z");
    head.links.push(Link::new(rel::UP, "https://x.org/capabilitylist.xml"));
    head
}

fn listed(path: &str) -> Entry<'static> {
    let mut entry = Entry::new(format!("https://x.org{path}"));
    entry.md.path = Some(path.to_owned().into());
    entry.md.change = Some(Change::Created);
    entry
}

fn manifest(paths: &[&str]) -> String {
    let mut document = Document::new(head());
    document.entries.extend(paths.iter().map(|path| listed(path)));
    to_xml(&document).unwrap()
}

/// A ZIP as somebody else might make it.
fn zip(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn stored(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip(members, CompressionMethod::Stored)
}

/// What each entry comes to.
fn read(package: &mut Package<Cursor<Vec<u8>>>) -> (Vec<Result<String, PackageError>>, u64) {
    let mut all = Vec::new();
    let unlisted = package
        .for_each_entry(|_, bitstream| {
            all.push(bitstream.and_then(|bitstream| {
                let mut text = String::new();
                if let Some(mut bitstream) = bitstream {
                    bitstream.read_to_string(&mut text)?;
                }
                Ok(text)
            }));
            Ok::<_, PackageError>(())
        })
        .unwrap();
    (all, unlisted)
}

#[test]
fn what_is_packed_is_unpacked() {
    let mut writer = PackageWriter::new(Cursor::new(Vec::new()), &head()).unwrap();
    let texts = ["", "Kytice", &"růže ".repeat(100_000)];
    let locs = ["https://x.org/a%20b", "https://x.org/../..%2f/x..?y", "https://x.org/růže/"];
    for (text, loc) in texts.iter().zip(locs) {
        let mut entry = Entry::new(loc);
        entry.md.change = Some(Change::Updated);
        writer.add(entry, text.as_bytes()).unwrap();
    }
    let mut gone = Entry::new("https://x.org/gone");
    gone.md.change = Some(Change::Deleted);
    writer.add_without_data(gone).unwrap();
    assert_eq!(
        (writer.entries(), writer.bytes()),
        (4, texts.map(|it| it.len() as u64).iter().sum())
    );
    let mut package = Package::open(writer.finish().unwrap()).unwrap();

    assert_eq!(package.manifest_name(), "manifest.xml");
    let document = Document::collect(package.manifest().unwrap()).unwrap();
    assert_eq!(document.head, head());
    assert!(document.issues.is_empty(), "{:?}", document.issues);
    let paths: Vec<_> =
        document.entries.iter().map(|entry| entry.md.path.as_deref().unwrap_or("-")).collect();
    assert_eq!(
        paths,
        ["/resources/000001-a_20b", "/resources/000002-x._", "/resources/000003-r__e", "-"]
            .map(|path| path.replace("r__e", "r____e"))
    );
    let (all, unlisted) = read(&mut package);
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        (all, unlisted),
        ([texts[0], texts[1], texts[2], ""].map(str::to_owned).to_vec(), 0)
    );
    for entry in &document.entries[..3] {
        let path = entry.md.path.as_deref().unwrap();
        let mut fixity = Fixity::new([Algorithm::Sha256]);
        let mut content = Vec::new();
        package.bitstream(&path[1..]).unwrap().read_to_end(&mut content).unwrap();
        fixity.update(&content);
        let proof = verify(&fixity.finish(), entry.md.length, &entry.md.hash).unwrap();
        assert_eq!(proof, Proof::Strong);
    }
}

#[test]
fn a_failing_resource_is_left_out() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let mut writer = PackageWriter::new(Cursor::new(Vec::new()), &head()).unwrap();
    writer.add(listed("/a"), "a".as_bytes()).unwrap();
    writer.add(listed("/b"), "b".as_bytes().chain(Broken)).unwrap_err();
    let error = writer.add(Entry::new("\u{0}"), "c".as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    writer.add(listed("/d"), "d".as_bytes()).unwrap();
    let (all, unlisted) = read(&mut Package::open(writer.finish().unwrap()).unwrap());
    let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    assert_eq!((all, unlisted), (vec!["a".to_owned(), "d".to_owned()], 0));
}

#[test]
fn manifests_are_found_where_others_put_them() {
    let text = manifest(&["/a"]);
    for (name, prefix) in [
        ("manifest.xml", ""),
        ("Manifest.XML", ""),
        ("dump/manifest.xml", "dump/"),
        ("dump/MANIFEST.xml", ""),
        ("./manifest.xml", "./"),
    ] {
        let member = format!("{prefix}a");
        let data = stored(&[("x", b"?"), (name, text.as_bytes()), (&member, b"content")]);
        let mut package = Package::open(Cursor::new(data)).unwrap();
        assert_eq!(package.manifest_name(), name);
        let (all, unlisted) = read(&mut package);
        assert_eq!((all.len(), all[0].as_deref().unwrap(), unlisted), (1, "content", 1));
    }
    for members in [&["a", "b/c/manifest.xml"][..], &[], &["manifest.xml.bak"]] {
        let members: Vec<_> = members.iter().map(|name| (*name, text.as_bytes())).collect();
        let error = Package::open(Cursor::new(stored(&members))).unwrap_err();
        assert!(matches!(error, PackageError::NoManifest), "{error}");
    }
    let two = stored(&[("a/manifest.xml", b""), ("b/manifest.xml", b"")]);
    assert!(matches!(Package::open(Cursor::new(two)), Err(PackageError::Repeated(_))));
}

#[test]
fn bad_paths_fail_by_themselves() {
    let text = manifest(&["/a", "/missing", "/../a", "/a", "..\\a", "/", "b"]);
    let data =
        stored(&[("manifest.xml", text.as_bytes()), ("a", b"A"), ("b", b"B"), ("../a", b"!")]);
    let (all, unlisted) = read(&mut Package::open(Cursor::new(data)).unwrap());
    assert_eq!(unlisted, 1);
    assert_eq!(all[0].as_deref().unwrap(), "A");
    assert!(matches!(&all[1], Err(PackageError::Missing(path)) if path == "/missing"));
    assert!(matches!(&all[2], Err(PackageError::Path(what)) if what.contains("/../a")));
    assert!(matches!(&all[3], Err(PackageError::Repeated(path)) if path == "/a"));
    assert!(matches!(&all[4], Err(PackageError::Path(_))));
    assert!(matches!(&all[5], Err(PackageError::Path(_))));
    assert_eq!(all[6].as_deref().unwrap(), "B");
}

#[test]
fn damage_is_noticed() {
    let text = manifest(&["/a", "/b"]);
    let content = b"some content that will be damaged";
    let whole =
        stored(&[("manifest.xml", text.as_bytes()), ("a", content), ("b", b"whole and sound")]);
    let at = whole.windows(content.len()).position(|window| window == content).unwrap();
    let mut damaged = whole.clone();
    damaged[at] ^= 1;
    let (all, _) = read(&mut Package::open(Cursor::new(damaged)).unwrap());
    assert!(matches!(&all[0], Err(PackageError::Corrupt(what)) if what.contains("/a")), "{all:?}");
    assert_eq!(all[1].as_deref().unwrap(), "whole and sound");

    // Whatever is cut off or changed: an error, or what was packed.
    for end in (0..whole.len()).step_by(7) {
        let error = Package::open(Cursor::new(whole[..end].to_vec())).unwrap_err();
        assert!(matches!(error, PackageError::Zip(_)), "{error:?}");
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let Ok(mut package) = Package::open(Cursor::new(damaged)) else { continue };
        let (all, _) = read(&mut package);
        for text in all.iter().flatten() {
            assert!([&content[..], b"whole and sound"].contains(&text.as_bytes()), "{at}: {text}");
        }
    }
    let error = Package::open(Cursor::new(b"<html>".repeat(100))).unwrap_err();
    assert!(matches!(error, PackageError::Zip(_)), "{error:?}");
}

#[test]
fn what_asks_for_too_much_is_refused() {
    let text = manifest(&["/bomb", "/a"]);
    let bomb = vec![0; 8 << 20];
    let data = zip(
        &[("manifest.xml", text.as_bytes()), ("bomb", &bomb), ("a", b"A")],
        CompressionMethod::Deflated,
    );
    let (all, _) = read(&mut Package::open(Cursor::new(data.clone())).unwrap());
    assert!(matches!(&all[0], Err(PackageError::Limit(what)) if what.contains("bomb")), "{all:?}");
    assert_eq!(all[1].as_deref().unwrap(), "A");

    let with = |change: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        Package::with(Cursor::new(data.clone()), limits).map(|mut package| read(&mut package).0)
    };
    let all = with(&|limits| limits.ratio = 2_000).unwrap();
    assert_eq!(all[0].as_ref().unwrap().len(), bomb.len());
    let limits: [&dyn Fn(&mut Limits); 4] = [
        &|limits| limits.entries = 2,
        &|limits| limits.total = 8 << 20,
        &|limits| limits.manifest = 10,
        &|limits| limits.directory = 10,
    ];
    for change in limits {
        let error = with(change).unwrap_err();
        assert!(matches!(error, PackageError::Limit(_)), "{error:?}");
    }
    let all = with(&|limits| (limits.ratio, limits.bitstream) = (2_000, 1 << 20)).unwrap();
    assert!(matches!(all[0], Err(PackageError::Limit(_))));
}

#[test]
fn what_lies_about_its_length_is_noticed() {
    let text = manifest(&["/a"]);
    let data = zip(
        &[("manifest.xml", text.as_bytes()), ("a", &[b'a'; 5_000])],
        CompressionMethod::Deflated,
    );
    for length in [4_999_u32, 5_001, 0, u32::MAX - 1] {
        let mut lying = data.clone();
        let old = 5_000_u32.to_le_bytes();
        let places: Vec<_> = (0..lying.len() - 4).filter(|at| lying[*at..at + 4] == old).collect();
        assert_eq!(places.len(), 2);
        for at in places {
            lying[at..at + 4].copy_from_slice(&length.to_le_bytes());
        }
        let (all, _) = read(&mut Package::open(Cursor::new(lying)).unwrap());
        assert!(
            matches!(all[0], Err(PackageError::Corrupt(_) | PackageError::Limit(_))),
            "{length}: {all:?}"
        );
    }
}

#[test]
fn what_cannot_be_unpacked_is_refused() {
    let text = manifest(&["/a"]);
    let data = stored(&[("manifest.xml", text.as_bytes()), ("a", b"content")]);
    let directory = data.windows(4).rposition(|it| it == b"PK\x01\x02").unwrap();
    let local = data.windows(4).rposition(|it| it == b"PK\x03\x04").unwrap();
    for (in_directory, in_local, value) in [(8, 6, 1_u8), (10, 8, 12)] {
        let mut odd = data.clone();
        odd[directory + in_directory] = value;
        odd[local + in_local] = value;
        let (all, _) = read(&mut Package::open(Cursor::new(odd)).unwrap());
        assert!(matches!(all[0], Err(PackageError::Unsupported(_))), "{all:?}");
    }
    // Two members of one name: the directory is changed, for a writer refuses them.
    let mut twice = stored(&[("manifest.xml", text.as_bytes()), ("a", b"1"), ("b", b"2")]);
    let at = twice.windows(4).rposition(|it| it == b"PK\x01\x02").unwrap();
    twice[at + 46] = b'a';
    assert!(matches!(Package::open(Cursor::new(twice)), Err(PackageError::Repeated(_))));
}

#[test]
fn when_the_last_resource_was_taken_is_said_at_the_end() {
    let mut head = Head::list(Capability::ResourceDumpManifest);
    head.md.at = Datetime::read("2024-01-01T00:00:00Z");
    let mut writer = PackageWriter::new(Cursor::new(Vec::new()), &head).unwrap();
    writer.add(Entry::new("https://x.org/a"), &b"a"[..]).unwrap();
    let completed = Datetime::read("2024-01-01T01:00:00Z");
    writer.completed(completed.unwrap());
    let mut package = Package::open(writer.finish().unwrap()).unwrap();
    let document = Document::collect(package.manifest().unwrap()).unwrap();
    head.md.completed = completed;
    assert_eq!((document.head, document.entries.len()), (head, 1));
    assert_eq!(read(&mut package).0[0].as_ref().unwrap(), "a");
}

#[test]
fn more_members_than_an_old_zip_can_count_are_read() {
    // 16 bits count 65 535; beyond that it is a ZIP64.
    const MEMBERS: usize = 65_600;
    let names: Vec<_> = (0..MEMBERS).map(|n| format!("{n}")).collect();
    let paths: Vec<_> = names.iter().map(|name| format!("/{name}")).collect();
    let manifest = manifest(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let members: Vec<_> = [("manifest.xml", manifest.as_bytes())]
        .into_iter()
        .chain(names.iter().map(|name| (&**name, name.as_bytes())))
        .collect();
    let mut package = Package::open(Cursor::new(stored(&members))).unwrap();
    let (all, unlisted) = read(&mut package);
    assert_eq!((all.len(), unlisted), (MEMBERS, 0));
    assert!(all.into_iter().zip(names).all(|(text, name)| text.is_ok_and(|text| text == name)));
}

#[test]
fn members_that_say_how_large_they_are_in_64_bits_are_read() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [("manifest.xml", manifest(&["/a"])), ("a", "large".to_owned())] {
        zip.start_file(name, SimpleFileOptions::default().large_file(true)).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    let mut package = Package::open(zip.finish().unwrap()).unwrap();
    assert_eq!(read(&mut package).0[0].as_ref().unwrap(), "large");
}
