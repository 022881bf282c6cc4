//! Time: what is covered, what is due, and a source that was off meanwhile.

use std::num::NonZeroU32;

use harvest_pipeline::RunState;
use harvest_pipeline::engine::Retention;
use harvest_pipeline::schedule::{Rhythm, Schedule, Unit};
use harvest_pipeline::store::{
    EmptyWindow, Event, EventLevel, EventQuery, RunKind, RunQuery, RunRequest,
};

use super::net::{filled, name, put, repository};
use super::world::{DAY, HOUR, World, time};

scenarios! {
    a_12_advancing_over_an_empty_window_loses_what_changed_meanwhile_and_coverage_shows_it
    a_12_holding_an_empty_window_loses_nothing
    a_12_backfilling_an_empty_window_loses_nothing
    a_source_that_is_off_at_the_first_run_is_harvested_from_the_beginning_later_if_that_is_held
    a_16_a_schedule_begins_after_its_delay_and_is_over_after_so_many_runs
    a_16_what_happened_is_forgotten_by_its_age
    a_16_the_log_is_purged_when_a_run_is_over
}

/// 1 August off; runs on 21 and 28 August and on 4 September; 6 September on again; a run on the 11th.
async fn timeline(world: &World, policy: EmptyWindow) {
    let origin = filled(3);
    world.add("kytice", &origin).await;
    let mut definition = World::oai("kytice");
    definition.policies.empty_window = policy;
    world.store.change_source(&definition).await.unwrap();
    assert_eq!(world.harvest("kytice").await.counters.created, 3);

    world.until("2024-08-01T00:00:00Z");
    world.serve("kytice.example", &repository());
    put(&origin, 10, "2024-08-15T00:00:00Z", "Changed while it was off");
    put(&origin, 11, "2024-09-03T00:00:00Z", "The last one");
    for day in ["2024-08-21T00:00:00Z", "2024-08-28T00:00:00Z", "2024-09-04T00:00:00Z"] {
        world.until(day);
        let run = world.harvest("kytice").await;
        assert_eq!((run.state, run.counters.total()), (RunState::Succeeded, 0), "{day}");
        assert!(world.codes(run.id).await.contains(&"EmptyWindow".to_owned()), "{day}");
    }
    world.until("2024-09-06T00:00:00Z");
    world.serve("kytice.example", &origin);
    put(&origin, 12, "2024-09-08T00:00:00Z", "On again");
    world.until("2024-09-11T00:00:00Z");
    world.harvest("kytice").await;
}

async fn has(world: &World, records: &[usize]) -> Vec<bool> {
    let live = world.live("kytice").await;
    records.iter().map(|n| live.contains(&name(*n))).collect()
}

async fn a_12_advancing_over_an_empty_window_loses_what_changed_meanwhile_and_coverage_shows_it(
    world: &World,
) {
    timeline(world, EmptyWindow::Advance).await;
    assert_eq!(has(world, &[0, 1, 2, 10, 11, 12]).await, [true, true, true, false, false, true]);
    let coverage = world.store.coverage(&"kytice".into(), None).await.unwrap();
    let empty: Vec<_> = coverage.iter().filter(|it| it.is_empty()).collect();
    assert_eq!(empty.len(), 3, "{coverage:#?}");
    // One stretch of time behind the other, and in those that are empty lies what was lost.
    assert!(coverage.windows(2).all(|two| two[1].from == Some(two[0].until)), "{coverage:#?}");
    let lost = time("2024-08-15T00:00:00Z");
    assert!(empty.iter().any(|it| it.from.unwrap() < lost && lost < it.until));
}

async fn a_12_holding_an_empty_window_loses_nothing(world: &World) {
    timeline(world, EmptyWindow::Hold).await;
    assert_eq!(has(world, &[0, 1, 2, 10, 11, 12]).await, [true; 6]);
    let coverage = world.store.coverage(&"kytice".into(), None).await.unwrap();
    assert_eq!(coverage.len(), 2, "what was held is not covered: {coverage:#?}");
    assert_eq!(coverage[1].from, Some(coverage[0].until));
}

async fn a_12_backfilling_an_empty_window_loses_nothing(world: &World) {
    timeline(world, EmptyWindow::Backfill).await;
    assert_eq!(has(world, &[0, 1, 2, 10, 11, 12]).await, [true; 6]);
    let runs = world.store.runs(&RunQuery::default()).await.unwrap();
    assert_eq!(runs.len(), 6, "five that were asked for, and one that followed");
    assert_eq!(runs[0].request.parent, Some(runs[1].id));
    // What was filled is not filled again.
    world.until("2024-09-12T00:00:00Z");
    world.harvest("kytice").await;
    assert_eq!(world.store.runs(&RunQuery::default()).await.unwrap().len(), 7);
}

async fn a_source_that_is_off_at_the_first_run_is_harvested_from_the_beginning_later_if_that_is_held(
    world: &World,
) {
    world.add("kytice", &repository()).await;
    let mut definition = World::oai("kytice");
    definition.policies.empty_window = EmptyWindow::Hold;
    world.store.change_source(&definition).await.unwrap();
    assert_eq!(world.harvest("kytice").await.counters.total(), 0);
    world.serve("kytice.example", &filled(3));
    world.clock.advance(DAY);
    assert_eq!(world.harvest("kytice").await.counters.created, 3);
}

async fn a_16_a_schedule_begins_after_its_delay_and_is_over_after_so_many_runs(world: &World) {
    world.serve("kytice.example", &filled(3));
    let mut definition = World::oai("kytice");
    let mut schedule = Schedule::new(Rhythm::every(1, Unit::Days).unwrap());
    schedule.start_delay = 12 * 3600;
    schedule.most_runs = NonZeroU32::new(2);
    definition.schedule = schedule;
    world.store.add_source(&definition).await.unwrap();

    let due = async || world.scheduler().tick().await.unwrap().requested.len();
    assert_eq!(due().await, 0);
    world.clock.advance(11 * HOUR);
    assert_eq!(due().await, 0, "too early");
    world.clock.advance(HOUR);
    let mut runs = Vec::new();
    for _ in 0..2 {
        assert_eq!(due().await, 1);
        assert_eq!(due().await, 0, "asked for once");
        runs.extend(world.work().await);
        world.clock.advance(DAY);
    }
    assert_eq!((due().await, runs.len()), (0, 2));
    world.clock.advance(99 * DAY);
    assert_eq!(due().await, 0);
}

async fn a_16_what_happened_is_forgotten_by_its_age(world: &World) {
    world.add("kytice", &filled(3)).await;
    let run = world.harvest("kytice").await;
    let all = async || world.store.events(&EventQuery::default()).await.unwrap().len();
    let before = all().await;
    assert!(before > 0);
    world.clock.advance(89 * DAY);
    world.scheduler().forget().await.unwrap();
    assert_eq!(all().await, before);
    world.store.record(&[Event::new("Noted", EventLevel::Info, "new")]).await.unwrap();
    world.clock.advance(2 * DAY);
    world.scheduler().forget().await.unwrap();
    assert_eq!(all().await, 1);
    assert_eq!(world.entry(run.id).await.state, RunState::Succeeded, "runs are kept longer");

    let mut retention = Retention::default();
    (retention.runs, retention.least_runs) = (DAY, 1);
    world.run(RunRequest::new("kytice", RunKind::Audit)).await;
    world.harvest("kytice").await;
    world.clock.advance(2 * DAY);
    world.scheduler().retention(retention).forget().await.unwrap();
    let left = world.store.runs(&RunQuery::default()).await.unwrap();
    assert_eq!(left.len(), 2, "the last, and the one that records point to: {left:#?}");
}

async fn a_16_the_log_is_purged_when_a_run_is_over(world: &World) {
    world.add("kytice", &filled(3)).await;
    let noted = Event::new("Noted", EventLevel::Info, "old");
    world.store.record(&[noted.clone(), noted.clone()]).await.unwrap();
    let noted = async || {
        let events = world.store.events(&EventQuery::default()).await.unwrap();
        events.iter().filter(|it| it.event.code == "Noted").count()
    };
    world.clock.advance(90 * DAY);
    world.harvest("kytice").await;
    assert_eq!(noted().await, 2, "90 days unless said otherwise");
    world.clock.advance(HOUR);
    world.harvest("kytice").await;
    assert_eq!(noted().await, 0, "too old");

    world.store.record(&[Event::new("Noted", EventLevel::Info, "new")]).await.unwrap();
    let mut retention = Retention::default();
    retention.most_events = 1;
    world.ask(RunRequest::new("kytice", RunKind::Harvest)).await;
    world.worker("tidy").retention(retention).run_waiting().await.unwrap();
    assert_eq!(noted().await, 0, "too many");
    assert_eq!(world.store.events(&EventQuery::default()).await.unwrap().len(), 1);
}
