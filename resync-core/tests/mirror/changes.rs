//! Incremental: what has changed since.

use super::*;

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

/// A Resource List that does not say of when it is.
fn without_at(resources: &[(&str, &str)]) -> String {
    urlset("capability=\"resourcelist\"", &listed(resources))
}

#[tokio::test]
async fn of_a_list_without_a_time_its_server_knows_when_it_was_written() {
    let source = three();
    let xml = without_at(&[("/a.txt", "one")]).replace("{}", &source.base());
    let dated = Reply::ok(xml).header("Last-Modified", "Wed, 03 Jan 2024 00:30:00 GMT");
    source.put("/list.xml", dated).put("/a.txt", Reply::ok("one"));
    let copy = Copy::of(&source, "/list.xml");
    let report = copy.baseline().await;
    assert_eq!((report.created, report.complete_until), (1, None));
    assert!(
        report.notices.iter().any(|text| text.contains("at 2024-01-02T23:30:00Z, an hour before"))
    );
    assert!(copy.mirror().has_copy().unwrap());

    // What is older is not looked at.
    let all =
        [change("/x.txt", "created", 2, Some("x")), change("/e.txt", "created", 3, Some("e"))];
    source.document("/changes.xml", changes(JANUARY, &all)).put("/e.txt", Reply::ok("e"));
    let report = copy.follow("/changes.xml").await;
    assert_eq!((counts(&report), report.listed), ([1, 0, 0, 0, 0, 0], 1));
    assert_eq!(report.complete_until.unwrap().to_string(), "2024-01-03T00:00:00Z");
    // And what begins later has a gap.
    source.document("/late.xml", changes("from=\"2024-01-04T00:00:00Z\"", &[]));
    let error = copy.try_follow("/late.xml").await.unwrap_err();
    assert_eq!(error.kind(), resync_core::ErrorKind::Gap);
}

#[tokio::test]
async fn a_copy_of_no_known_time_takes_up_all_changes() {
    let source = three();
    source.document("/list.xml", without_at(&[("/a.txt", "one")]));
    let copy = Copy::of(&source, "/list.xml");
    let is_told = |report: &Report, part: &str| report.notices.iter().any(|it| it.contains(part));
    assert!(is_told(&copy.baseline().await, "with the first that the source lists"));
    let mut all = vec![change("/a.txt", "updated", 2, Some("1"))];
    source.document("/changes.xml", changes(JANUARY, &all)).put("/a.txt", Reply::ok("1"));
    let report = copy.follow("/changes.xml").await;
    assert_eq!(counts(&report), [0, 1, 0, 0, 0, 0]);
    assert!(is_told(&report, "all changes that the source lists are read"));
    // From then on it is known.
    all.push(change("/e.txt", "created", 3, Some("e")));
    source.document("/changes.xml", changes(JANUARY, &all)).put("/e.txt", Reply::ok("e"));
    let report = copy.follow("/changes.xml").await;
    assert_eq!((counts(&report), report.notices.len()), ([1, 0, 0, 0, 0, 0], 0));
}
