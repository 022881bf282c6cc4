//! Writing XML.

use std::borrow::Cow;

use quick_xml::escape::escape;

type Attributes<'a> = &'a [(&'a str, &'a str)];

/// The content of an element that is being written.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

/// A document: the root, and what `fill` puts into it.
pub(super) fn document(
    root: &str,
    attributes: Attributes<'_>,
    fill: impl FnOnce(&mut Xml),
) -> String {
    let mut xml = Xml::default();
    xml.node(root, attributes, fill);
    xml.0
}

impl Xml {
    /// An element with elements in it.
    pub(super) fn node(
        &mut self,
        name: &str,
        attributes: Attributes<'_>,
        fill: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        fill(self);
        self.close(name);
    }

    /// An element with text in it.
    pub(super) fn leaf(&mut self, name: &str, attributes: Attributes<'_>, text: impl AsRef<str>) {
        self.open(name, attributes);
        self.0 += &escaped(text.as_ref());
        self.close(name);
    }

    fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.0.extend(["<", name]);
        for (name, value) in attributes {
            self.0.extend([" ", name, "=\"", &escaped(value), "\""]);
        }
        self.0.push('>');
    }

    fn close(&mut self, name: &str) {
        self.0.extend(["</", name, ">"]);
    }
}

fn escaped(text: &str) -> Cow<'_, str> {
    escape(text)
}
