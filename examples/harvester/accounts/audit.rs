//! Who did what.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::{AccountError, Accounts};

const AUDIT: &str = "audit";

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deed {
    /// Who did it; `None`: nobody who was logged in.
    pub(crate) who: Option<String>,
    /// What: `source.change`, `login.refused`; words of the admin system's own.
    pub(crate) what: String,
    /// To what: the id of a source, the number of a run, the name of a user.
    pub(crate) about: String,
    /// From which address.
    pub(crate) address: String,
}

/// Something that somebody did, and when; the key is where a list goes on.
#[derive(Clone, Debug)]
pub(crate) struct AuditEntry {
    pub(crate) key: String,
    pub(crate) time: DateTime<Utc>,
    pub(crate) deed: Deed,
}

impl Accounts {
    /// Enters something that somebody did.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn audit(&self, deed: &Deed, now: DateTime<Utc>) -> Result<(), AccountError> {
        let random = Secret::random().map_err(AccountError::randomness)?;
        // In the order of time; those of the same microsecond in any.
        let key = format!("{:020} {}", now.timestamp_micros(), &random.reveal()[..8]);
        Ok(self.documents.insert(AUDIT, &key, deed, now).await?)
    }

    /// What was done before a key, the last first.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) async fn audited(
        &self,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, AccountError> {
        let found = self.documents.before::<Deed>(AUDIT, before, limit).await?;
        let entry = |found: super::Document<Deed>| AuditEntry {
            key: found.key,
            time: found.updated,
            deed: found.body,
        };
        Ok(found.into_iter().map(entry).collect())
    }

    pub(super) async fn purge_audit(&self, now: DateTime<Utc>) -> Result<(), AccountError> {
        self.documents.purge(AUDIT, now - self.limits.audit_kept).await?;
        Ok(())
    }
}
