use std::fmt;

/// Something in a document that was repaired or passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issue {
    /// What it was.
    pub kind: IssueKind,
    /// Where: byte offset in the document, unpacked and decoded to UTF-8.
    pub at: u64,
    /// The record it was found in, where one was known.
    pub record: Option<String>,
    /// What was found, in a few words.
    pub detail: String,
}

/// What was repaired, or passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum IssueKind {
    /// Bytes that the encoding does not allow were read as windows-1252.
    InvalidBytes,
    /// The declared encoding is not the one the bytes are in.
    WrongEncoding,
    /// A character that XML 1.0 forbids (§2.2) was left out.
    IllegalCharacter,
    /// A reference to a character that XML 1.0 forbids was left out.
    IllegalReference,
    /// An entity that is not declared was replaced by what HTML means by it.
    UndeclaredEntity,
    /// An ampersand that begins no reference was taken as text.
    BareAmpersand,
    /// Text between elements, where the format has none.
    StrayText,
    /// An XML declaration inside the document was left out.
    NestedDeclaration,
    /// A document type declaration was passed over.
    Doctype,
    /// Something after the end of the document was passed over.
    TrailingGarbage,
    /// An element is not in the namespace it belongs to.
    WrongNamespace,
    /// An element that the format does not know was passed over.
    UnknownElement,
    /// An element that may be there once is there again.
    RepeatedElement,
    /// Something that must be there is missing.
    MissingElement,
    /// White space around a value was cut off.
    PaddedValue,
    /// A value does not have the form the standard demands.
    IllegalValue,
    /// The answer says one thing and the server's description another.
    Inconsistent,
    /// A record was set aside as broken, and fetched again by itself.
    Refetched,
    /// The HTTP answer is not what its headers or its status say.
    Http,
}

impl Issue {
    /// An issue; `detail` says in a few words what was found.
    pub fn new(kind: IssueKind, at: u64, detail: impl Into<String>) -> Self {
        Self { kind, at, record: None, detail: detail.into() }
    }

    /// Names the record it was found in.
    #[must_use]
    pub fn in_record(mut self, identifier: impl Into<String>) -> Self {
        self.record = Some(identifier.into());
        self
    }
}

impl IssueKind {
    /// A short name, for counting and for programs: `illegal-character`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidBytes => "invalid-bytes",
            Self::WrongEncoding => "wrong-encoding",
            Self::IllegalCharacter => "illegal-character",
            Self::IllegalReference => "illegal-reference",
            Self::UndeclaredEntity => "undeclared-entity",
            Self::BareAmpersand => "bare-ampersand",
            Self::StrayText => "stray-text",
            Self::NestedDeclaration => "nested-declaration",
            Self::Doctype => "doctype",
            Self::TrailingGarbage => "trailing-garbage",
            Self::WrongNamespace => "wrong-namespace",
            Self::UnknownElement => "unknown-element",
            Self::RepeatedElement => "repeated-element",
            Self::MissingElement => "missing-element",
            Self::PaddedValue => "padded-value",
            Self::IllegalValue => "illegal-value",
            Self::Inconsistent => "inconsistent",
            Self::Refetched => "refetched",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for IssueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at byte {}", self.kind, self.detail, self.at)?;
        match &self.record {
            Some(record) => write!(f, " in record {record}"),
            None => Ok(()),
        }
    }
}

/// The issues of a document: all of them counted, the first of them kept.
///
/// A document can be wrong in a million places; what is kept is bounded.
#[derive(Clone, Debug, Default)]
pub struct Issues {
    kept: Vec<Issue>,
    total: u64,
}

impl Issues {
    /// How many are kept.
    pub const KEPT: usize = 1000;

    /// Adds one.
    pub fn push(&mut self, issue: Issue) {
        self.total += 1;
        if self.kept.len() < Self::KEPT {
            self.kept.push(issue);
        }
    }

    /// Adds those of another document, or of another part of this one.
    pub fn append(&mut self, other: Self) {
        self.total += other.total;
        let room = Self::KEPT.saturating_sub(self.kept.len());
        self.kept.extend(other.kept.into_iter().take(room));
    }

    /// How many there were, kept or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Those that are kept, in the order they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Issue> {
        self.kept.iter()
    }

    /// Names the record in those found since `mark` (a length of [`iter`](Self::iter)).
    pub(crate) fn name_record(&mut self, mark: usize, identifier: &str) {
        for issue in self.kept.iter_mut().skip(mark) {
            issue.record.get_or_insert_with(|| identifier.to_owned());
        }
    }
}

impl<'a> IntoIterator for &'a Issues {
    type Item = &'a Issue;
    type IntoIter = std::slice::Iter<'a, Issue>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
