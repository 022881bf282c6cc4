//! A document as a tree, for formats whose parts stand in each other and in any order.

use std::borrow::Cow;

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
    issues: Vec<Issue>,
}

struct Held<'a> {
    prefix: &'a str,
    local: &'a str,
    namespace: Option<&'a str>,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
    text: Cow<'a, str>,
    end: usize,
    is_left_out: bool,
}

/// An element of a [`Tree`]. Names are given as `title`, in any namespace, or as `dc:title`.
#[derive(Clone, Copy)]
pub(super) struct Node<'t> {
    tree: &'t Tree<'t>,
    at: usize,
}

/// A name that is looked for.
#[derive(Clone, Copy)]
struct Name<'n> {
    prefix: Option<&'n str>,
    local: &'n str,
}

impl<'n> Name<'n> {
    fn new(name: &'n str) -> Self {
        match colon_in(name) {
            Some(colon) => Self { prefix: Some(&name[..colon]), local: &name[colon + 1..] },
            None => Self { prefix: None, local: name },
        }
    }

    fn is_of(self, node: Node<'_>) -> bool {
        let held = node.held();
        held.local == self.local && self.prefix.is_none_or(|prefix| held.prefix == prefix)
    }
}

/// Where the prefix of a name ends; names are short.
pub(super) fn colon_in(name: &str) -> Option<usize> {
    name.bytes().position(|b| b == b':')
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
        let mut tree = Self { elements: Vec::new(), issues: Vec::new() };
        let mut open = Vec::new();
        loop {
            if let Some(element) = cursor.next_child()? {
                if tree.elements.len() == most {
                    let what = format!("the record has more than {most} elements");
                    return Err(cursor.error(ParseErrorKind::Limit, what));
                }
                let at = tree.push(&element, shape);
                let inside = xml.get(cursor.offset()..).unwrap_or_default();
                let has_markup = shape.texts.contains(&element.local());
                if element.is_empty() || has_markup || is_text(inside) {
                    tree.note(&cursor.take_issues(), false);
                    tree.elements[at].text = cursor.trimmed()?;
                    tree.note(&cursor.take_issues(), has_markup);
                } else {
                    open.push(at);
                }
            } else if let Some(at) = open.pop() {
                tree.elements[at].end = tree.elements.len();
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

    fn push(&mut self, element: &Element<'a>, shape: &Shape) -> usize {
        let namespace = element.namespace();
        let known = shape.prefixes.iter().find(|(uri, _)| namespace == Some(*uri));
        let attributes = element
            .attributes()
            .filter(|(name, _)| *name != "xmlns" && !name.starts_with("xmlns:"))
            .map(|(name, value)| {
                let local = colon_in(name).map_or(name, |colon| &name[colon + 1..]);
                (local, text_of(value))
            });
        let at = self.elements.len();
        self.elements.push(Held {
            prefix: known.map_or(element.prefix(), |(_, prefix)| prefix),
            local: element.local(),
            namespace,
            attributes: attributes.collect(),
            text: Cow::Borrowed(""),
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
    pub(super) fn is(self, name: &str) -> bool {
        Name::new(name).is_of(self)
    }

    /// Its children, in order, without what was left out.
    pub(super) fn children(self) -> impl Iterator<Item = Self> + use<'t> {
        let (tree, end) = (self.tree, self.held().end);
        let first = Some(self.at + 1).filter(|first| *first < end);
        std::iter::successors(first, move |at| {
            Some(tree.elements[*at].end).filter(|next| *next < end)
        })
        .map(move |at| Node { tree, at })
        .filter(|child| !child.held().is_left_out)
    }

    /// The children with this name.
    pub(super) fn all<'n>(self, name: &'n str) -> impl Iterator<Item = Self> + use<'t, 'n> {
        let name = Name::new(name);
        self.children().filter(move |child| name.is_of(*child))
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
            let attributes = node.held().attributes.iter().map(|(_, value)| value.len());
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

    /// An attribute by its name without prefix, if there is something in it.
    pub(super) fn attribute(self, local: &str) -> Option<&'t str> {
        let mut attributes = self.held().attributes.iter();
        let (_, value) = attributes.find(|(name, _)| *name == local)?;
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

    /// The texts of the children with this name, without their languages.
    pub(super) fn strings(self, name: &str) -> Vec<String> {
        self.texts(name).into_iter().map(|text| text.value).collect()
    }

    /// The text of the first child with this name that has any.
    pub(super) fn string(self, name: &str) -> Option<String> {
        self.all(name).find_map(Self::text).map(|text| text.value)
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
