//! The XML reader against documents nobody thought of.
#![allow(clippy::unwrap_used, clippy::panic_in_result_fn)]

mod xml_support;

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use resync_core::xml::{
    Bindings, Cursor, Decoder, Element, Issues, Mode, ParseError, ParseErrorKind, Windows, decode,
};

use self::xml_support::{Child, Document, Node, XML_NAMESPACE, draft, faulty, judge};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Reads an element by cursor. Its shape says where text and where elements are asked for.
fn walk<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
    shape: &Node,
) -> Result<Node, ParseError> {
    let namespace = element.namespace().unwrap_or_default().to_owned();
    let mut node = Node { name: (namespace, element.local().to_owned()), ..Node::default() };
    let bindings = cursor.bindings();
    for (name, _) in element.attributes().filter(|(name, _)| !name.starts_with("xmlns")) {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = match prefix {
            "" => "",
            "xml" => XML_NAMESPACE,
            prefix => bindings.uri(prefix).expect("a prefix in scope"),
        };
        let value = cursor.attribute(element, local)?.expect("it is there").into_owned();
        node.attributes.push(((namespace.to_owned(), local.to_owned()), value));
    }
    let mut shapes = shape.elements().peekable();
    if shapes.peek().is_none() {
        node.push_text(&cursor.text()?);
        return Ok(node);
    }
    while let Some(child) = cursor.next_child()? {
        let shape = shapes.next().cloned().unwrap_or_default();
        node.children.push(Child::Element(walk(cursor, &child, &shape)?));
    }
    Ok(node)
}

/// Reads a whole document; `None` where there is no root element.
fn read(text: &str, mode: Mode, shape: &Node) -> Result<Option<(Node, u64)>, ParseError> {
    let mut cursor = Cursor::new(text).mode(mode);
    let Some(root) = cursor.next_child()? else { return Ok(None) };
    let node = walk(&mut cursor, &root, shape)?;
    cursor.finish()?;
    Ok(Some((node, cursor.issues().total())))
}

/// The n-th element of a document as a piece of its own, with the issues it took.
fn nth_raw(page: &Arc<String>, n: usize, shared: bool) -> (resync_core::xml::RawXml, u64) {
    let mut cursor = if shared { Cursor::over(page) } else { Cursor::new(page) };
    let mut seen = 0;
    loop {
        if let Some(element) = cursor.next_child().unwrap() {
            seen += 1;
            if seen > n {
                let before = cursor.issues().total();
                let raw = cursor.raw(&element).unwrap();
                return (raw, cursor.issues().total() - before);
            }
        }
    }
}

/// The root's children as pieces, with their places; read through windows of this size. And the
/// places of the issues.
fn children_in_windows(bytes: &[u8], piece: usize) -> (Vec<(u64, String)>, Vec<u64>) {
    let mut windows = Windows::new(bytes, Decoder::new(None, Mode::Tolerant), piece);
    let (mut decoding, mut found) = (Issues::default(), Issues::default());
    let mut children = Vec::new();
    let mut root: Option<(String, Arc<Bindings>)> = None;
    let mut at = 0;
    'windows: loop {
        let text = Arc::clone(windows.text());
        let (open, outer) = root.clone().unwrap_or_default();
        let names = [open.as_str()];
        let open = if root.is_some() { &names[..] } else { &[] };
        let mut cursor = Cursor::resume(&text, at, windows.base(), open, &outer);
        loop {
            let mut step = || -> Result<bool, ParseError> {
                let Some(element) = cursor.next_child()? else { return Ok(false) };
                if root.is_none() {
                    root = Some((element.name().to_owned(), Arc::new(cursor.bindings())));
                    return Ok(!element.is_empty());
                }
                let place = windows.base() + element.start() as u64;
                children.push((place, cursor.raw(&element)?.standalone().into_owned()));
                Ok(true)
            };
            match step() {
                Ok(goes_on) => {
                    at = cursor.offset();
                    found.append(cursor.take_issues());
                    if !goes_on {
                        break 'windows;
                    }
                }
                Err(error) if error.kind() == ParseErrorKind::Truncated && !windows.is_last() => {
                    windows.advance(at, &mut decoding).unwrap();
                    at = 0;
                    continue 'windows;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    while !windows.is_last() {
        windows.advance(windows.text().len(), &mut decoding).unwrap();
    }
    let mut places: Vec<u64> = decoding.iter().chain(&found).map(|issue| issue.at).collect();
    places.sort_unstable();
    (children, places)
}

/// Bytes that look like XML here and there.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let scraps = [
        "<",
        ">",
        "/>",
        "</",
        "<a",
        "<a>",
        "</a>",
        "<p:b",
        " x=",
        "'",
        "\"",
        " xmlns='u'",
        "xmlns:p='v'",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "?>",
        "<?xml ",
        "<!DOCTYPE",
        "[",
        "&",
        "&amp;",
        "&#",
        ";",
        "&nbsp;",
        "é",
        "\u{FFFE}",
        "\0",
        " ",
        "\r\n",
        "encoding='utf-16'",
        "encoding='latin1'",
    ];
    let scrap = select(scraps.to_vec()).prop_map(|scrap| scrap.as_bytes().to_vec());
    let bytes = prop_oneof![8 => scrap, 1 => vec(any::<u8>(), 0..4)];
    let start =
        select(vec![&b""[..], b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF", b"<\0", b"<?xml "]);
    (start, vec(bytes, 0..60)).prop_map(|(start, parts)| [start.to_vec(), parts.concat()].concat())
}

const BROKEN_UTF8: &[&[u8]] =
    &[b"\xC3", b"\xE6\x97", b"\xA5", b"\xF0\x9F\x93\x9A", b"\xFF", b"a", "é日".as_bytes()];

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn whatever_the_bytes_reading_ends_and_names_a_place_in_the_document(
        bytes in prop_oneof![3 => soup(), 1 => vec(any::<u8>(), 0..200)],
        charset in select(vec![None, Some("utf-8"), Some("utf-16le"), Some("shift_jis"), Some("?")]),
        strict: bool,
        choices in vec(0..6_u8, 1..20),
    ) {
        let mode = if strict { Mode::Strict } else { Mode::Tolerant };
        let mut issues = Issues::default();
        let text = match decode(bytes.clone(), charset, mode, &mut issues) {
            Ok(text) => Arc::new(text),
            Err(error) => {
                prop_assert!(strict, "tolerant decoding fails: {}", error);
                // A byte of another encoding becomes three at most.
                prop_assert!(error.at() <= 3 * bytes.len() as u64 + 1);
                return Ok(());
            }
        };
        let mut cursor = Cursor::over(&text).mode(mode);
        let mut failure = None;
        let mut ended = false;
        // Each step takes a tag, or leaves an element that one has opened.
        for n in 0..=2 * text.len() + 1 {
            let step = cursor.next_child().and_then(|element| {
                let Some(element) = element else { return Ok(cursor.depth() > 0) };
                match choices[n % choices.len()] {
                    0 => cursor.text().map(drop)?,
                    1 => cursor.skip()?,
                    2 => cursor.raw(&element).map(|raw| drop(raw.standalone().into_owned()))?,
                    3 => cursor.raw_content(&element).map(drop)?,
                    4 => cursor.attribute(&element, "x").map(drop)?,
                    _ => {}
                }
                Ok(true)
            });
            match step {
                Ok(true) => {}
                Ok(false) => {
                    ended = cursor.offset() == text.len();
                    if ended {
                        failure = cursor.finish().err();
                        break;
                    }
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        prop_assert!(ended || failure.is_some(), "it goes on for ever");
        issues.append(cursor.take_issues());
        prop_assert!(!strict || issues.iter().all(|issue| issue.at == 0), "strict mode repairs");
        let places = issues.iter().map(|issue| issue.at).chain(failure.map(|error| error.at()));
        for place in places {
            prop_assert!(place <= text.len() as u64 + 1, "{} of {}", place, text.len());
        }
    }

    #[test]
    fn bytes_decoded_in_pieces_are_those_decoded_at_once(
        tail in vec(select(BROKEN_UTF8), 0..20),
        piece in 1..9_usize,
    ) {
        let bytes = [&b"<?xml version='1.0'?>"[..], &tail.concat()].concat();
        let places = |issues: &Issues| issues.iter().map(|issue| issue.at).collect::<Vec<_>>();
        let mut whole = Issues::default();
        let text = decode(bytes.clone(), None, Mode::Tolerant, &mut whole).unwrap();
        let mut parts = Issues::default();
        let mut decoder = Decoder::new(None, Mode::Tolerant);
        let mut pieced = String::new();
        for chunk in bytes.chunks(piece) {
            pieced += &decoder.decode(chunk, false, &mut parts).unwrap();
        }
        pieced += &decoder.decode(b"", true, &mut parts).unwrap();
        prop_assert_eq!(pieced, text);
        prop_assert_eq!(places(&parts), places(&whole));
    }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn a_well_formed_document_is_read_strictly_in_any_encoding(
        draft in draft(false, false),
        encoding in 0..4,
    ) {
        let document = Document::of(&draft);
        let text = document.text();
        let wide = |mark: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            (mark.to_owned() + &text).encode_utf16().flat_map(bytes).collect()
        };
        let bytes = match encoding {
            0 => document.bytes.clone(),
            1 => [b"\xEF\xBB\xBF", document.bytes.as_slice()].concat(),
            2 => wide("\u{FEFF}", u16::to_le_bytes),
            _ => wide("", u16::to_be_bytes),
        };
        let mut issues = Issues::default();
        let decoded = decode(bytes, None, Mode::Strict, &mut issues).unwrap();
        prop_assert_eq!(&decoded, &text);
        let (node, repairs) = read(&decoded, Mode::Strict, &document.root).unwrap().unwrap();
        prop_assert_eq!(&node, &document.root.bare());
        prop_assert_eq!(&judge(&text), &document.root, "the writer is wrong");
        prop_assert_eq!(issues.total() + repairs, 0);
    }

    #[test]
    fn every_element_stands_alone_with_the_meaning_it_had(draft in draft(false, false), shared: bool) {
        let document = Document::of(&draft);
        let page = Arc::new(document.text());
        for (n, expected) in document.root.all().into_iter().enumerate() {
            let (raw, _) = nth_raw(&page, n, shared);
            prop_assert!(page.contains(raw.as_str()));
            let alone = raw.standalone();
            let (node, repairs) = read(&alone, Mode::Strict, expected).unwrap().unwrap();
            prop_assert_eq!((&node, repairs), (&expected.bare(), 0), "{}", alone);
            prop_assert_eq!(&judge(&alone), expected, "{}", alone);
            let again = nth_raw(&Arc::new(alone.clone().into_owned()), 0, shared).0;
            prop_assert_eq!(again.standalone(), alone, "standing alone twice changes it");
        }
    }

    #[test]
    fn every_element_of_mixed_content_stands_alone_too(draft in draft(true, false)) {
        let document = Document::of(&draft);
        let page = Arc::new(document.text());
        for (n, expected) in document.root.all().into_iter().enumerate() {
            let alone = nth_raw(&page, n, true).0.standalone().into_owned();
            prop_assert_eq!(&judge(&alone), expected, "{}", alone);
        }
    }

    #[test]
    fn what_is_wrong_in_a_text_is_repaired_and_reported_once(draft in faulty()) {
        let document = Document::of(&draft);
        prop_assert!(document.faults > 0);
        let mut issues = Issues::default();
        let text = decode(document.bytes.clone(), None, Mode::Tolerant, &mut issues).unwrap();
        let (node, repairs) = read(&text, Mode::Tolerant, &document.root).unwrap().unwrap();
        prop_assert_eq!(&node, &document.root.bare());
        prop_assert_eq!(issues.total() + repairs, document.faults);

        let (raw, repairs) = nth_raw(&Arc::new(text), 0, true);
        prop_assert_eq!(issues.total() + repairs, document.faults);
        let (node, _) = read(&raw.standalone(), Mode::Strict, &document.root).unwrap().unwrap();
        prop_assert_eq!(node, document.root.bare());
        prop_assert_eq!(judge(&raw.standalone()), document.root);
    }

    #[test]
    fn what_is_wrong_in_a_text_is_refused_strictly(draft in faulty()) {
        let document = Document::of(&draft);
        let bytes = document.bytes.clone();
        if let Ok(text) = decode(bytes, None, Mode::Strict, &mut Issues::default()) {
            prop_assert!(read(&text, Mode::Strict, &document.root).is_err());
            let mut cursor = Cursor::new(&text).mode(Mode::Strict);
            let root = cursor.next_child().unwrap().unwrap();
            prop_assert!(cursor.raw(&root).is_err());
        }
    }

    #[test]
    fn a_document_read_through_windows_of_any_size_is_the_whole(
        draft in draft(false, true),
        piece in prop_oneof![1..40_usize, 40..2000_usize],
    ) {
        let bytes = Document::of(&draft).bytes;
        let whole = children_in_windows(&bytes, bytes.len() + 1);
        prop_assert_eq!(children_in_windows(&bytes, piece), whole);
    }

    #[test]
    fn a_document_cut_off_anywhere_is_never_read_as_whole(draft in draft(false, true), from in 0..7_usize) {
        let document = Document::of(&draft);
        for cut in (from..document.span.end).step_by(7) {
            let mut issues = Issues::default();
            let bytes = document.bytes[..cut].to_vec();
            let text = decode(bytes, None, Mode::Tolerant, &mut issues).unwrap();
            let mut cursor = Cursor::new(&text);
            let raw = cursor.next_child().and_then(|root| root.map(|it| cursor.raw(&it)).transpose());
            let results = [
                read(&text, Mode::Tolerant, &document.root).map(|read| read.is_some()),
                raw.map(|raw| raw.is_some()),
            ];
            for result in results {
                match result {
                    Ok(found) => prop_assert!(!found && cut <= document.span.start, "{} is whole", text),
                    Err(error) => prop_assert_eq!(error.kind(), ParseErrorKind::Truncated, "{}", text),
                }
            }
        }
    }
}
