//! What is taken.

use async_trait::async_trait;

use super::StoreError;
use crate::filters::FilterSet;

/// Filter sets, by their names; sources refer to them.
#[async_trait]
pub trait FilterSetStore: Send + Sync {
    /// Enters a filter set, in place of the one that has its name.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn put_filter_set(&self, set: &FilterSet) -> Result<(), StoreError>;

    /// Removes a filter set.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or [`StoreError::Conflict`] if a source uses it; the message names one.
    async fn remove_filter_set(&self, name: &str) -> Result<(), StoreError>;

    /// A filter set.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn filter_set(&self, name: &str) -> Result<Option<FilterSet>, StoreError>;

    /// All of them, by name.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn filter_sets(&self) -> Result<Vec<FilterSet>, StoreError>;
}
