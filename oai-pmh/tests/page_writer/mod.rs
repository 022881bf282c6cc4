//! Pages with their meaning, and ways to spoil them.

use oai_pmh::xml::Cursor;
use oai_pmh::{Datestamp, NAMESPACE};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The prefixes that the protocol's namespace is written with.
const PREFIXES: [&str; 4] = ["", "oai:", "o-1.x:", "日本:"];

#[derive(Clone, Debug)]
pub(crate) struct PageDraft {
    prefix: &'static str,
    pub(crate) items: Vec<ItemDraft>,
    pub(crate) token: Option<TokenDraft>,
}

#[derive(Clone, Debug)]
pub(crate) struct ItemDraft {
    pub(crate) identifier: String,
    pub(crate) datestamp: String,
    pub(crate) sets: Vec<String>,
    pub(crate) is_deleted: bool,
    pub(crate) metadata: Option<Tree>,
    pub(crate) abouts: Vec<Tree>,
}

#[derive(Clone, Debug)]
pub(crate) struct TokenDraft {
    pub(crate) value: String,
    pub(crate) size: Option<u64>,
    pub(crate) cursor: Option<u64>,
    pub(crate) expiration: Option<String>,
}

/// Metadata, all of it in the namespace `urn:m`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    local: String,
    text: String,
    children: Vec<Self>,
}

/// Anything XML can say that does not begin or end with white space.
pub(crate) fn value() -> impl Strategy<Value = String> {
    let special = select("<>&'\"];: %+?#\r\n\té日\u{1F4DA}\u{FEFF}".chars().collect::<Vec<_>>());
    let any = any::<char>().prop_map(|c| match c {
        '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => '_',
        c => c,
    });
    vec(prop_oneof![select(vec!['a', '1', '/']), special, any], 1..16)
        .prop_map(|chars| String::from_iter(chars).trim_ascii().to_owned())
        .prop_map(|text| if text.is_empty() { "x".to_owned() } else { text })
}

pub(crate) fn datestamp() -> impl Strategy<Value = String> {
    (0..10_000_u32, 1..13_u32, 1..29_u32, option::of((0..24_u32, 0..60_u32, 0..60_u32))).prop_map(
        |(year, month, day, time)| {
            let day = format!("{year:04}-{month:02}-{day:02}");
            match time {
                Some((h, m, s)) => format!("{day}T{h:02}:{m:02}:{s:02}Z"),
                None => day,
            }
        },
    )
}

/// Elements named as the protocol's are, so that the one could be taken for the other.
fn tree() -> impl Strategy<Value = Tree> {
    let names =
        ["record", "header", "identifier", "metadata", "ListRecords", "resumptionToken", "é"];
    let local = select(names.map(str::to_owned).to_vec());
    let leaf = (local.clone(), value()).prop_map(|(local, text)| Tree {
        local,
        text,
        children: Vec::new(),
    });
    leaf.prop_recursive(3, 8, 3, move |inner| {
        (local.clone(), vec(inner, 1..4)).prop_map(|(local, children)| Tree {
            local,
            text: String::new(),
            children,
        })
    })
}

fn item() -> impl Strategy<Value = ItemDraft> {
    let content = (any::<bool>(), tree(), vec(tree(), 0..3));
    (value(), datestamp(), vec("[A-Za-z0-9_.!~*'():-]{1,8}", 0..3), content).prop_map(
        |(identifier, datestamp, sets, (is_deleted, metadata, abouts))| ItemDraft {
            identifier,
            datestamp,
            sets,
            is_deleted,
            metadata: (!is_deleted).then_some(metadata),
            abouts,
        },
    )
}

pub(crate) fn page() -> impl Strategy<Value = PageDraft> {
    let token = (
        prop_oneof![4 => value(), 1 => Just(String::new())],
        any::<Option<u64>>(),
        any::<Option<u64>>(),
        datestamp(),
    );
    let token = token.prop_map(|(value, size, cursor, expiration)| TokenDraft {
        value,
        size,
        cursor,
        expiration: cursor.is_some().then_some(expiration),
    });
    (select(PREFIXES.to_vec()), vec(item(), 0..5), option::of(token))
        .prop_map(|(prefix, items, token)| PageDraft { prefix, items, token })
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\r', "&#13;").replace('\n', "&#10;")
}

impl Tree {
    /// The prefix `m` is bound by the page.
    fn write(&self, prefix: &str, declare: bool) -> String {
        let Self { local, text, children } = self;
        let declaration = match (declare, prefix) {
            (false, _) => "",
            (true, "") => " xmlns='urn:m'",
            (true, _) => " xmlns:m='urn:m'",
        };
        let inside: String = children.iter().map(|child| child.write(prefix, false)).collect();
        format!("<{prefix}{local}{declaration}>{}{inside}</{prefix}{local}>", escape(text))
    }

    /// What a document says, read strictly.
    pub(crate) fn read(xml: &str) -> Self {
        let mut cursor = Cursor::new(xml).mode(oai_pmh::xml::Mode::Strict);
        let root = cursor.next_child().unwrap().expect("a root element");
        let tree = Self::below(&mut cursor, &root, xml);
        cursor.finish().unwrap();
        tree
    }

    fn below<'a>(
        cursor: &mut Cursor<'a>,
        element: &oai_pmh::xml::Element<'a>,
        xml: &'a str,
    ) -> Self {
        assert_eq!(element.namespace(), Some("urn:m"), "{xml}");
        let mut tree =
            Self { local: element.local().to_owned(), text: String::new(), children: Vec::new() };
        if xml[cursor.offset()..].starts_with('<') && !xml[cursor.offset()..].starts_with("</") {
            while let Some(child) = cursor.next_child().unwrap() {
                tree.children.push(Self::below(cursor, &child, xml));
            }
        } else {
            tree.text = cursor.text().unwrap().into_owned();
        }
        tree
    }
}

impl PageDraft {
    /// The page of a list, in two parts: up to the list's content, and from there.
    pub(crate) fn write_parts(&self, verb: &str) -> (String, String) {
        let p = self.prefix;
        let colon =
            if p.is_empty() { String::new() } else { format!(":{}", p.trim_end_matches(':')) };
        let head = format!(
            "<?xml version='1.0' encoding='UTF-8'?>\n<{p}OAI-PMH xmlns{colon}=\"{NAMESPACE}\" \
             xmlns:m=\"urn:m\"><{p}responseDate>2024-06-01T12:00:00Z</{p}responseDate>\
             <{p}request verb=\"{verb}\">http://x.org/oai</{p}request>\n<{p}{verb}>"
        );
        let items: Vec<String> =
            self.items.iter().enumerate().map(|(n, item)| item.write(p, verb, n)).collect();
        let token = self.token.as_ref().map_or(String::new(), |token| token.write(p));
        (head, format!("{}{token}</{p}{verb}></{p}OAI-PMH>\n", items.join("\n")))
    }

    pub(crate) fn write(&self, verb: &str) -> String {
        let (head, rest) = self.write_parts(verb);
        head + &rest
    }
}

impl ItemDraft {
    fn write(&self, p: &str, verb: &str, n: usize) -> String {
        let sets = |tag: &str| -> String {
            self.sets.iter().map(|set| format!("<{p}{tag}>{set}</{p}{tag}>")).collect()
        };
        if verb == "ListSets" {
            let name = escape(&self.identifier);
            return format!(
                "<{p}set><{p}setSpec>s{n}</{p}setSpec><{p}setName>{name}</{p}setName></{p}set>"
            );
        }
        let status = if self.is_deleted { " status='deleted'" } else { "" };
        let header = format!(
            "<{p}header{status}><{p}identifier>{}</{p}identifier><{p}datestamp>{}</{p}datestamp>\
             {}</{p}header>",
            escape(&self.identifier),
            self.datestamp,
            sets("setSpec"),
        );
        if verb == "ListIdentifiers" {
            return header;
        }
        // Bound by the page, or by themselves under a prefix or under none.
        let ways = [("m:", false), ("m:", true), ("", true)];
        let inside = |tag: &str, n: usize, tree: &Tree| {
            let (prefix, declare) = ways[n % 3];
            format!("<{p}{tag}>{}</{p}{tag}>", tree.write(prefix, declare))
        };
        let metadata = self.metadata.iter().map(|tree| inside("metadata", n, tree));
        let abouts = self.abouts.iter().enumerate().map(|(k, tree)| inside("about", n + k, tree));
        let content: String = metadata.chain(abouts).collect();
        format!("<{p}record>{header}{content}</{p}record>")
    }
}

impl TokenDraft {
    fn write(&self, p: &str) -> String {
        let size = self.size.map_or(String::new(), |n| format!(" completeListSize='{n}'"));
        let cursor = self.cursor.map_or(String::new(), |n| format!(" cursor='{n}'"));
        let date = self.expiration.as_ref();
        let date = date.map_or(String::new(), |date| format!(" expirationDate='{date}'"));
        let name = format!("{p}resumptionToken");
        format!("<{name}{size}{cursor}{date}>{}</{name}>", escape(&self.value))
    }

    pub(crate) fn expiration(&self) -> Option<Datestamp> {
        self.expiration.as_ref().map(|date| date.parse().expect("a date"))
    }
}

/// A change to a document, whatever it says.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Flip(Index, u8),
    Delete(Index, usize),
    Insert(Index, &'static [u8]),
    /// Copies a piece to another place.
    Splice(Index, usize, Index),
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let scraps: [&[u8]; 16] = [
        b"<",
        b">",
        b"&",
        b"\"",
        b"<record>",
        b"</record>",
        b"<header/>",
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"]]>",
        b"&nbsp;",
        b"\x01",
        b"\xE9",
        b"</ListRecords>",
        b"<!DOCTYPE x [",
    ];
    let place = any::<Index>;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        (place(), 1..80_usize).prop_map(|(at, length)| Damage::Delete(at, length)),
        (place(), select(scraps.to_vec())).prop_map(|(at, scrap)| Damage::Insert(at, scrap)),
        (place(), 1..200_usize, place()).prop_map(|(from, n, to)| Damage::Splice(from, n, to)),
    ]
}

impl Damage {
    pub(crate) fn apply(&self, body: &mut Vec<u8>) {
        let place = |at: &Index| at.index(body.len() + 1);
        match self {
            Self::Flip(at, byte) => {
                let at = place(at).min(body.len().saturating_sub(1));
                body.iter_mut().skip(at).take(1).for_each(|b| *b = *byte);
            }
            Self::Delete(at, length) => {
                let at = place(at);
                body.drain(at..body.len().min(at + length));
            }
            Self::Insert(at, scrap) => {
                let at = place(at);
                body.splice(at..at, scrap.iter().copied());
            }
            Self::Splice(from, length, to) => {
                let (from, to) = (place(from), place(to));
                let piece = body[from..body.len().min(from + length)].to_vec();
                body.splice(to..to, piece);
            }
        }
    }
}
