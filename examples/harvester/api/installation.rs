//! The installation itself: the kinds of sources that it knows, and how it is.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::exchange::{Listing, Reply};
use crate::accounts::Permission;
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::sources::kinds;
use crate::web::visitor::Visitor;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::View;
    vec![
        Endpoint::get("/api/kinds", View, "The kinds of sources, and what can be set", list),
        Endpoint::get("/api/health", View, "How the installation is", health),
    ]
}

/// A kind of sources.
#[derive(Debug, Serialize, JsonSchema)]
struct Kind {
    /// The name it is kept under.
    name: String,
    /// What people call it.
    title: String,
    /// Its options, as a JSON Schema.
    options: Value,
}

async fn list(State(app): State<App>, visitor: Visitor) -> Result<Listing<Kind>, Problem> {
    let kinds = kinds(&app, &visitor).map(|kind| Kind {
        name: kind.name().to_owned(),
        title: kind.title().to_owned(),
        options: kind.schema().clone(),
    });
    Ok(Listing::whole(kinds.collect()))
}

/// How the installation is.
#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// The version of this program.
    version: &'static str,
    /// The time by the store's clock.
    time: DateTime<Utc>,
    /// In how many seconds the next run is due by a schedule; none: nothing is.
    next_due: Option<u64>,
}

async fn health(State(app): State<App>) -> Result<Reply<Health>, Problem> {
    app.accounts.check().await?;
    let time = app.store.now().await?;
    let next_due = app.store.next_due().await?.map(|wait| wait.as_secs());
    Ok(Reply(Health { version: env!("CARGO_PKG_VERSION"), time, next_due }))
}
