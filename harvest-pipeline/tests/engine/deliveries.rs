//! What runs changed, delivered to those who wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use harvest_pipeline::engine::Worker;
use harvest_pipeline::filters::{FilterSet, Match};
use harvest_pipeline::parsers::Bibliographic;
use harvest_pipeline::store::{
    Page, RunEntry, RunKind, RunRequest, Standing, StoredEvent, TargetDefinition,
};
use harvest_pipeline::targets::{Tolerance, Withdrawal};
use harvest_pipeline::{
    Entry, Kind, Outcome, ParsedBatch, RecordError, Registry, Run, RunError, RunId, RunState, Sink,
    SourceId, Stage, Written,
};
use oai_pmh::provider::MemoryRepository;
use resync_core::transport::Transport;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::crash::{NEVER, dies_at, prepare, serve, writes};
use super::net::{filled, name, put, put_broken};
use super::world::{LEASE, World};

scenarios! {
    what_a_run_changed_is_delivered_to_the_targets_of_its_source
    a_target_that_cannot_be_served_costs_the_run_nothing_and_is_owed
    i_014_an_error_withdraws_nothing_and_a_deletion_only_by_policy
    i_012_a_target_gets_what_its_condition_holds_for
    a_record_that_a_target_does_not_take_is_offered_again
    everything_is_delivered_again_when_somebody_wants_that
    what_was_undone_is_delivered_as_it_was
    wherever_a_delivery_is_killed_everything_is_delivered
    a_target_that_comes_later_gets_what_is_here_without_a_request
}

/// What receivers hold, by target: record and title. Some are closed, some take not everything.
#[derive(Clone, Debug, Default)]
struct Shelves(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    held: BTreeMap<String, BTreeMap<String, String>>,
    /// How many records were sent.
    sent: BTreeMap<String, usize>,
    closed: BTreeSet<String>,
    refused: BTreeSet<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Options {
    shelf: String,
}

struct Shelf(String, Shelves);

#[async_trait]
impl Sink<Bibliographic> for Shelf {
    async fn write(&self, _: &Run, batch: ParsedBatch<Bibliographic>) -> Result<Written, RunError> {
        let Self(name, shelves) = self;
        let mut inner = shelves.0.lock().unwrap();
        if inner.closed.contains(name) {
            return Err(RunError::new(Stage::Sink, "closed for the day"));
        }
        *inner.sent.entry(name.clone()).or_default() += batch.entries.len();
        let (mut outcomes, mut failures) = (Vec::new(), Vec::new());
        for entry in batch.entries {
            let identifier = entry.item().unwrap().identifier.clone();
            let outcome = if inner.refused.contains(&identifier) {
                failures.push(RecordError::new(identifier, Stage::Sink, "not wanted"));
                Outcome::Failed
            } else {
                let held = inner.held.entry(name.clone()).or_default();
                match &entry {
                    Entry::Put { record, .. } => {
                        let title = record.title().unwrap_or_default().to_owned();
                        held.insert(identifier, title);
                    }
                    Entry::Delete { .. } => drop(held.remove(&identifier)),
                    other => panic!("a target gets {other:?}"),
                }
                entry.plain_outcome()
            };
            outcomes.push(outcome);
        }
        Ok(Written::new(outcomes).with_failures(failures))
    }
}

impl Shelves {
    fn titles(&self, target: &str) -> BTreeMap<String, String> {
        self.0.lock().unwrap().held.get(target).cloned().unwrap_or_default()
    }

    fn sent(&self, target: &str) -> usize {
        self.0.lock().unwrap().sent.remove(target).unwrap_or_default()
    }

    fn worker(&self, world: &World, name: &str) -> Worker {
        let shelves = self.clone();
        let kind = Kind::of_target("shelf", "Shelf", move |options: Options, _| {
            Ok(Box::new(Shelf(options.shelf, shelves.clone())))
        });
        let network = world.net.clone();
        let network = move |_: &TargetDefinition| -> Result<Arc<dyn Transport>, String> {
            Ok(Arc::new(network.clone()))
        };
        let kinds = Registry::empty().with(kind);
        let installation = world.installation.clone().with_targets(kinds, network);
        Worker::new(installation, name).lease(LEASE)
    }

    async fn run(&self, world: &World, request: RunRequest) -> RunEntry {
        let run = world.ask(request).await;
        self.worker(world, "worker").run_waiting().await.unwrap();
        world.entry(run).await
    }

    async fn harvest(&self, world: &World) -> RunEntry {
        self.run(world, RunRequest::new("kytice", RunKind::Harvest)).await
    }
}

fn shelf(name: &str) -> TargetDefinition {
    TargetDefinition::new(name, "shelf", json!({ "shelf": name }))
}

async fn standing(world: &World, target: &str) -> Standing {
    world.store.standings(target).await.unwrap().remove(0)
}

/// What a run said about deliveries.
async fn told(world: &World, run: RunId) -> Vec<String> {
    let events = world.events(run).await.into_iter();
    let about = |stored: &StoredEvent| stored.event.code.contains("Deliver");
    events.filter(about).map(|it| format!("{}: {}", it.event.code, it.event.message)).collect()
}

/// A source of twelve records, and these targets.
async fn set_up(world: &World, targets: &[TargetDefinition]) -> (MemoryRepository, Shelves) {
    let origin = filled(12);
    world.add("kytice", &origin).await;
    for target in targets {
        world.store.put_target(target).await.unwrap();
    }
    (origin, Shelves::default())
}

async fn what_a_run_changed_is_delivered_to_the_targets_of_its_source(world: &World) {
    world.add("ruze", &filled(3)).await;
    let mut other = shelf("roses");
    other.sources = Some(vec!["ruze".into()]);
    let mut paused = shelf("paused");
    paused.paused = true;
    let (origin, shelves) = set_up(world, &[shelf("all"), other, paused.clone()]).await;
    let run = shelves.harvest(world).await;
    assert_eq!((run.state, run.counters.created), (RunState::Succeeded, 12));
    assert_eq!(told(world, run.id).await, ["Delivered: to all: 12 new"]);
    assert_eq!(shelves.titles("all").len(), 12);
    assert_eq!(shelves.titles("all")[&name(3)], "Title 3");
    let stands = standing(world, "all").await;
    assert_eq!((stands.delivered, stands.withdrawn, stands.owed), (12, 0, 0));
    assert_eq!(stands.served, Some(world.store.now().await.unwrap()));
    let behind = harvest_pipeline::ArrivalPoint::of_checkpoint(&stands.position.unwrap()).unwrap();
    let source = SourceId::from("kytice");
    assert_eq!(world.catalogue.count_arrivals(&source, Some(&behind)).await.unwrap(), 0);
    assert_eq!(world.catalogue.count_arrivals(&source, None).await.unwrap(), 12);
    assert_eq!((shelves.sent("all"), shelves.titles("roses").len()), (12, 0));

    world.until("2024-07-26T00:00:00Z");
    put(&origin, 1, "2024-07-25T12:00:00Z", "Changed");
    put(&origin, 20, "2024-07-25T12:00:00Z", "New");
    let run = shelves.harvest(world).await;
    assert_eq!(told(world, run.id).await, ["Delivered: to all: 1 new, 1 updated"]);
    assert_eq!(shelves.titles("all")[&name(1)], "Changed");
    assert_eq!(shelves.sent("all"), 2, "no more than what changed");

    // What it missed while it was paused it gets then.
    paused.paused = false;
    world.store.put_target(&paused).await.unwrap();
    let run = shelves.run(world, RunRequest::new("kytice", RunKind::Deliver)).await;
    assert_eq!(told(world, run.id).await, ["Delivered: to paused: 13 new"]);
    assert_eq!(shelves.titles("paused"), shelves.titles("all"));

    let mut dry = RunRequest::new("ruze", RunKind::Harvest);
    dry.dry_run = true;
    let dry = shelves.run(world, dry).await;
    assert_eq!(told(world, dry.id).await, Vec::<String>::new());
}

async fn a_target_that_cannot_be_served_costs_the_run_nothing_and_is_owed(world: &World) {
    let (_, shelves) = set_up(world, &[shelf("a"), shelf("b")]).await;
    shelves.0.lock().unwrap().closed.insert("a".to_owned());
    let run = shelves.harvest(world).await;
    assert_eq!((run.state, run.counters.created), (RunState::Succeeded, 12));
    let told_of = told(world, run.id).await;
    assert!(
        told_of[0].starts_with("DeliveryFailed: the target a: closed for the day"),
        "{told_of:?}"
    );
    assert_eq!(told_of[1..], ["Delivered: to b: 12 new"]);
    let stands = standing(world, "a").await;
    assert_eq!((stands.delivered, stands.served, stands.position), (0, None, None));
    assert!(stands.failure.unwrap().0.contains("closed for the day"));

    // A run that does nothing else has failed.
    let run = shelves.run(world, RunRequest::new("kytice", RunKind::Deliver)).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(run.failure.unwrap().message.contains("closed for the day"));

    shelves.0.lock().unwrap().closed.clear();
    let run = shelves.harvest(world).await;
    assert_eq!((run.state, run.counters.created), (RunState::Succeeded, 0));
    assert_eq!(told(world, run.id).await, ["Delivered: to a: 12 new"]);
    assert_eq!(shelves.titles("a"), shelves.titles("b"));
    assert_eq!(standing(world, "a").await.failure, None);
}

async fn i_014_an_error_withdraws_nothing_and_a_deletion_only_by_policy(world: &World) {
    let mut follows = shelf("follows");
    follows.withdrawal = Withdrawal::ByOperatorOrDeletion;
    let (origin, shelves) = set_up(world, &[follows, shelf("keeps")]).await;
    shelves.harvest(world).await;
    world.until("2024-07-26T00:00:00Z");
    put_broken(&origin, 3, "2024-07-25T12:00:00Z");
    let run = shelves.harvest(world).await;
    assert_eq!((run.state, run.counters.failed), (RunState::SucceededWithErrors, 1));
    assert_eq!(told(world, run.id).await, Vec::<String>::new());
    for target in ["follows", "keeps"] {
        assert_eq!(shelves.titles(target)[&name(3)], "Title 3", "the old version stays");
    }

    world.until("2024-07-27T00:00:00Z");
    let shorter = filled(11);
    world.serve("kytice.example", &shorter);
    let mut full = RunRequest::new("kytice", RunKind::Harvest);
    full.full = true;
    let run = shelves.run(world, full).await;
    assert_eq!(run.counters.deleted, 1);
    assert_eq!(told(world, run.id).await, ["Delivered: to follows: 1 withdrawn"]);
    assert_eq!((shelves.titles("follows").len(), shelves.titles("keeps").len()), (11, 12));
    let stands = standing(world, "follows").await;
    assert_eq!((stands.delivered, stands.withdrawn), (11, 1));
}

async fn i_012_a_target_gets_what_its_condition_holds_for(world: &World) {
    let expression = "245a equals Changed".parse().unwrap();
    let changed = FilterSet::new("changed", Match::All, [expression]).unwrap();
    world.store.put_filter_set(&changed).await.unwrap();
    let mut some = shelf("some");
    some.condition.filter_sets = vec!["changed".to_owned()];
    let mut strict = shelf("strict");
    strict.condition.issues = Tolerance::Warnings;
    let (origin, shelves) = set_up(world, &[some, strict, shelf("all")]).await;
    shelves.harvest(world).await;
    assert_eq!((shelves.titles("some").len(), shelves.titles("strict").len()), (0, 12));

    world.until("2024-07-26T00:00:00Z");
    put(&origin, 4, "2024-07-25T12:00:00Z", "Changed");
    // A field error: a title of nothing.
    put(&origin, 5, "2024-07-25T12:00:00Z", "");
    shelves.harvest(world).await;
    assert_eq!(shelves.titles("some"), BTreeMap::from([(name(4), "Changed".to_owned())]));
    let versions = world.catalogue.versions(&"kytice".into(), &name(5)).await.unwrap();
    assert!(versions[1].issues.as_ref().unwrap().contains("field error"), "{versions:#?}");
    assert_eq!(shelves.titles("strict")[&name(5)], "Title 5", "left as it is");
    assert_eq!(shelves.titles("all")[&name(5)], "");

    // The condition holds no longer: what was delivered stays.
    world.until("2024-07-27T00:00:00Z");
    put(&origin, 4, "2024-07-26T12:00:00Z", "Other");
    shelves.harvest(world).await;
    assert_eq!(shelves.titles("some"), BTreeMap::from([(name(4), "Changed".to_owned())]));
}

async fn a_record_that_a_target_does_not_take_is_offered_again(world: &World) {
    let (_, shelves) = set_up(world, &[shelf("picky")]).await;
    shelves.0.lock().unwrap().refused = BTreeSet::from([name(2), name(7)]);
    let run = shelves.harvest(world).await;
    assert_eq!(run.state, RunState::Succeeded, "the catalogue has everything");
    let told_of = told(world, run.id).await;
    assert_eq!(told_of[2..], ["Delivered: to picky: 10 new, 2 could not be given to it"]);
    assert_eq!(told_of[0], "NotDelivered: the target picky: not wanted");
    let source = SourceId::from("kytice");
    let owed = world.store.owed("picky", &source, &Page::default()).await.unwrap();
    assert_eq!(owed.iter().map(|it| &*it.identifier).collect::<Vec<_>>(), [name(2), name(7)]);

    shelves.0.lock().unwrap().refused = BTreeSet::from([name(7)]);
    shelves.harvest(world).await;
    let owed = world.store.owed("picky", &source, &Page::default()).await.unwrap();
    assert_eq!((owed.len(), owed[0].tries), (1, 2));
    assert_eq!(shelves.titles("picky").len(), 11);
}

async fn everything_is_delivered_again_when_somebody_wants_that(world: &World) {
    let (_, shelves) = set_up(world, &[shelf("a")]).await;
    shelves.harvest(world).await;
    shelves.0.lock().unwrap().held.clear();
    shelves.sent("a");
    let run = shelves.run(world, RunRequest::new("kytice", RunKind::Deliver)).await;
    assert_eq!((run.state, shelves.sent("a")), (RunState::Succeeded, 0), "nothing is owed");
    world.net.asked();
    world.store.offer_again("a", &"kytice".into()).await.unwrap();
    let run = shelves.run(world, RunRequest::new("kytice", RunKind::Deliver)).await;
    assert_eq!((run.state, run.counters.total()), (RunState::Succeeded, 0));
    assert_eq!(told(world, run.id).await, ["Delivered: to a: 12 updated"]);
    assert_eq!(shelves.titles("a").len(), 12);
    assert!(world.net.asked().is_empty(), "the source is not asked");
}

async fn what_was_undone_is_delivered_as_it_was(world: &World) {
    let (origin, shelves) = set_up(world, &[shelf("a")]).await;
    shelves.harvest(world).await;
    world.until("2024-07-26T00:00:00Z");
    put(&origin, 1, "2024-07-25T12:00:00Z", "Changed");
    let run = shelves.harvest(world).await;
    assert_eq!(shelves.titles("a")[&name(1)], "Changed");
    world.catalogue.undo(&"kytice".into(), run.id).await.unwrap();
    shelves.run(world, RunRequest::new("kytice", RunKind::Deliver)).await;
    assert_eq!(shelves.titles("a")[&name(1)], "Title 1");
}

async fn a_target_that_comes_later_gets_what_is_here_without_a_request(world: &World) {
    let (_, shelves) = set_up(world, &[]).await;
    shelves.harvest(world).await;
    world.store.put_target(&shelf("late")).await.unwrap();
    world.net.asked();
    shelves.run(world, RunRequest::new("kytice", RunKind::Deliver)).await;
    assert_eq!(shelves.titles("late").len(), 12);
    assert!(world.net.asked().is_empty());
}

async fn wherever_a_delivery_is_killed_everything_is_delivered(world: &World) {
    prepare(world).await;
    let shelves = Shelves::default();
    world.store.put_target(&shelf("a")).await.unwrap();
    // What is harvested and delivered then, and how many writes that takes.
    let killed = async |id: &str, write: i64| {
        serve(world, id, "2024-07-25T00:00:00Z", &filled(9));
        world.store.add_source(&World::oai(id)).await.unwrap();
        let run = world.ask(RunRequest::new(id, RunKind::Harvest)).await;
        dies_at(world, write).await;
        let _ = shelves.worker(world, "killed").run_waiting().await;
        let writes = writes(world).await;
        dies_at(world, 0).await;
        let sent = shelves.sent("a");
        world.clock.advance(2 * LEASE);
        world.scheduler().tick().await.unwrap();
        shelves.worker(world, "next").run_waiting().await.unwrap();
        // Whatever the run came to, the next one owes nothing.
        let next = shelves.run(world, RunRequest::new(id, RunKind::Harvest)).await;
        assert!(next.state.is_success(), "killed at write {write}: {:?}", next.failure);
        let held = std::mem::take(&mut *shelves.0.lock().unwrap()).held;
        assert_eq!(held["a"].len(), 9, "killed at write {write}");
        let standings = world.store.standings("a").await.unwrap();
        let stands = standings.into_iter().find(|it| it.source.as_str() == id).unwrap();
        assert_eq!((stands.delivered, stands.owed, stands.failure), (9, 0, None));
        (writes, sent, world.entry(run).await)
    };
    let (writes, _, _) = killed("s0", NEVER).await;
    let (mut before, mut between) = (0, 0);
    for write in 1..=writes {
        let (_, sent, run) = killed(&format!("s{write}"), write).await;
        if run.attempt > 1 {
            // The catalogue had everything, and the target nothing, or not everything that it was sent
            // was noted.
            before += usize::from(sent == 0);
            between += usize::from(sent > 0);
        }
    }
    assert!(before > 3 && between > 3, "{before} {between} of {writes}");
}
