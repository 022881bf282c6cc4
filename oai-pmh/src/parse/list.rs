use std::io::{self, Read};
use std::sync::Arc;

use resync_core::xml::{
    Bindings, Cursor, Element, IssueKind, Issues, Mode, ParseError, ParseErrorKind, Windows,
};

use super::Parser;
use super::envelope::{Envelope, Names, enter_root, read_date};
use super::item::{ListItem, unknown};
use super::salvage::{broken, end_of_item};
use crate::{Error, ErrorCode, Page, RecordError, Result, ResumptionToken, Verb};

/// A page of a list, read part by part; see [`Parser::parts`].
///
/// Each part holds the items of about one mebibyte, so that a page of any length is read in
/// constant memory.
#[derive(Debug)]
pub struct Parts<T, R> {
    parser: Parser,
    body: Body<R>,
    place: Place,
    /// Offset in the window of what is read next.
    at: usize,
    /// The elements that are open there, by name, and the bindings they make.
    root: String,
    list: String,
    outer: Arc<Bindings>,
    names: Names,
    envelope: Envelope,
    token: Option<ResumptionToken>,
    issues: Issues,
    items: Vec<Result<T, RecordError>>,
    seen: u64,
    part: u32,
}

#[derive(Debug)]
enum Body<R> {
    Whole(Arc<String>),
    Windows(Windows<R>),
}

/// Where in the document it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Prolog,
    Envelope,
    List,
    End,
    Delivered,
}

/// Why the reading of a window stopped.
enum Stop {
    /// The document has been read to its end.
    End,
    /// What begins at `at` goes on behind the window.
    WindowEnd,
    Broken(ParseError),
    Failed(Error),
}

impl From<ParseError> for Stop {
    fn from(error: ParseError) -> Self {
        Self::Broken(error)
    }
}

impl<T: ListItem> Parts<T, io::Empty> {
    pub(super) fn whole(parser: Parser, text: Arc<String>, issues: Issues) -> Self {
        Self { issues, ..Self::new(parser, Body::Whole(text)) }
    }
}

impl<T: ListItem, R: Read> Parts<T, R> {
    /// For how many items room is made in advance at most.
    const RESERVED: usize = 10_000;

    pub(super) fn windows(parser: Parser, windows: Windows<R>) -> Self {
        Self::new(parser, Body::Windows(windows))
    }

    fn new(parser: Parser, body: Body<R>) -> Self {
        Self {
            parser,
            body,
            place: Place::Prolog,
            at: 0,
            root: String::new(),
            list: String::new(),
            outer: Arc::default(),
            names: Names::new(parser.mode),
            envelope: Envelope::default(),
            token: None,
            issues: Issues::default(),
            items: Vec::new(),
            seen: 0,
            part: 0,
        }
    }

    /// The next part; `None` behind the last.
    ///
    /// # Errors
    /// As [`Parser::page`]. What was read before is delivered before the error.
    pub fn next_part(&mut self) -> Result<Option<Page<T>>> {
        if self.place == Place::Delivered {
            return Ok(None);
        }
        loop {
            match self.read_window() {
                Stop::End => {
                    self.place = Place::Delivered;
                    self.judge()?;
                    return Ok(Some(self.deliver(true)));
                }
                Stop::WindowEnd => {
                    let page = (!self.items.is_empty()).then(|| self.deliver(false));
                    self.advance()?;
                    if page.is_some() {
                        return Ok(page);
                    }
                }
                Stop::Broken(error) => {
                    self.place = Place::Delivered;
                    return Err(error.into());
                }
                Stop::Failed(error) => {
                    self.place = Place::Delivered;
                    return Err(error);
                }
            }
        }
    }

    fn deliver(&mut self, is_last_part: bool) -> Page<T> {
        let part = self.part;
        self.part += 1;
        let (token, errors) = match is_last_part {
            true => (self.token.take(), std::mem::take(&mut self.envelope.errors)),
            false => (None, Vec::new()),
        };
        Page {
            items: std::mem::take(&mut self.items),
            token,
            errors,
            response_date: self.envelope.response_date.clone(),
            issues: std::mem::take(&mut self.issues),
            part,
            is_last_part,
        }
    }

    /// What the errors in the envelope mean for the list.
    fn judge(&mut self) -> Result<()> {
        let is_empty = |code: &ErrorCode| match T::VERB {
            Verb::ListSets => *code == ErrorCode::NoSetHierarchy,
            _ => *code == ErrorCode::NoRecordsMatch,
        };
        // Errors beside a list are reported with it; errors in its place are the answer.
        let has_list = !self.list.is_empty();
        let errors = &mut self.envelope.errors;
        if has_list || errors.iter().all(|error| is_empty(&error.code)) && !errors.is_empty() {
            return Ok(());
        }
        match errors.is_empty() {
            false => Err(Error::oai(std::mem::take(errors))),
            true => Err(Error::not_oai(format!("the answer holds no {}", T::VERB))),
        }
    }

    fn advance(&mut self) -> Result<()> {
        let Body::Windows(windows) = &mut self.body else { return Ok(()) };
        let kept = windows.text().len() - self.at;
        if kept > self.parser.limits.record {
            let at = windows.base() + self.at as u64;
            let what = "one element is larger than the limit";
            return Err(ParseError::new(ParseErrorKind::Limit, at, what).into());
        }
        windows.advance(self.at, &mut self.issues).map_err(|error| {
            match error.downcast::<ParseError>() {
                Ok(error) => Error::from(error),
                Err(error) => resync_core::Error::new(
                    resync_core::ErrorKind::Io,
                    "the temporary file of a large page cannot be read",
                )
                .with_source(error)
                .into(),
            }
        })?;
        self.at = 0;
        Ok(())
    }

    /// Reads on to the end of the window, or of the document.
    fn read_window(&mut self) -> Stop {
        let (text, base, is_last) = match &self.body {
            Body::Whole(text) => (Arc::clone(text), 0, true),
            Body::Windows(windows) => {
                (Arc::clone(windows.text()), windows.base(), windows.is_last())
            }
        };
        loop {
            // Begun anew where a list begins, and behind each record that cannot be read.
            let outer = Arc::clone(&self.outer);
            let (root, list) = (self.root.clone(), self.list.clone());
            let open: &[&str] = match self.place {
                Place::Prolog => &[],
                Place::Envelope => &[&root],
                Place::List => &[&root, &list],
                Place::End | Place::Delivered => return Stop::End,
            };
            let mut cursor = Cursor::resume(&text, self.at, base, open, &outer)
                .mode(self.parser.mode)
                .limits(self.parser.limits);
            let result = match self.place {
                Place::List => self.read_list(&mut cursor, &text, base, is_last),
                _ => self.read_envelope(&mut cursor, is_last),
            };
            // Text that reaches the end of the window may go on behind it, so that what looks wrong
            // in it, such as half a reference, need not be.
            let unfinished = base + text.rfind('>').map_or(0, |at| at + 1) as u64;
            let goes_on = match &result {
                Ok(()) | Err(Stop::End) => false,
                Err(Stop::WindowEnd) => true,
                Err(Stop::Broken(error)) => match error.kind() {
                    ParseErrorKind::Truncated => !is_last,
                    ParseErrorKind::Syntax => !is_last && error.at() >= unfinished,
                    _ => false,
                },
                Err(Stop::Failed(error)) => is_cut_off(error) && !is_last,
            };
            if goes_on {
                // What is wrong in the part that is cut off is found again when it is read again.
                if cursor.issues().iter().any(|issue| issue.kind == IssueKind::WrongNamespace) {
                    self.names = Names::new(self.parser.mode);
                }
                return Stop::WindowEnd;
            }
            self.issues.append(cursor.take_issues());
            if let Err(stop) = result {
                return stop;
            }
        }
    }

    /// Reads the root's children; returns where the list begins.
    fn read_envelope(&mut self, cursor: &mut Cursor<'_>, is_last: bool) -> Result<(), Stop> {
        if self.place == Place::Prolog {
            let root = enter_root(cursor, &mut self.names).map_err(Stop::Failed)?;
            self.root = root.name().to_owned();
            self.outer = Arc::new(cursor.bindings());
            self.place = Place::Envelope;
            self.done(cursor);
        }
        while let Some(child) = cursor.next_child()? {
            if self.envelope.read(cursor, &mut self.names, &child)? {
                // Read.
            } else if self.names.is(cursor, &child, T::VERB.name())? {
                self.list = child.name().to_owned();
                if child.is_empty() {
                    cursor.skip()?;
                    self.at = cursor.offset();
                    continue;
                }
                self.outer = Arc::new(cursor.bindings());
                self.place = Place::List;
                self.at = cursor.offset();
                return Ok(());
            } else if child.local().starts_with("List") || child.local() == "GetRecord" {
                let what = format!("an answer to {} where {} was asked", child.local(), T::VERB);
                return Err(Stop::Failed(Error::not_oai(what)));
            } else {
                unknown(cursor, &child)?;
            }
            self.done(cursor);
        }
        if !is_last {
            // The root's end tag is read again with all that stands behind it.
            return Err(Stop::WindowEnd);
        }
        self.place = Place::End;
        self.at = cursor.offset();
        cursor.finish()?;
        Ok(())
    }

    /// Reads the list's children; returns behind its end, or behind an item that cannot be read.
    fn read_list<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        text: &'a str,
        base: u64,
        is_last: bool,
    ) -> Result<(), Stop> {
        while let Some(child) = cursor.next_child()? {
            if self.names.is(cursor, &child, T::ELEMENT)? {
                if self.seen >= self.parser.limits.records {
                    let what = "a page has more records than the limit allows";
                    return Err(cursor.error(ParseErrorKind::Limit, what).into());
                }
                match T::read(cursor, &mut self.names, &child) {
                    Ok(item) => {
                        if self.items.is_empty() {
                            // As many again as fit behind it, if they are all of its size.
                            let size = cursor.offset() - child.start();
                            let rest = text.len() - cursor.offset();
                            self.items.reserve((rest / size).min(Self::RESERVED) + 2);
                        }
                        self.items.push(Ok(item));
                    }
                    Err(error) => {
                        let is_cut_off = error.kind() == ParseErrorKind::Truncated;
                        if self.parser.mode == Mode::Strict
                            || error.kind() == ParseErrorKind::Doctype
                            || (is_cut_off && !is_last)
                        {
                            return Err(error.into());
                        }
                        self.set_aside(text, base, &child, error)?;
                        self.seen += 1;
                        return Ok(());
                    }
                }
                self.seen += 1;
            } else if self.names.is(cursor, &child, "resumptionToken")? {
                self.read_token(cursor, &child)?;
            } else {
                unknown(cursor, &child)?;
            }
            self.done(cursor);
        }
        self.place = Place::Envelope;
        self.at = cursor.offset();
        Ok(())
    }

    /// Notes that all has been read up to here.
    fn done(&mut self, cursor: &mut Cursor<'_>) {
        self.at = cursor.offset();
        self.issues.append(cursor.take_issues());
    }

    /// Puts an item that cannot be read aside, and goes on behind it.
    fn set_aside(
        &mut self,
        text: &str,
        base: u64,
        item: &Element<'_>,
        error: ParseError,
    ) -> Result<(), Stop> {
        let start = item.start();
        let Some(end) = end_of_item(text, start, item.name(), &self.list) else {
            // Nothing goes on behind it: the page itself is cut off.
            return Err(match error.kind() {
                ParseErrorKind::Truncated => error.into(),
                _ => {
                    let at = base + text.len() as u64;
                    let what = format!("{error}, and the list does not go on behind it");
                    ParseError::new(ParseErrorKind::Truncated, at, what).into()
                }
            });
        };
        let at = base + start as u64;
        self.items.push(Err(broken(&text[start..end], at, error.to_string())));
        self.at = end;
        Ok(())
    }

    fn read_token(
        &mut self,
        cursor: &mut Cursor<'_>,
        element: &Element<'_>,
    ) -> Result<(), ParseError> {
        let mut token = ResumptionToken::default();
        if let Some(date) = cursor.attribute(element, "expirationDate")? {
            token.expiration_date = read_date(cursor, &date)?;
        }
        token.complete_list_size = number(cursor, element, "completeListSize")?;
        token.cursor = number(cursor, element, "cursor")?;
        let text = cursor.text()?;
        // Not a URI but a string: white space is part of it, though servers indent it.
        let trimmed = text.trim_ascii();
        if trimmed.len() != text.len() && !trimmed.is_empty() {
            cursor.note(IssueKind::PaddedValue, "white space around the resumption token")?;
        }
        token.value = trimmed.to_owned();
        match &self.token {
            None => self.token = Some(token),
            Some(first) => {
                cursor.note(IssueKind::RepeatedElement, "a second resumption token")?;
                if first.value.is_empty() {
                    self.token = Some(token);
                }
            }
        }
        Ok(())
    }
}

fn number(
    cursor: &mut Cursor<'_>,
    element: &Element<'_>,
    attribute: &str,
) -> Result<Option<u64>, ParseError> {
    let Some(text) = cursor.attribute(element, attribute)? else { return Ok(None) };
    match text.trim_ascii().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => {
            let detail = format!("{attribute} {text:?} is not a number");
            cursor.note(IssueKind::IllegalValue, detail)?;
            Ok(None)
        }
    }
}

fn is_cut_off(error: &Error) -> bool {
    error.kind() == crate::ErrorKind::Parse(ParseErrorKind::Truncated)
}
