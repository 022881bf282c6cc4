//! Documents like every example of the standard, in both versions: read, checked, written.

#![allow(clippy::unwrap_used)]

#[path = "documents/archives.rs"]
mod archives;
#[path = "documents/linking.rs"]
mod linking;
#[path = "documents/lists.rs"]
mod lists;

use std::io::Read;

use resync_core::document::{
    Code, Document, Link, Reader, Report, Root, Severity, Validator, Version, rel, to_xml,
};
use resync_core::xml::Mode;

/// An example, of which each version is made: `[L:time]` is `lastmod` in 1.0 and nothing in 1.1,
/// `[D:time]` is `datetime` in 1.1 and nothing in 1.0.
pub(crate) struct Example {
    /// Where the standard has such a one.
    section: &'static str,
    name: &'static str,
    /// Root, capability and number of entries.
    is: &'static str,
    xml: &'static str,
}

impl Example {
    fn of(&self, version: Version) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let mut rest = self.xml;
        while let Some((before, marked)) = rest.split_once('[') {
            let (mark, after) = marked.split_once(']').unwrap();
            xml.push_str(before);
            let (kind, time) = mark.split_once(':').unwrap();
            match (kind, version) {
                ("L", Version::V1_0) => xml.push_str(&format!("<lastmod>{time}</lastmod>")),
                ("D", Version::V1_1) => xml.push_str(&format!(" datetime=\"{time}\"")),
                _ => {}
            }
            rest = after;
        }
        xml.push_str(rest);
        let namespaces = " xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\"\n    \
                          xmlns:rs=\"http://www.openarchives.org/rs/terms/\">";
        xml.replacen("<urlset>", &format!("<urlset{namespaces}"), 1).replacen(
            "<sitemapindex>",
            &format!("<sitemapindex{namespaces}"),
            1,
        )
    }

    fn check(&self, version: Version) {
        let name = format!("§{} {} ({version:?})", self.section, self.name);
        let xml = self.of(version);

        let strict = Reader::with(xml.as_bytes(), None, Mode::Strict);
        let document = Document::collect(strict).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(document.issues.is_empty(), "{name}: {:?}", document.issues);
        let root = if document.head.root == Root::UrlSet { "urlset" } else { "sitemapindex" };
        let capability = document.head.capability().unwrap();
        assert_eq!(format!("{root} {capability} {}", document.entries.len()), self.is, "{name}");

        for checked in [version, Version::Either] {
            let report = Validator::new().version(checked).check(xml.as_bytes());
            for finding in &report.findings {
                assert_eq!(finding.severity, Severity::Info, "{name}: {finding}");
            }
            assert_eq!(report.entries, document.entries.len() as u64, "{name}");
            assert_eq!(report.bytes, xml.len() as u64, "{name}");
            assert_eq!(report.head, document.head, "{name}");
        }

        let written = to_xml(&document).unwrap();
        let again = Reader::with(written.as_bytes(), None, Mode::Strict);
        let again = Document::collect(again).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(again.head, document.head, "{name}: {written}");
        assert_eq!(again.entries, document.entries, "{name}: {written}");
        assert_eq!(to_xml(&again).unwrap(), written, "{name}");
    }
}

#[test]
fn every_example_is_read_found_right_and_written() {
    let examples: Vec<_> = lists::LISTS.iter().chain(linking::LINKING).collect();
    assert!(examples.len() >= 30, "{}", examples.len());
    assert_eq!(archives::ARCHIVES.len(), 7);
    for example in examples.into_iter().chain(linking::MORE).chain(archives::ARCHIVES) {
        example.check(Version::V1_0);
        example.check(Version::V1_1);
    }
}

#[test]
fn links_are_there_and_in_order() {
    let mirrors = Document::parse(&linking::LINKING[0].of(Version::V1_1)).unwrap();
    let links = mirrors.entries[0].links(rel::DUPLICATE);
    let hrefs: Vec<_> = links.iter().map(|link| &*link.href).collect();
    assert_eq!(hrefs.len(), 3);
    assert_eq!(hrefs[0], "https://near.example.net/film");
}

/// A document, and what is to be found in it: severity, code and line of each, sorted by code.
fn findings(validator: Validator, xml: &str) -> Vec<String> {
    let report = validator.check(xml.as_bytes());
    let mut found: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.severity != Severity::Info)
        .map(|finding| format!("{} {} {}", finding.severity, finding.code, finding.line))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn codes(validator: &Validator, xml: &str, severity: Severity) -> Vec<Code> {
    let report = validator.clone().check(xml.as_bytes());
    report.counts().filter(|it| it.1 == severity).map(|it| it.0).collect()
}

fn list(head: &str, entries: &str) -> String {
    format!(
        "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\">\n{head}\n{entries}</urlset>"
    )
}

fn index(head: &str, entries: &str) -> String {
    list(head, entries).replace("urlset", "sitemapindex")
}

const UP: &str = "<rs:ln rel='up' href='https://x.example.org/cap.xml'/>";

fn head(md: &str) -> String {
    format!("{UP}<rs:md {md}/>")
}

fn url(inside: &str) -> String {
    format!("<url><loc>https://x.example.org/r</loc>{inside}</url>\n")
}

/// What each capability's head and entries look like when they are right.
const RIGHT: [(&str, &str, &str, &str); 10] = [
    ("urlset", "resourcelist", "at", ""),
    ("sitemapindex", "resourcelist", "at", ""),
    ("urlset", "resourcedump", "at", ""),
    ("sitemapindex", "resourcedump", "at", ""),
    ("urlset", "resourcedump-manifest", "at", "path='/r'"),
    ("urlset", "changelist", "from", "change='created'"),
    ("sitemapindex", "changelist", "from", ""),
    ("urlset", "changedump", "from", ""),
    ("sitemapindex", "changedump", "from", ""),
    ("urlset", "changedump-manifest", "from", "change='created' path='/r'"),
];

/// Appendix A, row by row: what may stand in the entries.
const MATRIX: [(&str, &str); 10] = [
    ("X", "X"),
    ("O", "X"),
    ("O", "X"),
    ("O", "X"),
    ("X", "X"),
    ("X", "X"),
    ("X", "R"),
    ("X", "R"),
    ("X", "R"),
    ("X", "X"),
];

#[test]
fn the_times_are_where_appendix_a_has_them() {
    const TIME: &str = "2024-01-01T00:00:00Z";
    let document = |root: &str, md: &str, entry: &str| {
        let item = if root == "urlset" { "url" } else { "sitemap" };
        let entry = url(&format!("<rs:md {entry}/>")).replace("url", item);
        let make = if root == "urlset" { list } else { index };
        make(&head(md), &entry)
    };
    let errors = |xml: &str| codes(&Validator::new(), xml, Severity::Error);
    let infos = |xml: &str| codes(&Validator::new(), xml, Severity::Info);
    for ((root, capability, time, entry), (item_at, item_from)) in RIGHT.into_iter().zip(MATRIX) {
        let name = format!("{root} {capability}");
        let of = format!("capability='{capability}'");
        let right = format!("{of} {time}='{TIME}'");
        let other = if time == "at" { "from" } else { "at" };
        let (missing, forbidden) = match time {
            "at" => (Code::MissingAt, Code::ForbiddenFrom),
            _ => (Code::MissingFrom, Code::ForbiddenAt),
        };
        assert_eq!(errors(&document(root, &right, entry)), [], "{name}");
        assert_eq!(errors(&document(root, &of, entry)), [missing], "{name}");
        let both = format!("{right} {other}='{TIME}'");
        assert_eq!(errors(&document(root, &both, entry)), [forbidden], "{name}");

        // `completed` goes with `at`, `until` with `from`.
        for (end, begin, code) in
            [("completed", "at", Code::ForbiddenCompleted), ("until", "from", Code::ForbiddenUntil)]
        {
            let expected = if begin == time { vec![] } else { vec![code] };
            let more = format!("{right} {end}='{TIME}'");
            assert_eq!(errors(&document(root, &more, entry)), expected, "{name} {end}");
            let rule = if begin == "at" { item_at } else { item_from };
            let expected = if rule == "X" { vec![code] } else { vec![] };
            let more = format!("{entry} {end}='{TIME}'");
            assert_eq!(errors(&document(root, &right, &more)), expected, "{name} entry {end}");
        }
        for (attribute, rule, code) in
            [("at", item_at, Code::ForbiddenAt), ("from", item_from, Code::ForbiddenFrom)]
        {
            let expected = if rule == "X" { vec![code] } else { vec![] };
            let more = format!("{entry} {attribute}='{TIME}'");
            assert_eq!(errors(&document(root, &right, &more)), expected, "{name} {attribute}");
        }
        let is_missed = infos(&document(root, &right, entry)).contains(&Code::MissingFrom);
        assert_eq!(is_missed, item_from == "R", "{name}");
    }
}

#[test]
fn each_rule_of_heads_is_kept_watch_over() {
    let check = |md: &str, expected: &[&str]| {
        let found = findings(Validator::new(), &list(md, ""));
        assert_eq!(found, expected, "{md}");
    };
    let at = "at='2024-01-01T00:00:00Z'";
    check(&format!("{UP}<rs:md {at}/>"), &["error missing-capability 2"]);
    check(UP, &["error missing-md 1"]);
    check(&head("capability='resourcelists'"), &["error unknown-capability 2"]);
    check(&format!("<rs:md capability='resourcelist' {at}/>"), &["error missing-up 2"]);
    check(
        &format!("{UP}\n{}", head(&format!("capability='resourcelist' {at}"))),
        &["warning repeated-up 3"],
    );
    check(
        &head("capability='capabilitylist' until='2024-01-01T00:00:00Z'"),
        &["error forbidden-until 2"],
    );
    check(
        &head("capability='resourcelist' at='2024-01-02' completed='2024-01-01'"),
        &["error reversed-times 2"],
    );
    check(
        &head("capability='changelist' from='2024-02-01' until='2024-01'"),
        &["error reversed-times 2"],
    );
    check(&head("capability='resourcelist' at='yesterday'"), &["error bad-datetime 2"]);
    check(
        &head(&format!("capability='resourcelist' {at} change='updated' path='/'")),
        &["error forbidden-change 2", "error forbidden-path 2"],
    );
    check(
        &head(&format!("capability='resourcelist' {at} rs:length='1' note='x'")),
        &["error prefixed-attribute 2", "warning unknown-attribute 2"],
    );
    let right = head(&format!("capability='resourcelist' {at}"));
    check(&format!("{right}<rs:ln rel='x'/>"), &["error missing-href 2"]);
    check(&format!("{right}<rs:ln href='https://x.example.org'/>"), &["error missing-rel 2"]);
    check(&format!("{right}<rs:ln rel='index' href='../i.xml'/>"), &["warning relative-href 2"]);
    check(&format!("{right}<rs:ln rel='index' href='http://['/>"), &["error bad-href 2"]);
    check(&format!("{right}<rs:md/>"), &["error repeated-element 2"]);

    for capability in ["resourcedump-manifest", "changedump-manifest"] {
        let md = head(&format!("capability='{capability}' {at} from='2024'"));
        let errors = codes(&Validator::new(), &index(&md, ""), Severity::Error);
        assert!(errors.contains(&Code::WrongRoot), "{capability}");
    }
    let lists = index(&head("capability='capabilitylist'"), "");
    assert_eq!(findings(Validator::new(), &lists), ["warning wrong-root 2"]);
    let newer = Validator::new().version(Version::V1_1);
    assert_eq!(findings(newer, &lists), ["error wrong-root 2"]);

    let part = Validator::new().part_of_index();
    assert_eq!(codes(&part, &list(&right, ""), Severity::Info), [Code::MissingIndex]);
    let description = list("<rs:md capability='description'/>", "");
    let infos = codes(&Validator::new(), &description, Severity::Info);
    assert_eq!(infos, [Code::MissingDescribedBy]);
}

#[test]
fn each_rule_of_entries_is_kept_watch_over() {
    let at = "at='2024-01-01T00:00:00Z'";
    let from = "from='2024-01-01T00:00:00Z'";
    let check = |version, md: &str, entries: &str, expected: &[&str]| {
        let validator = Validator::new().version(version);
        assert_eq!(findings(validator, &list(&head(md), entries)), expected, "{entries}");
    };
    let any = Version::Either;
    let resources = format!("capability='resourcelist' {at}");
    let changes = format!("capability='changelist' {from} until='2024-02-01T00:00:00Z'");
    let manifest = format!("capability='resourcedump-manifest' {at}");
    let change_manifest = format!("capability='changedump-manifest' {from}");
    let md = |md: &str| url(&format!("<rs:md {md}/>"));

    check(any, &resources, "<url/>", &["error missing-loc 3"]);
    check(any, &resources, "<url><loc>r/1</loc></url>", &["error relative-loc 3"]);
    check(any, &resources, "<url><loc>http://</loc></url>", &["error bad-loc 3"]);
    let long = format!("<url><loc>https://x.example.org/{}</loc></url>", "a".repeat(2048));
    check(any, &resources, &long, &["error long-loc 3"]);
    check(any, &resources, &url("").repeat(2), &["warning duplicate-loc 4"]);
    check(any, &resources, &md("change='created'"), &["error forbidden-change 3"]);
    check(any, &resources, &md("datetime='2024'"), &["error forbidden-datetime 3"]);
    check(any, &resources, &md("path='/a'"), &["error forbidden-path 3"]);
    check(any, &resources, &md("capability='other'"), &["warning forbidden-capability 3"]);
    check(any, &resources, &md("capability='resourcelist'"), &["error index-as-list 3"]);
    check(any, &resources, &md("length='-1'"), &["error bad-length 3"]);
    check(any, &resources, &md("type='text'"), &["warning bad-type 3"]);
    check(any, &resources, &md("hash='md5:xyz'"), &["error bad-hash 3"]);
    check(any, &resources, &md("hash='crc-32:00'"), &[]);
    check(any, &resources, &url("<lastmod>soon</lastmod>"), &["error bad-datetime 3"]);
    check(any, &resources, &url("<rs:ln rel='a' href='urn:a' pri='0'/>"), &["error bad-pri 3"]);
    check(any, &resources, &url("<lastmod>2024</lastmod>"), &[]);
    check(
        any,
        &resources,
        "<sitemap><loc>https://x.example.org/r</loc></sitemap>",
        &["error misplaced-element 3"],
    );
    let patch = format!("<rs:ln rel='{}' href='urn:a'/>", rel::PATCH);
    check(any, &resources, &url(&patch), &["error forbidden-patch 3", "error missing-type 3"]);

    check(any, &changes, &url(""), &["error missing-change 3"]);
    check(any, &changes, &md("change='moved'"), &["error bad-change 3"]);
    let dated = |time: &str| md(&format!("change='updated' datetime='{time}'"));
    check(any, &changes, &dated("2023-12-31T23:59:59Z"), &["error datetime-outside 3"]);
    check(any, &changes, &dated("2024-02-01T00:00:01Z"), &["error datetime-outside 3"]);
    check(any, &changes, &(dated("2024-01-01") + &dated("2024-02-01T00:00:00Z")), &[]);
    let mixed = dated("2024-01-03T00:00:00Z") + &dated("2024-01-02T00:00:00Z");
    check(any, &changes, &mixed, &["error out-of-order 4"]);
    let modified = |time| url(&format!("<lastmod>{time}</lastmod><rs:md change='updated'/>"));
    let mixed = modified("2024-01-03") + &modified("2024-01-02");
    check(Version::V1_0, &changes, &mixed, &["error out-of-order 4"]);
    check(Version::V1_1, &changes, &mixed, &[]);
    check(any, &changes, &mixed, &[]);
    check(
        Version::V1_0,
        &changes,
        &dated("2024-01-02"),
        &["error forbidden-datetime 3", "error missing-lastmod 3"],
    );

    check(any, &manifest, &md("type='a/b'"), &["error missing-path 3"]);
    for path in ["r", "/r/", "/a/../b", ""] {
        check(any, &manifest, &md(&format!("path='{path}'")), &["error bad-path 3"]);
    }
    check(any, &change_manifest, &md("change='deleted'"), &[]);
    check(any, &change_manifest, &md("change='deleted' path='/a'"), &["warning forbidden-path 3"]);
    let patch = format!("<rs:md change='updated' path='/r'/>{patch}");
    check(any, &change_manifest, &url(&patch), &["error missing-path 3", "error missing-type 3"]);

    let capabilities = "capability='capabilitylist'";
    check(any, capabilities, &url(""), &["error missing-capability 3"]);
    check(any, capabilities, &md("capability='description'"), &["error wrong-capability 3"]);
    check(
        any,
        capabilities,
        &md("capability='changelist'").repeat(2),
        &["error duplicate-capability 4"],
    );
    let description = list("<rs:md capability='description'/>", &md("capability='changelist'"));
    assert_eq!(findings(Validator::new(), &description), ["error wrong-capability 3"]);

    let parts = |parts: &[&str]| {
        let parts: String = parts.iter().map(|part| md(part).replace("url", "sitemap")).collect();
        findings(
            Validator::new(),
            &index(&head(&format!("capability='changelist' {from}")), &parts),
        )
    };
    assert_eq!(parts(&["from='2024-01' until='2024-02'", "from='2024-02'"]), [""; 0]);
    assert_eq!(parts(&["from='2024-01'", "from='2024-02'"]), ["warning missing-until 4"]);
    let reversed = parts(&["from='2024-02' until='2024-03'", "from='2024-01' until='2024-02'"]);
    assert_eq!(reversed, ["error out-of-order 4"]);
    assert_eq!(parts(&["from='2024-02' until='2024-01'"]), ["error reversed-times 3"]);
}

#[test]
fn codes_have_stable_names_of_their_own_and_a_section() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        let is_kebab = code.name().bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        assert!(is_kebab && !code.section().is_empty(), "{code}");
    }
}

#[test]
fn a_document_of_any_length_is_checked_and_its_findings_are_bounded() {
    let head = list(&head("capability='resourcelist' at='2024-01-01T00:00:00Z'"), "");
    let head = head.strip_suffix("</urlset>").unwrap().to_owned();
    let entries = (0..60_000).map(|n| format!("<url>\n<loc>/r/{n}</loc></url>\n"));
    let xml = head + &entries.collect::<String>() + "</urlset>";
    let report = Validator::new().check(xml.as_bytes());
    assert_eq!((report.entries, report.count(Code::RelativeLoc)), (60_000, 60_000));
    assert_eq!(report.count(Code::TooManyEntries), 1);
    assert_eq!(report.findings.len() as u64, Report::KEPT_OF_A_KIND + 1);
    assert_eq!((report.findings[50].line, report.findings[50].column), (103, 1));
    assert_eq!(report.findings[50].loc.as_deref(), Some("/r/50"));
    assert_eq!(report.findings[50].entry, Some(50));

    // What is wrong in the last entry is found where it is, many windows later.
    let xml = xml.replace("<loc>/r/", "<loc>https://x.example.org/");
    let xml = xml.replace(
        "</urlset>",
        "  <url><loc>https://x.example.org/č</loc>č<rs:md hash='md5:'/></url></urlset>",
    );
    let report = Validator::new().check(xml.as_bytes());
    let places: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert!(places[0].starts_with("120003:42 error stray-text: "), "{places:?}");
    assert!(places[1].starts_with("120003:"), "{places:?}");
    assert!(places[1].contains("error bad-hash: "), "{places:?}");

    let blanks = Validator::BYTES - xml.len() as u64 + 1;
    let behind = std::io::repeat(b' ').take(blanks);
    let report = Validator::new().check(xml.as_bytes().chain(behind));
    assert_eq!(report.count(Code::TooLarge), 1);
}

#[test]
fn lines_and_columns_are_the_same_in_any_encoding() {
    let text = list(
        &head("capability='resourcelist' at='2024-01-01T00:00:00Z'"),
        "<!-- žluťoučký\n kůň --> <url><loc>/1</loc></url>\n\u{1F4DA}\n <url><loc>/ž</loc></url>",
    );
    let places = |bytes: &[u8]| -> Vec<_> {
        let findings = Validator::new().check(bytes).findings;
        let own = findings.iter().filter(|it| it.code != Code::NotUtf8);
        own.map(ToString::to_string).collect()
    };
    let expected = places(text.as_bytes());
    let starts: Vec<_> = expected.iter().map(|it| it.split_once(": ").unwrap().0).collect();
    assert_eq!(
        starts,
        ["4:10 error relative-loc", "5:1 error stray-text", "6:2 error relative-loc"]
    );
    let text = format!("\u{FEFF}{text}");
    let units: Vec<u16> = text.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for bytes in [little, big] {
        assert_eq!(places(&bytes), expected);
        assert_eq!(Validator::new().check(&bytes[..]).count(Code::NotUtf8), 1);
    }
}

#[test]
fn the_reader_says_where_each_entry_begins() {
    let text = list(&head("capability='resourcelist'"), &(url("") + "\n ž " + &url("")));
    let mut reader = Reader::new(text.as_bytes());
    let mut found = Vec::new();
    while let Some(mut part) = reader.next_part().unwrap() {
        while let Some(entry) = part.next() {
            entry.unwrap();
            found.push(part.position() as usize);
        }
    }
    let expected: Vec<_> = text.match_indices("<url>").map(|(at, _)| at).collect();
    assert_eq!(found, expected);
}

#[test]
fn attributes_of_a_community_are_left_alone() {
    let md = "capability='resourcelist' at='2024-01-01T00:00:00Z' xmlns:c='urn:c' c:x='1'";
    let entry =
        url("<rs:md xml:lang='en' /><rs:ln rel='via' href='urn:a' xmlns:c='urn:c' c:y='2'/>");
    assert_eq!(findings(Validator::new(), &list(&head(md), &entry)), [""; 0]);
}

#[test]
fn what_an_entry_is_related_to_is_named_the_best_first() {
    let link =
        |rel: &str, href: &str, more: &str| format!("<rs:ln rel=\"{rel}\" href=\"{href}\"{more}/>");
    let links = [
        link("duplicate", "m2", " pri=\"2\""),
        link("duplicate", "m1", " pri=\"1\""),
        link("alternate", "a", ""),
        link(rel::PATCH, "p", ""),
        link("memento", "v", ""),
        link("describedby", "d", ""),
        link("describes", "r", ""),
        link("profile", "f", ""),
    ];
    let xml = format!(
        "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\"><rs:md capability=\"resourcelist\"/>\
         <url><loc>http://x.org/r</loc>{}</url><url><loc>http://x.org/s</loc></url></urlset>",
        links.concat()
    );
    let document = Document::parse(&xml).unwrap();
    let [entry, other] = &document.entries[..] else { panic!("{document:?}") };
    let hrefs =
        |links: Vec<&Link<'_>>| links.iter().map(|it| it.href.to_string()).collect::<Vec<_>>();
    assert_eq!(hrefs(entry.duplicates()), ["m1", "m2"]);
    assert_eq!(hrefs(entry.alternates()), ["a"]);
    assert_eq!(hrefs(entry.patches()), ["p"]);
    assert_eq!(hrefs(entry.described_by()), ["d"]);
    assert_eq!(hrefs(entry.describes()), ["r"]);
    assert_eq!(entry.memento().map(|it| &*it.href), Some("v"));
    assert_eq!(entry.profile().map(|it| &*it.href), Some("f"));
    assert!(other.duplicates().is_empty() && other.memento().is_none());
}
