use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::chars::Repairs;
use super::repair::repair;
use super::{Bindings, Cursor, Issues, Mode, ParseError, ParseErrorKind};

/// A piece of a document, as it was sent.
///
/// It shares the text of the page it came from: nothing is copied, and the page stays in memory as
/// long as any of its pieces. A piece that had to be repaired has a text of its own.
#[derive(Clone)]
pub struct RawXml {
    text: Arc<String>,
    range: Range<usize>,
    outer: Arc<Bindings>,
    /// Which of the outer bindings the piece uses: a bit each.
    used: u64,
}

impl RawXml {
    pub(super) fn new(
        text: Arc<String>,
        range: Range<usize>,
        outer: Arc<Bindings>,
        used: u64,
    ) -> Self {
        Self { text, range, outer, used }
    }

    /// A document of one's own: its root element, without what stands before and behind it.
    ///
    /// ```
    /// # use resync_core::xml::RawXml;
    /// let raw = RawXml::document("<?xml version='1.0'?>\n<a xmlns='urn:a'><b/></a>\n")?;
    /// assert_eq!(raw.as_str(), "<a xmlns='urn:a'><b/></a>");
    /// assert!(RawXml::document("<a><b></a>").is_err());
    /// assert!(RawXml::document("<a>one <b c='' c=''/> two</a>").is_err());
    /// # Ok::<_, resync_core::xml::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// When it is not well-formed; nothing is repaired.
    pub fn document(xml: &str) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(xml).mode(Mode::Strict);
        let Some(root) = cursor.next_child()? else {
            return Err(cursor.error(ParseErrorKind::Syntax, "there is no element"));
        };
        let raw = cursor.raw(&root)?;
        cursor.finish()?;
        check_attributes(raw.as_str())?;
        Ok(raw)
    }

    /// The piece as it stands in the document. Prefixes may be bound outside of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text[self.range.clone()]
    }

    /// The bindings that hold where it stood.
    #[must_use]
    pub fn outer(&self) -> &Arc<Bindings> {
        &self.outer
    }

    /// The piece as a document of its own: the outer namespace bindings that it uses are declared
    /// on its root element. Borrowed where it uses none.
    ///
    /// ```
    /// # use resync_core::xml::Cursor;
    /// let mut page = Cursor::new(r#"<page xmlns:dc="urn:dc"><dc:title>Kytice</dc:title></page>"#);
    /// page.next_child()?;
    /// let title = page.next_child()?.unwrap();
    /// let title = page.raw(&title)?;
    /// assert_eq!(title.as_str(), "<dc:title>Kytice</dc:title>");
    /// assert_eq!(title.standalone(), r#"<dc:title xmlns:dc="urn:dc">Kytice</dc:title>"#);
    /// # Ok::<_, resync_core::xml::ParseError>(())
    /// ```
    #[must_use]
    pub fn standalone(&self) -> Cow<'_, str> {
        let xml = self.as_str();
        if self.used == 0 {
            return Cow::Borrowed(xml);
        }
        let missing = || {
            let bits = (0..Bindings::TRACKED).map(|n| 1 << n);
            self.outer
                .iter()
                .zip(bits)
                .filter(|((_, uri), bit): &(_, u64)| self.used & bit != 0 && !uri.is_empty())
                .map(|(binding, _)| binding)
        };
        let size: usize = missing().map(|(prefix, uri)| prefix.len() + uri.len() + 10).sum();
        let name_end = xml
            .bytes()
            .position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/'))
            .unwrap_or(xml.len());
        let mut whole = String::with_capacity(xml.len() + size);
        whole.push_str(&xml[..name_end]);
        for (prefix, uri) in missing() {
            let quote = if uri.contains('"') { "'" } else { "\"" };
            let colon = if prefix.is_empty() { "" } else { ":" };
            whole.extend([" xmlns", colon, prefix, "=", quote, &well_formed(uri), quote]);
        }
        whole.push_str(&xml[name_end..]);
        Cow::Owned(whole)
    }
}

/// Taken whole, an element is not looked into: here is what then goes unnoticed.
fn check_attributes(xml: &str) -> Result<(), ParseError> {
    let mut reader = Reader::from_str(xml);
    loop {
        let at = reader.buffer_position();
        let wrong = |error: &dyn fmt::Display| {
            ParseError::new(ParseErrorKind::Syntax, at, error.to_string())
        };
        match reader.read_event().map_err(|error| wrong(&error))? {
            Event::Start(tag) | Event::Empty(tag) => {
                let mut attributes = tag.attributes();
                if let Some(error) = attributes.find_map(Result::err) {
                    return Err(wrong(&error));
                }
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The URI as an attribute may hold it: servers forget to escape ampersands.
fn well_formed(uri: &str) -> Cow<'_, str> {
    let mut issues = Issues::default();
    let mut repairs = Repairs { mode: Mode::Tolerant, issues: &mut issues };
    match repair(uri, 0, false, &mut repairs) {
        Ok(Some(fixed)) => Cow::Owned(fixed),
        _ => Cow::Borrowed(uri),
    }
}

impl fmt::Debug for RawXml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RawXml").field(&self.standalone()).finish()
    }
}

impl PartialEq for RawXml {
    /// Compares the text, with the bindings it uses.
    fn eq(&self, other: &Self) -> bool {
        self.standalone() == other.standalone()
    }
}

impl Eq for RawXml {}
