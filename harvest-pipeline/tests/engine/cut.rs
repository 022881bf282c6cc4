//! A server that cuts connections, whatever they are doing.

use std::time::{Duration, Instant};

use harvest_pipeline::store::{RunKind, RunRequest};
use harvest_pipeline::{RunId, RunState, SourceId};
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;

use super::net::{filled, put};
use super::world::World;

const SOURCES: usize = 4;
const RECORDS: usize = 40;
/// How many connections are cut at least.
const CUTS: i64 = 60;
/// When something hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// Does what waits until it is stopped, whatever breaks meanwhile.
fn at_work(world: &World, name: &str, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
    let (worker, stop) = (world.worker(name), stop.clone());
    tokio::spawn(async move {
        while !stop.is_cancelled() {
            // A worker that cannot reach its store tries again.
            let _ = worker.run_waiting().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}

/// Cuts one of the connections of this test, each time another. Says how many it cut.
async fn cut(admin: &mut PgConnection, nth: i64) -> i64 {
    let query = "SELECT count(pg_terminate_backend(pid)) FROM (
            SELECT pid FROM pg_stat_activity
            WHERE application_name = current_setting('application_name')
                AND pid <> pg_backend_pid() AND state IS NOT NULL
            ORDER BY state <> 'active', md5(pid::text || $1::text) LIMIT 1) AS one";
    sqlx::query_scalar(query).bind(nth).fetch_one(admin).await.unwrap()
}

async fn is_over(world: &World, runs: &[RunId]) -> bool {
    for run in runs {
        // The question itself may be cut off.
        match world.store.run(*run).await {
            Ok(Some(entry)) if !entry.state.is_open() => {}
            _ => return false,
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_lose_nothing_and_count_nothing_twice() {
    let Some(world) = World::in_a_schema().await else { return };
    let mut admin = PgConnection::connect(world.url()).await.unwrap();
    let stop = CancellationToken::new();
    let workers = ["one", "two", "three"].map(|name| at_work(&world, name, &stop));
    let scheduler = world.scheduler().most_attempts(1000);
    let (begun, mut cuts, mut rounds) = (Instant::now(), 0, 0);
    while cuts < CUTS {
        let mut runs = Vec::new();
        for nth in 0..SOURCES {
            let id = format!("r{rounds}s{nth}");
            let origin = filled(RECORDS);
            put(&origin, 50, "2024-01-31T12:00:00Z", "Another");
            world.add(&id, &origin).await;
            let kind = if nth % 2 == 0 { RunKind::Harvest } else { RunKind::Collect };
            runs.push(world.ask(RunRequest::new(&*id, kind)).await);
        }
        for turn in 0.. {
            cuts += cut(&mut admin, turn).await;
            if is_over(&world, &runs).await {
                break;
            }
            world.clock.advance(Duration::from_millis(100));
            let _ = scheduler.tick().await;
            tokio::time::sleep(Duration::from_millis(15)).await;
            assert!(begun.elapsed() < PATIENCE, "{runs:?} are not over after {cuts} cuts");
        }
        for run in runs {
            let entry = world.entry(run).await;
            assert_eq!(entry.state, RunState::Succeeded, "{entry:#?}");
            let counters = entry.counters;
            let expected = RECORDS as u64 + 1;
            assert_eq!((counters.created, counters.total()), (expected, expected), "{entry:#?}");
            let source: SourceId = entry.request.source;
            match entry.request.kind {
                RunKind::Collect => {
                    let (mut staged, mut after) = (0, 0);
                    while let Some(batch) = world.store.staged(&source, None, after).await.unwrap()
                    {
                        (staged, after) = (staged + batch.batch.items.len(), batch.id);
                    }
                    assert_eq!(staged, RECORDS + 1);
                }
                _ => {
                    assert_eq!(world.live(source.as_str()).await.len(), RECORDS + 1);
                    assert_eq!(world.store.coverage(&source, None).await.unwrap().len(), 1);
                }
            }
        }
        rounds += 1;
    }
    stop.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    admin.close().await.unwrap();
    world.close().await;
}
