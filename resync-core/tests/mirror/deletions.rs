//! What the source does not have any more.

use super::*;

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
