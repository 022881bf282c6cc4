//! What was delivered to whom: a port, and its implementation in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::batch::SourceId;
use crate::error::RunError;

/// The last that was delivered of a record to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// What tells this version from others: a hash of all that the source delivered of it but its
    /// datestamp, and of what the parser read in it.
    pub version: String,
    /// The datestamp of this version.
    pub datestamp: Option<String>,
    /// Whether it was withdrawn since.
    pub withdrawn: bool,
    /// When it was delivered, or withdrawn.
    pub at: DateTime<Utc>,
}

impl Delivery {
    /// A version that is delivered now.
    #[must_use]
    pub fn new(version: impl Into<String>, datestamp: Option<String>) -> Self {
        Self { version: version.into(), datestamp, withdrawn: false, at: Utc::now() }
    }

    /// The same, withdrawn now.
    #[must_use]
    pub fn withdrawn(self) -> Self {
        Self { withdrawn: true, at: Utc::now(), ..self }
    }
}

/// Keeps the last delivery of each record to each target.
///
/// It is asked before a batch is delivered and told afterwards. After a crash in between, the batch
/// is delivered again, which receivers can take. Every [`Store`](crate::store::Store) is one.
#[async_trait]
pub trait Deliveries: fmt::Debug + Send + Sync {
    /// The last deliveries of these records to a target; records of which it never had any are left
    /// out.
    ///
    /// # Errors
    /// If they cannot be read.
    async fn last(
        &self,
        target: &str,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Delivery>, RunError>;

    /// Notes deliveries to a target by the record's identifier, all or none, in place of earlier
    /// ones.
    ///
    /// # Errors
    /// If they cannot be stored.
    async fn note(
        &self,
        target: &str,
        source: &SourceId,
        deliveries: Vec<(String, Delivery)>,
    ) -> Result<(), RunError>;
}

/// Deliveries kept in memory: for tests, and for targets that begin with nothing each time.
#[derive(Debug, Default)]
pub struct MemoryDeliveries(Mutex<ByTarget>);

type ByTarget = HashMap<(String, SourceId), HashMap<String, Delivery>>;

impl MemoryDeliveries {
    /// Nothing was delivered yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Deliveries for MemoryDeliveries {
    async fn last(
        &self,
        target: &str,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Delivery>, RunError> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = all.get(&(target.to_owned(), source.clone())) else {
            return Ok(HashMap::new());
        };
        let found = identifiers.iter().filter_map(|identifier| known.get_key_value(*identifier));
        Ok(found.map(|(identifier, delivery)| (identifier.clone(), delivery.clone())).collect())
    }

    async fn note(
        &self,
        target: &str,
        source: &SourceId,
        deliveries: Vec<(String, Delivery)>,
    ) -> Result<(), RunError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((target.to_owned(), source.clone())).or_default().extend(deliveries);
        Ok(())
    }
}

#[async_trait]
impl<D: Deliveries + ?Sized> Deliveries for std::sync::Arc<D> {
    async fn last(
        &self,
        target: &str,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Delivery>, RunError> {
        (**self).last(target, source, identifiers).await
    }

    async fn note(
        &self,
        target: &str,
        source: &SourceId,
        deliveries: Vec<(String, Delivery)>,
    ) -> Result<(), RunError> {
        (**self).note(target, source, deliveries).await
    }
}
