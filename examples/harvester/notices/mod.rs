//! Being told of changes by the hubs of sources (WebSub).
//!
//! ```text
//! found     the hub that a source names
//! exchange  one request of a hub at a callback
//! kept      what is kept of a subscription, over restarts and for all processes
//! callback  /notify/…: what a hub says is kept, and answered at once
//! keeper    subscribes, renews, and asks for the runs that notices ask for
//! ```

pub(crate) mod callback;
pub(crate) mod exchange;
pub(crate) mod found;
mod keeper;
mod kept;

pub(crate) use self::keeper::{Keeper, Way};
pub(crate) use self::kept::{Kept, State, Subscriptions};

/// The most bytes of a delivery: it is a sign that something has changed, and no more is needed.
pub(crate) const LARGEST: usize = 64 << 10;
