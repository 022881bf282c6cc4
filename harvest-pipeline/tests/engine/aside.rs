//! Trying, collecting, comparing and reading anew: runs that do not simply fetch and store.

use harvest_pipeline::filters::{FilterSet, Match};
use harvest_pipeline::parsers::Bibliographic;
use harvest_pipeline::store::{RunEntry, RunKind, RunRequest};
use harvest_pipeline::{
    Item, Outcome, Parsed, Parser, Payload, Pipeline, RecordError, RecordQuery, RunState, SourceId,
    Stage,
};

use super::net::{Host, filled, name, put, put_broken};
use super::world::{DAY, World};

scenarios! {
    a_19_a_39_a_dry_run_changes_nothing
    a_dry_run_is_applied_without_a_request
    a_dry_run_is_not_applied_over_what_came_since
    a_dry_run_that_was_kept_for_too_long_is_not_applied
    what_was_collected_is_imported_without_a_request_once
    an_audit_counts_what_is_new_changed_and_gone_and_changes_nothing
    a_38_what_is_here_is_parsed_anew_without_a_request
    a_38_what_is_here_is_filtered_anew_without_a_request
    what_could_not_be_read_is_read_anew_without_a_request
    what_a_run_stored_is_found_when_it_is_over
}

/// What a run may write about itself.
const OWN: [&str; 3] = ["runs", "events", "staged"];

fn dry() -> RunRequest {
    let mut request = RunRequest::new("kytice", RunKind::Harvest);
    request.dry_run = true;
    request
}

/// Of twelve records one was changed since they were harvested, and one is new.
async fn changed(world: &World) {
    let origin = filled(12);
    world.add("kytice", &origin).await;
    world.harvest("kytice").await;
    world.clock.advance(DAY);
    put(&origin, 1, "2024-07-25T12:00:00Z", "Changed");
    put(&origin, 20, "2024-07-25T12:00:00Z", "New");
}

fn counted(run: &RunEntry) -> (u64, u64, u64) {
    (run.counters.created, run.counters.updated, run.counters.total())
}

async fn a_19_a_39_a_dry_run_changes_nothing(world: &World) {
    changed(world).await;
    let before = world.dump(&OWN).await;
    assert!(before.iter().any(|line| line.starts_with("records: ")), "{before:#?}");
    for _ in 0..2 {
        world.net.asked();
        let run = world.run(dry()).await;
        assert_eq!((run.state, counted(&run)), (RunState::Succeeded, (1, 1, 2)));
        assert!(!world.net.asked().is_empty());
        assert_eq!(world.dump(&OWN).await, before);
    }
}

async fn a_dry_run_is_applied_without_a_request(world: &World) {
    changed(world).await;
    let tried = world.run(dry()).await;
    let source = SourceId::from("kytice");
    let (differences, after) =
        world.installation.differences(&source, tried.id, 0).await.unwrap().unwrap();
    let told: Vec<_> = differences.iter().map(|it| (it.identifier.clone(), it.outcome)).collect();
    assert_eq!(told, [(name(1), Outcome::Updated), (name(20), Outcome::Created)]);
    assert!(differences[0].here.as_ref().unwrap().contains("Title 1"));
    assert!(differences[0].there.as_ref().unwrap().contains("Changed"));
    let rest = world.installation.differences(&source, tried.id, after).await.unwrap();
    assert!(rest.is_none_or(|(differences, _)| differences.is_empty()));

    world.net.asked();
    let mut apply = RunRequest::new("kytice", RunKind::Import);
    apply.parent = Some(tried.id);
    let run = world.run(apply.clone()).await;
    assert_eq!((run.state, counted(&run)), (RunState::Succeeded, (1, 1, 2)), "{run:#?}");
    assert!(world.net.asked().is_empty());
    assert_eq!(world.live("kytice").await.len(), 13);
    // The source stands where it would after a harvest, and nothing is left to apply.
    assert_eq!(world.run(apply).await.counters.total(), 0);
    assert_eq!(world.harvest("kytice").await.counters.total(), 0);
}

async fn a_dry_run_is_not_applied_over_what_came_since(world: &World) {
    changed(world).await;
    let tried = world.run(dry()).await;
    assert_eq!(counted(&world.harvest("kytice").await), (1, 1, 2));
    let mut apply = RunRequest::new("kytice", RunKind::Import);
    apply.parent = Some(tried.id);
    let run = world.run(apply).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(run.failure.unwrap().message.contains("try it once more"));
}

async fn a_dry_run_that_was_kept_for_too_long_is_not_applied(world: &World) {
    changed(world).await;
    let tried = world.run(dry()).await;
    world.clock.advance(30 * DAY);
    world.scheduler().forget().await.unwrap();
    let source = SourceId::from("kytice");
    assert!(world.store.staged(&source, Some(tried.id), 0).await.unwrap().is_some());
    world.clock.advance(DAY);
    world.scheduler().forget().await.unwrap();
    assert!(world.store.staged(&source, Some(tried.id), 0).await.unwrap().is_none());
    assert!(world.codes(tried.id).await.contains(&"DryRunExpired".to_owned()));
    let mut apply = RunRequest::new("kytice", RunKind::Import);
    apply.parent = Some(tried.id);
    let run = world.run(apply).await;
    assert_eq!((run.state, run.counters.total()), (RunState::Failed, 0));
    let message = run.failure.unwrap().message;
    assert!(message.contains("not kept any longer"), "{message}");
}

async fn what_was_collected_is_imported_without_a_request_once(world: &World) {
    world.add("kytice", &filled(12)).await;
    let import = RunRequest::new("kytice", RunKind::Import);
    let run = world.run(import.clone()).await;
    assert_eq!((run.state, run.counters.total()), (RunState::Succeeded, 0), "nothing to import");

    let run = world.run(RunRequest::new("kytice", RunKind::Collect)).await;
    assert_eq!((run.state, run.counters.created), (RunState::Succeeded, 12));
    assert!(world.live("kytice").await.is_empty());
    world.net.asked();
    let run = world.run(import.clone()).await;
    assert_eq!((run.state, run.counters.created), (RunState::Succeeded, 12));
    assert!(world.net.asked().is_empty());
    assert_eq!(world.live("kytice").await.len(), 12);
    assert_eq!(world.run(import).await.counters.total(), 0, "once");
    assert_eq!(world.run(RunRequest::new("kytice", RunKind::Collect)).await.counters.total(), 0);
}

async fn an_audit_counts_what_is_new_changed_and_gone_and_changes_nothing(world: &World) {
    changed(world).await;
    let shorter = filled(11);
    put(&shorter, 1, "2024-07-25T12:00:00Z", "Changed");
    put(&shorter, 20, "2024-07-25T12:00:00Z", "New");
    world.serve("kytice.example", &shorter);
    let before = world.dump(&OWN).await;
    let run = world.run(RunRequest::new("kytice", RunKind::Audit)).await;
    let counters = run.counters;
    assert_eq!((counters.created, counters.updated, counters.deleted), (1, 1, 1));
    assert_eq!((run.state, counters.unchanged), (RunState::Succeeded, 10));
    assert_eq!(world.dump(&OWN).await, before);
}

async fn a_38_what_is_here_is_parsed_anew_without_a_request(world: &World) {
    let origin = filled(12);
    world.add("kytice", &origin).await;
    // By a parser that understood nothing.
    let source = world.installation.source(&World::oai("kytice")).unwrap();
    Pipeline::new(source).parse(Blind).run(&*world.catalogue).await.unwrap();
    let source = SourceId::from("kytice");
    let before = world.catalogue.find(&source, &name(1)).await.unwrap().unwrap();
    assert!(before.request_url.is_some());

    world.net.set("kytice.example", Host::Fault(http::StatusCode::GONE, None));
    world.net.asked();
    let run = world.run(RunRequest::new("kytice", RunKind::Reprocess)).await;
    assert_eq!((run.state, counted(&run)), (RunState::Succeeded, (0, 12, 12)), "{run:#?}");
    assert!(world.net.asked().is_empty());
    let after = world.catalogue.find(&source, &name(1)).await.unwrap().unwrap();
    assert_ne!(after.fields, before.fields);
    assert_eq!(after.metadata, before.metadata);
    assert_eq!(after.request_url, before.request_url, "it still says where it came from");
    assert_eq!(after.datestamp, before.datestamp);
    let versions = world.catalogue.versions(&source, &name(1)).await.unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0].metadata, versions[1].metadata);
    let run = world.run(RunRequest::new("kytice", RunKind::Reprocess)).await;
    assert_eq!(run.counters.unchanged, 12, "once is enough");
}

async fn what_could_not_be_read_is_read_anew_without_a_request(world: &World) {
    let origin = filled(12);
    put_broken(&origin, 3, "2024-01-31T12:00:00Z");
    world.add("kytice", &origin).await;
    // By a parser that could read nothing.
    let source = world.installation.source(&World::oai("kytice")).unwrap();
    let summary = Pipeline::new(source).parse(Illiterate).run(&*world.catalogue).await.unwrap();
    assert_eq!(summary.counters.failed, 12);
    let source = SourceId::from("kytice");
    let error = world.catalogue.errors(&source, false).await.unwrap().remove(1);
    let item = error.item().unwrap();
    assert_eq!(
        (&*item.identifier, item.datestamp.as_deref()),
        (&*name(1), Some("2024-01-31T12:00:00Z"))
    );
    assert_eq!(&*item.payload().unwrap().format, "marc21");

    world.net.set("kytice.example", Host::Fault(http::StatusCode::GONE, None));
    world.net.asked();
    let run = world.run(RunRequest::new("kytice", RunKind::Reprocess)).await;
    let counters = run.counters;
    assert_eq!(run.state, RunState::SucceededWithErrors, "one is broken indeed");
    assert_eq!((counters.created, counters.failed), (11, 1));
    assert_eq!(world.net.asked(), []);
    assert_eq!(world.live("kytice").await.len(), 11);
    let record = world.catalogue.find(&source, &name(1)).await.unwrap().unwrap();
    assert_eq!(record.datestamp.as_deref(), Some("2024-01-31T12:00:00Z"));
    let open = world.catalogue.errors(&source, false).await.unwrap();
    assert_eq!(open.iter().map(|error| &*error.key).collect::<Vec<_>>(), [name(3)]);
    assert_eq!((open[0].tries, open[0].item().is_some()), (2, true));
}

async fn a_38_what_is_here_is_filtered_anew_without_a_request(world: &World) {
    world.add("kytice", &filled(12)).await;
    world.harvest("kytice").await;
    let expression = "245a not equals Title 5".parse().unwrap();
    let novels = FilterSet::new("novels", Match::All, [expression]).unwrap();
    world.store.put_filter_set(&novels).await.unwrap();
    let mut definition = World::oai("kytice");
    definition.filter_sets = vec!["novels".to_owned()];
    definition.policies.refilter_known = true;
    world.store.change_source(&definition).await.unwrap();
    world.net.asked();
    let run = world.run(RunRequest::new("kytice", RunKind::Reprocess)).await;
    assert_eq!((run.counters.filtered, run.counters.unchanged), (1, 11));
    assert!(world.net.asked().is_empty());
}

async fn what_a_run_stored_is_found_when_it_is_over(world: &World) {
    let origin = filled(3);
    put(&origin, 7, "2024-01-31T12:00:00Z", "Babička");
    world.add("kytice", &origin).await;
    world.harvest("kytice").await;
    let mut query = RecordQuery::default();
    query.text = Some("babicka".to_owned());
    let found = world.catalogue.list(&query).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|record| record.identifier).collect();
    assert_eq!(found, [name(7)]);
}

/// A parser that reads nothing of what it gets.
#[derive(Debug)]
struct Illiterate;

impl Parser for Illiterate {
    type Record = Bibliographic;

    fn format(&self) -> &str {
        "*"
    }

    fn parse(&self, item: &Item, _: &Payload) -> Result<Parsed<Bibliographic>, RecordError> {
        Err(RecordError::new(item.identifier.clone(), Stage::Parse, "illegible"))
    }
}

/// A parser that reads nothing of what it gets.
struct Blind;

impl Parser for Blind {
    type Record = Bibliographic;

    fn format(&self) -> &str {
        "*"
    }

    fn parse(&self, _: &Item, _: &Payload) -> Result<Parsed<Bibliographic>, RecordError> {
        Ok(Parsed::new(Bibliographic::default()))
    }
}
