//! What a source hands over: items in batches, each batch with the checkpoint that stands after it.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::error::RecordError;

/// The name of a source, under which a sink keeps its records and its checkpoint.
///
/// Two sources that share a name share both, so the name should say what is harvested from where,
/// with which format and set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(Arc<str>);

impl SourceId {
    /// A source of this name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SourceId {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for SourceId {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// One record as the source delivered it: written, or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Item {
    /// What identifies the record within its source.
    pub identifier: String,
    /// When the source last changed the record, in UTC, as the source wrote it: `2024-01-31` or
    /// `2024-01-31T12:00:00Z`.
    pub datestamp: Option<String>,
    /// By what the source tells one version of the record from another, if not by its datestamp: a
    /// revision number, a digest.
    pub version: Option<String>,
    /// The sets the record belongs to.
    pub sets: Vec<String>,
    /// What happened to the record.
    pub change: Change,
    /// Statements about the metadata (rights, provenance), each a standalone XML document.
    pub abouts: Vec<String>,
}

impl Item {
    /// A record that exists, with its metadata.
    #[must_use]
    pub fn put(identifier: impl Into<String>, payload: Payload) -> Self {
        Self::new(identifier.into(), Change::Put(payload))
    }

    /// A record that the source reports as deleted.
    #[must_use]
    pub fn delete(identifier: impl Into<String>) -> Self {
        Self::new(identifier.into(), Change::Delete)
    }

    /// A record that exists, without its metadata: it is as the sink holds it, or nobody asked for
    /// more than the list (see [`Change::Listed`]).
    #[must_use]
    pub fn listed(identifier: impl Into<String>) -> Self {
        Self::new(identifier.into(), Change::Listed)
    }

    fn new(identifier: String, change: Change) -> Self {
        let (datestamp, version) = (None, None);
        Self { identifier, datestamp, version, sets: Vec::new(), change, abouts: Vec::new() }
    }

    /// Sets the datestamp (see [`Item::datestamp`]).
    #[must_use]
    pub fn with_datestamp(mut self, datestamp: impl Into<String>) -> Self {
        self.datestamp = Some(datestamp.into());
        self
    }

    /// Sets the version (see [`Item::version`]).
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets the sets the record belongs to.
    #[must_use]
    pub fn with_sets(mut self, sets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sets = sets.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the statements about the metadata.
    #[must_use]
    pub fn with_abouts(mut self, abouts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.abouts = abouts.into_iter().map(Into::into).collect();
        self
    }

    /// The metadata, if it came.
    #[must_use]
    pub fn payload(&self) -> Option<&Payload> {
        match &self.change {
            Change::Put(payload) => Some(payload),
            Change::Delete | Change::Listed => None,
        }
    }
}

/// What happened to a record at its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::exhaustive_enums)] // a record is there or it is not, and has come or has not
pub enum Change {
    /// It was created or changed; this is its metadata now.
    Put(Payload),
    /// It was deleted.
    Delete,
    /// It is there, and its metadata was not fetched: the sink holds this version already, or the
    /// list is only compared.
    Listed,
}

/// The metadata of a record: one standalone XML document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Payload {
    /// The name of the metadata format, such as `oai_dc`.
    pub format: Arc<str>,
    /// The document.
    pub body: String,
}

impl Payload {
    /// Metadata in the named format.
    #[must_use]
    pub fn new(format: impl Into<Arc<str>>, body: impl Into<String>) -> Self {
        Self { format: format.into(), body: body.into() }
    }
}

/// Where and when a batch was fetched: the provenance of its records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// The URL that was asked.
    pub request_url: Option<String>,
    /// The time on the server's clock when it answered.
    pub response_date: Option<String>,
}

impl Origin {
    /// An answer to this request, with the server's own time if it gave one.
    #[must_use]
    pub fn new(request_url: impl Into<String>, response_date: Option<String>) -> Self {
        Self { request_url: Some(request_url.into()), response_date }
    }
}

/// Something a person should know that cost no record: a repair, a suspicion, a work-around.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notice {
    /// How serious it is.
    pub level: NoticeLevel,
    /// What was found and what was done about it.
    pub message: String,
    /// The record it concerns, if it concerns one.
    pub identifier: Option<String>,
}

impl Notice {
    /// A notice that concerns no single record.
    #[must_use]
    pub fn new(level: NoticeLevel, message: impl Into<String>) -> Self {
        Self { level, message: message.into(), identifier: None }
    }

    /// Names the record it concerns.
    #[must_use]
    pub fn about(mut self, identifier: impl Into<String>) -> Self {
        self.identifier = Some(identifier.into());
        self
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identifier {
            Some(identifier) => write!(f, "{identifier}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// How serious a [`Notice`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum NoticeLevel {
    /// Worth knowing, nothing to do.
    Info,
    /// Something was broken and could be repaired without loss.
    Repair,
    /// Something may be wrong or missing.
    Warning,
}

/// A piece of the list: items in the source's order, and where the source stands after them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Batch {
    /// Counts the batches of one run from 0.
    pub number: u64,
    /// The items. A broken record is an `Err` in its place and costs its neighbours nothing.
    pub items: Vec<Result<Item, RecordError>>,
    /// Where to continue once this batch, and all before it, are stored. `None`: where it was; what comes
    /// is no part of the source's list, such as records that are fetched once more.
    pub checkpoint: Option<Checkpoint>,
    /// Where the batch came from.
    pub origin: Arc<Origin>,
    /// When the batch arrived here.
    pub received: DateTime<Utc>,
    /// Repairs and suspicions that concern the batch as a whole.
    pub notices: Vec<Notice>,
    /// The length of the whole list in records, if the source claims to know. A hint: sources guess.
    pub total_hint: Option<u64>,
    /// How many bytes were received for this batch.
    pub bytes: u64,
}

impl Batch {
    /// An empty batch that ends at `checkpoint`, received now.
    #[must_use]
    pub fn new(number: u64, checkpoint: impl Into<Option<Checkpoint>>) -> Self {
        Self {
            number,
            items: Vec::new(),
            checkpoint: checkpoint.into(),
            origin: Arc::default(),
            received: Utc::now(),
            notices: Vec::new(),
            total_hint: None,
            bytes: 0,
        }
    }

    /// Sets the items, and counts their payloads as the bytes received unless a number was set.
    #[must_use]
    pub fn with_items(mut self, items: Vec<Result<Item, RecordError>>) -> Self {
        if self.bytes == 0 {
            let payloads = items.iter().flatten().filter_map(Item::payload);
            self.bytes = payloads.map(|payload| payload.body.len() as u64).sum();
        }
        self.items = items;
        self
    }

    /// Sets where the batch came from.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = Arc::new(origin);
        self
    }
}
