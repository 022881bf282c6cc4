//! What workers and schedulers have in common.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use resync_core::transport::Transport;

use super::audit::{self, Difference};
use super::courtesy::Courteous;
use super::origin::Configured;
use crate::batch::SourceId;
use crate::catalogue::Catalogue;
use crate::error::{RunError, Stage};
use crate::filters::{FilterSet, FilterSets};
use crate::registry::Registry;
use crate::run::RunId;
use crate::source::Source;
use crate::store::{RunEntry, SourceDefinition, Store, StoreError};

/// Gives each source its way to the network: with its credentials, its patience, its limits.
pub trait Network: Send + Sync {
    /// The way for this source.
    ///
    /// # Errors
    /// If its settings make none; the message is shown to whoever looks at the run.
    fn transport(&self, definition: &SourceDefinition) -> Result<Arc<dyn Transport>, String>;
}

impl<F> Network for F
where
    F: Fn(&SourceDefinition) -> Result<Arc<dyn Transport>, String> + Send + Sync,
{
    fn transport(&self, definition: &SourceDefinition) -> Result<Arc<dyn Transport>, String> {
        self(definition)
    }
}

/// What workers and schedulers have in common: where things are kept, which kinds of sources there are,
/// and how the network is reached. Clones share it all.
#[derive(Clone)]
pub struct Installation(pub(super) Arc<Parts>);

pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) catalogue: Arc<dyn Catalogue>,
    registry: Registry,
    network: Arc<dyn Network>,
    apart: Duration,
}

impl Installation {
    /// An installation that knows the kinds of sources that come with this crate.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        catalogue: Arc<dyn Catalogue>,
        network: impl Network + 'static,
    ) -> Self {
        Self(Arc::new(Parts {
            store,
            catalogue,
            registry: Registry::standard(),
            network: Arc::new(network),
            apart: Duration::ZERO,
        }))
    }

    /// The same with other kinds of sources.
    #[must_use]
    pub fn with_registry(self, registry: Registry) -> Self {
        let Parts { store, catalogue, network, apart, .. } = self.parts();
        Self(Arc::new(Parts { store, catalogue, registry, network, apart }))
    }

    /// The same with requests to one host so far apart, counting those of all workers.
    #[must_use]
    pub fn with_turns(self, apart: Duration) -> Self {
        let Parts { store, catalogue, registry, network, .. } = self.parts();
        Self(Arc::new(Parts { store, catalogue, registry, network, apart }))
    }

    fn parts(self) -> Parts {
        Arc::try_unwrap(self.0).unwrap_or_else(|shared| Parts {
            store: Arc::clone(&shared.store),
            catalogue: Arc::clone(&shared.catalogue),
            registry: shared.registry.clone(),
            network: Arc::clone(&shared.network),
            apart: shared.apart,
        })
    }

    /// Where sources, runs and events are kept.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Where records are kept.
    #[must_use]
    pub fn catalogue(&self) -> &Arc<dyn Catalogue> {
        &self.0.catalogue
    }

    /// The kinds of sources.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The source that a definition describes.
    ///
    /// # Errors
    /// If there is no such kind, or the options are not its.
    pub fn source(&self, definition: &SourceDefinition) -> Result<Arc<dyn Source>, RunError> {
        let cannot = |why: String| {
            let id = &definition.id;
            RunError::new(Stage::Sink, format!("{id} cannot be harvested as it is set up: {why}"))
        };
        let transport = self.0.network.transport(definition).map_err(cannot)?;
        let transport = Courteous::new(transport, Arc::clone(&self.0.store), self.0.apart);
        let unsent = transport.unsent();
        let source = self
            .0
            .registry
            .create(&definition.kind, definition.options.clone(), Arc::new(transport))
            .map_err(|error| cannot(error.to_string()))?;
        Ok(Arc::new(Configured::new(source, definition, unsent)))
    }

    /// What applying a dry run would change, from `after` on, which is 0 at first: a batch at a time, and
    /// where to go on; `None` at the end. What would not change is left out.
    ///
    /// # Errors
    /// If store or catalogue cannot be read.
    pub async fn differences(
        &self,
        source: &SourceId,
        run: RunId,
        after: i64,
    ) -> Result<Option<(Vec<Difference>, i64)>, RunError> {
        audit::differences(&*self.0.store, &self.0.catalogue, source, run, after).await
    }

    /// The filter sets of a definition; `None`: everything is taken.
    pub(super) async fn filters(
        &self,
        definition: &SourceDefinition,
    ) -> Result<Option<FilterSets>, StoreError> {
        let mut sets: Vec<FilterSet> = Vec::with_capacity(definition.filter_sets.len());
        for name in &definition.filter_sets {
            let set = self.0.store.filter_set(name).await?;
            sets.push(set.ok_or_else(|| StoreError::missing("filter set", name))?);
        }
        let refilter = definition.policies.refilter_known;
        Ok((!sets.is_empty()).then(|| FilterSets::new(sets).refilter_known(refilter)))
    }

    /// What a run runs with: the definition when it was asked for.
    pub(crate) fn settings(entry: &RunEntry) -> Result<SourceDefinition, StoreError> {
        serde_json::from_value(entry.settings.clone()).map_err(StoreError::unreadable)
    }
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installation")
            .field("store", &self.0.store)
            .field("catalogue", &self.0.catalogue)
            .field("registry", &self.0.registry)
            .finish_non_exhaustive()
    }
}
