use std::fmt;

use url::Url;

use crate::transport::without_credentials;

/// Something about a source's documents that is not as the standard has it, but was understood.
///
/// What is wrong inside of one document is among the [`Issues`](crate::xml::Issues) of its reader.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// What it is.
    pub kind: NoticeKind,
    /// The document it was found in, without credentials.
    pub url: Url,
    /// What was found, in a few words; where it was found several times, the first.
    pub detail: String,
    /// How often it was found in this document.
    pub count: u64,
}

/// What a [`Notice`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NoticeKind {
    /// An address is relative, and was resolved against the document's own.
    RelativeUrl,
    /// A document is not what the one that led to it says.
    OtherCapability,
    /// A document does not say what it is.
    NoCapability,
    /// A document says what it is in a word of its own.
    OddCapability,
    /// An index has the root element of a list.
    IndexAsList,
    /// A Capability List has several entries of one capability (§9 allows one).
    SeveralEntries,
    /// A document is listed more than once; it was read once.
    Repeated,
    /// A link leads up to nothing, or to what is not above.
    WrongUp,
}

impl NoticeKind {
    /// A short name, for counting and for programs: `relative-url`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RelativeUrl => "relative-url",
            Self::OtherCapability => "other-capability",
            Self::NoCapability => "no-capability",
            Self::OddCapability => "odd-capability",
            Self::IndexAsList => "index-as-list",
            Self::SeveralEntries => "several-entries",
            Self::Repeated => "repeated",
            Self::WrongUp => "wrong-up",
        }
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.detail)?;
        match self.count {
            0 | 1 => Ok(()),
            count => write!(f, " ({count} times)"),
        }
    }
}

/// Notes something, once for each kind and document.
pub(super) fn note(
    notices: &mut Vec<Notice>,
    kind: NoticeKind,
    url: &Url,
    detail: impl FnOnce() -> String,
) {
    let url = without_credentials(url);
    // Those of one document stand together: looking a little back is enough.
    let known = notices.iter_mut().rev().take(16).find(|it| it.kind == kind && it.url == url);
    match known {
        Some(known) => known.count += 1,
        None => notices.push(Notice { kind, url, detail: detail(), count: 1 }),
    }
}
