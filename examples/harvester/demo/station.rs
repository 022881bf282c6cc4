//! A research station: a harvest list, as Metacat reads them, and the descriptions of data in it.

use std::sync::PoisonError;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use harvest_pipeline::harvest_list::{self, Document};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use url::Url;

use super::library::Shared;
use super::world::{Languages, Work, eml};

/// Where the list is.
pub(super) const LIST: &str = "list.xml";

/// The group of documents that all of the station are in.
const SCOPE: &str = "station";

/// The station at one address.
#[derive(Clone)]
struct Station {
    holdings: Shared,
    base: Url,
}

/// What answers requests at this address, which ends with a slash.
pub(super) fn router(holdings: Shared, base: Url) -> Router {
    Router::new()
        .route(&format!("/{LIST}"), get(list))
        .route("/documents/{number}/{revision}", get(document))
        .with_state(Station { holdings, base })
}

/// The documents that are there, each in its newest revision.
async fn list(State(station): State<Station>) -> Response {
    let holdings = station.holdings.read().unwrap_or_else(PoisonError::into_inner).clone();
    let held = (0..holdings.total()).filter_map(|number| holdings.get(number));
    let documents = held.filter(|held| !held.deleted).filter_map(|held| {
        Some(Document {
            scope: SCOPE.to_owned(),
            identifier: i64::try_from(held.number).ok()?,
            revision: held.version.into(),
            document_type: eml::NAMESPACE.to_owned(),
            url: format!("{}documents/{}/{}", station.base, held.number, held.version),
        })
    });
    xml(harvest_list::write(&documents.collect::<Vec<_>>()))
}

/// A revision never changes, and stays when there are newer ones.
async fn document(
    State(station): State<Station>,
    Path((number, revision)): Path<(u64, u32)>,
) -> Response {
    let holdings = station.holdings.read().unwrap_or_else(PoisonError::into_inner);
    let held = holdings.get(number).filter(|held| !held.deleted);
    match held.filter(|held| (1..=held.version).contains(&revision)) {
        Some(_) => {
            xml(eml::write(&Work::new(holdings.seed(), number, revision, Languages::All), SCOPE))
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn xml(text: String) -> Response {
    ([(CONTENT_TYPE, "application/xml")], text).into_response()
}
