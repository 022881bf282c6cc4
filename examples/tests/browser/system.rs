//! The system under test: `harvester serve`, or the demo, in a folder of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harvest_pipeline::RunState;
use harvest_pipeline::store::{
    RunKind, RunQuery, RunRequest, RunStore, SourceDefinition, SourceStore, SqlStore,
};
use serde_json::json;

/// A running system; it ends with this.
pub(crate) struct System {
    process: Child,
    url: String,
    password: String,
    db: String,
    _folder: tempfile::TempDir,
}

impl System {
    /// Starts it at a port that is free, with nothing in it.
    pub(crate) fn start() -> Self {
        Self::run(&["serve", "--listen", "127.0.0.1:0"])
    }

    /// Starts it with a world of sources that are harvested.
    pub(crate) fn demo() -> Self {
        Self::run(&["demo"])
    }

    fn run(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = format!("sqlite:{}", folder.path().join("harvest.db").display());
        let mut process = Command::new(env!("CARGO_BIN_EXE_harvester"))
            .args(arguments)
            .args(["--db", &db])
            .env_remove("HARVESTER_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = said.find(|line| line.contains("with the password")).unwrap();
        let password = line.rsplit(' ').next().unwrap().to_owned();
        // Nobody must be kept waiting who has more to say.
        std::thread::spawn(move || said.for_each(drop));
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = said.find(|line| line.starts_with("http://")).unwrap();
        std::thread::spawn(move || said.for_each(drop));
        let url = url.trim_end_matches('/').to_owned();
        Self { process, url, password, db, _folder: folder }
    }

    /// The address of a page.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The password that the first start printed.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// What it keeps, beside it.
    pub(crate) async fn store(&self) -> SqlStore {
        SqlStore::open(&self.db).await.unwrap()
    }

    /// Waits until so many runs are over.
    pub(crate) async fn wait_for_runs(&self, runs: usize) {
        let store = self.store().await;
        let begun = Instant::now();
        let mut ended = RunQuery::default();
        ended.states = RunState::ALL.into_iter().filter(|state| !state.is_open()).collect();
        while store.runs(&ended).await.unwrap().len() < runs {
            assert!(begun.elapsed() < Duration::from_secs(300), "no {runs} runs are over yet");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        store.close().await;
    }

    /// Sets up sources, as if people had.
    pub(crate) async fn fill(&self) {
        let store = self.store().await;
        for n in 0..60 {
            let id = format!("archive-{n:03}");
            let url = format!("https://{id}.example.org/server/oai/request");
            let options = json!({ "url": url, "format": "oai_dc" });
            let mut definition = SourceDefinition::new(id.as_str(), "oai-pmh", options);
            definition.title = format!("Archive of the University of Town {n}");
            definition.description = "Theses, journals and data".to_owned();
            store.add_source(&definition).await.unwrap();
            if n % 7 == 0 {
                let request = RunRequest::new(id.as_str(), RunKind::Harvest);
                store.request_run(&request).await.unwrap();
            }
        }
        store.close().await;
    }
}

impl System {
    /// Cancels a run, as if somebody else had.
    pub(crate) async fn cancel(&self, run: i64) {
        let store = SqlStore::open(&self.db).await.unwrap();
        store.cancel_run(harvest_pipeline::RunId(run)).await.unwrap();
        store.close().await;
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
