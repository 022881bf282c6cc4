//! Delivering to targets, with those of an aggregator of Japanese repositories as the example.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, clippy::panic_in_result_fn)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::Utc;
use harvest_pipeline::filters::{Expression, FilterSet, FilterSets, Match};
use harvest_pipeline::parsers::{Bibliographic, ByFormat};
use harvest_pipeline::targets::{
    Deliveries, Delivery, MemoryDeliveries, Offer, Target, Targets, Withdrawal,
};
use harvest_pipeline::{
    Candidate, Counters, Decision, Entry, Item, OaiPmhSource, Outcome, ParsedBatch, Payload,
    Pipeline, RecordError, Run, RunError, RunState, Sink, SourceId, Stage, Summary, Written,
    sources,
};
use oai_pmh::provider::{MemoryRepository, OutputSwitch, Provider};
use oai_pmh::transport::{Body, Payload as Answered, Request, Response, Transport};
use oai_pmh::{Client, Datestamp, Header, Identify, MetadataFormat, Record, Selection};

const THESIS: &str = include_str!("bibliographic_records/jpcoar.xml");
const ID: &str = "oai:x:1";
const IRDB: &str = "IRDB";
/// The targets, in the order in which results are told.
const TARGETS: [&str; 5] =
    [IRDB, "NDL doctoral theses", "JaLC DOI", "CiNii Research", "CiNii Dissertations"];

/// What a receiver holds; it stores what it gets, and says so.
#[derive(Clone, Debug, Default)]
struct Shelf {
    held: Arc<Mutex<HashMap<String, Bibliographic>>>,
    withdrawn: Arc<Mutex<Vec<String>>>,
    /// Which records it does not take.
    refuses: &'static str,
    is_closed: bool,
}

impl Shelf {
    fn get(&self, identifier: &str) -> Option<Bibliographic> {
        self.held.lock().unwrap().get(identifier).cloned()
    }

    fn version(&self, identifier: &str) -> Option<String> {
        let held = self.get(identifier)?;
        held.title().map(|title| title.chars().take(2).collect())
    }
}

#[async_trait]
impl Sink<Bibliographic> for Shelf {
    async fn write(&self, _: &Run, batch: ParsedBatch<Bibliographic>) -> Result<Written, RunError> {
        if self.is_closed {
            return Err(RunError::new(Stage::Sink, "closed for the day").with_transient(true));
        }
        let (mut outcomes, mut failures) = (Vec::new(), Vec::new());
        for entry in batch.entries {
            outcomes.push(entry.plain_outcome());
            match entry {
                Entry::Put { item, .. } if item.identifier == self.refuses => {
                    *outcomes.last_mut().unwrap() = Outcome::Failed;
                    failures.push(RecordError::new(item.identifier, Stage::Sink, "not wanted"));
                }
                Entry::Put { item, record, .. } => {
                    self.held.lock().unwrap().insert(item.identifier, record);
                }
                Entry::Delete { item, .. } => {
                    self.held.lock().unwrap().remove(&item.identifier);
                    self.withdrawn.lock().unwrap().push(item.identifier);
                }
                other => panic!("a target gets {other:?}"),
            }
        }
        Ok(Written::new(outcomes).with_failures(failures))
    }
}

/// The linkage conditions, as far as the record shows them.
fn is_linked(target: &str, offer: &Offer<'_, Bibliographic>) -> bool {
    let has_file = !offer.record.files.is_empty();
    match target {
        IRDB => true,
        "NDL doctoral theses" => offer.record.thesis.is_some() && has_file,
        "JaLC DOI" => {
            let xml = offer.item.payload().unwrap();
            xml.body.contains("<jpcoar:identifierRegistration identifierType=\"JaLC\">")
        }
        "CiNii Research" => has_file,
        "CiNii Dissertations" => offer.record.thesis.is_some(),
        other => panic!("{other}"),
    }
}

/// An institution's repository, and an aggregator that delivers to the five.
struct Aggregator {
    repository: MemoryRepository,
    output: OutputSwitch,
    deliveries: Arc<MemoryDeliveries>,
    shelves: [Shelf; 5],
    targets: Targets<Bibliographic>,
}

#[derive(Debug)]
struct Direct(Provider);

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: Request) -> resync_core::Result<Response> {
        let asked = http::Request::get(request.url.as_str()).body([]).unwrap();
        let (head, body) = self.0.handle(&asked).await.into_parts();
        let body = Body::Whole(Answered::Memory(body));
        Ok(Response::new(head.status, head.headers, request.url, body))
    }
}

impl Aggregator {
    fn new(withdrawal: Withdrawal) -> Self {
        let format = MetadataFormat::new("jpcoar_2.0", "http://x.org/s.xsd", "http://x.org/ns");
        let identify = Identify::new("x", "http://x.org/oai", "a@x.org");
        let shelves = TARGETS.map(|_| Shelf::default());
        let targets = TARGETS.iter().zip(&shelves).map(|(name, shelf)| {
            let target = Target::new(*name, shelf.clone()).withdraw(withdrawal);
            target.when(|offer| is_linked(name, offer))
        });
        let deliveries = Arc::new(MemoryDeliveries::new());
        Self {
            repository: MemoryRepository::new(identify, [format]),
            output: OutputSwitch::new(),
            targets: Targets::new(Arc::clone(&deliveries), targets).unwrap(),
            deliveries,
            shelves,
        }
    }

    fn put(&self, xml: &str) {
        let stamp: Datestamp = "2024-05-31T12:00:00Z".parse().unwrap();
        let record = Record::new(Header::new(ID, stamp), xml).unwrap();
        self.repository.put("jpcoar_2.0", record).unwrap();
    }

    async fn harvest(&self) -> Summary {
        let provider = Provider::new(self.repository.clone(), b"a key of sixteen bytes or more")
            .unwrap()
            .switch(self.output.clone());
        let url = "http://x.org/oai".parse().unwrap();
        let client = Client::with_transport(url, Direct(provider));
        let source = OaiPmhSource::new(client, Selection::prefix("jpcoar_2.0")).named("s");
        Pipeline::new(source).parse(ByFormat::new()).run(&self.targets).await.unwrap()
    }

    async fn last(&self, target: &str) -> Option<Delivery> {
        let mut last = self.deliveries.last(target, &"s".into(), &[ID]).await.unwrap();
        last.remove(ID)
    }

    fn versions(&self) -> [Option<String>; 5] {
        self.shelves.each_ref().map(|shelf| shelf.version(ID))
    }

    fn withdrawals(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.withdrawn.lock().unwrap().len()).sum()
    }
}

fn replaced(xml: &str, old: &str, new: &str) -> String {
    assert!(xml.contains(old), "{old}");
    xml.replacen(old, new, 1)
}

/// The thesis as another version, whose main title begins so.
fn version(title: &str) -> String {
    replaced(THESIS, "稲作の", title)
}

/// The same as an article without file and DOI, in which only IRDB is interested.
fn without_linkage(xml: &str) -> String {
    let cut = |xml: String, begin: &str, end: &str| {
        let (head, rest) = xml.split_once(begin).unwrap();
        format!("{head}{}", rest.split_once(end).unwrap().1)
    };
    let xml = replaced(xml, "c_db06\">doctoral thesis<", "c_6501\">journal article<");
    let xml = cut(xml, "<jpcoar:file>", "</jpcoar:file>");
    let xml = cut(xml, "<jpcoar:identifierRegistration", "</jpcoar:identifierRegistration>");
    cut(xml, "<dcndl:dissertationNumber>", "</jpcoar:degreeGrantor>")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    OutputOff,
    RecordError,
    FieldError,
    Warning,
}

impl Condition {
    fn of(self, xml: &str) -> String {
        match self {
            Self::OutputOff => xml.to_owned(),
            // A title twice in one language.
            Self::RecordError => {
                replaced(xml, "<dc:title xml:lang=\"en\">", "<dc:title xml:lang=\"ja\">")
            }
            Self::FieldError => replaced(xml, ">614.3<", ">rice<"),
            Self::Warning => replaced(xml, ">120</jpcoar:numPages>", ">many</jpcoar:numPages>"),
        }
    }
}

#[tokio::test]
async fn a_13_what_each_condition_does_to_each_target() {
    use Condition::{FieldError, OutputOff, RecordError, Warning};
    // IRDB, NDL, JaLC, CiNii Research, CiNii Dissertations: whether it is updated.
    let table = [
        (OutputOff, true, [false, false, false, false, false]),
        (OutputOff, false, [false, false, false, false, false]),
        (RecordError, true, [false, false, false, false, false]),
        (RecordError, false, [false, false, false, false, false]),
        (FieldError, true, [true, true, true, true, true]),
        (FieldError, false, [true, false, false, false, false]),
        (Warning, true, [true, true, true, true, true]),
        (Warning, false, [true, false, false, false, false]),
    ];
    for (condition, is_linked, expected) in table {
        // However willing a target is to withdraw.
        let aggregator = Aggregator::new(Withdrawal::ByOperatorOrDeletion);
        aggregator.put(&version("旧・"));
        assert_eq!(aggregator.harvest().await.counters.created, 1);
        assert_eq!(aggregator.versions(), TARGETS.map(|_| Some("旧・".to_owned())));

        let new = version("新・");
        let new = if is_linked { new } else { without_linkage(&new) };
        aggregator.put(&condition.of(&new));
        if condition == OutputOff {
            aggregator.output.turn_off(Utc::now());
        }
        let summary = aggregator.harvest().await;

        let case = format!("{condition:?}, linkage {is_linked}");
        let failed = u64::from(condition == RecordError);
        assert_eq!(summary.counters.failed, failed, "{case}");
        assert_eq!(summary.counters.total(), u64::from(condition != OutputOff), "{case}");
        let versions = expected.map(|is_updated| if is_updated { "新・" } else { "旧・" });
        assert_eq!(aggregator.versions(), versions.map(|it| Some(it.to_owned())), "{case}");
        assert_eq!(aggregator.withdrawals(), 0, "{case}");
        for (target, is_updated) in TARGETS.iter().zip(expected) {
            let delivery = aggregator.last(target).await.unwrap();
            assert!(!delivery.withdrawn, "{case}: {target}");
            let counters = aggregator.targets.counters();
            let (_, counters) = counters.iter().find(|(name, _)| name == target).unwrap();
            assert_eq!(counters.updated, u64::from(is_updated), "{case}: {target}");
        }
        // The field in error is left out, the one with a warning is there (I-010, I-011).
        let shelf = &aggregator.shelves[0];
        let held = shelf.get(ID).unwrap();
        let subjects: Vec<_> = held.subjects.iter().map(|it| &*it.text.value).collect();
        match condition {
            FieldError => assert_eq!(subjects, ["稲作"]),
            Warning => assert_eq!(held.extents[0].value, "many"),
            OutputOff | RecordError => assert_eq!(subjects, ["614.3", "稲作"]),
        }
    }
}

#[tokio::test]
async fn after_an_error_is_mended_or_output_is_on_again_targets_are_updated() {
    let aggregator = Aggregator::new(Withdrawal::Never);
    aggregator.put(&version("旧・"));
    aggregator.harvest().await;
    aggregator.put(&Condition::RecordError.of(&version("新・")));
    aggregator.output.turn_off(Utc::now());
    aggregator.harvest().await;
    aggregator.output.turn_on(Utc::now());
    assert_eq!(aggregator.harvest().await.state, RunState::SucceededWithErrors);
    assert_eq!(aggregator.versions(), TARGETS.map(|_| Some("旧・".to_owned())));
    aggregator.put(&version("新・"));
    assert_eq!(aggregator.harvest().await.counters.updated, 1);
    assert_eq!(aggregator.versions(), TARGETS.map(|_| Some("新・".to_owned())));
    // What they have is not delivered once more.
    assert_eq!(aggregator.harvest().await.counters.unchanged, 1);
}

#[tokio::test]
async fn a_deletion_withdraws_only_where_the_policy_says_so() {
    for (withdrawal, is_withdrawn) in [
        (Withdrawal::Never, false),
        (Withdrawal::ByOperator, false),
        (Withdrawal::ByOperatorOrDeletion, true),
    ] {
        let aggregator = Aggregator::new(withdrawal);
        aggregator.put(&version("旧・"));
        aggregator.harvest().await;
        aggregator.repository.delete(ID, "2024-06-01T00:00:00Z".parse::<Datestamp>().unwrap());
        let summary = aggregator.harvest().await;
        let expected = if is_withdrawn { Outcome::Deleted } else { Outcome::Unchanged };
        assert_eq!(summary.counters, one(expected), "{withdrawal:?}");
        assert_eq!(aggregator.withdrawals(), if is_withdrawn { 5 } else { 0 }, "{withdrawal:?}");
        assert_eq!(aggregator.last(IRDB).await.unwrap().withdrawn, is_withdrawn);
        assert_eq!(aggregator.versions()[0].is_none(), is_withdrawn);
        // Once is enough, and what comes back is delivered again.
        aggregator.harvest().await;
        assert_eq!(aggregator.withdrawals(), if is_withdrawn { 5 } else { 0 });
        aggregator.put(&version("旧・"));
        let expected = if is_withdrawn { Outcome::Created } else { Outcome::Unchanged };
        assert_eq!(aggregator.harvest().await.counters, one(expected), "{withdrawal:?}");
    }
}

#[tokio::test]
async fn an_operator_withdraws_from_one_target_if_that_is_allowed() {
    let source: SourceId = "s".into();
    let aggregator = Aggregator::new(Withdrawal::ByOperator);
    aggregator.put(&version("旧・"));
    aggregator.harvest().await;
    let withdraw = async |target| aggregator.targets.withdraw(target, &source, [ID, "other"]).await;
    let summary = withdraw("JaLC DOI").await.unwrap();
    assert_eq!((summary.counters.deleted, summary.counters.skipped_deleted), (1, 1));
    assert_eq!(aggregator.versions().iter().filter(|it| it.is_none()).count(), 1);
    assert!(aggregator.last("JaLC DOI").await.unwrap().withdrawn);
    let message = withdraw("nobody").await.unwrap_err().to_string();
    assert!(message.contains("CiNii Research"), "{message}");

    let never = Aggregator::new(Withdrawal::Never);
    never.put(&version("旧・"));
    never.harvest().await;
    never.targets.withdraw(IRDB, &source, [ID]).await.unwrap_err();
    assert_eq!(never.withdrawals(), 0);
}

fn one(outcome: Outcome) -> Counters {
    [outcome].into_iter().collect()
}

fn thesis(identifier: &str) -> Item {
    Item::put(identifier, Payload::new("jpcoar_2.0", THESIS))
}

async fn deliver(targets: &Targets<Bibliographic>, items: Vec<Item>) -> Result<Summary, RunError> {
    Pipeline::new(sources::items("s", items)).parse(ByFormat::new()).run(targets).await
}

#[tokio::test]
async fn what_a_filter_deletes_is_not_withdrawn() {
    let shelf = Shelf::default();
    let target = Target::new("t", shelf.clone()).withdraw(Withdrawal::ByOperatorOrDeletion);
    let targets = Targets::new(MemoryDeliveries::new(), [target]).unwrap();
    deliver(&targets, vec![thesis("a")]).await.unwrap();
    let pipeline = Pipeline::new(sources::items("s", vec![thesis("a")]));
    let pipeline = pipeline.filter(|_: &Candidate<'_>| Decision::Delete).parse(ByFormat::new());
    assert_eq!(pipeline.run(&targets).await.unwrap().counters, one(Outcome::Unchanged));
    assert!(shelf.get("a").is_some());
}

#[tokio::test]
async fn a_condition_can_be_a_filter_set() {
    let set = |field: &str, value: &str| {
        let expression: Expression = format!("{field} contains {value}").parse().unwrap();
        FilterSets::new([FilterSet::new("set", Match::All, [expression]).unwrap()])
    };
    let [rice, wheat] = [Shelf::default(), Shelf::default()];
    let targets =
        [("rice", "稲作", &rice), ("wheat", "小麦", &wheat)].map(|(name, word, shelf)| {
            Target::new(name, shelf.clone()).when_passes(set("subject", word), ByFormat::new())
        });
    let targets = Targets::new(MemoryDeliveries::new(), targets).unwrap();
    deliver(&targets, vec![thesis("a")]).await.unwrap();
    assert!(rice.get("a").is_some() && wheat.get("a").is_none());
    let counters = targets.counters();
    assert_eq!((counters[0].1.created, counters[1].1.filtered), (1, 1));
}

#[tokio::test]
async fn a_record_that_one_target_refuses_has_failed_and_is_offered_again() {
    let [picky, other] = [Shelf { refuses: "b", ..Shelf::default() }, Shelf::default()];
    let targets = [Target::new("picky", picky.clone()), Target::new("other", other.clone())];
    let targets = Targets::new(MemoryDeliveries::new(), targets).unwrap();
    for _ in 0..2 {
        let summary = deliver(&targets, vec![thesis("a"), thesis("b")]).await.unwrap();
        assert_eq!((summary.state, summary.counters.failed), (RunState::SucceededWithErrors, 1));
        let failure = &summary.failures.first()[0];
        assert_eq!(failure.identifier.as_deref(), Some("b"));
        assert!(failure.message.contains("picky"), "{failure}");
    }
    assert!(picky.get("b").is_none() && other.get("b").is_some());
}

#[tokio::test]
async fn a_target_that_is_down_ends_the_run_but_keeps_nothing_from_the_others() {
    let [down, up] = [Shelf { is_closed: true, ..Shelf::default() }, Shelf::default()];
    let targets = [Target::new("down", down), Target::new("up", up.clone())];
    let targets = Targets::new(MemoryDeliveries::new(), targets).unwrap();
    let error = deliver(&targets, vec![thesis("a")]).await.unwrap_err();
    assert!(error.is_transient() && error.message().contains("down"), "{error}");
    assert!(up.get("a").is_some());
    assert_eq!(targets.counters()[1].1.created, 1);
    deliver(&targets, vec![thesis("a")]).await.unwrap_err();
    assert_eq!(targets.counters()[1].1.unchanged, 1);
}

#[tokio::test]
async fn a_record_that_comes_twice_in_a_batch_is_taken_in_order() {
    let shelf = Shelf::default();
    let target = Target::new("t", shelf.clone()).withdraw(Withdrawal::ByOperatorOrDeletion);
    let targets = Targets::new(MemoryDeliveries::new(), [target]).unwrap();
    let items = vec![thesis("a"), Item::delete("a"), thesis("b"), thesis("b")];
    let counters = deliver(&targets, items).await.unwrap().counters;
    assert_eq!((counters.created, counters.deleted, counters.unchanged), (2, 1, 1));
    assert!(shelf.get("a").is_none() && shelf.get("b").is_some());
}

#[test]
fn two_targets_of_one_name_are_refused() {
    let target = || Target::<Bibliographic>::new("t", Shelf::default());
    let error = Targets::new(MemoryDeliveries::new(), [target(), target()]).unwrap_err();
    assert_eq!(error.to_string(), "there are two targets of the name \"t\"");
}
