//! Our client harvests our provider, over HTTP, also while it changes.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use oai_pmh::provider::{Key, MemoryRepository, Provider, Repository, is_selected};
use oai_pmh::transport::HttpTransport;
use oai_pmh::xml::Mode;
use oai_pmh::{
    Client, Datestamp, DeletedRecord, Granularity, Header, Identify, MetadataFormat, Method,
    Record, Selection, Verdict, Window,
};
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// What is harvested: datestamp and metadata of what is there, by identifier.
type Store = BTreeMap<String, (Datestamp, String)>;

fn identify(granularity: Granularity, deleted_record: DeletedRecord) -> Identify {
    let mut identify = Identify::new("Kytice", "http://x.org/oai", "a@x.org");
    identify.granularity = granularity;
    identify.deleted_record = deleted_record;
    identify
}

fn provider(repository: &MemoryRepository) -> Provider {
    Provider::new(repository.clone(), b"a key of sixteen bytes or more").unwrap().page_records(10)
}

/// Serves it; `before` is called before each answer.
async fn serve(provider: Provider, before: impl Fn() + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        before();
        let mut asked = http::Request::builder()
            .method(request.method.clone())
            .uri(request.url.as_str())
            .body(request.body.clone())
            .unwrap();
        *asked.headers_mut() = request.headers.clone();
        let (head, body) = provider.handle(&asked).now_or_never().unwrap().into_parts();
        let mut response = ResponseTemplate::new(head.status).set_body_bytes(body);
        for (name, value) in &head.headers {
            response = response.insert_header(name, value);
        }
        response
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn client(server: &MockServer) -> Client {
    let base = format!("{}/oai", server.uri()).parse().unwrap();
    Client::with_transport(base, HttpTransport::builder().build().unwrap()).mode(Mode::Strict)
}

/// All records of a list, and when it began by the server's clock.
async fn list(client: &Client, selection: Selection) -> (Vec<Record>, Datestamp) {
    let mut list = client.list_records(selection);
    let (mut records, mut began) = (Vec::new(), None);
    while let Some(page) = list.next_page().await {
        let page = page.unwrap();
        began = began.or(page.response_date);
        records.extend(page.items.into_iter().map(Result::unwrap));
    }
    assert_eq!(list.summary().verdict, Verdict::Complete);
    (records, began.unwrap_or_else(|| Datestamp::second(DateTime::UNIX_EPOCH)))
}

#[tokio::test]
async fn all_of_it_can_be_harvested_whatever_its_granularity_deletions_and_sets() {
    for granularity in [Granularity::Day, Granularity::Second] {
        for policy in [DeletedRecord::No, DeletedRecord::Transient, DeletedRecord::Persistent] {
            let repository =
                MemoryRepository::new(identify(granularity, policy), [MetadataFormat::oai_dc()]);
            for n in 0..95_i64 {
                let time = DateTime::UNIX_EPOCH + TimeDelta::hours(5 * (n % 40));
                let header = Header::new(format!("oai:x:{n}"), Datestamp::second(time));
                let header = header.sets([["a", "a:b", "ab", "c"][n as usize % 4]]);
                repository
                    .put("oai_dc", Record::new(header, "<m xmlns='urn:m'/>").unwrap())
                    .unwrap();
            }
            for n in 0..15 {
                repository.delete(&format!("oai:x:{}", n * 5), DateTime::UNIX_EPOCH);
            }
            let server = serve(provider(&repository), || {}).await;
            for (set, method) in [
                (None, Method::Get),
                (Some("a"), Method::Post),
                (Some("a:b"), Method::Get),
                (Some("ab"), Method::Auto),
            ] {
                let client = client(&server).method(method);
                for from in [None, Some("1970-01-03".parse().unwrap())] {
                    let window = Window::new(from, None).unwrap();
                    let mut selection = Selection::prefix("oai_dc").window(window);
                    if let Some(set) = set {
                        selection = selection.set(set);
                    }
                    let all = repository.page(&Selection::prefix("oai_dc"), None, 1000).await;
                    let wanted: BTreeSet<_> = all
                        .unwrap()
                        .into_iter()
                        .filter(|it| is_selected(&it.header, &selection))
                        .map(|it| (it.header.identifier, it.header.is_deleted))
                        .collect();
                    let (found, _) = list(&client, selection).await;
                    let count = found.len();
                    let found: BTreeSet<_> = found
                        .into_iter()
                        .map(|it| (it.header.identifier, it.header.is_deleted))
                        .collect();
                    assert_eq!(found, wanted, "{granularity} {policy:?} {set:?}");
                    assert_eq!(count, wanted.len(), "something came twice");
                }
            }
        }
    }
}

/// A repository that changes whenever it is asked, and whose clock then goes on by a second.
struct Changing {
    repository: MemoryRepository,
    clock: Arc<AtomicI64>,
    random: Mutex<TestRng>,
    loads_back_dated: bool,
}

impl Changing {
    fn new(policy: DeletedRecord, loads_back_dated: bool) -> Self {
        let identify = identify(Granularity::Second, policy);
        let changing = Self {
            repository: MemoryRepository::new(identify, [MetadataFormat::oai_dc()]),
            clock: Arc::new(AtomicI64::new(1_700_000_000)),
            random: Mutex::new(TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
            loads_back_dated,
        };
        (0..60).for_each(|_| changing.change());
        changing
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.clock.load(Ordering::SeqCst), 0).unwrap()
    }

    fn change(&self) {
        self.clock.fetch_add(1, Ordering::SeqCst);
        let mut random = self.random.lock().unwrap();
        for _ in 0..random.next_u32() % 4 {
            let identifier = format!("oai:x:{}", random.next_u32() % 120);
            let is_back_dated = self.loads_back_dated && random.next_u32().is_multiple_of(6);
            let back = if is_back_dated { random.next_u32() % 1_000_000 } else { 0 };
            let stamp = Datestamp::second(self.now() - TimeDelta::seconds(back.into()));
            if random.next_u32().is_multiple_of(4) {
                self.repository.delete(&identifier, stamp);
            } else {
                let metadata = format!("<m xmlns='urn:m'>{}</m>", random.next_u64());
                let record = Record::new(Header::new(identifier, stamp), &metadata).unwrap();
                self.repository.put("oai_dc", record).unwrap();
            }
        }
    }

    async fn content(&self) -> Store {
        let all = self.repository.page(&Selection::prefix("oai_dc"), None, 1000).await.unwrap();
        let mut store = Store::new();
        all.into_iter().for_each(|record| apply(&mut store, record));
        store
    }
}

fn apply(store: &mut Store, record: Record) {
    let Key { datestamp, identifier } = Key::of(&record.header).unwrap();
    match record.metadata {
        Some(metadata) => {
            store.insert(identifier, (datestamp, metadata.standalone().into_owned()));
        }
        None => {
            store.remove(&identifier);
        }
    }
}

/// Brings the store up to date with what is listed now; says how much was amiss.
async fn reconcile(client: &Client, store: &mut Store) -> usize {
    let mut list = client.list_identifiers(Selection::prefix("oai_dc"));
    let mut listed = BTreeMap::new();
    while let Some(page) = list.next_page().await {
        for header in page.unwrap().items.into_iter().map(Result::unwrap) {
            if !header.is_deleted {
                listed.insert(header.identifier, header.datestamp.unwrap());
            }
        }
    }
    let before = store.len();
    store.retain(|identifier, _| listed.contains_key(identifier));
    let mut amiss = before - store.len();
    for (identifier, stamp) in listed {
        if store.get(&identifier).is_none_or(|(known, _)| *known != stamp) {
            apply(store, client.get_record(&identifier, "oai_dc").await.unwrap().body);
            amiss += 1;
        }
    }
    amiss
}

/// Fifty incremental runs; what the reconciliation behind each of them found amiss.
async fn fifty_runs(policy: DeletedRecord, loads_back_dated: bool) -> Vec<usize> {
    let source = Arc::new(Changing::new(policy, loads_back_dated));
    let is_quiet = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (changing, quiet) = (Arc::clone(&source), Arc::clone(&is_quiet));
    let clock = Arc::clone(&source);
    let provider = provider(&source.repository).clock(move || clock.now());
    let server = serve(provider, move || {
        if !quiet.load(Ordering::SeqCst) {
            changing.change();
        }
    })
    .await;
    let client = client(&server);
    let mut store = Store::new();
    let mut amiss = Vec::new();
    let mut from = None;
    for _ in 0..50 {
        let window = Window::new(from, None).unwrap();
        let (records, began) = list(&client, Selection::prefix("oai_dc").window(window)).await;
        records.into_iter().for_each(|record| apply(&mut store, record));
        // By the server's clock, with an overlap.
        from = Some(Datestamp::second(began.time() - TimeDelta::seconds(2)));
        is_quiet.store(true, Ordering::SeqCst);
        // What changed during the run is for the next one; here it comes at once.
        let window = Window::new(from.clone(), None).unwrap();
        let (records, _) = list(&client, Selection::prefix("oai_dc").window(window)).await;
        records.into_iter().for_each(|record| apply(&mut store, record));
        amiss.push(reconcile(&client, &mut store).await);
        assert_eq!(store, source.content().await);
        is_quiet.store(false, Ordering::SeqCst);
    }
    amiss
}

#[tokio::test]
async fn nothing_is_missed_of_a_repository_that_changes_between_pages() {
    let amiss = fifty_runs(DeletedRecord::Persistent, false).await;
    assert_eq!(amiss.iter().sum::<usize>(), 0, "{amiss:?}");
}

#[tokio::test]
async fn what_is_dated_back_is_missed_until_it_is_reconciled() {
    let amiss = fifty_runs(DeletedRecord::Persistent, true).await;
    assert!(amiss.iter().sum::<usize>() > 0, "nothing was dated back");
}

#[tokio::test]
async fn deletions_that_are_not_told_are_found_by_reconciling() {
    let amiss = fifty_runs(DeletedRecord::No, false).await;
    assert!(amiss.iter().sum::<usize>() > 0, "nothing was deleted");
}
