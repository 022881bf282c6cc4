//! What a service says of what it does.

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::Targets;

use crate::report::Failure;

/// What is written to standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Log {
    /// How it is written: text, for people, or json, an object a line, for programs.
    pub(crate) format: Format,
    /// What is written: a level, or levels of parts: `warn,harvest_pipeline=debug`. Levels are error,
    /// warn, info, debug, trace and off. Empty: warnings of our own; with json, what happens, too.
    pub(crate) filter: String,
    /// Where traces are sent by OTLP over HTTP: `http://127.0.0.1:4318`. Empty: nowhere. Needs a program
    /// that was built with the feature `otlp`.
    pub(crate) otlp: String,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// An object a line, for programs
    Json,
}

impl Log {
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.targets().map(drop)
    }

    /// What is written; none: the usual.
    ///
    /// # Errors
    /// If the filter makes no sense.
    pub(crate) fn targets(&self) -> Result<Option<Targets>, Failure> {
        if self.filter.trim().is_empty() {
            return Ok(None);
        }
        let targets = self.filter.parse::<Targets>();
        let why = |error| {
            let filter = &self.filter;
            let message = format!("log.filter: {filter:?} is no filter: {error}");
            Failure::usage(format!("{message}; write warn, or warn,harvest_pipeline=debug"))
        };
        targets.map(Some).map_err(why)
    }
}
