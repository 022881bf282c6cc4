use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use super::baseline::COPIED;
use super::run::{Purpose, search_again};
use super::{Authority, Options, Report, State, audit, baseline, incremental};
use crate::Result;
use crate::client::Client;
use crate::retry::Retrying;
use crate::transport::{BodyLimits, Transport};

/// The most bytes of a document that is looked at to find a list.
const DOCUMENT: u64 = 256 << 20;

/// A copy of a source, in a folder.
///
/// * [`baseline`](Self::baseline) makes the folder hold what the source lists;
/// * [`incremental`](Self::incremental) applies what has changed since;
/// * [`audit`](Self::audit) compares the two, and changes nothing.
///
/// A resource is written under its final name only when all of it has come and its length and
/// digests are those that the source lists. What is known of the copy is in `.resync/state.db`
/// inside the folder. Whatever happens to the process or the power, the same call goes on where it
/// stopped.
#[derive(Debug)]
pub struct Mirror {
    pub(super) client: Client,
    pub(super) transport: Arc<Retrying<Arc<dyn Transport>>>,
    pub(super) folder: PathBuf,
    pub(super) options: Options,
}

impl Mirror {
    /// A copy in this folder, fetched by this transport.
    ///
    /// The transport should be `Retrying(Throttled(…))`, with two more requests allowed at once than
    /// [`Options::concurrency`]: a list may be under way while its resources are fetched. It has all
    /// credentials; those in an address are not used.
    pub fn new(
        transport: Retrying<Arc<dyn Transport>>,
        folder: impl Into<PathBuf>,
        options: Options,
    ) -> Self {
        // What is looked at whole, to find a list, needs not be larger than the client takes.
        let transport = Arc::new(transport.limits(BodyLimits::default().max(DOCUMENT)));
        Self {
            client: Client::new(Arc::clone(&transport)),
            transport,
            folder: folder.into(),
            options,
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is a copy in the folder that [`incremental`](Self::incremental) can go on
    /// from; the folder is not touched.
    ///
    /// # Errors
    /// When another run is at work in the folder, or what is known of the copy cannot be read.
    pub fn has_copy(&self) -> Result<bool> {
        if !State::exists(&self.folder) {
            return Ok(false);
        }
        let reader = State::open(&self.folder)?.reader()?;
        let mut session = reader.session();
        Ok(session.meta(COPIED)?.is_some() || session.meta("since")?.is_some())
    }

    /// Makes the folder hold what the source lists.
    ///
    /// `url` is a Resource List or Resource Dump, or anything that leads to one: a Capability List,
    /// a Source Description, the site itself.
    ///
    /// # Errors
    /// When no list can be had, it is broken, another run is at work in the folder, the folder
    /// cannot be written, or the delete guard says no. Single resources that cannot be had are no
    /// such error: they are in the report.
    pub async fn baseline(&self, url: &Url) -> Result<Report> {
        let ran = baseline::run(self, url).await;
        ran.inspect_err(|error| search_again(self, url, Purpose::Baseline, error))
    }

    /// Applies what has changed since the last run.
    ///
    /// # Errors
    /// As [`baseline`](Self::baseline); also when the history has a gap, so that a baseline is
    /// needed.
    pub async fn incremental(&self, url: &Url) -> Result<Report> {
        let ran = incremental::run(self, url).await;
        ran.inspect_err(|error| search_again(self, url, Purpose::Incremental, error))
    }

    /// Compares the folder with what the source lists; changes nothing.
    ///
    /// # Errors
    /// When no list can be had, it is broken, or the folder cannot be read.
    pub async fn audit(&self, url: &Url) -> Result<Report> {
        let ran = audit::run(self, url).await;
        ran.inspect_err(|error| search_again(self, url, Purpose::Audit, error))
    }

    pub(super) fn authority(&self, source: &Url) -> Authority {
        let options = &self.options;
        let mut authority = Authority::of(source);
        for origin in &options.allowed {
            authority = authority.allow(origin.clone());
        }
        if options.anywhere {
            authority = authority.anywhere();
        }
        match &options.under {
            Some(prefix) => authority.under(prefix.clone()),
            None => authority,
        }
    }
}
