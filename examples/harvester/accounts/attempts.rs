//! How often somebody may try to log in.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::documents::DocumentError;
use super::{AccountError, Accounts};

const ATTEMPTS: &str = "attempt";
/// Longer names are no user's; they must not fill the database.
const LONGEST_KEY: usize = 100;
/// So often a count is tried again that somebody else changed meanwhile.
const TRIES: u32 = 5;

/// Attempts since a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Attempts {
    since: DateTime<Utc>,
    count: u32,
}

impl Accounts {
    /// Counts an attempt to log in as somebody from an address, before it is looked at. Gives how long
    /// to wait if there were too many of either.
    pub(super) async fn attempt(
        &self,
        name: &str,
        address: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Duration>, AccountError> {
        let of_name = self.count(&name_key(name), self.limits.attempts_per_name, now).await?;
        let key = format!("address {address}");
        let of_address = self.count(&key, self.limits.attempts_per_address, now).await?;
        Ok(of_name.max(of_address))
    }

    /// The last attempt was a good one.
    pub(super) async fn forget_attempts(&self, name: &str) -> Result<(), AccountError> {
        self.documents.remove(ATTEMPTS, &name_key(name)).await?;
        Ok(())
    }

    pub(super) async fn purge_attempts(&self, now: DateTime<Utc>) -> Result<(), AccountError> {
        self.documents.purge(ATTEMPTS, now - self.limits.attempts_within).await?;
        Ok(())
    }

    async fn count(
        &self,
        key: &str,
        most: u32,
        now: DateTime<Utc>,
    ) -> Result<Option<Duration>, AccountError> {
        for _ in 0..TRIES {
            let counted = match self.documents.get::<Attempts>(ATTEMPTS, key).await? {
                None => {
                    let first = Attempts { since: now, count: 1 };
                    self.documents.insert(ATTEMPTS, key, &first, now).await
                }
                Some(mut kept) => {
                    let over = kept.body.since + self.limits.attempts_within;
                    if over <= now {
                        kept.body = Attempts { since: now, count: 0 };
                    } else if kept.body.count >= most {
                        return Ok(Some((over - now).to_std().unwrap_or_default()));
                    }
                    kept.body.count += 1;
                    self.documents.replace(ATTEMPTS, &kept, now).await
                }
            };
            match counted {
                Ok(()) => return Ok(None),
                // Counted, reset or forgotten by another at the same time.
                Err(DocumentError::Taken { .. } | DocumentError::Changed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // That many at once are too many.
        Ok(Some(Duration::from_secs(1)))
    }
}

fn name_key(name: &str) -> String {
    let name: String = super::user::key(name).chars().take(LONGEST_KEY).collect();
    format!("name {name}")
}
