//! `harvester status`

use std::fmt::Write;

use harvest_pipeline::RunState;
use harvest_pipeline::store::{
    Page, RunEntry, RunQuery, SourceQuery, SourceStatus, Store, StoreError,
};
use serde_json::{Value, json};

use super::manage::shown;
use super::settings::Settings;
use super::stores::{Need, Stores};
use crate::output::{one_line, print};
use crate::report::{Failure, Status};

/// So many runs of each kind are named.
const NAMED: usize = 20;
/// So many failed runs are looked through for sources that are still as these left them.
const LOOKED_AT: usize = 2000;

/// What is going on.
struct Overview {
    sources: Vec<(SourceStatus, u64)>,
    running: Vec<RunEntry>,
    /// Taken by workers that have not been heard of for longer than they may.
    lost: Vec<RunEntry>,
    queued: Vec<RunEntry>,
    paused: Vec<RunEntry>,
    waiting: Vec<RunEntry>,
    /// The last runs of their sources, none of which has come to its end since.
    failed: Vec<RunEntry>,
}

/// Says what runs, what failed and what waits. Failed, if a source did, or a worker is lost.
///
/// # Errors
/// If the database cannot be read.
pub(super) async fn run(settings: &Settings, as_json: bool) -> Result<Status, Failure> {
    let stores = Stores::open(settings, Need::Existing).await?;
    let overview = Overview::of(&*stores.store).await;
    stores.close().await?;
    let overview = overview?;
    print(match as_json {
        true => format!("{}\n", overview.json()),
        false => overview.text(),
    })?;
    Ok(match overview.failed.is_empty() && overview.lost.is_empty() {
        true => Status::Complete,
        false => Status::Failed,
    })
}

impl Overview {
    async fn of(store: &dyn Store) -> Result<Self, StoreError> {
        let mut sources = Vec::new();
        for status in SourceStatus::ALL {
            let mut query = SourceQuery::default();
            query.status = Some(status);
            sources.push((status, store.count_sources(&query).await?));
        }
        let now = store.now().await?;
        let running = some(store, &[RunState::Running], None).await?;
        let (mut lost, running): (Vec<_>, Vec<_>) =
            running.into_iter().partition(|run| run.leased_until.is_some_and(|until| until < now));
        lost.extend(some(store, &[RunState::Interrupted], None).await?);
        Ok(Self {
            sources,
            running,
            lost,
            queued: some(store, &[RunState::Queued], None).await?,
            paused: some(store, &[RunState::Suspended], None).await?,
            waiting: some(store, &[RunState::AwaitingApproval], None).await?,
            failed: failed(store).await?,
        })
    }

    fn groups(&self) -> [(&'static str, &'static str, &[RunEntry]); 6] {
        [
            ("failed", "Failed", &self.failed),
            ("lost", "Lost by their workers", &self.lost),
            ("waiting", "Waiting for approval", &self.waiting),
            ("running", "Running", &self.running),
            ("queued", "Queued", &self.queued),
            ("paused", "Paused", &self.paused),
        ]
    }

    fn json(&self) -> Value {
        let mut all = json!({ "sources": {} });
        for (status, count) in &self.sources {
            all["sources"][status.as_str()] = json!(count);
        }
        for (key, _, runs) in self.groups() {
            all[key] = runs.iter().map(shown::run_json).collect();
        }
        all
    }

    fn text(&self) -> String {
        let sources = self.sources.iter().filter(|(_, count)| *count > 0);
        let sources: Vec<_> =
            sources.map(|(status, count)| format!("{count} {}", status.as_str())).collect();
        let mut text = match sources.is_empty() {
            true => "Sources: none; `harvester source add` sets one up\n".to_owned(),
            false => format!("Sources: {}\n", sources.join(", ")),
        };
        for (_, title, runs) in self.groups().into_iter().filter(|(_, _, runs)| !runs.is_empty()) {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "\n{title}");
            for run in runs {
                let _ = writeln!(text, "  {}", one_line(&shown::run_line(run)));
            }
            if runs.len() >= NAMED {
                let _ = writeln!(text, "  … `harvester run list` has all of them");
            }
        }
        text
    }
}

/// The newest of the runs in these states.
async fn some(
    store: &dyn Store,
    states: &[RunState],
    after: Option<&RunEntry>,
) -> Result<Vec<RunEntry>, StoreError> {
    let mut query = RunQuery::default();
    query.states = states.to_vec();
    query.page = Page::first(NAMED);
    query.page.after = after.map(|run| run.id);
    store.runs(&query).await
}

async fn failed(store: &dyn Store) -> Result<Vec<RunEntry>, StoreError> {
    let (mut failed, mut looked_at) = (Vec::new(), 0);
    let mut page = some(store, &[RunState::Failed], None).await?;
    while let Some(last) = page.last().cloned()
        && looked_at < LOOKED_AT
        && failed.len() < NAMED
    {
        looked_at += page.len();
        for run in page {
            let source = store.source(&run.request.source).await?;
            let is_still = source.is_some_and(|source| {
                source.last_run == Some(run.id)
                    && source.definition.status != SourceStatus::Archived
            });
            if is_still {
                failed.push(run);
            }
        }
        page = some(store, &[RunState::Failed], Some(&last)).await?;
    }
    Ok(failed)
}
