//! What is published: files of a folder, or whatever comes in order.

use super::*;

#[test]
fn a_folder_is_walked_in_the_order_of_addresses() {
    let site = site();
    let odd =
        ["a b", "ä", "a&b<c>\"d'", "100%", "q?x=1#y", "[x]", "a", "x/y/z", "x.y", "x-y/z", "x/b"];
    for name in odd {
        site.write(name, name);
    }
    for hidden in [".git/config", ".hidden", "resourcelist.xml", "changelist-00001.xml"] {
        site.write(hidden, "no");
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(site.data.join("a"), site.data.join("link")).unwrap();
    let uris: Vec<_> =
        Folder::walk(&site.data, "https://x.org").unwrap().map(|it| it.unwrap().uri).collect();
    assert_eq!(
        uris,
        [
            "100%25",
            "%5Bx%5D",
            "%C3%A4",
            "a",
            "a%20b",
            "a&b%3Cc%3E%22d'",
            "q%3Fx=1%23y",
            "x-y/z",
            "x.y",
            "x/b",
            "x/y/z"
        ]
        .map(|name| format!("https://x.org/{name}"))
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    let mut site = site;
    site.publish();
    assert_eq!(site.listed().len(), uris.len());
    // Documents in the folder itself are not published as resources.
    site.documents = site.data.clone();
    site.publisher = Publisher::new(&site.data, BASE).unwrap();
    for document in ["resourcelist.xml", "changelist-00001.xml"] {
        fs::remove_file(site.data.join(document)).unwrap();
    }
    for _ in 0..2 {
        site.publish();
        assert_eq!(site.listed().len(), uris.len());
    }
}

#[test]
fn what_is_out_of_order_is_refused() {
    let mut site = site();
    for (uris, what) in [
        (["https://x.org/b", "https://x.org/a"], "order"),
        (["https://x.org/a", "https://x.org/a"], "twice"),
        (["https://x.org/a", "https://x.org/b c"], "address"),
    ] {
        let error = site.publisher.publish(uris.map(|uri| bytes(uri, ""))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(what), "{error}");
        let left = names(&site.documents);
        assert_eq!(left, [".resync-lock"]);
    }
    let publication = site
        .publish_these([bytes("https://x.org/a&b", "1"), bytes("https://x.org/c", "2")])
        .unwrap();
    assert_eq!(publication.created, 2);
    let publication = site
        .publish_these([bytes("https://x.org/a&b", "1"), bytes("https://x.org/c", "3")])
        .unwrap();
    assert_eq!((publication.unchanged, publication.updated), (1, 1));
    for base in ["x.org", "mailto:a@x.org", "https://x.org/?a=b"] {
        assert_eq!(Publisher::new("x", base).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn other_digests_are_no_change() {
    let mut site = site();
    site.write("a", "x");
    site.publish();
    let both = [Algorithm::Md5, Algorithm::Sha256];
    site.publisher = site.publisher.algorithms(both).described_by("https://x.org/about");
    let publication = site.publish();
    assert_eq!((publication.unchanged, publication.measured), (1, 1));
    assert_eq!(
        publication.written,
        ["resourcelist.xml", "capabilitylist.xml", ".well-known/resourcesync"]
    );
    assert_eq!(site.entries(&Capability::ResourceList)[0].md.hash.digests().count(), 2);
    assert_eq!(site.changes(), []);
    // Digests of one kind can be compared, though the files cannot be told apart by their times.
    site.publisher = site.publisher.algorithms([Algorithm::Md5]);
    let now = SystemTime::now();
    File::options().write(true).open(site.data.join("a")).unwrap().set_modified(now).unwrap();
    assert_eq!(site.publish().unchanged, 1);
    site.publisher = site.publisher.algorithms([Algorithm::Sha1]);
    assert_eq!(site.publish().updated, 1);
}
