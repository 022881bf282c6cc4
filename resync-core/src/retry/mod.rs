//! Trying again: a policy that decides, and a layer that waits.

mod after;
mod backoff;
#[cfg(feature = "client")]
mod layer;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

pub use self::after::retry_after;
pub use self::backoff::Backoff;
#[cfg(feature = "client")]
pub use self::layer::{RetryEvent, Retrying};

use crate::Error;

/// Decides whether, and after how long, a failed request is sent again.
///
/// A pure function of the attempt: it neither sleeps nor sends, so that it can be tested without
/// waiting.
pub trait RetryPolicy: Debug + Send + Sync + 'static {
    /// How long to wait before the next try; `None` gives up.
    fn next_delay(&self, attempt: &Attempt<'_>) -> Option<Duration>;

    /// How often a request is sent at most, where that is fixed. Only told, not obeyed.
    fn max_attempts(&self) -> Option<u32> {
        None
    }
}

impl<P: RetryPolicy + ?Sized> RetryPolicy for Arc<P> {
    fn next_delay(&self, attempt: &Attempt<'_>) -> Option<Duration> {
        (**self).next_delay(attempt)
    }

    fn max_attempts(&self) -> Option<u32> {
        (**self).max_attempts()
    }
}

/// A try that failed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// Which try it was; the first is 1.
    pub number: u32,
    /// Time since the first try began, waits included.
    pub elapsed: Duration,
    /// How it failed.
    pub error: &'a Error,
}

impl<'a> Attempt<'a> {
    /// A try that failed.
    #[must_use]
    pub fn new(number: u32, elapsed: Duration, error: &'a Error) -> Self {
        Self { number, elapsed, error }
    }
}
