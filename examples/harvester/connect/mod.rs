//! Connect: what is at an address, before a source is set up there.
//!
//! One look, bounded in time, in size and in where it may lead: a person waits for it, and whoever
//! typed the address need not be somebody who may look around in this machine's network.
//!
//! ```text
//! speaks      OAI-PMH, ResourceSync or a harvest list?
//! oai         Identify, formats, sets
//! resync      source description ▶ capability lists ▶ what they offer
//! list        the documents of a harvest list
//! found       what came of it
//! ```

mod found;
mod list;
mod oai;
mod resync;
mod speaks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use harvest_pipeline::SignIn;
use resync_core::retry::{Backoff, Retrying};
use resync_core::transport::{BodyLimits, HttpTransport, Reach};
use url::Url;

pub(crate) use self::found::{Choice, Document, Found};
pub(crate) use self::speaks::{Look, Spoken, speaks};

/// So long a person waits, all in all.
const PATIENCE: Duration = Duration::from_secs(20);
/// So long for one answer.
const ONE_ANSWER: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const LARGEST: u64 = 8 << 20;
/// So many sets are listed; of more one types the name.
const MOST_SETS: usize = 1000;

/// The way to the address, which asks once.
type Way = Arc<Retrying<HttpTransport>>;

/// Why an address could not be connected to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// It did not answer in time.
    #[error("{0} did not answer within {seconds} seconds", seconds = PATIENCE.as_secs())]
    Slow(Url),
    /// It answers, but as nothing that can be harvested.
    #[error("{url} is no OAI-PMH repository and no harvest list; {what}")]
    Unknown {
        /// The address.
        url: Url,
        /// Why it is no ResourceSync source.
        what: String,
    },
    /// What is there is not as it should be, or cannot be had.
    #[error("{0}")]
    Broken(String),
}

fn broken(error: impl fmt::Display) -> Failed {
    Failed::Broken(error.to_string())
}

/// Asks an address what it is: by signing in as said, and no farther than `reach`.
///
/// # Errors
/// If it is nothing that can be harvested, or cannot be had.
pub(crate) async fn connect(url: &Url, sign_in: &SignIn, reach: Reach) -> Result<Found, Failed> {
    let way = way(url, sign_in, reach).map_err(broken)?;
    let shown = crate::network::shown(url);
    tokio::time::timeout(PATIENCE, look(url, &shown, &way))
        .await
        .unwrap_or(Err(Failed::Slow(shown)))
}

async fn look(url: &Url, shown: &Url, way: &Way) -> Result<Found, Failed> {
    let Look { spoken, what } = speaks(url, way).await.map_err(broken)?;
    match spoken {
        Some(Spoken::OaiPmh) => oai::describe(url, way).await,
        Some(Spoken::ResourceSync) => resync::describe(url, way).await,
        Some(Spoken::HarvestList) => list::describe(url, way).await,
        None => Err(Failed::Unknown { url: shown.clone(), what }),
    }
}

fn way(url: &Url, sign_in: &SignIn, reach: Reach) -> resync_core::Result<Way> {
    let builder = HttpTransport::builder()
        .secrets_only_for(url)
        .reach(reach)
        .connect_timeout(ONE_ANSWER)
        .read_timeout(ONE_ANSWER)
        .total_timeout(PATIENCE);
    let builder = match (&sign_in.token, &sign_in.user) {
        (Some(token), _) => builder.bearer(token),
        (None, Some(user)) => {
            builder.basic_auth(user, sign_in.password.clone().unwrap_or_default())
        }
        (None, None) => builder,
    };
    let limits = BodyLimits::default().max(LARGEST);
    Ok(Arc::new(Retrying::new(builder.build()?, Backoff::none()).limits(limits)))
}
