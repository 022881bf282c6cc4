//! What all runs that write have in common.

use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::sync::mpsc;
use url::Url;

use super::download::{Downloads, Wanted};
use super::list::{self, Opened};
use super::packages::{Applied, Damaged, Packages};
use super::run::{Run, Told, lock};
use super::state;
use super::store::{Store, StoreOptions};
use super::workers::Workers;
use super::{Event, Options, Places, Validators};
use crate::Result;
use crate::document::Capability;
use crate::transport::BodyLimits;

/// How much may be planned, or unpacked, ahead.
pub(super) const AHEAD: usize = 256;

/// A run that brings a folder up to date: its list, its folder, and those who work for it.
pub(super) struct Copying {
    /// The list, or index of lists, that it goes by.
    pub(super) list: Url,
    pub(super) capability: Capability,
    pub(super) places: Places,
    pub(super) told: Arc<Told>,
    pub(super) downloads: Arc<Downloads>,
    pub(super) workers: Workers,
    pub(super) reader: Arc<Mutex<state::Reader>>,
    pub(super) options: Options,
    /// What there is besides.
    others: Vec<(Capability, Url)>,
    /// What packages should have brought.
    damaged: Damaged,
    lists: BodyLimits,
    _aside: Option<TempDir>,
}

impl Copying {
    /// Sets everybody to work; what an earlier run may have left is mended.
    ///
    /// # Errors
    /// When the folder or the state cannot be used.
    pub(super) fn begin(run: Run, options: &Options) -> Result<Self> {
        let Run { state, downloads, lists, places, told, mut offers, aside } = run;
        let (capability, list) = offers.remove(0);
        let reader = Arc::new(Mutex::new(state.reader()?));
        let store_options =
            StoreOptions { fsync_each: options.fsync_each, ..StoreOptions::default() };
        let store = Store::start(Arc::clone(&downloads.tree), state, store_options)?;
        let workers = Workers::new(store, Arc::clone(&downloads), Arc::clone(&told), options);
        let options = options.clone();
        Ok(Self {
            list,
            capability,
            places,
            told,
            downloads,
            workers,
            reader,
            options,
            others: offers,
            damaged: Damaged::new(),
            lists,
            _aside: aside,
        })
    }

    /// Where this is, if there is something else than what is gone by.
    pub(super) fn offered(&self, capability: &Capability) -> Option<&Url> {
        self.others.iter().find(|(it, _)| it == capability).map(|(_, url)| url)
    }

    /// Asks for a list, and tells that it is read.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(super) async fn open(&self, url: &Url, known: Option<&Validators>) -> Result<Opened> {
        let Downloads { transport, authority, .. } = &*self.downloads;
        let opened = list::open(transport, url, known, authority, &self.lists).await?;
        match &opened {
            Opened::List(_) => self.told.event(&Event::Document { url }),
            Opened::NotModified => self.told.event(&Event::NotModified { url }),
        }
        Ok(opened)
    }

    /// Applies a package of a dump; `document` is the row of the dump that lists it. What is damaged
    /// in it waits for [`fetch_damaged`](Self::fetch_damaged).
    ///
    /// # Errors
    /// When it cannot be had or is no package, or the folder cannot be written.
    pub(super) async fn apply(
        &mut self,
        package: Wanted,
        document: Option<i64>,
    ) -> Result<Applied> {
        let packages = Packages {
            downloads: Arc::clone(&self.downloads),
            places: self.places.clone(),
            told: Arc::clone(&self.told),
            state: Arc::clone(&self.reader),
            options: self.options.clone(),
            settles: self.workers.postpones,
        };
        let (sender, receiver) = mpsc::channel(AHEAD);
        let damaged = std::mem::take(&mut self.damaged);
        let applying = packages.apply(package, document, sender, damaged);
        let (applied, worked) =
            futures_util::future::join(applying, self.workers.work(receiver)).await;
        worked?;
        let mut applied = applied?;
        self.damaged = std::mem::take(&mut applied.damaged);
        self.told.report().listed += applied.entries;
        Ok(applied)
    }

    /// Fetches by themselves the resources that are damaged in their packages.
    ///
    /// # Errors
    /// When the folder or the state cannot be written.
    pub(super) async fn fetch_damaged(&mut self) -> Result<()> {
        for (_, job) in std::mem::take(&mut self.damaged) {
            match self.options.dry_run {
                true => self.told.would_write(&job),
                false => self.workers.fetch(job).await?,
            }
        }
        Ok(())
    }

    /// What was kept under this name.
    ///
    /// # Errors
    /// When the database says no.
    pub(super) fn meta(&self, name: &str) -> Result<Option<String>> {
        lock(&self.reader).session().meta(name)
    }
}
