//! What was harvested, given out again: to anybody, without login, within limits.
//!
//! ```text
//! oai      OAI-PMH: /oai for all sources, /oai/SOURCE for one
//! resync   ResourceSync: /.well-known/resourcesync for all, /resync/SOURCE/ for one
//! output   the switch that takes a source out of the lists, and what is made up for afterwards
//! limits   how much anybody may ask
//! ```

mod limits;
mod oai;
pub(crate) mod output;
mod resync;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use harvest_pipeline::store::{Page, SourceDefinition, SourceQuery, SourceStatus, Store};
use harvest_pipeline::{Catalogue, RunError, Shelf, Shelves, SourceId};
use oai_pmh::Identify;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::limits::Limits;
use self::resync::Sources;
use crate::accounts::Documents;
use crate::api::metrics::Tally;
use crate::report::Failure;
use crate::serve::hub::Callers;
use crate::service::ProvideSettings;
use crate::web::sources::in_path;

/// The secret that signs resumption tokens: lists go on over restarts, and in other processes.
const TOKEN_KEY: &str = "resumption-tokens";
/// How many definitions are read at a time.
const AT_ONCE: usize = 500;

/// What is given out, and how; clones share it.
#[derive(Clone)]
pub(crate) struct Provide(Arc<Inner>);

struct Inner {
    settings: ProvideSettings,
    base: Url,
    store: Arc<dyn Store>,
    shelves: Shelves,
    documents: Documents,
    token_key: String,
    limits: Limits,
    tally: Tally,
    resync: Option<Sources>,
}

/// What an installation gives out from.
#[derive(Debug)]
pub(crate) struct Holdings {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalogue: Arc<dyn Catalogue>,
    pub(crate) documents: Documents,
    pub(crate) tally: Tally,
    /// The folder for the documents of ResourceSync; without one, nothing is given out by it.
    pub(crate) folder: Option<PathBuf>,
    /// Who may subscribe to changes.
    pub(crate) callers: Option<Callers>,
}

impl Provide {
    /// What is given out below the address `base`.
    ///
    /// # Errors
    /// If the key of the tokens can neither be read nor made.
    pub(crate) async fn new(
        settings: ProvideSettings,
        mut base: Url,
        holdings: Holdings,
    ) -> Result<Self, Failure> {
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let Holdings { store, catalogue, documents, tally, folder, callers } = holdings;
        let resync = folder.map(|folder| Sources::new(&catalogue, folder, &base, callers));
        let token_key = documents.secret(TOKEN_KEY).await?;
        let limits = Limits::new(&settings);
        let shelves = Shelves::new(catalogue);
        let inner =
            Inner { settings, base, store, shelves, documents, token_key, limits, tally, resync };
        Ok(Self(Arc::new(inner)))
    }

    /// What answers requests.
    pub(crate) fn router(&self) -> Router {
        if !self.0.settings.enabled {
            return Router::new();
        }
        oai::router().merge(resync::router()).with_state(self.clone())
    }

    /// The address of all that is given out by OAI-PMH.
    pub(crate) fn oai(&self) -> Option<String> {
        self.0.settings.enabled.then(|| format!("{}oai", self.0.base))
    }

    /// The address of what is given out of one source by OAI-PMH.
    pub(crate) fn oai_of(&self, source: &SourceId) -> Option<String> {
        let all = self.oai()?;
        Some(format!("{all}/{}", in_path(source.as_str())))
    }

    /// Makes up for what was withheld of sources that are on again; see [`output::make_up`].
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(crate) async fn make_up(&self) -> Result<u64, RunError> {
        let Inner { store, shelves, documents, .. } = &*self.0;
        output::make_up(&**store, &**shelves.catalogue(), documents).await
    }

    /// The address of what is given out of one source by ResourceSync.
    pub(crate) fn resync_of(&self, source: &SourceId) -> Option<String> {
        let is_given = self.0.settings.enabled && self.0.resync.is_some();
        is_given.then(|| format!("{}resync/{}/", self.0.base, in_path(source.as_str())))
    }

    /// Publishes the documents of ResourceSync again whenever a run has changed something, until
    /// `stop`.
    pub(crate) async fn keep_published(&self, stop: CancellationToken) {
        if self.0.settings.enabled && self.0.resync.is_some() {
            stop.run_until_cancelled(resync::keep(self)).await;
        }
    }

    fn identify(&self, title: &str, base: &str) -> Identify {
        Identify::new(title, base, &self.0.settings.admin)
    }

    /// The sources that somebody set up, archived ones too.
    async fn definitions(&self) -> Result<Vec<SourceDefinition>, RunError> {
        let mut all = Vec::new();
        for status in [None, Some(SourceStatus::Archived)] {
            let mut query = SourceQuery::default();
            query.status = status;
            query.page = Page::first(AT_ONCE);
            loop {
                let page = self.0.store.sources(&query).await?;
                let is_last = page.len() < AT_ONCE;
                query.page.after = page.last().map(|entry| entry.definition.id.clone());
                all.extend(page.into_iter().map(|entry| entry.definition));
                if is_last {
                    break;
                }
            }
        }
        Ok(all)
    }

    /// What is to be had of each source.
    async fn all_shelves(&self) -> Result<Vec<Shelf>, RunError> {
        let mut definitions = self.definitions().await?;
        definitions.sort_by(|one, other| one.id.cmp(&other.id));
        let find = |source: &SourceId| {
            let found = definitions.binary_search_by(|definition| definition.id.cmp(source));
            found.ok().map(|at| &definitions[at])
        };
        let mut shelves = self.0.shelves.all(|source| find(source).is_some()).await?;
        for shelf in &mut shelves {
            if let Some(definition) = find(&shelf.source) {
                label(shelf, definition);
            }
        }
        Ok(shelves)
    }

    /// What is to be had of one source, and what people call it; `None` if nobody set it up.
    async fn shelf(&self, source: &SourceId) -> Result<Option<Shelf>, RunError> {
        let Some(entry) = self.0.store.source(source).await? else { return Ok(None) };
        let shelf = self.0.shelves.of(source).await?;
        let mut shelf = shelf.unwrap_or_else(|| Shelf::new(source.clone(), Vec::new()));
        label(&mut shelf, &entry.definition);
        Ok(Some(shelf))
    }
}

fn label(shelf: &mut Shelf, definition: &SourceDefinition) {
    shelf.title.clone_from(&definition.title);
    shelf.is_shown = definition.output.is_on();
}

impl fmt::Debug for Provide {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provide")
            .field("settings", &self.0.settings)
            .field("base", &self.0.base.as_str())
            .finish_non_exhaustive()
    }
}
