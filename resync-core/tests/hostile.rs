//! Sources that mean harm, or are just broken: nothing leaves the folder, no secret leaves the
//! source, and a person is told what was wrong.

#![cfg(all(feature = "sync", feature = "reqwest"))]
#![allow(clippy::unwrap_used)]

mod mirror_support;

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

/// What comes of an address.
enum Expect {
    /// It is a file with this path; `…` stands for digits of a hash.
    File(&'static str),
    /// It fails, and the reason says this.
    Fails(&'static str),
}

use Expect::{Fails, File};

#[rustfmt::skip]
const ADDRESSES: &[(&str, Expect)] = &[
    // Out of the folder.
    ("/../evil", File("evil")),
    ("/a/../../../evil", File("evil")),
    ("../../evil", File("evil")),
    ("/%2e%2e/evil", File("evil")),
    ("/.%2E/%2e./evil", File("evil")),
    ("/..%2fevil", File("..%2Fevil~x~…")),
    ("/..%2f..%2f..%2fevil", File("..%2F..%2F..%2Fevil~x~…")),
    ("/%252e%252e%252fevil", File("%252e%252e%252fevil")),
    ("/..%5cevil", File("..%5Cevil~x~…")),
    ("/..\\..\\evil", File("evil")),
    ("/a/..;/..;/evil", File("a/..;/..;/evil")),
    ("//evil", File("~empty/evil")),
    ("{}//etc/passwd", File("~empty/etc/passwd")),
    ("{}/%2fetc%2fpasswd", File("%2Fetc%2Fpasswd~x~…")),
    ("/...", File("%2E%2E%2E")),
    ("/.../evil", File("%2E%2E%2E/evil")),
    ("/\u{2025}/evil", File("%E2%80%A5/evil")),
    ("/\u{ff0e}\u{ff0e}/evil", File("%EF%BC%8E%EF%BC%8E/evil")),
    ("/\u{ff0e}\u{ff0e}\u{ff0f}evil", File("%EF%BC%8E%EF%BC%8E%EF%BC%8Fevil")),
    ("/%c0%ae%c0%ae/evil", File("%C0%AE%C0%AE~x~…/evil")),
    ("/..%c0%afevil", File("..%C0%AFevil~x~…")),
    ("/\u{202e}live", File("%E2%80%AElive")),
    ("/~other/evil", File("%7Eother/evil")),
    ("/~/evil", File("%7E/evil")),
    // Names that mean something.
    ("/C:/evil", File("C%3A/evil")),
    ("/C:evil", File("C%3Aevil")),
    ("/C%3A%5Cevil", File("C%3A%5Cevil~x~…")),
    ("/%5C%5Chost%5Cshare", File("%5C%5Chost%5Cshare")),
    ("/evil%00.txt", File("evil%00.txt")),
    ("/evil%0d%0aSet-Cookie:x", File("evil%0D%0ASet-Cookie%3Ax~x~…")),
    ("/CON", File("%43ON")),
    ("/con.txt", File("%63on.txt")),
    ("/a/NUL.tar.gz", File("a/%4EUL.tar.gz")),
    ("/COM1", File("%43OM1")),
    ("/evil::$DATA", File("evil%3A%3A$DATA")),
    ("/evil.", File("evil%2E")),
    ("/evil%20", File("evil%20")),
    ("/evil...", File("evil%2E%2E%2E")),
    ("/%20evil", File(" evil")),
    ("/*%3F%22%3C%3E%7C", File("%2A%3F%22%3C%3E%7C")),
    ("/.resync/state.db", File("%2Eresync/state.db")),
    ("/.RESYNC/state.db", File("%2ERESYNC/state.db")),
    ("/.re%73ync/lock", File("%2Eresync~x~…/lock")),
    ("/.resync%2fstate.db", File(".resync%2Fstate.db~x~…")),
    ("/%2eresync/tmp/x", File("%2Eresync~x~…/tmp/x")),
    ("/.git/config", File(".git/config")),
    ("/", File("~index")),
    ("/a/", File("a/~index")),
    ("/a//b", File("a/~empty/b")),
    // Queries and fragments.
    ("/evil?a=1&amp;b=../../x", File("evil~q~a=1&b=..%2F..%2Fx")),
    ("/evil?", File("evil~q~")),
    ("/evil#top", File("evil~f~top")),
    ("/?../evil", File("~index~q~..%2Fevil")),
    // No address of ours.
    ("file:///etc/passwd", Fails("is neither http nor https")),
    ("ftp://{host}/evil", Fails("is neither http nor https")),
    ("data:text/plain,evil", Fails("is neither http nor https")),
    ("javascript:evil()", Fails("is neither http nor https")),
    ("urn:isbn:0451450523", Fails("is neither http nor https")),
    ("http://", Fails("this is no address")),
    ("http://[", Fails("this is no address")),
    ("http://a b/", Fails("this is no address")),
    ("", Fails("this is no address")),
    ("http:evil", Fails("is not where the source is")),
    ("http:///evil", Fails("is not where the source is")),
    ("https://{host}/evil", Fails("is on the local network")),
    ("http://{host}.evil.example/", Fails("this is no address")),
    ("http://{host}@evil.example/", Fails("is not where the source is")),
    ("http://evil.example/", Fails("is not where the source is")),
    ("http://evil.example\\@{host}/", Fails("is not where the source is")),
    ("{stranger}/evil", Fails("is on the local network")),
    ("http://127.0.0.1/evil", Fails("is on the local network")),
    ("http://localhost/evil", Fails("is on the local network")),
    ("http://[::1]/evil", Fails("is on the local network")),
    ("http://0x7f.1/evil", Fails("is on the local network")),
    ("http://2130706433/evil", Fails("is on the local network")),
    ("http://169.254.169.254/latest/meta-data", Fails("is on the local network")),
    ("http://10.0.0.1/evil", Fails("is on the local network")),
    ("http://192.168.1.1/evil", Fails("is on the local network")),
    ("http://[::ffff:10.0.0.1]/evil", Fails("is on the local network")),
];

#[tokio::test]
async fn whatever_an_address_looks_like_its_file_is_in_the_folder() {
    let mut wrong = String::new();
    for (loc, expected) in ADDRESSES {
        let world = World::new();
        let host = world.source.url("/");
        let host = format!("{}:{}", host.host_str().unwrap(), world.source.port());
        world.list(&evil(&loc.replace("{host}", &host)));
        let report = world.baseline().await.unwrap();
        let mut files = world.copy.files();
        let good = files.iter().position(|path| path == "good");
        files.remove(good.expect("the good one is copied"));
        let failure = report.failures.first().map(|failure| failure.message.clone());
        let is_right = match expected {
            File(path) => failure.is_none() && files.len() == 1 && is_like(&files[0], path),
            Fails(text) => files.is_empty() && failure.as_ref().is_some_and(|it| it.contains(text)),
        };
        if !is_right {
            writeln!(wrong, "{loc:?}: {files:?} {failure:?} {:?}", report.notices).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whether a path is the expected one, in which `…` stands for digits of a hash.
fn is_like(path: &str, expected: &str) -> bool {
    let Some((start, end)) = expected.split_once('…') else { return path == expected };
    let hash = path.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    hash.is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'/'))
}

#[tokio::test]
async fn names_that_are_too_long_are_cut_and_stay_apart() {
    let long = "n".repeat(5000);
    let deep = "d/".repeat(500);
    let encoded = "%C3%A4".repeat(300);
    let locs = [
        format!("/{long}1.txt"),
        format!("/{long}2.txt"),
        format!("/{encoded}"),
        format!("/x?{long}"),
        format!("/x#{long}"),
        format!("/{deep}evil.txt"),
        format!("/{}evil", "0123456789/".repeat(300)),
    ];
    let world = World::new();
    world.list(&locs.iter().map(|loc| evil(loc)).collect::<String>());
    let report = world.baseline().await.unwrap();
    assert_eq!((report.created, report.failed), (8, 0), "{:?}", report.failures);
    let files = world.copy.files();
    assert_eq!(files.len(), 8);
    assert!(files.iter().all(|path| path.len() <= 1024));
    assert!(files.iter().flat_map(|path| path.split('/')).all(|name| name.len() <= 200));
    let elsewhere = files.iter().filter(|path| path.starts_with("~other/"));
    assert_eq!(elsewhere.count(), 2);
}

#[tokio::test]
async fn what_a_file_system_may_confuse_is_kept_apart() {
    let groups: [&[&str]; 5] = [
        &["/Readme", "/README", "/readme"],
        &["/a", "/a/b", "/a/b/c"],
        &["/x/y", "/x", "/x/"],
        &["/stra\u{df}e", "/STRASSE", "/\u{17f}", "/s", "/S"],
        &["/caf\u{e9}", "/cafe\u{301}", "/caf%C3%A9", "/caf%c3%a9"],
    ];
    for locs in groups {
        let world = World::new();
        let bodies: Vec<_> = (0..locs.len()).map(|n| format!("content {n}")).collect();
        let entries: String =
            locs.iter().zip(&bodies).map(|(loc, it)| entry(loc, &md(it))).collect();
        for (loc, body) in locs.iter().zip(&bodies) {
            let url = world.source.url(loc);
            world.source.put(url.path(), Reply::ok(body));
        }
        // One file for each spelling; the last two of some are the same address.
        let different: std::collections::BTreeSet<_> =
            locs.iter().map(|loc| world.source.url(loc).path().to_owned()).collect();
        let entries: String = match different.len() == locs.len() {
            true => entries,
            false => locs.iter().map(|loc| entry(loc, "")).collect(),
        };
        world.list(&entries);
        let report = world.baseline().await.unwrap();
        assert_eq!(report.failed, 0, "{locs:?} {:?}", report.failures);
        let files = world.copy.files();
        assert_eq!(files.len(), locs.len() + 1, "{locs:?} {files:?}");
        let folded: std::collections::BTreeSet<_> =
            files.iter().map(|path| path.to_uppercase().to_lowercase()).collect();
        assert_eq!(folded.len(), files.len(), "{files:?}");
        let mut contents: Vec<_> = files.iter().filter_map(|path| world.copy.read(path)).collect();
        contents.sort();
        contents.dedup();
        assert_eq!(contents.len(), different.len() + 1, "{locs:?}");
        // And a second run finds all of it.
        assert_eq!(world.baseline().await.unwrap().failed, 0);
        assert_eq!(world.copy.files(), files);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_in_the_folder_are_not_followed() {
    use std::os::unix::fs::symlink;

    let world = World::new();
    let folder = world.copy.folder();
    std::fs::create_dir_all(&folder).unwrap();
    symlink("../beside", folder.join("out")).unwrap();
    symlink("../secret.txt", folder.join("evil")).unwrap();
    symlink("/", folder.join("root")).unwrap();
    symlink("nowhere", folder.join("dangling")).unwrap();
    let entries: String =
        ["/out/evil", "/out/secret.txt", "/evil", "/root/tmp/evil", "/dangling", "/dangling/x"]
            .map(evil)
            .concat();
    world.list(&entries);
    let report = world.baseline().await.unwrap();
    assert_eq!((report.created, report.failed), (7, 0), "{:?}", report.failures);
    assert!(folder.join("out").is_symlink() && folder.join("root").is_symlink());
    assert!(!folder.join("evil").is_symlink(), "the file takes the place of the link");
    assert_eq!(world.copy.read("evil").unwrap(), EVIL);

    // What is deleted is the file, and not where a link leads to.
    std::fs::remove_file(folder.join("evil")).unwrap();
    symlink("../secret.txt", folder.join("evil")).unwrap();
    let mut world = world;
    world.copy.set(|options| {
        options.delete = true;
        options.guard = DeleteGuard::new(1.0, 0);
    });
    world.list("");
    assert_eq!(world.baseline().await.unwrap().deleted, 6);
    assert!(folder.join("out").is_symlink());
    assert_eq!(world.copy.read("good").unwrap(), "good");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_in_place_of_our_own_folder_is_refused() {
    let world = World::new();
    std::fs::create_dir_all(world.copy.folder()).unwrap();
    std::os::unix::fs::symlink("../beside", world.copy.folder().join(".resync")).unwrap();
    world.list("");
    let error = world.baseline().await.unwrap_err().to_string();
    assert!(error.contains("cannot be opened"), "{error}");
    assert_eq!(world.source.paths(), Vec::<String>::new());
}

#[tokio::test]
async fn other_origins_are_asked_only_when_they_are_named_and_never_told_a_secret() {
    let mut world = World::new();
    world.list(&evil("{stranger}/evil"));
    let report = world.baseline().await.unwrap();
    assert_eq!((report.created, report.failed), (1, 1));
    let message = &report.failures[0].message;
    assert!(
        message.contains(&format!("naming its origin, {}", world.stranger.base())),
        "{message}"
    );

    let stranger = world.stranger.url("/");
    world.copy.set(|options| options.allowed = vec![stranger]);
    let report = world.mirror_and_keep_asked().await;
    assert_eq!((report.created, report.failed), (1, 0), "{:?}", report.failures);
    let path = format!("~host/http-127.0.0.1~{}/evil", world.stranger.port());
    assert_eq!(world.copy.read(&path).unwrap(), EVIL);
}

impl World {
    /// A run after which it is certain that the stranger was asked, without the token.
    async fn mirror_and_keep_asked(&self) -> Report {
        let report = self.copy.baseline().await;
        let asked = self.stranger.asked();
        assert!(!asked.is_empty());
        assert!(asked.iter().all(|asked| !asked.head.contains(TOKEN)), "{asked:?}");
        assert!(self.source.asked().iter().all(|asked| asked.head.contains(TOKEN)));
        self.check(&Ok(report.clone()));
        report
    }
}

#[tokio::test]
async fn redirects_lead_nowhere_that_was_not_named() {
    for status in [301, 302, 303, 307, 308] {
        let world = World::new();
        let to = |to: &str| Reply::status(status).header("Location", to);
        let stranger = world.stranger.base();
        world
            .source
            .put("/1", to(&format!("{stranger}/evil")))
            .put("/2", to("file:///etc/passwd"))
            .put("/3", to("ftp://127.0.0.1/evil"))
            .put("/4", to("/4"))
            .put("/5", to("/6"))
            .put("/6", to("/5"))
            .put("/7", to("/8?1"))
            .put("/8?1", to("/8?2"))
            .put("/8?2", to("/8?3"))
            .put("/8?3", to("/8?4"))
            .put("/8?4", to("/8?5"))
            .put("/8?5", to("/8?6"))
            .put("/9", to("http://["))
            .put("/10", to("data:text/plain,evil"));
        let locs = ["/1", "/2", "/3", "/4", "/5", "/6", "/7", "/9", "/10"];
        world.list(&locs.map(evil).concat());
        let report = world.baseline().await.unwrap();
        assert_eq!((report.created, report.failed), (1, 9), "{status}");
        assert_eq!(world.copy.files(), ["good"]);
        for (loc, text) in [
            ("/1", "is on the local network"),
            ("/2", "redirected to file"),
            ("/3", "redirected to ftp"),
            ("/4", "redirected in a circle"),
            ("/5", "redirected in a circle"),
            ("/7", "redirected more than"),
            ("/9", "which is no URL"),
            ("/10", "redirected to data"),
        ] {
            let at = world.source.url(loc);
            let failure = report.failures.iter().find(|it| it.uri == at.as_str()).unwrap();
            assert!(failure.message.contains(text), "{status} {loc}: {}", failure.message);
        }
        assert!(world.stranger.asked().is_empty(), "nothing is sent there");
    }
}

#[tokio::test]
async fn a_list_that_is_redirected_to_a_stranger_is_refused() {
    let world = World::new();
    world.stranger.document("/list.xml", list(&evil("/evil")));
    let to = format!("{}/list.xml", world.stranger.base());
    world.source.put("/list.xml", Reply::redirect(&to));
    let error = world.baseline().await.unwrap_err().to_string();
    assert!(error.contains("is on the local network"), "{error}");
    assert!(world.stranger.asked().is_empty());
    assert_eq!(world.copy.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_part_at_a_strangers_is_refused() {
    let world = World::new();
    world.stranger.document("/part.xml", list(&evil("/evil")));
    let part = format!("{}/part.xml", world.stranger.base());
    world.source.document("/list.xml", index("capability=\"resourcelist\"", &[(&part, "")]));
    let error = world.baseline().await.unwrap_err().to_string();
    assert!(error.contains("is on the local network"), "{error}");
    assert!(error.contains(&world.stranger.base()), "{error}");
    assert!(world.stranger.asked().is_empty());
}

#[tokio::test]
async fn secrets_in_addresses_are_not_told() {
    let world = World::new();
    let host = world.source.base().replace("http://", "");
    world.source.put("/evil", Reply::status(404));
    world.list(&evil(&format!("http://me:pass-word@{host}/evil")));
    let report = world.baseline().await.unwrap();
    assert_eq!(report.failed, 1);
    assert!(!report.failures[0].message.contains("pass-word"), "{:?}", report.failures);
    assert!(world.copy.files() == ["good"]);
}

#[tokio::test]
async fn the_password_in_the_address_of_the_source_is_not_written_down() {
    let world = World::new();
    world.list("");
    let mut url = world.source.url("/list.xml");
    url.set_username("me").unwrap();
    url.set_password(Some("pass-word")).unwrap();
    for _ in 0..2 {
        let report = world.copy.mirror().baseline(&url).await.unwrap();
        assert!(!format!("{report:?}").contains("pass-word"), "{report:?}");
        assert!(report.notices.iter().any(|text| text.contains("user name and password")));
    }
    let own = world.copy.folder().join(".resync");
    for file in std::fs::read_dir(own).unwrap() {
        let path = file.unwrap().path();
        let content = std::fs::read(&path).unwrap_or_default();
        assert!(!content.windows(9).any(|part| part == b"pass-word"), "{}", path.display());
    }
}

/// What a run over a broken list comes to.
enum Ends {
    /// It is copied, and a notice says this.
    Noticed(&'static str),
    /// It is copied as if nothing was odd.
    Copied,
    /// Another resource fails, and says this.
    Failed(&'static str),
    /// The run fails, and says this.
    Refused(&'static str),
}

use Ends::{Copied, Failed, Noticed, Refused};

fn gzip(bytes: &[u8], repeated: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..repeated {
        encoder.write_all(bytes).unwrap();
    }
    encoder.finish().unwrap()
}

fn utf16(text: &str, is_little: bool, has_mark: bool) -> Vec<u8> {
    let mark = has_mark.then_some(0xfeff_u16);
    let units = mark.into_iter().chain(text.encode_utf16());
    units.flat_map(|it| if is_little { it.to_le_bytes() } else { it.to_be_bytes() }).collect()
}

type Broken = fn(&Source) -> Reply;

fn fill(source: &Source, xml: impl AsRef<str>) -> String {
    xml.as_ref().replace("{}", &source.base())
}

/// A list of the good one, with something in front of the root.
fn prefixed(source: &Source, prefix: &str, more: &str) -> Reply {
    let xml = fill(source, list(&format!("{}{more}", good())));
    Reply::ok(xml.replacen("<urlset", &format!("{prefix}<urlset"), 1))
}

#[rustfmt::skip]
const LISTS: &[(&str, Broken, Ends)] = &[
    ("entity bomb", |source| {
        let mut dtd = "<!DOCTYPE urlset [<!ENTITY a0 \"evil\">".to_owned();
        for n in 1..12 {
            let inner = format!("&a{};", n - 1).repeat(10);
            write!(dtd, "<!ENTITY a{n} \"{inner}\">").unwrap();
        }
        prefixed(source, &format!("{dtd}]>"), "<url><loc>&a11;</loc></url>")
    }, Refused("brings a document type definition of its own")),
    ("external entity", |source| {
        let dtd = "<!DOCTYPE urlset [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
        prefixed(source, dtd, "<url><loc>{}/&x;</loc></url>")
    }, Refused("brings a document type definition of its own")),
    ("external subset", |source| {
        let dtd = "<!DOCTYPE urlset SYSTEM \"http://evil.example/x.dtd\">";
        prefixed(source, dtd, "")
    }, Noticed("a document type declaration")),
    ("an address of 10 MB", |source| {
        Reply::ok(fill(source, list(&(good() + &evil(&format!("/{}", "x".repeat(10 << 20)))))))
    }, Refused("a value is too long")),
    ("100000 attributes", |source| {
        let many: String = (0..100_000).map(|n| format!(" a{n}=\"\"")).collect();
        Reply::ok(fill(source, list(&(good() + &evil("/evil").replace("<rs:md", &format!("<rs:md{many}"))))))
    }, Refused("an element has too many attributes")),
    ("an attribute of 10 MB", |source| {
        let long = "x".repeat(10 << 20);
        Reply::ok(fill(source, list(&(good() + &entry("/evil", &format!("<rs:md hash=\"{long}\"/>"))))))
    }, Refused("an entry has more than 4194304 bytes")),
    ("100000 links in an entry", |source| {
        let many = "<rs:ln rel=\"duplicate\" href=\"{}/x\"/>".repeat(100_000);
        Reply::ok(fill(source, list(&(good() + &entry("/evil", &format!("{}{many}", md(EVIL)))))))
    }, Copied),
    ("20000 links of the list", |source| {
        let many = "<rs:ln rel=\"up\" href=\"{}/x\"/>".repeat(20_000);
        Reply::ok(fill(source, list(&(many + &good()))))
    }, Noticed("leads to no document")),
    ("elements 100000 deep", |source| {
        let (open, close) = ("<x>".repeat(100_000), "</x>".repeat(100_000));
        Reply::ok(fill(source, list(&(good() + &entry("/evil", &format!("{open}{close}"))))))
    }, Refused("elements are nested too deeply")),
    ("a gzip bomb", |_| {
        Reply::ok(gzip(&[b' '; 1 << 20], 1100)).header("Content-Encoding", "gzip")
    }, Refused("is larger than")),
    ("a gzip bomb, not announced", |_| Reply::ok(gzip(&[b' '; 1 << 20], 1100)), Refused("is larger than")),
    ("a packed list", |source| {
        Reply::ok(gzip(fill(source, list(&good())).as_bytes(), 1)).header("Content-Encoding", "gzip")
    }, Copied),
    ("a packed list that is cut off", |source| {
        let packed = gzip(fill(source, list(&good())).as_bytes(), 1);
        Reply::ok(&packed[..packed.len() / 2]).header("Content-Encoding", "gzip")
    }, Refused("the packed answer ends too early")),
    ("a web page", |_| Reply::html(), Refused("(as given): a web page")),
    ("a web page that never ends", |_| Reply::ok("<html><p>".repeat(1000)).endless(), Refused("larger than")),
    ("nothing", |_| Reply::ok(""), Refused("(as given): an empty answer")),
    ("zeros", |_| Reply::ok(vec![0; 10_000]), Refused("(as given): an empty answer")),
    ("other XML", |_| Reply::ok("<?xml version=\"1.0\"?><feed/>"), Refused("(as given): no document, but")),
    ("JSON", |_| Reply::ok("{\"urls\": []}"), Refused("(as given): no document, but")),
    ("an error", |_| Reply::status(500), Refused("the server answered 500")),
    ("no such list", |_| Reply::status(404), Refused("the server answered 404")),
    ("another kind of list", |source| Reply::ok(fill(source, changes("", &[good()]))), Refused("is a changelist; baseline takes")),
    ("a length that is negative", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md length=\"-1\"/>")))))
    }, Noticed("illegal-value: length: \"-1\"")),
    ("a length that is too large", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md length=\"18446744073709551616\"/>")))))
    }, Noticed("illegal-value: length")),
    ("the largest length", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md length=\"18446744073709551615\"/>")))))
    }, Failed("the source says 18446744073709551615 bytes")),
    ("a time that is none", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<lastmod>yesterday</lastmod>")))))
    }, Noticed("illegal-value: lastmod: \"yesterday\"")),
    ("a time that never was", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<lastmod>2024-02-31T25:61:00Z</lastmod>")))))
    }, Noticed("illegal-value: lastmod")),
    ("the year 292277026596", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<lastmod>292277026596-01-01</lastmod>")))))
    }, Noticed("illegal-value: lastmod")),
    ("the year 0 and the year 9999", |source| {
        let (first, last) = ("<lastmod>0000-01-01</lastmod>", "<lastmod>9999-12-31</lastmod>");
        Reply::ok(fill(source, list(&(good() + &entry("/evil", first) + &entry("/evil2", last)))))
    }, Copied),
    ("a list made at no time", |source| {
        Reply::ok(fill(source, list(&good()).replace("2024-01-01T00:00:00Z", "now")))
    }, Noticed("illegal-value: at: \"now\"")),
    ("a digest of an unknown kind only", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md hash=\"crc32:00000000\"/>")))))
    }, Copied),
    ("a digest that is none", |source| {
        Reply::ok(fill(source, list(&(good() + &entry("/evil", "<rs:md hash=\"md5:xyz sha-256:\"/>")))))
    }, Noticed("illegal-value: hash: \"md5:xyz\"")),
    ("UTF-16, little", |source| Reply::ok(utf16(&fill(source, list(&good())).replace("UTF-8", "UTF-16"), true, true)), Copied),
    ("UTF-16, big", |source| Reply::ok(utf16(&fill(source, list(&good())).replace("UTF-8", "UTF-16"), false, true)), Copied),
    ("UTF-16 without a mark", |source| Reply::ok(utf16(&fill(source, list(&good())).replace("UTF-8", "UTF-16"), true, false)), Copied),
    ("a mark in front", |source| Reply::ok(format!("\u{feff}{}", fill(source, list(&good())))), Copied),
    ("blanks in front", |source| Reply::ok(format!("\n\n {}", fill(source, list(&good())))), Noticed("white space before the declaration")),
    ("Latin-1 that is said to be UTF-8", |source| {
        let xml = fill(source, list(&(good() + &evil("/caf\u{e9}"))));
        Reply::ok(xml.chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<_>>())
    }, Noticed("the byte 0xE9 is not UTF-8")),
    ("an unknown encoding", |source| Reply::ok(fill(source, list(&good())).replace("UTF-8", "x-klingon")), Copied),
    ("characters that XML does not have", |source| {
        Reply::ok(fill(source, list(&(good() + &evil("/e&#0;vil\u{1}")))))
    }, Noticed("the character U+0001 is forbidden")),
    ("an end that does not match", |source| {
        Reply::ok(fill(source, list(&(good() + "<url><loc>{}/evil</url></loc>"))))
    }, Refused("</url> where </loc> should be")),
    ("something behind the end", |source| {
        Reply::ok(format!("{}<script>evil()</script>", fill(source, list(&good()))))
    }, Noticed("after the end")),
    ("the list twice", |source| {
        let xml = fill(source, list(&good()));
        Reply::ok(format!("{xml}{xml}"))
    }, Noticed("after the end")),

];

#[tokio::test]
async fn a_list_may_be_anything() {
    let mut wrong = String::new();
    for (what, broken, expected) in LISTS {
        let world = World::new();
        world.source.put("/list.xml", broken(&world.source));
        let started = std::time::Instant::now();
        let result = world.baseline().await;
        if started.elapsed() > Duration::from_secs(30) {
            writeln!(wrong, "{what:?} took {:?}", started.elapsed()).unwrap();
        }
        let has_good = world.copy.read("good").is_some_and(|text| text == "good");
        let is_right = match (expected, &result) {
            (Copied, Ok(report)) => has_good && report.failed == 0 && report.notices.is_empty(),
            (Noticed(text), Ok(report)) => {
                has_good && report.failed == 0 && report.notices.iter().any(|it| it.contains(text))
            }
            (Failed(text), Ok(report)) => {
                has_good && report.failed == 1 && report.failures[0].message.contains(text)
            }
            (Refused(text), Err(error)) => error.to_string().contains(text),
            _ => false,
        };
        if !is_right {
            let text = match result {
                Ok(report) => format!("Ok {:?} {:?}", report.failures, report.notices),
                Err(error) => format!("Err {error}"),
            };
            let short: String = text.chars().take(600).collect();
            writeln!(wrong, "{what:?}: {has_good} {short}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_little_memory();
}

#[tokio::test]
async fn indexes_that_lead_in_circles_or_too_deep_come_to_an_end() {
    let of = |part: &str| index("capability=\"resourcelist\"", &[(part, ""), ("/good.xml", "")]);
    let world = World::new();
    world.source.document("/list.xml", of("/list.xml")).document("/good.xml", list(&good()));
    let report = world.baseline().await.unwrap();
    assert_eq!(report.created, 1);
    assert!(report.notices.iter().any(|text| text.contains("listed more than once")));

    let world = World::new();
    world
        .source
        .document("/good.xml", list(&good()))
        .document("/list.xml", of("/1.xml"))
        .document("/1.xml", of("/list.xml"));
    let report = world.baseline().await.unwrap();
    assert_eq!(report.created, 1);
    assert!(report.notices.iter().any(|text| text.contains("listed more than once")));

    // Each has another one below it.
    let world = World::new();
    world.source.document("/list.xml", of("/0.xml")).document("/good.xml", list(&good()));
    for n in 0..20 {
        world.source.document(&format!("/{n}.xml"), of(&format!("/{}.xml", n + 1)));
    }
    let error = world.baseline().await.unwrap_err().to_string();
    assert!(error.contains("levels"), "{error}");
    assert!(world.source.asked().len() < 20);
}

#[tokio::test]
async fn an_index_of_too_many_parts_is_refused() {
    let parts = |capability: &str| {
        let parts = "<sitemap><loc>/x</loc></sitemap>".repeat(200_001);
        index(&format!("capability=\"{capability}\""), &[]).replace("</sitemapindex>", &parts)
            + "</sitemapindex>"
    };
    let world = World::new();
    world.list("");
    world.baseline().await.unwrap();
    world.source.document("/changes.xml", parts("changelist"));
    world.source.document("/list.xml", parts("resourcelist"));
    world.source.asked();
    for error in [world.baseline().await.unwrap_err(), world.follow().await.unwrap_err()] {
        assert!(error.to_string().contains("more than 200000 lists"), "{error}");
    }
    assert!(!world.source.paths().contains(&"/x".to_owned()));
    assert_little_memory();
}

#[tokio::test]
async fn histories_that_lead_in_circles_come_to_an_end() {
    let world = World::new();
    world.list("");
    world.baseline().await.unwrap();
    let of = |part: &str| index("capability=\"changelist\"", &[(part, "")]);
    world.source.document("/changes.xml", of("/1.xml")).document("/1.xml", of("/changes.xml"));
    let error = world.follow().await.unwrap_err().to_string();
    assert!(error.contains("lead in a circle"), "{error}");

    let world = World::new();
    world.list("");
    world.baseline().await.unwrap();
    world.source.document("/changes.xml", of("/0.xml"));
    for n in 0..50 {
        world.source.document(&format!("/{n}.xml"), of(&format!("/{}.xml", n + 1)));
    }
    world.source.asked();
    let error = world.follow().await.unwrap_err().to_string();
    assert!(error.contains("levels"), "{error}");
    assert!(world.source.asked().len() < 20);
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
