//! A site of the demo, harvested once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use harvest_pipeline::parsers::{DublinCore, Raw};
use harvest_pipeline::{
    Counters, NoticeLevel, Parser as _, Pipeline, Registry, Resume, RunState, SourceId,
    SqliteCatalogue,
};
use tokio_util::sync::CancellationToken;

use super::playground::Site;
use crate::args::GlobalArgs;
use crate::network;
use crate::progress::{Console, Position, took};
use crate::report::Failure;

/// A harvest in which nothing happens for so long is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a harvest went.
#[derive(Clone, Debug)]
pub(super) struct Went {
    /// What the source is called in the database.
    pub(super) source: SourceId,
    pub(super) counters: Counters,
    /// How often something was put right in what came.
    pub(super) repairs: u64,
    /// How often a request was sent again.
    pub(super) retries: u64,
    pub(super) elapsed: Duration,
}

/// What harvests need.
pub(super) struct Harvester<'a> {
    pub(super) catalogue: &'a SqliteCatalogue,
    pub(super) global: &'a GlobalArgs,
    pub(super) console: &'a Console,
    pub(super) stop: &'a CancellationToken,
}

/// What is counted while a harvest runs.
#[derive(Debug, Default)]
struct Seen {
    batches: AtomicU64,
    repairs: AtomicU64,
}

impl Harvester<'_> {
    /// Harvests all sites, one after the other.
    ///
    /// # Errors
    /// If one of them could not be harvested to its end.
    pub(super) async fn all(&self, sites: &[Site], resume: &Resume) -> Result<Vec<Went>, Failure> {
        let mut all = Vec::new();
        for site in sites {
            all.push(self.one(site, resume).await?);
        }
        Ok(all)
    }

    async fn one(&self, site: &Site, resume: &Resume) -> Result<Went, Failure> {
        let transport = network::transport(&site.url, &self.global.network, self.console)?;
        let source = Registry::standard()
            .create(site.protocol.kind(), site.options(), Arc::new(transport))
            .map_err(|error| Failure::new(error.to_string()))?;
        let seen = Arc::new(Seen::default());
        let (progress, counting) = (self.console.progress(site.name, false), Arc::clone(&seen));
        let pipeline = Pipeline::new(source).resume(resume.clone()).cancel_with(self.stop.clone());
        let pipeline = pipeline.on_progress(move |run| {
            let batches = counting.batches.fetch_add(1, Ordering::Relaxed) + 1;
            let repairs = run.notices.iter().filter(|it| it.level == NoticeLevel::Repair).count();
            counting.repairs.fetch_add(repairs as u64, Ordering::Relaxed);
            let records = run.counters.total();
            progress.show(Position { records, pages: batches, announced: run.total_hint });
        });
        let retries = self.console.retries();
        let run = async {
            if site.format == DublinCore.format() {
                pipeline.parse(DublinCore).run(self.catalogue).await
            } else {
                pipeline.parse(Raw).run(self.catalogue).await
            }
        };
        let summary = tokio::select! {
            ran = run => ran?,
            () = seen.nothing_more() => {
                let waited = took(PATIENCE);
                let message = format!("{}: nothing came from {} for {waited}", site.name, site.url);
                return Err(Failure::new(message).with_advice("Give -v to see what is waited for."));
            }
        };
        if summary.state == RunState::Cancelled {
            return Err(Failure::new("the demo was stopped before its end"));
        }
        Ok(Went {
            source: summary.source,
            counters: summary.counters,
            repairs: seen.repairs.load(Ordering::Relaxed),
            retries: self.console.retries() - retries,
            elapsed: summary.elapsed,
        })
    }
}

impl Seen {
    /// Ends when no batch has come for too long.
    async fn nothing_more(&self) {
        loop {
            let before = self.batches.load(Ordering::Relaxed);
            tokio::time::sleep(PATIENCE).await;
            if self.batches.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}
