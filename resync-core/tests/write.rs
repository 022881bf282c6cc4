//! Documents, written.

#![allow(clippy::unwrap_used)]

use std::io::{Cursor, ErrorKind};

use resync_core::document::{
    Capability, Change, Datetime, Document, Entry, ForeignAttribute, Head, Link, ListPart,
    ListWriter, Size, Writer, rel, to_xml,
};

fn time(text: &str) -> Option<Datetime> {
    Datetime::read(text)
}

fn head() -> Head {
    let mut head = Head::list(Capability::ResourceList);
    head.md.at = time("2024-01-01T00:00:00Z");
    head.links.push(Link::new(rel::UP, "https://x.org/capabilitylist.xml"));
    head
}

#[test]
fn a_document_is_written_in_the_order_of_the_standard() {
    let mut document = Document::new(head());
    let mut entry = Entry::new("https://x.org/a");
    entry.lastmod = time("2024-01-01T12:00:00+01:00");
    entry.priority = Some("0.5".into());
    entry.md.length = Some(3);
    entry.md.media_type = Some("text/plain".into());
    entry.md.change = Some(Change::Updated);
    entry.links.push(Link::new(rel::DESCRIBES, "https://x.org/b"));
    entry.extensions.push("<?xml version='1.0'?><x>&lt;</x>".to_owned());
    document.entries.push(entry);
    assert_eq!(
        to_xml(&document).unwrap(),
        r#"<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:rs="http://www.openarchives.org/rs/terms/">
<rs:ln rel="up" href="https://x.org/capabilitylist.xml"/>
<rs:md capability="resourcelist" at="2024-01-01T00:00:00Z"/>
<url><loc>https://x.org/a</loc><lastmod>2024-01-01T12:00:00+01:00</lastmod><priority>0.5</priority><rs:md change="updated" length="3" type="text/plain"/><rs:ln rel="describes" href="https://x.org/b"/><x xmlns="">&lt;</x></url>
</urlset>
"#
    );
}

#[test]
fn what_is_written_is_read_again() {
    let mut document = Document::new(Head::index(Capability::ChangeList));
    document.head.md.from = time("2024-01-01");
    let mut entry = Entry::new("https://x.org/?a=1&b=<\">\t\r\n'ü\u{1F600}'end");
    let mut link = Link::new("a b", "https://x.org/?a&b");
    link.priority = Some(3);
    link.other.push(ForeignAttribute::new("rs:x", "\n1\t\"").in_namespace("urn:a?b;c"));
    link.other.push(ForeignAttribute::new("a:x", "2").in_namespace("urn:2"));
    link.other.push(ForeignAttribute::new("a:y", "3").in_namespace("urn:3"));
    link.other.push(ForeignAttribute::new("b:y", "4").in_namespace("urn:2"));
    link.other.push(ForeignAttribute::new("length", "a lot"));
    entry.links.push(link);
    entry.extensions.push(r#"<dc:title xmlns:dc="urn:dc">Kytice &amp; růže</dc:title>"#.to_owned());
    document.entries.push(entry);
    let read = Document::parse(&to_xml(&document).unwrap()).unwrap();
    assert_eq!(read.head, document.head);
    assert_eq!(read.entries[0].loc, document.entries[0].loc);
    assert_eq!(read.entries[0].extensions, document.entries[0].extensions);
    let others = read.entries[0].links[0].other.iter().map(|other| {
        (other.name.split(':').next_back().unwrap(), other.namespace.as_deref(), &*other.value)
    });
    let mut others: Vec<_> = others.collect();
    others.sort_unstable();
    assert_eq!(
        others,
        [
            ("length", None, "a lot"),
            ("x", Some("urn:2"), "2"),
            ("x", Some("urn:a?b;c"), "\n1\t\""),
            ("y", Some("urn:2"), "4"),
            ("y", Some("urn:3"), "3"),
        ]
    );
    assert_eq!(to_xml(&read).unwrap(), to_xml(&document).unwrap());
}

#[test]
fn what_xml_cannot_hold_is_refused_with_nothing_written() {
    let with = |change: &dyn Fn(&mut Entry<'static>)| {
        let mut entry = Entry::new("https://x.org/");
        change(&mut entry);
        let mut writer = Writer::new(Vec::new(), &head()).unwrap();
        let before = writer.written();
        let error = writer.entry(&entry).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert_eq!(writer.written(), before);
        error.to_string()
    };
    assert!(with(&|entry| entry.loc = "a\u{1}b".into()).contains("loc"));
    assert!(with(&|entry| entry.md.path = Some("/\u{FFFF}".into())).contains("path"));
    let twice = with(&|entry| {
        entry.md.length = Some(1);
        entry.md.other.push(ForeignAttribute::new("length", "x"));
    });
    assert!(twice.contains("length"), "{twice}");
    with(&|entry| entry.md.other.push(ForeignAttribute::new("a:b", "no namespace")));
    with(&|entry| entry.md.other.push(ForeignAttribute::new("a b", "")));
    with(&|entry| entry.extensions.push("<a><b></a>".to_owned()));
    with(&|entry| entry.extensions.push("<a:b/>".to_owned()));
    with(&|entry| entry.extensions.push("</url><url>".to_owned()));
}

fn split(entries: u64, size: Size) -> Vec<ListPart<Cursor<Vec<u8>>>> {
    let open = |_| Ok(Cursor::new(Vec::new()));
    let mut list = ListWriter::new(head(), "https://x.org/index.xml?a&b", open).size(size);
    let mut parts = Vec::new();
    for n in 0..entries {
        parts.extend(list.entry(&Entry::new(format!("https://x.org/{n}"))).unwrap());
    }
    parts.push(list.finish().unwrap());
    parts
}

#[test]
fn a_list_is_split_by_entries_and_each_part_leads_to_the_index() {
    for (entries, expected) in [(0, &[0][..]), (10, &[10]), (11, &[10, 1]), (25, &[10, 10, 5])] {
        let parts = split(entries, Size { entries: 10, ..Size::default() });
        assert_eq!(parts.iter().map(|part| part.entries).collect::<Vec<_>>(), expected);
        let mut n = 0;
        for (part, number) in parts.iter().zip(1..) {
            let text = str::from_utf8(part.out.get_ref()).unwrap();
            assert_eq!((part.number, part.bytes), (number, text.len() as u64));
            let document = Document::parse(text).unwrap();
            assert!(document.issues.is_empty());
            assert_eq!(document.head.md, head().md);
            assert_eq!(document.head.link(rel::UP), head().link(rel::UP));
            let index = document.head.link(rel::INDEX);
            assert_eq!(index, (parts.len() > 1).then_some("https://x.org/index.xml?a&b"));
            for entry in &document.entries {
                assert_eq!(entry.loc, format!("https://x.org/{n}"));
                n += 1;
            }
        }
        assert_eq!(n, entries);
    }
}

#[test]
fn a_list_is_split_by_bytes() {
    for bytes in 500..600 {
        let parts = split(50, Size { bytes, ..Size::default() });
        assert!(parts.len() > 3);
        assert!(parts.iter().all(|part| part.bytes <= bytes && part.entries > 0));
        assert_eq!(parts.iter().map(|part| part.entries).sum::<u64>(), 50);
    }
    let open = |_| Ok(Cursor::new(Vec::new()));
    let size = Size { bytes: 600, ..Size::default() };
    let mut list = ListWriter::new(head(), "https://x.org/index.xml", open).size(size);
    let error = list.entry(&Entry::new("x".repeat(600))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(list.entry(&Entry::new("https://x.org/")).unwrap().is_none());
}
