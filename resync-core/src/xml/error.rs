use std::fmt;

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    kind: ParseErrorKind,
    at: u64,
    record: Option<String>,
    what: String,
}

/// What is wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// It ends before its root element is closed.
    Truncated,
    /// It is not well-formed XML.
    Syntax,
    /// It asks for more than [`Limits`](super::Limits) allow.
    Limit,
    /// It brings a document type definition of its own, which could define anything.
    Doctype,
    /// Its bytes are not in the encoding it is said to be in.
    Encoding,
    /// It is XML, but not of the format that was asked for.
    Structure,
}

impl ParseError {
    /// An error at a byte offset; `what` says what is wrong, in lower case.
    pub fn new(kind: ParseErrorKind, at: u64, what: impl Into<String>) -> Self {
        Self { kind, at, record: None, what: what.into() }
    }

    /// Names the record it was found in.
    #[must_use]
    pub fn in_record(mut self, identifier: impl Into<String>) -> Self {
        self.record.get_or_insert(identifier.into());
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> ParseErrorKind {
        self.kind
    }

    /// Where: byte offset in the document, unpacked and decoded to UTF-8.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The record it was found in, where one was known.
    #[must_use]
    pub fn record(&self) -> Option<&str> {
        self.record.as_deref()
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)?;
        match &self.record {
            Some(record) => write!(f, " in record {record}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}
