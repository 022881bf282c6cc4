//! The ways to get the records of an OAI-PMH repository, over HTTP on loopback, into SQLite.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use harvest_pipeline::{
    Batch, Change, Checkpoint, Counters, OaiPmhSource, Pipeline, Query, Registry, Resume, RunState,
    Source, SqliteCatalogue, Strategy, Summary,
};
use oai_pmh::provider::{MemoryRepository, Provider};
use oai_pmh::transport::{HttpTransport, Transport};
use oai_pmh::{
    Client, Datestamp, DeletedRecord, Header, Identify, MetadataFormat, Record, Selection, Slice,
    Window,
};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// A repository, and a catalogue of what was harvested from it.
struct Site {
    repository: MemoryRepository,
    server: MockServer,
    desk: Arc<Mutex<Desk>>,
    folder: TempDir,
}

/// Where requests come in.
#[derive(Default)]
struct Desk {
    /// Records that are not given by themselves.
    withheld: BTreeSet<String>,
    /// The verbs that were asked.
    verbs: Vec<String>,
}

impl Site {
    /// So many records, in pages of this many.
    async fn new(records: u32, page: usize, deletions: DeletedRecord) -> Self {
        let mut identify = Identify::new("Kytice", "http://x.org/oai", "a@x.org");
        identify.deleted_record = deletions;
        let repository = MemoryRepository::new(identify, [MetadataFormat::oai_dc()]);
        let provider = Provider::new(repository.clone(), b"a key of sixteen bytes or more");
        let provider = provider.unwrap().page_records(page);
        let desk = Arc::<Mutex<Desk>>::default();
        let at_desk = Arc::clone(&desk);
        let answer = move |request: &Request| {
            let arguments: HashMap<_, _> = request.url.query_pairs().collect();
            let mut desk = at_desk.lock().unwrap();
            let verb = &arguments["verb"];
            desk.verbs.push(verb.to_string());
            if verb == "GetRecord" && desk.withheld.contains(&*arguments["identifier"]) {
                return ResponseTemplate::new(500);
            }
            let asked = http::Request::get(request.url.as_str()).body([]).unwrap();
            let (head, body) = provider.handle(&asked).now_or_never().unwrap().into_parts();
            ResponseTemplate::new(head.status).set_body_raw(body, "text/xml")
        };
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let site = Self { repository, server, desk, folder: tempfile::tempdir().unwrap() };
        (0..records).for_each(|n| site.put(n, 0));
        site
    }

    fn put(&self, n: u32, version: i64) {
        let header = Header::new(name(n), Datestamp::second(time(version)));
        let record = Record::new(header, &format!("<m xmlns='urn:m'>{version}</m>")).unwrap();
        self.repository.put("oai_dc", record).unwrap();
    }

    fn delete(&self, n: u32) {
        assert!(self.repository.delete(&name(n), time(9)));
    }

    fn withhold(&self, records: impl IntoIterator<Item = u32>) {
        self.desk.lock().unwrap().withheld = records.into_iter().map(name).collect();
    }

    fn source(&self, strategy: Strategy) -> OaiPmhSource {
        self.selected(Selection::prefix("oai_dc")).strategy(strategy)
    }

    fn selected(&self, selection: Selection) -> OaiPmhSource {
        let base = format!("{}/oai", self.server.uri()).parse().unwrap();
        let client = Client::with_transport(base, HttpTransport::builder().build().unwrap());
        OaiPmhSource::new(client, selection)
    }

    async fn catalogue(&self) -> SqliteCatalogue {
        SqliteCatalogue::open(self.folder.path().join("x.db")).await.unwrap()
    }

    async fn run(&self, strategy: Strategy) -> Summary {
        let catalogue = self.catalogue().await;
        let summary = Pipeline::new(self.source(strategy)).run(&catalogue).await.unwrap();
        catalogue.close().await.unwrap();
        summary
    }

    /// What is stored: identifier, and content unless it is a tombstone.
    async fn stored(&self) -> Vec<(String, Option<String>)> {
        let catalogue = self.catalogue().await;
        let records: Vec<_> = catalogue.records(Query::all()).try_collect().await.unwrap();
        let records = records.into_iter().map(|it| (it.identifier, it.metadata)).collect();
        catalogue.close().await.unwrap();
        records
    }

    /// How many records were asked for by themselves since this was asked last.
    fn singles(&self) -> usize {
        let verbs = std::mem::take(&mut self.desk.lock().unwrap().verbs);
        verbs.iter().filter(|verb| *verb == "GetRecord").count()
    }
}

fn name(n: u32) -> String {
    format!("oai:x:{n:03}")
}

fn time(version: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(version)
}

fn counters(created: u64, updated: u64, unchanged: u64, deleted: u64, failed: u64) -> Counters {
    let mut counters = Counters::default();
    (counters.created, counters.updated, counters.unchanged) = (created, updated, unchanged);
    (counters.deleted, counters.failed) = (deleted, failed);
    counters
}

/// What the batches name, in their order; those that failed with a question mark.
fn named(batches: &[Batch]) -> Vec<String> {
    let items = batches.iter().flat_map(|batch| &batch.items);
    items
        .map(|item| match item {
            Ok(item) => item.identifier.clone(),
            Err(error) => format!("{}?", error.identifier.as_ref().unwrap()),
        })
        .collect()
}

#[tokio::test]
async fn headers_and_single_records_give_what_whole_pages_give() {
    for policy in [DeletedRecord::Persistent, DeletedRecord::No] {
        let (one, other) = (Site::new(45, 20, policy).await, Site::new(45, 20, policy).await);
        for site in [&one, &other] {
            site.delete(7);
            site.put(3, 1);
        }
        let summary = one.run(Strategy::ListRecords).await;
        assert_eq!(one.singles(), 0);
        let same = other.run(Strategy::ListIdentifiers).await;
        assert_eq!(other.singles(), 44);
        assert_eq!(summary.counters, same.counters);
        assert_eq!(one.stored().await, other.stored().await);

        // Later, only what changed is asked for, whichever way.
        for site in [&one, &other] {
            let now = Datestamp::second(Utc::now());
            let header = Header::new(name(8), now);
            let record = Record::new(header, "<m xmlns='urn:m'>new</m>").unwrap();
            site.repository.put("oai_dc", record).unwrap();
        }
        let summary = one.run(Strategy::ListIdentifiers).await;
        assert_eq!((one.singles(), summary.counters), (1, counters(0, 1, 0, 0, 0)));
        assert_eq!(other.run(Strategy::ListRecords).await.counters, counters(0, 1, 0, 0, 0));
        assert_eq!(one.stored().await, other.stored().await);
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_had_is_an_error_in_its_place_and_can_be_got_later_by_name() {
    let site = Site::new(30, 20, DeletedRecord::Persistent).await;
    site.withhold([4, 25]);
    let summary = site.run(Strategy::ListIdentifiers).await;
    assert_eq!(summary.state, RunState::SucceededWithErrors);
    assert_eq!(summary.counters, counters(28, 0, 0, 0, 2));
    let failures: Vec<_> = summary.failures.first().iter().map(ToString::to_string).collect();
    assert!(failures[0].starts_with("oai:x:004: source: the server answered 500"), "{failures:?}");

    // The run after: what failed, by name, then what the list has.
    site.withhold([25]);
    site.delete(5);
    let asked = [4, 25, 5, 99].map(name).to_vec();
    for strategy in [Strategy::ListRecords, Strategy::Reconcile] {
        let source: Box<dyn Source> = Box::new(site.source(strategy));
        let again = source.get(asked.clone(), None).unwrap();
        let batches: Vec<_> = again.try_collect().await.unwrap();
        assert_eq!(named(&batches), ["oai:x:004", "oai:x:025?", "oai:x:005", "oai:x:099?"]);
        let [batch] = &batches[..] else { panic!("one batch is enough") };
        assert_eq!(batch.checkpoint, None);
        assert!(batch.items[0].as_ref().unwrap().payload().is_some());
        assert_eq!(batch.items[2].as_ref().unwrap().change, Change::Delete);
        assert!(batch.items[3].as_ref().unwrap_err().message.contains("idDoesNotExist"));
    }
}

#[tokio::test]
async fn killed_behind_any_batch_it_goes_on_there_and_nothing_is_lost_or_got_twice() {
    let site = Site::new(330, 150, DeletedRecord::Persistent).await;
    site.delete(120);
    site.withhold([210]);
    for strategy in [Strategy::ListIdentifiers, Strategy::Reconcile] {
        let source = site.source(strategy);
        let whole: Vec<_> = source.batches(None).try_collect().await.unwrap();
        let whole_names = named(&whole);
        assert_eq!(whole_names.len(), 330);
        // In mid-page, behind a page, behind the last one, and at the end of all.
        for killed in [1, 2, 3, whole.len() - 1, whole.len()] {
            let first: Vec<_> = source.batches(None).take(killed).try_collect().await.unwrap();
            let at = first.last().unwrap().checkpoint.clone().unwrap();
            assert!(!source.lists_everything(Some(&at)) || killed == whole.len());
            site.singles();
            let rest = source.batches(Some(Checkpoint::from_json(&at.to_json()).unwrap()));
            let rest: Vec<_> = rest.try_collect().await.unwrap();
            if killed < whole.len() {
                let all = [named(&first), named(&rest)].concat();
                assert_eq!(all, whole_names, "{strategy:?} killed behind batch {killed}");
                let live = named(&rest).iter().filter(|it| **it != name(120)).count();
                assert_eq!(site.singles(), live);
            }
        }
    }
}

#[tokio::test]
async fn of_several_windows_at_a_time_nothing_is_lost_either() {
    let site = Site::new(0, 50, DeletedRecord::Persistent).await;
    (0..240).for_each(|n| site.put(n, i64::from(n) % 3));
    let day = |day: &str| Some(day.parse().unwrap());
    let window = Window::new(day("1970-01-01"), day("1970-01-03")).unwrap();
    let source = site.selected(Selection::prefix("oai_dc").window(window));
    let source = source.strategy(Strategy::ListIdentifiers).slices(Slice::Day, 2);
    let all: BTreeSet<_> = (0..240).map(name).collect();
    for killed in 1..6 {
        let first: Vec<_> = source.batches(None).take(killed).try_collect().await.unwrap();
        let at = first.last().unwrap().checkpoint.clone().unwrap();
        let rest: Vec<_> = source.batches(Some(at)).try_collect().await.unwrap();
        let (first, rest) = (named(&first), named(&rest));
        // What comes twice is the page that each of two windows was at.
        assert!(rest.len() <= 240 - first.len() + 2 * 50, "{} and {}", first.len(), rest.len());
        assert_eq!(first.into_iter().chain(rest).collect::<BTreeSet<_>>(), all);
    }
}

#[tokio::test]
async fn reconciling_gets_what_is_new_or_has_another_datestamp_and_names_all_the_rest() {
    // The repository does not tell of deletions: its lists just get shorter.
    let site = Site::new(120, 50, DeletedRecord::No).await;
    assert_eq!(site.run(Strategy::Reconcile).await.counters, counters(120, 0, 0, 0, 0));
    assert_eq!(site.singles(), 120);
    assert_eq!(site.run(Strategy::Reconcile).await.counters, counters(0, 0, 120, 0, 0));
    assert_eq!(site.singles(), 0);

    site.put(60, 1);
    site.put(200, 0);
    site.delete(61);
    let catalogue = site.catalogue().await;
    let source = site.source(Strategy::Reconcile);
    let summary = Pipeline::new(source.clone()).run(&catalogue).await.unwrap();
    assert_eq!((summary.state, site.singles()), (RunState::Succeeded, 2));
    assert_eq!(summary.counters, counters(1, 1, 118, 0, 0));
    assert!(source.lists_everything(summary.checkpoint.as_ref()));

    // A tombstone in a list is taken from there.
    let site = Site::new(20, 50, DeletedRecord::Transient).await;
    site.run(Strategy::Reconcile).await;
    site.delete(3);
    site.singles();
    assert_eq!(site.run(Strategy::Reconcile).await.counters, counters(0, 0, 19, 1, 0));
    assert_eq!(site.singles(), 0);
}

#[tokio::test]
async fn a_repository_that_gives_no_record_any_more_fails_the_run_and_what_was_stored_stays() {
    let site = Site::new(400, 250, DeletedRecord::Persistent).await;
    site.withhold(150..400);
    let source = site.source(Strategy::ListIdentifiers);
    let catalogue = site.catalogue().await;
    let error = Pipeline::new(source.clone()).run(&catalogue).await.unwrap_err();
    assert!(error.is_transient() && error.message().contains("out of order"), "{error}");
    let summary = error.summary().unwrap();
    assert_eq!((summary.state, summary.counters), (RunState::Failed, counters(100, 0, 0, 0, 0)));
    assert_eq!(source.next_from(summary.checkpoint.as_ref().unwrap()), None);

    site.withhold([]);
    site.singles();
    let summary = Pipeline::new(source).run(&catalogue).await.unwrap();
    assert_eq!(summary.counters, counters(300, 0, 0, 0, 0));
    assert_eq!(site.singles(), 300);
}

#[tokio::test]
async fn only_a_run_that_lists_all_records_says_so() {
    let site = Site::new(30, 20, DeletedRecord::Persistent).await;
    let (records, reconcile) = (Strategy::ListRecords, Strategy::Reconcile);
    let source: Arc<dyn Source> = Arc::new(site.source(records));
    assert!(source.lists_everything(None));
    let batches: Vec<_> = source.batches(None).try_collect().await.unwrap();
    let (first, last) = (
        batches[0].checkpoint.as_ref().unwrap(),
        batches.last().unwrap().checkpoint.as_ref().unwrap(),
    );
    assert!(!source.lists_everything(Some(first)), "the rest of a list");
    assert!(!source.lists_everything(Some(last)), "what has changed");
    assert!(site.source(reconcile).lists_everything(Some(last)));
    // A list of another kind that is under way is not gone on with.
    assert!(site.source(reconcile).lists_everything(Some(first)));

    let window = Window::new(Some("2020-01-01".parse().unwrap()), None).unwrap();
    let some = site.selected(Selection::prefix("oai_dc").window(window));
    assert!(!some.lists_everything(None) && !some.strategy(reconcile).lists_everything(None));
    let other = site.selected(Selection::prefix("oai_dc").set("a"));
    assert!(other.lists_everything(None) && !other.lists_everything(Some(last)));
}

#[tokio::test]
async fn the_strategy_is_an_option_by_name() {
    let site = Site::new(3, 20, DeletedRecord::Persistent).await;
    let url = format!("{}/oai", site.server.uri());
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::builder().build().unwrap());
    let source = |strategy: &str| {
        let options = serde_json::json!({ "url": url, "strategy": strategy, "concurrency": 2 });
        Registry::standard().create("oai-pmh", options, Arc::clone(&transport))
    };
    for (strategy, singles) in [("list-records", 0), ("list-identifiers", 3), ("reconcile", 3)] {
        let pipeline = Pipeline::new(source(strategy).unwrap()).resume(Resume::Afresh);
        pipeline.run(&harvest_pipeline::sinks::JsonLines::new(Vec::new())).await.unwrap();
        assert_eq!(site.singles(), singles, "{strategy}");
    }
    let error = source("guess").unwrap_err().to_string();
    assert!(error.contains("unknown variant `guess`"), "{error}");
}
