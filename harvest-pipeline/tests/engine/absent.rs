//! Records that are missing in a list.

use harvest_pipeline::store::{RunKind, RunRequest};
use harvest_pipeline::{RunState, SourceId};

use super::net::{filled, name, put, put_broken, repository};
use super::world::{DAY, World};

scenarios! {
    a_36_deleting_everything_waits_for_a_person_who_agrees
    a_36_deleting_everything_waits_for_a_person_who_does_not_agree
    an_empty_list_deletes_nothing_by_itself_not_even_the_last_record
    a_record_that_is_gone_is_deleted_and_an_undone_run_brings_it_back
    a_record_that_fails_or_is_filtered_out_is_not_gone
}

async fn held(world: &World) -> harvest_pipeline::RunId {
    world.add("kytice", &filled(12)).await;
    world.harvest("kytice").await;
    world.clock.advance(DAY);
    world.serve("kytice.example", &repository());
    let run = world.in_full("kytice").await;
    assert_eq!(run.state, RunState::AwaitingApproval);
    let held = run.held.unwrap();
    assert_eq!((held.deletions, held.live, held.approved), (12, 12, None));
    assert_eq!(world.live("kytice").await.len(), 12);
    // Nothing else begins meanwhile.
    let asked =
        world.store.request_run(&RunRequest::new("kytice", RunKind::Harvest)).await.unwrap();
    assert_eq!(asked.run(), run.id);
    assert!(world.work().await.is_empty());
    run.id
}

async fn a_36_deleting_everything_waits_for_a_person_who_agrees(world: &World) {
    let run = held(world).await;
    world.net.asked();
    let state = world.worker("eva").approve(run).await.unwrap();
    assert_eq!(state, Some(RunState::Succeeded));
    assert!(world.net.asked().is_empty(), "all was fetched before");
    assert_eq!(world.entry(run).await.counters.deleted, 12);
    assert!(world.live("kytice").await.is_empty());
    assert!(world.worker("eva").approve(run).await.is_err(), "only once");
}

async fn a_36_deleting_everything_waits_for_a_person_who_does_not_agree(world: &World) {
    let run = held(world).await;
    let state = world.store.reject_run(run).await.unwrap();
    assert_eq!(state, RunState::SucceededWithErrors);
    assert_eq!(world.live("kytice").await.len(), 12);
    world.serve("kytice.example", &filled(12));
    world.clock.advance(DAY);
    let run = world.in_full("kytice").await;
    assert_eq!((run.state, run.counters.unchanged), (RunState::Succeeded, 12));
}

async fn an_empty_list_deletes_nothing_by_itself_not_even_the_last_record(world: &World) {
    world.add("kytice", &filled(1)).await;
    world.harvest("kytice").await;
    world.clock.advance(DAY);
    world.serve("kytice.example", &repository());
    let run = world.in_full("kytice").await;
    assert_eq!(run.state, RunState::AwaitingApproval);
    let held = run.held.unwrap();
    assert_eq!((held.deletions, held.live), (1, 1));
    assert_eq!(world.live("kytice").await.len(), 1);
}

async fn a_record_that_is_gone_is_deleted_and_an_undone_run_brings_it_back(world: &World) {
    world.add("kytice", &filled(12)).await;
    world.harvest("kytice").await;
    let shorter = filled(11);
    put(&shorter, 20, "2024-07-25T00:00:00Z", "New");
    put(&shorter, 1, "2024-07-25T00:00:00Z", "Changed");
    world.serve("kytice.example", &shorter);
    world.clock.advance(DAY);
    let run = world.in_full("kytice").await;
    let counters = run.counters;
    assert_eq!((counters.created, counters.updated, counters.deleted), (1, 1, 1));
    assert_eq!(run.state, RunState::Succeeded);
    assert!(!world.live("kytice").await.contains(&name(11)));

    let source = SourceId::from("kytice");
    let undone = world.catalogue.undo(&source, run.id).await.unwrap();
    assert_eq!((undone.created, undone.updated, undone.deleted), (1, 1, 1));
    assert_eq!(world.live("kytice").await, (0..12).map(name).collect::<Vec<_>>());
    let record = world.catalogue.find(&source, &name(1)).await.unwrap().unwrap();
    assert!(record.metadata.unwrap().contains("Title 1"));
}

async fn a_record_that_fails_or_is_filtered_out_is_not_gone(world: &World) {
    let origin = filled(12);
    world.add("kytice", &origin).await;
    world.harvest("kytice").await;
    put_broken(&origin, 3, "2024-07-25T00:00:00Z");
    let novels = harvest_pipeline::filters::FilterSet::new(
        "novels",
        harvest_pipeline::filters::Match::All,
        ["245a not equals Title 5".parse().unwrap()],
    );
    world.store.put_filter_set(&novels.unwrap()).await.unwrap();
    let mut definition = World::oai("kytice");
    definition.filter_sets = vec!["novels".to_owned()];
    definition.policies.refilter_known = true;
    world.store.change_source(&definition).await.unwrap();
    world.clock.advance(DAY);
    let run = world.in_full("kytice").await;
    let counters = run.counters;
    assert_eq!((counters.failed, counters.filtered, counters.unchanged), (1, 1, 10));
    assert_eq!((run.state, counters.deleted), (RunState::SucceededWithErrors, 0));
    assert_eq!(world.live("kytice").await.len(), 12, "what was stored before stays");
}
