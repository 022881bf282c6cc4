//! The API: what the pages show and do, for programs.
//!
//! ```text
//! endpoint   a route, and what its handler's types say of it
//! exchange   parameters, bodies, answers, lists
//! openapi    the description, made from the endpoints; page: the same for people
//! version    ETag and If-Match
//! sources, connect, runs, records, filter_sets, targets, users, tokens, audit, account, installation:
//!            what there is
//! live       one reader of the store that tells all who watch; events: the stream of that
//! metrics    how it goes, for Prometheus
//! ```

mod account;
mod audit;
mod connect;
mod endpoint;
mod events;
mod exchange;
mod filter_sets;
mod installation;
pub(crate) mod live;
pub(crate) mod metrics;
mod openapi;
mod page;
mod records;
mod runs;
mod sources;
mod targets;
mod tokens;
mod users;
mod version;

use harvest_pipeline::SourceId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::endpoint::Endpoint;
use crate::web::App;
use crate::web::problem::Problem;
use crate::web::route::Route;
use crate::web::sources::find;
use crate::web::visitor::Visitor;

/// The lines of the table of routes.
pub(crate) fn routes() -> Vec<Route> {
    let api = endpoints().into_iter().map(|endpoint| endpoint.route);
    api.chain([page::route(), metrics::route()]).collect()
}

/// Everything that the API has.
fn endpoints() -> Vec<Endpoint> {
    let mut all = sources::endpoints();
    all.extend(connect::endpoints());
    all.extend(runs::endpoints());
    all.extend(events::endpoints());
    all.extend(records::endpoints());
    all.extend(filter_sets::endpoints());
    all.extend(targets::endpoints());
    all.extend(installation::endpoints());
    all.extend(users::endpoints());
    all.extend(tokens::endpoints());
    all.extend(audit::endpoints());
    all.extend(account::endpoints());
    all.extend(openapi::endpoints());
    all
}

/// The source that a list is confined to. A site contact has to name one of theirs.
async fn confine(
    app: &App,
    visitor: &Visitor,
    source: Option<String>,
) -> Result<Option<SourceId>, Problem> {
    match source {
        Some(source) => reach(app, visitor, source).await.map(Some),
        None if visitor.confined_to().is_none() => Ok(None),
        None => Err(Problem::bad_request("source: name a source of yours")),
    }
}

/// The source of this id. For a site contact it must be one of theirs; for others it may also be one
/// that is not set up here, and of which there are records.
async fn reach(app: &App, visitor: &Visitor, id: String) -> Result<SourceId, Problem> {
    if visitor.confined_to().is_some() {
        find(app, visitor, &id).await?;
    }
    Ok(SourceId::from(id))
}

/// What is written otherwise in an address.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

fn in_path(text: &str) -> String {
    utf8_percent_encode(text, IN_PATH).to_string()
}
