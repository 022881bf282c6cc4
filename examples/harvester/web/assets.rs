//! Style sheet, scripts and icon: in the program, and kept by browsers until they change.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::accounts::fingerprint;

const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(crate) static STYLE: Asset =
    Asset::new("style.css", "text/css; charset=utf-8", include_str!("assets/style.css"));
pub(crate) static HTMX: Asset =
    Asset::new("htmx.min.js", SCRIPT, include_str!("assets/htmx.min.js"));
pub(crate) static HTMX_SSE: Asset =
    Asset::new("htmx-sse.min.js", SCRIPT, include_str!("assets/htmx-sse.min.js"));
pub(crate) static ICON: Asset =
    Asset::new("icon.svg", "image/svg+xml", include_str!("assets/icon.svg"));

static ALL: [&Asset; 4] = [&STYLE, &HTMX, &HTMX_SSE, &ICON];

/// A file that pages refer to.
#[derive(Debug)]
pub(crate) struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
    path: OnceLock<String>,
}

impl Asset {
    const fn new(name: &'static str, content_type: &'static str, content: &'static str) -> Self {
        Self { name, content_type, content, path: OnceLock::new() }
    }

    /// Its address, which is another when its content is.
    pub(crate) fn path(&self) -> &str {
        let path = || format!("/assets/{}?v={}", self.name, &fingerprint(self.content)[..8]);
        self.path.get_or_init(path)
    }
}

/// Serves a file.
pub(super) async fn serve(Path(name): Path<String>) -> Result<Response, Problem> {
    let asset = ALL.into_iter().find(|asset| asset.name == name).ok_or_else(Problem::not_found)?;
    let headers = [
        (CONTENT_TYPE, asset.content_type),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.content).into_response())
}
