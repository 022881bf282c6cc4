//! Addresses, and the paths that they become.

use super::*;

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
