//! What happened, for people.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Page, StoreError};
use crate::batch::SourceId;
use crate::run::{RunId, UnknownWord};

/// How much an event matters; the more serious, the lower.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventLevel {
    /// Something was lost or not done.
    Error,
    /// Something may be wrong.
    Warning,
    /// Somebody who looks after a source should know.
    Notice,
    /// Something was done.
    Info,
    /// What only helps to find out what went wrong.
    Debug,
}

impl EventLevel {
    /// All of them, most serious first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warning, Self::Notice, Self::Info, Self::Debug];

    /// The level as it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl fmt::Display for EventLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventLevel {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|level| level.as_str() == text);
        found.ok_or_else(|| UnknownWord::new("level of an event", text))
    }
}

/// What an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventScope {
    /// The source; `None`: the installation itself.
    pub source: Option<SourceId>,
    /// The run.
    pub run: Option<RunId>,
    /// The record, by its identifier.
    pub record: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What it is about.
    pub scope: EventScope,
    /// What happened, in one word: `GetHarvestListError`.
    pub code: String,
    /// How much it matters.
    pub level: EventLevel,
    /// What happened, in words.
    pub message: String,
    /// The URL that was asked.
    pub url: Option<String>,
}

impl Event {
    /// Something that happened in the installation itself.
    #[must_use]
    pub fn new(code: impl Into<String>, level: EventLevel, message: impl Into<String>) -> Self {
        Self {
            scope: EventScope::default(),
            code: code.into(),
            level,
            message: message.into(),
            url: None,
        }
    }

    /// The same, in a run of this source.
    #[must_use]
    pub fn in_run(mut self, source: SourceId, run: RunId) -> Self {
        self.scope.source = Some(source);
        self.scope.run = Some(run);
        self
    }

    /// The same, about this source.
    #[must_use]
    pub fn of_source(mut self, source: SourceId) -> Self {
        self.scope.source = Some(source);
        self
    }

    /// The same, about this record.
    #[must_use]
    pub fn about(mut self, record: impl Into<String>) -> Self {
        self.scope.record = Some(record.into());
        self
    }

    /// The same, at this URL.
    #[must_use]
    pub fn at(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }
}

/// An event as it stands in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEvent {
    /// Its number: later ones are higher.
    pub id: i64,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// What happened.
    pub event: Event,
}

impl StoredEvent {
    /// An event with its number and time.
    #[must_use]
    pub fn new(id: i64, time: DateTime<Utc>, event: Event) -> Self {
        Self { id, time, event }
    }
}

/// Which events are wanted, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventQuery {
    /// Only those about this source, its runs and records.
    pub source: Option<SourceId>,
    /// Only those of this run.
    pub run: Option<RunId>,
    /// Only those at least so serious.
    pub level: Option<EventLevel>,
    /// Which part of the list.
    pub page: Page<i64>,
}

/// What happened.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Enters events, all of them now.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn record(&self, events: &[Event]) -> Result<(), StoreError>;

    /// The events that are wanted, newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, StoreError>;

    /// Forgets events from before this time, and all but the last `keep`. Says how many went.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn purge_events(&self, before: DateTime<Utc>, keep: u64) -> Result<u64, StoreError>;
}
