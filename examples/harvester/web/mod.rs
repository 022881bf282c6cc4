//! The admin system in a browser: pages made on the server, that need no script.
//!
//! `README.md` beside this file says how a page, a message, a route or a permission is added.

mod answer;
mod app;
mod assets;
mod confirm;
mod cookie;
mod filter_sets;
mod health;
pub(crate) mod layout;
mod login;
pub(crate) mod parts;
pub(crate) mod problem;
mod records;
mod resync;
pub(crate) mod route;
mod routes;
mod runs;
mod section;
mod security;
pub(crate) mod settings;
mod sites;
pub(crate) mod sources;
mod start;
pub(crate) mod stream;
pub(crate) mod targets;
#[cfg(test)]
mod tests;
pub(crate) mod visitor;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};

pub(crate) use self::app::{App, Parts};
use self::problem::Problem;
pub(crate) use self::settings::{Place, Setting, Setup};
use self::visitor::Doorman;

/// Everything that is served, as a router.
pub(crate) fn router(app: App) -> Router {
    let table = routes::table();
    let doorman = Doorman { app: app.clone(), sections: routes::sections(&table).into() };
    let router = table.into_iter().fold(Router::new(), |router, route| route.add_to(router));
    let (provided, told) = (app.provide.router(), app.callbacks.clone().router());
    router
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(doorman, visitor::recognise))
        .with_state(app.clone())
        .merge(provided)
        .merge(told)
        .layer(map_response(security::protect))
        .layer(from_fn_with_state(app, crate::api::metrics::measure))
}
