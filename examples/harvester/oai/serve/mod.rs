//! `harvester oai serve`: a database, or a folder, as a repository.

mod catalogue;
mod folder;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use chrono::Utc;
use http::{Request, Response, StatusCode};
use oai_pmh::provider::{OutputSwitch, Provider, ProviderError, Repository};
use oai_pmh::xml::Cursor;
use oai_pmh::{Identify, MetadataFormat};
use serde_json::json;
use tokio::net::TcpListener;

use crate::args::{GlobalArgs, ProvideArgs};
use crate::database::{self, Records};
use crate::output;
use crate::progress::Console;
use crate::report::{Failure, Status};
use crate::signals::stop_on_signals;

/// The longest form that is read, in bytes.
const FORM: usize = 64 << 10;

pub(super) async fn run(
    args: &ProvideArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        Failure::new(format!("cannot listen at {}: {error}", args.listen))
            .with_advice("Name another address, such as 127.0.0.1:0 for any port that is free.")
    })?;
    let address = listener.local_addr()?;
    let base_url = match &args.base_url {
        Some(url) => url.to_string(),
        None => format!("http://{address}/oai"),
    };
    if args.admin.ends_with("@localhost.localdomain") {
        console.warning("nobody can be reached at the address given out: name one by --admin");
    }
    let identify = Identify::new(&args.name, &base_url, &args.admin);
    let mut opened = None;
    let repository: Arc<dyn Repository> = if database::is_named(&args.from) {
        let records = Records::open_existing(&args.from).await?;
        let catalogue = records.catalogue();
        let repository = catalogue::publish(args, catalogue, identify, console).await?;
        opened = Some(records);
        Arc::new(repository)
    } else {
        folder::publish(args, identify, console).await?
    };
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
            format!(
                "serving {} at {base_url}\n  harvester oai identify {base_url}\n",
                database::shown(&args.from)
            )
        }
    })?;
    let stop = stop_on_signals(console).cancelled_owned();
    let served = axum::serve(listener, router(provider)).with_graceful_shutdown(stop).await;
    served.map_err(|error| Failure::new(format!("the server has failed: {error}")))?;
    if let Some(records) = opened {
        records.close().await?;
    }
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

/// A format, as a record in it shows it.
fn format_shown(prefix: &str, xml: &str) -> Option<MetadataFormat> {
    let mut cursor = Cursor::new(xml);
    let root = cursor.next_child().ok()??;
    let namespace = root.namespace().unwrap_or_default().to_owned();
    let locations = cursor.attribute(&root, "schemaLocation").ok().flatten().unwrap_or_default();
    let mut words = locations.split_whitespace();
    let schema = words.find(|word| *word == namespace).and_then(|_| words.next());
    let schema = schema.unwrap_or(&namespace).to_owned();
    Some(MetadataFormat::new(prefix, schema, namespace))
}
