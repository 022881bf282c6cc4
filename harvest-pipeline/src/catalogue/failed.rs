//! What is kept of a record that failed, so that it can be tried again without its source.

use serde::{Deserialize, Serialize};

use super::StoredError;
use crate::batch::{Item, Payload};

/// What came with the metadata, as it is kept: JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Header {
    datestamp: Option<String>,
    version: Option<String>,
    sets: Vec<String>,
    abouts: Vec<String>,
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl Header {
    /// What came with the metadata of this record, if there was any.
    pub(crate) fn of(item: &Item) -> Option<String> {
        item.payload()?;
        let Item { datestamp, version, sets, abouts, .. } = item.clone();
        Some(super::prepare::json(&Self { datestamp, version, sets, abouts }))
    }
}

impl StoredError {
    /// The record as its source delivered it, if it came that far.
    #[must_use]
    pub fn item(&self) -> Option<Item> {
        let body = String::from_utf8(self.body.clone()?).ok()?;
        let payload = Payload::new(&**self.format.as_ref()?, body);
        // Of what another version wrote, the metadata is what counts.
        let header = self.header.as_deref().and_then(|json| serde_json::from_str(json).ok());
        let Header { datestamp, version, sets, abouts } = header.unwrap_or_default();
        let item = Item::put(self.identifier.clone()?, payload);
        Some(Item { datestamp, version, sets, abouts, ..item })
    }
}
