//! An installation on an empty database, the sources it harvests, and a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use harvest_pipeline::engine::{Installation, Scheduler, Worker};
use harvest_pipeline::store::{
    EventQuery, ManualClock, Page, Requested, RunEntry, RunKind, RunRequest, SourceDefinition,
    SqlStore, SqlStoreOptions, Store, StoredEvent,
};
use harvest_pipeline::{Catalogue, PostgresCatalogue, Query, RunId, RunState, SqliteCatalogue};
use oai_pmh::provider::{MemoryRepository, Provider};
use resync_core::retry::{Backoff, Retrying};
use resync_core::transport::Transport;
use serde_json::json;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tempfile::TempDir;

use super::net::{Host, Net};
use super::postgres_schema::Schema;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const LEASE: Duration = Duration::from_secs(60);

enum Place {
    File { _folder: TempDir },
    Schema { _schema: Schema },
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) net: Net,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalogue: Arc<dyn Catalogue>,
    pub(crate) installation: Installation,
    place: Place,
    url: String,
}

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl World {
    pub(crate) async fn in_a_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("harvest.db").display());
        Self::at(Place::File { _folder: folder }, url).await
    }

    pub(crate) async fn in_a_schema() -> Option<Self> {
        let schema = Schema::new().await?;
        let url = schema.url();
        Some(Self::at(Place::Schema { _schema: schema }, url).await)
    }

    async fn at(place: Place, url: String) -> Self {
        let (clock, net) = (ManualClock::at(time("2024-07-25T00:00:00Z")), Net::default());
        let options = SqlStoreOptions::new().with_clock(clock.clone());
        let store: Arc<dyn Store> = Arc::new(SqlStore::open_with(&url, options).await.unwrap());
        let catalogue: Arc<dyn Catalogue> = match &place {
            Place::File { .. } => Arc::new(SqliteCatalogue::open(&url).await.unwrap()),
            Place::Schema { .. } => Arc::new(PostgresCatalogue::open(&url).await.unwrap()),
        };
        let way = net.clone();
        let network = move |_: &SourceDefinition| {
            let way: Arc<dyn Transport> = Arc::new(Retrying::new(way.clone(), Backoff::none()));
            Ok(way)
        };
        let installation = Installation::new(Arc::clone(&store), Arc::clone(&catalogue), network);
        Self { clock, net, store, catalogue, installation, place, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Gives everything back; the schema cannot be dropped while the runtime waits for that.
    pub(crate) async fn close(self) {
        let Self { place, store, catalogue, installation, .. } = self;
        drop((store, catalogue, installation));
        tokio::task::spawn_blocking(|| drop(place)).await.unwrap();
    }

    pub(crate) fn until(&self, when: &str) {
        self.clock.advance((time(when) - self.clock.now()).to_std().unwrap());
    }

    /// A repository at this host, its pages of five records, on the clock of this world.
    pub(crate) fn serve(&self, host: &str, repository: &MemoryRepository) {
        let clock = self.clock.clone();
        let provider = Provider::new(repository.clone(), b"a key of sixteen bytes or more");
        let provider = provider.unwrap().page_records(5).clock(move || clock.now());
        self.net.set(host, Host::Repository(Box::new(provider)));
    }

    pub(crate) fn oai(id: &str) -> SourceDefinition {
        let options = json!({ "url": format!("http://{id}.example/oai"), "format": "marc21" });
        SourceDefinition::new(id, "oai-pmh", options)
    }

    /// A source named like its host.
    pub(crate) async fn add(&self, id: &str, repository: &MemoryRepository) {
        self.serve(&format!("{id}.example"), repository);
        self.store.add_source(&Self::oai(id)).await.unwrap();
    }

    pub(crate) fn worker(&self, name: &str) -> Worker {
        Worker::new(self.installation.clone(), name).lease(LEASE)
    }

    pub(crate) fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.installation.clone())
    }

    pub(crate) async fn ask(&self, request: RunRequest) -> RunId {
        match self.store.request_run(&request).await.unwrap() {
            Requested::Queued(run) => run,
            Requested::AlreadyOpen(run) => panic!("run {run} is open"),
        }
    }

    /// Does everything that waits.
    pub(crate) async fn work(&self) -> Vec<(RunId, RunState)> {
        self.worker("worker").run_waiting().await.unwrap()
    }

    pub(crate) async fn run(&self, request: RunRequest) -> RunEntry {
        let run = self.ask(request).await;
        self.work().await;
        self.entry(run).await
    }

    pub(crate) async fn harvest(&self, id: &str) -> RunEntry {
        self.run(RunRequest::new(id, RunKind::Harvest)).await
    }

    pub(crate) async fn in_full(&self, id: &str) -> RunEntry {
        let mut request = RunRequest::new(id, RunKind::Harvest);
        request.full = true;
        self.run(request).await
    }

    pub(crate) async fn entry(&self, run: RunId) -> RunEntry {
        self.store.run(run).await.unwrap().unwrap()
    }

    /// The identifiers of the live records of a source.
    pub(crate) async fn live(&self, id: &str) -> Vec<String> {
        let records = self.catalogue.records(Query::all().of(id).live_only());
        let records: Vec<_> = records.try_collect().await.unwrap();
        records.into_iter().map(|record| record.identifier).collect()
    }

    /// What happened in a run, in order.
    pub(crate) async fn events(&self, run: RunId) -> Vec<StoredEvent> {
        let mut query = EventQuery::default();
        (query.run, query.page) = (Some(run), Page::first(1000));
        let mut events = self.store.events(&query).await.unwrap();
        events.reverse();
        events
    }

    pub(crate) async fn codes(&self, run: RunId) -> Vec<String> {
        self.events(run).await.into_iter().map(|event| event.event.code).collect()
    }

    /// All that the database holds, a line a row, but for these tables.
    pub(crate) async fn dump(&self, without: &[&str]) -> Vec<String> {
        let mut lines = Vec::new();
        match &self.place {
            Place::File { .. } => {
                let mut conn = SqliteConnection::connect(&self.url).await.unwrap();
                let tables = "SELECT m.name, group_concat('quote(' || c.name || ')', '||''|''||')
                     FROM sqlite_master m, pragma_table_info(m.name) c
                     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'
                        AND m.name NOT LIKE 'search_words%' GROUP BY m.name";
                let tables = sqlx::query(tables).fetch_all(&mut conn).await.unwrap();
                for table in tables {
                    let (name, row): (String, String) = (table.get(0), table.get(1));
                    if !without.contains(&&*name) {
                        let query = AssertSqlSafe(format!("SELECT {row} FROM {name} ORDER BY 1"));
                        let rows = sqlx::query(query).fetch_all(&mut conn).await.unwrap();
                        lines.extend(rows.iter().map(|row| {
                            format!(
                                "{name}: {}",
                                row.get::<Option<String>, _>(0).unwrap_or_default()
                            )
                        }));
                    }
                }
            }
            Place::Schema { .. } => {
                let mut conn = PgConnection::connect(&self.url).await.unwrap();
                let tables = "SELECT tablename::text FROM pg_tables
                     WHERE schemaname = current_schema() ORDER BY 1";
                for table in sqlx::query(tables).fetch_all(&mut conn).await.unwrap() {
                    let name: String = table.get(0);
                    if !without.contains(&&*name) {
                        let query = format!("SELECT t::text FROM {name} t ORDER BY 1");
                        let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(&mut conn).await;
                        let rows = rows.unwrap();
                        lines.extend(
                            rows.iter().map(|row| format!("{name}: {}", row.get::<String, _>(0))),
                        );
                    }
                }
            }
        }
        lines
    }

    /// Runs statements on the database: those for SQLite, or those for PostgreSQL.
    pub(crate) async fn execute(&self, sqlite: &str, postgres: &str) {
        match &self.place {
            Place::File { .. } => {
                let mut conn = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(sqlite)).execute(&mut conn).await.unwrap();
            }
            Place::Schema { .. } => {
                let mut conn = PgConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(postgres)).execute(&mut conn).await.unwrap();
            }
        }
    }

    /// Asks the database a question in its own words.
    pub(crate) async fn asks(&self, sqlite: &str, postgres: &str) -> i64 {
        match &self.place {
            Place::File { .. } => {
                let mut conn = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query(AssertSqlSafe(sqlite)).fetch_one(&mut conn).await.unwrap().get(0)
            }
            Place::Schema { .. } => {
                let mut conn = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query(AssertSqlSafe(postgres)).fetch_one(&mut conn).await.unwrap().get(0)
            }
        }
    }

    /// The tables that there are, but for those that the database keeps by itself.
    pub(crate) async fn tables(&self) -> Vec<String> {
        let (sqlite, postgres) = (
            "SELECT name FROM sqlite_master
             WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'search_words%'",
            "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
        );
        match &self.place {
            Place::File { .. } => {
                let mut conn = SqliteConnection::connect(&self.url).await.unwrap();
                let rows = sqlx::query(sqlite).fetch_all(&mut conn).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Place::Schema { .. } => {
                let mut conn = PgConnection::connect(&self.url).await.unwrap();
                let rows = sqlx::query(postgres).fetch_all(&mut conn).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }
}
