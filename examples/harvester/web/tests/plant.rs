//! A small installation that harvests: folders of XML files, and a worker.

use std::fs;
use std::path::PathBuf;

use async_trait::async_trait;
use harvest_pipeline::engine::{Installation, Worker};
use harvest_pipeline::store::{RunKind, RunRequest, TargetDefinition};
use harvest_pipeline::{RunId, RunState, targets};
use resync_core::transport::{Request, Response, Transport};

use super::*;

/// A world in which something is harvested.
pub(super) struct Plant {
    pub(super) world: World,
    worker: Worker,
    files: tempfile::TempDir,
}

impl Plant {
    pub(super) async fn new() -> Self {
        Self::over(World::in_one_database().await)
    }

    pub(super) fn over(world: World) -> Self {
        let (store, catalogue) = (Arc::clone(&world.store), Arc::clone(&world.app.catalogue));
        let network = |_: &SourceDefinition| Ok(Arc::new(Offline) as Arc<dyn Transport>);
        let outwards = |_: &TargetDefinition| Ok(Arc::new(Offline) as Arc<dyn Transport>);
        let installation = Installation::new(store, catalogue, network);
        let installation = installation.with_targets(targets::kinds(), outwards);
        let worker = Worker::new(installation, "tests");
        Self { world, worker, files: tempfile::tempdir().unwrap() }
    }

    fn folder(&self, source: &str) -> PathBuf {
        self.files.path().join(source)
    }

    /// Sets up a source, to which nothing may be deleted without asking.
    pub(super) async fn source(&self, id: &str, owner: Option<&str>) {
        fs::create_dir_all(self.folder(id)).unwrap();
        let options = json!({ "path": self.folder(id) });
        let mut definition = SourceDefinition::new(id, "folder", options);
        definition.owner = owner.map(str::to_owned);
        definition.policies.deletions.absent_after = std::num::NonZeroU32::new(1);
        definition.policies.guard.records = 0;
        definition.policies.guard.share = 0.0;
        self.world.store.add_source(&definition).await.unwrap();
    }

    /// Puts a record into a source.
    pub(super) fn put(&self, source: &str, name: &str, title: &str) {
        let title = title.replace('&', "&amp;").replace('<', "&lt;");
        let xml = format!(
            "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
             xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{title}</dc:title>\
             <dc:creator>Božena Němcová</dc:creator></oai_dc:dc>"
        );
        self.put_xml(source, name, &xml);
    }

    pub(super) fn put_xml(&self, source: &str, name: &str, xml: &str) {
        fs::write(self.folder(source).join(format!("{name}.xml")), xml).unwrap();
    }

    pub(super) fn remove(&self, source: &str, name: &str) {
        fs::remove_file(self.folder(source).join(format!("{name}.xml"))).unwrap();
    }

    /// Harvests a source.
    pub(super) async fn harvest(&self, source: &str) -> RunId {
        let request = RunRequest::new(source, RunKind::Harvest);
        let run = self.world.store.request_run(&request).await.unwrap().run();
        self.work().await;
        run
    }

    /// Does what waits.
    pub(super) async fn work(&self) -> Vec<(RunId, RunState)> {
        self.worker.run_waiting().await.unwrap()
    }

    pub(super) async fn state(&self, run: RunId) -> RunState {
        self.world.store.run(run).await.unwrap().unwrap().state
    }

    /// How many records are live.
    pub(super) async fn live(&self, source: &str) -> u64 {
        let summary = self.world.app.catalogue.summary(&source.into()).await.unwrap();
        summary.map_or(0, |summary| summary.live)
    }
}

#[derive(Debug)]
struct Offline;

#[async_trait]
impl Transport for Offline {
    async fn send(&self, _: Request) -> resync_core::Result<Response> {
        Err(resync_core::Error::new(resync_core::ErrorKind::Connect, "there is no network"))
    }
}
