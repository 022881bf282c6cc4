//! Dumps: whether their packages are used, and what is damaged in them.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// A package: the manifest's head and entries, and the bitstreams by their paths.
fn package(source: &Source, head: &str, entries: &str, bitstreams: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let manifest = urlset(head, entries).replace("{}", &source.base());
    for (name, content) in [("manifest.xml", &*manifest)].iter().chain(bitstreams) {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(*name, stored).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An entry of a manifest whose bitstream is at the path of its address.
fn packed(loc: &str, body: &str, more: &str) -> String {
    entry(loc, &md(body).replace("/>", &format!(" path=\"{loc}\" {more}/>")))
}

/// A source of so many resources of so many bytes, offered both ways; the dump is of this day of
/// January, and says how large it is or does not.
fn both(number: usize, bytes: usize, day: u32, says_length: bool) -> Source {
    let source = Source::start();
    let body = "x".repeat(bytes);
    let paths: Vec<_> = (0..number).map(|n| format!("/r/{n:03}")).collect();
    let resources: Vec<_> = paths.iter().map(|path| (&**path, &*body)).collect();
    source.list("/list.xml", &resources);
    let at = format!("at=\"2024-01-{day:02}T00:00:00Z\"");
    let entries: String = paths.iter().map(|path| packed(path, &body, "")).collect();
    let members: Vec<_> = paths.iter().map(|path| (&path[1..], &*body)).collect();
    let zip =
        package(&source, &format!("capability=\"resourcedump-manifest\" {at}"), &entries, &members);
    let length = match says_length {
        true => format!("<rs:md length=\"{}\"/>", zip.len()),
        false => String::new(),
    };
    let dump = urlset(&format!("capability=\"resourcedump\" {at}"), &entry("/p.zip", &length));
    let offers = [("/list.xml", "resourcelist"), ("/dump.xml", "resourcedump")];
    let offers = offers.map(|(loc, it)| entry(loc, &format!("<rs:md capability=\"{it}\"/>")));
    source
        .document("/dump.xml", dump)
        .document("/caps.xml", urlset("capability=\"capabilitylist\"", &offers.concat()))
        .put("/p.zip", Reply::ok(zip));
    source
}

/// Copies a part of what is listed, as a run would that was given up.
async fn copy_of_the_first(number: usize, bytes: usize, source: &Source, copy: &Copy) {
    let body = "x".repeat(bytes);
    let paths: Vec<_> = (0..number).map(|n| format!("/r/{n:03}")).collect();
    let listed: String = paths.iter().map(|path| entry(path, &md(&body))).collect();
    source.document("/part.xml", urlset("capability=\"resourcelist\"", &listed));
    copy.mirror().baseline(&source.url("/part.xml")).await.unwrap();
    source.asked();
}

fn is_told(report: &Report, part: &str) -> bool {
    report.notices.iter().any(|text| text.contains(part))
}

#[tokio::test]
async fn packages_are_used_where_nothing_is_here_yet() {
    let source = both(3, 10, 1, false);
    let copy = Copy::of(&source, "/caps.xml");
    let report = copy.baseline().await;
    assert_eq!(counts(&report), [3, 0, 0, 0, 0, 0]);
    assert!(is_told(&report, "packages are used: nothing is here yet"), "{:?}", report.notices);
    let asked = source.paths();
    assert!(!asked.iter().any(|path| path.starts_with("/r/") || path == "/list.xml"), "{asked:?}");
    // The copy is as new as they are, and what is here needs no second look at them.
    let report = copy.baseline().await;
    assert_eq!(counts(&report), [0, 0, 3, 0, 0, 0]);
    assert!(is_told(&report, "these are of 2024-01-01T00:00:00Z, and the copy is of 2024-01-01"));
    assert_eq!(source.paths(), ["/dump.xml", "/list.xml"]);
}

#[tokio::test]
async fn packages_are_used_where_single_requests_would_cost_more() {
    let source = both(50, 10, 1, true);
    let copy = Copy::of(&source, "/caps.xml");
    copy_of_the_first(2, 10, &source, &copy).await;
    let report = copy.baseline().await;
    assert_eq!((report.created, report.same, report.failed), (48, 2, 0));
    assert!(
        is_told(&report, "packages are used: at least 48 resources must be asked for"),
        "{:?}",
        report.notices
    );
    assert!(is_told(&report, "all packages are 1 request and "));
    assert!(!source.paths().iter().any(|path| path.starts_with("/r/")));
    assert_eq!(copy.files().len(), 50);
}

#[tokio::test]
async fn files_are_fetched_one_by_one_where_that_costs_less() {
    let source = both(20, 20_000, 1, true);
    let copy = Copy::of(&source, "/caps.xml");
    copy_of_the_first(19, 20_000, &source, &copy).await;
    let report = copy.baseline().await;
    assert_eq!((report.created, report.same, report.failed), (1, 19, 0));
    let why = "files are fetched one by one, not in packages: 1 of 20 resources must be asked for, \
               which is 1 request and 20000 bytes";
    assert!(is_told(&report, why), "{:?}", report.notices);
    let asked = source.paths();
    assert!(!asked.contains(&"/p.zip".to_owned()), "{asked:?}");
    assert!(asked.contains(&"/r/019".to_owned()), "{asked:?}");
}

#[tokio::test]
async fn packages_of_unknown_size_are_used_for_everything_or_not_at_all() {
    let source = both(50, 10, 1, false);
    let copy = Copy::of(&source, "/caps.xml");
    copy_of_the_first(2, 10, &source, &copy).await;
    let report = copy.baseline().await;
    assert_eq!((report.created, report.same), (48, 2));
    assert!(
        is_told(&report, "the source does not say how large these are"),
        "{:?}",
        report.notices
    );
    assert!(!source.paths().contains(&"/p.zip".to_owned()));
}

#[tokio::test]
async fn resources_of_unknown_length_are_as_long_as_the_packages_have_it() {
    let source = both(4, 100_000, 1, true);
    let copy = Copy::of(&source, "/caps.xml");
    copy.write("mine.txt", "not of the source");
    let entries: String = (0..4).map(|n| entry(&format!("/r/{n:03}"), "")).collect();
    source.document("/list.xml", list(&entries));
    let report = copy.baseline().await;
    assert_eq!(report.failed, 0);
    // Together they are as large as all of it, and there are more of them.
    assert!(is_told(&report, "packages are used: 4 of 4 resources"), "{:?}", report.notices);
    assert!(source.paths().contains(&"/p.zip".to_owned()));
}

#[tokio::test]
async fn packages_bring_nothing_back_that_has_changed_since() {
    let source = both(50, 10, 1, true);
    source
        .document("/changes.xml", changes(JANUARY, &[change("/r/000", "updated", 2, Some("new"))]));
    let copy = Copy::of(&source, "/caps.xml");
    copy.baseline().await;
    source.put("/r/000", Reply::ok("new"));
    assert_eq!(copy.follow("/changes.xml").await.updated, 1);
    // Even if all is new, and the packages would cost less.
    let all: String = (0..50).map(|n| entry(&format!("/r/{n:03}"), &md("new"))).collect();
    source.document("/list.xml", with_at("2024-01-03T00:00:00Z", &all)).otherwise(Reply::ok("new"));
    for n in 0..50 {
        source.put(&format!("/r/{n:03}"), Reply::ok("new"));
    }
    source.asked();
    let report = copy.baseline().await;
    assert_eq!((report.updated, report.failed), (49, 0));
    assert!(!source.paths().contains(&"/p.zip".to_owned()));
    assert_eq!(copy.read("r/000").unwrap(), "new");
}

#[tokio::test]
async fn files_that_nobody_knows_of_are_not_fetched_again_in_packages() {
    let source = both(3, 50_000, 1, true);
    let copy = Copy::of(&source, "/caps.xml");
    for n in 0..3 {
        copy.write(&format!("r/{n:03}"), "x".repeat(50_000));
    }
    let report = copy.baseline().await;
    assert_eq!((report.same, report.created, report.bytes), (3, 0, 0));
    assert_eq!(source.paths().iter().filter(|path| path.ends_with(".zip")).count(), 0);
}

#[tokio::test]
async fn whoever_names_a_list_gets_the_list() {
    let source = both(3, 10, 1, true);
    let up = "<rs:ln rel=\"up\" href=\"{}/caps.xml\"/><rs:md";
    let paths = ["/r/000", "/r/001", "/r/002"];
    let body = "x".repeat(10);
    let entries: String = paths.iter().map(|path| entry(path, &md(&body))).collect();
    source.document("/list.xml", list(&entries).replacen("<rs:md", up, 1));
    let copy = Copy::of(&source, "/list.xml");
    assert_eq!(copy.baseline().await.created, 3);
    let asked = source.paths();
    assert!(!asked.iter().any(|path| path == "/dump.xml" || path == "/p.zip"), "{asked:?}");
}

/// A source with a copy, and a Change Dump in which `/a.txt` has been damaged.
/// The last of what is given adds a package to it.
async fn damaged() -> (Source, Copy, impl FnMut(&str, &[(&str, &str)])) {
    let (source, copy) = followed(&[]).await;
    let put = {
        let source = source.clone();
        let mut packages = String::new();
        move |entries: &str, bitstreams: &[(&str, &str)]| {
            let head = format!("capability=\"changedump-manifest\" {JANUARY}");
            let zip = package(&source, &head, entries, bitstreams);
            let at = format!("/{}.zip", packages.len());
            packages += &entry(&at, "<rs:md/>");
            let dump = format!("capability=\"changedump\" {JANUARY}");
            source.put(&at, Reply::ok(zip)).document("/changes.xml", urlset(&dump, &packages));
        }
    };
    (source, copy, put)
}

const UPDATED: &str = "change=\"updated\" datetime=\"2024-01-02T00:00:00Z\"";

#[tokio::test]
async fn what_is_damaged_in_a_package_is_fetched_by_itself() {
    let (source, copy, mut put) = damaged().await;
    put(
        &[packed("/a.txt", "new", UPDATED), packed("/b/c.txt", "2", UPDATED)].concat(),
        &[("a.txt", "bad"), ("b/c.txt", "2")],
    );
    source.put("/a.txt", Reply::ok("new"));
    let report = copy.follow("/changes.xml").await;
    assert_eq!(counts(&report), [0, 2, 0, 0, 0, 0]);
    assert!(is_told(&report, "a.txt: "), "{:?}", report.notices);
    assert!(is_told(&report, "it is fetched by itself"));
    assert_eq!(copy.read("a.txt").unwrap(), "new");
    assert!(!source.paths().contains(&"/b/c.txt".to_owned()));
    // It holds nothing up.
    let report = copy.follow("/changes.xml").await;
    assert_eq!((report.failed, report.notices.len()), (0, 0), "{report:?}");
}

#[tokio::test]
async fn what_cannot_be_had_by_itself_either_waits_for_the_next_run() {
    let (source, copy, mut put) = damaged().await;
    put(
        &[packed("/a.txt", "new", UPDATED), packed("/b/c.txt", "2", UPDATED)].concat(),
        &[("b/c.txt", "2")],
    );
    source.put("/a.txt", Reply::status(404));
    for _ in 0..2 {
        let report = copy.follow("/changes.xml").await;
        assert_eq!(report.failed, 1);
        assert!(report.failures[0].message.contains("404"), "{:?}", report.failures);
    }
    assert_eq!(copy.read("b/c.txt").unwrap(), "2");
    source.put("/a.txt", Reply::ok("new"));
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0, 1, 0, 0, 0, 0]);
    assert_eq!(copy.read("a.txt").unwrap(), "new");
    let report = copy.follow("/changes.xml").await;
    assert_eq!((report.updated, report.failed, report.notices.len()), (0, 0, 0));
}

#[tokio::test]
async fn what_a_later_package_has_is_not_fetched_for_an_earlier_one() {
    let (source, copy, mut put) = damaged().await;
    put(
        &[
            packed("/a.txt", "new", UPDATED),
            entry("/a.txt", &md("newer").replace("/>", " path=\"/2\" change=\"updated\"/>")),
        ]
        .concat(),
        &[("a.txt", "bad"), ("2", "newer")],
    );
    source.put("/a.txt", Reply::status(404));
    source.asked();
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0, 1, 0, 0, 0, 0]);
    assert_eq!(copy.read("a.txt").unwrap(), "newer");
    assert!(!source.paths().contains(&"/a.txt".to_owned()));

    // The same where it waited since an earlier run.
    put(&packed("/a.txt", "third", UPDATED), &[]);
    assert_eq!(copy.follow("/changes.xml").await.failed, 1);
    put(&packed("/a.txt", "fourth", UPDATED), &[("a.txt", "fourth")]);
    source.asked();
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0, 1, 0, 0, 0, 0]);
    assert_eq!(copy.read("a.txt").unwrap(), "fourth");
    assert!(!source.paths().contains(&"/a.txt".to_owned()));
    assert_eq!(copy.follow("/changes.xml").await.notices.len(), 0);
}
