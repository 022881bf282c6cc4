//! A ResourceSync source: the documents of what is on a shelf, published again when it changes, and
//! the resources themselves.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{ALLOW, LINK};
use http::{HeaderValue, Method, Response, StatusCode};
use resync_core::publish::{Publication, Publisher, is_document};
use tokio::sync::Mutex;
use url::Url;

use super::documents::{self, CAPABILITY_LIST, DESCRIPTION};
use super::hub::{Callers, Hub};
use super::shelf::Shelf;

/// A source at one address. Clones are the same source.
#[derive(Clone)]
pub(crate) struct Source(Arc<Inner>);

struct Inner {
    shelf: Arc<dyn Shelf>,
    documents: PathBuf,
    /// With a slash at its end.
    base: Url,
    has_dumps: bool,
    hub: Option<Hub>,
    /// The state of the shelf at the last publication.
    published: Mutex<Option<String>>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("base", &self.0.base.as_str()).finish_non_exhaustive()
    }
}

impl Source {
    /// A source at `base`, whose documents are kept in the folder `documents`.
    pub(crate) fn new(shelf: Arc<dyn Shelf>, documents: &Path, mut base: Url) -> Self {
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Self(Arc::new(Inner {
            shelf,
            documents: documents.to_owned(),
            hub: None,
            base,
            has_dumps: false,
            published: Mutex::new(None),
        }))
    }

    /// Publishes dumps, too.
    pub(crate) fn dumps(self, has_dumps: bool) -> Self {
        self.with(|inner| inner.has_dumps = has_dumps)
    }

    /// Tells these of changes through a hub of its own, at `hub` below its address.
    pub(crate) fn hub(self, callers: Callers) -> Self {
        self.with(|inner| inner.hub = Some(Hub::new(&inner.base, callers)))
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        // There are no clones while it is being made.
        let Ok(mut inner) = Arc::try_unwrap(self.0).map_err(Self) else {
            unreachable!("a source is set up before it is shared")
        };
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// Where others begin.
    pub(crate) fn description(&self) -> String {
        format!("{}{DESCRIPTION}", self.0.base)
    }

    /// Publishes what is on the shelf, and tells the subscribers of the documents that changed.
    /// `None` if the shelf is as it was.
    ///
    /// # Errors
    /// If it cannot be published.
    pub(crate) async fn publish(&self) -> io::Result<Option<Publication>> {
        let mut published = self.0.published.lock().await;
        let state = self.0.shelf.state().await?;
        if state.is_some() && *published == state {
            return Ok(None);
        }
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            let publisher = Publisher::new(&inner.documents, inner.base.as_str())?;
            let resources = inner.shelf.resources(inner.base.as_str())?;
            publisher.dumps(inner.has_dumps).publish(resources)
        });
        let done = done.await.unwrap_or_else(|cause| Err(cause.into()))?;
        *published = state;
        if let Some(hub) = &self.0.hub {
            for name in done.written.iter().filter(|name| name.ends_with(".xml")) {
                let body = tokio::fs::read(self.0.documents.join(name)).await?;
                hub.distribute(&format!("{}{name}", self.0.base), body);
            }
        }
        Ok(Some(done))
    }

    /// Publishes again and again, as far apart as this; what fails is handed over.
    pub(crate) async fn keep_published(
        &self,
        apart: Duration,
        mut told: impl FnMut(io::Result<Publication>),
    ) {
        loop {
            tokio::time::sleep(apart).await;
            if let Some(done) = self.publish().await.transpose() {
                told(done);
            }
        }
    }

    /// What answers requests.
    pub(crate) fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    async fn take(&self, request: Request) -> io::Result<Response<Body>> {
        let path = request.uri().path();
        let name = match path.strip_prefix(self.0.base.path()) {
            Some(name) => name,
            // The description belongs at the root of the host, too.
            None => path.trim_start_matches('/'),
        };
        let name = name.to_owned();
        self.give(&name, request).await
    }

    /// Answers a request for what is at this name below the address.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) async fn give(&self, name: &str, request: Request) -> io::Result<Response<Body>> {
        let inner = &self.0;
        if let (Some(hub), "hub") = (&inner.hub, name) {
            return Ok(hub.take(request).await);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Ok(response);
        }
        let is_document = name == DESCRIPTION || is_document(name);
        let found = match is_document {
            true => documents::open(&inner.documents, name).await?,
            false => inner.shelf.open(name).await?,
        };
        let Some(found) = found else { return Ok(status(StatusCode::NOT_FOUND)) };
        let mut response = found.answer(request.method(), request.headers()).await?;
        let mut link = format!("<{}{CAPABILITY_LIST}>; rel=\"resourcesync\"", inner.base);
        if let (Some(hub), true) = (&inner.hub, is_document) {
            link += &format!(", {}", hub.links(&format!("{}{name}", inner.base)));
        }
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(LINK, link);
        }
        Ok(response)
    }
}

async fn answer(State(source): State<Source>, request: Request) -> Response<Body> {
    source.take(request).await.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{status}\n")));
    *response.status_mut() = status;
    response
}
