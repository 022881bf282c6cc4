//! Who did what, for administrators.

use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use super::exchange::{Limit, Listing, Params};
use crate::accounts::{AuditEntry, AuditQuery, Permission};
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get("/api/audit", Permission::Administer, "Who did what, newest first", list)]
}

/// Something that somebody did.
#[derive(Debug, Serialize, JsonSchema)]
struct Done {
    /// Where the list goes on behind it.
    key: String,
    /// When it was.
    time: DateTime<Utc>,
    /// Who did it; none: nobody who was logged in.
    who: Option<String>,
    /// What: `source.change`, `login.refused`.
    what: String,
    /// To what: the id of a source, the number of a run, the name of a user.
    about: String,
    /// From where: an address, or `command line`.
    address: String,
}

impl From<AuditEntry> for Done {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { key, time, deed } = entry;
        Self { key, time, who: deed.who, what: deed.what, about: deed.about, address: deed.address }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only what this person did.
    who: Option<String>,
    /// Only what begins so: `source.`.
    what: Option<String>,
    /// Only what was done to something that has this in its name.
    about: Option<String>,
    /// Only since this time,
    since: Option<DateTime<Utc>>,
    /// and before this one.
    until: Option<DateTime<Utc>>,
    /// Only those behind, that is before, this key.
    after: Option<String>,
    /// So many at most.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Params(wanted): Params<Wanted>,
) -> Result<Listing<Done>, Problem> {
    let Wanted { who, what, about, since, until, after, limit } = wanted;
    let query = AuditQuery { who, what, about, since, until, before: after };
    let found = app.accounts.audited(&query, limit.rows()).await?;
    let found = found.into_iter().map(Done::from).collect();
    Ok(Listing::new(&visitor, limit.get(), found, |done: &Done| done.key.clone()))
}
