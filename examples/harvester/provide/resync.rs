//! ResourceSync: each source at `/resync/SOURCE/`, and a description that leads to all of them.
//!
//! The documents are in a folder, and published again when a run has changed something: so lists of
//! changes say what changed since the last publication. While the output of a source is off, they stay
//! as they are: to others, nothing has changed.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use harvest_pipeline::{Catalogue, RunError, SourceId};
use resync_core::document::{Capability, Document, Entry, Head, to_xml};
use url::Url;

use super::Provide;
use super::limits::{What, address};
use crate::accounts::fingerprint;
use crate::serve::catalogue::{CatalogueShelf, State as Stock, states};
use crate::serve::hub::Callers;
use crate::serve::source::Source;
use crate::web::sources::in_path;

/// How long it takes at most until a change is published, unless the store tells of it before.
const LOOKED: Duration = Duration::from_secs(5);
/// And how long at least, so that a run that is busy does not keep others busy.
const REST: Duration = Duration::from_secs(1);
/// The longest name of a folder.
const LONGEST: usize = 200;
const CAPABILITY_LIST: &str = "capabilitylist.xml";

pub(super) fn router() -> Router<Provide> {
    Router::new()
        .route("/.well-known/resourcesync", get(description))
        .route("/resync/{source}/{*name}", any(give))
}

/// The sources as they are given out.
#[derive(Debug)]
pub(super) struct Sources {
    catalogue: Arc<dyn Catalogue>,
    folder: PathBuf,
    base: Url,
    callers: Option<Callers>,
    known: Mutex<HashMap<SourceId, Source>>,
}

impl Sources {
    pub(super) fn new(
        catalogue: &Arc<dyn Catalogue>,
        folder: PathBuf,
        base: &Url,
        callers: Option<Callers>,
    ) -> Self {
        let (catalogue, base) = (Arc::clone(catalogue), base.clone());
        Self { catalogue, folder, base, callers, known: Mutex::default() }
    }

    /// Where the documents of a source are.
    fn folder(&self, id: &SourceId) -> PathBuf {
        let name = in_path(id.as_str()).to_string();
        self.folder.join(if name.len() > LONGEST { fingerprint(id.as_str()) } else { name })
    }

    fn address(&self, id: &SourceId) -> String {
        format!("{}resync/{}/", self.base, in_path(id.as_str()))
    }

    /// A source, which somebody has set up.
    fn source(&self, id: &SourceId) -> io::Result<Source> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = known.get(id) {
            return Ok(source.clone());
        }
        let shelf = CatalogueShelf::new(Arc::clone(&self.catalogue), Some(id.clone()));
        let base = Url::parse(&self.address(id)).map_err(io::Error::other)?;
        let source = Source::new(Arc::new(shelf), &self.folder(id), base);
        let source = match &self.callers {
            Some(callers) => source.hub(callers.clone()),
            None => source,
        };
        known.insert(id.clone(), source.clone());
        Ok(source)
    }
}

/// Publishes what has changed, again and again.
pub(super) async fn keep(provide: &Provide) {
    let mut published = HashMap::new();
    loop {
        if let Err(error) = publish(provide, &mut published).await {
            tracing::warn!(%error, "what changed cannot be published by ResourceSync");
        }
        tokio::time::sleep(REST).await;
        provide.0.store.changed(LOOKED).await;
    }
}

/// Publishes the sources that are not as they were when they were published last.
async fn publish(
    provide: &Provide,
    published: &mut HashMap<SourceId, Stock>,
) -> Result<(), RunError> {
    let Some(sources) = &provide.0.resync else { return Ok(()) };
    let stock = states(&*sources.catalogue).await?;
    let changed = |id: &SourceId, published: &HashMap<SourceId, Stock>| {
        stock.get(id).filter(|it| !it.is_busy && published.get(id) != Some(it)).cloned()
    };
    for definition in provide.definitions().await? {
        let id = &definition.id;
        let Some(now) = changed(id, published).filter(|_| definition.output.is_on()) else {
            continue;
        };
        let done = async {
            tokio::fs::create_dir_all(sources.folder(id)).await?;
            sources.source(id)?.publish().await
        };
        match done.await {
            Ok(_) => drop(published.insert(id.clone(), now)),
            // Another process publishes it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => tracing::warn!(%error, source = %id, "cannot be published"),
        }
    }
    Ok(())
}

/// The way to the capability lists of all sources (ResourceSync §8).
async fn description(State(provide): State<Provide>, request: Request) -> Response {
    let _turn = match provide.0.limits.turn(What::List, address(&request)).await {
        Ok(turn) => turn,
        Err(later) => return later,
    };
    let Some(sources) = &provide.0.resync else { return StatusCode::NOT_FOUND.into_response() };
    let document = async {
        let mut document = Document::new(Head::list(Capability::Description));
        for definition in provide.definitions().await? {
            let list = sources.folder(&definition.id).join(CAPABILITY_LIST);
            if tokio::fs::try_exists(list).await.unwrap_or(false) {
                let address = format!("{}{CAPABILITY_LIST}", sources.address(&definition.id));
                let mut entry = Entry::new(address);
                entry.md.capability = Some(Capability::CapabilityList);
                document.entries.push(entry);
            }
        }
        to_xml(&document).map_err(|error| failed(&error))
    };
    match document.await {
        Ok(xml) => ([(CONTENT_TYPE, "application/xml")], xml).into_response(),
        Err(error) => {
            tracing::error!(%error, "the sources cannot be described");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn failed(error: &io::Error) -> RunError {
    RunError::new(harvest_pipeline::Stage::Source, error.to_string())
}

/// A document, a record, or a word with the hub.
async fn give(
    State(provide): State<Provide>,
    Path((source, _)): Path<(String, String)>,
    request: Request,
) -> Response {
    let tally = &provide.0.tally;
    let _turn = match provide.0.limits.turn(What::Resource, address(&request)).await {
        Ok(turn) => turn,
        Err(later) => {
            tally.provided("resync", "delayed");
            return later;
        }
    };
    let response = match try_give(&provide, SourceId::from(source), request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a resource cannot be given out");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    let is_well = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    tally.provided("resync", if is_well { "answered" } else { "refused" });
    response
}

async fn try_give(
    provide: &Provide,
    id: SourceId,
    request: Request,
) -> Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
    let Some(sources) = &provide.0.resync else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    let name = name(request.uri());
    let is_set_up = provide.0.store.source(&id).await?.is_some();
    let (Some(name), true) = (name, is_set_up) else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    Ok(sources.source(&id)?.give(&name, request).await?)
}

/// What is asked for below the address of a source, as it stands there.
fn name(asked: &Uri) -> Option<String> {
    let (_, name) = asked.path().strip_prefix("/resync/")?.split_once('/')?;
    Some(name.to_owned())
}
