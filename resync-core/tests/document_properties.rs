//! The reader and the validator against documents nobody thought of.
#![allow(clippy::unwrap_used)]

use std::io::{self, Read};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use resync_core::document::{
    Capability, Change, ChangeFrequency, Datetime, Document, Entry, ForeignAttribute, Hashes, Head,
    Link, Metadata, ReadError, Reader, Root, Validator, to_xml,
};
use resync_core::xml::{Mode, ParseErrorKind};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Text as attributes and elements can hold it, with no white space around it.
fn text() -> impl Strategy<Value = String> {
    let special = select("<>&'\"];x/ž\u{1F4DA}\u{FEFF}".chars().collect::<Vec<_>>());
    let any = any::<char>().prop_filter("a character of XML", |c| {
        !matches!(c, '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
    });
    vec(prop_oneof![3 => special, 1 => any, 1 => Just(' ')], 1..12)
        .prop_map(|chars| format!("a{}z", String::from_iter(chars)))
}

fn datetime() -> impl Strategy<Value = Datetime> {
    let forms = [
        "%Y",
        "%Y-%m",
        "%Y-%m-%d",
        "%Y-%m-%dT%H:%MZ",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S+05:30",
        "%Y-%m-%dT%H:%M:%S.25-08:00",
    ];
    (0..4_000_000_000_i64, select(forms.to_vec())).prop_map(|(seconds, form)| {
        let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        Datetime::read(&time.format(form).to_string()).unwrap()
    })
}

fn hashes() -> impl Strategy<Value = Hashes<'static>> {
    let word = prop_oneof!["md5:[0-9a-f]{32}", "sha-256:[0-9a-f]{64}", "crc-32:[0-9a-f]{8}"];
    vec(word, 0..3).prop_map(|words| Hashes::from(words.join(" ").as_str()).into_owned())
}

fn foreign() -> impl Strategy<Value = Vec<ForeignAttribute<'static>>> {
    option::of(text()).prop_map(|value| {
        let named = |value| ForeignAttribute::new("x:note", value).in_namespace("urn:x");
        value.map(named).into_iter().collect()
    })
}

fn metadata() -> impl Strategy<Value = Metadata<'static>> {
    let times = (
        option::of(datetime()),
        option::of(datetime()),
        option::of(datetime()),
        option::of(datetime()),
        option::of(datetime()),
    );
    let change = select(vec![None, Some(Change::Created), Some(Change::Deleted)]);
    let texts = (option::of(text()), option::of(text()), option::of(text()));
    let capability = select(vec!["", "changelist", "resourcedump-manifest", "own"]);
    (times, change, texts, capability, hashes(), option::of(any::<u64>()), foreign()).prop_map(
        |(
            (at, completed, from, until, datetime),
            change,
            texts,
            capability,
            hash,
            length,
            other,
        )| {
            let mut md = Metadata::default();
            md.capability = Some(capability).filter(|it| !it.is_empty()).map(Capability::read);
            (md.at, md.completed, md.from, md.until) = (at, completed, from, until);
            (md.change, md.datetime, md.hash, md.length) = (change, datetime, hash, length);
            md.media_type = texts.0.map(Into::into);
            md.encoding = texts.1.map(Into::into);
            md.path = texts.2.map(Into::into);
            md.other = other;
            md
        },
    )
}

fn link() -> impl Strategy<Value = Link<'static>> {
    let numbers = (option::of(any::<u64>()), option::of(1..1_000_000_u32));
    (text(), text(), hashes(), numbers, option::of(datetime()), option::of(text()), foreign())
        .prop_map(|(rel, href, hash, (length, priority), modified, text, other)| {
            let mut link = Link::new(rel, href);
            (link.hash, link.length, link.priority) = (hash, length, priority);
            (link.modified, link.other) = (modified, other);
            link.path = text.clone().map(Into::into);
            link.media_type = text.map(Into::into);
            link
        })
}

fn entry() -> impl Strategy<Value = Entry<'static>> {
    let changefreq = select(vec![None, Some(ChangeFrequency::Never), Some(ChangeFrequency::Daily)]);
    (text(), option::of(datetime()), changefreq, metadata(), vec(link(), 0..3)).prop_map(
        |(loc, lastmod, changefreq, md, links)| {
            let mut entry = Entry::new(loc);
            (entry.lastmod, entry.changefreq) = (lastmod, changefreq);
            (entry.md, entry.links) = (md, links);
            entry
        },
    )
}

fn document() -> impl Strategy<Value = Document> {
    (any::<bool>(), metadata(), vec(link(), 0..3), vec(entry(), 0..6)).prop_map(
        |(is_index, md, links, mut entries)| {
            let mut head = Head::default();
            if is_index {
                head.root = Root::SitemapIndex;
                // Entries of an index have none.
                entries.iter_mut().for_each(|entry| entry.changefreq = None);
            }
            (head.md, head.links) = (md, links);
            let mut document = Document::new(head);
            document.entries = entries;
            document
        },
    )
}

/// A source that gives no more than so many bytes at a time, and remembers how many it was asked
/// for.
struct Drops<R> {
    source: R,
    most: usize,
    asked: usize,
}

impl<R: Read> Read for Drops<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.asked = self.asked.max(buffer.len());
        let most = self.most.min(buffer.len());
        self.source.read(&mut buffer[..most])
    }
}

/// Reads a document, and lets go of each part when so many of its entries are taken.
fn read_in_pieces(source: impl Read, taken: usize) -> Result<Document, ReadError> {
    let mut reader = Reader::new(source);
    let mut entries = Vec::new();
    while let Some(part) = reader.next_part()? {
        for entry in part.take(taken) {
            entries.push(entry?.into_owned());
        }
    }
    let issues = reader.take_issues();
    let mut document = Document::new(reader.into_head());
    (document.entries, document.issues) = (entries, issues);
    Ok(document)
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = Document::collect(Reader::new(&bytes[..]));
        let _ = Document::collect(Reader::with(&bytes[..], None, Mode::Strict));
        Validator::new().check(&bytes[..]);
    }

    #[test]
    fn nearly_right_documents_do_not_either(
        words in vec(select(vec![
            "<urlset>", "</urlset>",
            "<sitemapindex xmlns:rs='http://www.openarchives.org/rs/terms/'>",
            "<url>", "</url>", "<loc>", "</loc>", "<rs:md ", "<rs:ln ", "/>", ">", "at='2024'",
            "until='2024-01-01T25:00:00'", "capability='changelist'", "change='", "hash='md5:é'",
            "length='-9'", "&", "&amp;", "<![CDATA[", "]]>", "<!--", "-->", "x", "\n",
            "path='/a/..'",
        ]), 0..40),
        bytes in vec(any::<u8>(), 0..4),
    ) {
        let mut xml = words.concat().into_bytes();
        let at = xml.len() / 2;
        xml.splice(at..at, bytes);
        let _ = Document::collect(Reader::new(&xml[..]));
        let report = Validator::new().check(&xml[..]);
        for finding in &report.findings {
            let line = finding.to_string();
            prop_assert!(!line.contains('\n') && finding.line > 0 && finding.column > 0);
        }
    }

    #[test]
    fn what_is_written_is_read_as_it_was(document in document()) {
        let xml = to_xml(&document).unwrap();
        let read = Document::collect(Reader::with(xml.as_bytes(), None, Mode::Strict));
        let read = read.unwrap_or_else(|error| panic!("{error}: {xml}"));
        prop_assert_eq!(&read.head, &document.head, "{}", &xml);
        prop_assert_eq!(&read.entries, &document.entries, "{}", &xml);
        let report = Validator::new().check(xml.as_bytes());
        prop_assert_eq!(report.entries, document.entries.len() as u64);
    }

    #[test]
    fn it_does_not_matter_in_what_pieces_it_comes(
        document in document(), most in 1..50_usize, taken in 1..4_usize,
    ) {
        let xml = to_xml(&document).unwrap();
        let source = Drops { source: xml.as_bytes(), most, asked: 0 };
        let read = read_in_pieces(source, taken).unwrap();
        prop_assert_eq!(&read.head, &document.head);
        prop_assert_eq!(&read.entries, &document.entries);
    }
}

/// With the head, odd namespaces and faults in the middle, where a window may end.
const ODD: &str = "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
    xmlns:rs='http://www.openarchives.org/rs/terms/'><!--PADDING-->\
    <url><loc>http://x.org/1 &amp; ž</loc></url>\
    <rs:ln rel='up' href='http://x.org/up'></rs:ln>\
    <rs:md capability='resourcelist' at='2024'></rs:md>\
    <url><loc>http://x.org/2</loc><rs:md hash='md5:x' length='-1'/></url>\
    <url xmlns=''><loc> http://x.org/3</loc><lastmod>2024</lastmod></url>\
    <x:y xmlns:x='urn:x'>text</x:y>stray\
    <url><loc>http://x.org/4</loc><z/></url></urlset>";

#[test]
fn it_does_not_matter_where_a_window_ends() {
    let whole = Document::parse(ODD).unwrap();
    let issues = |document: &Document| -> Vec<_> {
        document.issues.iter().map(|issue| (issue.kind, issue.detail.clone())).collect()
    };
    assert_eq!((whole.entries.len(), whole.head.links.len()), (4, 1));
    // The first window of 128 KiB is made to end at every byte behind the padding.
    let begin = ODD.find("PADDING").unwrap();
    for end in begin + 10..ODD.len() {
        let padding = " ".repeat((128 << 10) - (end - "PADDING".len()));
        let xml = ODD.replace("PADDING", &padding);
        for taken in [1, usize::MAX] {
            let read = read_in_pieces(xml.as_bytes(), taken).unwrap();
            assert_eq!(read.entries, whole.entries, "{}", &ODD[end..]);
            assert_eq!(read.head, whole.head, "{}", &ODD[end..]);
            assert_eq!(issues(&read), issues(&whole), "{}", &ODD[end..]);
        }
    }
}

#[test]
fn what_is_cut_off_is_never_whole() {
    let xml = ODD.trim_ascii();
    for end in 0..xml.len() {
        for mode in [Mode::Tolerant, Mode::Strict] {
            let error = Document::collect(Reader::with(&xml.as_bytes()[..end], None, mode));
            let ReadError::Document(error) = error.unwrap_err() else { panic!("at {end}") };
            if mode == Mode::Tolerant && end > "<urlset".len() {
                assert_eq!(error.kind(), ParseErrorKind::Truncated, "at {end}: {error}");
            }
        }
        assert!(!Validator::new().check(&xml.as_bytes()[..end]).is_valid(), "at {end}");
    }
    assert_eq!(Document::parse(xml).unwrap().entries.len(), 4);
}

/// A Resource List that is made while it is read.
struct Generated {
    next: u64,
    entries: u64,
    piece: Vec<u8>,
    at: usize,
}

impl Generated {
    fn of(entries: u64) -> Self {
        let head = "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
                    xmlns:rs='http://www.openarchives.org/rs/terms/'>\n\
                    <rs:ln rel='up' href='https://x.example.org/cap.xml'/>\n\
                    <rs:md capability='resourcelist' at='2024-01-01T00:00:00Z'/>\n";
        Self { next: 0, entries, piece: head.into(), at: 0 }
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() && self.next <= self.entries {
            self.piece = match self.next {
                next if next == self.entries => b"</urlset>\n".to_vec(),
                next => format!(
                    "<url>\n <loc>https://x.example.org/resource/{next}</loc>\n \
                     <lastmod>2023-12-31T23:59:59Z</lastmod>\n \
                     <rs:md hash='md5:{next:032x}' length='{next}' type='application/pdf'/>\n</url>\n"
                )
                .into_bytes(),
            };
            self.at = 0;
            self.next += 1;
        }
        let read = (&self.piece[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

#[test]
fn a_long_list_is_read_through_a_window() {
    const ENTRIES: u64 = 200_000;
    let mut source = Drops { source: Generated::of(ENTRIES), most: usize::MAX, asked: 0 };
    let mut reader = Reader::new(&mut source);
    let (mut entries, mut parts, mut most) = (0_u64, 0, 0);
    while let Some(part) = reader.next_part().unwrap() {
        let before = entries;
        for entry in part {
            assert_eq!(entry.unwrap().md.length, Some(entries));
            entries += 1;
        }
        parts += 1;
        most = most.max(entries - before);
    }
    assert_eq!((entries, reader.seen()), (ENTRIES, ENTRIES));
    // No part is more than a window of 128 KiB and what was left over of the last.
    assert!(parts > 200 && most < 2000, "{parts} parts, up to {most} entries");
    let position = reader.position();
    assert!(source.asked <= 1 << 20, "asked for {} bytes at once", source.asked);
    assert!(position > 30 << 20, "{position}");
}

#[test]
fn a_long_list_is_checked_through_a_window() {
    const ENTRIES: u64 = 200_000;
    let mut source = Drops { source: Generated::of(ENTRIES), most: 1 << 16, asked: 0 };
    let report = Validator::new().check(&mut source);
    assert_eq!(report.entries, ENTRIES);
    assert!(source.asked <= 1 << 20, "asked for {} bytes at once", source.asked);
    let found: Vec<_> = report.findings.iter().map(|finding| finding.code.name()).collect();
    assert_eq!(found, ["too-many-entries"]);
}
