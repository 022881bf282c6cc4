//! What the provider answers, in the corners of the standard.
#![allow(clippy::unwrap_used)]

use flate2::read::GzDecoder;
use http::{Method, Request, StatusCode};
use oai_pmh::parse::Parser;
use oai_pmh::provider::{FolderRepository, MemoryRepository, OutputSwitch, Provider};
use oai_pmh::xml::Mode;
use oai_pmh::{
    Branding, Container, Datestamp, DeletedRecord, Description, Granularity, Header, Identify,
    MetadataFormat, OaiIdentifier, Page, Record, RightsManifest,
};

const KEY: &[u8] = b"a key of sixteen bytes or more";
const DC: &str =
    "<oai_dc:dc xmlns:oai_dc='http://www.openarchives.org/OAI/2.0/oai_dc/'><a/></oai_dc:dc>";

fn identify() -> Identify {
    Identify::new("Kytice <&> Ž", "http://x.org/oai", "a@x.org")
}

/// Nine records in sets `a`, `a:b` and `ab`; the ninth only in MARC, the third deleted.
fn repository(identify: Identify) -> MemoryRepository {
    let marc = MetadataFormat::new("marc21", "http://x.org/m.xsd", "http://x.org/m");
    let repository = MemoryRepository::new(identify, [MetadataFormat::oai_dc(), marc]);
    for n in 1..=9 {
        let stamp: Datestamp = format!("2024-01-0{n}T12:00:00Z").parse().unwrap();
        let set = ["a", "a:b", "ab"][n % 3];
        let header = Header::new(format!("oai:x.org:{n}"), stamp).sets([set]);
        let format = if n == 9 { "marc21" } else { "oai_dc" };
        repository.put(format, Record::new(header, DC).unwrap()).unwrap();
    }
    let stamp: Datestamp = "2024-01-03T12:00:00Z".parse().unwrap();
    repository.delete("oai:x.org:3", stamp);
    repository
}

fn provider() -> Provider {
    Provider::new(repository(identify()), KEY).unwrap().page_records(3)
}

async fn codes(provider: &Provider, query: &str) -> Vec<String> {
    let xml = provider.answer(query).await.unwrap();
    let errors = xml.split("<error code=\"").skip(1);
    errors.map(|error| error.split('"').next().unwrap().to_owned()).collect()
}

fn page(xml: &str) -> Page<Record> {
    Parser::new().mode(Mode::Strict).page::<Record>(xml.as_bytes().to_vec(), None).unwrap()
}

#[tokio::test]
async fn every_corner_has_its_errors_and_all_of_them() {
    let provider = provider();
    let list = "verb=ListRecords&metadataPrefix=oai_dc";
    for (query, expected) in [
        (String::new(), "badVerb"),
        ("verb=".into(), "badVerb"),
        ("verb=identify".into(), "badVerb"),
        ("Verb=Identify".into(), "badVerb"),
        ("verb=Identify&verb=Identify".into(), "badVerb"),
        ("verb=%FF".into(), "badVerb"),
        ("verb=Identify&x=1".into(), "badArgument"),
        ("verb=Identify&=1".into(), "badArgument"),
        ("verb=Identify&%FF=1".into(), "badArgument"),
        ("verb=Identify&resumptionToken=x".into(), "badArgument"),
        ("verb=ListRecords".into(), "badArgument"),
        ("verb=GetRecord".into(), "badArgument badArgument"),
        (format!("{list}&metadataPrefix=oai_dc"), "badArgument"),
        (format!("{list}&set="), "badArgument"),
        (format!("{list}&set=a%00"), "badArgument"),
        (format!("{list}&from=2024-02-30"), "badArgument"),
        (format!("{list}&from=0000-01-01"), "badArgument"),
        (format!("{list}&from=2024-01-01T00:00:60Z"), "badArgument"),
        (format!("{list}&from=junk&until=junk"), "badArgument badArgument"),
        (format!("{list}&from=2024-01-02&until=2024-01-01"), "badArgument"),
        (format!("{list}&from=2024-01-01&until=2024-01-02T00:00:00Z"), "badArgument"),
        (format!("{list}&resumptionToken=x"), "badArgument"),
        (format!("{list}&until=1999-01-01"), "noRecordsMatch"),
        (format!("{list}&set=c"), "noRecordsMatch"),
        ("verb=ListRecords&metadataPrefix=mods".into(), "cannotDisseminateFormat"),
        ("verb=ListRecords&resumptionToken=junk".into(), "badResumptionToken"),
        ("verb=ListSets&resumptionToken=junk".into(), "badResumptionToken"),
        ("verb=ListMetadataFormats&identifier=oai:x.org:77".into(), "idDoesNotExist"),
        ("verb=GetRecord&metadataPrefix=oai_dc&identifier=invalid%22id".into(), "idDoesNotExist"),
        (
            "verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:x.org:9".into(),
            "cannotDisseminateFormat",
        ),
        (
            "verb=GetRecord&metadataPrefix=mods&identifier=oai:x.org:77".into(),
            "cannotDisseminateFormat idDoesNotExist",
        ),
        (format!("{list}&from=2024-01-03&until=2024-01-03"), ""),
        (format!("{list}&from=1000-01-01"), ""),
        ("verb=Identify&".into(), ""),
        ("verb=ListMetadataFormats&identifier=oai:x.org:9".into(), ""),
    ] {
        assert_eq!(codes(&provider, &query).await.join(" "), expected, "{query}");
        let xml = provider.answer(&query).await.unwrap();
        let is_bare = expected.contains("badVerb") || expected.contains("badArgument");
        assert_eq!(xml.contains("<request>http"), is_bare, "{query}");
    }
}

#[tokio::test]
async fn a_day_repository_takes_no_seconds_and_tells_none() {
    let mut identify = identify();
    identify.granularity = Granularity::Day;
    let provider = Provider::new(repository(identify), KEY).unwrap();
    let list = "verb=ListRecords&metadataPrefix=oai_dc";
    let query = format!("{list}&from=2024-01-01T00:00:00Z");
    assert_eq!(codes(&provider, &query).await, ["badArgument"]);
    let xml = provider.answer(format!("{list}&from=2024-01-02&until=2024-01-02")).await.unwrap();
    assert!(xml.contains("<datestamp>2024-01-02</datestamp>"));
}

#[tokio::test]
async fn a_list_is_followed_to_its_empty_token_and_any_token_again() {
    let provider = provider();
    let mut query = "verb=ListRecords&metadataPrefix=oai_dc".to_owned();
    let mut seen = Vec::new();
    loop {
        let xml = provider.answer(&query).await.unwrap();
        let found = page(&xml);
        assert_eq!(page(&provider.answer(&query).await.unwrap()).items, found.items);
        let token = found.token.unwrap();
        assert_eq!(token.cursor, Some(seen.len() as u64));
        assert_eq!(token.complete_list_size, Some(8));
        seen.extend(found.items.into_iter().map(|it| it.unwrap().header.identifier));
        if token.value.is_empty() {
            break;
        }
        let other = format!("verb=ListIdentifiers&resumptionToken={}", token.value);
        assert_eq!(codes(&provider, &other).await, ["badResumptionToken"]);
        query = format!("verb=ListRecords&resumptionToken={}", token.value);
    }
    let all: Vec<_> = (1..=8).map(|n| format!("oai:x.org:{n}")).collect();
    assert_eq!(seen, all);
    let short = provider.answer("verb=ListRecords&metadataPrefix=marc21").await.unwrap();
    assert!(page(&short).token.is_none());
}

#[tokio::test]
async fn a_token_expires_and_is_worth_nothing_elsewhere() {
    let first = provider().answer("verb=ListRecords&metadataPrefix=oai_dc").await.unwrap();
    let token = page(&first).token.unwrap().value;
    let query = format!("verb=ListRecords&resumptionToken={token}");
    assert!(codes(&provider(), &query).await.is_empty());
    let late = provider().clock(|| chrono::Utc::now() + chrono::TimeDelta::days(2));
    assert_eq!(codes(&late, &query).await, ["badResumptionToken"]);
    let other = Provider::new(repository(identify()), b"another key of sixteen").unwrap();
    assert_eq!(codes(&other, &query).await, ["badResumptionToken"]);
}

#[tokio::test]
async fn a_set_takes_in_those_below_it_and_no_others() {
    let provider = provider().page_records(100);
    let query = "verb=ListRecords&metadataPrefix=oai_dc&set=a";
    let xml = provider.answer(query).await.unwrap();
    let sets: Vec<_> =
        page(&xml).items.into_iter().map(|it| it.unwrap().header.sets.concat()).collect();
    assert_eq!(sets, ["a:b", "a", "a:b", "a", "a:b"]);
}

#[tokio::test]
async fn deletions_are_told_unless_the_policy_forbids() {
    for policy in [DeletedRecord::No, DeletedRecord::Transient, DeletedRecord::Persistent] {
        let mut identify = identify();
        identify.deleted_record = policy;
        let provider = Provider::new(repository(identify), KEY).unwrap();
        let get = "verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:x.org:3";
        let xml = provider.answer(get).await.unwrap();
        let list = provider.answer("verb=ListRecords&metadataPrefix=oai_dc").await.unwrap();
        let is_told = policy != DeletedRecord::No;
        assert_eq!(xml.contains("status=\"deleted\""), is_told);
        assert_eq!(list.contains("oai:x.org:3<"), is_told);
    }
}

#[tokio::test]
async fn what_is_in_no_namespace_stays_there() {
    let xml = provider().answer("verb=ListRecords&metadataPrefix=oai_dc").await.unwrap();
    assert!(xml.contains("<oai_dc:dc xmlns=\"\" xmlns:oai_dc="));
}

#[tokio::test]
async fn output_that_is_off_lists_nothing_and_answers_all_else() {
    let switch = OutputSwitch::new();
    let provider = provider().switch(switch.clone());
    let since = "2024-01-04".parse::<Datestamp>().unwrap().time();
    switch.turn_off(since);
    for query in [
        "verb=ListRecords&metadataPrefix=oai_dc",
        "verb=ListIdentifiers&metadataPrefix=oai_dc&set=a",
    ] {
        assert_eq!(codes(&provider, query).await, ["noRecordsMatch"]);
    }
    for query in [
        "verb=Identify",
        "verb=ListSets",
        "verb=ListMetadataFormats",
        "verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:x.org:1",
    ] {
        assert!(codes(&provider, query).await.is_empty(), "{query}");
    }
    assert_eq!(switch.since(), Some(since));
    let pause = switch.turn_on("2024-01-06".parse::<Datestamp>().unwrap().time()).unwrap();
    let changed = provider.changed(&pause.window()).await.unwrap();
    let changed: Vec<_> = changed.iter().map(|(_, header)| &header.identifier[10..]).collect();
    assert_eq!(changed, ["4", "5"]);
}

#[tokio::test]
async fn an_empty_repository_without_sets_says_so() {
    let repository = MemoryRepository::new(identify(), [MetadataFormat::oai_dc()]);
    let provider = Provider::new(repository, KEY).unwrap();
    assert_eq!(codes(&provider, "verb=ListSets").await, ["noSetHierarchy"]);
    let list = "verb=ListRecords&metadataPrefix=oai_dc";
    assert_eq!(codes(&provider, list).await, ["noRecordsMatch"]);
    assert_eq!(codes(&provider, &format!("{list}&set=a")).await, ["noSetHierarchy"]);
    let xml = provider.answer("verb=Identify").await.unwrap();
    assert!(xml.contains("<earliestDatestamp>1970-01-01T00:00:00Z<"));
    assert!(xml.contains("Kytice &lt;&amp;&gt; Ž"));
}

#[tokio::test]
async fn methods_forms_and_compression_are_those_of_http() {
    let provider = provider();
    let list = "verb=ListRecords&metadataPrefix=oai_dc";
    let ask = async |method: Method, query: &str, accept: &str, media: &str, body: &str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://x.org/oai?{query}"))
            .header("accept-encoding", accept)
            .header("content-type", media)
            .body(body.to_owned())
            .unwrap();
        provider.handle(&request).await
    };
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    let got = ask(Method::GET, list, "", "", "").await;
    let posted = ask(Method::POST, "", "gzip;q=0, *", form, list).await;
    assert!(!posted.headers().contains_key("content-encoding"));
    assert_eq!(page(std::str::from_utf8(posted.body()).unwrap()).items.len(), 3);
    let both = ask(Method::POST, "verb=ListRecords", "", form, list).await;
    assert!(String::from_utf8_lossy(both.body()).contains("badVerb"));
    let headed = ask(Method::HEAD, list, "", "", "").await;
    assert!(headed.body().is_empty());
    assert_eq!(headed.headers()["content-length"], got.body().len().to_string());
    let packed = ask(Method::GET, list, "br, gzip;q=0.5", "", "").await;
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut GzDecoder::new(packed.body().as_slice()), &mut text)
        .unwrap();
    assert_eq!(page(&text).items.len(), 3);
    let status = |response: http::Response<Vec<u8>>| response.status();
    assert_eq!(status(ask(Method::OPTIONS, "", "", "", "").await), StatusCode::NO_CONTENT);
    assert_eq!(status(ask(Method::PUT, "", "", "", "").await), StatusCode::METHOD_NOT_ALLOWED);
    let json = ask(Method::POST, "", "", "application/json", "{}").await;
    assert_eq!(status(json), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn descriptions_are_read_as_they_were_written() {
    let mut branding = Branding::default();
    branding.icon = Some("http://x.org/i.png?a&b".to_owned());
    branding.title = Some("<Ž>".to_owned());
    branding.renderings = vec![("urn:m".to_owned(), "http://x.org/m.xsl".to_owned())];
    let mut rights = RightsManifest::default();
    rights.applies_to = Some("http://www.openarchives.org/OAI/2.0/entity#metadata".to_owned());
    rights.references = vec!["http://x.org/cc0".to_owned()];
    let containers = [
        Container::OaiIdentifier(OaiIdentifier::new("x.org", "oai:x.org:1")),
        Container::Friends(vec!["http://y.org/oai?a&b".to_owned()]),
        Container::Branding(branding),
        Container::Rights(rights),
    ];
    let mut identify = identify();
    for container in containers.clone() {
        identify.descriptions.push(Description::try_from(container).unwrap());
    }
    let xml = Provider::new(repository(identify), KEY).unwrap();
    let xml = xml.answer("verb=Identify").await.unwrap();
    let read = Parser::new().mode(Mode::Strict).identify(xml.into_bytes(), None).unwrap().body;
    let read: Vec<_> = read.descriptions.into_iter().map(|it| it.container).collect();
    assert_eq!(read, containers);
    assert!(Description::try_from(Container::Other).is_err());
}

#[tokio::test]
async fn a_folder_is_a_repository_that_notices_what_happens_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("a/b ž")).unwrap();
    for name in ["1.xml", "a/2.xml", "a/b ž/3.xml", "a/.hidden.xml", "a/notes.txt"] {
        std::fs::write(path(name), DC).unwrap();
    }
    std::fs::write(path("broken.xml"), "<a>").unwrap();
    let formats = [MetadataFormat::oai_dc()];
    let (repository, found) = FolderRepository::open(folder.path(), identify(), formats).unwrap();
    assert_eq!((found.changed, found.refused.len()), (3, 1));
    let repository = std::sync::Arc::new(repository);
    let provider = Provider::new(std::sync::Arc::clone(&repository), KEY).unwrap();
    let xml = provider.answer("verb=ListSets").await.unwrap();
    assert!(xml.contains("<setSpec>a:b~20~C5~BE</setSpec>"));
    let get = "verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:x.org:a/b%2520%25C5%25BE/3";
    assert!(codes(&provider, get).await.is_empty());

    std::fs::remove_file(path("1.xml")).unwrap();
    std::fs::write(path("a/2.xml"), DC.replace("<a/>", "<a>new</a>")).unwrap();
    let noticed = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let found = repository.refresh(noticed).unwrap();
    assert_eq!((found.changed, found.deleted), (1, 1));
    let from = Datestamp::second(noticed);
    let list = format!("verb=ListRecords&metadataPrefix=oai_dc&from={from}");
    let changed = page(&provider.answer(&list).await.unwrap()).items;
    let changed: Vec<_> = changed.into_iter().map(|it| it.unwrap().header).collect();
    assert_eq!(changed[0].identifier, "oai:x.org:1");
    assert_eq!(changed[1].identifier, "oai:x.org:a/2");
    assert_eq!((changed[0].is_deleted, changed[1].is_deleted), (true, false));
}
