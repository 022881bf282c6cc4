//! Tokens, for programs that use the API in somebody's name.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::secret::{Secret, fingerprint};
use super::{AccountError, Accounts, User};

const TOKENS: &str = "token";
/// What tokens begin with, so that they are found where they do not belong.
const PREFIX: &str = "hvt_";
/// So many tokens are listed.
const MOST_LISTED: i64 = 1000;

/// A token as it is kept, under its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// Whose it is: it may do what they may.
    pub(crate) user: String,
    /// What it is for.
    pub(crate) purpose: String,
    /// Since when there is it.
    pub(crate) created: DateTime<Utc>,
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
        purpose: &str,
        expires: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Secret, AccountError> {
        let random = Secret::random().map_err(AccountError::randomness)?;
        let secret = Secret::from(format!("{PREFIX}{}", random.reveal()).as_str());
        let token =
            Token { user: user.name.clone(), purpose: purpose.to_owned(), created: now, expires };
        self.documents.insert(TOKENS, &fingerprint(secret.reveal()), &token, now).await?;
        Ok(secret)
    }

    /// In whose name a token is used, if it is good. Not that of somebody who is locked, or has a
    /// password yet that is good for one login only.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn token_user(
        &self,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<User>, AccountError> {
        if !token.starts_with(PREFIX) {
            return Ok(None);
        }
        let Some(kept) = self.documents.get::<Token>(TOKENS, &fingerprint(token)).await? else {
            return Ok(None);
        };
        if kept.body.expires.is_some_and(|expires| expires <= now) {
            return Ok(None);
        }
        let user = self.user(&kept.body.user).await?.map(|user| user.body);
        Ok(user.filter(|user| !user.locked && !user.must_change))
    }

    /// The tokens there are of a user, or of all, each with the key that revokes it.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn tokens(
        &self,
        user: Option<&str>,
    ) -> Result<Vec<(String, Token)>, AccountError> {
        let all = self.documents.after::<Token>(TOKENS, None, MOST_LISTED).await?;
        let is_meant = |token: &Token| user.is_none_or(|user| user == token.user);
        let found = all.into_iter().filter(|token| is_meant(&token.body));
        Ok(found.map(|token| (token.key, token.body)).collect())
    }

    /// Revokes a token by its key; says whether there was one, of this user if one is named.
    ///
    /// # Errors
    /// If the accounts cannot be written.
    pub(crate) async fn revoke_token(
        &self,
        key: &str,
        user: Option<&str>,
    ) -> Result<bool, AccountError> {
        let kept = self.documents.get::<Token>(TOKENS, key).await?;
        match kept.filter(|token| user.is_none_or(|user| user == token.body.user)) {
            Some(token) => Ok(self.documents.remove(TOKENS, &token.key).await?),
            None => Ok(false),
        }
    }
}
