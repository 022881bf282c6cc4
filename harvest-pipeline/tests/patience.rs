//! A repository that is busy, or has one record wrong, harvested into SQLite. Nobody waits: time is
//! paused from when it says that it is busy until it is asked again.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use harvest_pipeline::parsers::{Marc, MarcField};
use harvest_pipeline::{
    Batch, Checkpoint, OaiPmhSource, Pipeline, Query, RunError, RunState, Source, SourceId,
    SqliteCatalogue, StoredRecord,
};
use http::{HeaderMap, StatusCode};
use oai_pmh::provider::{MemoryRepository, Provider};
use oai_pmh::retry::{Backoff, Retrying};
use oai_pmh::transport::{Body, Payload, Request, Response, Transport};
use oai_pmh::{Client, Datestamp, Header, Identify, MetadataFormat, Record, Selection};
use support::Direct;
use tokio::time::Instant;

const SLIM: &str = "http://www.loc.gov/MARC21/slim";
/// Records on a page; there are five pages.
const PAGE: u32 = 4;
/// How often a page is asked for.
const TRIES: usize = 6;

/// A repository of five pages, and how busy it is.
#[derive(Clone)]
struct Site {
    repository: MemoryRepository,
    desk: Arc<Mutex<Desk>>,
}

#[derive(Debug, Default)]
struct Desk {
    /// The list pages that were given out, as they were asked for.
    pages: Vec<HashMap<String, String>>,
    /// Before which page it is busy, and how often.
    busy: (usize, u32),
    /// When it was busy.
    refused: Vec<Instant>,
    /// How long it was left alone then, in seconds.
    waits: Vec<u64>,
}

/// The way to it.
#[derive(Debug)]
struct Line(Direct, Arc<Mutex<Desk>>);

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: Request) -> resync_core::Result<Response> {
        let arguments: HashMap<_, _> = request.url.query_pairs().into_owned().collect();
        if arguments["verb"] == "ListRecords" {
            let mut desk = self.1.lock().unwrap();
            desk.asked();
            if desk.is_busy() {
                let body = Body::Whole(Payload::Memory(b"busy".to_vec()));
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Ok(Response::new(status, HeaderMap::new(), request.url, body));
            }
            desk.pages.push(arguments);
        }
        self.0.send(request).await
    }
}

impl Desk {
    fn asked(&mut self) {
        if self.refused.len() > self.waits.len() {
            let wait = self.refused[self.waits.len()].elapsed();
            self.waits.push(wait.as_secs());
            tokio::time::resume();
        }
    }

    fn is_busy(&mut self) -> bool {
        let (page, times) = self.busy;
        if page != self.pages.len() + 1 || self.refused.len() as u32 == times {
            return false;
        }
        self.refused.push(Instant::now());
        // After the last try, nobody waits.
        if self.refused.len() < TRIES {
            tokio::time::pause();
        }
        true
    }
}

impl Site {
    fn new() -> Self {
        let identify = Identify::new("Kytice", "http://x.org/oai", "a@x.org");
        let marc = MetadataFormat::new("marc21", "http://x.org/marc.xsd", SLIM);
        let site =
            Self { repository: MemoryRepository::new(identify, [marc]), desk: Arc::default() };
        (0..5 * PAGE).for_each(|n| site.put(n, "2024-01-31T12:00:00Z", &title(n)));
        site
    }

    fn put(&self, n: u32, stamp: &str, record: &str) {
        let header = Header::new(name(n), stamp.parse::<Datestamp>().unwrap());
        self.repository.put("marc21", Record::new(header, record).unwrap()).unwrap();
    }

    /// Is busy so many times before it gives this page, counted from now.
    fn is_busy(&self, page: usize, times: u32) {
        *self.desk.lock().unwrap() = Desk { busy: (page, times), ..Desk::default() };
    }

    /// How long it was left alone each time it was busy, in seconds.
    fn waits(&self) -> Vec<u64> {
        self.desk.lock().unwrap().waits.clone()
    }

    fn pages(&self) -> Vec<HashMap<String, String>> {
        self.desk.lock().unwrap().pages.clone()
    }

    fn source(&self) -> OaiPmhSource {
        let provider = Provider::new(self.repository.clone(), b"a key of sixteen bytes or more");
        let provider = provider.unwrap().page_records(PAGE as usize);
        // 15, 30, 60, 120, 240 seconds, then no more.
        let patience = Backoff::default().first(Duration::from_secs(15)).cap(Duration::MAX);
        let line = Line(Direct(provider), Arc::clone(&self.desk));
        let transport = Retrying::new(line, patience.jitter(false));
        let client = Client::with_transport("http://x.org/oai".parse().unwrap(), transport);
        OaiPmhSource::new(client, Selection::prefix("marc21"))
    }
}

fn name(n: u32) -> String {
    format!("oai:x:{n:02}")
}

fn title(n: u32) -> String {
    format!(
        "<record xmlns='{SLIM}'><datafield tag='245'><subfield code='a'>Title {n}</subfield>\
         </datafield></record>"
    )
}

fn titles() -> Marc<String> {
    Marc::builder()
        .on(&["245"], |field: &MarcField<'_>, title: &mut String| {
            title.push_str(field.get('a').unwrap_or_default());
        })
        .build()
        .unwrap()
}

async fn catalogue(folder: &Path) -> SqliteCatalogue {
    SqliteCatalogue::open(folder.join("x.db")).await.unwrap()
}

async fn records(catalogue: &SqliteCatalogue) -> Vec<StoredRecord> {
    catalogue.records(Query::all()).try_collect().await.unwrap()
}

#[tokio::test]
async fn a23_a_page_that_is_busy_twice_is_waited_for_and_every_record_comes_once() {
    let folder = tempfile::tempdir().unwrap();
    let (site, catalogue) = (Site::new(), catalogue(folder.path()).await);
    site.is_busy(3, 2);
    let summary = Pipeline::new(site.source()).parse(titles()).run(&catalogue).await.unwrap();
    assert_eq!(site.waits(), [15, 30]);
    assert_eq!(summary.state, RunState::Succeeded);
    assert_eq!((summary.counters.created, summary.counters.total()), (20, 20));
    assert_eq!(site.pages().len(), 5);
    let stored: Vec<_> = records(&catalogue).await.into_iter().map(|it| it.identifier).collect();
    assert_eq!(stored, (0..20).map(name).collect::<Vec<_>>());
}

#[tokio::test]
async fn a24_a_page_that_stays_busy_fails_the_run_and_the_next_one_begins_where_it_would_have() {
    let folder = tempfile::tempdir().unwrap();
    let (site, catalogue) = (Site::new(), catalogue(folder.path()).await);
    let source = site.source();
    let summary = Pipeline::new(source.clone()).parse(titles()).run(&catalogue).await.unwrap();
    let from = source.next_from(summary.checkpoint.as_ref().unwrap()).unwrap();

    let later = Datestamp::second(chrono::Utc::now()).to_string();
    (0..20).for_each(|n| site.put(n, &later, &title(n + 100)));
    site.is_busy(3, 6);
    let run = Pipeline::new(source.clone()).parse(titles()).run(&catalogue);
    let error = run.await.unwrap_err();
    assert_eq!(site.waits(), [15, 30, 60, 120, 240]);
    assert!(error.is_transient() && error.to_string().contains("503"), "{error}");
    let summary = error.summary().unwrap();
    assert_eq!((summary.state, summary.counters.updated), (RunState::Failed, 8));
    let checkpoint = summary.checkpoint.as_ref().unwrap();
    assert!(summary.checkpoint_committed);
    assert_eq!(source.next_from(checkpoint).as_ref(), Some(&from));
    assert_eq!(site.pages()[0]["from"], from);

    // It goes on with page three, and only what comes after has a later beginning.
    site.is_busy(1, 0);
    let summary = Pipeline::new(source.clone()).parse(titles()).run(&catalogue).await.unwrap();
    assert_eq!((summary.state, summary.counters.updated), (RunState::Succeeded, 12));
    assert_eq!(site.pages().len(), 3);
    assert!(source.next_from(summary.checkpoint.as_ref().unwrap()) >= Some(from));
    let stored = records(&catalogue).await;
    assert_eq!(stored.len(), 20);
    assert!(stored.iter().all(|it| it.metadata.as_ref().unwrap().contains("Title 1")));
}

/// A source that first tries again what failed.
#[derive(Debug)]
struct Again(OaiPmhSource, Vec<String>);

impl Source for Again {
    fn id(&self) -> SourceId {
        self.0.id()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let again = self.0.get(self.1.clone(), from.clone()).unwrap();
        again.chain(self.0.batches(from)).boxed()
    }
}

#[tokio::test]
async fn a25_one_bad_marc_record_is_named_and_the_next_run_gets_it_again_by_its_identifier() {
    let folder = tempfile::tempdir().unwrap();
    let (site, catalogue) = (Site::new(), catalogue(folder.path()).await);
    let stamp = "2024-01-31T12:00:00Z";
    site.put(9, stamp, &format!("<collection xmlns='{SLIM}'><title>9</title></collection>"));
    let run = Pipeline::new(site.source()).parse(titles());
    let summary = run.run(&catalogue).await.unwrap();
    assert_eq!(summary.state, RunState::SucceededWithErrors);
    assert_eq!((summary.counters.created, summary.counters.failed), (19, 1));
    let [failure] = summary.failures.first() else { panic!("{summary:?}") };
    assert_eq!(failure.identifier, Some(name(9)));
    assert!(failure.message.contains("is not MARC 21"), "{failure}");

    // It was repaired without a new datestamp: no list will name it.
    site.put(9, stamp, &title(9));
    let plain = Pipeline::new(site.source()).parse(titles()).run(&catalogue).await.unwrap();
    assert_eq!(plain.counters.total(), 0);
    let again = Again(site.source(), vec![failure.identifier.clone().unwrap()]);
    let summary = Pipeline::new(again).parse(titles()).run(&catalogue).await.unwrap();
    assert_eq!((summary.state, summary.counters.created), (RunState::Succeeded, 1));
    assert_eq!(summary.checkpoint.is_some(), summary.checkpoint_committed);
    assert_eq!(records(&catalogue).await.len(), 20);
}
