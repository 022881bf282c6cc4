use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use super::fields::{self, Names};
use super::{Entry, Head, Root, SITEMAP};
use crate::xml::{
    Bindings, Cursor, Decoder, Issue, IssueKind, Issues, Limits, Mode, ParseError, ParseErrorKind,
    Windows,
};

/// Pulls entries out of a document of any length, holding no more of it than a window.
///
/// The entries of a [`Part`] borrow from the window; [`Entry::into_owned`] takes one along.
///
/// ```
/// use resync_core::document::Reader;
///
/// # let file: &[u8] = br#"<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
/// #   <url><loc>http://x.org/</loc></url></urlset>"#;
/// let mut reader = Reader::new(file);
/// println!("{:?}", reader.head()?.capability());
/// while let Some(part) = reader.next_part()? {
///     for entry in part {
///         println!("{}", entry?.loc);
///     }
/// }
/// # Ok::<_, resync_core::document::ReadError>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    windows: Windows<R>,
    mode: Mode,
    limits: Limits,
    place: Place,
    /// Offset in the window of what is read next.
    at: usize,
    /// Whether what the window still holds goes on behind it.
    is_used_up: bool,
    /// The name of the root element, and the bindings inside of it.
    root: String,
    outer: Arc<Bindings>,
    head: Head,
    /// Offset of the head's `rs:md`, or of the root element where it has none.
    head_at: u64,
    names: Names,
    issues: Issues,
    seen: u64,
}

/// The entries that are complete in the window; an iterator.
///
/// What is left of it when it is dropped is in the next part.
#[derive(Debug)]
pub struct Part<'r> {
    cursor: Cursor<'r>,
    /// The window, its offset in the document, and that of the last entry in the window.
    text: &'r str,
    base: u64,
    start: usize,
    is_last: bool,
    most: u64,
    place: &'r mut Place,
    at: &'r mut usize,
    is_used_up: &'r mut bool,
    head: &'r mut Head,
    names: &'r mut Names,
    issues: &'r mut Issues,
    seen: &'r mut u64,
}

/// Why a document cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// Its source failed.
    Source(io::Error),
    /// It is broken, or something else.
    Document(ParseError),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Prolog,
    Entries,
    /// Behind the root element.
    Behind,
    /// All has been read, or cannot be.
    End,
}

impl<R: Read> Reader<R> {
    /// How much is read at a time, in bytes.
    const PIECE: usize = 128 << 10;

    /// The most that one entry may take, in bytes.
    const RECORD: usize = 4 << 20;

    /// Reads `source`, tolerantly and with the usual limits.
    pub fn new(source: R) -> Self {
        Self::with(source, None, Mode::Tolerant)
    }

    /// Reads `source`; `charset` is what the HTTP header says.
    pub fn with(source: R, charset: Option<&str>, mode: Mode) -> Self {
        let limits = Limits { record: Self::RECORD, text: Self::RECORD, ..Limits::default() };
        Self {
            windows: Windows::new(source, Decoder::new(charset, mode), Self::PIECE),
            mode,
            limits,
            place: Place::Prolog,
            at: 0,
            is_used_up: true,
            root: String::new(),
            outer: Arc::default(),
            head: Head::default(),
            head_at: 0,
            names: Names::default(),
            issues: Issues::default(),
            seen: 0,
        }
    }

    /// How much the document may ask for.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the document says of itself.
    ///
    /// The standard has all of it in front of the entries; what stands behind some is there once
    /// these have been read.
    ///
    /// # Errors
    /// As [`next_part`](Self::next_part).
    pub fn head(&mut self) -> Result<&Head, ReadError> {
        while self.place == Place::Prolog {
            self.prolog()?;
        }
        Ok(&self.head)
    }

    /// The entries that follow, as far as they are in memory; `None` behind the last.
    ///
    /// # Errors
    /// When the source fails, or the document is cut off, is not well-formed, asks for more than
    /// the limits allow, or is none of ResourceSync; in strict mode also where something would have
    /// to be repaired.
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>, ReadError> {
        self.head()?;
        if self.place == Place::Behind {
            self.behind()?;
        }
        if self.place == Place::End {
            return Ok(None);
        }
        if self.is_used_up {
            self.read_on()?;
        }
        Ok(Some(Part {
            cursor: Cursor::resume(
                self.windows.text(),
                self.at,
                self.windows.base(),
                &[&self.root],
                &self.outer,
            )
            .mode(self.mode)
            .limits(self.limits),
            text: self.windows.text(),
            base: self.windows.base(),
            start: self.at,
            is_last: self.windows.is_last(),
            most: self.limits.records,
            place: &mut self.place,
            at: &mut self.at,
            is_used_up: &mut self.is_used_up,
            head: &mut self.head,
            names: &mut self.names,
            issues: &mut self.issues,
            seen: &mut self.seen,
        }))
    }

    /// How many entries have been read.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// How many bytes of the document, decoded to UTF-8, have been read.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.windows.base() + self.at as u64
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

    /// The head, when all has been read.
    #[must_use]
    pub fn into_head(self) -> Head {
        self.head
    }

    /// Offset of what speaks for the head: its `rs:md`, else the root element.
    pub(super) fn head_position(&self) -> u64 {
        self.head_at
    }

    /// What is in memory, and its offset in the document.
    pub(super) fn window(&self) -> (&str, u64) {
        (self.windows.text(), self.windows.base())
    }

    fn prolog(&mut self) -> Result<(), ReadError> {
        if self.is_used_up {
            self.read_on()?;
        }
        let mut cursor = Cursor::over(self.windows.text()).mode(self.mode).limits(self.limits);
        let mut head = Head::default();
        match read_head(&mut cursor, &mut head, &mut self.names) {
            Ok(Prolog { root, outer, at, is_whole, head_at }) => {
                self.root = root;
                self.outer = Arc::new(outer);
                self.at = at;
                self.head_at = self.windows.base() + head_at as u64;
                self.place = if is_whole { Place::Behind } else { Place::Entries };
                self.head = head;
                self.issues.append(cursor.take_issues());
                Ok(())
            }
            Err(error) if error.kind() == ParseErrorKind::Truncated && !self.windows.is_last() => {
                self.is_used_up = true;
                self.names = Names::default();
                Ok(())
            }
            Err(error) => {
                self.place = Place::End;
                Err(error.into())
            }
        }
    }

    /// Drops what has been read of the window and reads on.
    fn read_on(&mut self) -> Result<(), ReadError> {
        let kept = self.windows.text().len() - self.at;
        let read = if kept > self.limits.record {
            let at = self.windows.base() + self.at as u64;
            let what = format!("an entry has more than {} bytes", self.limits.record);
            Err(ParseError::new(ParseErrorKind::Limit, at, what).into())
        } else {
            self.windows.advance(self.at, &mut self.issues).map_err(ReadError::from)
        };
        self.at = 0;
        self.is_used_up = false;
        read.inspect_err(|_| self.place = Place::End)
    }

    /// Reads what stands behind the root element, so that the source is read to its end.
    fn behind(&mut self) -> Result<(), ReadError> {
        let mut is_noted = false;
        while !self.windows.is_last() {
            let all = self.windows.text().len();
            self.at = all;
            self.read_on()?;
            if !is_noted && !self.windows.text().trim_ascii().is_empty() {
                is_noted = true;
                let at = self.windows.base();
                let detail = "something after the end of the document";
                self.issues.push(Issue::new(IssueKind::TrailingGarbage, at, detail));
            }
        }
        self.place = Place::End;
        Ok(())
    }
}

/// Where the entries begin.
struct Prolog {
    root: String,
    outer: Bindings,
    at: usize,
    /// Whether there are none.
    is_whole: bool,
    /// Where `rs:md` is, else the root element.
    head_at: usize,
}

fn read_head(
    cursor: &mut Cursor<'_>,
    head: &mut Head,
    names: &mut Names,
) -> Result<Prolog, ParseError> {
    let Some(element) = cursor.next_child()? else {
        return Err(cursor.error(ParseErrorKind::Structure, "the document is empty"));
    };
    head.root = match element.local() {
        "urlset" => Root::UrlSet,
        "sitemapindex" => Root::SitemapIndex,
        other if other.eq_ignore_ascii_case("html") => {
            let what = "this is a web page, not a ResourceSync document";
            return Err(cursor.error(ParseErrorKind::Structure, what));
        }
        other => {
            let what = format!("<{other}> is not the root of a ResourceSync document");
            return Err(cursor.error(ParseErrorKind::Structure, what));
        }
    };
    names.expect(cursor, &element, SITEMAP)?;
    let root = element.name().to_owned();
    let outer = cursor.bindings();
    let mut at = cursor.offset();
    let mut head_at = element.start();
    while let Some(child) = cursor.next_child()? {
        if matches!(child.local(), "url" | "sitemap") {
            return Ok(Prolog { root, outer, at: child.start(), is_whole: false, head_at });
        }
        if child.local() == "md" && head.md.is_empty() {
            head_at = child.start();
        }
        fields::head(cursor, &child, head, names)?;
        at = cursor.offset();
    }
    cursor.finish()?;
    Ok(Prolog { root, outer, at, is_whole: true, head_at })
}

impl<'r> Iterator for Part<'r> {
    type Item = Result<Entry<'r>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if *self.place != Place::Entries || *self.is_used_up {
            return None;
        }
        let mark = self.names.mark();
        let mut entry = Entry::default();
        match self.read(&mut entry) {
            Ok(true) => {
                *self.at = self.cursor.offset();
                *self.seen += 1;
                if !self.cursor.issues().is_empty() {
                    let mut issues = self.cursor.take_issues();
                    issues.name_record(0, &entry.loc);
                    self.issues.append(issues);
                }
                Some(Ok(entry))
            }
            Ok(false) => {
                *self.at = self.cursor.offset();
                *self.place = Place::Behind;
                self.issues.append(self.cursor.take_issues());
                None
            }
            Err(error) if error.kind() == ParseErrorKind::Truncated && !self.is_last => {
                // What was noted in the entry is noted again when the whole of it is there.
                self.names.reset(mark);
                *self.is_used_up = true;
                None
            }
            Err(error) => {
                *self.place = Place::End;
                Some(Err(error.into()))
            }
        }
    }
}

impl<'r> Part<'r> {
    /// Where the entry just given out begins: byte offset in the document, decoded to UTF-8.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Offset of what follows the entry just given out.
    pub(super) fn end(&self) -> u64 {
        self.base + *self.at as u64
    }

    /// What is in memory, and its offset in the document.
    pub(super) fn window(&self) -> (&'r str, u64) {
        (self.text, self.base)
    }

    /// What the document has said of itself so far.
    pub(super) fn head(&self) -> &Head {
        self.head
    }

    /// Takes what has been repaired so far.
    pub(super) fn take_issues(&mut self) -> Issues {
        std::mem::take(self.issues)
    }

    /// Fills the next entry; `false` where there is none.
    fn read(&mut self, entry: &mut Entry<'r>) -> Result<bool, ParseError> {
        let cursor = &mut self.cursor;
        while let Some(element) = cursor.next_child()? {
            if !matches!(element.local(), "url" | "sitemap") {
                // Behind the first entry: some servers put the head there.
                let what = format!("<{}> behind the first entry", element.name());
                cursor.note(IssueKind::Inconsistent, what)?;
                fields::head(cursor, &element, self.head, self.names)?;
                // Done with, even where the entry behind it is not yet whole.
                *self.at = cursor.offset();
                self.issues.append(cursor.take_issues());
                continue;
            }
            if (element.local() == "sitemap") != (self.head.root == Root::SitemapIndex) {
                let what = format!("<{}> does not belong into this root", element.name());
                cursor.note(IssueKind::Inconsistent, what)?;
            }
            self.start = element.start();
            if *self.seen >= self.most {
                let what = format!("a document with more than {} entries", self.most);
                return Err(cursor.error(ParseErrorKind::Limit, what));
            }
            self.names.expect(cursor, &element, SITEMAP)?;
            fields::entry(cursor, self.names, entry)?;
            return Ok(true);
        }
        cursor.finish()?;
        Ok(false)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => write!(f, "the document could not be read: {error}"),
            Self::Document(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Source(error) => Some(error),
            Self::Document(error) => Some(error),
        }
    }
}

impl From<ParseError> for ReadError {
    fn from(error: ParseError) -> Self {
        Self::Document(error)
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<ParseError>() {
            Ok(error) => Self::Document(error),
            Err(error) => Self::Source(error),
        }
    }
}
