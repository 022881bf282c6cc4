//! Serving over HTTP: files and resources as they are ([`exchange`]), a ResourceSync source
//! ([`source`]) of what is on a [`shelf`], and a [`hub`] that tells of its changes.

pub(crate) mod catalogue;
mod documents;
mod exchange;
pub(crate) mod hub;
pub(crate) mod shelf;
pub(crate) mod source;

use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

use crate::report::Failure;

/// Takes an address to listen at.
///
/// # Errors
/// If it cannot be had.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(format!("cannot listen at {address}: {error}"))
            .with_advice("Name another address, such as 127.0.0.1:0 for any port that is free.")
    })
}

/// Serves until `stop`, then as long as answers are on their way.
///
/// # Errors
/// If connections cannot be taken any more.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let served = axum::serve(listener, router).with_graceful_shutdown(stop).await;
    served.map_err(|error| Failure::new(format!("the server has failed: {error}")))
}
