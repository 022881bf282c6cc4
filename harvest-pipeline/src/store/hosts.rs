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

    /// The hosts that are not to be asked yet, those that wait longest first, and how long that is.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn waiting_hosts(&self, limit: usize) -> Result<Vec<WaitingHost>, StoreError>;
}

/// A host that is not to be asked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingHost {
    /// Its name.
    pub host: String,
    /// How long until the next turn at it.
    pub turn: Duration,
    /// How long it wants to be left alone; zero if it does not.
    pub alone: Duration,
}

impl WaitingHost {
    /// A host that is not to be asked yet.
    #[must_use]
    pub fn new(host: impl Into<String>, turn: Duration, alone: Duration) -> Self {
        Self { host: host.into(), turn, alone }
    }

    /// How long until it may be asked.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.turn.max(self.alone)
    }
}
