//! The one seam to the network.
//!
//! A [`Transport`] sends a [`Request`] and gives a [`Response`] whose body is still on its way.
//! Layers wrap a transport and are transports themselves: [`Throttled`] is polite to hosts,
//! [`Retrying`](crate::retry::Retrying) tries again. They are composed from the inside out:
//!
//! ```text
//! Retrying( Throttled( HttpTransport ) )
//! ```

mod body;
#[cfg(feature = "client")]
mod collect;
#[cfg(feature = "client")]
mod decompress;
#[cfg(feature = "reqwest")]
mod http;
mod reach;
#[cfg(feature = "reqwest")]
mod redirect;
mod request;
#[cfg(feature = "client")]
mod stream;
#[cfg(feature = "client")]
mod throttle;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::body::{Answer, Body, Payload, Response, Spool};
#[cfg(feature = "client")]
pub use self::collect::BodyLimits;
#[cfg(feature = "reqwest")]
pub use self::http::{HttpTransport, HttpTransportBuilder};
pub use self::reach::Reach;
#[cfg(feature = "sync")]
pub(crate) use self::reach::says_local_url;
pub use self::request::{Method, Request, without_credentials};
#[cfg(feature = "client")]
pub use self::stream::{Feed, ReadHalf, Unpacked, crate_error};
#[cfg(feature = "client")]
pub use self::throttle::{Politeness, Throttled};

use crate::Result;

/// Sends requests.
///
/// # Contract
/// * Any HTTP status is `Ok`: whether a 404 is an error is for a layer above to say.
/// * Redirects have been followed; [`Response::url`] tells where the answer came from.
/// * The body is as sent by the server, still compressed; [`Response::collect`] and
///   [`Response::unpack`] unpack it.
/// * A body that ends early ends with an error, never silently, where the protocol can tell.
/// * Dropping the future or the body cancels the exchange.
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// When no answer came: [`ErrorKind`](crate::ErrorKind) `Connect`, `Timeout`, `Interrupted`,
    /// `Redirect` or `Request`.
    async fn send(&self, request: Request) -> Result<Response>;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: Request) -> Result<Response> {
        (**self).send(request).await
    }
}

#[async_trait]
impl Transport for Box<dyn Transport> {
    async fn send(&self, request: Request) -> Result<Response> {
        (**self).send(request).await
    }
}
