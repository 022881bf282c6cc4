//! How many small runs several workers claim and finish in a second, from one queue in PostgreSQL.
//!
//! `cargo run --release -p harvest-pipeline --features postgres --example run_throughput --
//! postgres://user@host/database [runs] [workers]`
//!
//! Works in a schema of its own, `run_throughput`, which it drops in the end.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use harvest_pipeline::RunId;
use harvest_pipeline::store::{
    Ending, RunKind, RunRequest, RunStore, SourceDefinition, SourceStore, SqlStore,
    SqlStoreOptions, StoreError,
};
use serde_json::json;
use sqlx::{Connection, PgConnection};

macro_rules! report {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

const USAGE: &str = "arguments: postgres://user@host/database [runs] [workers]";

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().ok_or(USAGE)?;
    let runs: usize = arguments.next().map_or(Ok(10_000), |runs| runs.parse())?;
    let workers: usize = arguments.next().map_or(Ok(4), |workers| workers.parse())?;

    let mut conn = PgConnection::connect(&server).await?;
    let empty = "DROP SCHEMA IF EXISTS run_throughput CASCADE; CREATE SCHEMA run_throughput";
    sqlx::raw_sql(empty).execute(&mut conn).await?;
    let measured = measure(&server, runs, workers).await;
    sqlx::raw_sql("DROP SCHEMA run_throughput CASCADE").execute(&mut conn).await?;
    measured
}

async fn measure(server: &str, runs: usize, workers: usize) -> Result<(), Box<dyn Error>> {
    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}options[search_path]=run_throughput");
    let store = SqlStore::open(&url).await?;
    let started = Instant::now();
    try_join_all((0..4).map(|part| fill(&store, (part..runs).step_by(4)))).await?;
    report!("{runs} sources set up and runs asked for in {:.1} s", seconds(started));

    let mut stores = Vec::new();
    for _ in 0..workers {
        // Each has its own connections, as a process of its own would.
        let options = SqlStoreOptions::new().with_connections(2);
        stores.push(SqlStore::open_with(&url, options).await?);
    }
    let started = Instant::now();
    let tasks = stores.into_iter().map(|store| tokio::spawn(work(store)));
    let done: Vec<_> = try_join_all(tasks).await?.into_iter().collect::<Result<_, _>>()?;
    let elapsed = seconds(started);

    let by_worker: Vec<_> = done.iter().map(Vec::len).collect();
    let all: BTreeSet<_> = done.iter().flatten().collect();
    if all.len() != runs || by_worker.iter().sum::<usize>() != runs {
        return Err(format!("{} runs were done, by worker {by_worker:?}", all.len()).into());
    }
    let rate = runs as f64 / elapsed;
    report!("{runs} runs claimed and finished once by {workers} workers: {rate:.0} runs/s");
    report!("by worker: {by_worker:?}");
    Ok(())
}

fn seconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64()
}

async fn fill(store: &SqlStore, numbers: impl Iterator<Item = usize>) -> Result<(), StoreError> {
    for number in numbers {
        let url = json!({"url": format!("https://{number}.example/oai")});
        let source = SourceDefinition::new(format!("s{number}"), "oai-pmh", url);
        store.add_source(&source).await?;
        store.request_run(&RunRequest::new(source.id, RunKind::Harvest)).await?;
    }
    Ok(())
}

async fn work(store: SqlStore) -> Result<Vec<RunId>, StoreError> {
    let mut done = Vec::new();
    while let Some((ticket, _)) = store.claim_run("worker", Duration::from_secs(60)).await? {
        store.end_run(ticket, &Ending::Done).await?;
        done.push(ticket.run);
    }
    Ok(done)
}
