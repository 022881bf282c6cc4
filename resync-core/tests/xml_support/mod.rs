//! Documents with their meaning: what a reader should make of them is known without it.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use quick_xml::NsReader;
use quick_xml::escape::{resolve_xml_entity, unescape_with};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};

const PREFIXES: [&str; 5] = ["", "a", "b", "xsi", "ž"];
const URIS: [&str; 5] = ["urn:a", "urn:b", "http://x.org/?a=1&amp;b=é", "urn:\"quoted\"", ""];
pub(crate) const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// An element as it means, whoever reads it. A name is a namespace and a local name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: Name,
    pub(crate) attributes: Vec<(Name, String)>,
    pub(crate) children: Vec<Child>,
}

pub(crate) type Name = (String, String);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Child {
    Element(Node),
    Text(String),
}

impl Node {
    pub(crate) fn push_text(&mut self, text: &str) {
        match self.children.last_mut() {
            Some(Child::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => self.children.push(Child::Text(text.to_owned())),
        }
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Child::Element(node) => Some(node),
            Child::Text(_) => None,
        })
    }

    /// The same without the white space between elements.
    pub(crate) fn bare(&self) -> Self {
        let has_elements = self.elements().next().is_some();
        let kept = self.children.iter().filter_map(|child| match child {
            Child::Element(node) => Some(Child::Element(node.bare())),
            Child::Text(text) if has_elements && text.trim_ascii().is_empty() => None,
            Child::Text(text) => Some(Child::Text(text.clone())),
        });
        Self { children: kept.collect(), ..self.clone() }
    }

    /// Itself and all below, in document order.
    pub(crate) fn all(&self) -> Vec<&Self> {
        let below = self.elements().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }
}

/// An element as it is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    prefix: usize,
    local: String,
    declares: Vec<(usize, usize)>,
    /// Prefixes and values; prefix 0 is none, one beyond the last is `xml`.
    attributes: Vec<(usize, Vec<Piece>)>,
    content: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    CData(String),
    Char(char),
    Comment(String),
    Instruction(String),
    Space,
    Element(Draft),
    Fault(Fault),
}

/// What is wrong with a text, and what a tolerant reader makes of it.
#[derive(Clone, Copy, Debug)]
struct Fault {
    written: &'static [u8],
    read: &'static str,
}

const FAULTS: [Fault; 9] = [
    Fault { written: b"\x01", read: "" },
    Fault { written: b"\x0B", read: "" },
    Fault { written: "\u{FFFE}".as_bytes(), read: "" },
    Fault { written: b"& ", read: "& " },
    Fault { written: b"&nbsp;", read: "\u{A0}" },
    Fault { written: b"&nope;", read: "&nope;" },
    Fault { written: b"&#2;", read: "" },
    // No two of these make a character of UTF-8.
    Fault { written: b"\xE9", read: "é" },
    Fault { written: b"\xFF", read: "ÿ" },
];

fn text() -> impl Strategy<Value = String> {
    let special = select("<>&'\"];x \t\n\r".chars().collect::<Vec<_>>());
    let common = select("abcéžñ日本\u{1F4DA}\u{FEFF}\u{FFFD}\u{7F}".chars().collect::<Vec<_>>());
    let any = any::<char>().prop_filter("a character of XML", |c| {
        !matches!(c, '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
    });
    let short = vec(prop_oneof![2 => special, 2 => common, 1 => any], 0..12);
    let text = short.prop_map(String::from_iter);
    // Long enough for readers that look at many bytes at once.
    prop_oneof![4 => text.clone(), 1 => (0..130_usize, text).prop_map(|(n, t)| "-".repeat(n) + &t)]
}

fn filler() -> impl Strategy<Value = Piece> {
    let harmless = || text().prop_map(|text| text.replace(['-', '?', '\r'], "_"));
    prop_oneof![
        Just(Piece::Space),
        harmless().prop_map(Piece::Comment),
        harmless().prop_map(Piece::Instruction),
    ]
}

/// Of an attribute's value, and of text.
fn value(faults: bool) -> BoxedStrategy<Piece> {
    let clean = prop_oneof![
        4 => text().prop_map(Piece::Text),
        1 => select(vec!['<', '&', 'é', '\u{1F4DA}', '\r', '\u{FFFD}']).prop_map(Piece::Char),
    ];
    let fault = select(FAULTS.to_vec()).prop_map(Piece::Fault);
    if faults { prop_oneof![3 => clean, 1 => fault].boxed() } else { clean.boxed() }
}

fn content(faults: bool) -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => value(faults),
        1 => text().prop_map(|text| Piece::CData(text.replace("]]", "] "))),
        1 => filler(),
    ]
}

/// Elements that hold either elements or text; where `mixed`, both.
pub(crate) fn draft(mixed: bool, faults: bool) -> impl Strategy<Value = Draft> {
    let head = (
        0..PREFIXES.len(),
        "[a-zé日_][a-z0-9é._-]{0,8}",
        vec((0..PREFIXES.len(), 0..URIS.len()), 0..3),
        vec((0..=PREFIXES.len(), vec(value(faults), 0..3)), 0..3),
    )
        .boxed();
    let make = |((prefix, local, declares, attributes), content)| Draft {
        prefix,
        local,
        declares,
        attributes,
        content,
    };
    let leaf = (head.clone(), vec(content(faults), 0..4)).prop_map(make);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let inner = inner.prop_map(Piece::Element);
        let between = if mixed { content(faults).boxed() } else { filler().boxed() };
        (head.clone(), vec(prop_oneof![2 => inner, 1 => between], 0..5)).prop_map(make)
    })
}

/// The same with something wrong in it, once at least.
pub(crate) fn faulty() -> impl Strategy<Value = Draft> {
    (draft(false, true), any::<prop::sample::Index>(), select(FAULTS.to_vec())).prop_map(
        |(mut draft, at, fault)| {
            let leaf = draft.some_leaf(at.index(usize::MAX));
            leaf.content.push(Piece::Fault(fault));
            draft
        },
    )
}

impl Draft {
    /// An element without elements inside.
    fn some_leaf(&mut self, choice: usize) -> &mut Self {
        let is_element = |piece: &Piece| matches!(piece, Piece::Element(_));
        let count = self.content.iter().filter(|piece| is_element(piece)).count();
        if count == 0 {
            return self;
        }
        let mut inner = self.content.iter_mut().filter_map(|piece| match piece {
            Piece::Element(draft) => Some(draft),
            _ => None,
        });
        inner.nth(choice % count).expect("counted").some_leaf(choice / count)
    }
}

/// Writes a document down, and notes what it means.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    faults: u64,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn piece(&mut self, piece: &Piece, in_tag: bool, node: &mut Node) {
        match piece {
            Piece::Text(text) => {
                let mut written = text.replace('&', "&amp;").replace('<', "&lt;");
                written = written.replace('\r', "&#13;").replace("]]>", "]]&gt;");
                if in_tag {
                    written = written.replace('"', "&quot;");
                    written = written.replace('\n', "&#10;").replace('\t', "&#x9;");
                }
                self.put(&written);
                node.push_text(text);
            }
            Piece::Char(c) => {
                self.put(&format!("&#x{:X};", u32::from(*c)));
                node.push_text(&c.to_string());
            }
            Piece::CData(text) => {
                self.put(&format!("<![CDATA[{text}]]>"));
                node.push_text(&text.replace("\r\n", "\n").replace('\r', "\n"));
            }
            Piece::Comment(text) => self.put(&format!("<!--{text}-->")),
            Piece::Instruction(text) => self.put(&format!("<?pi {text}?>")),
            Piece::Space => {
                self.put("\n  ");
                node.push_text("\n  ");
            }
            Piece::Fault(fault) => {
                self.faults += 1;
                self.bytes.extend_from_slice(fault.written);
                node.push_text(fault.read);
            }
            Piece::Element(_) => unreachable!("written with its scope"),
        }
    }

    fn element(&mut self, draft: &Draft, scope: &BTreeMap<&'static str, &'static str>) -> Node {
        let mut scope = scope.clone();
        let mut declared = BTreeMap::new();
        for (prefix, uri) in &draft.declares {
            // Only the default namespace can be taken away.
            let uri = if *prefix > 0 && URIS[*uri].is_empty() { "urn:c" } else { URIS[*uri] };
            declared.insert(PREFIXES[*prefix], uri);
        }
        for used in draft.attributes.iter().map(|(prefix, _)| *prefix).chain([draft.prefix]) {
            let prefix = PREFIXES.get(used).copied().unwrap_or("xml");
            if !["", "xml"].contains(&prefix) && !scope.contains_key(prefix) {
                declared.entry(prefix).or_insert("urn:d");
            }
        }
        scope.extend(&declared);
        let name = |prefix: &str, local: &str| match prefix {
            "" => local.to_owned(),
            prefix => format!("{prefix}:{local}"),
        };
        let uri = |prefix| scope.get(prefix).copied().unwrap_or_default().to_owned();
        let written = name(PREFIXES[draft.prefix], &draft.local);
        let mut node =
            Node { name: (uri(PREFIXES[draft.prefix]), draft.local.clone()), ..Node::default() };

        self.put(&format!("<{written}"));
        for (prefix, uri) in declared {
            let quote = if uri.contains('"') { '\'' } else { '"' };
            let name = if prefix.is_empty() { "xmlns".to_owned() } else { name("xmlns", prefix) };
            self.put(&format!(" {name} = {quote}{uri}{quote}"));
        }
        for (n, (prefix, value)) in draft.attributes.iter().enumerate() {
            let prefix = PREFIXES.get(*prefix).copied().unwrap_or("xml");
            let namespace = match prefix {
                "" => String::new(),
                "xml" => XML_NAMESPACE.to_owned(),
                prefix => uri(prefix),
            };
            let mut holder = Node::default();
            self.put(&format!("\n{}=\"", name(prefix, &format!("t{n}"))));
            value.iter().for_each(|piece| self.piece(piece, true, &mut holder));
            self.put("\"");
            let value = match holder.children.as_slice() {
                [Child::Text(value)] => value.clone(),
                _ => String::new(),
            };
            node.attributes.push(((namespace, format!("t{n}")), value));
        }
        if draft.content.is_empty() {
            self.put(" />");
            return node;
        }
        self.put(">");
        for piece in &draft.content {
            match piece {
                Piece::Element(inner) => {
                    let inner = self.element(inner, &scope);
                    node.children.push(Child::Element(inner));
                }
                piece => self.piece(piece, false, &mut node),
            }
        }
        self.put(&format!("</{written}>"));
        node
    }
}

/// A document, with what it means and where in it the root element is.
pub(crate) struct Document {
    pub(crate) bytes: Vec<u8>,
    pub(crate) root: Node,
    pub(crate) span: std::ops::Range<usize>,
    pub(crate) faults: u64,
}

impl Document {
    pub(crate) fn of(draft: &Draft) -> Self {
        let mut writer = Writer::default();
        writer.put("<?xml version='1.0'?>\n<!-- <before> -->");
        let start = writer.bytes.len();
        let root = writer.element(draft, &BTreeMap::new());
        let span = start..writer.bytes.len();
        writer.put("\n<!-- </behind> --><?pi behind?>\n");
        Self { bytes: writer.bytes, root, span, faults: writer.faults }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }
}

/// Reads a document by another reader.
pub(crate) fn judge(xml: &str) -> Node {
    let mut reader = NsReader::from_str(xml);
    let mut open = vec![Node::default()];
    let start = |reader: &NsReader<&[u8]>, tag: &BytesStart<'_>| {
        let uri = |result: ResolveResult<'_>| match result {
            ResolveResult::Bound(Namespace(uri)) => uri.to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(prefix) => panic!("the prefix {prefix} is not declared: {xml}"),
        };
        let (namespace, local) = reader.resolver().resolve_element(tag.name());
        let mut node =
            Node { name: (uri(namespace), local.into_inner().to_owned()), ..Node::default() };
        for attribute in tag.attributes() {
            let attribute = attribute.expect("a well-formed attribute");
            if attribute.key.as_namespace_binding().is_none() {
                let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
                let value = unescape_with(&attribute.value, resolve_xml_entity).unwrap();
                let name = (uri(namespace), local.into_inner().to_owned());
                node.attributes.push((name, value.into_owned()));
            }
        }
        node
    };
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("{error}: {xml}"));
        let top = open.last_mut().expect("the document");
        match event {
            Event::Start(tag) => open.push(start(&reader, &tag)),
            Event::Empty(tag) => top.children.push(Child::Element(start(&reader, &tag))),
            Event::End(_) => {
                let node = open.pop().unwrap();
                open.last_mut().unwrap().children.push(Child::Element(node));
            }
            Event::Text(text) => top.push_text(&text.xml10_content()),
            Event::CData(data) => top.push_text(&data.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().unwrap() {
                Some(c) => top.push_text(&c.to_string()),
                None => top.push_text(resolve_xml_entity(&reference.xml10_content()).unwrap()),
            },
            Event::Eof => break,
            _ => {}
        }
    }
    open[0].elements().next().expect("a root element").clone()
}
