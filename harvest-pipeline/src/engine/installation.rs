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
use crate::registry::{Receiver, Registry};
use crate::run::RunId;
use crate::secrets::{self, Vault};
use crate::source::Source;
use crate::store::{RunEntry, SourceDefinition, Store, StoreError, TargetDefinition};

/// Gives each source its way to the network: with its credentials, its patience, its limits.
pub trait Network: Send + Sync {
    /// The way for this source; its secrets are in clear.
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
    vault: Option<Arc<dyn Vault>>,
    apart: Duration,
    outlets: Option<Outlets>,
}

/// Which kinds of targets there are, and how they are reached.
#[derive(Clone)]
struct Outlets {
    kinds: Registry<Receiver>,
    network: Arc<dyn TargetNetwork>,
}

/// Gives each target its way to the network.
pub trait TargetNetwork: Send + Sync {
    /// The way for this target; its secrets are in clear.
    ///
    /// # Errors
    /// If its settings make none; the message is shown to whoever looks at the run.
    fn transport(&self, definition: &TargetDefinition) -> Result<Arc<dyn Transport>, String>;
}

impl<F> TargetNetwork for F
where
    F: Fn(&TargetDefinition) -> Result<Arc<dyn Transport>, String> + Send + Sync,
{
    fn transport(&self, definition: &TargetDefinition) -> Result<Arc<dyn Transport>, String> {
        self(definition)
    }
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
            vault: None,
            apart: Duration::ZERO,
            outlets: None,
        }))
    }

    /// The same with other kinds of sources.
    #[must_use]
    pub fn with_registry(self, registry: Registry) -> Self {
        Self(Arc::new(Parts { registry, ..self.parts() }))
    }

    /// The same with targets of these [kinds](crate::targets::kinds): whatever a run changed is delivered
    /// to those in the store. Left out, nothing is delivered.
    #[must_use]
    pub fn with_targets(
        self,
        kinds: Registry<Receiver>,
        network: impl TargetNetwork + 'static,
    ) -> Self {
        let outlets = Some(Outlets { kinds, network: Arc::new(network) });
        Self(Arc::new(Parts { outlets, ..self.parts() }))
    }

    /// The same with requests to one host so far apart, counting those of all workers.
    #[must_use]
    pub fn with_turns(self, apart: Duration) -> Self {
        Self(Arc::new(Parts { apart, ..self.parts() }))
    }

    /// The same with what opens the secrets of sources and targets, for their runs only.
    #[must_use]
    pub fn with_vault(self, vault: Arc<dyn Vault>) -> Self {
        Self(Arc::new(Parts { vault: Some(vault), ..self.parts() }))
    }

    fn parts(self) -> Parts {
        Arc::try_unwrap(self.0).unwrap_or_else(|shared| Parts {
            store: Arc::clone(&shared.store),
            catalogue: Arc::clone(&shared.catalogue),
            registry: shared.registry.clone(),
            network: Arc::clone(&shared.network),
            vault: shared.vault.clone(),
            apart: shared.apart,
            outlets: shared.outlets.clone(),
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
        let opened = secrets::open(self.0.vault.as_deref(), definition);
        let opened = &opened.map_err(|error| cannot(error.to_string()))?;
        let transport = self.0.network.transport(opened).map_err(cannot)?;
        let transport = Courteous::new(transport, Arc::clone(&self.0.store), self.0.apart);
        let unsent = transport.unsent();
        let source = self
            .0
            .registry
            .create(&opened.kind, opened.options.clone(), Arc::new(transport))
            .map_err(|error| cannot(error.to_string()))?;
        Ok(Arc::new(Configured::new(source, definition, unsent)))
    }

    /// Whether anything is delivered.
    pub(super) fn delivers(&self) -> bool {
        self.0.outlets.is_some()
    }

    /// What takes the records for the target that a definition describes.
    ///
    /// # Errors
    /// If there is no such kind, or the options are not its.
    pub fn receiver(&self, definition: &TargetDefinition) -> Result<Box<Receiver>, RunError> {
        let name = &definition.name;
        let cannot = |why: String| {
            let message = format!("the target {name} cannot be used as it is set up: {why}");
            RunError::new(Stage::Sink, message)
        };
        let outlets = self.0.outlets.as_ref();
        let outlets = outlets.ok_or_else(|| cannot("nothing is delivered from here".to_owned()))?;
        let opened = secrets::open_target(self.0.vault.as_deref(), definition);
        let opened = opened.map_err(|error| cannot(error.to_string()))?;
        let transport = outlets.network.transport(&opened).map_err(cannot)?;
        let made = outlets.kinds.create(&opened.kind, opened.options, transport);
        made.map_err(|error| cannot(error.to_string()))
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
