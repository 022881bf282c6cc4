use std::fmt::Debug;

use resync_core::xml::{Cursor, Element, IssueKind, ParseError, ParseErrorKind};

use super::envelope::{Names, read_date};
use crate::{Description, Header, Record, Set, Verb};

/// What the three lists of the protocol are made of: [`Record`], [`Header`] and [`Set`].
pub trait ListItem: Debug + Send + Sync + Unpin + Sized + Read + 'static {
    /// The verb that lists them.
    const VERB: Verb;
    /// The element that is one of them.
    const ELEMENT: &'static str;

    /// What tells it from the others of its list.
    fn key(&self) -> &str;

    /// The header, where it has one.
    fn header(&self) -> Option<&Header>;

    /// What a record fetched by itself is in this list.
    fn from_record(record: Record) -> Option<Self>;

    /// What a header alone tells; enough to know the item by.
    fn from_header(header: Header) -> Option<Self>;
}

mod sealed {
    use super::{Cursor, Element, Names, ParseError};

    /// How items are read is nobody else's business.
    pub trait Read: Sized {
        /// Reads an item whose start tag has just been entered.
        fn read(
            cursor: &mut Cursor<'_>,
            names: &mut Names,
            element: &Element<'_>,
        ) -> Result<Self, ParseError>;
    }
}

pub(super) use sealed::Read;

impl ListItem for Record {
    const VERB: Verb = Verb::ListRecords;
    const ELEMENT: &'static str = "record";

    fn key(&self) -> &str {
        &self.header.identifier
    }

    fn header(&self) -> Option<&Header> {
        Some(&self.header)
    }

    fn from_record(record: Record) -> Option<Self> {
        Some(record)
    }

    fn from_header(header: Header) -> Option<Self> {
        Some(Self { header, metadata: None, abouts: Vec::new() })
    }
}

impl Read for Record {
    fn read(
        cursor: &mut Cursor<'_>,
        names: &mut Names,
        _: &Element<'_>,
    ) -> Result<Self, ParseError> {
        let mark = cursor.issues().iter().len();
        let mut header = None;
        let mut metadata = None;
        let mut abouts = Vec::new();
        while let Some(child) = cursor.next_child()? {
            if names.is(cursor, &child, "header")? {
                header = Some(Header::read(cursor, names, &child)?);
            } else if names.is(cursor, &child, "metadata")? {
                let found = cursor.raw_content(&child)?;
                if metadata.is_some() {
                    cursor.note(IssueKind::RepeatedElement, "a second <metadata>")?;
                } else {
                    metadata = found;
                }
            } else if names.is(cursor, &child, "about")? {
                abouts.extend(cursor.raw_content(&child)?);
            } else {
                unknown(cursor, &child)?;
            }
        }
        let Some(header) = header else {
            return Err(cursor.error(ParseErrorKind::Structure, "a record without a <header>"));
        };
        if metadata.is_none() && !header.is_deleted {
            cursor.note(IssueKind::MissingElement, "a record with no metadata, yet not deleted")?;
        }
        cursor.name_record(mark, &header.identifier);
        Ok(Self { header, metadata, abouts })
    }
}

impl ListItem for Header {
    const VERB: Verb = Verb::ListIdentifiers;
    const ELEMENT: &'static str = "header";

    fn key(&self) -> &str {
        &self.identifier
    }

    fn header(&self) -> Option<&Header> {
        Some(self)
    }

    fn from_record(record: Record) -> Option<Self> {
        Some(record.header)
    }

    fn from_header(header: Header) -> Option<Self> {
        Some(header)
    }
}

impl Read for Header {
    fn read(
        cursor: &mut Cursor<'_>,
        names: &mut Names,
        element: &Element<'_>,
    ) -> Result<Self, ParseError> {
        let mark = cursor.issues().iter().len();
        let is_deleted = match cursor.attribute(element, "status")?.as_deref() {
            None => false,
            Some("deleted") => true,
            Some(other) => {
                cursor.note(IssueKind::IllegalValue, format!("a header of status {other:?}"))?;
                other.trim_ascii().eq_ignore_ascii_case("deleted")
            }
        };
        let mut identifier = None;
        let mut datestamp = None;
        let mut sets = Vec::new();
        while let Some(child) = cursor.next_child()? {
            if names.is(cursor, &child, "identifier")? {
                let value = cursor.trimmed()?;
                if !value.is_empty() {
                    identifier = Some(value.into_owned());
                }
            } else if names.is(cursor, &child, "datestamp")? {
                let text = cursor.trimmed()?;
                datestamp = read_date(cursor, &text)?;
            } else if names.is(cursor, &child, "setSpec")? {
                let spec = cursor.trimmed()?.into_owned();
                check_set_spec(cursor, &spec)?;
                sets.push(spec);
            } else {
                unknown(cursor, &child)?;
            }
        }
        let Some(identifier) = identifier else {
            return Err(cursor.error(ParseErrorKind::Structure, "a header without an identifier"));
        };
        cursor.name_record(mark, &identifier);
        Ok(Self { identifier, datestamp, sets, is_deleted })
    }
}

impl ListItem for Set {
    const VERB: Verb = Verb::ListSets;
    const ELEMENT: &'static str = "set";

    fn key(&self) -> &str {
        &self.spec
    }

    fn header(&self) -> Option<&Header> {
        None
    }

    fn from_record(_: Record) -> Option<Self> {
        None
    }

    fn from_header(_: Header) -> Option<Self> {
        None
    }
}

impl Read for Set {
    fn read(
        cursor: &mut Cursor<'_>,
        names: &mut Names,
        _: &Element<'_>,
    ) -> Result<Self, ParseError> {
        let mut spec = None;
        let mut name = String::new();
        let mut descriptions = Vec::new();
        while let Some(child) = cursor.next_child()? {
            if names.is(cursor, &child, "setSpec")? {
                let value = cursor.trimmed()?.into_owned();
                check_set_spec(cursor, &value)?;
                spec = Some(value);
            } else if names.is(cursor, &child, "setName")? {
                name = cursor.trimmed()?.into_owned();
            } else if names.is(cursor, &child, "setDescription")? {
                descriptions.extend(cursor.raw_content(&child)?.map(Description::new));
            } else {
                unknown(cursor, &child)?;
            }
        }
        let Some(spec) = spec else {
            return Err(cursor.error(ParseErrorKind::Structure, "a set without a <setSpec>"));
        };
        Ok(Self { spec, name, descriptions })
    }
}

fn check_set_spec(cursor: &mut Cursor<'_>, spec: &str) -> Result<(), ParseError> {
    let is_legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.!~*'():".contains(&b);
    if spec.is_empty() || !spec.bytes().all(is_legal) {
        cursor.note(IssueKind::IllegalValue, format!("{spec:?} is not a legal setSpec"))?;
    }
    Ok(())
}

pub(super) fn unknown(cursor: &mut Cursor<'_>, element: &Element<'_>) -> Result<(), ParseError> {
    cursor.skip()?;
    cursor.note(IssueKind::UnknownElement, format!("<{}> does not belong here", element.name()))
}
