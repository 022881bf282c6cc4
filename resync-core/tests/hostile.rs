//! Sources that mean harm, or are just broken: nothing leaves the folder, no secret leaves the
//! source, and a person is told what was wrong.

#![cfg(all(feature = "sync", feature = "reqwest"))]
#![allow(clippy::unwrap_used)]

#[path = "hostile/addresses.rs"]
mod addresses;
#[path = "hostile/lists.rs"]
mod lists;
mod mirror_support;
#[path = "hostile/origins.rs"]
mod origins;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use mirror_support::{Copy, Reply, Source, TOKEN, change, changes, entry, index, list, listed, md};
use resync_core::Result;
use resync_core::sync::{DeleteGuard, Options, Report};

/// How long a run may take in the worst case.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the resources of these sources contain.
const EVIL: &str = "evil";

/// The source that is copied, another one that it speaks of, and a folder with others beside it.
struct World {
    source: Source,
    stranger: Source,
    copy: Copy,
    before: BTreeMap<String, Vec<u8>>,
}

impl World {
    fn new() -> Self {
        let (source, stranger) = (Source::start(), Source::start());
        source.otherwise(Reply::ok(EVIL));
        stranger.otherwise(Reply::ok(EVIL));
        source.put("/.well-known/resourcesync", Reply::status(404));
        source.put("/robots.txt", Reply::status(404));
        source.put("/good", Reply::ok("good"));
        let copy = Copy::of(&source, "/list.xml");
        let beside = copy.parent().join("beside");
        std::fs::create_dir(&beside).unwrap();
        std::fs::write(beside.join("secret.txt"), "do not touch").unwrap();
        std::fs::write(copy.parent().join("secret.txt"), "do not touch").unwrap();
        let before = copy.outside();
        Self { source, stranger, copy, before }
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut world = Self::new();
        world.copy.set(change);
        world
    }

    /// A list of a good resource and these entries.
    fn list(&self, entries: &str) -> &Self {
        let entries = entries.replace("{stranger}", &self.stranger.base());
        self.source.document("/list.xml", list(&format!("{}{entries}", good())));
        self
    }

    async fn baseline(&self) -> Result<Report> {
        let run = tokio::time::timeout(PATIENCE, self.copy.try_baseline());
        let result = run.await.expect("it ends in time");
        self.check(&result);
        result
    }

    async fn follow(&self) -> Result<Report> {
        let run = tokio::time::timeout(PATIENCE, self.copy.try_follow("/changes.xml"));
        let result = run.await.expect("it ends in time");
        self.check(&result);
        result
    }

    /// What holds whatever a source does.
    fn check(&self, result: &Result<Report>) {
        assert_eq!(self.copy.outside(), self.before, "something outside of the folder has changed");
        assert_eq!(self.copy.left_over(), Vec::<String>::new());
        assert!(!format!("{result:?}").contains(TOKEN), "the token is told");
        for asked in self.stranger.asked() {
            assert!(!asked.head.contains(TOKEN), "the token was sent to a stranger: {asked:?}");
        }
        for file in self.copy.files() {
            let content = self.copy.read(&file);
            assert!(content.is_none_or(|text| !text.contains(TOKEN)), "the token is in {file}");
        }
    }
}

fn good() -> String {
    listed(&[("/good", "good")])
}

fn evil(loc: &str) -> String {
    entry(loc, &md(EVIL))
}

fn gzip(bytes: &[u8], repeated: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..repeated {
        encoder.write_all(bytes).unwrap();
    }
    encoder.finish().unwrap()
}

fn fill(source: &Source, xml: impl AsRef<str>) -> String {
    xml.as_ref().replace("{}", &source.base())
}

#[tokio::test]
async fn changes_that_mean_harm_stay_in_the_folder() {
    let mut world = World::new();
    world.copy.set(|options| {
        options.delete = true;
        options.guard = DeleteGuard::new(1.0, 0);
    });
    world.list("");
    world.baseline().await.unwrap();
    world.copy.write("mine.txt", "not of the source");
    let all = [
        change("/../secret.txt", "deleted", 2, None),
        change("/..%2fsecret.txt", "deleted", 2, None),
        change("/.resync/state.db", "deleted", 2, None),
        change("/mine.txt", "deleted", 2, None),
        change("file:///etc/passwd", "deleted", 2, None),
        change("/../secret.txt", "updated", 3, Some(EVIL)),
        change("/..%2f..%2fsecret.txt", "created", 3, Some(EVIL)),
        change("/.resync/lock", "created", 3, Some(EVIL)),
        change("file:///etc/passwd", "created", 3, Some(EVIL)),
        change(&format!("{}/evil", world.stranger.base()), "created", 3, Some(EVIL)),
        entry("/evil", "<rs:md change=\"exploded\"/>"),
        entry("/evil", ""),
    ];
    world.source.document("/changes.xml", changes("from=\"2024-01-01T00:00:00Z\"", &all));
    let report = world.follow().await.unwrap();
    assert_eq!((report.created, report.deleted, report.failed), (3, 0, 4), "{:?}", report.failures);
    assert_eq!(world.copy.read("mine.txt").unwrap(), "not of the source");
    assert_eq!(world.copy.read("secret.txt").unwrap(), EVIL);
    assert!(world.stranger.asked().is_empty());
}

#[tokio::test]
async fn a_source_that_shrinks_does_not_take_the_copy_along() {
    let names: Vec<_> = (0..200).map(|n| format!("/{n:03}")).collect();
    let all: String = names.iter().map(|name| evil(name)).collect();
    for left in [0, 2] {
        let world = World::with(|options| options.delete = true);
        world.list(&all);
        assert_eq!(world.baseline().await.unwrap().created, 201);
        let few: String = names[..left].iter().map(|name| evil(name)).collect();
        world.source.document("/list.xml", list(&few));
        for _ in 0..2 {
            let error = world.baseline().await.unwrap_err().to_string();
            let gone = 201 - left;
            assert!(
                error.contains(&format!("{gone} of 201 resources would be deleted")),
                "{error}"
            );
            assert_eq!(world.copy.files().len(), 201);
        }
        // The same through an index, and through changes.
        world.source.document("/list.xml", index("capability=\"resourcelist\"", &[("/p.xml", "")]));
        world.source.document("/p.xml", list(&few));
        world.baseline().await.unwrap_err();
        let gone: Vec<_> = names.iter().map(|name| change(name, "deleted", 2, None)).collect();
        world.source.document("/changes.xml", changes("from=\"2024-01-01T00:00:00Z\"", &gone));
        let error = world.follow().await.unwrap_err().to_string();
        assert!(error.contains("200 of 201 resources would be deleted"), "{error}");
        assert_eq!(world.copy.files().len(), 201);
    }
}

#[tokio::test]
async fn resources_that_are_too_large_or_never_end_are_given_up() {
    let world = World::with(|options| options.max_resource = 1 << 20);
    let large = vec![b'x'; 2 << 20];
    world
        .source
        .put("/large", Reply::ok(&large))
        .put("/large2", Reply::ok(&large).unannounced())
        .put("/endless", Reply::ok(&large[..10_000]).endless())
        .put("/lies", Reply::ok(EVIL).announced(1 << 60))
        .put("/bomb", Reply::ok(gzip(&large, 100)).header("Content-Encoding", "gzip"))
        .put("/exact", Reply::ok(&large[..1 << 20]));
    let locs = ["/large", "/large2", "/endless", "/lies", "/bomb", "/exact"];
    world.list(&locs.map(|loc| entry(loc, "")).concat());
    let report = world.baseline().await.unwrap();
    assert_eq!((report.created, report.failed), (2, 5), "{:?}", report.failures);
    assert_eq!(world.copy.files(), ["exact", "good"]);
    for failure in &report.failures {
        let is_lie = failure.uri.ends_with("/lies");
        let is_told = failure.message.contains("larger than") || failure.message.contains("limit");
        assert!(is_told || is_lie, "{failure:?}");
    }
    assert_little_memory();
}

#[tokio::test]
async fn a_login_page_is_no_resource() {
    let world = World::new();
    world.source.put("/evil", Reply::html());
    world.list(&evil("/evil"));
    let report = world.baseline().await.unwrap();
    assert_eq!((report.created, report.failed), (1, 1));
    assert!(report.failures[0].message.contains("the source says"), "{:?}", report.failures);
    assert_eq!(world.copy.files(), ["good"]);
}

#[tokio::test]
async fn many_resources_that_all_fail_do_not_fill_the_memory() {
    let world = World::new();
    let names: Vec<_> = (0..3000).map(|n| format!("ftp://x/{n:04}")).collect();
    world.list(&names.iter().map(|name| evil(name)).collect::<String>());
    let report = world.baseline().await.unwrap();
    assert_eq!((report.created, report.failed), (1, 3000));
    assert_eq!(report.failures.len(), Report::KEPT);
    assert_little_memory();
}

/// However large what came was, and in whatever way: the process has not needed much.
fn assert_little_memory() {
    // Elsewhere, it is not as easy to know.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return };
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 300 << 10, "{kilobytes} kB");
}
