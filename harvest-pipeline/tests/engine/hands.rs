//! Runs that people stop, and workers that are lost.

use std::time::Duration;

use harvest_pipeline::store::{Requested, RunEntry, RunKind, RunRequest};
use harvest_pipeline::{RunId, RunState};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::net::filled;
use super::world::{LEASE, World};

scenarios! {
    a_29_one_of_two_runs_is_cancelled_and_the_other_ends_well
    a_31_a_run_whose_worker_is_lost_goes_on_with_another_and_has_each_record_once
    a_31_a_worker_that_was_taken_for_lost_writes_nothing_any_more
    a_32_asking_twice_makes_one_run
    a_33_a_run_ends_without_any_further_command
    a_run_that_is_paused_goes_on_where_it_was
    a_worker_that_is_stopped_puts_its_run_back
}

/// Works in the background, and hears of what is wanted soon.
fn at_work(world: &World) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let worker = world.worker("one").lease(Duration::from_millis(150));
    let token = stop.clone();
    (stop, tokio::spawn(async move { worker.run(token).await }))
}

async fn until(world: &World, run: RunId, what: impl Fn(&RunEntry) -> bool + Send + Sync) {
    for _ in 0..6000 {
        if what(&world.entry(run).await) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:#?}", world.entry(run).await);
}

/// Its worker is not heard of for too long; at first it may be once more.
async fn taken_for_lost(world: &World, run: RunId) {
    loop {
        world.clock.advance(2 * LEASE);
        let swept = world.scheduler().tick().await.unwrap().swept;
        if !swept.is_empty() {
            return assert_eq!(swept, [(run, RunState::Queued)]);
        }
    }
}

async fn ask(world: &World, id: &str) -> RunId {
    world.ask(RunRequest::new(id, RunKind::Harvest)).await
}

async fn a_29_one_of_two_runs_is_cancelled_and_the_other_ends_well(world: &World) {
    let mut runs = Vec::new();
    let mut gates = Vec::new();
    for id in ["kytice", "ruze"] {
        world.add(id, &filled(20)).await;
        gates.push(world.net.gate(&format!("{id}.example"), 2));
        runs.push(ask(world, id).await);
    }
    let (stop, work) = at_work(world);
    for run in &runs {
        until(world, *run, |it| it.batches > 0).await;
    }
    world.store.cancel_run(runs[0]).await.unwrap();
    until(world, runs[0], |it| it.state == RunState::Cancelled).await;
    gates[1].add_permits(100);
    until(world, runs[1], |it| it.state == RunState::Succeeded).await;
    stop.cancel();
    work.await.unwrap();
    let cancelled = world.entry(runs[0]).await;
    assert!(cancelled.counters.created < 20, "{cancelled:#?}");
    assert_eq!(world.live("kytice").await.len() as u64, cancelled.counters.created, "that stays");
    assert_eq!(world.live("ruze").await.len(), 20);
    // The next run goes on there.
    world.net.open("kytice.example");
    assert_eq!(world.harvest("kytice").await.counters.created, 20 - cancelled.counters.created);
}

async fn a_run_that_is_paused_goes_on_where_it_was(world: &World) {
    world.add("kytice", &filled(20)).await;
    let gate = world.net.gate("kytice.example", 2);
    let run = ask(world, "kytice").await;
    let (stop, work) = at_work(world);
    until(world, run, |it| it.batches > 0).await;
    world.store.pause_run(run).await.unwrap();
    until(world, run, |it| it.state == RunState::Suspended).await;
    world.net.asked();
    gate.add_permits(100);
    let stored = world.entry(run).await.counters.created;
    assert!(stored < 20);
    world.store.resume_run(run).await.unwrap();
    until(world, run, |it| it.state == RunState::Succeeded).await;
    stop.cancel();
    work.await.unwrap();
    let ended = world.entry(run).await;
    assert_eq!((ended.counters.created, ended.counters.total()), (20, 20), "each once");
    assert!(world.net.asked().iter().all(|url| {
        let query = url.query().unwrap();
        !query.contains("verb=ListRecords") || query.contains("resumptionToken")
    }));
}

async fn a_worker_that_is_stopped_puts_its_run_back(world: &World) {
    world.add("kytice", &filled(20)).await;
    world.net.gate("kytice.example", 2);
    let run = ask(world, "kytice").await;
    let (stop, work) = at_work(world);
    until(world, run, |it| it.batches > 0).await;
    stop.cancel();
    work.await.unwrap();
    let put_back = world.entry(run).await;
    assert_eq!((put_back.state, put_back.attempt), (RunState::Queued, 0));
    world.net.open("kytice.example");
    world.work().await;
    let ended = world.entry(run).await;
    assert_eq!((ended.state, ended.counters.created), (RunState::Succeeded, 20));
    assert_eq!(ended.counters.total(), 20);
}

async fn a_31_a_run_whose_worker_is_lost_goes_on_with_another_and_has_each_record_once(
    world: &World,
) {
    world.add("kytice", &filled(20)).await;
    world.net.gate("kytice.example", 3);
    let run = ask(world, "kytice").await;
    let (_stop, work) = at_work(world);
    until(world, run, |it| it.batches > 0).await;
    work.abort();
    assert!(work.await.unwrap_err().is_cancelled());

    world.net.open("kytice.example");
    assert!(world.work().await.is_empty(), "it may still be about");
    taken_for_lost(world, run).await;
    assert_eq!(world.work().await, [(run, RunState::Succeeded)]);
    let ended = world.entry(run).await;
    assert_eq!((ended.attempt, ended.counters.created, ended.counters.total()), (2, 20, 20));
    assert_eq!(world.live("kytice").await.len(), 20);
    assert!(world.codes(run).await.contains(&"WorkerLost".to_owned()));
}

async fn a_31_a_worker_that_was_taken_for_lost_writes_nothing_any_more(world: &World) {
    world.add("kytice", &filled(20)).await;
    let gate = world.net.gate("kytice.example", 3);
    let run = ask(world, "kytice").await;
    // It is heard of every two seconds only: mostly the other is through before it knows. Where it is not,
    // the first may take the run once more.
    let slow = world.worker("slow");
    let slow = tokio::spawn(async move { slow.run_waiting().await });
    until(world, run, |it| it.batches > 0).await;
    taken_for_lost(world, run).await;
    world.net.open("kytice.example");
    let mut did = world.worker("other").run_waiting().await.unwrap();
    until(world, run, |it| it.state == RunState::Succeeded).await;
    let ended = world.entry(run).await;
    gate.add_permits(100);
    did.extend(slow.await.unwrap().unwrap());
    assert_eq!(did, [(run, RunState::Succeeded)], "once");
    let after = world.entry(run).await;
    assert_eq!((after.state, after.counters), (ended.state, ended.counters));
    assert_eq!((ended.counters.created, ended.counters.total()), (20, 20));
}

async fn a_32_asking_twice_makes_one_run(world: &World) {
    world.add("kytice", &filled(3)).await;
    let request = RunRequest::new("kytice", RunKind::Harvest);
    let asked = tokio::join!(world.store.request_run(&request), world.store.request_run(&request));
    let (first, second) = (asked.0.unwrap(), asked.1.unwrap());
    assert_eq!(first.run(), second.run());
    let is_new = |asked: &Requested| matches!(asked, Requested::Queued(_));
    assert_eq!([first, second].iter().filter(|it| is_new(it)).count(), 1);
    assert_eq!(world.work().await.len(), 1);
}

async fn a_33_a_run_ends_without_any_further_command(world: &World) {
    world.add("kytice", &filled(12)).await;
    let (stop, work) = at_work(world);
    let run = ask(world, "kytice").await;
    until(world, run, |it| it.state == RunState::Succeeded).await;
    stop.cancel();
    work.await.unwrap();
    assert!(world.entry(run).await.ended.is_some());
}
