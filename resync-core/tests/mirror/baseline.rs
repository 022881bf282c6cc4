//! A baseline: the folder holds what the source lists.

use super::*;

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
async fn every_file_by_itself_and_one_after_the_other_comes_to_the_same() {
    let source = three();
    let copy = Copy::of(&source, "/list.xml").with(|options| {
        options.fsync_each = true;
        options.concurrency = std::num::NonZeroUsize::MIN;
    });
    assert_eq!(counts(&copy.baseline().await), [3, 0, 0, 0, 0, 0]);
    assert_eq!(copy.files().len(), 3);
}
