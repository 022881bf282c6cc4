//! What real servers send that the standard does not have: read all the same, and reported under a
//! name that does not change.

#![allow(clippy::unwrap_used)]

use std::io::Write;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use resync_core::document::{
    Capability, Change, Code, Datetime, Document, ReadError, Reader, Severity, Validator,
};
use resync_core::xml::{IssueKind, Mode, ParseErrorKind};
use url::Url;

struct Quirk {
    what: &'static str,
    xml: String,
    /// How many entries the tolerant reader finds, and what it reports.
    entries: usize,
    issue: Option<IssueKind>,
    /// What the validator reports.
    code: Code,
    severity: Severity,
}

const UP: &str = "<rs:ln rel='up' href='https://x.example.org/cap.xml'/>";

fn document(root: &str, md: &str, entries: &str) -> String {
    format!(
        "<{root} xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
         xmlns:rs='http://www.openarchives.org/rs/terms/'>\n{UP}{md}\n{entries}</{root}>"
    )
}

fn list(capability: &str, entries: &str) -> String {
    let time = if capability.starts_with("change") { "from" } else { "at" };
    let md = format!("<rs:md capability='{capability}' {time}='2024-01-01T00:00:00Z'/>");
    document("urlset", &md, entries)
}

fn url(n: u32, inside: &str) -> String {
    format!("<url><loc>https://x.example.org/{n}</loc>{inside}</url>\n")
}

fn quirks() -> Vec<(u32, Quirk)> {
    use Severity::{Error, Info, Warning};
    let quirk = |number, what, xml: String, issue, code, severity| {
        let entries = xml.matches("</url>").count() + xml.matches("</sitemap>").count();
        (number, Quirk { what, xml, entries, issue, code, severity })
    };
    let value = Some(IssueKind::IllegalValue);
    let md = |n, md: &str| url(n, &format!("<rs:md {md}/>"));
    let resource = |inside: &str| list("resourcelist", &url(1, inside));
    let change = |inside: &str| list("changelist", &url(1, inside));
    let manifest = |path| list("resourcedump-manifest", &md(1, &format!("path='{path}'")));
    let plain = document("urlset", "", &url(1, "")).replace(UP, "");
    let source = document("urlset", "<rs:md capability='description'/>", "{}").replace(UP, "");
    let dated = |n, time: &str| md(n, &format!("change='updated' datetime='{time}'"));
    let descending = dated(1, "2024-02-02T00:00:00Z") + &dated(2, "2024-02-01T00:00:00Z");
    let old_descending = descending.replace("<rs:md change='updated' datetime=", "<lastmod>");
    let old_descending = old_descending.replace("'2024", "2024").replace("Z'/>", "Z</lastmod>");
    let old_descending = old_descending.replace("</url>", "<rs:md change='updated'/></url>");
    let sha = "8bsMHtqY8Xn1dV1n3g6D5E7fWb3S2Q4k1T0Z9c8a7b0=";
    let spelled = |loc: &str| list("resourcelist", &format!("<url><loc>{loc}</loc></url>"));
    let times = "from='2024-01-01T00:00:00Z' until='2024-03-01T12:00:00Z'";
    let parts = document(
        "sitemapindex",
        "<rs:md capability='changelist' from='2024-01-01T00:00:00Z'/>",
        &md(1, times).replace("url>", "sitemap>"),
    );
    vec![
        quirk(
            1,
            "an index with the root of a list",
            list("changelist", &md(1, "capability='changelist'")),
            None,
            Code::IndexAsList,
            Error,
        ),
        quirk(2, "an ordinary Sitemap", plain, None, Code::MissingMd, Error),
        quirk(
            2,
            "a document that does not say what it is",
            document("urlset", "<rs:md at='2024-01-01T00:00:00Z'/>", &url(1, "")),
            None,
            Code::MissingCapability,
            Error,
        ),
        quirk(3, "another name", list("changelistindex", ""), None, Code::UnknownCapability, Error),
        quirk(3, "the name of all", list("resourcesync", ""), None, Code::UnknownCapability, Error),
        quirk(
            3,
            "a wrong name in a Source Description",
            source.replace("{}", &md(1, "capability='capability'")),
            None,
            Code::WrongCapability,
            Error,
        ),
        quirk(
            4,
            "changes, the newest first",
            list("changelist", &descending),
            None,
            Code::OutOfOrder,
            Error,
        ),
        quirk(
            4,
            "changes as in 1.0, the newest first",
            list("changelist", &old_descending),
            None,
            Code::OutOfOrder,
            Info,
        ),
        quirk(
            5,
            "a change with lastmod only",
            change("<lastmod>2024-01-02T00:00:00Z</lastmod><rs:md change='updated'/>"),
            None,
            Code::MissingDatetime,
            Info,
        ),
        quirk(
            5,
            "a change with at",
            change("<rs:md change='updated' at='2024-01-02T00:00:00Z'/>"),
            None,
            Code::ForbiddenAt,
            Error,
        ),
        quirk(
            6,
            "a Change List of no time",
            document("urlset", "<rs:md capability='changelist'/>", ""),
            None,
            Code::MissingFrom,
            Error,
        ),
        quirk(
            6,
            "a Resource List of no time",
            document("urlset", "<rs:md capability='resourcelist'/>", ""),
            None,
            Code::MissingAt,
            Error,
        ),
        quirk(
            7,
            "two lists of a kind",
            document(
                "urlset",
                "<rs:md capability='capabilitylist'/>",
                &(md(1, "capability='changelist'") + &md(2, "capability='changelist'")),
            ),
            None,
            Code::DuplicateCapability,
            Error,
        ),
        quirk(8, "a path without a slash", manifest("a/b"), None, Code::BadPath, Error),
        quirk(
            9,
            "white space around an address",
            spelled("\n  https://x.example.org/1\n  "),
            Some(IssueKind::PaddedValue),
            Code::PaddedValue,
            Info,
        ),
        quirk(
            9,
            "an address with a bare ampersand",
            spelled("https://x.example.org/1?a=1&b=2"),
            Some(IssueKind::BareAmpersand),
            Code::BareAmpersand,
            Error,
        ),
        quirk(
            10,
            "a time without a zone",
            resource("<lastmod>2024-01-02T00:00:00</lastmod>"),
            value,
            Code::BadDatetime,
            Error,
        ),
        quirk(
            10,
            "a zone without a colon",
            resource("<lastmod>2024-01-02T00:00:00+0000</lastmod>"),
            value,
            Code::BadDatetime,
            Error,
        ),
        quirk(10, "a date", resource("<lastmod>2024-01-02</lastmod>"), None, Code::DateOnly, Info),
        quirk(
            11,
            "a digest in base64",
            resource(&format!("<rs:md hash='sha-256:{sha}'/>")),
            value,
            Code::BadHash,
            Warning,
        ),
        quirk(
            11,
            "a digest in capital letters",
            resource("<rs:md hash='md5:0CC175B9C0F1B6A831C399E269772661'/>"),
            None,
            Code::UppercaseHash,
            Info,
        ),
        quirk(
            11,
            "another name of an algorithm",
            resource("<rs:md hash='MD5:0cc175b9c0f1b6a831c399e269772661'/>"),
            value,
            Code::BadHash,
            Warning,
        ),
        quirk(
            12,
            "an address that is there twice",
            list("resourcelist", &url(1, "").repeat(2)),
            None,
            Code::DuplicateLoc,
            Warning,
        ),
        quirk(13, "a relative address", spelled("../r/1"), None, Code::RelativeLoc, Error),
        quirk(
            13,
            "a relative link",
            resource("<rs:ln rel='describedby' href='r.xml'/>"),
            None,
            Code::RelativeHref,
            Warning,
        ),
        quirk(
            15,
            "a byte order mark",
            format!("\u{FEFF}{}", resource("")),
            None,
            Code::ByteOrderMark,
            Info,
        ),
        quirk(
            15,
            "another encoding declared than it is in",
            format!("<?xml version='1.0' encoding='ISO-8859-1'?>{}", spelled("https://x.org/ž")),
            Some(IssueKind::WrongEncoding),
            Code::WrongEncoding,
            Warning,
        ),
        quirk(
            15,
            "an encoding other than UTF-8",
            format!("<?xml version='1.0' encoding='ISO-8859-1'?>{}", resource("")),
            None,
            Code::NotUtf8,
            Warning,
        ),
        quirk(
            16,
            "no namespace",
            resource("").replace("xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'", ""),
            Some(IssueKind::WrongNamespace),
            Code::WrongNamespace,
            Error,
        ),
        quirk(
            16,
            "a namespace without its last slash",
            resource("").replace("/rs/terms/'", "/rs/terms'"),
            Some(IssueKind::WrongNamespace),
            Code::WrongNamespace,
            Error,
        ),
        quirk(
            17,
            "the head behind the entries",
            plain_with_late_head(),
            Some(IssueKind::Inconsistent),
            Code::MisplacedElement,
            Error,
        ),
        quirk(18, "up leads to a dump", manifest("/a"), None, Code::WrongUp, Error),
        quirk(
            19,
            "an open list that is closed at the moment",
            list("changelist", "").replace(
                "from='2024-01-01T00:00:00Z'",
                "from='2024-01-01T00:00:00Z' until='2024-03-01T12:00:00Z'",
            ),
            None,
            Code::UntilNow,
            Info,
        ),
        quirk(19, "the newest part likewise", parts, None, Code::UntilNow, Info),
        quirk(
            20,
            "too many entries",
            list("resourcelist", &(0..50_001).map(|n| url(n, "")).collect::<String>()),
            None,
            Code::TooManyEntries,
            Error,
        ),
        quirk(
            21,
            "resources on another host",
            spelled("https://cdn.example.net/1"),
            None,
            Code::ForeignHost,
            Info,
        ),
    ]
}

fn plain_with_late_head() -> String {
    let md = "<rs:md capability='resourcelist' at='2024-01-01T00:00:00Z'/>";
    document("urlset", "", &format!("{}{UP}{md}", url(1, ""))).replacen(UP, "", 1)
}

/// What a caller knows who has fetched the document.
fn validator() -> Validator {
    Validator::new()
        .address(Url::parse("https://x.example.org/list.xml").unwrap())
        .above(Capability::CapabilityList)
        .fetched(Datetime::read("2024-03-01T12:00:01Z").unwrap())
}

#[test]
fn quirks_are_read_and_reported_and_in_strict_mode_refused_or_reported() {
    for (number, quirk) in quirks() {
        let name = format!("{number}: {}", quirk.what);
        let read = Document::parse(&quirk.xml).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.entries.len(), quirk.entries, "{name}");
        let kinds: Vec<_> = read.issues.iter().map(|issue| issue.kind).collect();
        assert_eq!(kinds.first(), quirk.issue.as_ref(), "{name}");

        let validator = match number {
            18 => validator().above(Capability::ResourceDump),
            _ => validator(),
        };
        let report = validator.check(quirk.xml.as_bytes());
        let finding = report.findings.iter().find(|finding| finding.code == quirk.code);
        let finding = finding.unwrap_or_else(|| panic!("{name}: {:#?}", report.findings));
        assert_eq!(finding.severity, quirk.severity, "{name}: {finding}");

        let strict = Document::collect(Reader::with(quirk.xml.as_bytes(), None, Mode::Strict));
        // A declared encoding that allows all bytes has to be believed there.
        let is_refused = !matches!(quirk.issue, None | Some(IssueKind::WrongEncoding));
        assert_eq!(strict.is_err(), is_refused, "{name}");
    }
}

#[test]
fn every_quirk_is_in_the_table_or_has_a_test_of_its_own() {
    let mut numbers: Vec<_> = quirks().iter().map(|(number, _)| *number).collect();
    numbers.dedup();
    let own = [14, 22];
    let all: Vec<_> = (1..=22).filter(|number| !own.contains(number)).collect();
    assert_eq!(numbers, all);
}

#[test]
fn what_is_odd_still_means_what_it_means() {
    let read = |xml: &str| Document::parse(xml).unwrap();
    let loc = |xml: &str| {
        let xml = format!(
            "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url>{xml}</url></urlset>"
        );
        let document = read(&xml);
        (document.entries[0].loc.to_string(), document.issues.total())
    };
    let right = String::from("https://x.example.org/?a&b");
    assert_eq!(loc("<loc><![CDATA[https://x.example.org/?a&b]]></loc>"), (right.clone(), 0));
    assert_eq!(loc("<loc>\n https://x.example.org/?a&#38;b </loc>"), (right.clone(), 1));
    assert_eq!(loc("<loc>https://x.example.org/?a&b</loc>"), (right, 1));

    let late = read(&plain_with_late_head());
    assert_eq!(late.head.capability(), Some(&Capability::ResourceList));
    assert_eq!(late.head.link("up"), Some("https://x.example.org/cap.xml"));

    let archive = read(&list("changelist-archive", ""));
    assert_eq!(archive.head.capability(), Some(&Capability::ChangeListArchive));

    let at = list("changelist", &url(1, "<rs:md change='UPDATED' at='2024-01-02T00:00:00'/>"));
    let at = read(&at);
    assert_eq!(at.entries[0].md.change, Some(Change::Updated));
    let time = Datetime::read("2024-01-02T00:00:00Z").unwrap();
    assert_eq!(at.entries[0].changed().unwrap().time(), time.time());
}

#[test]
fn what_is_packed_is_said_to_be_and_read_when_unpacked() {
    let xml = list("resourcelist", &url(1, ""));
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(xml.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();

    let report = Validator::new().check(&packed[..]);
    assert_eq!(report.count(Code::Compressed), 1, "{:?}", report.findings);
    for mode in [Mode::Tolerant, Mode::Strict] {
        assert!(Document::collect(Reader::with(&packed[..], None, mode)).is_err());
    }
    let read = Document::collect(Reader::new(GzDecoder::new(&packed[..]))).unwrap();
    assert_eq!(read.entries.len(), 1);

    let cut = GzDecoder::new(&packed[..packed.len() / 2]);
    let error = Document::collect(Reader::new(cut)).unwrap_err();
    assert!(matches!(error, ReadError::Source(_)), "{error:?}");
    let report = Validator::new().check(GzDecoder::new(&packed[..packed.len() / 2]));
    assert_eq!(report.count(Code::Source), 1);
}

#[test]
fn a_web_page_is_no_document() {
    for page in [
        "<html><body><p>Sorry</p></body></html>",
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=utf-8><title>Sorry</title>",
        "<!doctype html>\n<HTML lang=en><br>Not Found",
        "\n<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\"><html><head><hr></html>",
        "<!-- a comment -->\n<rss version='2.0'><channel/></rss>",
    ] {
        for mode in [Mode::Tolerant, Mode::Strict] {
            let error = Document::collect(Reader::with(page.as_bytes(), None, mode)).unwrap_err();
            let ReadError::Document(error) = error else { panic!("{page}: {error:?}") };
            if mode == Mode::Tolerant {
                assert_eq!(error.kind(), ParseErrorKind::Structure, "{page}: {error}");
            }
        }
        let report = Validator::new().check(page.as_bytes());
        assert_eq!(report.count(Code::NotResourceSync), 1, "{page}: {:?}", report.findings);
        assert_eq!(report.total(Severity::Error), 1, "{page}: {:?}", report.findings);
    }
}

#[test]
fn more_than_50_mb_are_too_much() {
    let padding = format!("<!--{}-->", " ".repeat(1 << 20));
    let xml = list("resourcelist", &(0..51).map(|n| url(n, &padding)).collect::<String>());
    let report = Validator::new().check(xml.as_bytes());
    assert_eq!((report.entries, report.count(Code::TooLarge)), (51, 1), "{:?}", report.findings);
    assert_eq!(Validator::new().check(&xml.as_bytes()[..1 << 20]).count(Code::TooLarge), 0);
}
