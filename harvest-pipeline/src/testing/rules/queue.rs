//! Runs that are asked for and claimed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::{
    DAY, HOUR, MINUTE, Shared, add, ask, checkpoint, claim, conflict, entry, is_missing, running,
    source,
};
use crate::batch::Batch;
use crate::run::{Counters, RunId, RunState};
use crate::store::{
    Ending, ManualClock, Page, Requested, RunKind, RunQuery, RunRequest, SourceStatus, Trigger,
};

pub async fn a_run_is_read_as_it_was_asked_for(store: Shared, clock: ManualClock) {
    assert!(is_missing(store.request_run(&RunRequest::new("a", RunKind::Harvest)).await));
    add(&*store, "a").await;
    let mut previous = None;
    for (kind, trigger) in RunKind::ALL.into_iter().zip(Trigger::ALL) {
        let mut request = RunRequest::new("a", kind);
        request.trigger = trigger;
        request.by = Some("Eva".to_owned());
        request.full = kind == RunKind::Audit;
        request.from = (kind == RunKind::Replay).then(|| checkpoint("2024"));
        request.dry_run = kind == RunKind::Collect;
        request.parent = previous;
        request.group = Some(kind as i64);
        request.not_before = (kind == RunKind::Import).then(|| clock.now());
        let asked = store.request_run(&request).await.unwrap();
        let Requested::Queued(id) = asked else { panic!("{kind}: {asked:?}") };
        let run = entry(&*store, id).await;
        assert_eq!((run.id, &run.request), (id, &request));
        assert_eq!((run.state, run.queued, run.attempt), (RunState::Queued, clock.now(), 0));
        assert_eq!((run.started, run.ended, run.worker), (None, None, None));
        assert_eq!(run.settings["id"], "a");
        assert!(previous < Some(id), "later runs have higher numbers");

        let (ticket, claimed) = claim(&*store).await;
        assert_eq!((ticket.run, claimed.state), (id, RunState::Running));
        assert_eq!((claimed.worker.as_deref(), claimed.attempt), (Some("worker"), 1));
        assert_eq!(claimed.started, Some(clock.now()));
        assert_eq!(claimed.leased_until, Some(clock.now() + MINUTE));
        assert_eq!(entry(&*store, id).await, claimed);
        let source = store.source(&"a".into()).await.unwrap().unwrap();
        assert_eq!((source.open_run, source.last_run), (Some(id), Some(id)));

        clock.advance(MINUTE);
        assert_eq!(store.end_run(ticket, &Ending::Done).await.unwrap(), RunState::Succeeded);
        let run = entry(&*store, id).await;
        assert_eq!((run.ended, run.worker, run.leased_until), (Some(clock.now()), None, None));
        let source = store.source(&"a".into()).await.unwrap().unwrap();
        assert_eq!((source.open_run, source.last_run), (None, Some(id)));
        previous = Some(id);
    }
    assert_eq!(store.run(RunId(1_000_000)).await.unwrap(), None);
}

pub async fn a_run_keeps_the_settings_it_was_asked_for_with(store: Shared, _: ManualClock) {
    add(&*store, "a").await;
    let run = ask(&*store, "a").await;
    let mut changed = source("a");
    changed.title = "another".to_owned();
    store.change_source(&changed).await.unwrap();
    let settings = serde_json::to_value(source("a")).unwrap();
    assert_eq!(claim(&*store).await.1.settings, settings);
    assert_eq!(entry(&*store, run).await.settings, settings);
}

pub async fn a_run_begins_where_its_source_stood_when_it_was_asked_for(
    store: Shared,
    clock: ManualClock,
) {
    add(&*store, "a").await;
    let (stands, other) = (checkpoint("stands"), checkpoint("other"));
    store.set_checkpoint(&"a".into(), Some(&stands)).await.unwrap();
    for (full, from, expected) in [
        (false, None, Some(&stands)),
        (true, None, None),
        (false, Some(&other), Some(&other)),
        (true, Some(&other), Some(&other)),
    ] {
        let mut request = RunRequest::new("a", RunKind::Collect);
        request.full = full;
        request.from = from.cloned();
        let run = store.request_run(&request).await.unwrap().run();
        assert_eq!(entry(&*store, run).await.began_at.as_ref(), expected);
        let (ticket, _) = claim(&*store).await;
        store.end_run(ticket, &Ending::Done).await.unwrap();
    }

    // What it stores moves the source, and not where the run began; nor does another worker.
    let run = ask(&*store, "a").await;
    let (ticket, claimed) = claim(&*store).await;
    assert_eq!(claimed.began_at.as_ref(), Some(&stands));
    let mut batch = Batch::new(0, checkpoint("later"));
    store.stage(ticket, &batch, &Counters::default()).await.unwrap();
    (batch.number, batch.checkpoint) = (1, None);
    store.stage(ticket, &batch, &Counters::default()).await.unwrap();
    clock.advance(HOUR);
    store.sweep_runs(3).await.unwrap();
    assert_eq!(claim(&*store).await.1.began_at.as_ref(), Some(&stands));
    assert_eq!(entry(&*store, run).await.began_at, Some(stands));
    let source = store.source(&"a".into()).await.unwrap().unwrap();
    assert_eq!(source.checkpoint, Some(checkpoint("later")));
}

pub async fn a_source_has_one_open_run(store: Shared, clock: ManualClock) {
    add(&*store, "a").await;
    let request = RunRequest::new("a", RunKind::Harvest);
    let open = ask(&*store, "a").await;
    let again = store.request_run(&request).await.unwrap();
    assert_eq!(again, Requested::AlreadyOpen(open), "queued");
    let (ticket, _) = claim(&*store).await;
    let again = store.request_run(&request).await.unwrap();
    assert_eq!(again, Requested::AlreadyOpen(open), "running");
    store.end_run(ticket, &Ending::Paused).await.unwrap();
    let again = store.request_run(&request).await.unwrap();
    assert_eq!(again, Requested::AlreadyOpen(open), "suspended");
    store.resume_run(open).await.unwrap();
    let (ticket, _) = claim(&*store).await;
    clock.advance(HOUR);
    store.sweep_runs(3).await.unwrap();
    let again = store.request_run(&request).await.unwrap();
    assert_eq!(again, Requested::AlreadyOpen(open), "lost");
    assert!(super::is_stale(store.end_run(ticket, &Ending::Done).await));
    store.cancel_run(open).await.unwrap();
    assert_ne!(ask(&*store, "a").await, open);
}

pub async fn asked_at_once_a_source_still_has_one_open_run(store: Shared, _: ManualClock) {
    add(&*store, "a").await;
    let request = RunRequest::new("a", RunKind::Harvest);
    let asked = join_all((0..8).map(|_| store.request_run(&request))).await;
    let asked: Vec<_> = asked.into_iter().map(Result::unwrap).collect();
    let queued = asked.iter().filter(|it| matches!(it, Requested::Queued(_))).count();
    assert_eq!(queued, 1, "{asked:?}");
    let runs: BTreeSet<_> = asked.iter().map(|it| it.run()).collect();
    assert_eq!(runs.len(), 1, "{asked:?}");
}

pub async fn what_is_not_active_is_not_harvested(store: Shared, _: ManualClock) {
    for status in SourceStatus::ALL {
        let mut definition = source(status.as_str());
        definition.status = status;
        store.add_source(&definition).await.unwrap();
        for trigger in Trigger::ALL {
            let mut request = RunRequest::new(status.as_str(), RunKind::Harvest);
            request.trigger = trigger;
            let asked = store.request_run(&request).await;
            let may = match status {
                SourceStatus::Active => true,
                SourceStatus::Paused => trigger != Trigger::Schedule,
                SourceStatus::Draft | SourceStatus::Archived => false,
            };
            if may {
                store.cancel_run(asked.unwrap().run()).await.unwrap();
            } else {
                let message = conflict(asked);
                assert!(message.contains(status.as_str()), "{message}");
            }
        }
    }
}

pub async fn the_oldest_run_is_claimed_first_and_once(store: Shared, _: ManualClock) {
    assert_eq!(store.claim_run("worker", MINUTE).await.unwrap(), None);
    let mut asked = Vec::new();
    for id in ["c", "a", "b"] {
        add(&*store, id).await;
        asked.push(ask(&*store, id).await);
    }
    let mut claimed = Vec::new();
    while let Some((ticket, _)) = store.claim_run("worker", MINUTE).await.unwrap() {
        claimed.push(ticket.run);
    }
    assert_eq!(claimed, asked);
}

pub async fn many_workers_at_once_claim_each_run_once(store: Shared, _: ManualClock) {
    for nth in 0..40 {
        let id = format!("s{nth}");
        add(&*store, &id).await;
        ask(&*store, &id).await;
    }
    let workers = (0..6).map(|nth| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let (mut claimed, name) = (Vec::new(), format!("worker {nth}"));
            while let Some((ticket, run)) = store.claim_run(&name, MINUTE).await.unwrap() {
                assert_eq!(run.worker.as_deref(), Some(&*name));
                claimed.push(ticket.run);
                store.end_run(ticket, &Ending::Done).await.unwrap();
            }
            claimed
        })
    });
    let claimed: Vec<_> = join_all(workers).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(claimed.len(), 40);
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), 40);
}

pub async fn a_run_is_not_claimed_before_its_time(store: Shared, clock: ManualClock) {
    add(&*store, "later").await;
    add(&*store, "now").await;
    let mut request = RunRequest::new("later", RunKind::Harvest);
    request.not_before = Some(clock.now() + HOUR);
    let later = store.request_run(&request).await.unwrap().run();
    let now = ask(&*store, "now").await;
    assert_eq!(claim(&*store).await.0.run, now);
    assert_eq!(store.claim_run("worker", MINUTE).await.unwrap(), None);
    clock.advance(HOUR);
    assert_eq!(claim(&*store).await.0.run, later);
}

pub async fn runs_are_listed_newest_first_and_page_by_page(store: Shared, _: ManualClock) {
    let mut asked = Vec::new();
    for (nth, id) in ["a", "b", "a", "c", "a"].into_iter().enumerate() {
        if store.source(&id.into()).await.unwrap().is_none() {
            add(&*store, id).await;
        }
        let mut request = RunRequest::new(id, RunKind::Harvest);
        request.group = (nth % 2 == 0).then_some(7);
        asked.push(store.request_run(&request).await.unwrap().run());
        let (ticket, _) = claim(&*store).await;
        if nth != 1 && nth != 3 {
            store.end_run(ticket, &Ending::Cancelled).await.unwrap();
        }
    }
    asked.reverse();
    let listed = async |query: RunQuery| {
        let runs = store.runs(&query).await.unwrap();
        runs.iter().map(|run| run.id).collect::<Vec<_>>()
    };
    let all = RunQuery::default;
    assert_eq!(listed(all()).await, asked);
    let of_a = [asked[0], asked[2], asked[4]];
    assert_eq!(listed(RunQuery { source: Some("a".into()), ..all() }).await, of_a);
    assert_eq!(listed(RunQuery { group: Some(7), ..all() }).await, of_a);
    let mut owned = store.source(&"a".into()).await.unwrap().unwrap().definition;
    owned.owner = Some("gce".to_owned());
    store.change_source(&owned).await.unwrap();
    assert_eq!(listed(RunQuery { owner: owned.owner, ..all() }).await, of_a);
    assert_eq!(listed(RunQuery { owner: Some("and".to_owned()), ..all() }).await, []);
    let states = vec![RunState::Running, RunState::Queued];
    assert_eq!(listed(RunQuery { states, ..all() }).await, [asked[1], asked[3]]);
    let of_a_over =
        RunQuery { source: Some("a".into()), states: vec![RunState::Cancelled], ..all() };
    assert_eq!(listed(of_a_over).await, of_a);
    let ids = vec![asked[3], asked[0], RunId(i64::MAX)];
    assert_eq!(listed(RunQuery { ids, ..all() }).await, [asked[0], asked[3]]);
    let page = Page::first(2);
    assert_eq!(listed(RunQuery { page: page.clone(), ..all() }).await, asked[..2]);
    let states = vec![RunState::Cancelled, RunState::Running];
    let of_states =
        |page: &Page<RunId>| RunQuery { page: page.clone(), states: states.clone(), ..all() };
    assert_eq!(listed(of_states(&page)).await, asked[..2]);
    assert_eq!(listed(of_states(&page.clone().after(asked[1]))).await, asked[2..4]);
    assert_eq!(listed(RunQuery { page: page.after(asked[1]), ..all() }).await, asked[2..4]);
}

pub async fn runs_that_are_long_over_are_forgotten(store: Shared, clock: ManualClock) {
    add(&*store, "a").await;
    let mut over = Vec::new();
    for nth in 0..5 {
        let run = ask(&*store, "a").await;
        let (ticket, _) = claim(&*store).await;
        if nth == 1 {
            let batch = Batch::new(0, checkpoint("x"));
            store.stage(ticket, &batch, &Counters::default()).await.unwrap();
        }
        store.end_run(ticket, &Ending::Done).await.unwrap();
        over.push(run);
        clock.advance(DAY);
    }
    running(&*store, "b").await;
    let left = async || {
        let runs = store.runs(&RunQuery { source: Some("a".into()), ..Default::default() }).await;
        runs.unwrap().iter().map(|run| run.id).rev().collect::<Vec<_>>()
    };
    let before = clock.now() - 2 * DAY;
    assert_eq!(store.purge_runs(before, 10).await.unwrap(), 0);
    // The last four stay for their number; of the older, one has a batch that is wanted.
    assert_eq!(store.purge_runs(clock.now(), 4).await.unwrap(), 1);
    assert_eq!(left().await, over[1..]);
    // Those of the last two days stay for their age.
    assert_eq!(store.purge_runs(before, 1).await.unwrap(), 1);
    assert_eq!(left().await, [over[1], over[3], over[4]]);
    store.unstage(&"a".into(), None, i64::MAX).await.unwrap();
    assert_eq!(store.purge_runs(clock.now() + DAY, 1).await.unwrap(), 2);
    assert_eq!(left().await, over[4..]);
    // Numbers are not given twice, whatever is forgotten.
    assert!(ask(&*store, "a").await > over[4]);
}

pub async fn whoever_waits_hears_of_a_new_run(store: Shared, _: ManualClock) {
    add(&*store, "a").await;
    // What changed before is not waited for.
    store.changed(Duration::from_millis(1)).await;
    let waiting = Arc::clone(&store);
    let heard = tokio::spawn(async move { waiting.changed(10 * MINUTE).await });
    tokio::task::yield_now().await;
    ask(&*store, "a").await;
    tokio::time::timeout(Duration::from_secs(20), heard).await.unwrap().unwrap();
    // And nobody waits longer than they want to.
    for _ in 0..3 {
        store.changed(Duration::from_millis(10)).await;
    }
}
