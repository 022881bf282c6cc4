//! How soon a host may be asked again.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// How soon a host may be asked again, for all workers together and over restarts.
#[async_trait]
pub trait HostStore: Send + Sync {
    /// Takes the next turn at a host whose turns are so far apart, and says how long to wait for it.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn take_turn(&self, host: &str, apart: Duration) -> Result<Duration, StoreError>;

    /// The host wants to be left alone for so long: no turn comes earlier.
    ///
    /// # Errors
    /// If the store cannot be written.
    async fn leave_alone(&self, host: &str, wait: Duration) -> Result<(), StoreError>;

    /// How long the host still wants to be left alone; zero if it does not.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn left_alone(&self, host: &str) -> Result<Duration, StoreError>;
}
