//! Runs that only look: dry ones, and audits.

use super::*;

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
async fn whoever_only_looks_leaves_nothing_in_a_folder_without_a_copy() {
    let source = three();
    source.document("/changes.xml", changes(JANUARY, &[change("/a.txt", "updated", 2, None)]));
    let mut copy = Copy::of(&source, "/list.xml");
    let missing = copy.audit().await;
    assert_eq!((missing.different, missing.listed), (3, 3));
    assert!(missing.differences.iter().all(|it| it.kind == DifferenceKind::Missing));
    copy.set(|options| options.dry_run = true);
    assert_eq!(copy.baseline().await.created, 3);
    copy.set(|options| options.from = resync_core::document::Datetime::read("2024-01-01"));
    assert_eq!(copy.follow("/changes.xml").await.created, 1);
    assert!(copy.try_follow("/gone.xml").await.is_err());
    assert!(!copy.folder().exists());

    // What is there is looked at all the same.
    copy.write("a.txt", "one");
    assert_eq!(copy.audit().await.different, 2);
    assert_eq!(counts(&copy.baseline().await), [2, 0, 1, 0, 0, 0]);
    assert_eq!(fs::read_dir(copy.folder()).unwrap().count(), 1);
    assert_eq!(copy.outside().len(), 0);
}
