//! One's own account.

use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::exchange::{Body, Gone, Listing, Reply};
use super::users::Person;
use crate::accounts::{AccountError, OpenSession, Permission};
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::settings::people::oneself;
use crate::web::visitor::Visitor;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::View;
    vec![
        Endpoint::get("/api/account", View, "Who one is", get),
        Endpoint::post(
            "/api/account/password",
            View,
            "Changes one's own password; all sessions end",
            change_password,
        ),
        Endpoint::get("/api/account/sessions", View, "One's own sessions in browsers", sessions),
        Endpoint::delete("/api/account/sessions/{key}", View, "Ends a session", end),
    ]
}

async fn get(visitor: Visitor) -> Result<Reply<Person>, Problem> {
    let user = visitor.user().ok_or_else(Problem::forbidden)?;
    Ok(Reply(user.clone().into()))
}

/// A password in place of another.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Passwords {
    /// The one that there is.
    old: String,
    /// The one that there is to be.
    #[schemars(length(min = 10, max = 200))]
    new: String,
}

async fn change_password(
    State(app): State<App>,
    visitor: Visitor,
    Body(sent): Body<Passwords>,
) -> Result<Gone, Problem> {
    let user = oneself(&visitor)?;
    let changed = app.accounts.change_password(&user.name, &sent.old, &sent.new, app.now()).await;
    changed.map_err(|error| match error {
        AccountError::WrongPassword => Problem::bad_request(format!("old: {error}")),
        AccountError::Password => Problem::bad_request(format!("new: {error}")),
        error => error.into(),
    })?;
    visitor.did(&app, "password.change", &user.name).await;
    Ok(Gone)
}

/// A session in a browser.
#[derive(Debug, Serialize, JsonSchema)]
struct Known {
    /// What ends it.
    key: String,
    /// When it was begun.
    began: DateTime<Utc>,
    /// When it was used last, to some minutes.
    used: DateTime<Utc>,
    /// From which address it was begun.
    address: String,
    /// What the browser called itself.
    agent: String,
    /// Whether it is the one in which this is asked.
    current: bool,
}

async fn sessions(State(app): State<App>, visitor: Visitor) -> Result<Listing<Known>, Problem> {
    let open = app.accounts.sessions(oneself(&visitor)?, app.now()).await?;
    let known = |session: OpenSession| Known {
        current: visitor.session() == Some(session.key.as_str()),
        key: session.key,
        began: session.began,
        used: session.used,
        address: session.address,
        agent: session.agent,
    };
    Ok(Listing::whole(open.into_iter().map(known).collect()))
}

async fn end(
    State(app): State<App>,
    visitor: Visitor,
    Path(key): Path<String>,
) -> Result<Gone, Problem> {
    let user = oneself(&visitor)?;
    if !app.accounts.end_session(user, &key).await? {
        return Err(Problem::not_found());
    }
    visitor.did(&app, "session.end", &user.name).await;
    Ok(Gone)
}
