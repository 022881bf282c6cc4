//! Several schedulers and workers at once, some of which are lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use harvest_pipeline::schedule::{Rhythm, Schedule, Unit};
use harvest_pipeline::store::{
    Ending, ManualClock, Requested, RunEntry, RunKind, RunQuery, RunRequest, RunStore,
    SourceDefinition, SourceQuery, SourceStore, SqlStore, SqlStoreOptions, Store, StoreError,
};
use harvest_pipeline::testing::start;
use harvest_pipeline::{Counters, RunState, Ticket};
use serde_json::json;
use tokio::task::JoinHandle;

use super::postgres_schema::Schema;

const SOURCES: u64 = 12;
const LEASE: Duration = Duration::from_secs(60);
/// How many records a source has each time; a worker stores one after the other.
const RECORDS: u64 = 20;
/// More than any run is tried here.
const ATTEMPTS: u32 = 1_000;

/// Numbers that are the same in each run of the tests.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A program of its own: its own connections to the same database.
async fn program(url: &str, clock: &ManualClock) -> SqlStore {
    let options = SqlStoreOptions::new().with_clock(clock.clone()).with_connections(2);
    SqlStore::open_with(url, options).await.unwrap()
}

async fn set_up(store: &dyn Store) {
    for nth in 0..SOURCES {
        let url = json!({"url": format!("https://{nth}.example/oai")});
        let mut definition = SourceDefinition::new(format!("s{nth}"), "oai-pmh", url);
        let rhythm = Rhythm::every(1, Unit::Hours).unwrap();
        let delay = Duration::from_secs(60 * nth);
        definition.schedule = Schedule::new(rhythm).with_start_delay(delay);
        store.add_source(&definition).await.unwrap();
    }
}

/// Harvests one run: what was stored before is not stored again. Stops where the ticket is stale.
async fn harvest(store: &SqlStore, ticket: Ticket, run: &RunEntry) -> Result<(), StoreError> {
    let mut one = Counters::default();
    one.created = 1;
    for _ in run.counters.created..RECORDS {
        store.renew_run(ticket, LEASE, Some(RECORDS)).await?;
        store.count(ticket, &one, 100).await?;
        tokio::task::yield_now().await;
    }
    store.end_run(ticket, &Ending::Done).await.map(drop)
}

async fn worker(store: SqlStore, name: String, claims: Arc<AtomicU64>) {
    loop {
        match store.claim_run(&name, LEASE).await.unwrap() {
            Some((ticket, run)) => {
                claims.fetch_add(1, Ordering::Relaxed);
                match harvest(&store, ticket, &run).await {
                    Ok(()) | Err(StoreError::Stale(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            None => store.changed(Duration::from_millis(20)).await,
        }
    }
}

/// Asks for what is due and looks for lost workers, until told to stop.
async fn scheduler(store: SqlStore, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        store.request_due(5).await.unwrap();
        store.sweep_runs(ATTEMPTS).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Never two open runs of one source, and every record of each run once.
async fn look(store: &dyn Store) -> Vec<RunEntry> {
    let mut query = RunQuery::default();
    query.page.limit = usize::MAX;
    let runs = store.runs(&query).await.unwrap();
    let mut open = BTreeMap::new();
    for run in &runs {
        if run.state.is_open() {
            let other = open.insert(run.request.source.to_string(), run.id);
            assert_eq!(other, None, "two open runs of {}", run.request.source);
        }
        assert!(run.counters.created <= RECORDS, "run {} has records twice", run.id);
        if run.state == RunState::Succeeded {
            assert_eq!(run.counters.created, RECORDS, "run {} lost records", run.id);
        }
    }
    runs
}

/// An hour of fake time, in steps of ten seconds, while workers are lost at random moments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_40_two_schedulers_and_three_workers_of_which_some_are_lost() {
    let Some(schema) = Schema::new().await else { return };
    let (url, clock) = (schema.url(), ManualClock::at(start()));
    let watcher = program(&url, &clock).await;
    set_up(&watcher).await;

    let (stop, claims) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let mut schedulers = Vec::new();
    for _ in 0..2 {
        let store = program(&url, &clock).await;
        schedulers.push(tokio::spawn(scheduler(store, Arc::clone(&stop))));
    }
    let mut workers: Vec<(SqlStore, JoinHandle<()>)> = Vec::new();
    let begin = |store: &SqlStore, nth: u64| {
        tokio::spawn(worker(store.clone(), format!("worker {nth}"), Arc::clone(&claims)))
    };
    for nth in 0..3 {
        let store = program(&url, &clock).await;
        let task = begin(&store, nth);
        workers.push((store, task));
    }

    let (mut dice, mut lost, mut asked) = (Dice(40), 0, 0);
    for _ in 0..360 {
        clock.advance(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(dice.roll(15))).await;
        // People ask for runs as well, two of them for the same at once.
        let request = RunRequest::new(format!("s{}", dice.roll(SOURCES)), RunKind::Harvest);
        let other = &workers[0].0;
        let (one, two) = tokio::join!(watcher.request_run(&request), other.request_run(&request));
        let queued = [one, two].map(|asked| matches!(asked.unwrap(), Requested::Queued(_)));
        asked += queued.into_iter().filter(|queued| *queued).count();
        if dice.roll(3) == 0 {
            let victim = dice.roll(3) as usize;
            let (store, task) = &mut workers[victim];
            assert!(!task.is_finished(), "no worker ends by itself");
            task.abort();
            lost += 1;
            *task = begin(store, 3 + lost);
        }
        look(&watcher).await;
    }
    // What was due is done, whoever was lost with it.
    let finished = async {
        loop {
            clock.advance(LEASE / 10);
            let runs = look(&watcher).await;
            let due = watcher.next_due().await.unwrap();
            if due != Some(Duration::ZERO) && runs.iter().all(|run| !run.state.is_open()) {
                break runs;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let runs = tokio::time::timeout(Duration::from_secs(60), finished).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    for scheduler in schedulers {
        scheduler.await.unwrap();
    }
    workers.iter().for_each(|(_, task)| task.abort());

    let sources = watcher.sources(&SourceQuery::default()).await.unwrap();
    let scheduled: u32 = sources.iter().map(|source| source.scheduled_runs).sum();
    assert!(scheduled >= 12, "each source was due at least once: {scheduled}");
    assert_eq!(runs.len(), asked + scheduled as usize, "each run that was asked for is there");
    assert!(runs.iter().all(|run| run.state == RunState::Succeeded), "{runs:#?}");
    let again = runs.iter().filter(|run| run.attempt > 1).count();
    let claims = claims.load(Ordering::Relaxed);
    eprintln!(
        "{} runs, {lost} workers lost, {claims} claims, {again} runs tried again",
        runs.len()
    );
    assert!(again > 3, "hardly a worker was lost with a run: the test shows nothing");
}
