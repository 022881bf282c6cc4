//! The rules, each named by what it checks; [`store_contract!`](crate::store_contract) has them all.
// They are tests, that is: their names say what they do, and they panic.
#![allow(missing_docs, clippy::unwrap_used, clippy::needless_pass_by_value)]

pub mod lifecycle;
pub mod notes;
pub mod queue;
pub mod schedule;
pub mod sources;
pub mod staging;
pub mod targets;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::checkpoint::Checkpoint;
use crate::run::{RunId, Ticket};
use crate::store::{
    Requested, RunEntry, RunKind, RunRequest, SourceDefinition, SourceEntry, Store, StoreError,
};

type Shared = Arc<dyn Store>;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// An active source that differs from those of other names.
fn source(id: &str) -> SourceDefinition {
    SourceDefinition::new(id, "oai-pmh", json!({"url": format!("https://{id}.example/oai")}))
}

async fn add(store: &dyn Store, id: &str) -> SourceEntry {
    store.add_source(&source(id)).await.unwrap()
}

async fn ask(store: &dyn Store, id: &str) -> RunId {
    let asked = store.request_run(&RunRequest::new(id, RunKind::Harvest)).await.unwrap();
    let Requested::Queued(run) = asked else { panic!("{id} has an open run") };
    run
}

async fn claim(store: &dyn Store) -> (Ticket, RunEntry) {
    store.claim_run("worker", MINUTE).await.unwrap().unwrap()
}

/// Sets up a source, asks for a run and claims it.
async fn running(store: &dyn Store, id: &str) -> Ticket {
    add(store, id).await;
    ask(store, id).await;
    claim(store).await.0
}

async fn entry(store: &dyn Store, run: RunId) -> RunEntry {
    store.run(run).await.unwrap().unwrap()
}

fn checkpoint(state: &str) -> Checkpoint {
    Checkpoint::new(1, state).unwrap()
}

fn is_stale<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Stale(_)))
}

/// What the conflict says.
fn conflict<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(error) if error.is_conflict() => error.to_string(),
        Err(error) => panic!("no conflict: {error}"),
        Ok(_) => panic!("no conflict, but success"),
    }
}

fn is_missing<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Missing { .. }))
}
