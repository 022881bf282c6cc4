//! Tokens: one's own, and for administrators those of all.

use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::exchange::{Body, Created, Gone, Limit, Listing, Params};
use crate::accounts::{NewToken, Permission, Role, Token};
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::settings::people;
use crate::web::visitor::Visitor;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::View;
    vec![
        Endpoint::get(
            "/api/tokens",
            View,
            "One's own tokens, or for administrators those of all, without what is secret",
            list,
        ),
        Endpoint::post("/api/tokens", View, "Makes a token; it is told this once", add),
        Endpoint::delete("/api/tokens/{key}", View, "Revokes a token", revoke),
    ]
}

/// A token, without what is secret.
#[derive(Debug, Serialize, JsonSchema)]
struct Known {
    /// What revokes it.
    key: String,
    /// Whose it is.
    user: String,
    /// What it is for.
    purpose: String,
    /// No more than somebody of this role may; none: all that its user may.
    role: Option<Role>,
    /// Since when there is it.
    created: DateTime<Utc>,
    /// Until when it is good; none: until it is revoked.
    expires: Option<DateTime<Utc>>,
    /// When it was used last, to some minutes.
    used: Option<DateTime<Utc>>,
}

impl From<(String, Token)> for Known {
    fn from((key, token): (String, Token)) -> Self {
        let Token { user, purpose, role, created, expires, used } = token;
        Self { key, user, purpose, role, created, expires, used }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only those of this user; one's own, unless one administers.
    user: Option<String>,
    /// Only those behind this key.
    after: Option<String>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Params(wanted): Params<Wanted>,
) -> Result<Listing<Known>, Problem> {
    let own = people::oneself(&visitor)?;
    let user = match wanted.user.as_deref() {
        user if visitor.may(Permission::Administer) => user,
        Some(user) if user != own.name => return Err(Problem::forbidden()),
        _ => Some(own.name.as_str()),
    };
    let found = app.accounts.tokens(user, wanted.after.as_deref(), wanted.limit.rows()).await?;
    let found = found.into_iter().map(Known::from).collect();
    Ok(Listing::new(&visitor, wanted.limit.get(), found, |token: &Known| token.key.clone()))
}

/// A token to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Whose it is; none: one's own. Those of others are made by administrators.
    #[serde(default)]
    user: Option<String>,
    /// What it is for.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
    purpose: String,
    /// No more than somebody of this role may; none: all that its user may.
    #[serde(default)]
    role: Option<Role>,
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

async fn add(
    State(app): State<App>,
    visitor: Visitor,
    Body(asked): Body<Asked>,
) -> Result<Created<Made>, Problem> {
    let own = people::oneself(&visitor)?;
    let user = match asked.user {
        Some(name) if name != own.name => {
            if !visitor.may(Permission::Administer) {
                return Err(Problem::forbidden());
            }
            let user = app.accounts.user(&name).await?;
            user.ok_or_else(|| Problem::bad_request("user: there is none of this name"))?.body
        }
        _ => own.clone(),
    };
    let new = NewToken { purpose: asked.purpose, role: asked.role, expires: asked.expires };
    let (secret, key) = people::add_token(&app, &visitor, &user, new).await?;
    let at = format!("/api/tokens/{key}");
    Ok(Created { at, value: Made { token: secret.reveal().to_owned(), key } })
}

async fn revoke(
    State(app): State<App>,
    visitor: Visitor,
    Path(key): Path<String>,
) -> Result<Gone, Problem> {
    people::revoke_token(&app, &visitor, &key).await?;
    Ok(Gone)
}
