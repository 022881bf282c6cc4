//! A copy of a source, made and kept up with.

#![cfg(all(feature = "sync", feature = "reqwest"))]
#![allow(clippy::unwrap_used)]

mod mirror_support;

use std::fs;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use mirror_support::{
    Copy, Reply, Source, change, changes, entry, index, list, listed, md, root, urlset, with_at,
};
use resync_core::sync::{DeleteGuard, DifferenceKind, Event, Places, Report};

/// How long to wait for what happens at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run came to: created, updated, same, deleted, kept, failed.
fn counts(report: &Report) -> [u64; 6] {
    let Report { created, updated, same, deleted, kept, failed, .. } = *report;
    [created, updated, same, deleted, kept, failed]
}

fn three() -> Source {
    let source = Source::start();
    source.list("/list.xml", &[("/a.txt", "one"), ("/b/c.txt", "two"), ("/b/d.txt", "three")]);
    source
}

fn all_may_go(copy: Copy) -> Copy {
    copy.with(|options| {
        options.delete = true;
        options.guard = DeleteGuard::new(1.0, 0);
    })
}

#[tokio::test]
async fn the_first_baseline_copies_everything() {
    let source = three();
    let copy = Copy::of(&source, "/list.xml");
    let report = copy.baseline().await;
    assert_eq!(counts(&report), [3, 0, 0, 0, 0, 0]);
    assert_eq!((report.listed, report.documents, report.bytes, report.proven), (3, 1, 11, 3));
    assert!(report.is_in_sync());
    assert_eq!(report.complete_until.unwrap().to_string(), "2024-01-01T00:00:00Z");
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt"]);
    assert_eq!(copy.read("b/d.txt").unwrap(), "three");
    assert_eq!((copy.left_over(), copy.outside().len()), (Vec::new(), 0));
}

#[tokio::test]
async fn whether_there_is_a_copy_is_told_without_touching_the_folder() {
    let source = three();
    let copy = Copy::of(&source, "/list.xml");
    assert!(!copy.mirror().has_copy().unwrap());
    assert!(!copy.folder().exists());
    copy.baseline().await;
    assert!(copy.mirror().has_copy().unwrap());
}

#[tokio::test]
async fn a_source_that_has_not_changed_is_asked_for_its_lists_only() {
    let source = three();
    let copy = Copy::of(&source, "/list.xml");
    copy.baseline().await;
    source.asked();
    let report = copy.baseline().await;
    assert_eq!(source.paths(), ["/list.xml"]);
    assert_eq!(counts(&report), [0, 0, 3, 0, 0, 0]);
    assert_eq!((report.not_modified, report.documents, report.listed), (1, 0, 3));

    // The same holds where the server cannot tell, and the list comes again.
    let xml = list(&listed(&[("/a.txt", "one"), ("/b/c.txt", "two"), ("/b/d.txt", "three")]));
    source.put("/list.xml", Reply::ok(xml.replace("{}", &source.base())));
    for _ in 0..2 {
        source.asked();
        assert_eq!(counts(&copy.baseline().await), [0, 0, 3, 0, 0, 0]);
        assert_eq!(source.paths(), ["/list.xml"]);
    }
}

#[tokio::test]
async fn what_has_another_digest_is_fetched_and_nothing_else() {
    let source = three();
    let copy = Copy::of(&source, "/list.xml");
    copy.baseline().await;
    source.list("/list.xml", &[("/a.txt", "one"), ("/b/c.txt", "2"), ("/b/d.txt", "three")]);
    source.asked();
    let report = copy.baseline().await;
    assert_eq!(source.paths(), ["/b/c.txt", "/list.xml"]);
    assert_eq!(counts(&report), [0, 1, 2, 0, 0, 0]);
    assert_eq!(copy.read("b/c.txt").unwrap(), "2");
}

#[tokio::test]
async fn another_time_alone_is_no_reason_to_fetch_where_there_is_a_digest() {
    let source = Source::start();
    source.put("/a.txt", Reply::tagged("one"));
    let dated = |day: u32| {
        list(&entry("/a.txt", &format!("<lastmod>2023-01-{day:02}</lastmod>{}", md("one"))))
    };
    source.document("/list.xml", dated(1));
    let copy = Copy::of(&source, "/list.xml");
    copy.baseline().await;
    let modified = fs::metadata(copy.folder().join("a.txt")).unwrap().modified().unwrap();
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(since, 1_672_531_200, "the file is as old as the source says");
    for day in [2, 2] {
        source.document("/list.xml", dated(day));
        source.asked();
        assert_eq!(counts(&copy.baseline().await), [0, 0, 1, 0, 0, 0]);
        assert_eq!(source.paths(), ["/list.xml"]);
    }
}

#[tokio::test]
async fn a_part_that_has_not_changed_keeps_its_files_while_others_are_followed() {
    let source = Source::start();
    source
        .document(
            "/index.xml",
            index("capability=\"resourcelist\"", &[("/1.xml", ""), ("/2.xml", "")]),
        )
        .list("/1.xml", &[("/a", "a"), ("/b", "b")])
        .list("/2.xml", &[("/c", "c"), ("/d", "d")]);
    let copy = all_may_go(Copy::of(&source, "/index.xml"));
    assert_eq!(counts(&copy.baseline().await), [4, 0, 0, 0, 0, 0]);
    source.list("/2.xml", &[("/c", "new"), ("/e", "e")]);
    source.asked();
    let report = copy.baseline().await;
    assert_eq!(source.paths(), ["/1.xml", "/2.xml", "/c", "/e", "/index.xml"]);
    assert_eq!(counts(&report), [1, 1, 2, 1, 0, 0]);
    assert_eq!(report.not_modified, 2);
    assert_eq!(copy.files(), ["a", "b", "c", "e"]);

    // A part that is gone takes its files along.
    source.document("/index.xml", index("capability=\"resourcelist\"", &[("/2.xml", "")]));
    assert_eq!(counts(&copy.baseline().await), [0, 0, 2, 2, 0, 0]);
    assert_eq!(copy.files(), ["c", "e"]);
}

#[tokio::test]
async fn a_resource_may_move_from_one_part_to_another() {
    let source = Source::start();
    source
        .document(
            "/index.xml",
            index("capability=\"resourcelist\"", &[("/1.xml", ""), ("/2.xml", "")]),
        )
        .list("/1.xml", &[("/a", "a"), ("/b", "b")])
        .list("/2.xml", &[("/c", "c")]);
    let copy = all_may_go(Copy::of(&source, "/index.xml"));
    copy.baseline().await;
    source.list("/1.xml", &[("/a", "a")]).list("/2.xml", &[("/c", "c"), ("/b", "b")]);
    source.asked();
    assert_eq!(counts(&copy.baseline().await), [0, 0, 3, 0, 0, 0]);
    assert_eq!(source.paths(), ["/1.xml", "/2.xml", "/index.xml"]);
    // It stays where it is now, whatever becomes of the part where it was.
    source.list("/1.xml", &[]);
    assert_eq!(counts(&copy.baseline().await), [0, 0, 2, 1, 0, 0]);
    assert_eq!(copy.files(), ["b", "c"]);
}

#[tokio::test]
async fn a_list_of_lists_is_an_index() {
    let source = Source::start();
    let part = "<rs:md capability=\"resourcelist\"/>";
    source
        .document(
            "/index.xml",
            list(&format!("{}{}", entry("/1.xml", part), entry("/2.xml", part))),
        )
        .list("/1.xml", &[("/a", "a")])
        .list("/2.xml", &[("/b", "b")]);
    let copy = Copy::of(&source, "/index.xml");
    let report = copy.baseline().await;
    assert_eq!((counts(&report), report.listed), ([2, 0, 0, 0, 0, 0], 2));
    assert_eq!(copy.files(), ["a", "b"]);
    source.asked();
    assert_eq!(counts(&copy.baseline().await), [0, 0, 2, 0, 0, 0]);
    assert_eq!(source.paths(), ["/1.xml", "/2.xml", "/index.xml"]);
}

#[tokio::test]
async fn a_resource_that_is_listed_twice_is_copied_once() {
    let source = Source::start();
    let twice = [("/a", "a"), ("/a", "a"), ("/b", "b"), ("/a", "a")];
    source.list("/list.xml", &twice);
    let copy = Copy::of(&source, "/list.xml");
    let report = copy.baseline().await;
    assert_eq!((report.created, report.failed), (2, 0));
    assert_eq!(copy.files(), ["a", "b"]);
    source.asked();
    assert_eq!(copy.baseline().await.failed, 0);
    assert_eq!(source.paths(), ["/list.xml"]);
}

#[tokio::test]
async fn files_that_are_there_already_are_known_by_their_digests() {
    let source = three();
    let copy = Copy::of(&source, "/list.xml");
    copy.write("a.txt", "one");
    copy.write("b/c.txt", "twx");
    copy.write("mine.txt", "not of the source");
    let report = copy.baseline().await;
    assert_eq!(counts(&report), [2, 0, 1, 0, 0, 0]);
    assert!(!source.paths().contains(&"/a.txt".to_owned()));
    assert_eq!(copy.read("b/c.txt").unwrap(), "two");
    source.asked();
    assert_eq!(counts(&copy.baseline().await), [0, 0, 3, 0, 0, 0]);
    assert_eq!(source.paths(), ["/list.xml"]);
    assert_eq!(copy.read("mine.txt").unwrap(), "not of the source");
}

#[tokio::test]
async fn what_the_source_does_not_list_is_deleted_only_when_asked_for() {
    let source = three();
    let mut copy = Copy::of(&source, "/list.xml");
    copy.baseline().await;
    copy.write("mine.txt", "not of the source");
    source.list("/list.xml", &[("/a.txt", "one")]);
    assert_eq!(counts(&copy.baseline().await), [0, 0, 1, 0, 2, 0]);
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt", "mine.txt"]);

    // It may be asked for later: the list need not change again.
    copy.set(|options| options.delete = true);
    source.list("/list.xml", &[("/a.txt", "1")]);
    assert_eq!(counts(&copy.baseline().await), [0, 1, 0, 2, 0, 0]);
    assert_eq!(copy.files(), ["a.txt", "mine.txt"]);
    assert!(!copy.folder().join("b").exists(), "no empty folder is left");
}

#[tokio::test]
async fn what_was_kept_can_be_deleted_although_the_list_has_not_changed() {
    let source = three();
    let mut copy = Copy::of(&source, "/list.xml");
    copy.baseline().await;
    source.list("/list.xml", &[("/a.txt", "one")]);
    assert_eq!(copy.baseline().await.kept, 2);
    copy.set(|options| options.delete = true);
    assert_eq!(copy.baseline().await.deleted, 2);
    assert_eq!(copy.files(), ["a.txt"]);
}

#[tokio::test]
async fn a_deletion_of_too_much_is_refused() {
    let source = Source::start();
    let names: Vec<_> = (0..40).map(|n| format!("/{n:02}")).collect();
    let all: Vec<_> = names.iter().map(|name| (&**name, "x")).collect();
    source.list("/list.xml", &all);
    let mut copy = Copy::of(&source, "/list.xml").with(|options| options.delete = true);
    copy.baseline().await;
    source.list("/list.xml", &all[..29]);
    for _ in 0..2 {
        let error = copy.refused().await.to_string();
        assert!(error.contains("11 of 40 resources would be deleted"), "{error}");
        assert!(error.contains("delete guard"), "{error}");
        assert_eq!(copy.files().len(), 40);
    }
    // As a share of all, and as a number.
    for guard in [DeleteGuard::new(0.3, 0), DeleteGuard::new(0.0, 11)] {
        copy.set(|options| options.guard = guard);
        let report = copy.baseline().await;
        assert_eq!(report.deleted + report.kept, if guard.share > 0.0 { 11 } else { 0 });
        assert_eq!(copy.files().len(), 29);
    }
}

#[tokio::test]
async fn what_could_not_be_had_is_reported_and_tried_again_by_the_next_run() {
    let source = three();
    source.put("/b/c.txt", Reply::status(404));
    let copy = Copy::of(&source, "/list.xml");
    let report = copy.baseline().await;
    assert_eq!(counts(&report), [2, 0, 0, 0, 0, 1]);
    let failure = &report.failures[0];
    assert_eq!(failure.uri, source.url("/b/c.txt").as_str());
    assert!(failure.message.contains("404"), "{}", failure.message);
    assert!(!report.is_in_sync());
    assert_eq!(copy.files(), ["a.txt", "b/d.txt"]);

    source.put("/b/c.txt", Reply::ok("two"));
    source.asked();
    assert_eq!(counts(&copy.baseline().await), [1, 0, 2, 0, 0, 0]);
    assert_eq!(source.paths(), ["/b/c.txt", "/list.xml"]);
    assert_eq!(copy.files().len(), 3);
}

#[tokio::test]
async fn a_list_that_breaks_off_is_asked_for_again_and_nothing_is_deleted() {
    let source = three();
    let copy = all_may_go(Copy::of(&source, "/list.xml"));
    copy.baseline().await;
    let xml = list(&listed(&[("/a.txt", "1"), ("/b/c.txt", "two"), ("/b/d.txt", "three")]));
    let xml = xml.replace("{}", &source.base());
    source.put("/a.txt", Reply::ok("1"));
    let cut = xml.find("/b/d.txt").unwrap();
    for broken in [
        Reply::ok(&xml).cut_at(cut),
        Reply::ok(&xml[..cut]),
        Reply::ok(&xml[..cut]).unannounced(),
        Reply::silent(),
    ] {
        source.put("/list.xml", broken);
        source.asked();
        let error = copy.refused().await.to_string();
        assert!(error.contains("/list.xml"), "{error}");
        let asked = source.paths();
        assert!(asked.iter().filter(|path| *path == "/list.xml").count() > 1, "{asked:?}");
        assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt"]);
    }
    // Once only, and the run goes on.
    let times = Mutex::new(0);
    source.put(
        "/list.xml",
        Reply::by(move |_| {
            let mut times = times.lock().unwrap();
            *times += 1;
            if *times == 1 { Reply::ok(&xml).cut_at(cut) } else { Reply::ok(&xml) }
        }),
    );
    let report = copy.baseline().await;
    assert_eq!((report.deleted, report.failed), (0, 0));
    assert_eq!(copy.read("a.txt").unwrap(), "1");
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt"]);
}

#[tokio::test]
async fn a_dry_run_tells_and_writes_nothing() {
    let source = three();
    let mut copy = all_may_go(Copy::of(&source, "/list.xml"));
    copy.set(|options| options.dry_run = true);
    assert_eq!(counts(&copy.baseline().await), [3, 0, 0, 0, 0, 0]);
    assert_eq!(copy.files(), Vec::<String>::new());
    assert!(
        source.paths().iter().all(|path| path.ends_with(".xml") || path.contains("well-known"))
    );

    copy.set(|options| options.dry_run = false);
    copy.baseline().await;
    source.list("/list.xml", &[("/a.txt", "one"), ("/b/c.txt", "2"), ("/e.txt", "e")]);
    copy.set(|options| options.dry_run = true);
    for _ in 0..2 {
        assert_eq!(counts(&copy.baseline().await), [1, 1, 1, 1, 0, 0]);
    }
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt"]);
    assert_eq!(copy.read("b/c.txt").unwrap(), "two");
    copy.set(|options| options.dry_run = false);
    assert_eq!(counts(&copy.baseline().await), [1, 1, 1, 1, 0, 0]);
}

#[tokio::test]
async fn what_nothing_is_said_of_is_asked_for_with_what_the_server_said() {
    let source = Source::start();
    source.put("/a", Reply::tagged("a")).put("/b", Reply::ok("b"));
    source.document("/list.xml", list(&format!("{}{}", entry("/a", ""), entry("/b", ""))));
    let copy = Copy::of(&source, "/list.xml");
    assert_eq!(copy.baseline().await.created, 2);
    // The list has changed, if only its time.
    let entries = format!("{}{}", entry("/a", ""), entry("/b", ""));
    source.document("/list.xml", with_at("2024-01-02T00:00:00Z", &entries));
    source.asked();
    let report = copy.baseline().await;
    assert_eq!((report.same, report.updated, report.failed), (1, 1, 0));
    let asked = source.asked();
    let a = asked.iter().find(|asked| asked.path == "/a").unwrap();
    assert!(a.header("If-None-Match").is_some());
    source.put("/a", Reply::tagged("new"));
    source.document("/list.xml", with_at("2024-01-03T00:00:00Z", &entries));
    copy.baseline().await;
    assert_eq!(copy.read("a").unwrap(), "new");
}

#[tokio::test]
async fn files_that_were_tampered_with_are_found_when_they_are_looked_at() {
    let source = three();
    let mut copy = Copy::of(&source, "/list.xml");
    copy.baseline().await;
    copy.write("a.txt", "longer than it was");
    fs::remove_file(copy.folder().join("b/c.txt")).unwrap();
    assert_eq!(copy.baseline().await.same, 3, "nobody looked");
    copy.set(|options| options.check_files = true);
    let report = copy.baseline().await;
    assert_eq!((report.same, report.failed), (1, 0));
    assert_eq!(copy.read("a.txt").unwrap(), "one");
    assert_eq!(copy.read("b/c.txt").unwrap(), "two");
}

#[tokio::test]
async fn a_folder_is_the_copy_of_one_source() {
    let (source, other) = (three(), three());
    let copy = Copy::of(&source, "/list.xml");
    copy.baseline().await;
    let error = copy.mirror().baseline(&other.url("/list.xml")).await.unwrap_err().to_string();
    assert!(error.contains("the folder holds a copy of") && error.contains(&source.base()));
    assert_eq!(other.paths().iter().filter(|path| path.ends_with(".txt")).count(), 0);
    assert_eq!(copy.files().len(), 3);
}

#[tokio::test]
async fn two_runs_at_the_same_time_are_refused() {
    let source = three();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let waiting = Arc::clone(&gate);
    source.put(
        "/a.txt",
        Reply::by(move |_| {
            let (open, changed) = &*waiting;
            drop(changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            Reply::ok("one")
        }),
    );
    let copy = Arc::new(Copy::of(&source, "/list.xml"));
    let first = tokio::spawn({
        let copy = Arc::clone(&copy);
        async move { copy.baseline().await }
    });
    let started = Instant::now();
    while !source.asked().iter().any(|asked| asked.path == "/a.txt") {
        assert!(started.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    let error = copy.refused().await.to_string();
    assert!(error.contains("another run is at work in this folder"), "{error}");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    assert_eq!(first.await.unwrap().created, 3);
    assert_eq!(copy.baseline().await.same, 3);
}

#[tokio::test]
async fn who_wants_to_know_is_told_what_is_done() {
    let source = three();
    source.put("/a.txt", Reply::status(410));
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let copy = Copy::of(&source, "/list.xml").with(|options| {
        options.observer = Some(Arc::new(move |event| {
            telling.lock().unwrap().push(match event {
                Event::Document { url } => format!("document {}", url.path()),
                Event::Written { place, is_new, .. } => format!("written {place} {is_new}"),
                Event::Failed(failure) => format!("failed {}", failure.message.contains("410")),
                other => format!("{other:?}"),
            });
        }));
    });
    copy.baseline().await;
    let mut told = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told.remove(0), "document /list.xml");
    told.sort();
    assert_eq!(told, ["failed true", "written b/c.txt true", "written b/d.txt true"]);
}

#[tokio::test]
async fn an_audit_tells_what_is_different_and_changes_nothing() {
    let source = three();
    let mut copy = Copy::of(&source, "/list.xml");
    copy.baseline().await;
    assert!(copy.audit().await.is_in_sync());
    source.list("/list.xml", &[("/a.txt", "one"), ("/b/c.txt", "2"), ("/e.txt", "e")]);
    source.asked();
    let report = copy.audit().await;
    let mut found: Vec<_> =
        report.differences.iter().map(|it| (it.kind.name(), it.uri.as_str())).collect();
    found.sort_unstable();
    let at = |path| source.url(path).to_string();
    let (c, e, d) = (at("/b/c.txt"), at("/e.txt"), at("/b/d.txt"));
    assert_eq!(found, [("changed", &*c), ("extra", &*d), ("missing", &*e)]);
    assert_eq!((report.different, report.same), (3, 1));
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt"]);
    assert!(source.paths().iter().all(|path| !path.ends_with(".txt")), "no resource is fetched");

    // Damage that shows in neither length nor time is found when content is read.
    source.list("/list.xml", &[("/a.txt", "one"), ("/b/c.txt", "two"), ("/b/d.txt", "three")]);
    let path = copy.folder().join("a.txt");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "onE").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert!(copy.audit().await.is_in_sync());
    copy.set(|options| options.check_content = true);
    let report = copy.audit().await;
    assert_eq!(report.different, 1);
    assert_eq!(report.differences[0].kind, DifferenceKind::Changed);
    assert_eq!(copy.read("a.txt").unwrap(), "onE");
}

const JANUARY: &str = "from=\"2024-01-01T00:00:00Z\"";

/// A source whose list is copied, and a Change List of its own.
async fn followed(changes_of_it: &[String]) -> (Source, Copy) {
    let source = three();
    source.document("/changes.xml", changes(JANUARY, changes_of_it));
    let copy = Copy::of(&source, "/list.xml").with(|options| {
        options.delete = true;
        options.guard = DeleteGuard::new(1.0, 0);
    });
    copy.baseline().await;
    source.asked();
    (source, copy)
}

#[tokio::test]
async fn what_was_created_updated_and_deleted_is_followed() {
    let (source, copy) = followed(&[
        change("/e.txt", "created", 2, Some("e")),
        change("/a.txt", "updated", 3, Some("1")),
        change("/b/c.txt", "deleted", 4, None),
    ])
    .await;
    source.put("/a.txt", Reply::ok("1")).put("/e.txt", Reply::ok("e"));
    let report = copy.follow("/changes.xml").await;
    assert_eq!(counts(&report), [1, 1, 0, 1, 0, 0]);
    assert_eq!(report.complete_until.unwrap().to_string(), "2024-01-04T00:00:00Z");
    assert_eq!(copy.files(), ["a.txt", "b/d.txt", "e.txt"]);
    assert_eq!(copy.read("a.txt").unwrap(), "1");
    assert_eq!((copy.left_over(), copy.outside().len()), (Vec::new(), 0));
}

#[tokio::test]
async fn of_several_changes_the_last_one_counts() {
    let (source, copy) = followed(&[
        change("/e.txt", "created", 2, Some("e")),
        change("/a.txt", "updated", 2, Some("1")),
        change("/a.txt", "deleted", 3, None),
        change("/e.txt", "deleted", 3, None),
        change("/b/c.txt", "deleted", 3, None),
        change("/a.txt", "created", 4, Some("uno")),
        change("/b/c.txt", "created", 3, Some("dos")),
    ])
    .await;
    source.put("/a.txt", Reply::ok("uno")).put("/b/c.txt", Reply::ok("dos"));
    let report = copy.follow("/changes.xml").await;
    assert_eq!((report.updated + report.created, report.deleted, report.failed), (2, 0, 0));
    assert!(!source.paths().contains(&"/e.txt".to_owned()));
    assert_eq!(copy.read("a.txt").unwrap(), "uno");
    assert_eq!(copy.read("b/c.txt").unwrap(), "dos");
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt"]);
}

#[tokio::test]
async fn deletions_are_followed_only_when_asked_for_and_within_bounds() {
    let (_source, mut copy) =
        followed(&[change("/a.txt", "deleted", 2, None), change("/b/c.txt", "deleted", 2, None)])
            .await;
    copy.set(|options| options.guard = DeleteGuard::new(0.1, 1));
    let error = copy.try_follow("/changes.xml").await.unwrap_err().to_string();
    assert!(error.contains("2 of 3 resources would be deleted"), "{error}");
    assert_eq!(copy.files().len(), 3);
    copy.set(|options| options.delete = false);
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0, 0, 0, 0, 2, 0]);
    assert_eq!(copy.files().len(), 3);
}

#[tokio::test]
async fn only_what_was_appended_causes_work() {
    let mut all =
        vec![change("/a.txt", "updated", 2, Some("1")), change("/e.txt", "created", 3, Some("e"))];
    let (source, copy) = followed(&all).await;
    source.put("/a.txt", Reply::ok("1")).put("/e.txt", Reply::ok("e"));
    assert_eq!(counts(&copy.follow("/changes.xml").await), [1, 1, 0, 0, 0, 0]);
    source.asked();
    let report = copy.follow("/changes.xml").await;
    assert_eq!((counts(&report), report.listed), ([0; 6], 0));
    assert_eq!(source.paths(), ["/changes.xml"]);

    all.push(change("/b/c.txt", "updated", 3, Some("2")));
    source.put("/b/c.txt", Reply::ok("2")).document("/changes.xml", changes(JANUARY, &all));
    source.asked();
    let report = copy.follow("/changes.xml").await;
    assert_eq!((counts(&report), report.listed), ([0, 1, 0, 0, 0, 0], 1));
    assert_eq!(source.paths(), ["/b/c.txt", "/changes.xml"]);
}

#[tokio::test]
async fn a_change_that_could_not_be_had_is_tried_again() {
    let (source, copy) = followed(&[
        change("/a.txt", "updated", 2, Some("1")),
        change("/e.txt", "created", 3, Some("e")),
    ])
    .await;
    source.put("/e.txt", Reply::ok("e")).put("/a.txt", Reply::status(404));
    let report = copy.follow("/changes.xml").await;
    assert_eq!(counts(&report), [1, 0, 0, 0, 0, 1]);
    assert_eq!(copy.read("a.txt").unwrap(), "one");
    source.put("/a.txt", Reply::ok("1"));
    source.asked();
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0, 1, 1, 0, 0, 0]);
    assert_eq!(source.paths(), ["/a.txt", "/changes.xml"]);
    assert_eq!(copy.read("a.txt").unwrap(), "1");
}

#[tokio::test]
async fn a_list_that_was_replaced_is_read_from_its_beginning() {
    let (source, copy) = followed(&[
        change("/a.txt", "updated", 2, Some("1")),
        change("/e.txt", "created", 3, Some("e")),
    ])
    .await;
    source.put("/a.txt", Reply::ok("1")).put("/e.txt", Reply::ok("e"));
    copy.follow("/changes.xml").await;
    let other =
        [change("/e.txt", "created", 3, Some("e")), change("/b/d.txt", "updated", 4, Some("3"))];
    source
        .put("/b/d.txt", Reply::ok("3"))
        .document("/changes.xml", changes("from=\"2024-01-03T00:00:00Z\"", &other));
    let report = copy.follow("/changes.xml").await;
    assert!(report.notices.iter().any(|text| text.contains("not the list that was read before")));
    assert_eq!((report.updated, report.failed), (1, 0));
    assert_eq!(copy.read("b/d.txt").unwrap(), "3");
}

#[tokio::test]
async fn a_list_with_the_newest_change_first_is_understood() {
    let mut all = vec![
        change("/a.txt", "updated", 3, Some("new")),
        change("/a.txt", "updated", 2, Some("old")),
    ];
    let (source, copy) = followed(&all).await;
    source.put("/a.txt", Reply::ok("new"));
    let report = copy.follow("/changes.xml").await;
    assert_eq!(counts(&report), [0, 1, 0, 0, 0, 0]);
    assert!(report.notices.iter().any(|text| text.contains("the newest change stands first")));
    assert_eq!(report.complete_until.unwrap().to_string(), "2024-01-03T00:00:00Z");
    assert_eq!(copy.read("a.txt").unwrap(), "new");
    all.insert(0, change("/a.txt", "updated", 4, Some("newer")));
    source.put("/a.txt", Reply::ok("newer")).document("/changes.xml", changes(JANUARY, &all));
    assert_eq!(copy.follow("/changes.xml").await.failed, 0);
    assert_eq!(copy.read("a.txt").unwrap(), "newer");
}

#[tokio::test]
async fn a_history_with_a_gap_needs_a_baseline() {
    let (source, copy) = followed(&[]).await;
    source.document(
        "/changes.xml",
        changes("from=\"2024-01-02T00:00:00Z\"", &[change("/a.txt", "deleted", 3, None)]),
    );
    let error = copy.try_follow("/changes.xml").await.unwrap_err();
    assert_eq!(error.kind(), resync_core::ErrorKind::Gap);
    let error = error.to_string();
    assert!(error.contains("a baseline is needed"), "{error}");
    assert!(error.contains("2024-01-02"), "{error}");
    assert_eq!(copy.files().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_had_is_fetched_from_a_mirror_if_it_is_the_same() {
    let source = Source::start();
    let mirrors = "<rs:ln rel=\"duplicate\" pri=\"2\" href=\"{}/m/second\"/>\
                   <rs:ln rel=\"duplicate\" pri=\"1\" href=\"{}/m/first\"/>";
    let entries = [
        entry("/a.txt", &(md("one") + mirrors)),
        entry("/b.txt", &(md("other") + mirrors)),
        entry("/c.txt", mirrors),
    ];
    source
        .document("/list.xml", list(&entries.concat()))
        .put("/m/first", Reply::ok("not the same"))
        .put("/m/second", Reply::ok("one"));
    let copy = Copy::of(&source, "/list.xml");
    let report = copy.baseline().await;
    assert_eq!((report.created, report.failed), (1, 2), "without a digest, no mirror is believed");
    assert_eq!(copy.files(), ["a.txt"]);
    assert_eq!(copy.read("a.txt").unwrap(), "one");
}

#[tokio::test]
async fn a_gap_is_filled_from_the_archive() {
    let (source, copy) = followed(&[]).await;
    let late =
        changes("from=\"2024-01-03T00:00:00Z\"", &[change("/a.txt", "updated", 4, Some("newest"))]);
    let up = "<rs:ln rel=\"archives\" href=\"{}/archive.xml\"/><rs:md";
    source
        .document("/changes.xml", late.replacen("<rs:md", up, 1))
        .document(
            "/archive.xml",
            urlset(
                "capability=\"changelist-archive\"",
                &entry(
                    "/old.xml",
                    "<rs:md from=\"2024-01-01T00:00:00Z\" until=\"2024-01-03T00:00:00Z\"/>",
                ),
            ),
        )
        .document(
            "/old.xml",
            changes(
                "from=\"2024-01-01T00:00:00Z\" until=\"2024-01-03T00:00:00Z\"",
                &[
                    change("/a.txt", "updated", 2, Some("new")),
                    change("/e.txt", "created", 2, Some("e")),
                ],
            ),
        )
        .put("/a.txt", Reply::ok("newest"))
        .put("/e.txt", Reply::ok("e"));
    let report = copy.follow("/changes.xml").await;
    assert_eq!((report.created, report.updated, report.failed), (1, 1, 0), "{report:?}");
    assert!(report.notices.iter().any(|text| text.contains("archive.xml")));
    assert_eq!(copy.read("a.txt").unwrap(), "newest");
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0; 6]);
}

#[tokio::test]
async fn an_archive_that_does_not_reach_back_either_fills_no_gap() {
    let (source, copy) = followed(&[]).await;
    let late = changes("from=\"2024-01-05T00:00:00Z\"", &[]);
    let up = "<rs:ln rel=\"archives\" href=\"{}/archive.xml\"/><rs:md";
    let part = entry("/old.xml", "<rs:md from=\"2024-01-03T00:00:00Z\"/>");
    source
        .document("/changes.xml", late.replacen("<rs:md", up, 1))
        .document("/archive.xml", urlset("capability=\"changelist-archive\"", &part))
        .document("/old.xml", changes("from=\"2024-01-03T00:00:00Z\"", &[]));
    let error = copy.try_follow("/changes.xml").await.unwrap_err().to_string();
    assert!(error.contains("a baseline is needed"), "{error}");
}

#[tokio::test]
async fn a_list_that_is_older_than_the_changes_takes_nothing_back() {
    let (source, copy) = followed(&[change("/e.txt", "created", 3, Some("e"))]).await;
    source.put("/e.txt", Reply::ok("e"));
    copy.follow("/changes.xml").await;
    // The list is read again, and knows nothing of what was created.
    let xml = list(&listed(&[("/a.txt", "one"), ("/b/c.txt", "two"), ("/b/d.txt", "three")]));
    source.put("/list.xml", Reply::ok(xml.replace("{}", &source.base())));
    let report = copy.baseline().await;
    assert_eq!(counts(&report), [0, 0, 3, 0, 0, 0]);
    assert!(report.notices.iter().any(|text| text.contains("older than the changes")));
    assert_eq!(report.complete_until.unwrap().to_string(), "2024-01-03T00:00:00Z");
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt", "e.txt"]);
    // A list of later is believed.
    source.document(
        "/list.xml",
        with_at("2024-01-04T00:00:00Z", &listed(&[("/a.txt", "one"), ("/b/c.txt", "two")])),
    );
    assert_eq!(counts(&copy.baseline().await), [0, 0, 2, 2, 0, 0]);
    assert_eq!(copy.files(), ["a.txt", "b/c.txt"]);
}

#[tokio::test]
async fn what_a_baseline_could_not_have_is_told_while_changes_are_followed() {
    let source = three();
    source.put("/b/c.txt", Reply::status(404)).document("/changes.xml", changes(JANUARY, &[]));
    let copy = Copy::of(&source, "/list.xml");
    assert_eq!(copy.baseline().await.failed, 1);
    let is_told = |report: &Report| {
        report.notices.iter().any(|text| text.contains("could not have everything (1)"))
    };
    assert!(is_told(&copy.follow("/changes.xml").await));
    source.put("/b/c.txt", Reply::ok("two"));
    assert!(copy.baseline().await.is_in_sync());
    assert!(!is_told(&copy.follow("/changes.xml").await));
}

#[tokio::test]
async fn a_dry_run_over_changes_writes_nothing_and_moves_nothing_on() {
    let (source, mut copy) = followed(&[
        change("/a.txt", "updated", 2, Some("1")),
        change("/b/c.txt", "deleted", 3, None),
        change("/e.txt", "created", 4, Some("e")),
    ])
    .await;
    source.put("/a.txt", Reply::ok("1")).put("/e.txt", Reply::ok("e"));
    copy.set(|options| options.dry_run = true);
    for _ in 0..2 {
        assert_eq!(counts(&copy.follow("/changes.xml").await), [1, 1, 0, 1, 0, 0]);
        assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt"]);
        assert_eq!(copy.read("a.txt").unwrap(), "one");
    }
    assert!(!source.paths().contains(&"/e.txt".to_owned()));
    copy.set(|options| options.dry_run = false);
    assert_eq!(counts(&copy.follow("/changes.xml").await), [1, 1, 0, 1, 0, 0]);
}

#[tokio::test]
async fn a_part_that_cannot_be_had_ends_the_run_before_anything_is_deleted() {
    let source = Source::start();
    let parts = [("/1.xml", ""), ("/2.xml", "")];
    source
        .document("/index.xml", index("capability=\"resourcelist\"", &parts))
        .list("/1.xml", &[("/a", "a"), ("/b", "b")])
        .list("/2.xml", &[("/c", "c")]);
    let copy = all_may_go(Copy::of(&source, "/index.xml"));
    copy.baseline().await;
    source.list("/1.xml", &[("/a", "new")]).put("/2.xml", Reply::status(503));
    let error = copy.refused().await.to_string();
    assert!(error.contains("503") && error.contains("/2.xml"), "{error}");
    assert_eq!(copy.files(), ["a", "b", "c"]);
    source.list("/2.xml", &[("/c", "c")]);
    let report = copy.baseline().await;
    assert_eq!((report.deleted, report.failed), (1, 0));
    assert_eq!(
        (copy.files(), copy.read("a").unwrap()),
        (vec!["a".into(), "c".into()], "new".into())
    );
}

#[tokio::test]
async fn what_is_busy_is_asked_again() {
    let source = three();
    let times = Mutex::new(0);
    source.put(
        "/a.txt",
        Reply::by(move |_| {
            let mut times = times.lock().unwrap();
            *times += 1;
            if *times == 1 { Reply::status(503) } else { Reply::ok("one") }
        }),
    );
    let copy = Copy::of(&source, "/list.xml");
    assert_eq!(counts(&copy.baseline().await), [3, 0, 0, 0, 0, 0]);
    assert_eq!(source.paths().iter().filter(|path| *path == "/a.txt").count(), 2);
}

#[tokio::test]
async fn a_source_is_found_from_its_description() {
    let source = three();
    let of = |capability: &str| format!("<rs:md capability=\"{capability}\"/>");
    source
        .document(
            "/.well-known/resourcesync",
            urlset("capability=\"description\"", &entry("/caps.xml", &of("capabilitylist"))),
        )
        .document(
            "/caps.xml",
            urlset(
                "capability=\"capabilitylist\"",
                &format!(
                    "<rs:ln rel=\"up\" href=\"{{}}/.well-known/resourcesync\"/>{}{}",
                    entry("/list.xml", &of("resourcelist")),
                    entry("/changes.xml", &of("changelist"))
                ),
            ),
        )
        .document("/changes.xml", changes(JANUARY, &[change("/a.txt", "updated", 2, Some("1"))]));
    let copy = Copy::of(&source, "/");
    assert_eq!(copy.baseline().await.created, 3);
    source.put("/a.txt", Reply::ok("1"));
    assert_eq!(copy.follow("/").await.updated, 1);
    // Once found, it is known.
    source.asked();
    copy.follow("/").await;
    assert_eq!(source.paths(), ["/changes.xml"]);
}

#[tokio::test]
async fn changes_alone_are_no_copy() {
    let source = three();
    source.document("/changes.xml", changes(JANUARY, &[change("/a.txt", "updated", 2, None)]));
    let mut copy = Copy::of(&source, "/list.xml");
    let error = copy.try_follow("/changes.xml").await.unwrap_err().to_string();
    assert!(error.contains("begin with a baseline"), "{error}");
    // Unless somebody knows what they do.
    copy.set(|options| options.from = resync_core::document::Datetime::read("2024-01-02"));
    assert_eq!(copy.follow("/changes.xml").await.created, 1);
    assert_eq!(copy.files(), ["a.txt"]);
    // That counts for the first time only.
    copy.set(|options| options.from = resync_core::document::Datetime::read("2024-06-01"));
    source.document("/changes.xml", changes("from=\"2024-05-01T00:00:00Z\"", &[]));
    let error = copy.try_follow("/changes.xml").await.unwrap_err().to_string();
    assert!(error.contains("a baseline is needed"), "{error}");
}

#[tokio::test]
async fn changes_without_times_of_their_own_are_followed() {
    let dated = |loc: &str, what: &str, day: u32| {
        let lastmod = format!("<lastmod>2024-01-{day:02}T00:00:00Z</lastmod>");
        entry(loc, &format!("{lastmod}<rs:md change=\"{what}\"/>"))
    };
    let mut all = vec![
        dated("/a.txt", "updated", 2),
        dated("/b/c.txt", "updated", 3),
        dated("/b/c.txt", "deleted", 4),
    ];
    let (source, copy) = followed(&all).await;
    source.put("/a.txt", Reply::ok("1"));
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0, 1, 0, 1, 0, 0]);
    assert_eq!(copy.files(), ["a.txt", "b/d.txt"]);
    all.push(dated("/e.txt", "created", 4));
    source.put("/e.txt", Reply::ok("e")).document("/changes.xml", changes(JANUARY, &all));
    source.asked();
    assert_eq!(counts(&copy.follow("/changes.xml").await), [1, 0, 0, 0, 0, 0]);
    assert_eq!(source.paths(), ["/changes.xml", "/e.txt"]);
}

#[tokio::test]
async fn lists_that_are_closed_and_done_with_are_not_asked_for() {
    let source = three();
    let from_until = |from: u32, until: u32| {
        format!("from=\"2024-01-{from:02}T00:00:00Z\" until=\"2024-01-{until:02}T00:00:00Z\"")
    };
    let of = |md: &str| format!("<rs:md capability=\"changelist\" {md}/>");
    let (before, closed, open) = (
        of("from=\"2023-12-01T00:00:00Z\" until=\"2023-12-31T00:00:00Z\""),
        of(&from_until(1, 5)),
        of("from=\"2024-01-05T00:00:00Z\""),
    );
    source
        .document(
            "/changes.xml",
            index(
                "capability=\"changelist\" from=\"2023-12-01T00:00:00Z\"",
                // In the wrong order.
                &[("/3.xml", &open), ("/1.xml", &before), ("/2.xml", &closed)],
            ),
        )
        .document(
            "/2.xml",
            changes(
                &from_until(1, 5),
                &[
                    change("/a.txt", "updated", 2, Some("old")),
                    change("/b/c.txt", "deleted", 5, None),
                ],
            ),
        )
        .document(
            "/3.xml",
            changes(
                "from=\"2024-01-05T00:00:00Z\"",
                // At the same time as the last one before, and earlier in its list.
                &[
                    change("/b/c.txt", "created", 5, Some("two")),
                    change("/a.txt", "updated", 6, Some("new")),
                ],
            ),
        );
    let copy = all_may_go(Copy::of(&source, "/list.xml"));
    copy.baseline().await;
    source.put("/a.txt", Reply::ok("new"));
    source.asked();
    let report = copy.follow("/changes.xml").await;
    assert_eq!((report.updated, report.deleted, report.failed), (1, 0, 0));
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt"]);
    let asked = source.paths();
    assert!(asked.contains(&"/2.xml".to_owned()) && asked.contains(&"/3.xml".to_owned()));
    assert!(!asked.contains(&"/1.xml".to_owned()), "{asked:?}");
    assert_eq!(copy.read("a.txt").unwrap(), "new");

    assert_eq!(copy.follow("/changes.xml").await.listed, 0);
    assert_eq!(source.paths(), ["/3.xml", "/changes.xml"]);
}

#[tokio::test]
async fn without_times_what_stands_in_a_later_list_is_later() {
    let source = three();
    let bare = |loc: &str, what: &str| entry(loc, &format!("<rs:md change=\"{what}\"/>"));
    let many: Vec<_> =
        (0..5).map(|_| bare("/b/d.txt", "updated")).chain([bare("/a.txt", "deleted")]).collect();
    source
        .document(
            "/changes.xml",
            index("capability=\"changelist\"", &[("/1.xml", ""), ("/2.xml", "")]),
        )
        .document("/1.xml", changes("", &many))
        .document("/2.xml", changes("", &[bare("/a.txt", "created")]));
    let copy = all_may_go(Copy::of(&source, "/list.xml"));
    copy.baseline().await;
    assert_eq!(copy.follow("/changes.xml").await.deleted, 0);
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt"]);
}

#[tokio::test]
async fn a_plain_sitemap_is_copied() {
    let source = Source::start();
    source.put("/a", Reply::ok("a"));
    let plain = root("urlset", &entry("/a", "<lastmod>2024-01-01</lastmod>"));
    source.document("/sitemap.xml", plain);
    let copy = Copy::of(&source, "/sitemap.xml");
    let report = copy.baseline().await;
    assert_eq!((report.created, report.failed), (1, 0));
    assert!(report.notices.iter().any(|text| text.contains("sitemap")), "{:?}", report.notices);
    source.asked();
    source.document("/sitemap.xml", urlset("", &entry("/a", "<lastmod>2024-01-02</lastmod>")));
    assert_eq!(copy.baseline().await.updated, 1);
}

#[tokio::test]
async fn a_list_that_has_moved_is_found_again() {
    let source = three();
    let of = |list: &str| {
        let list = entry(list, "<rs:md capability=\"resourcelist\"/>");
        urlset("capability=\"capabilitylist\"", &list)
    };
    source.document("/caps.xml", of("/list.xml"));
    let copy = Copy::of(&source, "/caps.xml");
    assert_eq!(copy.baseline().await.created, 3);
    source.put("/list.xml", Reply::status(404)).document("/caps.xml", of("/new.xml"));
    source.list("/new.xml", &[("/a.txt", "one"), ("/b/c.txt", "two"), ("/e.txt", "e")]);
    if let Err(error) = copy.try_baseline().await {
        assert!(error.to_string().contains("/list.xml"), "{error}");
    }
    let report = copy.baseline().await;
    assert_eq!((report.failed, report.kept), (0, 1));
    assert_eq!(copy.files(), ["a.txt", "b/c.txt", "b/d.txt", "e.txt"]);
}

#[tokio::test]
async fn every_file_by_itself_and_one_after_the_other_comes_to_the_same() {
    let source = three();
    let copy = Copy::of(&source, "/list.xml").with(|options| {
        options.fsync_each = true;
        options.concurrency = std::num::NonZeroUsize::MIN;
    });
    assert_eq!(counts(&copy.baseline().await), [3, 0, 0, 0, 0, 0]);
    assert_eq!(copy.files().len(), 3);
}

#[tokio::test]
async fn what_is_in_the_way_is_left_alone_and_told() {
    let source = three();
    let copy = Copy::of(&source, "/list.xml");
    // A folder is where the file should go.
    copy.write("a.txt/mine", "mine");
    let report = copy.baseline().await;
    assert_eq!((report.created, report.failed), (3, 0));
    let elsewhere = Places::fallback(source.url("/a.txt").as_str());
    assert_eq!(copy.read(elsewhere.as_str()).unwrap(), "one");
    assert_eq!(copy.read("a.txt/mine").unwrap(), "mine");

    // And where it could go instead, too.
    let copy = Copy::of(&source, "/list.xml");
    copy.write("a.txt/mine", "mine");
    copy.write(&format!("{elsewhere}/mine"), "mine");
    for _ in 0..2 {
        let report = copy.baseline().await;
        assert_eq!(report.failed, 1);
        assert!(report.failures[0].message.contains("could not be put in their places"));
        assert!(!report.is_in_sync());
    }
    fs::remove_dir_all(copy.folder().join("a.txt")).unwrap();
    assert!(copy.baseline().await.is_in_sync());
    assert_eq!(copy.read("a.txt").unwrap(), "one");
    assert_eq!(copy.read("b/c.txt").unwrap(), "two");
}

#[tokio::test]
async fn a_run_that_was_given_up_is_gone_on_with() {
    let source = Source::start();
    let names: Vec<_> = (0..50).map(|n| format!("/{n:02}")).collect();
    let all: Vec<_> = names.iter().map(|name| (&**name, "x")).collect();
    source.list("/list.xml", &all);
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let waiting = Arc::clone(&gate);
    source.put(
        "/40",
        Reply::by(move |_| {
            let (open, changed) = &*waiting;
            drop(changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            Reply::ok("x")
        }),
    );
    let copy = Arc::new(Copy::of(&source, "/list.xml"));
    let run = tokio::spawn({
        let copy = Arc::clone(&copy);
        async move { copy.baseline().await }
    });
    let started = Instant::now();
    let mut asked = 0;
    while asked < 49 {
        assert!(started.elapsed() < PATIENCE);
        asked += source.paths().iter().filter(|path| path.len() == 3).count();
        tokio::task::yield_now().await;
    }
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    // The folder is free as soon as what was under way has noticed.
    let mut report = copy.try_baseline().await;
    while report.as_ref().is_err_and(|error| error.to_string().contains("another run")) {
        assert!(started.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
        report = copy.try_baseline().await;
    }
    let report = report.unwrap();
    assert_eq!((report.failed, report.created + report.same), (0, 50));
    assert!(report.same > 30, "{}", report.same);
    assert_eq!((copy.files().len(), copy.left_over()), (50, Vec::new()));
}
