//! Who may use the admin system: users, their sessions and tokens, and what they did.
//!
//! All of it is kept as [`documents`] in the database that also holds the records. Secrets are
//! kept as hashes: passwords by Argon2id, tokens (which are random) by SHA-256.

mod attempts;
mod audit;
mod documents;
mod index;
mod list_defaults;
mod presence;
mod role;
mod secret;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod user;

use chrono::TimeDelta;

pub(crate) use self::audit::{AuditEntry, AuditQuery, Deed, asked_for};
pub(crate) use self::documents::{Document, DocumentError, Documents, Engine, Search};
pub(crate) use self::index::Index;
pub(crate) use self::list_defaults::ListDefaults;
pub(crate) use self::presence::{Presence, SAID_EVERY};
pub(crate) use self::role::{Permission, Role};
pub(crate) use self::secret::{SHORTEST_PASSWORD, Secret, fingerprint};
pub(crate) use self::session::{Caller, LoginError, OpenSession, Session};
pub(crate) use self::token::{NewToken, Token};
pub(crate) use self::user::{Standing, User};

/// The accounts of an installation.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    documents: Documents,
    limits: Limits,
}

/// How long things go on, and how often they may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// A session is over after so long without a page.
    pub(crate) session_idle: TimeDelta,
    /// A session is over after so long.
    pub(crate) session_longest: TimeDelta,
    /// So many attempts to log in as one user
    pub(crate) attempts_per_name: u32,
    /// and so many from one address
    pub(crate) attempts_per_address: u32,
    /// within this time; further ones wait until it is over.
    pub(crate) attempts_within: TimeDelta,
    /// What people did is forgotten after so long.
    pub(crate) audit_kept: TimeDelta,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            session_idle: TimeDelta::hours(12),
            session_longest: TimeDelta::days(7),
            attempts_per_name: 5,
            attempts_per_address: 30,
            attempts_within: TimeDelta::minutes(15),
            audit_kept: TimeDelta::days(365),
        }
    }
}

/// Something cannot be done with accounts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// It is no name for a user.
    #[error("a user name has 1 to 64 characters, none of them a space")]
    Name,
    /// There is a user of that name.
    #[error("there is a user {0} already")]
    NameTaken(String),
    /// There is no user of that name.
    #[error("there is no user {0}")]
    NoUser(String),
    /// Nobody could administer any more.
    #[error("this is the last administrator")]
    LastAdministrator,
    /// Nobody locks, lowers or removes themselves.
    #[error("that is yourself: another administrator has to do it")]
    Oneself,
    /// It is not the password.
    #[error("that is not the password")]
    WrongPassword,
    /// It cannot be a password.
    #[error("a password has 10 to 200 characters, and is another than the one before")]
    Password,
    /// The system has no randomness.
    #[error("the system has no randomness: {0}")]
    Randomness(getrandom::Error),
    /// A password cannot be hashed.
    #[error("a password cannot be hashed: {0}")]
    Hash(String),
    /// The accounts cannot be read or written.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl AccountError {
    fn randomness(error: getrandom::Error) -> Self {
        Self::Randomness(error)
    }

    fn of_user(error: DocumentError, name: &str) -> Self {
        match error {
            DocumentError::Taken { .. } => Self::NameTaken(name.to_owned()),
            error => Self::Document(error),
        }
    }
}

impl Accounts {
    /// Opens the accounts in a database, `sqlite:FILE` or `postgres://…`.
    ///
    /// # Errors
    /// If it cannot be opened or written.
    pub(crate) async fn open(url: &str, limits: Limits) -> Result<Self, AccountError> {
        Ok(Self { documents: Documents::open(url).await?, limits })
    }

    /// The documents that they are kept in: others may have collections of their own.
    pub(crate) fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Whether they can be read now.
    ///
    /// # Errors
    /// If not.
    pub(crate) async fn check(&self) -> Result<(), AccountError> {
        self.users(None, 1).await.map(drop)
    }
}
