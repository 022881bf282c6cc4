//! Logging in, and staying so.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::documents::{Document, Holds, Search};
use super::secret::{Secret, fingerprint, same};
use super::{AccountError, Accounts, User};

const SESSIONS: &str = "session";
/// A session's time is renewed no more often than this: reading a page mostly writes nothing.
const RENEWED: TimeDelta = TimeDelta::minutes(5);
/// Browsers call themselves longer names; these are the characters that are kept.
const LONGEST_AGENT: usize = 200;
/// So many sessions of a user are looked at.
const MOST_LISTED: i64 = 1000;

/// A session as it is kept, under the fingerprint of its token.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    user: String,
    generation: u32,
    csrf: String,
    began: DateTime<Utc>,
    expires: DateTime<Utc>,
    /// Where it was begun from: an address,
    #[serde(default)]
    address: String,
    /// and what the browser calls itself.
    #[serde(default)]
    agent: String,
}

/// Where somebody logs in from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The address.
    pub(crate) address: String,
    /// What the browser calls itself.
    pub(crate) agent: String,
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Who it is.
    pub(crate) user: User,
    /// What it is kept under.
    pub(crate) key: String,
    csrf: String,
}

/// A session that goes on, for whoever it is of.
#[derive(Clone, Debug)]
pub(crate) struct OpenSession {
    /// What it is kept under; ends it.
    pub(crate) key: String,
    pub(crate) began: DateTime<Utc>,
    /// When a page was asked for last, to some minutes.
    pub(crate) used: DateTime<Utc>,
    pub(crate) address: String,
    pub(crate) agent: String,
}

impl Session {
    /// What forms must send along, so that no other site can send them.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Whether a form came from a page of this session.
    pub(crate) fn wrote(&self, csrf: &str) -> bool {
        same(&self.csrf, csrf)
    }
}

/// Nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// There is no such user, or it is another password, or the user is locked: which, is not told.
    #[error("the user name or the password is wrong")]
    Refused,
    /// There were too many attempts; they are looked at again after so long.
    #[error("there were too many attempts; try again in {} s", .0.as_secs())]
    Throttled(Duration),
    /// The accounts cannot be used.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl Accounts {
    /// Logs somebody in from this address; gives the token of a new session.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub(crate) async fn login(
        &self,
        name: &str,
        password: &str,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<(Secret, User), LoginError> {
        if let Some(wait) = self.attempt(name, &caller.address, now).await? {
            return Err(LoginError::Throttled(wait));
        }
        let Some(user) = self.check_password(name, password).await? else {
            return Err(LoginError::Refused);
        };
        self.forget_attempts(name).await?;
        let token = self.begin_session(&user, caller, now).await?;
        Ok((token, user))
    }

    /// Begins a session of a user whose password was checked.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn begin_session(
        &self,
        user: &User,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Secret, AccountError> {
        let token = Secret::random().map_err(AccountError::randomness)?;
        let csrf = Secret::random().map_err(AccountError::randomness)?;
        let kept = Kept {
            user: user.name.clone(),
            generation: user.generation,
            csrf: csrf.reveal().to_owned(),
            began: now,
            expires: now + self.limits.session_idle,
            address: caller.address.clone(),
            agent: caller.agent.chars().take(LONGEST_AGENT).collect(),
        };
        self.documents.insert(SESSIONS, &fingerprint(token.reveal()), &kept, now).await?;
        Ok(token)
    }

    /// Who has the session of this token, if it goes on; and lets it go on.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn session(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Session>, AccountError> {
        let Some(mut kept) = self.documents.get::<Kept>(SESSIONS, &fingerprint(token)).await?
        else {
            return Ok(None);
        };
        let user = self.user(&kept.body.user).await?.map(|user| user.body);
        let Some(user) = user.filter(|user| self.goes_on(&kept.body, user, now)) else {
            self.documents.remove(SESSIONS, &kept.key).await?;
            return Ok(None);
        };
        let expires = now + self.limits.session_idle;
        if expires - kept.body.expires > RENEWED {
            kept.body.expires = expires;
            if let Err(error) = self.documents.replace(SESSIONS, &kept, now).await {
                // Another page of the same person has done it, or logged out.
                tracing::debug!(%error, "a session was not renewed");
            }
        }
        Ok(Some(Session { user, key: kept.key, csrf: kept.body.csrf }))
    }

    /// Whether there is a session of this key.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn has_session(&self, key: &str) -> Result<bool, AccountError> {
        Ok(self.documents.get::<Kept>(SESSIONS, key).await?.is_some())
    }

    fn goes_on(&self, kept: &Kept, user: &User, now: DateTime<Utc>) -> bool {
        user.generation == kept.generation
            && !user.locked
            && user.created <= kept.began
            && now < kept.expires
            && now < kept.began + self.limits.session_longest
    }

    /// The sessions of a user that go on, the last used first.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn sessions(
        &self,
        user: &User,
        now: DateTime<Utc>,
    ) -> Result<Vec<OpenSession>, AccountError> {
        let mut open = self.kept_sessions(&user.name).await?;
        open.retain(|kept| self.goes_on(&kept.body, user, now));
        open.sort_by_key(|kept| std::cmp::Reverse(kept.updated));
        let open = open.into_iter().map(|Document { key, body, updated, .. }| OpenSession {
            key,
            began: body.began,
            used: updated,
            address: body.address,
            agent: body.agent,
        });
        Ok(open.collect())
    }

    /// Ends a session of a user by its key; says whether there was one.
    ///
    /// # Errors
    /// If the accounts cannot be written.
    pub(crate) async fn end_session(&self, user: &User, key: &str) -> Result<bool, AccountError> {
        let kept = self.documents.get::<Kept>(SESSIONS, key).await?;
        match kept.filter(|kept| kept.body.user == user.name) {
            Some(kept) => Ok(self.documents.remove(SESSIONS, &kept.key).await?),
            None => Ok(false),
        }
    }

    /// Ends all sessions of a user.
    pub(super) async fn end_sessions(&self, user: &str) -> Result<(), AccountError> {
        for kept in self.kept_sessions(user).await? {
            self.documents.remove(SESSIONS, &kept.key).await?;
        }
        Ok(())
    }

    async fn kept_sessions(&self, user: &str) -> Result<Vec<Document<Kept>>, AccountError> {
        let wanted = Search { fields: vec![("user", Holds::Text(user))], ..Search::default() };
        Ok(self.documents.search(SESSIONS, &wanted, MOST_LISTED).await?)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// If the accounts cannot be written.
    pub(crate) async fn logout(&self, token: &str) -> Result<(), AccountError> {
        self.documents.remove(SESSIONS, &fingerprint(token)).await?;
        Ok(())
    }

    /// Forgets sessions and attempts that are long over.
    ///
    /// # Errors
    /// If the accounts cannot be written.
    pub(crate) async fn tidy(&self, now: DateTime<Utc>) -> Result<(), AccountError> {
        self.documents.purge(SESSIONS, now - self.limits.session_idle - RENEWED).await?;
        self.purge_attempts(now).await?;
        self.purge_presences(now).await?;
        self.purge_audit(now).await
    }
}
