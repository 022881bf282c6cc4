//! What only a database can do, or get wrong.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream, StreamExt};
use harvest_pipeline::parsers::{Raw, RawRecord};
use harvest_pipeline::store::{
    Event, EventLevel, EventQuery, EventStore, HostStore, ManualClock, Requested, RunKind,
    RunRequest, RunStore, SourceDefinition, SourceStore, SqlStore, SqlStoreOptions, Store,
    StoreError,
};
use harvest_pipeline::testing::start;
use harvest_pipeline::{
    Batch, Checkpoint, Item, Payload, Pipeline, PostgresCatalogue, RunError, Sink, Source,
    SourceId, SqliteCatalogue,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::postgres_schema::Schema;

const MINUTE: Duration = Duration::from_secs(60);

fn source(id: &str) -> SourceDefinition {
    SourceDefinition::new(id, "oai-pmh", json!({"url": format!("https://{id}.example/oai")}))
}

/// Sets up a source and asks for a run.
async fn ask(store: &dyn Store, id: &str) {
    store.add_source(&source(id)).await.unwrap();
    let asked = store.request_run(&RunRequest::new(id, RunKind::Harvest)).await.unwrap();
    assert!(matches!(asked, Requested::Queued(_)));
}

async fn message_of(url: &str) -> String {
    let error = SqlStore::open(url).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }));
    error.to_string()
}

#[tokio::test]
async fn what_names_no_database_is_refused_with_what_to_write() {
    for url in ["harvest.db", "mysql://localhost/x", ""] {
        let message = message_of(url).await;
        assert!(message.contains("sqlite:harvest.db"), "{url}: {message}");
        assert!(message.contains("postgres://"), "{url}: {message}");
    }
    assert!(message_of("sqlite:").await.contains("names no file"));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_without_its_password() {
    let url = "postgres://eva:secret@127.0.0.1:1/harvest";
    let error = SqlStore::open(url).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("harvest at 127.0.0.1:1"), "{message}");
    assert!(!format!("{error:?} {message}").contains("secret"));
    assert!(error.is_transient());
}

/// What a store in a file holds is there when it is opened again, hosts that want to be left alone too.
#[tokio::test]
async fn a_file_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("harvest.db").display());
    let clock = ManualClock::at(start());
    let options = SqlStoreOptions::new().with_clock(clock.clone());
    let store = SqlStore::open_with(&url, options.clone()).await.unwrap();
    ask(&store, "a").await;
    store.leave_alone("a.example", Duration::from_secs(86_400)).await.unwrap();
    store.record(&[Event::new("Noted", EventLevel::Info, "kept")]).await.unwrap();
    store.close().await;

    clock.advance(MINUTE);
    let store = SqlStore::open_with(&url, options).await.unwrap();
    let (_, run) = store.claim_run("worker", MINUTE).await.unwrap().unwrap();
    assert_eq!(run.request.source.as_str(), "a");
    let alone = store.left_alone("a.example").await.unwrap();
    assert_eq!(alone, Duration::from_secs(86_400 - 60));
    assert_eq!(store.events(&EventQuery::default()).await.unwrap().len(), 1);
}

/// One record, and where to go on behind it.
#[derive(Debug)]
struct OneBatch;

impl Source for OneBatch {
    fn id(&self) -> SourceId {
        "a".into()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let batch = Batch::new(0, Checkpoint::new(1, "behind it").unwrap());
        let payload = Payload::new("oai_dc", "<dc/>");
        let batch = batch.with_items(vec![Ok(Item::put("one", payload))]);
        stream::iter([Ok(batch)]).boxed()
    }
}

#[tokio::test]
async fn a_source_that_was_harvested_before_it_was_set_up_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("harvest.db").display());
    let catalogue = SqliteCatalogue::open(&url).await.unwrap();
    Pipeline::new(OneBatch).parse(Raw).run(&catalogue).await.unwrap();

    let store = SqlStore::open(&url).await.unwrap();
    assert_eq!(store.source(&"a".into()).await.unwrap(), None, "nobody set it up");
    assert_eq!(store.count_sources(&Default::default()).await.unwrap(), 0);
    let asked = store.request_run(&RunRequest::new("a", RunKind::Harvest)).await;
    assert!(matches!(asked, Err(StoreError::Missing { .. })));
    // Its run is listed all the same.
    assert_eq!(store.runs(&Default::default()).await.unwrap().len(), 1);

    let added = store.add_source(&source("a")).await.unwrap();
    assert_eq!(added.checkpoint, Some(Checkpoint::new(1, "behind it").unwrap()));
    assert!(added.last_run.is_some());
}

/// Without a clock of its own a store goes by the database's.
#[tokio::test]
async fn time_is_that_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("harvest.db").display());
    let schema = Schema::new().await;
    for url in [Some(file), schema.as_ref().map(Schema::url)].into_iter().flatten() {
        let store = SqlStore::open(&url).await.unwrap();
        let before = Utc::now();
        let now = store.now().await.unwrap();
        assert!((now - before).abs() < chrono::TimeDelta::minutes(1), "{url}: {now}, {before}");
        ask(&store, "a").await;
        let (ticket, run) =
            store.claim_run("worker", Duration::from_millis(1)).await.unwrap().unwrap();
        assert!(
            run.leased_until.unwrap() - run.started.unwrap() == chrono::TimeDelta::milliseconds(1)
        );
        // The lease is over as soon as the database's clock says so.
        while store.sweep_runs(3).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(matches!(store.renew_run(ticket, MINUTE, None).await, Err(StoreError::Stale(_))));
    }
}

/// Harvests one record three times; only the first run changes anything.
async fn harvest_thrice(catalogue: impl Sink<RawRecord>, store: &SqlStore) {
    for _ in 0..3 {
        Pipeline::new(OneBatch).parse(Raw).run(&catalogue).await.unwrap();
    }
    let ids = async || {
        let runs = store.runs(&Default::default()).await.unwrap();
        runs.iter().map(|run| run.id).collect::<Vec<_>>()
    };
    let before = ids().await;
    let [last, _, first] = *before.as_slice() else { panic!("{before:?}") };
    let gone = store.purge_runs(Utc::now() + MINUTE, 1).await.unwrap();
    assert_eq!((gone, ids().await), (1, vec![last, first]));
    // Whoever comes next finds the record as it was left.
    let summary = Pipeline::new(OneBatch).parse(Raw).run(&catalogue).await.unwrap();
    assert_eq!(summary.counters.unchanged, 1);
}

#[tokio::test]
async fn runs_that_records_point_to_are_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("harvest.db").display());
    let catalogue = SqliteCatalogue::open(&url).await.unwrap();
    harvest_thrice(catalogue, &SqlStore::open(&url).await.unwrap()).await;

    let Some(schema) = Schema::new().await else { return };
    let catalogue = PostgresCatalogue::open(&schema.url()).await.unwrap();
    harvest_thrice(catalogue, &SqlStore::open(&schema.url()).await.unwrap()).await;
}

#[tokio::test]
async fn several_programs_that_start_at_once_create_the_tables_once() {
    let Some(schema) = Schema::new().await else { return };
    let url = schema.url();
    let stores = join_all((0..5).map(|_| SqlStore::open(&url))).await;
    let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
    ask(&stores[0], "a").await;
    assert!(stores[4].claim_run("worker", MINUTE).await.unwrap().is_some());
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let Some(schema) = Schema::new().await else { return };
    let url = schema.url();
    SqlStore::open(&url).await.unwrap().close().await;
    let mut conn = PgConnection::connect(&url).await.unwrap();
    let newer = "INSERT INTO harvest_migrations (version) VALUES (1000)";
    sqlx::raw_sql(AssertSqlSafe(newer)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let message = message_of(&url).await;
    assert!(message.contains("schema 1000"), "{message}");
    assert!(message.contains("Update the program"), "{message}");
}

/// A worker that waits is told by the database when another program asks for a run, and when one of its
/// runs is to stop.
#[tokio::test]
async fn a_worker_hears_of_what_another_program_asks_for() {
    let Some(schema) = Schema::new().await else { return };
    let worker = Arc::new(SqlStore::open(&schema.url()).await.unwrap());
    let other = SqlStore::open(&schema.url()).await.unwrap();
    let wait = || {
        let worker = Arc::clone(&worker);
        tokio::spawn(async move { worker.changed(10 * MINUTE).await })
    };
    let heard = async |waiting: tokio::task::JoinHandle<()>| {
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    };
    // It listens from some moment after it was opened on: ask until it does.
    let (mut waiting, mut nth) = (wait(), 0);
    while !waiting.is_finished() {
        ask(&other, &format!("s{nth}")).await;
        nth += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(nth < 500, "it does not listen");
    }
    let (ticket, _) = worker.claim_run("worker", MINUTE).await.unwrap().unwrap();
    // What it was told so far, of its own claim too.
    while tokio::time::timeout(Duration::from_millis(200), worker.changed(MINUTE)).await.is_ok() {}

    waiting = wait();
    other.cancel_run(ticket.run).await.unwrap();
    heard(waiting).await;
    assert!(worker.renew_run(ticket, MINUTE, None).await.unwrap().is_some());
}
