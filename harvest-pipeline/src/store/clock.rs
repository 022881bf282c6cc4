//! A clock that stands still.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// A clock that stands still until somebody moves it, for tests. Clones are the same clock.
///
/// Stores go by the system's clock or that of their database, unless they are given one of these.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<DateTime<Utc>>>);

impl ManualClock {
    /// A clock that stands at this time.
    #[must_use]
    pub fn at(time: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(time)))
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let mut time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *time = later(*time, by);
    }
}

/// So long after `time`; the end of the year 9999 at the latest, which all stores can write.
pub(super) fn later(time: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let by = chrono::TimeDelta::from_std(by).unwrap_or(chrono::TimeDelta::MAX);
    let latest = DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    time.checked_add_signed(by).map_or(latest, |time| time.min(latest))
}

/// How long it is from `now` until `time`; zero if that is past.
pub(super) fn until(time: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (time - now).to_std().unwrap_or_default()
}
