//! What was fetched and not stored yet.

use super::{HOUR, MINUTE, Shared, add, checkpoint, claim, entry, is_stale, running};
use crate::batch::{Batch, Item, Notice, NoticeLevel, Origin, Payload, SourceId};
use crate::error::{RecordError, Stage};
use crate::run::{Counters, RunId, Ticket};
use crate::store::{Ending, ManualClock, RunKind, RunRequest, Store};

fn batch(number: u64, name: &str) -> Batch {
    let payload = Payload::new("oai_dc", format!("<dc>{name} Žluťoučký</dc>"));
    let item = Item::put(name, payload).with_datestamp("2024-01-31").with_sets(["a", "b"]);
    let broken = RecordError::new("x", Stage::Source, "no header");
    let mut batch = Batch::new(number, checkpoint(name))
        .with_items(vec![Ok(item), Err(broken), Ok(Item::delete("gone"))])
        .with_origin(Origin::new("https://a.example/oai", None));
    batch.notices.push(Notice::new(NoticeLevel::Repair, "a character"));
    batch.total_hint = Some(7);
    batch.bytes = 7;
    batch
}

const COUNTED: Counters = Counters {
    created: 1,
    updated: 0,
    unchanged: 0,
    deleted: 2,
    skipped_deleted: 0,
    filtered: 0,
    failed: 0,
};

async fn stage(store: &dyn Store, ticket: Ticket, number: u64, name: &str) {
    store.stage(ticket, &batch(number, name), &COUNTED).await.unwrap();
}

/// The names of what is staged, and its last place.
async fn names(store: &dyn Store, source: &str, run: Option<RunId>) -> (String, i64) {
    let (mut names, mut after) = (String::new(), 0);
    while let Some(staged) = store.staged(&source.into(), run, after).await.unwrap() {
        assert!(staged.id > after);
        after = staged.id;
        names.push_str(&staged.batch.items[0].as_ref().unwrap().identifier);
    }
    (names, after)
}

async fn stands(store: &dyn Store, source: &str) -> Option<String> {
    let source = store.source(&source.into()).await.unwrap().unwrap();
    source.checkpoint.map(|it| it.state(1).unwrap())
}

pub async fn what_is_staged_comes_back_in_order_until_it_is_forgotten(
    store: Shared,
    clock: ManualClock,
) {
    let source = SourceId::from("a");
    let other = running(&*store, "b").await;
    stage(&*store, other, 0, "z").await;
    let ticket = running(&*store, "a").await;
    assert!(store.staged(&source, None, 0).await.unwrap().is_none());
    for (number, name) in [(0, "k"), (1, "l"), (2, "m")] {
        stage(&*store, ticket, number, name).await;
        assert_eq!(stands(&*store, "a").await.as_deref(), Some(name));
    }
    let first = store.staged(&source, None, 0).await.unwrap().unwrap();
    assert_eq!((first.run, first.time), (ticket.run, clock.now()));
    let mut expected = batch(0, "k");
    expected.received = first.batch.received;
    assert_eq!(first.batch, expected);
    assert_eq!(names(&*store, "a", None).await.0, "klm");
    assert_eq!(names(&*store, "a", Some(ticket.run)).await.0, "klm");
    assert_eq!(names(&*store, "a", Some(other.run)).await.0, "");

    store.unstage(&source, None, first.id).await.unwrap();
    let (left, last) = names(&*store, "a", None).await;
    assert_eq!(left, "lm");
    store.unstage(&source, Some(other.run), last).await.unwrap();
    assert_eq!(names(&*store, "a", None).await.0, "lm");
    store.unstage(&source, Some(ticket.run), last).await.unwrap();
    assert_eq!(names(&*store, "a", None).await.0, "");
    assert_eq!(names(&*store, "b", None).await.0, "z");

    // Places are not given twice.
    stage(&*store, ticket, 3, "n").await;
    assert!(names(&*store, "a", None).await.1 > last);
}

pub async fn what_is_staged_is_counted_and_only_once(store: Shared, _: ManualClock) {
    let ticket = running(&*store, "a").await;
    for (number, name, batches) in [(0, "k", 1), (1, "l", 2), (0, "o", 2)] {
        stage(&*store, ticket, number, name).await;
        let entry = entry(&*store, ticket.run).await;
        let counters = Counters { created: batches, deleted: 2 * batches, ..Counters::default() };
        assert_eq!((entry.counters, entry.batches), (counters, batches));
        assert_eq!(entry.bytes, 7 * batches);
    }
    assert_eq!(names(&*store, "a", None).await.0, "kl");
    assert_eq!(stands(&*store, "a").await.as_deref(), Some("l"));
}

pub async fn another_worker_goes_on_staging_behind_the_first(store: Shared, clock: ManualClock) {
    let first = running(&*store, "a").await;
    stage(&*store, first, 0, "k").await;
    clock.advance(HOUR);
    store.sweep_runs(3).await.unwrap();
    let (second, _) = claim(&*store).await;
    // It goes on behind the checkpoint, and counts its batches from 0 as well.
    stage(&*store, second, 0, "l").await;
    assert_eq!(names(&*store, "a", None).await.0, "kl");
}

pub async fn a_dry_run_stages_apart_and_begins_anew(store: Shared, clock: ManualClock) {
    add(&*store, "a").await;
    let mut request = RunRequest::new("a", RunKind::Harvest);
    request.dry_run = true;
    store.request_run(&request).await.unwrap();
    let (first, _) = claim(&*store).await;
    stage(&*store, first, 0, "k").await;
    stage(&*store, first, 1, "l").await;
    assert_eq!(stands(&*store, "a").await, None);
    clock.advance(HOUR);
    store.sweep_runs(3).await.unwrap();
    assert!(is_stale(store.start_over(first).await));
    let (second, claimed) = claim(&*store).await;
    assert_eq!((claimed.batches, claimed.counters.created), (2, 2));
    store.start_over(second).await.unwrap();
    let entry = entry(&*store, second.run).await;
    assert_eq!((entry.batches, entry.bytes, entry.counters), (0, 0, Counters::default()));
    assert_eq!(names(&*store, "a", Some(second.run)).await.0, "");
    stage(&*store, second, 0, "m").await;
    assert_eq!(names(&*store, "a", None).await.0, "");
    assert_eq!(names(&*store, "a", Some(second.run)).await.0, "m");
    assert_eq!(stands(&*store, "a").await, None);
    store.unstage(&"a".into(), None, i64::MAX).await.unwrap();
    assert_eq!(names(&*store, "a", Some(second.run)).await.0, "m");
    store.unstage(&"a".into(), Some(second.run), i64::MAX).await.unwrap();
    assert_eq!(names(&*store, "a", Some(second.run)).await.0, "");
}

pub async fn a_stale_ticket_stages_nothing(store: Shared, clock: ManualClock) {
    let stale = running(&*store, "a").await;
    clock.advance(2 * MINUTE);
    store.sweep_runs(3).await.unwrap();
    assert!(is_stale(store.stage(stale, &batch(0, "k"), &COUNTED).await));
    let (ticket, _) = claim(&*store).await;
    assert!(is_stale(store.stage(stale, &batch(0, "k"), &COUNTED).await));
    store.end_run(ticket, &Ending::Done).await.unwrap();
    assert!(is_stale(store.stage(ticket, &batch(0, "k"), &COUNTED).await));
    assert_eq!(names(&*store, "a", None).await.0, "");
    assert_eq!(stands(&*store, "a").await, None);
}

pub async fn what_dry_runs_fetched_expires_unless_it_is_to_be_stored(
    store: Shared,
    clock: ManualClock,
) {
    let mut runs = Vec::new();
    for (id, dry_run) in [("a", true), ("b", true), ("c", false), ("d", true)] {
        add(&*store, id).await;
        let kind = if dry_run { RunKind::Harvest } else { RunKind::Collect };
        let mut request = RunRequest::new(id, kind);
        request.dry_run = dry_run;
        store.request_run(&request).await.unwrap();
        let (ticket, _) = claim(&*store).await;
        stage(&*store, ticket, 0, "k").await;
        stage(&*store, ticket, 1, "l").await;
        store.end_run(ticket, &Ending::Done).await.unwrap();
        runs.push(ticket.run);
        clock.advance(HOUR);
    }
    let mut apply = RunRequest::new("b", RunKind::Import);
    apply.parent = Some(runs[1]);
    store.request_run(&apply).await.unwrap();
    let before = clock.now() - HOUR;
    let expired = store.expire_staged(before).await.unwrap();
    assert_eq!(expired, [("a".into(), runs[0])]);
    assert_eq!(store.expire_staged(before).await.unwrap(), [], "once");
    for (run, id, left) in
        [(runs[0], "a", ""), (runs[1], "b", "kl"), (runs[2], "c", "kl"), (runs[3], "d", "kl")]
    {
        assert_eq!(names(&*store, id, Some(run)).await.0, left, "{id}");
    }
}
