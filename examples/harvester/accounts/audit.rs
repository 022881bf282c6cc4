//! Who did what.

use chrono::{DateTime, Utc};
use harvest_pipeline::store::{RunKind, RunRequest};
use serde::{Deserialize, Serialize};

use super::documents::{Holds, Search};
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

/// What it is called in the log that a run was asked for.
pub(crate) fn asked_for(request: &RunRequest) -> String {
    match request.kind {
        _ if request.dry_run => "run.dry-run".to_owned(),
        RunKind::Harvest if request.full => "run.full".to_owned(),
        kind => format!("run.{kind}"),
    }
}

/// Which entries are looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditQuery {
    /// Those of this person.
    pub(crate) who: Option<String>,
    /// Those whose action begins so: `source.`.
    pub(crate) what: Option<String>,
    /// Those about a thing that has this in its name.
    pub(crate) about: Option<String>,
    /// Those since this time,
    pub(crate) since: Option<DateTime<Utc>>,
    /// but before this one.
    pub(crate) until: Option<DateTime<Utc>>,
    /// Those before this key.
    pub(crate) before: Option<String>,
}

impl Accounts {
    /// Enters something that somebody did.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn audit(&self, deed: &Deed, now: DateTime<Utc>) -> Result<(), AccountError> {
        let random = Secret::random().map_err(AccountError::randomness)?;
        // In the order of time; those of the same microsecond in any.
        let key = format!("{} {}", key(now), &random.reveal()[..8]);
        Ok(self.documents.insert(AUDIT, &key, deed, now).await?)
    }

    /// So much of what was done, the last first.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) async fn audited(
        &self,
        wanted: &AuditQuery,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, AccountError> {
        let (since, until) = (wanted.since.map(key), wanted.until.map(key));
        // Of two ends, the earlier.
        let ends = [wanted.before.as_deref(), until.as_deref()];
        let fields = [
            ("who", wanted.who.as_deref().map(Holds::Text)),
            ("what", wanted.what.as_deref().map(Holds::Beginning)),
            ("about", wanted.about.as_deref().map(Holds::Part)),
        ];
        let search = Search {
            from: since.as_deref().unwrap_or_default(),
            before: ends.into_iter().flatten().min(),
            fields: fields
                .into_iter()
                .filter_map(|(name, holds)| holds.map(|holds| (name, holds)))
                .collect(),
        };
        let found = self.documents.search::<Deed>(AUDIT, &search, limit).await?;
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

/// What keys of entries of this time begin with.
fn key(time: DateTime<Utc>) -> String {
    format!("{:020}", time.timestamp_micros().max(0))
}
