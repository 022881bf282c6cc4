//! What is inside of an element, taken as a whole: its text, or the piece of XML that it is.

use std::borrow::Cow;
use std::sync::Arc;

use super::Cursor;
use crate::xml::chars;
use crate::xml::element::{Element, declared_prefix};
use crate::xml::repair::repair;
use crate::xml::scan::{ScanError, Skipped, Watch, skip_element};
use crate::xml::token::Token;
use crate::xml::{IssueKind, ParseError, ParseErrorKind, RawXml};

impl<'a> Cursor<'a> {
    /// The text of the element just entered, through its end: references resolved, CDATA taken in,
    /// comments left out, lines ended by `\n`. Text of elements inside is taken in too.
    ///
    /// # Errors
    /// As [`next_child`](Self::next_child); in strict mode also for elements inside.
    pub fn text(&mut self) -> Result<Cow<'a, str>, ParseError> {
        let depth = self.open.len();
        if self.open.last().is_some_and(|open| open.is_empty) {
            self.leave();
            return Ok(Cow::Borrowed(""));
        }
        let begin = self.offset();
        if let Some(text) = self.only_text()? {
            return Ok(text);
        }
        let mut whole: Option<Cow<'a, str>> = None;
        loop {
            let start = self.offset();
            if start - begin > self.limits.text {
                return Err(self.error(ParseErrorKind::Limit, "a value is too long"));
            }
            match self.token()? {
                Token::Text(text) => {
                    let at = self.base + start as u64;
                    let text = chars::unescape(text, at, &mut self.repairs())?;
                    push(&mut whole, text);
                }
                Token::CData(data) => {
                    let at = self.base + start as u64 + "<![CDATA[".len() as u64;
                    let data = chars::normalise(data, at, &mut self.repairs())?;
                    push(&mut whole, data);
                }
                Token::End(name) => {
                    self.close(name, start)?;
                    if self.open.len() < depth {
                        return Ok(whole.unwrap_or_default());
                    }
                }
                Token::Start(tag) => {
                    self.enter(start, &tag)?;
                    if tag.is_empty {
                        self.leave();
                    }
                    self.note(IssueKind::UnknownElement, "an element inside a value")?;
                }
                Token::Instruction(instruction) => self.instruction(instruction, start)?,
                Token::Doctype { has_definitions } => self.doctype(has_definitions)?,
                Token::Comment => {}
                Token::Eof => return Err(self.truncated()),
            }
        }
    }

    /// The usual case: nothing but text up to the end tag. `None`, without a step taken, where it
    /// is another.
    fn only_text(&mut self) -> Result<Option<Cow<'a, str>>, ParseError> {
        let start = self.offset();
        let Some(open) = self.open.last() else { return Ok(None) };
        let Some(raw) = self.tokens.take_text_and_end(open.name) else { return Ok(None) };
        if raw.len() > self.limits.text {
            return Err(self.error(ParseErrorKind::Limit, "a value is too long"));
        }
        let at = self.base + start as u64;
        let text = chars::unescape(raw, at, &mut self.repairs())?;
        self.leave();
        Ok(Some(text))
    }

    /// The next child, if it is written like most of those with many sisters: with this name (and
    /// prefix), this one attribute, and text. The value of the attribute, and the text without the white
    /// space around it; `None`, without a step taken, where it is written otherwise, or another.
    ///
    /// To be tried before [`next_child`](Self::next_child), which takes three times as long:
    /// ```
    /// use resync_core::xml::Cursor;
    ///
    /// let mut cursor = Cursor::new(r#"<f><s code="a">1 &lt; 2</s><s id='2' code="b"/></f>"#);
    /// cursor.next_child()?;
    /// let (code, text) = cursor.next_plain("s", "code")?.expect("the usual form");
    /// assert_eq!((&*code, &*text), ("a", "1 < 2"));
    /// assert!(cursor.next_plain("s", "code")?.is_none());
    /// # Ok::<_, resync_core::xml::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// As [`text`](Self::text).
    #[expect(clippy::type_complexity, reason = "two texts")]
    pub fn next_plain(
        &mut self,
        name: &str,
        attribute: &str,
    ) -> Result<Option<(Cow<'a, str>, Cow<'a, str>)>, ParseError> {
        if self.open.len() >= self.limits.depth || self.open.last().is_some_and(|it| it.is_empty) {
            return Ok(None);
        }
        let before = self.tokens;
        self.tokens.skip_blanks();
        let start = self.offset();
        let Some((value, text)) = self.tokens.take_plain(name, attribute) else {
            self.tokens = before;
            return Ok(None);
        };
        if text.len() > self.limits.text {
            return Err(self.error(ParseErrorKind::Limit, "a value is too long"));
        }
        let at = self.base + start as u64;
        let value = chars::unescape(value, at, &mut self.repairs())?;
        let text = chars::unescape(text, at, &mut self.repairs())?;
        Ok(Some((value, trim(text))))
    }

    /// [`text`](Self::text) without the white space around it.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn trimmed(&mut self) -> Result<Cow<'a, str>, ParseError> {
        self.text().map(trim)
    }

    /// Passes over the element just entered, through its end.
    ///
    /// # Errors
    /// When it is not well-formed: tags that do not match, a quote or comment that is not closed.
    pub fn skip(&mut self) -> Result<(), ParseError> {
        self.run_over(&Watch::default()).map(drop)
    }

    /// The element just entered as a piece that can stand alone, through its end.
    ///
    /// # Errors
    /// As [`skip`](Self::skip); in strict mode also where characters or references are wrong.
    pub fn raw(&mut self, element: &Element<'a>) -> Result<RawXml, ParseError> {
        let depth = self.open.len();
        let outer = self.scope.outer_of(depth).unwrap_or_else(|| Arc::clone(self.outer));
        let own: Vec<&str> =
            element.attributes().filter_map(|(name, _)| declared_prefix(name)).collect();
        let watch = Watch::new(&outer, &own);
        if element.namespace.is_none() && !element.prefix().is_empty() {
            let what = format!("the prefix {} is not declared", element.prefix());
            return Err(self.error(ParseErrorKind::Syntax, what));
        }
        let used = watch.used_by(element.prefix(), element.tag.attributes());
        let skipped = self.run_over(&watch)?;
        let range = element.start..self.offset();
        let (used, has_declaration) =
            skipped.map_or((used, false), |s| (s.used | used, s.declaration));

        let xml = &self.text[range.clone()];
        let at = self.base + range.start as u64;
        let fixed = repair(xml, at, has_declaration, &mut self.repairs())?;
        Ok(match (fixed, self.page) {
            (Some(fixed), _) => {
                let range = 0..fixed.len();
                RawXml::new(Arc::new(fixed), range, outer, used)
            }
            (None, Some(page)) => RawXml::new(Arc::clone(page), range, outer, used),
            (None, None) => RawXml::new(Arc::new(xml.to_owned()), 0..xml.len(), outer, used),
        })
    }

    /// The one element inside the element just entered, through that one's end, as a piece that can
    /// stand alone; `None` where there is none. Where there are several, which the formats that use
    /// this do not allow, the outer element itself, so that nothing is lost.
    ///
    /// # Errors
    /// As [`raw`](Self::raw); in strict mode also where there are several.
    pub fn raw_content(&mut self, outer: &Element<'a>) -> Result<Option<RawXml>, ParseError> {
        let Some(first) = self.next_child()? else { return Ok(None) };
        let only = self.raw(&first)?;
        if self.next_child()?.is_none() {
            return Ok(Some(only));
        }
        let detail = format!("several elements inside <{}>", outer.name());
        self.note(IssueKind::RepeatedElement, detail)?;
        self.skip()?;
        while self.next_child()?.is_some() {
            self.skip()?;
        }
        // Read once more, this time as one piece; what it repairs has been reported.
        let bindings = self.scope.outer_of(self.open.len() + 1);
        let bindings = bindings.unwrap_or_else(|| Arc::clone(self.outer));
        let mut again = Cursor::at(self.text, self.page, outer.start, self.base, &bindings);
        again.limits = self.limits;
        match again.next_child()? {
            Some(element) => again.raw(&element).map(Some),
            None => Ok(None),
        }
    }

    /// Passes over the element just entered; `None` where it is empty.
    fn run_over(&mut self, watch: &Watch<'_>) -> Result<Option<Skipped>, ParseError> {
        let Some(open) = self.open.last() else { return Ok(None) };
        let skipped = if open.is_empty {
            None
        } else {
            let from = self.offset();
            let name = open.name;
            let result =
                skip_element(self.text, from, name, watch, &self.limits, &mut self.skipping);
            let skipped = result.map_err(|ScanError { kind, at, what }| {
                ParseError::new(kind, self.base + at as u64, what)
            })?;
            self.tokens.at = skipped.end;
            Some(skipped)
        };
        self.leave();
        Ok(skipped)
    }
}

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
        Cow::Owned(text) if text.trim_ascii().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_owned()),
    }
}

fn push<'a>(whole: &mut Option<Cow<'a, str>>, piece: Cow<'a, str>) {
    match whole {
        None => *whole = Some(piece),
        Some(whole) => whole.to_mut().push_str(&piece),
    }
}
