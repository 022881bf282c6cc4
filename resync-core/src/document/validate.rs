//! Checks a document against every rule of the standard that can be seen in the document alone.

mod code;
mod entry;
mod head;
mod lines;
mod report;
mod times;

use std::collections::HashSet;
use std::hash::RandomState;
use std::io::Read;

use url::Url;

use self::lines::{Counted, Lines, Place};
use self::report::Found;
use super::{Capability, Datetime, Head, ReadError, Reader};
use crate::xml::{Issue, IssueKind, Issues, ParseErrorKind};

pub use self::code::{Code, Severity};
pub use self::report::{Finding, Report};

/// The version of the standard that a document is to follow; a document does not say which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // there is no third
pub enum Version {
    /// ANSI/NISO Z39.99-2014: changes have their time in `lastmod`.
    V1_0,
    /// ANSI/NISO Z39.99-2017: changes have their time in `datetime`.
    V1_1,
    /// What is right in one of them is right.
    #[default]
    Either,
}

/// Checks documents of any length, in constant memory.
///
/// What the standard demands is an error, what may mislead other readers a warning, what it
/// recommends an info: a document that keeps to the standard gets infos only.
///
/// ```
/// use resync_core::document::{Code, Validator};
///
/// let list = br#"<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
///     xmlns:rs="http://www.openarchives.org/rs/terms/">
///   <rs:ln rel="up" href="https://x.org/capabilitylist.xml"/>
///   <rs:md capability="resourcelist"/>
/// </urlset>"#;
/// let report = Validator::new().check(&list[..]);
/// assert!(!report.is_valid());
/// assert_eq!(report.findings[0].code, Code::MissingAt);
/// assert_eq!(report.findings[0].to_string(), "4:3 error missing-at: resourcelist has no at");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Validator {
    version: Version,
    charset: Option<String>,
    address: Option<Url>,
    above: Option<Capability>,
    fetched: Option<Datetime>,
    is_part: bool,
}

impl Validator {
    /// How many entries a document may have (Sitemaps).
    pub const ENTRIES: u64 = 50_000;

    /// How many bytes a document may have, unpacked (Sitemaps: 50 MB).
    pub const BYTES: u64 = 52_428_800;

    /// Of how many addresses it is remembered that they were there.
    pub const REMEMBERED: usize = 1_000_000;

    /// Checks against either version.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks against this version.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The character set that the HTTP header says.
    #[must_use]
    pub fn charset(mut self, charset: impl Into<String>) -> Self {
        self.charset = Some(charset.into());
        self
    }

    /// The address the document came from: `up` must lead elsewhere.
    #[must_use]
    pub fn address(mut self, address: Url) -> Self {
        self.address = Some(address);
        self
    }

    /// What the document is that `up` leads to, where the caller has seen it.
    #[must_use]
    pub fn above(mut self, capability: Capability) -> Self {
        self.above = Some(capability);
        self
    }

    /// When the document was fetched: an `until` of that moment is not the end of the list.
    #[must_use]
    pub fn fetched(mut self, time: Datetime) -> Self {
        self.fetched = Some(time);
        self
    }

    /// The document is listed in an index, and should have a link to it.
    #[must_use]
    pub fn part_of_index(mut self) -> Self {
        self.is_part = true;
        self
    }

    /// Checks a document, through to its end or to where it cannot be read any further.
    pub fn check(self, source: impl Read) -> Report {
        let mut source = Counted::new(source);
        let charset = self.charset.clone();
        let mut checker = Checker::new(self);
        let mut reader = Reader::with(&mut source, charset.as_deref(), crate::xml::Mode::Tolerant);
        let end = checker.run(&mut reader);
        if let Err(error) = &end {
            checker.unreadable(error, &reader);
        }
        let mut report = checker.report;
        report.entries = reader.seen();
        report.head = reader.into_head();
        report.bytes = source.bytes;
        checker.report = report;
        checker.whole(&source);
        checker.report
    }
}

/// One document being checked.
struct Checker {
    options: Validator,
    lines: Lines,
    report: Report,
    /// What the rules have found in the entry or head at hand.
    found: Vec<Found>,
    /// Whether the head has been checked.
    has_head: bool,
    host: Option<String>,
    entries: entry::Memory,
}

impl Checker {
    fn new(options: Validator) -> Self {
        let host = options.address.as_ref().and_then(Url::host_str).map(str::to_owned);
        Self {
            options,
            lines: Lines::new(),
            report: Report::default(),
            found: Vec::new(),
            has_head: false,
            host,
            entries: entry::Memory::default(),
        }
    }

    fn run<R: Read>(&mut self, reader: &mut Reader<R>) -> Result<(), ReadError> {
        let head = reader.head()?.clone();
        let issues = reader.take_issues();
        self.issues(&issues, None, reader.window());
        let (start, _) = reader.window();
        if let Some(name) = encoding(start)
            && !["utf-8", "utf8", "us-ascii"].iter().any(|it| it.eq_ignore_ascii_case(name))
        {
            self.find(Code::NotUtf8, Severity::Warning, format!("{name:?} is declared"));
            self.take_found(None, 0, reader.window());
        }
        let at = reader.head_position();
        let place = self.lines.locate(at, reader.window());
        if !head.md.is_empty() {
            self.head(&head, place);
        }
        self.lines.pass(reader.position(), reader.window());
        let mut index = 0;
        while let Some(mut part) = reader.next_part()? {
            while let Some(entry) = part.next() {
                let entry = entry?;
                let issues = part.take_issues();
                self.issues(&issues, Some((index, part.position(), &entry.loc)), part.window());
                self.entry(&entry, part.head());
                self.take_found(Some((index, &entry.loc)), part.position(), part.window());
                self.lines.pass(part.end(), part.window());
                index += 1;
            }
            let issues = part.take_issues();
            self.issues(&issues, None, part.window());
            self.lines.pass(part.end(), part.window());
        }
        let issues = reader.take_issues();
        self.issues(&issues, None, reader.window());
        if !self.has_head {
            // Some servers have `rs:md` behind the entries, or none at all.
            let head = reader.head()?.clone();
            self.head(&head, place);
        }
        Ok(())
    }

    /// What is to be said of the document when all of it was read.
    fn whole<R: Read>(&mut self, source: &Counted<R>) {
        let (entries, bytes) = (self.report.entries, self.report.bytes);
        if source.has_mark() {
            self.find(Code::ByteOrderMark, Severity::Info, "the document begins with a mark");
        }
        if source.is_utf16() && self.report.count(Code::NotUtf8) == 0 {
            self.find(Code::NotUtf8, Severity::Warning, "it is UTF-16 by its mark");
        }
        if entries > Validator::ENTRIES {
            let detail = format!("{entries} entries, where {} are allowed", Validator::ENTRIES);
            self.find(Code::TooManyEntries, Severity::Error, detail);
        }
        if bytes > Validator::BYTES {
            let detail = format!("{bytes} bytes, where {} are allowed", Validator::BYTES);
            self.find(Code::TooLarge, Severity::Error, detail);
        }
        if source.is_gzip() {
            self.find(Code::Compressed, Severity::Error, "the document is packed with gzip");
        }
        for found in std::mem::take(&mut self.found) {
            self.report.add(&found, None, || Place { line: 1, column: 1 });
        }
    }

    fn find(&mut self, code: Code, severity: Severity, detail: impl Into<String>) {
        self.found.push(Found { code, severity, detail: detail.into() });
    }

    /// Reports what the rules have found.
    fn take_found(&mut self, entry: Option<(u64, &str)>, at: u64, window: (&str, u64)) {
        for found in self.found.drain(..) {
            self.report.add(&found, entry, || self.lines.locate(at, window));
        }
    }

    /// Reports what the reader has repaired. An entry is its index, offset and address.
    fn issues(&mut self, issues: &Issues, entry: Option<(u64, u64, &str)>, window: (&str, u64)) {
        for issue in issues {
            let Some((code, severity)) = judge(issue) else { continue };
            let found = Found { code, severity, detail: issue.detail.clone() };
            let entry = entry.filter(|(_, start, _)| issue.at >= *start);
            let entry = entry.map(|(index, _, loc)| (index, loc));
            self.report.add(&found, entry, || self.lines.locate(issue.at, window));
        }
    }

    /// Reports why the document cannot be read on.
    fn unreadable<R: Read>(&mut self, error: &ReadError, reader: &Reader<R>) {
        let (code, at) = match error {
            ReadError::Source(_) => (Code::Source, reader.position()),
            ReadError::Document(error) => (code_of(error.kind()), error.at()),
        };
        let issues = reader.issues();
        self.issues(issues, None, reader.window());
        self.find(code, Severity::Error, error.to_string());
        self.take_found(None, at, reader.window());
    }
}

/// The encoding that the XML declaration names.
fn encoding(text: &str) -> Option<&str> {
    let (declaration, _) = text.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_ascii_start().strip_prefix('=')?.trim_ascii_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value[1..].split_once(quote).map(|(name, _)| name)
}

fn code_of(kind: ParseErrorKind) -> Code {
    match kind {
        ParseErrorKind::Truncated => Code::Truncated,
        ParseErrorKind::Syntax => Code::Syntax,
        ParseErrorKind::Limit => Code::Limit,
        ParseErrorKind::Doctype => Code::Doctype,
        ParseErrorKind::Encoding => Code::WrongEncoding,
        ParseErrorKind::Structure => Code::NotResourceSync,
    }
}

/// What an issue of the reader is worth; `None` for what the rules find themselves.
fn judge(issue: &Issue) -> Option<(Code, Severity)> {
    use Severity::{Error, Info, Warning};
    Some(match issue.kind {
        IssueKind::InvalidBytes => (Code::InvalidBytes, Error),
        IssueKind::WrongEncoding => (Code::WrongEncoding, Warning),
        IssueKind::IllegalCharacter | IssueKind::IllegalReference => {
            (Code::IllegalCharacter, Error)
        }
        IssueKind::UndeclaredEntity => (Code::UndeclaredEntity, Error),
        IssueKind::BareAmpersand => (Code::BareAmpersand, Error),
        IssueKind::StrayText => (Code::StrayText, Error),
        IssueKind::NestedDeclaration => (Code::NestedDeclaration, Error),
        IssueKind::Doctype => (Code::Doctype, Warning),
        IssueKind::TrailingGarbage => (Code::TrailingGarbage, Error),
        IssueKind::WrongNamespace => (Code::WrongNamespace, Error),
        IssueKind::UnknownElement => (Code::UnknownElement, Error),
        IssueKind::RepeatedElement => (Code::RepeatedElement, Error),
        IssueKind::MissingElement => return None,
        // To the schema it is no part of the address.
        IssueKind::PaddedValue => (Code::PaddedValue, Info),
        IssueKind::Inconsistent => (Code::MisplacedElement, Error),
        IssueKind::IllegalValue => {
            let name = issue.detail.split(':').next().unwrap_or_default();
            let code = match name {
                "at" | "completed" | "from" | "until" | "datetime" | "modified" | "lastmod" => {
                    Code::BadDatetime
                }
                "hash" => Code::BadHash,
                name if name.starts_with("a digest") => Code::BadHash,
                "length" => Code::BadLength,
                "change" => Code::BadChange,
                "pri" => Code::BadPriority,
                _ => Code::IllegalValue,
            };
            // Base64, or another name of the algorithm: the standard itself has an example of it.
            let is_understood = name.starts_with("a digest");
            (code, if is_understood { Warning } else { Error })
        }
        _ => (Code::IllegalValue, Warning),
    })
}

/// Whether the document can carry changes of resources, one an entry.
fn has_changes(head: &Head) -> bool {
    head.capability().is_some_and(Capability::tells_changes) && !head.is_index()
}

/// Addresses that were there, by their digests, of which two are the same by chance once in 2^25
/// lists of a million.
#[derive(Debug, Default)]
struct Seen {
    keys: RandomState,
    seen: HashSet<u64>,
}

impl Seen {
    /// Whether it was there before; `None` where no more can be remembered.
    fn again(&mut self, loc: &str) -> Option<bool> {
        use std::hash::BuildHasher;
        if self.seen.len() >= Validator::REMEMBERED {
            return None;
        }
        Some(!self.seen.insert(self.keys.hash_one(loc)))
    }
}
