//! What could not be had, and is tried again.

use super::*;

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
    let report = copy.follow("/changes.xml").await;
    assert_eq!(counts(&report), [0, 1, 0, 0, 0, 0]);
    assert_eq!(report.complete_until.unwrap().to_string(), "2024-01-03T00:00:00Z");
    assert_eq!(source.paths(), ["/a.txt", "/changes.xml"]);
    assert_eq!(copy.read("a.txt").unwrap(), "1");
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
async fn a_change_that_always_fails_is_named_each_time_and_holds_nothing_up() {
    let mut all =
        vec![change("/a.txt", "updated", 2, Some("1")), change("/e.txt", "created", 3, Some("e"))];
    let (source, copy) = followed(&all).await;
    source.put("/e.txt", Reply::ok("e")).put("/a.txt", Reply::status(404));
    let first = copy.follow("/changes.xml").await;
    assert_eq!(counts(&first), [1, 0, 0, 0, 0, 1]);
    assert_eq!(first.complete_until.unwrap().to_string(), "2024-01-01T00:00:00Z");
    for _ in 0..2 {
        source.asked();
        let report = copy.follow("/changes.xml").await;
        assert_eq!((counts(&report), report.listed), ([0, 0, 0, 0, 0, 1], 1));
        assert_eq!(report.failures[0].uri, source.url("/a.txt").as_str());
        assert_eq!(report.complete_until, None);
        assert!(report.notices.iter().any(|text| text.contains("1 change could not be applied")));
        assert_eq!(source.paths(), ["/a.txt", "/changes.xml"]);
    }
    // What is newer is done instead.
    all.push(change("/a.txt", "deleted", 4, None));
    source.document("/changes.xml", changes(JANUARY, &all)).asked();
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0, 0, 0, 1, 0, 0]);
    assert_eq!(source.paths(), ["/changes.xml"]);
    let report = copy.follow("/changes.xml").await;
    assert_eq!((counts(&report), report.notices.len()), ([0; 6], 0));
}

#[tokio::test]
async fn a_baseline_that_is_newer_has_nothing_left_to_try_again() {
    let (source, copy) = followed(&[change("/a.txt", "updated", 2, Some("1"))]).await;
    source.put("/a.txt", Reply::status(404));
    assert_eq!(copy.follow("/changes.xml").await.failed, 1);
    // The list is older than the change.
    let old = [("/a.txt", "one"), ("/b/c.txt", "two"), ("/b/d.txt", "three")];
    source.put("/list.xml", Reply::ok(list(&listed(&old)).replace("{}", &source.base())));
    assert_eq!(copy.baseline().await.failed, 0);
    assert_eq!(copy.follow("/changes.xml").await.failed, 1);
    let new = with_at("2024-01-03T00:00:00Z", &listed(&old[1..]));
    source.document("/list.xml", new);
    assert_eq!(copy.baseline().await.failed, 0);
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0; 6]);
}

#[tokio::test]
async fn a_change_whose_place_is_taken_is_tried_again() {
    let (source, copy) = followed(&[change("/e.txt", "created", 2, Some("e"))]).await;
    source.put("/e.txt", Reply::ok("e"));
    // So is the one where it would go instead.
    let elsewhere = Places::fallback(source.url("/e.txt").as_str());
    copy.write("e.txt/mine", "do not touch");
    copy.write(&format!("{elsewhere}/mine"), "do not touch");
    for _ in 0..2 {
        assert_eq!(copy.follow("/changes.xml").await.failed, 1);
    }
    assert_eq!(copy.read("e.txt/mine").unwrap(), "do not touch");
    fs::remove_dir_all(copy.folder().join("e.txt")).unwrap();
    assert_eq!(copy.follow("/changes.xml").await.failed, 0);
    assert_eq!(copy.read("e.txt").unwrap(), "e");
    assert_eq!(counts(&copy.follow("/changes.xml").await), [0; 6]);
}

#[tokio::test]
async fn what_has_changed_may_be_had_elsewhere_if_a_digest_proves_it() {
    let links = "<rs:ln rel=\"memento\" href=\"{}/version\"/>\
                 <rs:ln rel=\"duplicate\" href=\"{}/mirror\"/>";
    let proven = change("/a.txt", "updated", 2, Some("new")).replace("</url>", links) + "</url>";
    let unproven = change("/e.txt", "created", 2, None).replace("</url>", links) + "</url>";
    let (source, copy) = followed(&[proven, unproven]).await;
    source.put("/a.txt", Reply::ok("newer")).put("/version", Reply::ok("new"));
    source.put("/mirror", Reply::status(404));
    let report = copy.follow("/changes.xml").await;
    assert_eq!(counts(&report), [0, 1, 0, 0, 0, 1]);
    assert_eq!(copy.read("a.txt").unwrap(), "new");
    // The next run finds it where it should be.
    source.put("/e.txt", Reply::ok("e"));
    assert_eq!(copy.follow("/changes.xml").await.created, 1);
}
