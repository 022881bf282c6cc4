mod content;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use super::chars::{self, Repairs};
use super::element::{Element, declared_prefix};
use super::scope::Scope;
use super::token::{Tag, Token, Tokens, is_same};
use super::{Bindings, IssueKind, Issues, Limits, Mode, ParseError, ParseErrorKind};

/// So many bytes of attributes may be too many attributes.
const SUSPICIOUS: usize = 4096;

static NO_BINDINGS: LazyLock<Arc<Bindings>> = LazyLock::new(Arc::default);

/// Walks a document element by element.
///
/// [`next_child`](Self::next_child) enters an element; it must then be used up by one of
/// [`text`](Self::text), [`skip`](Self::skip), [`raw`](Self::raw), or by asking for its children
/// until there are no more.
///
/// ```
/// use resync_core::xml::Cursor;
///
/// let mut cursor = Cursor::new(r#"<a:book xmlns:a="urn:a"><a:title>R &amp; B</a:title></a:book>"#);
/// let book = cursor.next_child()?.expect("a root element");
/// assert!(book.is("urn:a", "book"));
/// while let Some(child) = cursor.next_child()? {
///     match child.local() {
///         "title" => assert_eq!(cursor.text()?, "R & B"),
///         _ => cursor.skip()?,
///     }
/// }
/// # Ok::<_, resync_core::xml::ParseError>(())
/// ```
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    /// The text as it can be shared with the pieces taken from it.
    page: Option<&'a Arc<String>>,
    /// Offset of the text in its document.
    base: u64,
    mode: Mode,
    limits: Limits,
    tokens: Tokens<'a>,
    outer: &'a Arc<Bindings>,
    scope: Scope<'a>,
    open: Vec<Open<'a>>,
    /// For `skip_element`, kept to save allocating it anew.
    skipping: Vec<&'a str>,
    issues: Issues,
}

#[derive(Debug)]
struct Open<'a> {
    name: &'a str,
    /// `<name/>`: its end comes from no tag.
    is_empty: bool,
}

impl<'a> Cursor<'a> {
    /// Walks a document.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self::at(text, None, 0, 0, &NO_BINDINGS)
    }

    /// Walks a document that the pieces taken from it will share.
    #[must_use]
    pub fn over(page: &'a Arc<String>) -> Self {
        Self::at(page, Some(page), 0, 0, &NO_BINDINGS)
    }

    /// Walks on in the middle of a document, at `from` in a window that begins at `base` of the
    /// document, inside of the elements named in `open`, whose bindings are `outer`.
    #[must_use]
    pub fn resume(
        window: &'a Arc<String>,
        from: usize,
        base: u64,
        open: &[&'a str],
        outer: &'a Arc<Bindings>,
    ) -> Self {
        let mut cursor = Self::at(window, Some(window), from, base, outer);
        cursor.open = open.iter().map(|name| Open { name, is_empty: false }).collect();
        cursor
    }

    fn at(
        text: &'a str,
        page: Option<&'a Arc<String>>,
        from: usize,
        base: u64,
        outer: &'a Arc<Bindings>,
    ) -> Self {
        Self {
            text,
            page,
            base,
            mode: Mode::default(),
            limits: Limits::default(),
            tokens: Tokens::new(text, from),
            outer,
            scope: Scope::new(outer),
            open: Vec::new(),
            skipping: Vec::new(),
            issues: Issues::default(),
        }
    }

    /// What to do with what is broken; tolerant by default.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// How much the document may ask for.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where it stands: byte offset in the text.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.tokens.at
    }

    /// Where it stands: byte offset in the document.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.base + self.offset() as u64
    }

    /// How many elements are open.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// The namespace bindings in scope.
    #[must_use]
    pub fn bindings(&self) -> Bindings {
        self.scope.snapshot()
    }

    /// What has been repaired so far.
    #[must_use]
    pub fn issues(&self) -> &Issues {
        &self.issues
    }

    /// Takes what has been repaired so far.
    pub fn take_issues(&mut self) -> Issues {
        std::mem::take(&mut self.issues)
    }

    /// Names the record in the issues found since there were `mark` of them.
    pub fn name_record(&mut self, mark: usize, identifier: &str) {
        self.issues.name_record(mark, identifier);
    }

    /// Writes down something that is wrong but understood.
    ///
    /// # Errors
    /// In strict mode: there it is an error.
    pub fn note(&mut self, kind: IssueKind, detail: impl Into<String>) -> Result<(), ParseError> {
        let at = self.position();
        self.repairs().note(kind, at, detail)
    }

    /// An error here.
    pub fn error(&self, kind: ParseErrorKind, what: impl Into<String>) -> ParseError {
        ParseError::new(kind, self.position(), what)
    }

    /// Enters the next child of the current element, or the root element; `None` at the end of the
    /// current element, which is then left, or at the end of the document.
    ///
    /// # Errors
    /// When the document is not well-formed here, or asks for more than the limits allow.
    pub fn next_child(&mut self) -> Result<Option<Element<'a>>, ParseError> {
        if self.open.last().is_some_and(|open| open.is_empty) {
            self.leave();
            return Ok(None);
        }
        loop {
            self.tokens.skip_blanks();
            let start = self.offset();
            match self.token()? {
                Token::Start(tag) => return self.enter(start, &tag).map(Some),
                Token::End(name) => {
                    self.close(name, start)?;
                    return Ok(None);
                }
                Token::Text(text) | Token::CData(text) => {
                    let found: String = text.trim().chars().take(40).collect();
                    let detail = format!("text where only elements belong: {found:?}");
                    let at = self.base + start as u64;
                    self.repairs().note(IssueKind::StrayText, at, detail)?;
                }
                Token::Instruction(instruction) => self.instruction(instruction, start)?,
                Token::Doctype { has_definitions } => self.doctype(has_definitions)?,
                Token::Comment => {}
                Token::Eof if self.open.is_empty() => return Ok(None),
                Token::Eof => return Err(self.truncated()),
            }
        }
    }

    /// The value of an attribute, by its name without prefix; references are resolved.
    ///
    /// # Errors
    /// In strict mode, where a reference or character is wrong.
    pub fn attribute<'e>(
        &mut self,
        element: &Element<'e>,
        local: &str,
    ) -> Result<Option<Cow<'e, str>>, ParseError> {
        for (name, raw) in element.attributes() {
            if name.rsplit_once(':').map_or(name, |(_, local)| local) == local
                && !name.starts_with("xmlns")
            {
                return self.value(element, raw).map(Some);
            }
        }
        Ok(None)
    }

    /// What the value of an attribute stands for, given as [`Element::attributes`] has it.
    ///
    /// # Errors
    /// In strict mode, where a reference or character is wrong.
    pub fn value<'e>(
        &mut self,
        element: &Element<'e>,
        raw: &'e str,
    ) -> Result<Cow<'e, str>, ParseError> {
        let at = self.base + element.start as u64;
        chars::unescape(raw, at, &mut self.repairs())
    }

    /// The namespace that a prefix stands for here.
    #[must_use]
    pub fn namespace(&self, prefix: &str) -> Option<&'a str> {
        self.scope.resolve(prefix)
    }

    /// Looks at what stands behind the root element: only comments and instructions may.
    ///
    /// # Errors
    /// In strict mode, when there is something.
    pub fn finish(&mut self) -> Result<(), ParseError> {
        let blank = |c: char| c.is_ascii_whitespace() || c == '\0';
        let mut behind = self.tokens;
        let rest = loop {
            let rest = self.text[behind.at..].trim_matches(blank);
            match behind.next() {
                Ok(Token::Comment) => {}
                Ok(Token::Instruction(it)) if !super::is_xml_declaration(it) => {}
                Ok(Token::Text(text)) if text.trim_matches(blank).is_empty() => {}
                Ok(Token::Eof) => return Ok(()),
                _ => break rest,
            }
        };
        let found: String = rest.chars().take(40).collect();
        self.note(
            IssueKind::TrailingGarbage,
            format!("{} bytes after the end: {found:?}", rest.len()),
        )
    }

    fn token(&mut self) -> Result<Token<'a>, ParseError> {
        self.tokens
            .next()
            .map_err(|error| ParseError::new(error.kind, self.base + error.at as u64, error.what))
    }

    fn enter(&mut self, start: usize, tag: &Tag<'a>) -> Result<Element<'a>, ParseError> {
        if self.open.len() >= self.limits.depth {
            return Err(self.error(ParseErrorKind::Limit, "elements are nested too deeply"));
        }
        self.open.push(Open { name: tag.name(), is_empty: tag.is_empty });
        let mut element = Element { tag: *tag, namespace: None, start };
        // Of the many tags without a declaration the attributes are not gone through, unless there may
        // be too many of them.
        if tag.may_declare || tag.attributes().len() > SUSPICIOUS {
            self.declare(&element)?;
        }
        element.namespace = self.scope.resolve(element.prefix());
        Ok(element)
    }

    fn declare(&mut self, element: &Element<'a>) -> Result<(), ParseError> {
        let depth = self.open.len();
        for (count, (name, value)) in element.attributes().enumerate() {
            if count >= self.limits.attributes {
                return Err(self.error(ParseErrorKind::Limit, "an element has too many attributes"));
            }
            if let Some(prefix) = declared_prefix(name) {
                if self.scope.len() >= self.limits.bindings {
                    return Err(self.error(ParseErrorKind::Limit, "too many namespaces"));
                }
                self.scope.declare(depth, prefix, value);
            }
        }
        Ok(())
    }

    fn close(&mut self, end: &str, start: usize) -> Result<(), ParseError> {
        match self.open.last() {
            Some(open) if is_same(open.name, end) => {
                self.leave();
                Ok(())
            }
            open => {
                let at = self.base + start as u64;
                let what = match open {
                    Some(open) => format!("</{end}> where </{}> should be", open.name),
                    None => format!("</{end}> closes nothing"),
                };
                Err(ParseError::new(ParseErrorKind::Syntax, at, what))
            }
        }
    }

    fn leave(&mut self) {
        self.scope.leave(self.open.len());
        self.open.pop();
    }

    /// An instruction: passed over, but for an XML declaration that is not at the beginning.
    fn instruction(&mut self, instruction: &str, start: usize) -> Result<(), ParseError> {
        if !super::is_xml_declaration(instruction) {
            return Ok(());
        }
        let before = self.text[..start].trim_start_matches('\u{FEFF}');
        if self.base > 0 || !is_blank(before) {
            self.note(IssueKind::NestedDeclaration, "an XML declaration in the middle")
        } else if before.is_empty() {
            Ok(())
        } else {
            self.note(IssueKind::StrayText, "white space before the declaration")
        }
    }

    /// A document type declaration: passed over when it only names one, refused when it brings
    /// definitions of its own, which no metadata format needs and attackers do.
    fn doctype(&mut self, has_definitions: bool) -> Result<(), ParseError> {
        if has_definitions {
            let what = "the document brings a document type definition of its own";
            return Err(self.error(ParseErrorKind::Doctype, what));
        }
        self.note(IssueKind::Doctype, "a document type declaration")
    }

    fn truncated(&self) -> ParseError {
        let open = self.open.last().map_or("", |open| open.name);
        self.error(ParseErrorKind::Truncated, format!("the document ends inside <{open}>"))
    }

    fn repairs(&mut self) -> Repairs<'_> {
        Repairs { mode: self.mode, issues: &mut self.issues }
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_whitespace())
}
