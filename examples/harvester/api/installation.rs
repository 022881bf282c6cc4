//! The installation itself: the kinds of sources that it knows, and how it is.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::exchange::{Body, Gone, Listing, Reply};
use crate::accounts::Permission;
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::settings::installation::{disk, send_test};
use crate::web::sources::kinds;
use crate::web::visitor::Visitor;

/// So many hosts that wait are named.
const MOST_HOSTS: usize = 500;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::{Administer, View};
    vec![
        Endpoint::get("/api/kinds", View, "The kinds of sources, and what can be set", list),
        Endpoint::get("/api/health", View, "How the installation is", health),
        Endpoint::get(
            "/api/installation",
            Administer,
            "What is set and where, without secrets; which roles are alive; what waits",
            installation,
        ),
        Endpoint::post("/api/installation/mail", Administer, "Sends a test mail", try_mail),
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

/// What is set and where, which roles are alive, and what waits.
#[derive(Debug, Serialize, JsonSchema)]
struct Setup {
    /// The version of this program.
    version: &'static str,
    /// The database, and its version.
    database: String,
    /// How many bytes it takes.
    database_size: u64,
    /// How many bytes are free where it is; none: it is on another machine.
    disk_free: Option<u64>,
    /// Every setting.
    settings: Vec<Setting>,
    /// The roles that were heard of within a day.
    roles: Vec<Role>,
    /// The hosts that are not to be asked yet.
    waiting_hosts: Vec<Host>,
}

/// Something that is set.
#[derive(Debug, Serialize, JsonSchema)]
struct Setting {
    /// Its name in the configuration file.
    name: String,
    /// Its value, as it would be written there; secrets are not shown.
    value: String,
    /// Where it was set: `default`, `file`, `environment`, `command-line`.
    place: &'static str,
}

/// A role of a process.
#[derive(Debug, Serialize, JsonSchema)]
struct Role {
    /// `serve`, `worker` or `scheduler`.
    role: String,
    /// The process.
    name: String,
    /// Which version of the program it is.
    version: String,
    /// Since when it is there.
    since: DateTime<Utc>,
    /// When it was heard of last.
    heard: DateTime<Utc>,
    /// Whether that was lately.
    alive: bool,
}

/// A host that is not to be asked yet.
#[derive(Debug, Serialize, JsonSchema)]
struct Host {
    /// Its name.
    host: String,
    /// In how many seconds it may be asked.
    wait: u64,
    /// For how many more seconds it wants to be left alone.
    alone: u64,
}

async fn installation(State(app): State<App>) -> Result<Reply<Setup>, Problem> {
    let engine = app.accounts.engine().await?;
    let now = app.now();
    let settings = app.setup.settings.iter().map(|setting| Setting {
        name: setting.name.clone(),
        value: setting.value.clone(),
        place: setting.place.as_str(),
    });
    let roles = app.accounts.present(now).await?.into_iter().map(|one| Role {
        alive: one.is_alive(now),
        role: one.role,
        name: one.name,
        version: one.version,
        since: one.since,
        heard: one.heard,
    });
    let hosts = app.store.waiting_hosts(MOST_HOSTS).await?.into_iter().map(|host| Host {
        wait: host.wait().as_secs(),
        alone: host.alone.as_secs(),
        host: host.host,
    });
    Ok(Reply(Setup {
        version: env!("CARGO_PKG_VERSION"),
        database: engine.version,
        database_size: engine.size,
        disk_free: app.setup.folder.as_deref().and_then(disk).map(|(free, _)| free),
        settings: settings.collect(),
        roles: roles.collect(),
        waiting_hosts: hosts.collect(),
    }))
}

/// Where a test mail goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tried {
    /// The address.
    to: String,
}

async fn try_mail(
    State(app): State<App>,
    visitor: Visitor,
    Body(tried): Body<Tried>,
) -> Result<Gone, Problem> {
    send_test(&app, &visitor, tried.to.trim()).await?;
    Ok(Gone)
}
