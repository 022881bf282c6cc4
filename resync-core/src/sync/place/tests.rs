use std::path::Component;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn places() -> Places {
    Places::new("http://h/base/".parse().unwrap())
}

fn place(uri: &str) -> String {
    places().place(uri).as_str().to_owned()
}

// What every path must keep to, whatever the URI.
fn check(place: &Place) {
    let path = place.as_str();
    assert!(path.len() <= LONGEST_PATH && path.split('/').count() <= DEEPEST_PATH, "{path}");
    assert!(place.as_path().components().all(|part| matches!(part, Component::Normal(_))));
    for name in path.split('/') {
        assert!(!name.is_empty() && name.len() <= LONGEST_NAME, "{path}");
        assert!(!name.ends_with(['.', ' ']) && !is_device(name), "{path}");
        assert!(!name.contains(|c: char| c.is_control() || "<>:\"\\|?*".contains(c)), "{path}");
    }
    assert!(!path.split('/').next().is_some_and(is_reserved), "{path}");
    assert_eq!(Place::from_kept(path).as_ref(), Some(place));
}

#[test]
fn what_is_below_the_base_keeps_its_path() {
    let cases = [
        ("http://h/base/a/B.txt", "a/B.txt"),
        ("HTTP://H:80/x/../base/a", "a"),
        ("http://h/base/caf%C3%A9%20(1).pdf", "café (1).pdf"),
        ("http://h/base/\u{e9}", "é"),
        ("http://h/base/%5B1%5D", "[1]"),
        ("http://h/base/~me", "%7Eme"),
        ("http://h/base/", "~index"),
        ("http://h/base/a/", "a/~index"),
        ("http://h/base/a//b", "a/~empty/b"),
        ("http://h/base/a?", "a~q~"),
        ("http://h/base/a?id=%20&x=../..", "a~q~id=%2520&x=..%2F%2E%2E"),
        ("http://h/base/a#b", "a~f~b"),
        ("http://h/base/.hidden", ".hidden"),
    ];
    for (uri, expected) in cases {
        assert_eq!(place(uri), expected, "{uri}");
        check(&places().place(uri));
    }
    let bare = Places::new("http://me:secret@h/base?x#y".parse().unwrap());
    assert_eq!(bare.place("http://h/base/a").as_str(), "a");
    assert_eq!(bare.place("http://h/basement").as_str(), "~host/http-h/basement");
}

#[test]
fn what_is_elsewhere_is_kept_by_host() {
    let cases = [
        ("http://h/x", "~host/http-h/x"),
        ("https://h/base/x", "~host/https-h/base/x"),
        ("http://h:8080/base/x", "~host/http-h~8080/base/x"),
        ("http://h-8080/base/x", "~host/http-h-8080/base/x"),
        ("http://[::1]/x", "~host/http-[%3A%3A1]/x"),
        ("http://h./", "~host/http-h%2E/~index"),
        ("file:///etc/passwd", "~host/file-/etc/passwd"),
        ("file:///C:/Windows", "~host/file-/C%3A/Windows"),
        ("ftp://h/.resync/x", "~host/ftp-h/.resync/x"),
    ];
    for (uri, expected) in cases {
        assert_eq!(place(uri), expected);
        check(&places().place(uri));
    }
}

#[test]
fn hostile_names_stay_inside() {
    let cases = [
        ("http://h/base/../../etc/passwd", "~host/http-h/etc/passwd"),
        ("http://h/base/%2e%2e/%2E./x", "~host/http-h/x"),
        ("http://h/base/..%5cx", "..%5Cx~x~"),
        ("http://h/base/..%2fx", "..%2Fx~x~"),
        ("http://h/base/..%2F", "..%2F"),
        ("http://h/base/%252e%252e/x", "%252e%252e/x"),
        ("http://h/base/..\\x", "~host/http-h/x"),
        ("http://h/base/a%00b", "a%00b"),
        ("http://h/base/C:/x", "C%3A/x"),
        ("http://h/base//server/share", "~empty/server/share"),
        ("http://h/base/aux.txt", "%61ux.txt"),
        ("http://h/base/LPT1", "%4CPT1"),
        ("http://h/base/com%C2%B9", "%63om¹"),
        ("http://h/base/nul%20.x", "%6Eul .x"),
        ("http://h/base/auxiliary", "auxiliary"),
        ("http://h/base/a.", "a%2E"),
        ("http://h/base/a..%20", "a%2E%2E%20"),
        ("http://h/base/...", "%2E%2E%2E"),
        ("http://h/base/\u{ff0e}\u{ff0e}/x", "%EF%BC%8E%EF%BC%8E/x"),
        ("http://h/base/%c0%ae%c0%ae/x", "%C0%AE%C0%AE~x~"),
        ("http://h/base/.resync/state.db", "%2Eresync/state.db"),
        ("http://h/base/.Resync", "%2EResync"),
        ("http://h/base/.re%C5%BFync", "%2Ereſync"),
        ("http://h/base/a%E2%80%8B", "a%E2%80%8B"),
        ("http://h/base/~host/x", "%7Ehost/x"),
    ];
    for (uri, expected) in cases {
        let path = place(uri);
        assert!(
            path == expected
                || path.starts_with(expected) && expected.ends_with("~x~")
                || path.starts_with(expected) && expected.contains("~x~"),
            "{uri}: {path}"
        );
        check(&places().place(uri));
    }
}

#[test]
fn other_spellings_of_a_name_get_a_path_of_their_own() {
    let uris = ["abc", "a%62c", "%61bc", "caf%C3%A9", "caf%c3%a9", "~", "%7E", "%7e", "a?", "a"];
    let paths: Vec<_> = uris.iter().map(|uri| place(&format!("http://h/base/{uri}"))).collect();
    for (at, path) in paths.iter().enumerate() {
        assert!(!paths[..at].contains(path), "{path}");
    }
    assert!(paths[1].starts_with("abc~x~") && paths[1].len() == 22);
}

#[test]
fn what_is_long_or_no_url_is_cut_or_hashed() {
    let long = "é".repeat(300);
    let path = place(&format!("http://h/base/{long}.pdf"));
    assert!(path.len() <= LONGEST_NAME && path.starts_with("éééé") && path.contains("~h~"));
    let path = place(&format!("http://h/base/{}", "%00".repeat(300)));
    assert!(
        path.starts_with("%00%00") && path.split_once("~h~").unwrap().0.len().is_multiple_of(3)
    );
    // A query chosen to be hashed like a long name.
    let name = "a".repeat(300);
    let (cut, query) = (&name[..CUT_NAME], &name);
    assert_ne!(
        place(&format!("http://h/base/{name}")),
        place(&format!("http://h/base/{cut}?{query}"))
    );
    let deep = format!("http://h/base/{}x.pdf?y", "a/".repeat(64));
    let wide = format!("http://h/base/{}", "aaaaaaaaaa".repeat(15).add_slashes(10));
    for uri in [&deep, &wide, "urn:isbn:1", "", "no url", "http://me:pw@h/base/x", "a-b://c/d"] {
        let place = places().place(uri);
        assert!(place.as_str().starts_with("~other/"), "{uri}: {place}");
        assert_eq!(place, Places::fallback(uri));
        check(&place);
    }
    assert!(place(&deep).ends_with(".pdf"));
    assert!(!Places::fallback("http://example.com").as_str().contains('.'));
}

trait AddSlashes {
    fn add_slashes(&self, times: usize) -> String;
}

impl AddSlashes for String {
    fn add_slashes(&self, times: usize) -> String {
        vec![self.as_str(); times].join("/")
    }
}

#[test]
fn paths_that_differ_in_case_share_a_key() {
    let key = |uri: &str| places().place(uri).key();
    assert_eq!(key("http://h/base/a/B.txt"), key("http://h/base/A/b.TXT"));
    assert_eq!(key("http://h/base/%C3%89"), key("http://h/base/%C3%A9"));
    assert_ne!(key("http://h/base/a"), key("http://h/base/b"));
    let place = places().place("http://h/base/a/b/c");
    assert_eq!(place.ancestors().collect::<Vec<_>>(), ["a", "a/b"]);
    assert_eq!(place.split(), ("a/b", "c"));
}

#[test]
fn kept_paths_are_checked() {
    for path in ["", "/a", "a//b", "../a", "a/..", "a/.", ".resync/tmp", "a\\b", "a\0", "C:"] {
        assert_eq!(Place::from_kept(path), None, "{path}");
    }
}

fn uri() -> impl Strategy<Value = String> {
    let start = select(vec!["http://h/base/", "http://h/", "https://h:1/", "x://h", "file:", ""]);
    let part = prop_oneof![
        4 => select(vec![
            "a", "A", "b", "/", "/", ".", "..", "~", "?", "#", "%", "%61", "%2e", "%2F", "%2f",
            "%5C", "\\", "%7E", "%C3%A9", "%c3%a9", "é", "%25", "%00", "%20", " ", ":", "aux",
            ".resync", "~index", "~q~", "@", "-1", "%EF%BC%8E",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
        1 => (1..300usize).prop_map(|times| "a".repeat(times)),
    ];
    (start, prop::collection::vec(part, 0..6))
        .prop_map(|(start, parts)| format!("{start}{}", parts.concat()))
}

// The same URI with one character spelled otherwise, added or left out.
fn changed(uri: &str, at: usize, how: u8) -> String {
    let at = uri.floor_char_boundary(at % (uri.len() + 1));
    let (before, rest) = uri.split_at(at);
    let Some(c) = rest.chars().next() else { return format!("{before}/") };
    let after = &rest[c.len_utf8()..];
    let middle: String = match how % 6 {
        0 => c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
        1 => c.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect(),
        2 => String::new(),
        3 => format!("{c}{c}"),
        4 => c.to_uppercase().collect(),
        _ => String::from_utf8_lossy(&decoded(rest)).into_owned(),
    };
    format!("{before}{middle}{}", if how % 6 == 5 { "" } else { after })
}

fn identity(uri: &str) -> String {
    Url::parse(uri).map_or_else(|_| uri.to_owned(), String::from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_url_has_a_safe_path_of_its_own(uri in uri(), at: usize, how: u8) {
        let other = changed(&uri, at, how);
        let (place, other_place) = (places().place(&uri), places().place(&other));
        check(&place);
        check(&other_place);
        check(&Places::fallback(&uri));
        prop_assert_eq!(place == other_place, identity(&uri) == identity(&other), "{} {}", uri, other);
    }
}
