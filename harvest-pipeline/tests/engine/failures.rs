//! What goes wrong, at the source and here.

use harvest_pipeline::reports::{Audience, Harvested, Report, Style};
use harvest_pipeline::store::{RunKind, RunRequest};
use harvest_pipeline::{RunState, Source as _, SourceId};
use http::StatusCode;

use super::net::{Host, filled, name, put, put_broken};
use super::world::{DAY, World};

scenarios! {
    a_15_a_server_error_fails_the_run_moves_nothing_and_is_told_to_the_contact
    a_25_a_record_that_failed_is_fetched_again_by_its_identifier
    a_record_that_still_fails_is_asked_for_once_a_run
    a_37_a_host_that_wants_to_be_left_alone_is_and_others_are_not
    too_many_failed_records_end_a_run_even_at_the_last_page
}

async fn a_15_a_server_error_fails_the_run_moves_nothing_and_is_told_to_the_contact(world: &World) {
    world.add("kytice", &filled(12)).await;
    let mut definition = World::oai("kytice");
    definition.contacts = vec!["eva@kytice.example".to_owned()];
    world.store.change_source(&definition).await.unwrap();
    world.harvest("kytice").await;
    let source = SourceId::from("kytice");
    let bookmark = async || {
        let checkpoint = world.catalogue.checkpoint(&source).await.unwrap().unwrap();
        world.installation.source(&definition).unwrap().next_from(&checkpoint).unwrap()
    };
    let stood = bookmark().await;

    world.net.set("kytice.example", Host::Fault(StatusCode::INTERNAL_SERVER_ERROR, None));
    world.clock.advance(DAY);
    world.net.asked();
    let run = world.harvest("kytice").await;
    assert_eq!((run.state, run.counters.total()), (RunState::Failed, 0));
    let failure = run.failure.clone().unwrap();
    let asked = failure.url.clone().unwrap();
    assert!(asked.contains("?verb=ListRecords&metadataPrefix=marc21&from="), "{asked}");
    assert!(world.net.asked().iter().any(|url| url.as_str() == asked));
    assert!(failure.at_source && failure.message.contains("500"), "{failure:?}");
    assert_eq!(bookmark().await, stood, "nothing moved");
    assert_eq!(world.live("kytice").await.len(), 12);
    let events = world.events(run.id).await;
    let told = events.iter().find(|it| it.event.code == "RunEnded").unwrap();
    assert_eq!(told.event.url.as_deref(), Some(&*asked));

    // The fault is the source's: those who look after it can do something about it.
    let harvested = Harvested::gather(&world.installation, run.id).await.unwrap();
    assert_eq!(harvested.contacts(), ["eva@kytice.example"]);
    let report = Report::new(
        Style::Irdb,
        std::slice::from_ref(&harvested),
        Audience::SiteContact,
        world.clock.now(),
    );
    assert_eq!(report.subject, "ハーベスト処理結果の通知メールです。");
    assert!(report.text.contains(&format!("Server error: GET {asked} resulted in: ")));
    assert!(report.text.contains("ハーベストステータス: 異常終了"));
    // Were it ours, they could not.
    let mut ours = harvested;
    ours.run.failure.as_mut().unwrap().at_source = false;
    assert!(ours.contacts().is_empty());

    // The next run goes on where the last good one ended.
    let origin = filled(12);
    put(&origin, 20, "2024-07-25T12:00:00Z", "New");
    world.serve("kytice.example", &origin);
    assert_eq!(world.harvest("kytice").await.counters.created, 1);
}

async fn a_25_a_record_that_failed_is_fetched_again_by_its_identifier(world: &World) {
    let origin = filled(12);
    put_broken(&origin, 3, "2024-01-31T12:00:00Z");
    world.add("kytice", &origin).await;
    let run = world.harvest("kytice").await;
    assert_eq!(run.state, RunState::SucceededWithErrors);
    assert_eq!((run.counters.created, run.counters.failed), (11, 1));
    let events = world.events(run.id).await;
    let failed = events.iter().find(|it| it.event.code == "RecordFailed").unwrap();
    assert_eq!(failed.event.scope.record, Some(name(3)));
    assert!(failed.event.message.contains("is not MARC 21"), "{failed:?}");

    // It was repaired without a new datestamp: no list names it.
    put(&origin, 3, "2024-01-31T12:00:00Z", "Title 3");
    world.clock.advance(DAY);
    world.net.asked();
    let run = world.harvest("kytice").await;
    assert_eq!((run.state, run.counters.created), (RunState::Succeeded, 1));
    let asked = world.net.asked();
    let by_name = asked.iter().filter(|url| url.query().unwrap().contains("verb=GetRecord"));
    assert_eq!(by_name.count(), 1, "{asked:#?}");
    assert_eq!(world.live("kytice").await.len(), 12);
    let source = SourceId::from("kytice");
    assert!(world.catalogue.errors(&source, false).await.unwrap().is_empty());
    // The time in which nothing was listed is an empty one, though a record came.
    let coverage = world.store.coverage(&source, None).await.unwrap();
    assert!(coverage.last().unwrap().is_empty(), "{coverage:#?}");
}

async fn a_record_that_still_fails_is_asked_for_once_a_run(world: &World) {
    let origin = filled(3);
    put_broken(&origin, 1, "2024-01-31T12:00:00Z");
    world.add("kytice", &origin).await;
    world.harvest("kytice").await;
    for kind in [RunKind::Harvest, RunKind::Replay] {
        world.clock.advance(DAY);
        let run = world.run(RunRequest::new("kytice", kind)).await;
        assert_eq!((run.state, run.counters.failed), (RunState::SucceededWithErrors, 1));
        assert_eq!(run.counters.total(), 1);
    }
    // A list that has it counts it once, too.
    let run = world.in_full("kytice").await;
    assert_eq!((run.counters.unchanged, run.counters.failed), (2, 1));
}

async fn a_37_a_host_that_wants_to_be_left_alone_is_and_others_are_not(world: &World) {
    let origin = filled(3);
    for id in ["kytice", "ruze"] {
        world.add(id, &origin).await;
    }
    // Another source on the same host.
    let mut other = World::oai("kytice");
    other.id = "lilie".into();
    other.options["from"] = "2020-01-01".into();
    world.store.add_source(&other).await.unwrap();

    world.net.set("kytice.example", Host::Fault(StatusCode::SERVICE_UNAVAILABLE, Some(86_400)));
    let mut runs = Vec::new();
    for id in ["kytice", "lilie", "ruze"] {
        runs.push(world.ask(RunRequest::new(id, RunKind::Harvest)).await);
    }
    world.net.asked();
    world.work().await;
    let asked = world.net.asked();
    let busy = asked.iter().filter(|url| url.host_str() == Some("kytice.example"));
    assert_eq!(busy.count(), 1, "{asked:#?}");
    for run in &runs[..2] {
        let run = world.entry(*run).await;
        assert_eq!(run.state, RunState::Queued);
        assert_eq!(run.request.not_before, Some(world.clock.now() + DAY));
    }
    assert_eq!(world.entry(runs[2]).await.state, RunState::Succeeded, "others go on");

    // It is not asked before, by nobody.
    world.clock.advance(DAY - std::time::Duration::from_secs(1));
    assert!(world.work().await.is_empty());
    assert!(world.net.asked().is_empty());
    world.serve("kytice.example", &origin);
    world.clock.advance(std::time::Duration::from_secs(1));
    world.work().await;
    for run in runs {
        assert_eq!(world.entry(run).await.state, RunState::Succeeded);
    }
}

async fn too_many_failed_records_end_a_run_even_at_the_last_page(world: &World) {
    let origin = filled(5);
    world.add("kytice", &origin).await;
    world.harvest("kytice").await;
    let changed = super::net::repository();
    (10..13).for_each(|n| put_broken(&changed, n, "2024-01-31T12:00:00Z"));
    world.serve("kytice.example", &changed);
    let mut definition = World::oai("kytice");
    definition.policies.most_failures = Some(2);
    definition.policies.guard.records = 100;
    world.store.change_source(&definition).await.unwrap();
    let run = world.in_full("kytice").await;
    assert_eq!((run.state, run.counters.failed), (RunState::Failed, 3));
    assert!(run.failure.unwrap().message.contains("3 records failed"));
    assert_eq!(world.live("kytice").await.len(), 5, "such a list says nothing about what is gone");
}
