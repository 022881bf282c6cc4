//! What surrounds every answer (OAI-PMH §3.2): root, date, the request as understood, errors.

use resync_core::xml::{Cursor, Element, IssueKind, Mode, ParseError, ParseErrorKind};

use crate::{Datestamp, Error, ErrorCode, NAMESPACE, OaiError};

/// What has been read of the envelope so far.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    pub(super) response_date: Option<Datestamp>,
    pub(super) errors: Vec<OaiError>,
}

/// Whether elements outside of the OAI-PMH namespace have been reported: once a document is enough.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    mode: Mode,
    reported: bool,
}

impl Names {
    pub(super) fn new(mode: Mode) -> Self {
        Self { mode, reported: false }
    }

    /// Whether this is the protocol's element of that name. Servers that forget the namespace are
    /// understood in tolerant mode.
    pub(super) fn is(
        &mut self,
        cursor: &mut Cursor<'_>,
        element: &Element<'_>,
        local: &str,
    ) -> Result<bool, ParseError> {
        if element.is(NAMESPACE, local) {
            return Ok(true);
        }
        if element.local() != local || element.namespace() == Some(NAMESPACE) {
            return Ok(false);
        }
        if !self.reported {
            self.reported = true;
            let detail = match element.namespace() {
                Some(other) => format!("<{local}> is in the namespace {other:?}"),
                None => format!("<{local}> is in no namespace"),
            };
            cursor.note(IssueKind::WrongNamespace, detail)?;
        }
        Ok(self.mode == Mode::Tolerant)
    }
}

/// Enters the root element.
pub(super) fn enter_root<'a>(
    cursor: &mut Cursor<'a>,
    names: &mut Names,
) -> Result<Element<'a>, Error> {
    let Some(root) = cursor.next_child()? else {
        return Err(cursor.error(ParseErrorKind::Truncated, "the answer is empty").into());
    };
    if names.is(cursor, &root, "OAI-PMH")? {
        return Ok(root);
    }
    Err(Error::not_oai(format!("the answer is a <{}> document", root.name())))
}

impl Envelope {
    /// Reads a child of the root that is not the answer proper; `false` where it is none of the
    /// envelope's.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        names: &mut Names,
        child: &Element<'_>,
    ) -> Result<bool, ParseError> {
        if names.is(cursor, child, "responseDate")? {
            let text = cursor.trimmed()?;
            self.response_date = read_date(cursor, &text)?;
        } else if names.is(cursor, child, "request")? {
            cursor.skip()?;
        } else if names.is(cursor, child, "error")? {
            let code = cursor.attribute(child, "code")?.unwrap_or_default();
            let message = cursor.trimmed()?.into_owned();
            self.errors.push(OaiError { code: ErrorCode::read(code.trim_ascii()), message });
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// A date that should be there: what cannot be read is reported and left out.
pub(super) fn read_date(
    cursor: &mut Cursor<'_>,
    text: &str,
) -> Result<Option<Datestamp>, ParseError> {
    let stamp = Datestamp::read(text);
    match &stamp {
        None => cursor.note(IssueKind::IllegalValue, format!("{text:?} is not a date"))?,
        Some(stamp) if stamp.original().is_some() => {
            cursor.note(IssueKind::IllegalValue, format!("{text:?} was read as {stamp}"))?;
        }
        Some(_) => {}
    }
    Ok(stamp)
}
