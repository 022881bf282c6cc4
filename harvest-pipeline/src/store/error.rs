//! Why a store cannot do what it was asked.

use std::error::Error as StdError;
use std::fmt::Display;

use super::Unique;
use crate::batch::SourceId;
use crate::error::{RunError, Stage};
use crate::run::{RunId, RunState};
use crate::secrets::VaultError;

/// A store cannot do what it was asked; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such thing.
    #[error("there is no {what} {name}")]
    Missing {
        /// What was looked for: `source`, `run`.
        what: &'static str,
        /// How it was called.
        name: String,
    },
    /// It would contradict what is there; the message says what and what to do.
    #[error("{0}")]
    Conflict(String),
    /// Somebody else changed it since it was read.
    #[error("{what} {name} was changed by somebody else meanwhile; read it again")]
    Changed {
        /// What was to be changed: `source`.
        what: &'static str,
        /// How it is called.
        name: String,
    },
    /// Another source has what no two may have.
    #[error("{}", taken(what, of, by))]
    Taken {
        /// What it is.
        what: Unique,
        /// The source that was to have it.
        of: SourceId,
        /// The source that has it.
        by: SourceId,
    },
    /// That cannot happen to a run in this state.
    #[error("run {run} is {state}: it cannot be {what}")]
    Refused {
        /// The run.
        run: RunId,
        /// The state it is in.
        state: RunState,
        /// What it cannot be: `paused`.
        what: &'static str,
    },
    /// Another worker has the run by now: whoever asked must stop.
    #[error("run {0} was given to another worker, because this one was not heard of for too long")]
    Stale(RunId),
    /// A secret cannot be sealed or opened.
    #[error(transparent)]
    Secret(#[from] VaultError),
    /// The store cannot be reached, or holds what this version cannot read.
    #[error("{message}")]
    Unavailable {
        /// What was tried, and why it did not work.
        message: String,
        /// Whether trying again may help.
        transient: bool,
        /// The cause.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl StoreError {
    /// There is no such thing.
    #[must_use]
    pub fn missing(what: &'static str, name: &(impl ToString + ?Sized)) -> Self {
        Self::Missing { what, name: name.to_string() }
    }

    /// The store holds what this version cannot read.
    #[must_use]
    pub fn unreadable(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let error = error.into();
        Self::Unavailable {
            message: format!("the store holds something that this version cannot read: {error}"),
            transient: false,
            source: Some(error),
        }
    }

    /// A source that has runs cannot be removed.
    pub(super) fn was_harvested(source: &SourceId) -> Self {
        Self::Conflict(format!("{source} was harvested; archive it instead of removing it"))
    }

    /// A source that is being harvested cannot be moved or erased.
    pub(super) fn is_running(source: &SourceId, run: RunId) -> Self {
        Self::Conflict(format!("{source} has the open run {run}; wait until it ends, or cancel it"))
    }

    /// A filter set that a source or target refers to cannot be removed.
    pub(super) fn is_used(filter_set: &str, by: &(impl Display + ?Sized)) -> Self {
        Self::Conflict(format!("{by} uses the filter set {filter_set}; take it out there first"))
    }

    /// Whether it would contradict what is there, or a secret cannot be kept: whoever asked should ask
    /// for something else.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Conflict(_) | Self::Taken { .. } | Self::Refused { .. } | Self::Secret(_)
        )
    }

    /// Whether trying again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { transient: true, .. })
    }
}

fn taken(what: &Unique, of: &SourceId, by: &SourceId) -> String {
    match what {
        Unique::Id => format!("there is a source {by} already; choose another id"),
        Unique::Harvest => {
            format!("{by} has the same kind and options as {of}; change one, or archive {by}")
        }
        Unique::Place(place) => {
            format!("{by} has {place} for itself; choose another for {of}, or archive {by}")
        }
    }
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        let transient = error.is_transient();
        Self::new(Stage::Sink, error.to_string()).with_transient(transient).with_source(error)
    }
}
