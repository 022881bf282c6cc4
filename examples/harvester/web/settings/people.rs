//! What is done with users and their tokens, by the pages and by the API alike.

use chrono::{DateTime, Utc};

use crate::accounts::{
    AccountError, Document, NewToken, Role, Secret, Standing, Token, User, fingerprint,
};
use crate::web::app::App;
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

/// The longest name of a site, and the longest that is said of a token.
const LONGEST: usize = 200;

/// Whether something can be the name of a site, or what a token is for.
pub(crate) fn is_sound(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST && !text.contains(char::is_control)
}

/// The user of this name.
///
/// # Errors
/// If there is none.
pub(crate) async fn known(app: &App, name: &str) -> Result<Document<User>, Problem> {
    app.accounts.user(name).await?.ok_or_else(Problem::not_found)
}

/// Adds a user, with a password that is good for one login.
///
/// # Errors
/// If the name is taken, or none.
pub(crate) async fn add(
    app: &App,
    visitor: &Visitor,
    name: &str,
    standing: Standing,
) -> Result<Secret, AccountError> {
    let secret = app.accounts.add_user(name, standing, app.now()).await?;
    visitor.did(app, "user.create", name).await;
    Ok(secret)
}

/// Changes a user that was read before.
///
/// # Errors
/// If nobody could administer any more, it is oneself whose role or lock changes, or somebody else
/// changed the user meanwhile.
pub(crate) async fn change(
    app: &App,
    visitor: &Visitor,
    mut user: Document<User>,
    standing: Standing,
) -> Result<(), AccountError> {
    let is_lowered = standing.role != user.body.role || standing.locked;
    if is_lowered && is_oneself(visitor, &user.body) {
        return Err(AccountError::Oneself);
    }
    let what = match (user.body.locked, standing.locked) {
        (false, true) => "user.lock",
        (true, false) => "user.unlock",
        _ => "user.change",
    };
    user.body.stand(standing);
    app.accounts.change_user(&user, app.now()).await?;
    visitor.did(app, what, &user.body.name).await;
    Ok(())
}

/// Gives a user a password that is good for one login.
///
/// # Errors
/// If there is no such user, or it is oneself, who can change it.
pub(crate) async fn reset(
    app: &App,
    visitor: &Visitor,
    user: &User,
) -> Result<Secret, AccountError> {
    if is_oneself(visitor, user) {
        return Err(AccountError::Oneself);
    }
    let secret = app.accounts.reset_password(&user.name, app.now()).await?;
    visitor.did(app, "user.reset", &user.name).await;
    Ok(secret)
}

/// Removes a user.
///
/// # Errors
/// If there is no such user, nobody could administer any more, or it is oneself.
pub(crate) async fn remove(app: &App, visitor: &Visitor, user: &User) -> Result<(), AccountError> {
    if is_oneself(visitor, user) {
        return Err(AccountError::Oneself);
    }
    app.accounts.remove_user(&user.name, app.now()).await?;
    visitor.did(app, "user.delete", &user.name).await;
    Ok(())
}

/// Whether the visitor is this user.
pub(crate) fn is_oneself(visitor: &Visitor, user: &User) -> bool {
    visitor.user().is_some_and(|visitor| visitor.name == user.name)
}

/// The visitor, for what is their own. A token that may do less than its user is not let near it.
///
/// # Errors
/// If it is such a token.
pub(crate) fn oneself(visitor: &Visitor) -> Result<&User, Problem> {
    visitor.user().filter(|_| visitor.is_whole()).ok_or_else(Problem::forbidden)
}

/// The roles that bound what a token of a user may do.
pub(crate) fn lendable(user: &User) -> impl Iterator<Item = Role> {
    let own = user.role;
    Role::ALL.into_iter().filter(move |role| role.is_within(own))
}

/// Makes a token of a user; its key comes with it.
///
/// # Errors
/// What is wrong, by the name of the field.
pub(crate) async fn add_token(
    app: &App,
    visitor: &Visitor,
    user: &User,
    new: NewToken,
) -> Result<(Secret, String), Refused> {
    if !is_sound(&new.purpose) {
        return Err(Refused::Purpose);
    }
    if new.role.is_some_and(|role| !role.is_within(user.role)) {
        return Err(Refused::Role);
    }
    if is_over(new.expires, app.now()) {
        return Err(Refused::Expires);
    }
    let purpose = new.purpose.clone();
    let secret = app.accounts.add_token(user, new, app.now()).await?;
    visitor.did(app, "token.create", format!("{}: {purpose}", user.name)).await;
    let key = fingerprint(secret.reveal());
    Ok((secret, key))
}

/// Revokes a token; its own, unless the visitor administers.
///
/// # Errors
/// If there is none.
pub(crate) async fn revoke_token(app: &App, visitor: &Visitor, key: &str) -> Result<(), Problem> {
    let token = known_token(app, visitor, key).await?;
    app.accounts.revoke_token(key).await?;
    visitor.did(app, "token.revoke", format!("{}: {}", token.user, token.purpose)).await;
    Ok(())
}

/// The token of this key; its own, unless the visitor administers.
///
/// # Errors
/// If there is none.
pub(crate) async fn known_token(app: &App, visitor: &Visitor, key: &str) -> Result<Token, Problem> {
    use crate::accounts::Permission::Administer;
    let own = oneself(visitor)?;
    let token = app.accounts.token(key).await?;
    let is_theirs = |token: &Token| token.user == own.name || visitor.may(Administer);
    token.filter(is_theirs).ok_or_else(Problem::not_found)
}

/// Whether that time is past.
pub(crate) fn is_over(expires: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    expires.is_some_and(|expires| expires <= now)
}

/// A token is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("purpose: say in up to {LONGEST} characters what the token is for")]
    Purpose,
    #[error("role: it may do more than the user may")]
    Role,
    #[error("expires: that time is past")]
    Expires,
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Account(error) => error.into(),
            refused => Self::bad_request(refused.to_string()),
        }
    }
}
