//! XML documents that are records.

use resync_core::xml::{Cursor, Issues, Mode, ParseError, ParseErrorKind, decode};

/// A well-formed XML document, as a payload holds it: its root element as UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct XmlDocument {
    pub(crate) namespace: Option<String>,
    pub(crate) root: String,
    pub(crate) body: String,
}

impl XmlDocument {
    /// Reads a document, and repairs nothing.
    pub(crate) fn read(bytes: Vec<u8>, charset: Option<&str>) -> Result<Self, ParseError> {
        let text = decode(bytes, charset, Mode::Strict, &mut Issues::default())?;
        let mut cursor = Cursor::new(&text).mode(Mode::Strict);
        let Some(root) = cursor.next_child()? else {
            return Err(cursor.error(ParseErrorKind::Structure, "the document is empty"));
        };
        let raw = cursor.raw(&root)?;
        cursor.finish()?;
        Ok(Self {
            namespace: root.namespace().map(str::to_owned),
            root: root.local().to_owned(),
            body: raw.standalone().into_owned(),
        })
    }

    /// The name of the format: what repositories call it, else the namespace.
    pub(crate) fn format(&self) -> &str {
        let Some(namespace) = self.namespace.as_deref() else { return &self.root };
        let known = FORMATS.iter().find(|(begin, _)| namespace.starts_with(begin));
        known.map_or(namespace, |(_, name)| name)
    }
}

/// How namespaces begin, and what repositories call the format.
const FORMATS: &[(&str, &str)] = &[
    ("http://www.openarchives.org/OAI/2.0/oai_dc/", "oai_dc"),
    ("http://www.loc.gov/MARC21/slim", "marc21"),
    ("http://www.loc.gov/mods/", "mods"),
    ("eml://ecoinformatics.org/eml", "eml"),
    ("https://eml.ecoinformatics.org/eml", "eml"),
    ("https://github.com/JPCOAR/schema/blob/master/1.", "jpcoar_1.0"),
    ("https://github.com/JPCOAR/schema/blob/master/2.", "jpcoar_2.0"),
    ("http://datacite.org/schema/", "datacite"),
];
