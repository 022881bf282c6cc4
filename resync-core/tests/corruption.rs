//! Damage on the way: found, never written, and mended by the next run.

#![cfg(all(feature = "sync", feature = "reqwest"))]
#![allow(clippy::unwrap_used)]

mod mirror_support;

use mirror_support::{Copy, Reply, Source, TOKEN, changes, entry, list, md, sha256, with_at};
use resync_core::sync::Report;

/// How many resources there are.
const NUMBER: usize = 40;
/// One in so many does not fit in memory, as the mirror sees it.
const LARGE: usize = 13;

fn path(number: usize) -> String {
    format!("/r/{number:02}.bin")
}

/// The content of a resource in one of its versions.
fn body(number: usize, version: u8) -> Vec<u8> {
    let length = if number % LARGE == 1 { 300_000 + number } else { 100 + number };
    (0..length).map(|at| (at * 31 + number * 7) as u8 ^ version).collect()
}

type Damage = fn(usize) -> Reply;

/// All that may happen to content on its way.
const DAMAGES: [(&str, Damage); 13] = [
    ("a bit is flipped", |n| {
        let mut body = body(n, 2);
        let at = n * 101 % body.len();
        body[at] ^= 1 << (n % 8);
        Reply::ok(body)
    }),
    ("the connection breaks", |n| Reply::ok(body(n, 2)).cut_at(50)),
    ("the connection breaks at once", |n| Reply::ok(body(n, 2)).cut_at(0)),
    ("no answer", |_| Reply::silent()),
    ("cut off, with a length to match", |n| Reply::ok(&body(n, 2)[..50])),
    ("cut off, without a length", |n| Reply::ok(&body(n, 2)[..50]).unannounced()),
    ("one byte is missing", |n| {
        let body = body(n, 2);
        Reply::ok(&body[..body.len() - 1])
    }),
    ("one byte too many", |n| Reply::ok([body(n, 2), vec![0]].concat())),
    ("fewer bytes announced than come", |n| Reply::ok(body(n, 2)).announced(60)),
    ("a web page", |_| Reply::html()),
    ("nothing", |_| Reply::ok("")),
    ("another resource", |n| Reply::ok(body((n + LARGE) % NUMBER, 2))),
    ("an old version", |n| Reply::ok(body(n, 1))),
];

fn listed(version: u8, say: fn(&[u8]) -> String) -> String {
    (0..NUMBER).map(|n| entry(&path(n), &say(&body(n, version)))).collect()
}

fn serve(source: &Source, version: u8) {
    for n in 0..NUMBER {
        source.put(&path(n), Reply::ok(body(n, version)));
    }
}

/// A source, and a copy of its first version.
async fn copied() -> (Source, Copy) {
    let source = Source::start();
    serve(&source, 1);
    source.document("/list.xml", list(&listed(1, |body| md(body))));
    let copy = Copy::of(&source, "/list.xml");
    let report = copy.baseline().await;
    assert_eq!((report.created, report.proven, report.failed), (40, 40, 0));
    (source, copy)
}

fn assert_version(copy: &Copy, version: u8, what: &str) {
    assert_eq!(copy.files().len(), NUMBER, "{what}");
    for n in 0..NUMBER {
        let path = copy.folder().join(&path(n)[1..]);
        assert!(std::fs::read(path).unwrap() == body(n, version), "{what}: {n}");
    }
    assert_eq!(copy.left_over(), Vec::<String>::new(), "{what}");
    assert_eq!(copy.outside().len(), 0, "{what}");
}

fn assert_all_failed(report: &Report, what: &str) {
    let Report { created, updated, same, failed, bytes, proven, checked, .. } = *report;
    assert_eq!((created, updated, same, failed), (0, 0, 0, 40), "{what}");
    assert_eq!((bytes, proven, checked), (0, 0, 0), "{what}");
    assert_eq!(report.failures.len(), NUMBER, "{what}");
    for failure in &report.failures {
        assert!(!failure.message.is_empty() && failure.uri.contains("/r/"), "{what}: {failure:?}");
        assert!(!failure.message.contains(TOKEN), "{what}: {failure:?}");
    }
}

#[tokio::test]
async fn damage_is_found_and_mended_by_the_next_run() {
    for (what, damage) in DAMAGES {
        let (source, copy) = copied().await;
        source.document("/list.xml", list(&listed(2, |body| md(body))));
        for n in 0..NUMBER {
            source.put(&path(n), damage(n));
        }
        for _ in 0..2 {
            assert_all_failed(&copy.baseline().await, what);
            assert_version(&copy, 1, what);
        }
        serve(&source, 2);
        let report = copy.baseline().await;
        assert_eq!((report.updated, report.proven, report.failed), (40, 40, 0), "{what}");
        assert_version(&copy, 2, what);
    }
}

#[tokio::test]
async fn damage_is_found_in_an_empty_folder_too() {
    for (what, damage) in DAMAGES {
        let source = Source::start();
        source.document("/list.xml", list(&listed(2, |body| md(body))));
        for n in 0..NUMBER {
            source.put(&path(n), damage(n));
        }
        let copy = Copy::of(&source, "/list.xml");
        assert_all_failed(&copy.baseline().await, what);
        assert_eq!((copy.files(), copy.left_over()), (Vec::new(), Vec::new()), "{what}");
        serve(&source, 2);
        assert_eq!(copy.baseline().await.created, 40, "{what}");
        assert_version(&copy, 2, what);
    }
}

#[tokio::test]
async fn damage_is_found_while_changes_are_followed() {
    for (what, damage) in DAMAGES {
        let (source, copy) = copied().await;
        let updated = |say: &str| {
            say.replace("<rs:md ", "<rs:md change=\"updated\" datetime=\"2024-01-02T00:00:00Z\" ")
        };
        let all = updated(&listed(2, |body| md(body)));
        source.document("/changes.xml", changes("from=\"2024-01-01T00:00:00Z\"", &[all]));
        for n in 0..NUMBER {
            source.put(&path(n), damage(n));
        }
        let report = copy.follow("/changes.xml").await;
        assert_all_failed(&report, what);
        assert_eq!(report.complete_until.unwrap().to_string(), "2024-01-01T00:00:00Z");
        assert_version(&copy, 1, what);
        serve(&source, 2);
        let report = copy.follow("/changes.xml").await;
        assert_eq!((report.updated, report.failed), (40, 0), "{what}");
        assert_eq!(report.complete_until.unwrap().to_string(), "2024-01-02T00:00:00Z");
        assert_version(&copy, 2, what);
    }
}

#[tokio::test]
async fn a_list_that_says_the_wrong_thing_is_not_believed() {
    type Lie = (&'static str, fn(&[u8]) -> String);
    let wrong: [Lie; 5] = [
        ("length", |body| md(body).replace("length=\"", "length=\"1")),
        ("length alone", |body| format!("<rs:md length=\"{}\"/>", body.len() + 1)),
        ("digest", |body| format!("<rs:md hash=\"sha-256:{}\"/>", sha256(&body[1..]))),
        ("weak digest", |body| {
            format!("<rs:md hash=\"md5:{0}\" length=\"{1}\"/>", &sha256(body)[..32], body.len())
        }),
        ("one digest of two", |body| {
            let (right, wrong) = (sha256(body), &sha256(body)[..32]);
            format!("<rs:md hash=\"sha-256:{right} md5:{wrong}\" length=\"{}\"/>", body.len())
        }),
    ];
    for (what, say) in wrong {
        let (source, copy) = copied().await;
        serve(&source, 2);
        source.document("/list.xml", list(&listed(2, say)));
        let report = copy.baseline().await;
        assert_all_failed(&report, what);
        let message = &report.failures[0].message;
        assert!(message.contains("the source says") && message.contains("what came has"));
        assert_version(&copy, 1, what);
        source.document("/list.xml", list(&listed(2, |body| md(body))));
        assert_eq!(copy.baseline().await.updated, 40, "{what}");
        assert_version(&copy, 2, what);
    }
}

#[tokio::test]
async fn a_cache_that_is_behind_is_passed_by() {
    let (source, copy) = copied().await;
    source.document("/list.xml", list(&listed(2, |body| md(body))));
    for n in 0..NUMBER {
        source.put(
            &path(n),
            Reply::by(move |asked| {
                let is_fresh = asked.header("Cache-Control") == Some("no-cache");
                Reply::ok(body(n, if is_fresh { 2 } else { 1 }))
            }),
        );
    }
    let report = copy.baseline().await;
    assert_eq!((report.updated, report.proven, report.failed), (40, 40, 0));
    assert_version(&copy, 2, "");
}

#[tokio::test]
async fn what_fails_for_some_is_done_for_the_others() {
    let (source, copy) = copied().await;
    source.document("/list.xml", list(&listed(2, |body| md(body))));
    serve(&source, 2);
    for (n, (_, damage)) in DAMAGES.iter().enumerate() {
        source.put(&path(n), damage(n));
    }
    let report = copy.baseline().await;
    assert_eq!((report.updated, report.failed), (27, 13));
    for n in 0..NUMBER {
        let version = if n < DAMAGES.len() { 1 } else { 2 };
        let path = copy.folder().join(&path(n)[1..]);
        assert!(std::fs::read(path).unwrap() == body(n, version), "{n}");
    }
    serve(&source, 2);
    source.asked();
    let report = copy.baseline().await;
    assert_eq!((report.updated, report.same, report.failed), (13, 27, 0));
    assert_eq!(source.paths().len(), 14, "only these are fetched again");
    assert_version(&copy, 2, "");
}

#[tokio::test]
async fn what_nothing_is_said_of_must_at_least_be_whole() {
    let (source, copy) = copied().await;
    let bare = listed(2, |_| String::new());
    for (n, damage) in [
        (2, Reply::ok(body(2, 2)).cut_at(50)),
        (3, Reply::ok(body(3, 2)).announced(9999)),
        (14, Reply::ok(body(14, 2)).cut_at(299_000)),
    ] {
        source.document("/list.xml", with_at(&format!("2024-01-{n:02}T00:00:00Z"), &bare));
        source.put(&path(n), damage);
        let report = copy.baseline().await;
        assert_eq!(report.failed, 1, "{n}");
        assert!(report.failures[0].uri.ends_with(&path(n)));
        source.put(&path(n), Reply::ok(body(n, 1)));
    }
    assert_version(&copy, 1, "");
}
