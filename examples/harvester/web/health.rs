//! For whoever watches the process: is it alive, and can it work?

use axum::extract::State;
use axum::http::StatusCode;

use super::app::App;
use super::route::{Access, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/healthz", Access::Open, async || "alive\n"),
        Route::get("/readyz", Access::Open, ready),
    ]
}

/// Whether the database can be read. Why not, only the log tells.
async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    let accounts = app.accounts.check().await.map_err(|error| error.to_string());
    let store = app.store.now().await.map_err(|error| error.to_string());
    match accounts.and(store) {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: the database cannot be used\n")
        }
    }
}
