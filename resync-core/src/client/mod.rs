//! Asking a source: its documents fetched, found, followed and shown.
//!
//! * [`Client::fetch`] gets one document, if it has changed, and makes sure that it is one and is
//!   whole.
//! * [`Client::documents`] follows everything below a document down to the lists.
//! * [`Client::discover`] finds the documents of a source from any address that a person types;
//!   [`Client::resolve`] goes from there to the list that is needed.
//! * [`Client::explore`] shows what there is.
//!
//! ```no_run
//! use resync_core::client::{Client, Wanted};
//! use resync_core::document::Capability;
//!
//! # async fn example(transport: impl resync_core::transport::Transport)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(transport);
//! let wanted = Wanted::new("baseline", [Capability::ResourceList]);
//! let found = client.resolve("https://example.org/", &wanted).await?;
//! let mut lists = client.documents(&found.url);
//! while let Some(list) = lists.next().await {
//!     let mut reader = list?.document.reader()?;
//!     while let Some(part) = reader.next_part()? {
//!         for entry in part {
//!             println!("{}", entry?.loc);
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod capabilities;
#[cfg(feature = "notify")]
mod channel;
mod children;
mod discover;
mod error;
mod explore;
mod fetch;
mod html;
mod notice;
mod opened;
mod resolve;
mod search;
mod walk;

use std::fmt;
use std::sync::Arc;

use url::Url;

pub use self::capabilities::{Capabilities, Offer};
pub use self::discover::{Attempt, Discovered, Outcome, SetInfo, What};
pub use self::error::{Error, ErrorKind, Result};
pub use self::explore::{Explore, Node};
pub use self::notice::{Notice, NoticeKind};
pub use self::opened::{Fetched, Opened, Validators};
pub use self::resolve::{Resolved, Wanted};
pub use self::walk::{Documents, Leaf, WalkLimits};

use crate::transport::{BodyLimits, Transport, without_credentials};
use crate::xml::Mode;

/// A client of ResourceSync sources.
///
/// Cheap to clone; clones share connections and politeness. Futures may be dropped at any time:
/// that ends the exchange under way and nothing else.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    limits: BodyLimits,
    mode: Mode,
    permit: Option<Permit>,
}

type Permit = Arc<dyn Fn(&Url) -> std::result::Result<(), String> + Send + Sync>;

impl Client {
    /// The most bytes of a document: five times what Sitemaps allow.
    const DOCUMENT: u64 = 256 << 20;

    /// A client over this transport. It should be a [`Retrying`](crate::retry::Retrying) one: the
    /// client says what a whole document is, but does not itself ask again.
    pub fn new(transport: impl Transport) -> Self {
        Self {
            transport: Arc::new(transport),
            limits: BodyLimits::default().max(Self::DOCUMENT),
            mode: Mode::Tolerant,
            permit: None,
        }
    }

    /// How large a document may be, and where it is kept; 256 MiB unless said otherwise.
    ///
    /// Documents that lead to others are held in memory, and may have 64 MiB at most.
    #[must_use]
    pub fn limits(mut self, limits: BodyLimits) -> Self {
        self.limits = limits;
        self
    }

    /// What to do with documents that are broken; tolerant by default.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Asks for nothing that this does not allow; the text says why it does not.
    ///
    /// Where a redirect led is looked at as well, when the answer is there.
    #[must_use]
    pub fn permit(
        mut self,
        permit: impl Fn(&Url) -> std::result::Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.permit = Some(Arc::new(permit));
        self
    }

    /// Whether an address may be asked.
    fn check(&self, url: &Url) -> Result<()> {
        let refuse = |why| Error::new(ErrorKind::Forbidden { url: without_credentials(url), why });
        self.permit.as_ref().map_or(Ok(()), |permit| permit(url).map_err(refuse))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("transport", &self.transport)
            .field("limits", &self.limits)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
