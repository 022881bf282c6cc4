//! A file that is a whole repository, read from disk and over HTTP.

#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::path::Path;

use futures_util::StreamExt;
use oai_pmh::parse::ListItem;
use oai_pmh::xml::{Cursor, Mode};
use oai_pmh::{
    Client, DeletedRecord, Error, ErrorCode, ErrorKind, Granularity, Header, List, Record,
    Selection, Verdict, Window,
};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

const FILE: &str = include_str!("fixtures/static-repository.xml");
const RFC1807: &str = "http://info.internet.isi.edu:80/in-notes/rfc/files/rfc1807.txt";

/// The repository on disk, and on a server that gives the file whatever is asked.
async fn clients() -> (MockServer, [Client; 2]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/static-repository.xml");
    let url = url::Url::from_file_path(path).unwrap();
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_raw(FILE, "text/xml");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let http = format!("{}/ma/mini.xml", server.uri());
    (server, [Client::new(url.as_str()).unwrap(), Client::new(&http).unwrap()])
}

fn all() -> Selection {
    Selection::prefix("oai_dc")
}

fn window(from: &str, until: &str) -> Window {
    let end = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    Window::new(end(from), end(until)).unwrap()
}

async fn items<T: ListItem>(mut list: List<T>) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    while let Some(page) = list.next().await {
        items.extend(page?.items.into_iter().map(|item| item.expect("a sound item")));
    }
    assert_eq!(list.summary().verdict, Verdict::Complete);
    Ok(items)
}

fn identifiers(headers: &[Header]) -> Vec<&str> {
    headers.iter().map(|header| header.identifier.as_str()).collect()
}

/// The text of the child elements of a document that stands alone, with their namespace.
fn values(xml: &str) -> Vec<(String, String, String)> {
    let mut cursor = Cursor::new(xml).mode(Mode::Strict);
    cursor.next_child().unwrap().expect("a root element");
    let mut values = Vec::new();
    while let Some(child) = cursor.next_child().unwrap() {
        let namespace = child.namespace().expect("a namespace").to_owned();
        values.push((namespace, child.local().to_owned(), cursor.text().unwrap().into_owned()));
    }
    values
}

#[tokio::test]
async fn the_repository_describes_itself_and_its_formats() {
    let (_server, clients) = clients().await;
    for client in clients {
        let identify = client.identify().await.unwrap().body;
        assert_eq!(identify.repository_name, "Malá knihovna 小さな図書館");
        assert_eq!(identify.granularity, Granularity::Day);
        assert_eq!(identify.deleted_record, DeletedRecord::No);
        assert_eq!(identify.earliest_datestamp.unwrap().to_string(), "2002-09-19");
        assert_eq!(identify.admin_emails, ["jirka@example.org"]);

        let formats = client.list_metadata_formats(None).await.unwrap().body;
        let prefixes: Vec<_> = formats.iter().map(|format| format.prefix.as_str()).collect();
        assert_eq!(prefixes, ["oai_dc", "oai_rfc1807"]);
        let item = client.list_metadata_formats(Some("oai:arXiv:cs/0112017")).await.unwrap().body;
        assert_eq!(item, formats);
        assert_eq!(item[1].namespace, RFC1807);
        let item = client.list_metadata_formats(Some("oai:toshokan:3")).await.unwrap().body;
        assert_eq!(item, formats[..1]);
        assert!(client.mode(Mode::Strict).identify().await.unwrap().issues.is_empty());
    }
}

#[tokio::test]
async fn all_records_are_listed_strictly_and_their_metadata_stands_alone() {
    let (_server, clients) = clients().await;
    for client in clients {
        let client = client.mode(Mode::Strict);
        let records: Vec<Record> = items(client.list_records(all())).await.unwrap();
        let headers = items(client.list_identifiers(all())).await.unwrap();
        let found: Vec<Header> = records.iter().map(|record| record.header.clone()).collect();
        assert_eq!(found, headers);
        let expected = ["oai:arXiv:cs/0112017", "oai:knihovna:kytice&1", "oai:toshokan:3"];
        assert_eq!(identifiers(&headers), expected);
        let titles: Vec<_> = records
            .iter()
            .map(|record| values(&record.metadata.as_ref().unwrap().standalone()).swap_remove(0))
            .collect();
        let expected = [
            "Using Structural Metadata to Localize Experience of Digital Content",
            "Kytice z pověstí národních",
            "吾輩は猫である",
        ];
        for ((namespace, local, text), expected) in titles.iter().zip(expected) {
            let found = (namespace.as_str(), local.as_str(), text.as_str());
            assert_eq!(found, ("http://purl.org/dc/elements/1.1/", "title", expected));
        }
        assert_eq!(records[1].abouts.len(), 1);

        let other = items(client.list_records(Selection::prefix("oai_rfc1807"))).await.unwrap();
        assert_eq!(other.len(), 1);
        let metadata = other[0].metadata.as_ref().unwrap().standalone();
        assert_eq!(values(&metadata)[0], (RFC1807.into(), "bib-version".into(), "v2".into()));
        assert_eq!(other[0].header.datestamp.as_ref().unwrap().to_string(), "2001-12-14");
    }
}

#[tokio::test]
async fn a_record_is_found_by_its_identifier_and_format() {
    let (_server, clients) = clients().await;
    for client in clients {
        let reply = client.get_record("oai:knihovna:kytice&1", "oai_dc").await.unwrap();
        assert_eq!(reply.body.header.identifier, "oai:knihovna:kytice&1");
        assert_eq!(reply.body.header.datestamp.unwrap().to_string(), "2002-10-01");
        let metadata = reply.body.metadata.unwrap();
        assert_eq!(values(&metadata.standalone())[0].2, "Kytice z pověstí národních");
        let reply = client.get_record("oai:arXiv:cs/0112017", "oai_rfc1807").await.unwrap();
        assert_eq!(reply.body.metadata.unwrap().standalone().find(RFC1807), Some(16));

        for (identifier, format, code) in [
            ("oai:nobody:1", "oai_dc", ErrorCode::IdDoesNotExist),
            ("oai:toshokan:3", "marc21", ErrorCode::CannotDisseminateFormat),
            ("oai:toshokan:3", "oai_rfc1807", ErrorCode::CannotDisseminateFormat),
        ] {
            let error = client.get_record(identifier, format).await.unwrap_err();
            assert!(error.has_code(&code), "{error}");
            assert!(
                error.to_string().contains("mini.xml") || error.to_string().contains("static-")
            );
        }
        let error = client.list_metadata_formats(Some("oai:nobody:1")).await.unwrap_err();
        assert!(error.has_code(&ErrorCode::IdDoesNotExist), "{error}");
    }
}

#[tokio::test]
async fn a_time_span_selects_the_records_of_its_days() {
    let (_server, clients) = clients().await;
    let [first, second, third] =
        ["oai:arXiv:cs/0112017", "oai:knihovna:kytice&1", "oai:toshokan:3"];
    for client in clients {
        for (from, until, expected) in [
            ("2002-10-01", "", vec![second, third]),
            ("", "2002-10-01", vec![first, second]),
            ("2002-09-20", "2002-10-30", vec![second]),
            ("2002-10-31", "2002-10-31", vec![third]),
            ("2003-01-01", "", vec![]),
        ] {
            let selection = all().window(window(from, until));
            let headers = items(client.list_identifiers(selection.clone())).await.unwrap();
            assert_eq!(identifiers(&headers), expected, "{from} {until}");
            let records = items(client.list_records(selection)).await.unwrap();
            assert_eq!(records.len(), expected.len());
        }
        let seconds = all().window(window("2002-10-01T12:00:00Z", "2002-10-30T12:00:00Z"));
        let days = client.adapt(seconds).await.unwrap();
        assert_eq!(days.time_span(), &window("2002-10-01", "2002-10-30"));
    }
}

#[tokio::test]
async fn there_are_no_sets_and_no_formats_but_those_listed() {
    let (_server, clients) = clients().await;
    for client in clients {
        assert!(items(client.list_sets()).await.unwrap().is_empty());
        let error = items(client.list_records(all().set("a"))).await.unwrap_err();
        assert!(error.has_code(&ErrorCode::NoSetHierarchy), "{error}");
        let error = items(client.list_identifiers(Selection::prefix("marc21"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Oai);
        assert!(error.has_code(&ErrorCode::CannotDisseminateFormat), "{error}");
    }
}

#[tokio::test]
async fn the_file_can_be_harvested() {
    let (_server, clients) = clients().await;
    for client in clients {
        let mut harvest = client.harvest(&all(), None, 1).await.unwrap();
        let mut count = 0;
        while let Some(step) = harvest.next_step().await {
            count += step.unwrap().page.map_or(0, |page| page.items.len());
        }
        assert_eq!(count, 3);
        assert!(harvest.position().is_complete());
        let next = harvest.position().next_from(chrono::TimeDelta::zero()).unwrap();
        assert_eq!(next.granularity(), Granularity::Day);
    }
}

#[tokio::test]
async fn a_file_that_is_missing_or_something_else_is_an_error_that_names_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, expected) in [
        ("tests/fixtures/nothing.xml", "the file cannot be read"),
        ("Cargo.toml", "the answer cannot be read"),
    ] {
        let url = url::Url::from_file_path(folder.join(name)).unwrap();
        let error = Client::new(url.as_str()).unwrap().identify().await.unwrap_err();
        assert!(error.to_string().contains(url.as_str()), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
