//! What every page works with.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use harvest_pipeline::secrets::Vault;
use harvest_pipeline::store::Store;
use harvest_pipeline::{Catalogue, Receiver, Registry};
use oai_pmh::transport::Reach;

use crate::accounts::Accounts;
use crate::api::live::Live;
use crate::api::metrics::{Metrics, Tally};
use crate::notices::callback::Callbacks;
use crate::provide::Provide;
use crate::web::settings::Setup;

/// What every page works with; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parts: Parts,
    live: Live,
    metrics: Metrics,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Sources, runs, and what happened.
    pub(crate) store: Arc<dyn Store>,
    /// The records.
    pub(crate) catalogue: Arc<dyn Catalogue>,
    /// The kinds of sources.
    pub(crate) registry: Registry,
    /// The kinds of targets.
    pub(crate) targets: Registry<Receiver>,
    /// Who may use it.
    pub(crate) accounts: Accounts,
    /// What is given out to those who harvest from here.
    pub(crate) provide: Provide,
    /// The subscriptions at the hubs of sources, and who hears them.
    pub(crate) callbacks: Callbacks,
    /// What is counted.
    pub(crate) tally: Tally,
    /// Which addresses pages may ask that somebody typed in: not those of the local network, unless
    /// that is allowed.
    pub(crate) reach: Reach,
    /// How it is set up.
    pub(crate) setup: Setup,
    /// What opens the secrets of sources, to ask the addresses that they belong to.
    pub(crate) vault: Option<Arc<dyn Vault>>,
    /// Whether browsers reach it by https only, so that cookies need never go in clear.
    pub(crate) secure: bool,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        let live = Live::new(Arc::clone(&parts.store));
        Self(Arc::new(Shared { parts, live, metrics: Metrics::default() }))
    }

    /// What changes, for whoever watches.
    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    /// What was counted since the process began.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The time, for what is not timed by the store.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}
