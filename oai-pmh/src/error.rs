use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use resync_core::xml::{ParseError, ParseErrorKind};
use url::Url;

use crate::Reason;

/// The result of asking a repository.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a repository's answer could not be had or used.
///
/// Displayed, it says what happened and at which URL (without user name and password).
pub struct Error(Box<Inner>);

struct Inner {
    cause: Cause,
    url: Option<Url>,
}

#[derive(Debug)]
enum Cause {
    Transport(resync_core::Error),
    Oai(Vec<OaiError>),
    Parse(ParseError),
    NotOai(String),
    Incomplete(Vec<Reason>),
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No good HTTP answer.
    Transport(resync_core::ErrorKind),
    /// The repository answered with protocol errors; see [`Error::oai_errors`].
    Oai,
    /// The answer is not XML that can be read.
    Parse(ParseErrorKind),
    /// The answer is something else than OAI-PMH: there is no repository at this URL.
    NotOai,
    /// The list could not be had to its end; see [`Error::reasons`].
    Truncated,
}

/// An error that a repository reports (§3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OaiError {
    /// Its code.
    pub code: ErrorCode,
    /// What the repository says about it; may be empty.
    pub message: String,
}

/// The error codes of the protocol (§3.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // their names are the standard's
pub enum ErrorCode {
    BadArgument,
    BadResumptionToken,
    BadVerb,
    CannotDisseminateFormat,
    IdDoesNotExist,
    NoRecordsMatch,
    NoMetadataFormats,
    NoSetHierarchy,
    /// A code that the protocol does not know.
    Other(String),
}

/// Why one record of a list could not be read. The list goes on behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordError {
    /// The record, where its identifier could be made out.
    pub identifier: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// Where it begins: byte offset in the page, unpacked and decoded to UTF-8.
    pub at: u64,
    /// What the server sent, up to 64 KiB of it; empty where it sent none.
    pub raw: String,
}

impl Error {
    fn new(cause: Cause) -> Self {
        Self(Box::new(Inner { cause, url: None }))
    }

    pub(crate) fn oai(errors: Vec<OaiError>) -> Self {
        Self::new(Cause::Oai(errors))
    }

    pub(crate) fn not_oai(found: impl Into<String>) -> Self {
        Self::new(Cause::NotOai(found.into()))
    }

    /// The error that a list ends with when [`Paging`](crate::Paging) finds it truncated.
    #[must_use]
    pub fn truncated(reasons: Vec<Reason>) -> Self {
        Self::new(Cause::Incomplete(reasons))
    }

    #[cfg(feature = "client")]
    pub(crate) fn with_url(mut self, url: &Url) -> Self {
        self.0.url.get_or_insert_with(|| resync_core::transport::without_credentials(url));
        self
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::Transport(error) => ErrorKind::Transport(error.kind()),
            Cause::Oai(_) => ErrorKind::Oai,
            Cause::Parse(error) => ErrorKind::Parse(error.kind()),
            Cause::NotOai(_) => ErrorKind::NotOai,
            Cause::Incomplete(_) => ErrorKind::Truncated,
        }
    }

    /// The errors the repository reported, all of them.
    #[must_use]
    pub fn oai_errors(&self) -> &[OaiError] {
        match &self.0.cause {
            Cause::Oai(errors) => errors,
            _ => &[],
        }
    }

    /// Whether the repository reported this error.
    #[must_use]
    pub fn has_code(&self, code: &ErrorCode) -> bool {
        self.oai_errors().iter().any(|error| error.code == *code)
    }

    /// Why the list could not be had to its end.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        match &self.0.cause {
            Cause::Incomplete(reasons) => reasons,
            _ => &[],
        }
    }

    /// The URL that was asked for, without credentials.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.0.url.as_ref().or(match &self.0.cause {
            Cause::Transport(error) => error.url(),
            _ => None,
        })
    }

    /// How long the server asked us to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.0.cause {
            Cause::Transport(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Whether the same request may well succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match &self.0.cause {
            Cause::Transport(error) => error.is_transient(),
            Cause::Parse(error) => error.kind() == ParseErrorKind::Truncated,
            _ => false,
        }
    }

    /// Whether the repository itself failed at this request, though it may well answer others: a
    /// 5xx status, an answer cut off, XML that cannot be read. A poisoned record does that.
    #[cfg(feature = "client")]
    pub(crate) fn is_server_failure(&self) -> bool {
        use resync_core::ErrorKind as Net;
        match &self.0.cause {
            Cause::Transport(error) => match error.kind() {
                Net::Status(status) => status.is_server_error() && status.as_u16() != 503,
                Net::Incomplete | Net::Interrupted | Net::Timeout | Net::TooLarge => true,
                _ => false,
            },
            Cause::Parse(error) => error.kind() != ParseErrorKind::Doctype,
            _ => false,
        }
    }
}

impl From<resync_core::Error> for Error {
    fn from(error: resync_core::Error) -> Self {
        Self::new(Cause::Transport(error))
    }
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        Self::new(Cause::Parse(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            // Names the URL itself.
            Cause::Transport(error) => return error.fmt(f),
            Cause::Oai(errors) => {
                f.write_str("the repository answered ")?;
                join(f, errors, " and ")?;
            }
            Cause::Parse(error) => write!(f, "the answer cannot be read: {error}")?,
            Cause::NotOai(found) => write!(f, "there is no OAI-PMH repository: {found}")?,
            Cause::Incomplete(reasons) => {
                f.write_str("the list is incomplete: ")?;
                join(f, reasons, "; ")?;
            }
        }
        match &self.0.url {
            Some(url) => write!(f, ": {url}"),
            None => Ok(()),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, parts: &[impl fmt::Display], between: &str) -> fmt::Result {
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            f.write_str(between)?;
        }
        part.fmt(f)?;
    }
    Ok(())
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("cause", &self.0.cause)
            .field("url", &self.0.url.as_ref().map(Url::as_str))
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.cause {
            Cause::Transport(error) => error.source(),
            _ => None,
        }
    }
}

impl OaiError {
    #[cfg(feature = "provider")]
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl ErrorCode {
    /// The code that is written so; what the protocol does not know becomes `Other`.
    #[must_use]
    pub fn read(code: &str) -> Self {
        match code {
            "badArgument" => Self::BadArgument,
            "badResumptionToken" => Self::BadResumptionToken,
            "badVerb" => Self::BadVerb,
            "cannotDisseminateFormat" => Self::CannotDisseminateFormat,
            "idDoesNotExist" => Self::IdDoesNotExist,
            "noRecordsMatch" => Self::NoRecordsMatch,
            "noMetadataFormats" => Self::NoMetadataFormats,
            "noSetHierarchy" => Self::NoSetHierarchy,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The code as the protocol writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::BadArgument => "badArgument",
            Self::BadResumptionToken => "badResumptionToken",
            Self::BadVerb => "badVerb",
            Self::CannotDisseminateFormat => "cannotDisseminateFormat",
            Self::IdDoesNotExist => "idDoesNotExist",
            Self::NoRecordsMatch => "noRecordsMatch",
            Self::NoMetadataFormats => "noMetadataFormats",
            Self::NoSetHierarchy => "noSetHierarchy",
            Self::Other(code) => code,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for OaiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => self.code.fmt(f),
            message => write!(f, "{} ({message})", self.code),
        }
    }
}

impl RecordError {
    /// A record that could not be had.
    pub fn new(identifier: Option<String>, message: impl Into<String>) -> Self {
        Self { identifier, message: message.into(), at: 0, raw: String::new() }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identifier {
            Some(identifier) => write!(f, "record {identifier}: {}", self.message),
            None => write!(f, "record at byte {} of its page: {}", self.at, self.message),
        }
    }
}

impl StdError for RecordError {}
