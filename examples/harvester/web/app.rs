//! What every page works with.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use harvest_pipeline::store::Store;
use harvest_pipeline::{Catalogue, Registry};
use oai_pmh::transport::Reach;

use crate::accounts::Accounts;

/// What every page works with; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Parts>);

/// What an [`App`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Sources, runs, and what happened.
    pub(crate) store: Arc<dyn Store>,
    /// The records.
    pub(crate) catalogue: Arc<dyn Catalogue>,
    /// The kinds of sources.
    pub(crate) registry: Registry,
    /// Who may use it.
    pub(crate) accounts: Accounts,
    /// Which addresses pages may ask that somebody typed in: not those of the local network, unless
    /// that is allowed.
    pub(crate) reach: Reach,
    /// Whether browsers reach it by https only, so that cookies need never go in clear.
    pub(crate) secure: bool,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The time, for what is not timed by the store.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
