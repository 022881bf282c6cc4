//! Connect: what is at an address, before a source is set up there.

use axum::extract::State;
use harvest_pipeline::SignIn;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::endpoint::Endpoint;
use super::exchange::{Body, Reply};
use crate::accounts::Permission;
use crate::connect::{Found, connect};
use crate::web::App;
use crate::web::problem::Problem;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post(
        "/api/connect",
        Permission::EditSources,
        "Asks an address what can be harvested there; nothing is kept",
        ask,
    )]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The address: of a repository, a document of ResourceSync, a site, or a harvest list.
    url: Url,
    /// Name to sign in with.
    user: Option<String>,
    /// Password that belongs to the name.
    password: Option<String>,
    /// Token to sign in with, in place of name and password.
    token: Option<String>,
}

async fn ask(State(app): State<App>, Body(asked): Body<Asked>) -> Result<Reply<Found>, Problem> {
    let Asked { url, user, password, token } = asked;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
        return Err(Problem::bad_request("url: write http or https, and user and password apart"));
    }
    let said = [("user", user), ("password", password), ("token", token)];
    let said = said.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?))));
    let sign_in = SignIn::of(&serde_json::Value::Object(said.collect()));
    let sign_in = sign_in.map_err(Problem::bad_request)?;
    let found = connect(&url, &sign_in, app.reach.clone()).await;
    found.map(Reply).map_err(|failed| Problem::bad_request(failed.to_string()))
}
