//! A document as a tree, for formats whose parts stand in each other and in any order.

use std::borrow::Cow;
use std::ops::Range;

use resync_core::xml::{Cursor, Element, IssueKind, Issues, ParseError, ParseErrorKind, text_of};

use crate::parser::{Issue, IssueLevel};
use crate::parsers::Text;

/// What a format says about reading its documents.
pub(super) struct Shape {
    /// Elements that are text with markup in it, as it may be.
    pub(super) texts: &'static [&'static str],
    /// What to call the namespaces. Elements in others have the prefix they are written with.
    pub(super) prefixes: &'static [(&'static str, &'static str)],
}

/// Elements in document order, each with the place where those inside it end.
pub(super) struct Tree<'a> {
    elements: Vec<Held<'a>>,
    /// Those of each element side by side, so that they are looked through quickly.
    children: Vec<Child>,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
    issues: Vec<Issue>,
}

struct Held<'a> {
    prefix: &'a str,
    local: &'a str,
    namespace: Option<&'a str>,
    text: Cow<'a, str>,
    attributes: Range<usize>,
    children: Range<usize>,
    /// The bits of the children's names: most names that are looked for are not there.
    names: u64,
    end: usize,
    is_left_out: bool,
}

#[derive(Clone, Copy)]
struct Child {
    /// That of its name.
    mark: u32,
    at: usize,
}

/// An element of a [`Tree`]. Names are given as `title`, in any namespace, or as `dc:title`.
#[derive(Clone, Copy)]
pub(super) struct Node<'t> {
    tree: &'t Tree<'t>,
    at: usize,
}

/// A name that is looked for.
#[derive(Clone, Copy)]
pub(super) struct Name<'n> {
    prefix: Option<&'n str>,
    local: &'n str,
    mark: u32,
}

impl<'n> Name<'n> {
    #[inline]
    pub(super) fn new(name: &'n str) -> Self {
        let (prefix, local) = match colon_in(name) {
            Some(colon) => (Some(&name[..colon]), &name[colon + 1..]),
            None => (None, name),
        };
        Self { prefix, local, mark: mark(local) }
    }

    /// The name without its prefix.
    pub(super) fn local(self) -> &'n str {
        self.local
    }

    fn is_of(self, held: &Held<'_>) -> bool {
        held.local == self.local && self.prefix.is_none_or(|prefix| held.prefix == prefix)
    }
}

/// What few names have in common: length and three of the letters.
fn mark(name: &str) -> u32 {
    match name.as_bytes() {
        [] => 0,
        all @ [first, .., last] => {
            u32::from_le_bytes([all.len() as u8, *first, all[all.len() / 2], *last])
        }
        [only] => u32::from(*only),
    }
}

/// One of 64 bits for a mark.
fn bit(mark: u32) -> u64 {
    1 << (mark.wrapping_mul(0x9E37_79B1) >> 26)
}

/// Where the prefix of a name ends; names are short.
pub(super) fn colon_in(name: &str) -> Option<usize> {
    name.bytes().position(|b| b == b':')
}

/// What the namespaces of a document are called.
struct Prefixes<'a, 's> {
    shape: &'s Shape,
    /// Those that were asked for first, as declared in the document.
    known: Vec<(&'a str, Option<&'static str>)>,
}

impl<'a> Prefixes<'a, '_> {
    fn of(&mut self, element: &Element<'a>) -> &'a str {
        const MOST: usize = 8;
        let Some(namespace) = element.namespace() else { return element.prefix() };
        let known = self.known.iter().find(|(known, _)| std::ptr::eq(*known, namespace));
        let prefix = known.map(|(_, prefix)| *prefix).unwrap_or_else(|| {
            let prefix = self.shape.prefixes.iter().find(|(uri, _)| *uri == namespace);
            let prefix = prefix.map(|(_, prefix)| *prefix);
            if self.known.len() < MOST {
                self.known.push((namespace, prefix));
            }
            prefix
        });
        prefix.unwrap_or(element.prefix())
    }
}

/// An element that is open while a document is read.
struct Open {
    at: usize,
    /// How many children of outer elements there were when it began.
    outer: usize,
}

impl<'a> Tree<'a> {
    /// Reads a document of at most so many elements; `None` if there is none in it.
    ///
    /// # Errors
    /// If it is not well-formed, or too big.
    pub(super) fn read(
        xml: &'a str,
        shape: &Shape,
        most: usize,
    ) -> Result<Option<Self>, ParseError> {
        let mut cursor = Cursor::new(xml);
        // Few documents have less than 64 bytes an element.
        let room = (xml.len() / 64).min(most);
        let mut tree = Self {
            elements: Vec::with_capacity(room),
            children: Vec::with_capacity(room),
            attributes: Vec::with_capacity(room / 2),
            issues: Vec::new(),
        };
        let mut prefixes = Prefixes { shape, known: Vec::new() };
        let (mut open, mut of_open): (Vec<Open>, Vec<Child>) = (Vec::new(), Vec::new());
        loop {
            if let Some(element) = cursor.next_child()? {
                if tree.elements.len() == most {
                    let what = format!("the record has more than {most} elements");
                    return Err(cursor.error(ParseErrorKind::Limit, what));
                }
                let at = tree.push(&element, &mut prefixes);
                if !open.is_empty() {
                    of_open.push(Child { mark: mark(element.local()), at });
                }
                let inside = xml.get(cursor.offset()..).unwrap_or_default();
                let has_markup = shape.texts.contains(&element.local());
                if element.is_empty() || has_markup || is_text(inside) {
                    tree.note(&cursor.take_issues(), false);
                    tree.elements[at].text = cursor.trimmed()?;
                    tree.note(&cursor.take_issues(), has_markup);
                } else {
                    open.push(Open { at, outer: of_open.len() });
                }
            } else if let Some(Open { at, outer }) = open.pop() {
                let first = tree.children.len();
                tree.children.extend(of_open.drain(outer..));
                let (children, end) = (first..tree.children.len(), tree.elements.len());
                let element = &mut tree.elements[at];
                element.names = tree.children[first..].iter().fold(0, |all, it| all | bit(it.mark));
                (element.children, element.end) = (children, end);
            }
            if open.is_empty() {
                break;
            }
        }
        cursor.finish()?;
        tree.note(&cursor.take_issues(), false);
        Ok(Some(tree).filter(|tree| !tree.elements.is_empty()))
    }

    /// Keeps what was repaired; elements in a text may be allowed there.
    fn note(&mut self, found: &Issues, may_have_markup: bool) {
        const MOST: usize = 100;
        let is_wrong = |kind| !(may_have_markup && kind == IssueKind::UnknownElement);
        for issue in found.iter().filter(|issue| is_wrong(issue.kind)) {
            if self.issues.len() < MOST {
                self.issues.push(Issue::new(IssueLevel::Warning, "record", issue.to_string()));
            }
        }
    }

    fn push(&mut self, element: &Element<'a>, prefixes: &mut Prefixes<'a, '_>) -> usize {
        let first = self.attributes.len();
        let attributes = element
            .attributes()
            .filter(|(name, _)| *name != "xmlns" && !name.starts_with("xmlns:"))
            .map(|(name, value)| {
                let local = colon_in(name).map_or(name, |colon| &name[colon + 1..]);
                (local, text_of(value))
            });
        self.attributes.extend(attributes);
        let at = self.elements.len();
        self.elements.push(Held {
            prefix: prefixes.of(element),
            local: element.local(),
            namespace: element.namespace(),
            text: Cow::Borrowed(""),
            attributes: first..self.attributes.len(),
            children: 0..0,
            names: 0,
            end: at + 1,
            is_left_out: false,
        });
        at
    }

    /// The root element.
    pub(super) fn root(&self) -> Node<'_> {
        Node { tree: self, at: 0 }
    }

    /// Takes what was wrong with the XML.
    pub(super) fn take_issues(&mut self) -> Vec<Issue> {
        std::mem::take(&mut self.issues)
    }

    /// Takes an element out, named as [`Node::place`] has it.
    pub(super) fn leave_out(&mut self, place: usize) {
        if let Some(held) = self.elements.get_mut(place) {
            held.is_left_out = true;
        }
    }
}

/// Whether what is behind a start tag is text rather than an element.
fn is_text(inside: &str) -> bool {
    let mut inside = inside.trim_start();
    while let Some(comment) = inside.strip_prefix("<!--") {
        let Some((_, behind)) = comment.split_once("-->") else { return true };
        inside = behind.trim_start();
    }
    !inside.starts_with('<') || inside.starts_with("</") || inside.starts_with("<![CDATA[")
}

impl<'t> Node<'t> {
    fn held(self) -> &'t Held<'t> {
        &self.tree.elements[self.at]
    }

    /// The name without its prefix.
    pub(super) fn local(self) -> &'t str {
        self.held().local
    }

    /// The namespace.
    pub(super) fn namespace(self) -> Option<&'t str> {
        self.held().namespace
    }

    /// Its place in the tree.
    pub(super) fn place(self) -> usize {
        self.at
    }

    /// Whether it has this name.
    pub(super) fn is(self, name: Name<'_>) -> bool {
        name.is_of(self.held())
    }

    fn held_children(self) -> &'t [Child] {
        &self.tree.children[self.held().children.clone()]
    }

    /// Its children, in order, without what was left out.
    pub(super) fn children(self) -> impl Iterator<Item = Self> + use<'t> {
        let children = self.held_children().iter().map(move |child| Self { at: child.at, ..self });
        children.filter(|child| !child.held().is_left_out)
    }

    /// The children with this name.
    pub(super) fn all<'n>(self, name: &'n str) -> impl Iterator<Item = Self> + use<'t, 'n> {
        self.called(Name::new(name))
    }

    /// The children with this name.
    pub(super) fn called<'n>(self, name: Name<'n>) -> impl Iterator<Item = Self> + use<'t, 'n> {
        let may_be_there = self.held().names & bit(name.mark) != 0;
        let children = if may_be_there { self.held_children() } else { &[] };
        let alike = children.iter().filter(move |child| child.mark == name.mark);
        alike.map(move |child| Self { at: child.at, ..self }).filter(move |child| {
            let held = child.held();
            name.is_of(held) && !held.is_left_out
        })
    }

    /// The first child with this name.
    pub(super) fn first(self, name: &str) -> Option<Self> {
        self.all(name).next()
    }

    /// Everything inside it, in document order.
    pub(super) fn inside(self) -> impl Iterator<Item = Self> + use<'t> {
        let tree = self.tree;
        (self.at + 1..self.held().end).map(move |at| Node { tree, at })
    }

    /// How much is in it, in bytes of text and elements.
    pub(super) fn weight(self) -> usize {
        let of = |node: Node<'_>| {
            let attributes = node.attributes().iter().map(|(_, value)| value.len());
            100 + node.held().text.len() + attributes.sum::<usize>()
        };
        of(self) + self.inside().map(of).sum::<usize>()
    }

    /// Its text; of an element with elements inside, theirs.
    pub(super) fn value(self) -> Cow<'t, str> {
        if self.held().end == self.at + 1 {
            return Cow::Borrowed(&self.held().text);
        }
        let texts = self.inside().map(|node| &*node.held().text).filter(|text| !text.is_empty());
        Cow::Owned(texts.collect::<Vec<_>>().join(" "))
    }

    fn attributes(self) -> &'t [(&'t str, Cow<'t, str>)] {
        &self.tree.attributes[self.held().attributes.clone()]
    }

    /// An attribute by its name without prefix, if there is something in it.
    pub(super) fn attribute(self, local: &str) -> Option<&'t str> {
        let (_, value) = self.attributes().iter().find(|(name, _)| *name == local)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// The same as a string.
    pub(super) fn attribute_string(self, local: &str) -> Option<String> {
        self.attribute(local).map(str::to_owned)
    }

    /// Its text with its language, if there is any.
    pub(super) fn text(self) -> Option<Text> {
        let text = Text::new(self.value());
        (!text.value.is_empty()).then_some(match self.attribute("lang") {
            Some(lang) => text.in_language(lang),
            None => text,
        })
    }

    /// The texts of the children with this name.
    pub(super) fn texts(self, name: &str) -> Vec<Text> {
        self.all(name).filter_map(Self::text).collect()
    }

    /// Its text without its language, if there is any.
    pub(super) fn plain(self) -> Option<String> {
        Some(self.value().into_owned()).filter(|value| !value.is_empty())
    }

    /// The texts of the children with this name, without their languages.
    pub(super) fn strings(self, name: &str) -> Vec<String> {
        self.all(name).filter_map(Self::plain).collect()
    }

    /// The text of the first child with this name that has any.
    pub(super) fn string(self, name: &str) -> Option<String> {
        self.all(name).find_map(Self::plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { texts: &["para"], prefixes: &[("urn:a", "a")] };

    #[test]
    fn elements_keep_order_names_attributes_and_text() {
        let xml = r#"<r xmlns:x="urn:a"><x:b c="1 &lt; 2" xml:lang="cs"> <!-- c --> t&amp;u </x:b>
            <e/><para><i>so</i> it <b>is</b></para><k><l>1</l><l><![CDATA[2]]></l></k></r>"#;
        let tree = Tree::read(xml, &SHAPE, 100).unwrap().unwrap();
        let names: Vec<_> = tree.root().children().map(Node::local).collect();
        assert_eq!(names, ["b", "e", "para", "k"]);
        let first = tree.root().first("a:b").unwrap();
        assert_eq!(first.text(), Some(Text::new("t&u").in_language("cs")));
        assert_eq!(first.attribute("c"), Some("1 < 2"));
        assert!(tree.root().first("x:b").is_none());
        assert_eq!(tree.root().string("para").as_deref(), Some("so it is"));
        assert_eq!(tree.root().first("k").unwrap().strings("l"), ["1", "2"]);
        assert_eq!(tree.root().string("k").as_deref(), Some("1 2"));
        assert_eq!(tree.root().string("e"), None);
    }

    #[test]
    fn what_is_left_out_is_not_found_any_more() {
        let mut tree = Tree::read("<r><a>1</a><a>2</a></r>", &SHAPE, 10).unwrap().unwrap();
        let place = tree.root().first("a").unwrap().place();
        tree.leave_out(place);
        assert_eq!(tree.root().strings("a"), ["2"]);
    }

    #[test]
    fn a_document_with_too_many_elements_is_refused() {
        let xml = format!("<r>{}</r>", "<a/>".repeat(10));
        assert!(Tree::read(&xml, &SHAPE, 11).is_ok());
        let error = Tree::read(&xml, &SHAPE, 10).err().unwrap();
        assert_eq!(error.kind(), ParseErrorKind::Limit);
        assert!(Tree::read("", &SHAPE, 1).unwrap().is_none());
    }
}
