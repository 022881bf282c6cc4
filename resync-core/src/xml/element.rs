use super::token::{Tag, find_near, is_same};

/// An element that has been entered.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    pub(super) tag: Tag<'a>,
    pub(super) namespace: Option<&'a str>,
    /// Offset of the `<` in the text.
    pub(super) start: usize,
}

impl<'a> Element<'a> {
    /// The name without its prefix.
    #[must_use]
    pub fn local(&self) -> &'a str {
        self.tag.colon.map_or(self.name(), |colon| &self.name()[colon + 1..])
    }

    /// The prefix; empty where there is none.
    #[must_use]
    pub fn prefix(&self) -> &'a str {
        self.tag.prefix()
    }

    /// The name as written, with its prefix.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.tag.name()
    }

    /// The namespace; `None` where the element is in none, or its prefix is bound to none.
    #[must_use]
    pub fn namespace(&self) -> Option<&'a str> {
        self.namespace
    }

    /// Whether it has this namespace and this name.
    #[must_use]
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        is_same(self.local(), local) && self.is_in(namespace)
    }

    /// Whether it is in this namespace.
    #[must_use]
    pub fn is_in(&self, namespace: &str) -> bool {
        self.namespace.is_some_and(|own| is_same(own, namespace))
    }

    /// Where its start tag begins: byte offset in the text.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start
    }

    /// Whether it is written as one tag, `<name/>`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tag.is_empty
    }

    /// The attributes, names and values as written. What is not an attribute ends the list.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.tag.attributes() }
    }
}

/// The attributes of an element; see [`Element::attributes`].
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.rest.as_bytes();
        let not_blank = |from: usize| {
            let at = bytes[from..].iter().position(|b| !b.is_ascii_whitespace())?;
            Some(from + at)
        };
        let start = not_blank(0)?;
        let equals = start + find_near(b'=', &bytes[start..])?;
        let name = self.rest[start..equals].trim_ascii_end();
        let open = not_blank(equals + 1)?;
        let quote = Some(bytes[open]).filter(|quote| matches!(quote, b'"' | b'\''))?;
        let close = open + 1 + find_near(quote, &bytes[open + 1..])?;
        let value = &self.rest[open + 1..close];
        self.rest = &self.rest[close + 1..];
        Some((name, value))
    }
}

/// The prefix that an attribute of this name declares.
pub(super) fn declared_prefix(attribute: &str) -> Option<&str> {
    match attribute.strip_prefix("xmlns")? {
        "" => Some(""),
        rest => rest.strip_prefix(':'),
    }
}
