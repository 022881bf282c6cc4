//! How long it takes to harvest many small sources that are far away, over what the network allows:
//! all requests, so many at each host at once, each with the latency of its answer.
//!
//! ```text
//! repositories on loopback ◀── 4 at once each ── workers of the engine ──▶ SQLite or PostgreSQL
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "a program that prints a table")]

use std::collections::HashMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use harvest_benches::{Client, Config, Server, duration};
use harvest_pipeline::engine::{Installation, Worker};
use harvest_pipeline::store::{
    Page, RunKind, RunQuery, RunRequest, RunStore, SourceDefinition, SourceQuery, SourceStore,
    SqlStore, Store,
};
use harvest_pipeline::{Catalogue, PostgresCatalogue, RunState, SqliteCatalogue};
use oai_pmh::retry::{Backoff, Retrying};
use oai_pmh::transport::{HttpTransport, Politeness, Throttled, Transport};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug, Parser)]
struct Options {
    #[arg(long, default_value_t = 1_000)]
    sources: usize,
    /// Records of each source
    #[arg(long, default_value_t = 100)]
    records: u64,
    /// Records on a page
    #[arg(long, default_value_t = 25)]
    page: u64,
    #[arg(long, default_value = "50ms", value_parser = duration)]
    latency: Duration,
    /// How many hosts the sources are at
    #[arg(long, default_value_t = 4)]
    hosts: usize,
    /// How many requests at once each host is to bear
    #[arg(long, default_value_t = NonZeroUsize::MIN.saturating_add(3))]
    per_host: NonZeroUsize,
    /// Workers, each with connections of its own to the database
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// A database without sources; without, a new file
    #[arg(long)]
    db: Option<String>,
    /// How often the ideal time it may take
    #[arg(long, default_value_t = 1.3)]
    limit: f64,
    /// Cargo gives it
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    // Cargo runs benches in their package's folder.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(&options))
}

async fn measure(options: &Options) -> Result<ExitCode> {
    let file = Path::new("target/many-sources.db");
    let db = match &options.db {
        Some(db) => db.clone(),
        None => {
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
            }
            format!("sqlite:{}", file.display())
        }
    };
    let store = SqlStore::open(&db).await?;
    if store.count_sources(&SourceQuery::default()).await? > 0 {
        return Err(format!("{db} has sources; name a database that has none").into());
    }
    let hosts = (0..options.hosts).map(|nth| serve(options, nth)).collect::<Result<Vec<_>>>()?;
    for nth in 0..options.sources {
        let url = format!("{}/{nth}", hosts[nth % hosts.len()]);
        let definition = SourceDefinition::new(format!("s{nth}"), "oai-pmh", json!({"url": url}));
        store.add_source(&definition).await?;
        store.request_run(&RunRequest::new(definition.id, RunKind::Harvest)).await?;
    }

    let stop = CancellationToken::new();
    let at_once = options.per_host.get() * options.hosts;
    let mut working = Vec::new();
    let started = Instant::now();
    for nth in 0..options.workers {
        let runs = at_once / options.workers + usize::from(nth < at_once % options.workers);
        let installation = installation(&db, options).await?;
        let worker = Worker::new(installation, format!("worker {nth}"));
        let worker = worker.concurrency(NonZeroUsize::new(runs).ok_or("more workers than runs")?);
        let stop = stop.clone();
        working.push(tokio::spawn(async move { worker.run(stop).await }));
    }
    wait_until_over(&store).await?;
    let took = started.elapsed();
    stop.cancel();
    for worker in working {
        worker.await?;
    }
    report(options, &store, &hosts, took).await
}

/// A repository of its own address; all of its paths are the same one.
fn serve(options: &Options, nth: usize) -> Result<String> {
    let config = Config {
        records: options.records,
        page: options.page,
        latency: options.latency,
        ..Config::default()
    };
    let server = Server::bind(([127, 0, 0, u8::try_from(nth + 1)?], 0).into(), config)?;
    let url = server.url();
    std::thread::spawn(move || server.run());
    Ok(url)
}

/// What a worker works with, as the program has it.
async fn installation(db: &str, options: &Options) -> Result<Installation> {
    let store: Arc<dyn Store> = Arc::new(SqlStore::open(db).await?);
    let catalogue: Arc<dyn Catalogue> = match db.starts_with("postgres") {
        true => Arc::new(PostgresCatalogue::open(db).await?),
        false => Arc::new(SqliteCatalogue::open(db).await?),
    };
    let politeness = Politeness::default().concurrency(options.per_host);
    // One way to each host, so that no more ask it at once than it bears.
    let known = Mutex::new(HashMap::<String, Arc<dyn Transport>>::new());
    let network = move |source: &SourceDefinition| {
        let host = source.url().unwrap_or_default().split('/').nth(2).unwrap_or_default();
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = known.get(host) {
            return Ok(Arc::clone(way));
        }
        let http = HttpTransport::builder().user_agent("many-sources").build();
        let http = http.map_err(|error| error.to_string())?;
        let polite = Throttled::new(http, politeness.clone());
        let way: Arc<dyn Transport> = Arc::new(Retrying::new(polite, Backoff::default()));
        known.insert(host.to_owned(), Arc::clone(&way));
        Ok(way)
    };
    Ok(Installation::new(store, catalogue, network))
}

async fn wait_until_over(store: &SqlStore) -> Result<()> {
    let mut open = RunQuery::default();
    open.states = RunState::ALL.into_iter().filter(|state| state.is_open()).collect();
    open.page = Page::first(1);
    while !store.runs(&open).await?.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn report(
    options: &Options,
    store: &SqlStore,
    hosts: &[String],
    took: Duration,
) -> Result<ExitCode> {
    let mut all = RunQuery::default();
    all.page = Page::first(options.sources + 1);
    let runs = store.runs(&all).await?;
    let complete = runs.iter().filter(|run| run.state == RunState::Succeeded).count();
    let records: u64 = runs.iter().map(|run| run.counters.total()).sum();
    if complete != options.sources || records != options.records * options.sources as u64 {
        return Err(format!("{complete} runs succeeded, with {records} records").into());
    }
    let mut requests = 0;
    for host in hosts {
        let address = host.trim_start_matches("http://").trim_end_matches("/oai");
        let mut page = harvest_benches::Page::default();
        Client::connect(address)?.get("/stats", &mut page)?;
        let stats: Value = serde_json::from_slice(&page)?;
        requests += stats["requests"].as_u64().ok_or("no requests in the statistics")?;
    }
    let at_once = (options.per_host.get() * options.hosts) as f64;
    let (took, latency) = (took.as_secs_f64(), options.latency.as_secs_f64());
    let ideal = requests as f64 * latency / at_once;
    let ratio = took / ideal;
    println!(
        "{} sources of {} records, {requests} requests, {at_once} at once: {took:.1} s, {:.0} runs/s; \
         ideal {ideal:.1} s: {ratio:.2}",
        options.sources,
        options.records,
        options.sources as f64 / took,
    );
    println!("processor: {:.1} s, the repositories included", processor());
    Ok(if ratio <= options.limit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How long this process has had processors, in seconds.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|it| it.parse::<f64>().ok()).sum();
    ticks / 100.0
}
