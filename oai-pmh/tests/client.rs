//! What the client asks, and what it makes of the answers.

#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod repository;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode};
use oai_pmh::retry::{Backoff, Retrying};
use oai_pmh::transport::{
    Body, HttpTransport, Payload, Request as HttpRequest, Response, Transport,
};
use oai_pmh::{
    Client, Datestamp, ErrorCode, ErrorKind, Harvest, Method, Position, Reason, Record, Selection,
    Slice, Step, Verdict, Window,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use self::repository::{Repository, argument, arguments, document, record};

fn xml(body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "text/xml; charset=utf-8")
}

/// A server that answers so, and a client that asks again after a millisecond.
async fn serve(
    answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
    base: &str,
) -> (MockServer, Client) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let millisecond = Duration::from_millis(1);
    let policy = Backoff::default().first(millisecond).cap(millisecond);
    let transport = Retrying::new(HttpTransport::builder().build().unwrap(), policy);
    let base = base.replace("HOST", &server.address().to_string());
    let client = Client::with_transport(base.parse().unwrap(), transport);
    (server, client)
}

async fn serving(repository: Repository) -> (MockServer, Client, Arc<Repository>) {
    let repository = Arc::new(repository);
    let answering = Arc::clone(&repository);
    let answer = move |request: &Request| xml(answering.answer(&arguments(request)));
    let (server, client) = serve(answer, "http://HOST/oai").await;
    (server, client, repository)
}

fn all() -> Selection {
    Selection::prefix("oai_dc")
}

fn window(from: Option<&str>, until: Option<&str>) -> Window {
    let end = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    Window::new(end(from), end(until)).unwrap()
}

fn identifiers(step: &Step) -> Vec<String> {
    let items = step.page.iter().flat_map(|page| &page.items);
    items.map(|item| item.as_ref().unwrap().header.identifier.clone()).collect()
}

/// The identifiers of all that comes, and the harvest at its end.
async fn drain(mut harvest: Harvest) -> (Vec<String>, Harvest) {
    let mut found = Vec::new();
    while let Some(step) = harvest.next_step().await {
        found.extend(identifiers(&step.unwrap()));
    }
    assert!(harvest.position().is_complete());
    (found, harvest)
}

fn unique(identifiers: &[String]) -> BTreeSet<String> {
    identifiers.iter().cloned().collect()
}

#[tokio::test]
async fn a_sliced_harvest_asks_for_each_window_once_and_delivers_all() {
    for (slice, until, parallel, count) in [
        (Slice::Month, "2024-04-30", 1, 4),
        (Slice::Month, "2024-04-30", 3, 4),
        (Slice::Day, "2024-01-20", 3, 20),
    ] {
        let until = window(None, Some(until));
        let (_server, client, repository) = serving(Repository::new(400)).await;
        let selection = all().window(until.clone());
        let harvest = client.harvest(&selection, Some(slice), parallel).await.unwrap();
        let (found, harvest) = drain(harvest).await;
        assert_eq!(harvest.summary().verdict, Verdict::Complete);
        let selected = repository.records.iter().filter(|(_, stamp)| until.contains(stamp));
        let expected: BTreeSet<_> = selected.map(|(identifier, _)| identifier.clone()).collect();
        assert_eq!(found.len(), expected.len(), "a record came twice");
        assert_eq!(unique(&found), expected);

        let seen = repository.seen();
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "a page was asked for twice");
        let mut windows: Vec<_> = seen
            .iter()
            .filter(|it| argument(it, "metadataPrefix").is_some())
            .map(|it| window(argument(it, "from"), argument(it, "until")))
            .collect();
        windows.sort_by_key(|it| it.until().map(Datestamp::time));
        assert_eq!(windows.len(), count);
        assert_eq!(windows[0].from(), None);
        assert_eq!(
            windows[count - 1].until().unwrap().to_string(),
            format!("{until}T23:59:59Z").trim_start_matches("up to ")
        );
        for pair in windows.windows(2) {
            let end = pair[0].until().unwrap().time() + TimeDelta::seconds(1);
            assert_eq!(pair[1].from().unwrap().time(), end);
        }
    }
}

#[tokio::test]
async fn a_harvest_goes_on_from_any_position_that_was_written_down() {
    let (_server, client, repository) = serving(Repository::new(300)).await;
    let selection = all().window(window(None, Some("2024-04-30")));
    for steps in 1.. {
        let mut harvest = client.harvest(&selection, Some(Slice::Month), 2).await.unwrap();
        let mut found = Vec::new();
        let mut json = String::new();
        for _ in 0..steps {
            let Some(step) = harvest.next_step().await else {
                assert!(steps > 300 / 7, "it ended after {steps} steps");
                return;
            };
            let step = step.unwrap();
            found.extend(identifiers(&step));
            json = serde_json::to_string(&step.position).unwrap();
        }
        drop(harvest);
        let position: Position = serde_json::from_str(&json).unwrap();
        assert!(position.is_of(&selection) && !position.is_of(&Selection::prefix("x")));
        let before = found.len();
        let (rest, harvest) = drain(client.resume_harvest(position, 2)).await;
        assert_eq!(harvest.summary().verdict, Verdict::Complete, "after {steps} steps");
        found.extend(rest);
        assert_eq!(unique(&found), repository.identifiers(), "after {steps} steps: {json}");
        let again = found.len() - repository.records.len();
        assert!(again <= before.min(2 * 7), "{again} records came twice after {steps} steps");
    }
}

#[tokio::test]
async fn the_next_harvest_begins_before_the_first_answer_of_this_one() {
    let hours = TimeDelta::hours;
    // The first page is the second answer.
    for (is_daily, until, overlap, expected) in [
        (false, None, hours(0), "2024-06-01T12:00:00Z"),
        (false, None, hours(2), "2024-06-01T10:00:01Z"),
        (false, Some("2024-03-01"), hours(1), "2024-03-01T22:59:59Z"),
        (true, None, hours(0), "2024-05-31"),
        (true, None, hours(72), "2024-05-29"),
        (true, Some("2024-03-01"), hours(0), "2024-02-29"),
    ] {
        let mut orderly = Repository::new(30);
        orderly.is_daily = is_daily;
        let (_server, client, _) = serving(orderly).await;
        let selection = all().window(window(None, until));
        let mut harvest = client.harvest(&selection, None, 1).await.unwrap();
        let first = harvest.next_step().await.unwrap().unwrap();
        assert_eq!(first.position.next_from(overlap), None, "it has only begun");
        let position = drain(harvest).await.1.position().clone();
        let first_answer = position.first_response_date().unwrap().to_string();
        assert_eq!(first_answer, "2024-06-01T12:00:01Z");
        assert_eq!(position.next_from(overlap).unwrap().to_string(), expected);
    }
}

#[tokio::test]
async fn a_harvest_whose_token_has_expired_begins_anew_and_delivers_all() {
    let (_server, client, repository) = serving(Repository::new(30)).await;
    let mut harvest = client.harvest(&all(), None, 1).await.unwrap();
    let position = harvest.next_step().await.unwrap().unwrap().position;
    drop(harvest);
    repository.expire_tokens();
    let (found, harvest) = drain(client.resume_harvest(position, 1)).await;
    assert_eq!(unique(&found), repository.identifiers());
    assert_eq!(found.len(), 30);
    assert_eq!(harvest.summary().verdict, Verdict::Complete);

    let mut list = client.resume_records(all(), "gone");
    let mut count = 0;
    while let Some(page) = list.next_page().await {
        count += page.unwrap().items.len();
    }
    assert_eq!((count, &list.summary().verdict), (30, &Verdict::Complete));
}

#[tokio::test]
async fn requests_are_sent_by_get_or_post_and_keep_the_base_urls_own_query() {
    for (method, token_length, expected) in [
        (Method::Get, 3000, ["GET", "GET"]),
        (Method::Post, 0, ["POST", "POST"]),
        (Method::Auto, 0, ["GET", "GET"]),
        (Method::Auto, 1000, ["GET", "GET"]),
        (Method::Auto, 3000, ["GET", "POST"]),
    ] {
        let mut repository = Repository::new(10);
        repository.token_length = token_length;
        let answer = move |request: &Request| xml(repository.answer(&arguments(request)));
        let (server, client) = serve(answer, "http://HOST/oai?repo=7&x=%26").await;
        let pages: Vec<_> = client.method(method).list_records(all()).collect().await;
        let count: usize = pages.into_iter().map(|page| page.unwrap().items.len()).sum();
        assert_eq!(count, 10);

        let requests = server.received_requests().await.unwrap();
        let methods: Vec<_> = requests.iter().map(|request| request.method.as_str()).collect();
        assert_eq!(methods, expected, "{method:?} {token_length}");
        let token = format!("{:z<1$}", 0, token_length);
        let own = [("verb", "ListRecords"), ("metadataPrefix", "oai_dc")];
        let next = [("verb", "ListRecords"), ("resumptionToken", token.as_str())];
        for (request, protocol) in requests.iter().zip([own, next]) {
            let expected: Vec<_> =
                [("repo", "7"), ("x", "&")].into_iter().chain(protocol).collect();
            let found = arguments(request);
            let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(found, expected);
            let is_post = request.method.as_str() == "POST";
            assert_eq!(request.url.query() == Some("repo=7&x=%26"), is_post);
            assert_eq!(!request.body.is_empty(), is_post);
            let form = request.headers.get("content-type").map(|value| value.as_bytes());
            assert_eq!(form == Some(b"application/x-www-form-urlencoded"), is_post);
        }
    }
}

/// The next request on a connection of its own, up to the end of its head.
async fn next_request(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(head).unwrap())
}

#[tokio::test]
async fn dropping_a_list_ends_the_request_under_way_and_asks_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/oai", listener.local_addr().unwrap());
    let http = HttpTransport::builder().build().unwrap();
    let client =
        Client::with_transport(base.parse().unwrap(), Retrying::new(http, Backoff::default()));
    let mut list = client.list_records(all());
    let story = async {
        let (mut stream, _) = next_request(&listener).await;
        let body = document(
            "2024-06-01T12:00:00Z",
            &format!(
                "<ListRecords>{}<resumptionToken>2</resumptionToken></ListRecords>",
                record("1", "2024-01-01")
            ),
        );
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        assert_eq!(list.next_page().await.unwrap().unwrap().items.len(), 1);

        let (mut stream, head) = next_request(&listener).await;
        assert!(head.contains("resumptionToken=2"), "{head}");
        drop(list);
        assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)), "the client stays");
        // Had the list asked again, this would not be the next request.
        let identify = tokio::spawn(async move { client.identify().await });
        let (_stream, head) = next_request(&listener).await;
        assert!(head.starts_with("GET /oai?verb=Identify"), "{head}");
        identify.abort();
    };
    tokio::time::timeout(Duration::from_secs(20), story).await.expect("no step hangs");
}

/// A transport that answers at once, without a network: pages of one record for ever.
#[derive(Debug, Default)]
struct Endless {
    asked: AtomicUsize,
    /// Whether the same token comes again and again.
    is_circle: AtomicBool,
}

#[async_trait::async_trait]
impl Transport for Endless {
    async fn send(&self, request: HttpRequest) -> resync_core::Result<Response> {
        let n = 1 + self.asked.fetch_add(1, Ordering::SeqCst);
        let token = if self.is_circle.load(Ordering::SeqCst) { 1 } else { n };
        let records = record(&n.to_string(), "2024-01-01");
        let token = format!("<resumptionToken>{token}</resumptionToken>");
        let body = document(
            "2024-06-01T12:00:00Z",
            &format!("<ListRecords>{records}{token}</ListRecords>"),
        );
        let body = Body::Whole(Payload::Memory(body.into()));
        Ok(Response::new(StatusCode::OK, HeaderMap::new(), request.url, body))
    }
}

fn endless() -> (Client, Arc<Endless>) {
    let transport = Arc::new(Endless::default());
    let base = "http://x.org/oai".parse().unwrap();
    (Client::with_transport(base, Arc::clone(&transport)), transport)
}

/// With time paused an hour passes when nothing else can happen any more.
async fn until_nothing_moves() {
    let never = std::future::pending::<()>();
    tokio::time::timeout(Duration::from_secs(3600), never).await.expect_err("it never comes");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_sits_still_holds_the_server_back() {
    let (client, transport) = endless();
    let mut list = client.list_records(all());
    for taken in 0..10 {
        until_nothing_moves().await;
        // One waits to be taken, one is held on to until there is room for it.
        assert_eq!(transport.asked.load(Ordering::SeqCst), taken + 2);
        list.next_page().await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_list_that_is_cut_short_ends_with_an_error_and_then_ends() {
    let (client, transport) = endless();
    transport.is_circle.store(true, Ordering::SeqCst);
    let mut list = client.list_records(all());
    assert!(list.next_page().await.unwrap().is_ok());
    assert!(list.next_page().await.unwrap().is_ok());
    let error = list.next_page().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    assert_eq!(error.reasons(), [Reason::TokenRepeated]);
    assert!(list.next_page().await.is_none());
    assert!(list.next_page().await.is_none());
    let summary = list.summary();
    assert_eq!(summary.verdict, Verdict::Truncated(vec![Reason::TokenRepeated]));
    assert_eq!((summary.pages, summary.items), (2, 2));

    let mut items = client.list_records(all()).items();
    assert!(items.next().await.unwrap().unwrap().is_ok());
    assert!(items.next().await.unwrap().unwrap().is_ok());
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), ErrorKind::Truncated);
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn a_flat_list_tells_a_broken_item_from_a_broken_list() {
    let [first, last] = ["1", "3"].map(|n| record(n, "2024-01-01"));
    let broken = record("2", "2024-01-01").replace("<m xmlns='urn:m'/>", "<m><n></m>");
    let body = document("2024-06-01", &format!("<ListRecords>{first}{broken}{last}</ListRecords>"));
    let (_server, client) = serve(move |_| xml(body.clone()), "http://HOST/oai").await;
    let mut items = client.refetch(false).list_records(all()).items();
    let mut found = Vec::new();
    while let Some(item) = items.next().await {
        found.push(match item.unwrap() {
            Ok(Record { header, .. }) => header.identifier,
            Err(broken) => format!("not {}", broken.identifier.unwrap()),
        });
    }
    assert_eq!(found, ["1", "not 2", "3"]);
    assert_eq!((items.summary().items, items.summary().failed), (2, 1));
}

#[tokio::test]
async fn errors_name_the_url_but_not_the_password() {
    let missing = document("2024-06-01T12:00:00Z", "<error code='idDoesNotExist'>no</error>");
    let answers = [
        xml(missing),
        xml("<OAI-PMH><x></y></OAI-PMH>"),
        xml("<rss/>"),
        ResponseTemplate::new(404),
        ResponseTemplate::new(500),
    ];
    for answer in answers {
        let base = "http://harvester:s3cret@HOST/oai";
        let (server, client) = serve(move |_| answer.clone(), base).await;
        let errors = [
            client.get_record("a b", "oai_dc").await.unwrap_err(),
            client.list_metadata_formats(Some("a b")).await.unwrap_err(),
            client.list_records(all()).next_page().await.unwrap().unwrap_err(),
        ];
        let asked = [
            "verb=GetRecord&identifier=a%20b&metadataPrefix=oai_dc",
            "verb=ListMetadataFormats&identifier=a%20b",
            "verb=ListRecords&metadataPrefix=oai_dc",
        ];
        for (error, asked) in errors.iter().zip(asked) {
            let url = format!("http://{}/oai?{asked}", server.address());
            assert_eq!(error.url().map(url::Url::as_str), Some(url.as_str()), "{error:?}");
            assert!(error.to_string().contains(&url), "{error}");
            for text in [error.to_string(), format!("{error:?}")] {
                assert!(!text.contains("s3cret") && !text.contains("harvester"), "{text}");
            }
        }
        assert_eq!(
            errors[0].kind() == ErrorKind::Oai,
            errors[0].has_code(&ErrorCode::IdDoesNotExist)
        );
        let requests = server.received_requests().await.unwrap();
        assert!(requests.iter().all(|request| request.headers.contains_key("authorization")));
    }
}

#[tokio::test]
async fn faults_in_passing_cost_one_request_each_and_no_record() {
    let repository = Repository::new(200);
    let expected = repository.identifiers();
    let (asked, faults) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&faults);
    let answer = move |request: &Request| {
        let n = asked.fetch_add(1, Ordering::SeqCst);
        if n % 3 == 1 {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        match n % 9 {
            1 => ResponseTemplate::new(503),
            4 => xml(document("2024-06-01T12:00:00Z", "<ListRecords><record>").split_at(150).0),
            7 => ResponseTemplate::new(500).set_body_raw("<html></html>", "text/html"),
            _ => xml(repository.answer(&arguments(request))),
        }
    };
    let (server, client) = serve(answer, "http://HOST/oai").await;
    let (found, harvest) = drain(client.harvest(&all(), None, 1).await.unwrap()).await;
    assert_eq!(found.len(), 200);
    assert_eq!(unique(&found), expected);
    assert_eq!(harvest.summary().verdict, Verdict::Complete);
    let pages = 200_usize.div_ceil(7);
    let faults = faults.load(Ordering::SeqCst);
    let requests = server.received_requests().await.unwrap().len();
    assert!(faults >= pages / 3);
    assert!(requests <= pages + faults + 1, "{requests} for {pages} pages and {faults} faults");
}
