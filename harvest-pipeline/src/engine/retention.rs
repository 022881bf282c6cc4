//! How long what happened is remembered.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::{Event, EventLevel, Store, StoreError};

/// How long what happened is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// How long events are kept. Left out: 90 days.
    pub events: Duration,
    /// How many events are kept at most. Left out: a million.
    pub most_events: u64,
    /// How long runs are kept that are over. Left out: 400 days.
    pub runs: Duration,
    /// How many runs of each source are kept however old they are. Left out: 20.
    pub least_runs: u32,
    /// How long what a dry run fetched is kept, to be stored without asking the source again. Left out:
    /// 30 days.
    pub dry_runs: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            events: Duration::from_secs(90 * DAY),
            most_events: 1_000_000,
            runs: Duration::from_secs(400 * DAY),
            least_runs: 20,
            dry_runs: Duration::from_secs(30 * DAY),
        }
    }
}

impl Retention {
    /// Forgets events that are too old or too many.
    pub(super) async fn forget_events(&self, store: &dyn Store) -> Result<(), StoreError> {
        if let Some(before) = ago(self.events, store.now().await?) {
            store.purge_events(before, self.most_events).await?;
        }
        Ok(())
    }

    /// Forgets what dry runs fetched that nobody wanted to be stored.
    pub(super) async fn forget_dry_runs(&self, store: &dyn Store) -> Result<(), StoreError> {
        let Some(before) = ago(self.dry_runs, store.now().await?) else { return Ok(()) };
        let expired = store.expire_staged(before).await?.into_iter().map(|(source, run)| {
            let message = "what it fetched is not kept any longer: to store it, try it once more";
            Event::new("DryRunExpired", EventLevel::Info, message).in_run(source, run)
        });
        store.record(&expired.collect::<Vec<_>>()).await
    }

    /// Forgets runs that are too old.
    pub(super) async fn forget_runs(&self, store: &dyn Store) -> Result<(), StoreError> {
        if let Some(before) = ago(self.runs, store.now().await?) {
            store.purge_runs(before, self.least_runs).await?;
        }
        Ok(())
    }
}

/// So long ago; `None`: before there was time.
fn ago(age: Duration, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    now.checked_sub_signed(TimeDelta::from_std(age).ok()?)
}
