//! Users and their tokens: who may do what, for administrators.

use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::exchange::{Body, Created, Gone, Limit, Listing, Params, Reply};
use crate::accounts::{AccountError, Document, Permission, Role, Token, User};
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::Administer;
    vec![
        Endpoint::get("/api/users", Administer, "The users, by name", list),
        Endpoint::post(
            "/api/users",
            Administer,
            "Adds a user, with a password that is good for the first login",
            add,
        ),
        Endpoint::get("/api/users/{user}", Administer, "A user", get),
        Endpoint::put("/api/users/{user}", Administer, "Changes what a user is", change),
        Endpoint::post(
            "/api/users/{user}/password",
            Administer,
            "Gives a user a password that is good for the next login",
            reset,
        ),
        Endpoint::get("/api/tokens", Administer, "The tokens, without what is secret", tokens),
        Endpoint::post("/api/tokens", Administer, "Makes a token; it is told this once", add_token),
        Endpoint::delete("/api/tokens/{key}", Administer, "Revokes a token", revoke),
    ]
}

/// Somebody who can log in.
#[derive(Debug, Serialize, JsonSchema)]
struct Person {
    /// What they log in with.
    name: String,
    /// What they are.
    role: Role,
    /// Where reports go.
    mail: Option<String>,
    /// Whether they cannot log in.
    locked: bool,
    /// Whether they must change their password before anything else.
    must_change: bool,
}

impl From<User> for Person {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            role: user.role,
            mail: user.mail,
            locked: user.locked,
            must_change: user.must_change,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only those behind this name.
    after: Option<String>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Params(wanted): Params<Wanted>,
) -> Result<Listing<Person>, Problem> {
    let limit = wanted.limit.get();
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = app.accounts.users(wanted.after.as_deref(), most).await?;
    let found = found.into_iter().map(|user| user.body.into()).collect();
    Ok(Listing::new(&visitor, limit, found, |user: &Person| user.name.clone()))
}

async fn known(app: &App, name: &str) -> Result<Document<User>, Problem> {
    app.accounts.user(name).await?.ok_or_else(Problem::not_found)
}

async fn get(State(app): State<App>, Path(name): Path<String>) -> Result<Reply<Person>, Problem> {
    Ok(Reply(known(&app, &name).await?.body.into()))
}

/// A user to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    /// What they log in with.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[!-~]+$"))]
    name: String,
    /// What they are.
    role: Role,
    /// Where reports go.
    #[serde(default)]
    mail: Option<String>,
}

/// A user, and the password that is good for one login. It is told this once.
#[derive(Debug, Serialize, JsonSchema)]
struct LetIn {
    /// The user.
    user: Person,
    /// The password.
    password: String,
}

async fn add(
    State(app): State<App>,
    visitor: Visitor,
    Body(new): Body<NewPerson>,
) -> Result<Created<LetIn>, Problem> {
    let added = app.accounts.add_user(&new.name, new.role, new.mail, app.now()).await;
    let password = added.map_err(|error| match error {
        AccountError::Name => Problem::bad_request(format!("name: {error}")),
        error => error.into(),
    })?;
    visitor.did(&app, "user.add", &new.name).await;
    let user: Person = known(&app, &new.name).await?.body.into();
    let at = format!("/api/users/{}", super::in_path(&user.name));
    Ok(Created { at, value: LetIn { user, password: password.reveal().to_owned() } })
}

/// What can be changed of a user.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Changed {
    /// What they are.
    role: Role,
    /// Where reports go.
    #[serde(default)]
    mail: Option<String>,
    /// Whether they cannot log in.
    #[serde(default)]
    locked: bool,
}

async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Body(changed): Body<Changed>,
) -> Result<Reply<Person>, Problem> {
    let mut user = known(&app, &name).await?;
    user.body.role = changed.role;
    user.body.mail = changed.mail;
    user.body.locked = changed.locked;
    app.accounts.change_user(&user, app.now()).await?;
    visitor.did(&app, "user.change", &name).await;
    Ok(Reply(user.body.into()))
}

async fn reset(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Reply<LetIn>, Problem> {
    let password = app.accounts.reset_password(&name, app.now()).await?;
    visitor.did(&app, "user.reset", &name).await;
    let user = known(&app, &name).await?.body.into();
    Ok(Reply(LetIn { user, password: password.reveal().to_owned() }))
}

/// A token, without what is secret.
#[derive(Debug, Serialize, JsonSchema)]
struct Known {
    /// What revokes it.
    key: String,
    /// Whose it is: it may do what they may.
    user: String,
    /// What it is for.
    purpose: String,
    /// Since when there is it.
    created: DateTime<Utc>,
    /// Until when it is good; none: until it is revoked.
    expires: Option<DateTime<Utc>>,
}

impl From<(String, Token)> for Known {
    fn from((key, token): (String, Token)) -> Self {
        let Token { user, purpose, created, expires } = token;
        Self { key, user, purpose, created, expires }
    }
}

async fn tokens(State(app): State<App>) -> Result<Listing<Known>, Problem> {
    let tokens = app.accounts.tokens(None).await?;
    Ok(Listing::whole(tokens.into_iter().map(Known::from).collect()))
}

/// A token to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// Whose it is.
    user: String,
    /// What it is for.
    #[schemars(length(min = 1), regex(pattern = r"\S"))]
    purpose: String,
    /// Until when it is good; none: until it is revoked.
    #[serde(default)]
    expires: Option<DateTime<Utc>>,
}

/// A token. It is told this once.
#[derive(Debug, Serialize, JsonSchema)]
struct Made {
    /// What is sent along: `Authorization: Bearer …`.
    token: String,
    /// What revokes it.
    key: String,
}

async fn add_token(
    State(app): State<App>,
    visitor: Visitor,
    Body(new): Body<NewToken>,
) -> Result<Created<Made>, Problem> {
    if new.purpose.trim().is_empty() {
        return Err(Problem::bad_request("purpose: say what the token is for"));
    }
    let user = app.accounts.user(&new.user).await?;
    let user = user.ok_or_else(|| Problem::bad_request("user: there is none of this name"))?;
    let secret = app.accounts.add_token(&user.body, &new.purpose, new.expires, app.now()).await?;
    visitor.did(&app, "token.add", &user.body.name).await;
    let key = crate::accounts::fingerprint(secret.reveal());
    let at = format!("/api/tokens/{key}");
    Ok(Created { at, value: Made { token: secret.reveal().to_owned(), key } })
}

async fn revoke(
    State(app): State<App>,
    visitor: Visitor,
    Path(key): Path<String>,
) -> Result<Gone, Problem> {
    match app.accounts.revoke_token(&key, None).await? {
        true => visitor.did(&app, "token.revoke", &key).await,
        false => return Err(Problem::not_found()),
    }
    Ok(Gone)
}
