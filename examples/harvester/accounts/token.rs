//! Tokens, for programs that use the API in somebody's name.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::documents::{Holds, Search};
use super::secret::{Secret, fingerprint};
use super::{AccountError, Accounts, Role, User};

const TOKENS: &str = "token";
/// What tokens begin with, so that they are found where they do not belong.
const PREFIX: &str = "hvt_";
/// When it was used last is noted no more often than this.
const RENEWED: TimeDelta = TimeDelta::minutes(5);

/// A token as it is kept, under its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// Whose it is: it may do what they may.
    pub(crate) user: String,
    /// What it is for.
    pub(crate) purpose: String,
    /// No more than somebody of this role may; `None`: all that its user may.
    #[serde(default)]
    pub(crate) role: Option<Role>,
    /// Since when there is it.
    pub(crate) created: DateTime<Utc>,
    /// Until when it is good; `None`: until it is revoked.
    pub(crate) expires: Option<DateTime<Utc>>,
    /// When it was used last, to some minutes.
    #[serde(default)]
    pub(crate) used: Option<DateTime<Utc>>,
}

/// A token to be.
#[derive(Clone, Debug)]
pub(crate) struct NewToken {
    /// What it is for.
    pub(crate) purpose: String,
    /// No more than somebody of this role may; `None`: all that its user may.
    pub(crate) role: Option<Role>,
    /// Until when it is good; `None`: until it is revoked.
    pub(crate) expires: Option<DateTime<Utc>>,
}

impl Accounts {
    /// Makes a token; it is shown this once.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(crate) async fn add_token(
        &self,
        user: &User,
        new: NewToken,
        now: DateTime<Utc>,
    ) -> Result<Secret, AccountError> {
        let random = Secret::random().map_err(AccountError::randomness)?;
        let secret = Secret::from(format!("{PREFIX}{}", random.reveal()).as_str());
        let NewToken { purpose, role, expires } = new;
        let user = user.name.clone();
        let token = Token { user, purpose, role, created: now, expires, used: None };
        self.documents.insert(TOKENS, &fingerprint(secret.reveal()), &token, now).await?;
        Ok(secret)
    }

    /// In whose name a token is used, if it is good, and which role bounds what it may. Not that of
    /// somebody who is locked, or has a password yet that is good for one login only.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn token_user(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<(User, Role)>, AccountError> {
        if !token.starts_with(PREFIX) {
            return Ok(None);
        }
        let Some(mut kept) = self.documents.get::<Token>(TOKENS, &fingerprint(token)).await? else {
            return Ok(None);
        };
        if kept.body.expires.is_some_and(|expires| expires <= now) {
            return Ok(None);
        }
        let user = self.user(&kept.body.user).await?.map(|user| user.body);
        let is_let_in =
            |user: &User| !user.locked && !user.must_change && user.created <= kept.body.created;
        let Some(user) = user.filter(is_let_in) else { return Ok(None) };
        if kept.body.used.is_none_or(|used| now - used > RENEWED) {
            kept.body.used = Some(now);
            if let Err(error) = self.documents.replace(TOKENS, &kept, now).await {
                // Another request of the same program has done it, or it was revoked.
                tracing::debug!(%error, "the use of a token was not noted");
            }
        }
        let role = kept.body.role.unwrap_or(user.role);
        Ok(Some((user, role)))
    }

    /// Tokens of a user, or of all, before a key: each with the key that revokes it.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn tokens(
        &self,
        user: Option<&str>,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<(String, Token)>, AccountError> {
        let fields = user.map(|user| ("user", Holds::Text(user))).into_iter().collect();
        let wanted = Search { before, fields, ..Search::default() };
        let found = self.documents.search::<Token>(TOKENS, &wanted, limit).await?;
        Ok(found.into_iter().map(|token| (token.key, token.body)).collect())
    }

    /// Revokes all tokens of a user.
    pub(super) async fn revoke_tokens(&self, user: &str) -> Result<(), AccountError> {
        for (key, _) in self.tokens(Some(user), None, i64::MAX).await? {
            self.documents.remove(TOKENS, &key).await?;
        }
        Ok(())
    }

    /// The token of a key.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn token(&self, key: &str) -> Result<Option<Token>, AccountError> {
        let kept = self.documents.get::<Token>(TOKENS, key).await?;
        Ok(kept.map(|token| token.body))
    }

    /// Revokes a token by its key; says whether there was one.
    ///
    /// # Errors
    /// If the accounts cannot be written.
    pub(crate) async fn revoke_token(&self, key: &str) -> Result<bool, AccountError> {
        Ok(self.documents.remove(TOKENS, key).await?)
    }
}
