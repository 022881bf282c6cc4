//! When it is harvested.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use super::sources::every_two_days;
use super::{DAY, HOUR, MINUTE, Shared, ask, claim, entry, running, source};
use crate::batch::SourceId;
use crate::run::{RunId, RunState};
use crate::schedule::{Rhythm, Schedule, Unit};
use crate::store::{
    Ending, Failure, ManualClock, RunKind, RunRequest, SourceEntry, SourceStatus, Store, Trigger,
};
use crate::testing::start;

async fn add(store: &dyn Store, id: &str, schedule: Schedule) -> SourceEntry {
    let mut definition = source(id);
    definition.schedule = schedule;
    store.add_source(&definition).await.unwrap()
}

async fn stored(store: &dyn Store, id: &str) -> SourceEntry {
    store.source(&id.into()).await.unwrap().unwrap()
}

/// Asks for what is due and does it.
async fn harvest_due(store: &dyn Store) -> Vec<(SourceId, RunId)> {
    let asked = store.request_due(100).await.unwrap();
    while let Some((ticket, _)) = store.claim_run("worker", MINUTE).await.unwrap() {
        store.end_run(ticket, &Ending::Done).await.unwrap();
    }
    asked
}

pub async fn a_source_that_is_due_gets_one_run_and_keeps_its_rhythm(
    store: Shared,
    clock: ManualClock,
) {
    assert_eq!(store.next_due().await.unwrap(), None);
    let begin = clock.now();
    let delayed = every_two_days().with_start_delay(HOUR);
    add(&*store, "a", delayed).await;
    assert_eq!(store.next_due().await.unwrap(), Some(HOUR));
    assert_eq!(store.request_due(10).await.unwrap(), []);

    clock.advance(HOUR + MINUTE);
    assert_eq!(store.next_due().await.unwrap(), Some(Duration::ZERO));
    let asked = store.request_due(10).await.unwrap();
    let [(source, run)] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(source.as_str(), "a");
    let queued = entry(&*store, *run).await;
    assert_eq!(
        (queued.request.trigger, queued.request.kind),
        (Trigger::Schedule, RunKind::Harvest)
    );
    assert_eq!(queued.queued, clock.now());
    let after = stored(&*store, "a").await;
    assert_eq!(after.next_due, Some(begin + HOUR + 2 * DAY), "its rhythm, not the time of the run");
    assert_eq!((after.scheduled_runs, after.open_run), (1, Some(*run)));
    assert_eq!(store.request_due(10).await.unwrap(), []);
}

pub async fn after_downtime_there_is_one_run(store: Shared, clock: ManualClock) {
    let begin = clock.now();
    add(&*store, "a", every_two_days()).await;
    clock.advance(31 * DAY + HOUR);
    assert_eq!(harvest_due(&*store).await.len(), 1);
    assert_eq!(harvest_due(&*store).await.len(), 0);
    assert_eq!(stored(&*store, "a").await.next_due, Some(begin + 32 * DAY));
    assert_eq!(store.next_due().await.unwrap(), Some(DAY - HOUR));
}

pub async fn two_schedulers_ask_for_each_run_once(store: Shared, clock: ManualClock) {
    for nth in 0..20 {
        add(&*store, &format!("s{nth}"), every_two_days()).await;
    }
    for round in 1..=3 {
        let (one, other, third) =
            tokio::join!(store.request_due(100), store.request_due(100), store.request_due(100));
        // Whom one of them did not look at because another was at it is found next time.
        let rest = store.request_due(100).await;
        let asked = [one, other, third, rest].map(Result::unwrap).concat();
        let sources: BTreeSet<_> = asked.iter().map(|(source, _)| source).collect();
        assert_eq!((asked.len(), sources.len()), (20, 20));
        assert_eq!(harvest_due(&*store).await, []);
        assert_eq!(stored(&*store, "s7").await.scheduled_runs, round);
        clock.advance(2 * DAY);
    }
}

pub async fn no_more_runs_are_asked_for_than_wanted_and_the_longest_due_come_first(
    store: Shared,
    clock: ManualClock,
) {
    for (id, delay) in [("late", 3), ("first", 1), ("second", 2)] {
        add(&*store, id, every_two_days().with_start_delay(delay * HOUR)).await;
    }
    clock.advance(4 * HOUR);
    let mut names = Vec::new();
    for _ in 0..3 {
        let asked = store.request_due(1).await.unwrap();
        names.extend(asked.iter().map(|(source, _)| source.to_string()));
        assert_eq!(asked.len(), 1);
    }
    assert_eq!(names, ["first", "second", "late"]);
}

pub async fn a_schedule_is_over_after_its_last_run(store: Shared, clock: ManualClock) {
    add(&*store, "a", every_two_days().with_most_runs(NonZeroU32::new(2).unwrap())).await;
    for expected in [1, 1, 0, 0] {
        assert_eq!(harvest_due(&*store).await.len(), expected);
        clock.advance(2 * DAY);
    }
    let over = stored(&*store, "a").await;
    assert_eq!((over.next_due, over.scheduled_runs), (None, 2));
    assert_eq!(store.next_due().await.unwrap(), None);
    // By hand it still is.
    ask(&*store, "a").await;
}

pub async fn only_active_sources_come_due(store: Shared, clock: ManualClock) {
    for status in SourceStatus::ALL {
        let mut definition = source(status.as_str());
        definition.schedule = every_two_days();
        definition.status = status;
        store.add_source(&definition).await.unwrap();
    }
    let asked = harvest_due(&*store).await;
    assert_eq!(asked.iter().map(|(source, _)| source.as_str()).collect::<Vec<_>>(), ["active"]);
    assert_eq!(store.next_due().await.unwrap(), Some(2 * DAY));

    // Switched on again, a source that should have been harvested meanwhile is, once.
    clock.advance(DAY);
    let mut paused = stored(&*store, "paused").await.definition;
    paused.status = SourceStatus::Active;
    store.change_source(&paused).await.unwrap();
    assert_eq!(harvest_due(&*store).await.len(), 1);
    assert_eq!(harvest_due(&*store).await.len(), 0);
}

pub async fn what_is_only_compared_comes_due_as_an_audit(store: Shared, _: ManualClock) {
    for (id, kind) in [("audit", RunKind::Audit), ("baseline", RunKind::Harvest)] {
        let mut definition = source(id);
        definition.schedule = every_two_days();
        definition.options = serde_json::json!({ "url": format!("https://{id}.org/"), "mode": id });
        store.add_source(&definition).await.unwrap();
        let [(_, run)] = store.request_due(10).await.unwrap()[..] else { panic!("{id}") };
        assert_eq!(entry(&*store, run).await.request.kind, kind);
    }
}

pub async fn a_source_with_an_open_run_is_passed_over_until_that_is_over(
    store: Shared,
    clock: ManualClock,
) {
    let ticket = running(&*store, "a").await;
    let mut definition = source("a");
    definition.schedule = every_two_days();
    store.change_source(&definition).await.unwrap();
    clock.advance(DAY);
    assert_eq!(store.request_due(10).await.unwrap(), []);
    assert_eq!(store.next_due().await.unwrap(), None, "nothing to do until the run is over");
    assert_eq!(stored(&*store, "a").await.scheduled_runs, 0);
    store.end_run(ticket, &Ending::Done).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(Duration::ZERO));
    assert_eq!(store.request_due(10).await.unwrap().len(), 1);
    let (_, run) = claim(&*store).await;
    assert_eq!(run.request.trigger, Trigger::Schedule);
}

pub async fn a_changed_schedule_begins_anew(store: Shared, clock: ManualClock) {
    let mut definition = add(&*store, "a", every_two_days()).await.definition;
    harvest_due(&*store).await;
    clock.advance(HOUR);
    let due = stored(&*store, "a").await.next_due;
    definition.title = "another".to_owned();
    let kept = store.change_source(&definition).await.unwrap();
    assert_eq!((kept.next_due, kept.scheduled_runs), (due, 1));
    definition.schedule = every_two_days().with_start_delay(HOUR);
    let anew = store.change_source(&definition).await.unwrap();
    assert_eq!((anew.next_due, anew.scheduled_runs), (Some(clock.now() + HOUR), 0));
    definition.schedule = Schedule::default();
    assert_eq!(store.change_source(&definition).await.unwrap().next_due, None);
    assert_eq!(stored(&*store, "a").await.next_due, None);
}

pub async fn a_run_that_could_not_take_place_leaves_its_date(store: Shared, clock: ManualClock) {
    let weekly = Schedule::new(Rhythm::every(1, Unit::Weeks).unwrap());
    add(&*store, "a", weekly.with_most_runs(NonZeroU32::MIN)).await;
    let mut invalid = Failure::new("the list is not valid");
    invalid.leaves_date = true;
    for day in 0..3_u32 {
        let [(_, run)] = store.request_due(10).await.unwrap()[..] else { panic!("day {day}") };
        let moved = stored(&*store, "a").await;
        assert_eq!((moved.next_due, moved.scheduled_runs), (None, 1), "whatever becomes of it");
        let asked = entry(&*store, run).await.request;
        assert_eq!((asked.trigger, asked.due), (Trigger::Schedule, Some(start())));
        let (ticket, _) = claim(&*store).await;
        let ended = store.end_run(ticket, &Ending::Failed(invalid.clone())).await.unwrap();
        assert_eq!(ended, RunState::Failed);
        // The date stands, and it is asked for a day later.
        let stood = stored(&*store, "a").await;
        assert_eq!((stood.next_due, stood.scheduled_runs), (Some(start()), 0));
        assert_eq!(stood.due_again, Some(clock.now() + DAY));
        assert_eq!(store.next_due().await.unwrap(), Some(DAY));
        clock.advance(DAY - HOUR);
        assert_eq!(store.request_due(10).await.unwrap(), []);
        assert_eq!(store.next_due().await.unwrap(), Some(HOUR));
        clock.advance(HOUR);
    }
    assert_eq!(harvest_due(&*store).await.len(), 1);
    let over = stored(&*store, "a").await;
    assert_eq!((over.next_due, over.due_again, over.scheduled_runs), (None, None, 1));
}

pub async fn a_date_that_stood_gives_way_to_another_schedule(store: Shared, clock: ManualClock) {
    let mut definition = add(&*store, "a", every_two_days()).await.definition;
    let mut invalid = Failure::new("the list is not valid");
    invalid.leaves_date = true;
    let invalid = Ending::Failed(invalid);
    store.request_due(10).await.unwrap();
    let (ticket, _) = claim(&*store).await;
    // Changed while the run goes on.
    definition.schedule = every_two_days().with_start_delay(HOUR);
    let changed = store.change_source(&definition).await.unwrap();
    store.end_run(ticket, &invalid).await.unwrap();
    assert_eq!(stored(&*store, "a").await.next_due, changed.next_due);

    // Another address is tried at once.
    clock.advance(HOUR);
    store.request_due(10).await.unwrap();
    let (ticket, _) = claim(&*store).await;
    store.end_run(ticket, &invalid).await.unwrap();
    assert_eq!(store.request_due(10).await.unwrap(), []);
    definition.options = serde_json::json!({ "url": "https://other.example/list" });
    store.change_source(&definition).await.unwrap();
    assert_eq!(store.request_due(10).await.unwrap().len(), 1);

    // A run that somebody asked for has no date.
    let (ticket, _) = claim(&*store).await;
    store.end_run(ticket, &Ending::Done).await.unwrap();
    let due = stored(&*store, "a").await.next_due;
    store.request_run(&RunRequest::new("a", RunKind::Harvest)).await.unwrap();
    let (ticket, _) = claim(&*store).await;
    store.end_run(ticket, &invalid).await.unwrap();
    let entry = stored(&*store, "a").await;
    assert_eq!((entry.next_due, entry.due_again), (due, None));
}
