//! Two kinds of failure with no way from one to the other: a broken record is data, a broken run
//! ends.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointError;
use crate::run::Summary;

/// Where in the pipeline something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stage {
    /// Fetching and cutting the list into records.
    Source,
    /// Deciding what to keep.
    Filter,
    /// Turning metadata into the application's type.
    Parse,
    /// Storing.
    Sink,
}

impl Stage {
    /// The stage in one lower-case word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Filter => "filter",
            Self::Parse => "parse",
            Self::Sink => "sink",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One record that could not be had, or could not be used. The run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordError {
    /// The record, if it got far enough to be named.
    pub identifier: Option<String>,
    /// Where it failed.
    pub stage: Stage,
    /// Why, in a form that can be shown to a person.
    pub message: String,
}

impl RecordError {
    /// The named record failed.
    #[must_use]
    pub fn new(identifier: impl Into<String>, stage: Stage, message: impl Into<String>) -> Self {
        Self { identifier: Some(identifier.into()), stage, message: message.into() }
    }

    /// A record failed before its identifier could be read.
    #[must_use]
    pub fn unnamed(stage: Stage, message: impl Into<String>) -> Self {
        Self { identifier: None, stage, message: message.into() }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identifier = self.identifier.as_deref().unwrap_or("(record without identifier)");
        write!(f, "{identifier}: {}: {}", self.stage, self.message)
    }
}

impl StdError for RecordError {}

/// The run cannot go on. What was stored before stays stored.
#[derive(Debug)]
pub struct RunError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    stage: Stage,
    message: String,
    url: Option<String>,
    transient: bool,
    retry_after: Option<Duration>,
    summary: Option<Summary>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl RunError {
    /// The run failed at this stage; `message` says what happened and what to do about it.
    #[must_use]
    pub fn new(stage: Stage, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            stage,
            message: message.into(),
            url: None,
            transient: false,
            retry_after: None,
            summary: None,
            source: None,
        }))
    }

    /// Adds the URL that was asked.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.0.url = Some(url.into());
        self
    }

    /// Adds whether the same run may well succeed later.
    #[must_use]
    pub fn with_transient(mut self, transient: bool) -> Self {
        self.0.transient = transient;
        self
    }

    /// Adds how long the source asked to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_summary(mut self, summary: Summary) -> Self {
        self.0.summary = Some(summary);
        self
    }

    /// Where the run failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The URL that was asked.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// Whether the same run may well succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// How long the source asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What the run did before it failed; present on every error that
    /// [`Pipeline::run`](crate::Pipeline::run) returns after the sink let it begin.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.0.summary.as_ref()
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.url {
            Some(url) if !self.0.message.contains(url.as_str()) => write!(f, ": {url}"),
            _ => Ok(()),
        }
    }
}

impl StdError for RunError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<CheckpointError> for RunError {
    fn from(error: CheckpointError) -> Self {
        let message = error.to_string();
        Self::new(Stage::Source, message)
    }
}
