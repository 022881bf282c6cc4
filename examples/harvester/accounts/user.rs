//! Users: who there is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::documents::Document;
use super::secret::{Hashed, Secret, is_acceptable};
use super::{AccountError, Accounts, Role};

const USERS: &str = "user";
/// The longest name.
const LONGEST_NAME: usize = 64;
/// The user that the first start creates.
const FIRST: &str = "admin";

/// Somebody who can log in: a person, or a site that several share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    /// What they log in with.
    pub(crate) name: String,
    /// What they are.
    pub(crate) role: Role,
    /// The site they look after; `None`: one of their own name.
    #[serde(default)]
    pub(crate) site: Option<String>,
    /// Where reports go.
    pub(crate) mail: Option<String>,
    /// Whether they cannot log in.
    pub(crate) locked: bool,
    /// Whether the password is to be changed before anything else.
    pub(crate) must_change: bool,
    password: Hashed,
    /// Counts the passwords and locks: a session of an earlier one is over.
    pub(super) generation: u32,
    /// Since when there is this user: what is older was another's of the same name.
    #[serde(default)]
    pub(crate) created: DateTime<Utc>,
}

impl User {
    /// What sources of their own name as owner.
    pub(crate) fn site(&self) -> &str {
        self.site.as_deref().unwrap_or(&self.name)
    }

    /// What can be changed of them.
    pub(crate) fn standing(&self) -> Standing {
        let Self { role, site, mail, locked, .. } = self.clone();
        Standing { role, site, mail, locked }
    }

    /// Makes them something else.
    pub(crate) fn stand(&mut self, standing: Standing) {
        let Standing { role, site, mail, locked } = standing;
        (self.role, self.site, self.mail, self.locked) = (role, site, mail, locked);
    }

    fn administers(&self) -> bool {
        self.role == Role::Administrator && !self.locked
    }
}

/// What a user is: what administrators can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) role: Role,
    /// The site that they look after; `None`: one of their own name.
    pub(crate) site: Option<String>,
    /// Where reports go.
    pub(crate) mail: Option<String>,
    pub(crate) locked: bool,
}

impl From<Role> for Standing {
    fn from(role: Role) -> Self {
        Self { role, site: None, mail: None, locked: false }
    }
}

/// Users by name, for lists.
pub(crate) type UserPage = Vec<Document<User>>;

impl Accounts {
    /// Creates the administrator if there are no users; gives the name and the password that is good
    /// until it is changed at the first login.
    ///
    /// # Errors
    /// If the accounts cannot be read or written.
    pub(crate) async fn begin(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Option<(&'static str, Secret)>, AccountError> {
        if !self.documents.after::<User>(USERS, None, 1).await?.is_empty() {
            return Ok(None);
        }
        match self.add_user(FIRST, Role::Administrator, now).await {
            Ok(secret) => Ok(Some((FIRST, secret))),
            // Another process was faster, and has told the password.
            Err(AccountError::NameTaken(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds a user; gives the password that is good until it is changed at the first login.
    ///
    /// # Errors
    /// [`AccountError::Name`] or [`AccountError::NameTaken`].
    pub(crate) async fn add_user(
        &self,
        name: &str,
        standing: impl Into<Standing>,
        now: DateTime<Utc>,
    ) -> Result<Secret, AccountError> {
        let printable = |c: char| !c.is_control() && !c.is_whitespace();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(printable) {
            return Err(AccountError::Name);
        }
        let secret = Secret::readable().map_err(AccountError::randomness)?;
        let Standing { role, site, mail, locked } = standing.into();
        let user = User {
            name: name.to_owned(),
            role,
            site,
            mail,
            locked,
            must_change: true,
            password: hash(&secret).await?,
            generation: 0,
            created: now,
        };
        let added = self.documents.insert(USERS, &key(name), &user, now).await;
        added.map_err(|error| AccountError::of_user(error, name)).map(|()| secret)
    }

    /// A user, by name in upper or lower case.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn user(&self, name: &str) -> Result<Option<Document<User>>, AccountError> {
        Ok(self.documents.get(USERS, &key(name)).await?)
    }

    /// Users behind a name, in the order of names.
    ///
    /// # Errors
    /// If the accounts cannot be read.
    pub(crate) async fn users(
        &self,
        after: Option<&str>,
        limit: i64,
    ) -> Result<UserPage, AccountError> {
        Ok(self.documents.after(USERS, after.map(key).as_deref(), limit).await?)
    }

    /// Changes role, site, mail address or lock of a user that was read before. A user who is locked
    /// is logged out.
    ///
    /// # Errors
    /// [`AccountError::LastAdministrator`] if nobody could administer any more, or if somebody else
    /// changed the user meanwhile.
    pub(crate) async fn change_user(
        &self,
        user: &Document<User>,
        now: DateTime<Utc>,
    ) -> Result<(), AccountError> {
        let mut user = user.clone();
        if user.body.locked {
            user.body.generation += 1;
        }
        if user.body.administers() {
            return Ok(self.documents.replace(USERS, &user, now).await?);
        }
        let before = self.known(&user.body.name).await?.body;
        if before.administers() && !self.another_administers(&user.key).await? {
            return Err(AccountError::LastAdministrator);
        }
        self.documents.replace(USERS, &user, now).await?;
        if before.administers() && !self.another_administers(&user.key).await? {
            // The other one went at the same moment.
            user.version += 1;
            self.documents.replace(USERS, &Document { body: before, ..user }, now).await?;
            return Err(AccountError::LastAdministrator);
        }
        Ok(())
    }

    /// Removes a user, with their sessions and tokens.
    ///
    /// # Errors
    /// [`AccountError::NoUser`], or [`AccountError::LastAdministrator`] if nobody could administer any
    /// more.
    pub(crate) async fn remove_user(
        &self,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<(), AccountError> {
        let mut user = self.known(name).await?;
        // Locked first, so that two who remove each other are not both gone.
        user.body.locked = true;
        self.change_user(&user, now).await?;
        self.documents.remove(USERS, &user.key).await?;
        self.end_sessions(&user.body.name).await?;
        self.revoke_tokens(&user.body.name).await
    }

    /// Whether somebody else than the user of this key can administer.
    async fn another_administers(&self, key: &str) -> Result<bool, AccountError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.documents.after::<User>(USERS, after.as_deref(), 100).await?;
            if page.iter().any(|user| user.key != key && user.body.administers()) {
                return Ok(true);
            }
            match page.last() {
                Some(last) => after = Some(last.key.clone()),
                None => return Ok(false),
            }
        }
    }

    /// Gives a user a new password that is good until it is changed at the next login; sessions of
    /// the old one are over.
    ///
    /// # Errors
    /// [`AccountError::NoUser`].
    pub(crate) async fn reset_password(
        &self,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<Secret, AccountError> {
        let mut user = self.known(name).await?;
        let secret = Secret::readable().map_err(AccountError::randomness)?;
        user.body.password = hash(&secret).await?;
        user.body.generation += 1;
        user.body.must_change = true;
        self.documents.replace(USERS, &user, now).await?;
        self.forget_attempts(name).await?;
        Ok(secret)
    }

    /// Changes one's own password; sessions of the old one are over.
    ///
    /// # Errors
    /// [`AccountError::Password`] if the old one is another or the new one cannot be taken.
    pub(crate) async fn change_password(
        &self,
        name: &str,
        old: &str,
        new: &str,
        now: DateTime<Utc>,
    ) -> Result<(), AccountError> {
        let mut user = self.known(name).await?;
        if !Hashed::check(Some(user.body.password.clone()), old).await {
            return Err(AccountError::WrongPassword);
        }
        if !is_acceptable(new) || new == old {
            return Err(AccountError::Password);
        }
        user.body.password = hash(&Secret::from(new)).await?;
        user.body.generation += 1;
        user.body.must_change = false;
        Ok(self.documents.replace(USERS, &user, now).await?)
    }

    /// The user of this name whose password this is, unless locked. Takes as long if there is none.
    pub(super) async fn check_password(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Option<User>, AccountError> {
        let user = self.user(name).await?.map(|user| user.body);
        let hashed = user.as_ref().map(|user| user.password.clone());
        let is_right = Hashed::check(hashed, password).await;
        Ok(user.filter(|user| is_right && !user.locked))
    }

    async fn known(&self, name: &str) -> Result<Document<User>, AccountError> {
        self.user(name).await?.ok_or_else(|| AccountError::NoUser(name.to_owned()))
    }
}

/// Names differ by more than upper and lower case.
pub(super) fn key(name: &str) -> String {
    name.to_lowercase()
}

async fn hash(secret: &Secret) -> Result<Hashed, AccountError> {
    Hashed::make(secret).await.map_err(AccountError::Hash)
}
