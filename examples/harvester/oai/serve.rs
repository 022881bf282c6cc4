//! `harvester oai serve`: a database as a repository.

use axum::Router;
use axum::body::{Body, to_bytes};
use chrono::Utc;
use futures_util::TryStreamExt;
use harvest_pipeline::{CatalogueRepository, Query, SourceId, SqliteCatalogue};
use http::{Request, Response, StatusCode};
use oai_pmh::provider::{OutputSwitch, Provider, ProviderError};
use oai_pmh::xml::Cursor;
use oai_pmh::{Identify, MetadataFormat};
use serde_json::json;
use tokio::net::TcpListener;

use crate::args::{GlobalArgs, ProvideArgs};
use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::{database, output};

/// The longest form that is read, in bytes.
const FORM: usize = 64 << 10;

pub(super) async fn run(
    args: &ProvideArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let catalogue = SqliteCatalogue::open_existing(database::sqlite(&args.from)?).await?;
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        Failure::new(format!("cannot listen at {}: {error}", args.listen))
            .with_advice("Name another address, such as 127.0.0.1:0 for any port that is free.")
    })?;
    let address = listener.local_addr()?;
    let base_url = match &args.base_url {
        Some(url) => url.to_string(),
        None => format!("http://{address}/oai"),
    };
    let identify = Identify::new(&args.name, &base_url, &args.admin);
    let repository = publish(args, catalogue.clone(), identify, console).await?;
    let key = match &args.token_key {
        Some(key) => key.as_bytes().to_vec(),
        None => {
            let mut key = vec![0; 32];
            getrandom::fill(&mut key)
                .map_err(|error| Failure::new(format!("no key can be made: {error}")))?;
            key
        }
    };
    let refused = |error: ProviderError| Failure::usage(error.to_string());
    let mut provider =
        Provider::new(repository, &key).map_err(refused)?.page_records(args.page.into());
    if args.output_off {
        provider = provider.switch(OutputSwitch::off_since(Utc::now()));
    }
    output::print(match global.json {
        true => format!("{}\n", json!({"event": "serving", "base_url": base_url})),
        false => {
            format!("serving {} at {base_url}\n  harvester oai identify {base_url}\n", args.from)
        }
    })?;
    let stop = async {
        // Without signals to listen to, the process just ends, which loses nothing either.
        let _ = tokio::signal::ctrl_c().await;
    };
    let served = axum::serve(listener, router(provider)).with_graceful_shutdown(stop).await;
    served.map_err(|error| Failure::new(format!("the server has failed: {error}")))?;
    catalogue.close().await?;
    Ok(Status::Complete)
}

/// A provider at any path.
pub(crate) fn router(provider: Provider) -> Router {
    Router::new().fallback(move |request| answer(provider.clone(), request))
}

async fn answer(provider: Provider, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(form) = to_bytes(body, FORM).await else {
        let mut response = Response::new(Body::from("the form is too long, or broke off\n"));
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return response;
    };
    provider.handle(&Request::from_parts(head, form)).await.map(Body::from)
}

/// What the catalogue has, each source in its format.
async fn publish(
    args: &ProvideArgs,
    catalogue: SqliteCatalogue,
    identify: Identify,
    console: &Console,
) -> Result<CatalogueRepository, Failure> {
    let mut found: Vec<(SourceId, MetadataFormat)> = Vec::new();
    for summary in catalogue.sources().await? {
        let source = summary.source;
        if args.source.as_ref().is_some_and(|wanted| wanted != source.as_str()) {
            continue;
        }
        let Some(format) = format_of(&catalogue, &source).await? else {
            console.warning(&format!("{source} has no records: it is not served"));
            continue;
        };
        if let Some((other, _)) = found.iter().find(|(_, known)| known.prefix == format.prefix) {
            let message = format!("{other} and {source} were both harvested as {}", format.prefix);
            return Err(Failure::usage(format!("{message}: choose one with --source")));
        }
        found.push((source, format));
    }
    if found.is_empty() {
        let message = format!("{} has nothing to serve", args.from);
        return Err(Failure::new(message)
            .with_advice("`harvester records` prints what is there, and from which sources."));
    }
    let repository = CatalogueRepository::new(catalogue, identify);
    Ok(found.into_iter().fold(repository, |all, (source, format)| all.publish(source, format)))
}

/// The format of a source's records, as the first of them shows it.
async fn format_of(
    catalogue: &SqliteCatalogue,
    source: &SourceId,
) -> Result<Option<MetadataFormat>, Failure> {
    let query = Query::all().of(source.clone()).live_only();
    let Some(first) = catalogue.records(query).try_next().await? else { return Ok(None) };
    let (Some(prefix), Some(xml)) = (first.format, first.metadata) else { return Ok(None) };
    let mut cursor = Cursor::new(&xml);
    let Ok(Some(root)) = cursor.next_child() else { return Ok(None) };
    let namespace = root.namespace().unwrap_or_default().to_owned();
    let locations = cursor.attribute(&root, "schemaLocation").ok().flatten().unwrap_or_default();
    let mut words = locations.split_whitespace();
    let schema = words.find(|word| *word == namespace).and_then(|_| words.next());
    let schema = schema.unwrap_or(&namespace).to_owned();
    Ok(Some(MetadataFormat::new(prefix, schema, namespace)))
}
