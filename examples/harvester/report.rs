//! How a command ends: its exit status, and what it says when it could not be done.

use std::error::Error as StdError;
use std::io;
use std::process::ExitCode;

use harvest_pipeline::RunError;
use harvest_pipeline::secrets::VaultError;
use harvest_pipeline::store::StoreError;
use oai_pmh::{ErrorCode, ErrorKind};
use resync_core::ErrorKind as Net;
use resync_core::client::{self, ErrorKind as Source};
use resync_core::document::Capability;
use url::Url;

use crate::accounts::{AccountError, DocumentError};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Complete,
    /// Finished, but single records could not be had or stored.
    RecordErrors,
    /// An audit found differences.
    Different,
    /// The command line makes no sense.
    Usage,
    Failed,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Complete => 0,
            Status::Failed => 1,
            Status::Usage => 2,
            Status::RecordErrors => 3,
            Status::Different => 4,
        })
    }
}

/// Why a command could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// What happened; nothing, where nobody is interested any more.
    message: Option<String>,
    /// What to do next.
    advice: Option<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { status: Status::Failed, message: Some(message.into()), advice: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        let advice = "`harvester --help` explains the options".to_owned();
        Self { status: Status::Usage, advice: Some(advice), ..Self::new(message) }
    }

    /// Whoever read our output has gone: what `| head` does, and no failure.
    fn closed() -> Self {
        Self { status: Status::Complete, message: None, advice: None }
    }

    pub(crate) fn with_advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// What is to be said, if anything.
    pub(crate) fn text(&self) -> Option<String> {
        let message = self.message.as_ref()?;
        Some(match &self.advice {
            Some(advice) => format!("{message}\n  {advice}"),
            None => message.clone(),
        })
    }
}

impl From<oai_pmh::Error> for Failure {
    fn from(error: oai_pmh::Error) -> Self {
        Self::new(with_cause(&error)).with_advice(advice(&error))
    }
}

impl From<resync_core::Error> for Failure {
    fn from(error: resync_core::Error) -> Self {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<client::Error>());
        match cause {
            // The error's message is that of its cause.
            Some(cause) => Self::new(with_cause(cause)).with_advice(source_advice(cause)),
            None => {
                let advice = exchange_advice(error.kind(), error.url());
                Self::new(with_cause(&error)).with_advice(advice)
            }
        }
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self::new(with_cause(&error)).with_advice(source_advice(&error))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let cause = error.source();
        if let Some(cause) = cause.and_then(|cause| cause.downcast_ref::<client::Error>()) {
            return Self::new(error.to_string()).with_advice(source_advice(cause));
        }
        if let Some(cause) = cause.and_then(|cause| cause.downcast_ref::<resync_core::Error>()) {
            let advice = exchange_advice(cause.kind(), cause.url());
            return Self::new(error.to_string()).with_advice(advice);
        }
        match cause.and_then(|cause| cause.downcast_ref::<oai_pmh::Error>()) {
            // The run's message is that of its cause.
            Some(cause) => Self::new(with_cause(cause)).with_advice(advice(cause)),
            None => {
                let failure = Self::new(error.to_string());
                match error.is_transient() {
                    true => failure.with_advice("Nothing is lost: run the same command again."),
                    false => failure,
                }
            }
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(with_cause(&error))
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<io::Error> for Failure {
    /// An error of writing to standard output.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::closed(),
            _ => Self::new(format!("cannot write the output: {error}")),
        }
    }
}

/// The error, and what caused it in the end, on one line.
fn with_cause(error: &dyn StdError) -> String {
    let text = error.to_string();
    let root = std::iter::successors(error.source(), |cause| (*cause).source()).last();
    match root.map(ToString::to_string) {
        Some(root) if !text.contains(&root) => format!("{text}: {root}"),
        _ => text,
    }
}

/// What to do about an error of a repository.
fn advice(error: &oai_pmh::Error) -> String {
    let advice = match error.kind() {
        ErrorKind::Transport(kind) => network_advice(kind),
        ErrorKind::Oai => protocol_advice(error),
        ErrorKind::NotOai => {
            "Look for the OAI-PMH base URL on the pages of the repository; it often ends in /oai or \
             /oai/request."
        }
        ErrorKind::Parse(_) => {
            "Its administrators should know (`harvester oai identify {url}` names them). With \
             --strict, try without."
        }
        ErrorKind::Truncated => {
            "Records are missing. Try again later; with `harvester harvest`, what has come is kept, \
             and --slice month asks for shorter lists."
        }
        _ => "Try again later.",
    };
    advice.replace("{url}", error.url().map_or("URL", |url| base(url.as_str())))
}

/// The base URL in the URL of a request, whose arguments begin with the verb.
fn base(request: &str) -> &str {
    let end = request.find("verb=").unwrap_or(request.len());
    request[..end].trim_end_matches(['?', '&'])
}

fn network_advice(kind: Net) -> &'static str {
    match kind {
        Net::Connect => {
            "Check the host name and port. If they are right the server may be down: try again \
             later."
        }
        Net::Timeout => "Wait longer with --timeout 5m, or try again later.",
        Net::Interrupted | Net::Incomplete => {
            "Try again; if it happens every time, wait longer between tries with --retry-delay 30s."
        }
        Net::Unexpected => {
            "It may be overloaded, or guard itself against programs: try again later, slower \
             (--interval 2s --concurrency 1) and with --contact MAIL."
        }
        Net::Status(status) => match status.as_u16() {
            401 => "Sign in with --user NAME and the password in HARVESTER_PASSWORD.",
            403 => {
                "It may want --user NAME, or refuse programs it does not know: say who you are with \
                 --contact MAIL or --user-agent NAME."
            }
            404 | 410 => {
                "Look for the OAI-PMH base URL on the pages of the repository; it often ends in \
                 /oai or /oai/request."
            }
            429 | 503 => {
                "The server wants to be left alone for a while: try again later, slower (--interval \
                 2s --concurrency 1)."
            }
            500..=599 => {
                "The server has failed: try again later. If it goes on, write to its administrators \
                 (`harvester oai identify {url}` names them)."
            }
            _ => "Check the address, and which options the server wants (--header, --user-agent).",
        },
        Net::TooLarge => "The answer is too large to be one: check the address.",
        Net::Redirect => "Use the address that the server redirects to.",
        Net::Request => "Check the address and the options --header, --user and --user-agent.",
        Net::OutOfReach => {
            "If it is right, name its origin with --allow-origin, or allow all with --allow-local."
        }
        Net::Io => "Make room in the folder for temporary files, or name another in TMPDIR.",
        Net::Refused => "Nothing was changed.",
        Net::Gap => "Run `harvester resync baseline` with the same URL and folder.",
        _ => "Try again later.",
    }
}

/// What to do about an error of a ResourceSync source.
fn source_advice(error: &client::Error) -> String {
    match error.kind() {
        Source::Net(error) => exchange_advice(error.kind(), error.url()),
        Source::Read { url, .. } => format!(
            "`harvester resync check {url} --only` lists what is wrong with the document; its \
             administrators should know. With --strict, try without."
        ),
        Source::Url { .. } => "Write an address such as https://example.org/.".to_owned(),
        Source::Forbidden { .. } => {
            "If it belongs to the source, allow it with --allow-origin.".to_owned()
        }
        Source::Loop { url, .. } | Source::TooDeep { url, .. } | Source::TooMany { url, .. } => {
            format!("`harvester resync explore {url}` shows how the documents lead to each other.")
        }
        Source::WrongCapability { url, found, .. } => {
            let next = match found {
                Some(Capability::ChangeList | Capability::ChangeDump) => {
                    "`harvester resync incremental` takes such a document; "
                }
                Some(Capability::ResourceList | Capability::ResourceDump) => {
                    "`harvester resync baseline` takes such a document; "
                }
                _ => "",
            };
            format!("{next}`harvester resync explore {}` shows what the site has.", site(url))
        }
        Source::NotOffered { url, .. } => {
            format!("`harvester resync explore {url}` shows what it offers.")
        }
        Source::SeveralSets { .. } | Source::NoSuchSet { .. } => {
            "Choose with --set, such as --set 1.".to_owned()
        }
        Source::NotFound { .. } => {
            "Look for the address on the pages of the source; it often ends in \
             /.well-known/resourcesync, capabilitylist.xml or resourcelist.xml."
                .to_owned()
        }
        _ => "Try again later.".to_owned(),
    }
}

/// What to do about a failed exchange with a ResourceSync source.
fn exchange_advice(kind: Net, url: Option<&Url>) -> String {
    match (kind, url) {
        (Net::Status(status), Some(url)) if matches!(status.as_u16(), 404 | 410) => {
            format!("`harvester resync explore {}` looks for what the site has.", site(url))
        }
        (Net::Status(status), _) if status.is_server_error() && status.as_u16() != 503 => {
            "The server has failed: try again later. If it goes on, write to its administrators."
                .to_owned()
        }
        _ => network_advice(kind).to_owned(),
    }
}

/// The site of an address, without user name and password.
fn site(url: &Url) -> String {
    format!("{}/", url.origin().ascii_serialization())
}

fn protocol_advice(error: &oai_pmh::Error) -> &'static str {
    match error.oai_errors().first().map(|error| &error.code) {
        Some(ErrorCode::CannotDisseminateFormat) => {
            "`harvester oai formats {url}` lists the formats it has; name one with --format."
        }
        Some(ErrorCode::IdDoesNotExist) => {
            "`harvester oai identifiers {url}` lists the identifiers it has."
        }
        Some(ErrorCode::NoSetHierarchy) => "The repository has no sets: leave --set out.",
        Some(ErrorCode::BadArgument) => {
            "Check --set (`harvester oai sets {url}` lists the sets), --format, --from and --until."
        }
        Some(ErrorCode::BadResumptionToken) => {
            "Its lists cannot be followed to their end at the moment: try again later, or ask for \
             shorter ones with `harvester harvest {url} --slice month`."
        }
        _ => "Check the base URL: `harvester oai identify {url}` should answer.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cause_is_told_unless_it_was() {
        let inner = io::Error::other("refused");
        let middle = resync_core::Error::new(Net::Connect, "no connection").with_source(inner);
        let error = resync_core::Error::new(Net::Connect, "no answer").with_source(middle);
        assert_eq!(with_cause(&error), "no answer: refused");
        let inner = io::Error::other("no answer");
        let error = resync_core::Error::new(Net::Connect, "no answer").with_source(inner);
        assert_eq!(with_cause(&error), "no answer");
    }

    #[test]
    fn the_base_url_is_found_in_a_request() {
        for (request, expected) in [
            ("http://x.org/oai?verb=Identify", "http://x.org/oai"),
            ("http://x.org/?repo=7&verb=ListRecords&set=a", "http://x.org/?repo=7"),
            ("http://x.org/oai", "http://x.org/oai"),
        ] {
            assert_eq!(base(request), expected);
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((gone.status, gone.text()), (Status::Complete, None));
    }

    #[test]
    fn the_worst_status_is_the_greatest() {
        let all = [Status::RecordErrors, Status::Failed, Status::Complete];
        assert_eq!(all.into_iter().max(), Some(Status::Failed));
    }
}
