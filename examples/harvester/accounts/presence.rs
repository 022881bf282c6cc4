//! Which roles of the installation are alive: each says so now and then.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{AccountError, Accounts, Engine};

const PRESENCES: &str = "presence";
/// How often a role says that it is there.
pub(crate) const SAID_EVERY: TimeDelta = TimeDelta::seconds(15);
/// Who said nothing for so long is not alive.
const ALIVE: TimeDelta = TimeDelta::seconds(60);
/// Who said nothing for so long is forgotten.
const FORGOTTEN: TimeDelta = TimeDelta::days(1);
/// So many roles are listed.
const MOST_LISTED: i64 = 200;

/// A role of a process, and when it was heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Presence {
    /// `serve`, `worker` or `scheduler`.
    pub(crate) role: String,
    /// The process: a worker's name, or the machine and the number of the process.
    pub(crate) name: String,
    /// Which version of the program it is.
    pub(crate) version: String,
    /// Since when it is there.
    pub(crate) since: DateTime<Utc>,
    /// When it was heard of last.
    pub(crate) heard: DateTime<Utc>,
}

impl Presence {
    /// Whether it was heard of lately.
    pub(crate) fn is_alive(&self, now: DateTime<Utc>) -> bool {
        now - self.heard < ALIVE
    }

    fn key(&self) -> String {
        format!("{} {}", self.role, self.name)
    }
}

impl Accounts {
    /// A role says that it is there.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn say(&self, presence: &Presence) -> Result<(), AccountError> {
        let key = presence.key();
        Ok(self.documents.put(PRESENCES, &key, presence, presence.heard).await?)
    }

    /// A role goes, as it was asked to.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn go(&self, presence: &Presence) -> Result<(), AccountError> {
        self.documents.remove(PRESENCES, &presence.key()).await?;
        Ok(())
    }

    /// The roles that were heard of lately, whether they are alive or not.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) async fn present(&self, now: DateTime<Utc>) -> Result<Vec<Presence>, AccountError> {
        let found = self.documents.after::<Presence>(PRESENCES, None, MOST_LISTED).await?;
        let found = found.into_iter().map(|document| document.body);
        Ok(found.filter(|presence| now - presence.heard < FORGOTTEN).collect())
    }

    pub(super) async fn purge_presences(&self, now: DateTime<Utc>) -> Result<(), AccountError> {
        self.documents.purge(PRESENCES, now - FORGOTTEN).await?;
        Ok(())
    }

    /// What the database says of itself.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub(crate) async fn engine(&self) -> Result<Engine, AccountError> {
        Ok(self.documents.engine().await?)
    }
}
