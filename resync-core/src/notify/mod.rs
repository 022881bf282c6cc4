//! Being told of changes: a WebSub subscriber (W3C Recommendation of 2018) for ResourceSync Change
//! Notification 1.0.1.
//!
//! A [`Subscription`] sends nothing and listens nowhere. The program that uses it has an HTTP
//! server at the callback address, hands each request to [`Subscription::handle`] and answers what
//! that says; it passes the time along, too. [`discover`] finds the hub and the topic,
//! [`Subscription::subscribe`] asks the hub, [`Subscription::due`] tells when to ask again.
//!
//! ```
//! use chrono::{DateTime, TimeDelta};
//! use http::HeaderMap;
//! use resync_core::notify::{Event, Incoming, Subscription};
//!
//! let topic = "https://a.example/changes";
//! let hub = "https://hub.example/".parse().unwrap();
//! let callback = "https://me.example/callbacks".parse().unwrap();
//! let mut subscription = Subscription::unguessable(topic, hub, &callback)?.secret("s3cr3t")?;
//!
//! let now = DateTime::UNIX_EPOCH;
//! let request = subscription.start(now); // to be sent by any transport
//! assert_eq!(request.url.as_str(), "https://hub.example/");
//!
//! // The hub asks back whether that was us.
//! let query = "hub.mode=subscribe&hub.topic=https%3A%2F%2Fa.example%2Fchanges\
//!     &hub.challenge=abc&hub.lease_seconds=3600";
//! let headers = HeaderMap::new();
//! let incoming = Incoming { method: "GET", query: Some(query), headers: &headers, body: b"" };
//! let outgoing = subscription.handle(incoming, now);
//! assert_eq!(outgoing.body, b"abc");
//! assert_eq!(outgoing.event, Some(Event::Subscribed { until: now + TimeDelta::hours(1) }));
//! # Ok::<_, resync_core::Error>(())
//! ```

mod callback;
mod client;
mod discovery;
mod handle;
mod signature;
mod subscription;
#[cfg(test)]
mod tests;

pub use self::client::send;
pub use self::discovery::{Channel, discover};
pub use self::handle::{Event, Incoming, Outgoing, Rejection};
pub use self::subscription::{Due, State, Subscription};
pub use crate::link_header::{HeaderLink, links};
