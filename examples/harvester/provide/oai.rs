//! OAI-PMH: `/oai` has the records of all sources, `/oai/SOURCE` those of one under the names that they
//! have there.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use harvest_pipeline::{CatalogueRepository, Naming, RunError, SourceId};
use oai_pmh::provider::Provider;

use super::limits::{What, address};
use super::{Provide, output};

/// The longest form that is read, in bytes.
const FORM: usize = 64 << 10;

pub(super) fn router() -> Router<Provide> {
    Router::new().route("/oai", any(all)).route("/oai/{source}", any(one))
}

async fn all(State(provide): State<Provide>, request: Request) -> Response {
    let repository = async {
        let base = format!("{}oai", provide.0.base);
        let settings = &provide.0.settings;
        let namespace = match settings.namespace.as_str() {
            "" => provide.0.base.host_str().unwrap_or("localhost"),
            namespace => namespace,
        };
        let repository = CatalogueRepository::new(
            Arc::clone(provide.0.shelves.catalogue()),
            provide.identify(&settings.name, &base),
        );
        let repository = repository.naming(Naming::new(namespace));
        let shelves = provide.all_shelves().await?;
        Ok(Some(shelves.into_iter().fold(repository, CatalogueRepository::publish)))
    };
    answer(&provide, "oai", repository, request).await
}

async fn one(
    State(provide): State<Provide>,
    Path(source): Path<String>,
    request: Request,
) -> Response {
    let repository = async {
        let source = SourceId::from(source);
        let Some(shelf) = provide.shelf(&source).await? else { return Ok(None) };
        let base = provide.oai_of(&source).unwrap_or_default();
        let repository = CatalogueRepository::new(
            Arc::clone(provide.0.shelves.catalogue()),
            provide.identify(&shelf.title, &base),
        );
        Ok(Some(repository.publish(shelf)))
    };
    answer(&provide, "oai-source", repository, request).await
}

async fn answer(
    provide: &Provide,
    endpoint: &'static str,
    repository: impl Future<Output = Result<Option<CatalogueRepository>, RunError>> + Send,
    request: Request,
) -> Response {
    let tally = &provide.0.tally;
    let _turn = match provide.0.limits.turn(What::List, address(&request)).await {
        Ok(turn) => turn,
        Err(later) => {
            tally.provided(endpoint, "delayed");
            return later;
        }
    };
    let response = match try_answer(provide, repository, request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, endpoint, "records cannot be given out");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    let outcome = if response.status().is_success() { "answered" } else { "refused" };
    tally.provided(endpoint, outcome);
    response
}

async fn try_answer(
    provide: &Provide,
    repository: impl Future<Output = Result<Option<CatalogueRepository>, RunError>> + Send,
    request: Request,
) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
    let Some(repository) = repository.await? else {
        return Ok((StatusCode::NOT_FOUND, "there is no such source\n").into_response());
    };
    let (head, body) = request.into_parts();
    let Ok(form) = to_bytes(body, FORM).await else {
        let why = "the form is too long, or broke off\n";
        return Ok((StatusCode::PAYLOAD_TOO_LARGE, why).into_response());
    };
    let repository = Arc::new(repository);
    let provider = Provider::new(Arc::clone(&repository), provide.0.token_key.as_bytes())?
        .page_records(provide.0.settings.page_records as usize);
    let response = provider.handle(&Request::from_parts(head, form)).await.map(Body::from);
    // Before the answer goes out: whoever has it will not ask for this time again.
    for (source, withheld) in repository.withheld() {
        output::note(&provide.0.documents, &source, withheld.from).await?;
    }
    Ok(response)
}
