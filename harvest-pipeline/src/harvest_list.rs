//! Harvest lists: XML lists of documents, as Metacat's harvester reads them.
//!
//! ```xml
//! <hrv:harvestList xmlns:hrv="eml://ecoinformatics.org/harvestList">
//!   <document>
//!     <docid><scope>demo</scope><identifier>1</identifier><revision>5</revision></docid>
//!     <documentType>eml://ecoinformatics.org/eml-2.0.0</documentType>
//!     <documentURL>https://example.org/demo1.xml</documentURL>
//!   </document>
//! </hrv:harvestList>
//! ```
//! Only the root element is in the namespace; its children are in none, and come in this order.

use std::fmt::{self, Write as _};

use resync_core::xml::{Cursor, Element, Mode, ParseError, ParseErrorKind};

/// The namespace of the root element.
pub const NAMESPACE: &str = "eml://ecoinformatics.org/harvestList";

/// A document that a harvest list names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // as in the schema
pub struct Document {
    /// To what group of documents it belongs.
    pub scope: String,
    /// Its number within the scope.
    pub identifier: i64,
    /// Which version of it this is. A revision never changes: another content has another number.
    pub revision: i64,
    /// What it is: a namespace, a public identifier, or a media type.
    pub document_type: String,
    /// Where it is.
    pub url: String,
}

impl Document {
    /// What stays the same over all revisions: `scope.identifier`.
    #[must_use]
    pub fn docid(&self) -> String {
        format!("{}.{}", self.scope, self.identifier)
    }
}

impl fmt::Display for Document {
    /// `scope.identifier.revision`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.scope, self.identifier, self.revision)
    }
}

/// What is wrong with a harvest list, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListError {
    line: usize,
    what: String,
}

impl ListError {
    fn at(text: &str, at: usize, what: String) -> Self {
        let before = text.as_bytes().iter().take(at);
        Self { line: 1 + before.filter(|byte| **byte == b'\n').count(), what }
    }

    pub(crate) fn unreadable(text: &str, error: &ParseError) -> Self {
        let at = usize::try_from(error.at()).unwrap_or(usize::MAX);
        let what = match error.kind() {
            ParseErrorKind::Truncated => format!("the list is cut off: {error}"),
            _ => format!("the list is not well-formed XML: {error}"),
        };
        Self::at(text, at, what)
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ListError {}

/// Reads a harvest list document by document.
///
/// It is as strict as the schema: at least one document, every element there, once, in order, and
/// out of every namespace but the root.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    cursor: Cursor<'a>,
    documents: u64,
}

impl<'a> Reader<'a> {
    /// Reads the beginning of a list.
    ///
    /// # Errors
    /// If it is no harvest list.
    pub fn new(text: &'a str) -> Result<Self, ListError> {
        let mut reader = Self { text, cursor: Cursor::new(text).mode(Mode::Strict), documents: 0 };
        let trimmed = text.trim_start();
        if let Some(at) = text.find("<?xml ").filter(|at| *at > 0 && trimmed.starts_with("<!--")) {
            let what = "a comment stands before the XML declaration, which must come first; \
                        remove the comment, or move it behind the declaration";
            return Err(reader.error(at, what));
        }
        match reader.child()? {
            Some(root) if root.is(NAMESPACE, "harvestList") => Ok(reader),
            Some(root) => {
                let namespace = root.namespace().unwrap_or("no namespace");
                let what = format!(
                    "the root element is <{}> in {namespace}, not <harvestList> in {NAMESPACE}",
                    root.local()
                );
                Err(reader.error(root.start(), what))
            }
            None => Err(reader.error(0, "the list is empty")),
        }
    }

    /// The next document; `None` at the end of the list.
    ///
    /// # Errors
    /// If the list is not as the schema demands. What was read before stands.
    pub fn next_document(&mut self) -> Result<Option<Document>, ListError> {
        let Some(element) = self.child()? else {
            if self.documents == 0 {
                return Err(self.here("the list names no document; it must name one at least"));
            }
            self.cursor.finish().map_err(|error| self.unreadable(&error))?;
            return Ok(None);
        };
        self.expect(&element, "document")?;
        self.documents += 1;
        self.named("docid")?;
        let scope = self.text_of("scope")?;
        let identifier = self.number("identifier")?;
        let revision = self.number("revision")?;
        self.end("docid")?;
        let document_type = self.text_of("documentType")?;
        let url = self.text_of("documentURL")?.trim().to_owned();
        self.end("document")?;
        Ok(Some(Document { scope, identifier, revision, document_type, url }))
    }

    fn child(&mut self) -> Result<Option<Element<'a>>, ListError> {
        self.cursor.next_child().map_err(|error| self.unreadable(&error))
    }

    fn named(&mut self, name: &str) -> Result<(), ListError> {
        match self.child()? {
            Some(element) => self.expect(&element, name),
            None => Err(self.here(format!("<{name}> is missing"))),
        }
    }

    fn expect(&self, element: &Element<'_>, name: &str) -> Result<(), ListError> {
        let what = match element.namespace() {
            None if element.local() == name => return Ok(()),
            Some(_) if element.local() == name => {
                format!("<{}> must be in no namespace; write it without a prefix", element.name())
            }
            _ => format!("<{}> stands where <{name}> belongs", element.name()),
        };
        Err(self.error(element.start(), what))
    }

    fn text_of(&mut self, name: &str) -> Result<String, ListError> {
        self.named(name)?;
        let text = self.cursor.text().map_err(|error| self.unreadable(&error))?;
        Ok(text.into_owned())
    }

    fn number(&mut self, name: &str) -> Result<i64, ListError> {
        let text = self.text_of(name)?;
        text.trim().parse().map_err(|_| {
            let shown: String = text.chars().take(40).collect();
            self.here(format!("<{name}> must be a whole number, and is {shown:?}"))
        })
    }

    fn end(&mut self, name: &str) -> Result<(), ListError> {
        match self.child()? {
            None => Ok(()),
            Some(more) => {
                let what = format!("<{}> is not expected in <{name}> here", more.name());
                Err(self.error(more.start(), what))
            }
        }
    }

    fn here(&self, what: impl Into<String>) -> ListError {
        self.error(self.cursor.offset(), what)
    }

    fn unreadable(&self, error: &ParseError) -> ListError {
        ListError::unreadable(self.text, error)
    }

    fn error(&self, at: usize, what: impl Into<String>) -> ListError {
        ListError::at(self.text, at, what.into())
    }
}

/// Writes a harvest list.
#[must_use]
pub fn write<'d>(documents: impl IntoIterator<Item = &'d Document>) -> String {
    let mut list = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<hrv:harvestList xmlns:hrv=\"{NAMESPACE}\">\n"
    );
    for document in documents {
        // Writing to a String cannot fail.
        let _ = write!(
            list,
            "  <document>\n    <docid>\n      <scope>{}</scope>\n      \
             <identifier>{}</identifier>\n      <revision>{}</revision>\n    </docid>\n    \
             <documentType>{}</documentType>\n    <documentURL>{}</documentURL>\n  </document>\n",
            escaped(&document.scope),
            document.identifier,
            document.revision,
            escaped(&document.document_type),
            escaped(&document.url),
        );
    }
    list.push_str("</hrv:harvestList>\n");
    list
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(revision: i64) -> Document {
        Document {
            scope: "demo & co".to_owned(),
            identifier: 1,
            revision,
            document_type: "eml://ecoinformatics.org/eml-2.0.0".to_owned(),
            url: "http://x.org/a?b=<1>&c".to_owned(),
        }
    }

    fn read(text: &str) -> Result<Vec<Document>, ListError> {
        let mut reader = Reader::new(text)?;
        let mut documents = Vec::new();
        while let Some(document) = reader.next_document()? {
            documents.push(document);
        }
        Ok(documents)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let documents = [document(5), document(6)];
        assert_eq!(read(&write(&documents)), Ok(documents.to_vec()));
        assert_eq!(documents[0].to_string(), "demo & co.1.5");
    }

    #[test]
    fn what_the_schema_forbids_is_refused_with_its_line() {
        let list = write(&[document(5)]);
        let cases = [
            (write(&[]), 3, "names no document"),
            (list.replace("      <revision>5</revision>\n", ""), 7, "<revision> is missing"),
            (list.replace("<identifier>1<", "<identifier>x<"), 6, "whole number"),
            (list.replace("document>", "hrv:document>"), 3, "without a prefix"),
            (
                list.replace("<docid>", "<documentURL>u</documentURL><docid>"),
                4,
                "<documentURL> stands where <docid> belongs",
            ),
            (list.replace(NAMESPACE, "urn:other"), 2, "the root element"),
            (format!("<!-- mine -->\n{list}"), 2, "before the XML declaration"),
            (list.replace("</hrv:harvestList>", ""), 13, "cut off"),
        ];
        for (text, line, what) in cases {
            let error = read(&text).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
            assert_eq!(error.line(), line, "{error}");
        }
    }
}
