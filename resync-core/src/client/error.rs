use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use url::Url;

use super::discover::{Attempt, SetInfo};
use crate::document::{Capability, ReadError};
use crate::transport::without_credentials;

/// The result of asking a source.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a source's documents could not be had, or not be followed.
#[derive(Debug)]
pub struct Error(Box<ErrorKind>);

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields say what they are
pub enum ErrorKind {
    /// The exchange with the server failed.
    Net(crate::Error),
    /// A document cannot be read.
    Read { url: Url, error: ReadError },
    /// What stands where an address belongs is none.
    Url { text: String, why: String },
    /// The caller does not allow this address.
    Forbidden { url: Url, why: String },
    /// A document leads back to one that led to it.
    Loop { url: Url, within: Url },
    /// The documents lie deeper inside of each other than is allowed.
    TooDeep { url: Url, limit: u32 },
    /// There are more documents than are allowed.
    TooMany { url: Url, limit: u64 },
    /// The document is not of a kind that can be used.
    WrongCapability {
        url: Url,
        found: Option<Capability>,
        purpose: String,
        wanted: Vec<Capability>,
    },
    /// The Capability List has nothing that can be used.
    NotOffered { url: Url, offered: Vec<Capability>, purpose: String, wanted: Vec<Capability> },
    /// The source has several sets, and none was chosen.
    SeveralSets { sets: Vec<SetInfo> },
    /// The source does not have the set that was chosen.
    NoSuchSet { choice: String, sets: Vec<SetInfo> },
    /// No document was found, wherever it was looked for.
    NotFound { text: String, attempts: Vec<Attempt> },
}

impl Error {
    pub(super) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }

    pub(super) fn read(url: &Url, error: impl Into<ReadError>) -> Self {
        Self::new(ErrorKind::Read { url: without_credentials(url), error: error.into() })
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// The failed exchange, where that is what went wrong.
    #[must_use]
    pub fn net(&self) -> Option<&crate::Error> {
        match self.kind() {
            ErrorKind::Net(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status, where that is what went wrong.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.net()?.kind() {
            crate::ErrorKind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether the same may well succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.net().is_some_and(crate::Error::is_transient)
    }
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        Self::new(ErrorKind::Net(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ErrorKind::Net(error) => error.fmt(f),
            ErrorKind::Read { url, error } => write!(f, "{url}: {error}"),
            ErrorKind::Url { text, why } => write!(f, "Bad URL: {text:?}: {why}"),
            ErrorKind::Forbidden { url, why } => write!(f, "{url} is not followed: {why}"),
            ErrorKind::Loop { url, within } => {
                write!(f, "the documents lead in a circle: {within} leads back to {url}")
            }
            ErrorKind::TooDeep { url, limit } => {
                write!(f, "{url} leads further down: more than {limit} levels are not followed")
            }
            ErrorKind::TooMany { url, limit } => {
                write!(f, "{url} is one document too many: no more than {limit} are followed")
            }
            ErrorKind::WrongCapability { url, found, purpose, wanted } => {
                let found = kind_text(found.as_ref());
                write!(f, "Bad URL: {url} is {found}; {purpose} takes {}", Choice(wanted))
            }
            ErrorKind::NotOffered { url, offered, purpose, wanted } => {
                write!(f, "Bad URL: {url} offers ")?;
                match &offered[..] {
                    [] => f.write_str("nothing")?,
                    offered => list(f, offered.iter(), ", ")?,
                }
                write!(f, "; {purpose} takes {}", Choice(wanted))
            }
            ErrorKind::SeveralSets { sets } => {
                writeln!(f, "the source has {} sets:", sets.len())?;
                listed(f, sets)?;
                f.write_str("choose one by its number, its address, or that of its description")
            }
            ErrorKind::NoSuchSet { choice, sets } => {
                writeln!(f, "the source has no set {choice:?}, but these:")?;
                listed(f, sets)?;
                f.write_str("choose one by its number, its address, or that of its description")
            }
            ErrorKind::NotFound { text, attempts } => {
                write!(f, "no ResourceSync document was found for {text}; tried:")?;
                attempts.iter().try_for_each(|attempt| write!(f, "\n  {attempt}"))
            }
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.kind() {
            ErrorKind::Net(error) => error.source(),
            ErrorKind::Read { error, .. } => error.source(),
            _ => None,
        }
    }
}

/// "a changelist", "a plain sitemap".
pub(super) fn kind_text(capability: Option<&Capability>) -> String {
    match capability {
        Some(Capability::Other(text)) => format!("a {text:?}"),
        Some(capability) => format!("a {capability}"),
        None => "a plain sitemap".to_owned(),
    }
}

/// "a resourcelist or a resourcedump".
struct Choice<'a>(&'a [Capability]);

impl fmt::Display for Choice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter().map(|it| kind_text(Some(it))), " or ")
    }
}

fn list<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    items: impl Iterator<Item = T>,
    between: &str,
) -> fmt::Result {
    for (n, item) in items.enumerate() {
        write!(f, "{}{item}", if n == 0 { "" } else { between })?;
    }
    Ok(())
}

fn listed(f: &mut fmt::Formatter<'_>, sets: &[SetInfo]) -> fmt::Result {
    for (n, set) in sets.iter().enumerate() {
        write!(f, "  {}. {}", n + 1, set.url)?;
        if let Some(description) = &set.described_by {
            write!(f, " (described by {description})")?;
        }
        writeln!(f)?;
    }
    Ok(())
}
