//! Runs one after the other, at the same time, and given up.

use super::*;

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
