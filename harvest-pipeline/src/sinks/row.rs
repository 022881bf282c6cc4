//! A record as a row of a table.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::batch::{Item, SourceId};

/// One record as the tabular sinks and exports write it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row<'a> {
    /// The source it was harvested from.
    pub source: &'a str,
    /// What identifies it within the source.
    pub identifier: &'a str,
    /// When the source last changed it, as the source wrote it.
    pub datestamp: Option<&'a str>,
    /// The sets it belongs to.
    pub sets: &'a [String],
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// The metadata format; none for a tombstone.
    pub format: Option<&'a str>,
    /// The metadata as standalone XML; none for a tombstone.
    pub metadata: Option<&'a str>,
    /// What the parser read, as JSON; none for a tombstone or if nothing was parsed.
    pub record: Option<Cow<'a, str>>,
    /// When it arrived here.
    pub harvested: Option<DateTime<Utc>>,
}

impl<'a> Row<'a> {
    /// The row of an item that arrived at this time.
    #[must_use]
    pub fn of(source: &'a SourceId, item: &'a Item, harvested: DateTime<Utc>) -> Self {
        let payload = item.payload();
        Self {
            source: source.as_str(),
            identifier: &item.identifier,
            datestamp: item.datestamp.as_deref(),
            sets: &item.sets,
            deleted: payload.is_none(),
            format: payload.map(|payload| &*payload.format),
            metadata: payload.map(|payload| &*payload.body),
            record: None,
            harvested: Some(harvested),
        }
    }

    /// The same with what the parser read, as JSON.
    #[must_use]
    pub fn with_record(mut self, json: impl Into<Cow<'a, str>>) -> Self {
        self.record = Some(json.into());
        self
    }

    /// The same with what the parser read; one that reads nothing (`null`) leaves it as it is.
    ///
    /// # Errors
    /// If the record cannot be written as JSON.
    pub fn with_parsed(self, record: &impl Serialize) -> serde_json::Result<Self> {
        let json = serde_json::to_string(record)?;
        Ok(if json == "null" { self } else { self.with_record(json) })
    }

    /// The same as a tombstone.
    #[must_use]
    pub fn into_tombstone(self) -> Self {
        Self { deleted: true, format: None, metadata: None, record: None, ..self }
    }
}
