//! The checker: repositories with one fault each, and repositories with none.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result)]

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use oai_pmh::check::{Checker, Report, Rule, Severity};
use oai_pmh::provider::{MemoryRepository, Provider};
use oai_pmh::retry::{Backoff, Retrying};
use oai_pmh::transport::{Answer, Method, Payload, Request, Response, Transport};
use oai_pmh::{Datestamp, DeletedRecord, Granularity, Header, Identify, MetadataFormat, Record};

const BASE: &str = "http://x.example.org/oai";
const DC: &str = "<o:dc xmlns:o='http://www.openarchives.org/OAI/2.0/oai_dc/' \
                  xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>光</dc:title></o:dc>";

/// Twenty records, a day each, in sets `a`, `a:b` and `c`, every seventh deleted; half of them in
/// another format, too.
fn repository(identify: Identify) -> MemoryRepository {
    let granularity = identify.granularity;
    let other = MetadataFormat::new("other", "http://x.example.org/o.xsd", "urn:other");
    let repository = MemoryRepository::new(identify, [MetadataFormat::oai_dc(), other]);
    let stamp = |n: usize| -> Datestamp {
        let stamp: Datestamp = format!("2024-01-{:02}T12:00:00Z", n + 1).parse().unwrap();
        stamp.at(granularity)
    };
    for n in 0..20 {
        let set = ["a", "a:b", "c"][n % 3];
        let header = Header::new(format!("oai:x.example.org:{n}"), stamp(n)).sets([set]);
        if n % 2 == 0 {
            let record = Record::new(header.clone(), "<other xmlns='urn:other'/>").unwrap();
            repository.put("other", record).unwrap();
        }
        repository.put("oai_dc", Record::new(header, DC).unwrap()).unwrap();
    }
    for n in (0..20).step_by(7) {
        repository.delete(&format!("oai:x.example.org:{n}"), stamp(n));
    }
    repository
}

fn provider() -> Provider {
    let identify = Identify::new("Tests", BASE, "admin@x.example.org");
    Provider::new(repository(identify), b"a key of sixteen bytes or more").unwrap().page_records(6)
}

/// What was asked, and what is answered.
struct Exchange {
    query: String,
    is_post: bool,
    status: StatusCode,
    kind: &'static str,
    coding: Option<&'static str>,
    body: String,
}

impl Exchange {
    fn asks(&self, part: &str) -> bool {
        self.query.contains(part)
    }

    fn replace(&mut self, from: &str, to: &str) {
        self.body = self.body.replace(from, to);
    }

    /// Cuts out each piece between these two.
    fn cut(&mut self, from: &str, to: &str) {
        while let Some(start) = self.body.find(from) {
            let end = self.body[start..].find(to).unwrap() + start + to.len();
            self.body.replace_range(start..end, "");
        }
    }

    /// Removes the elements of this name in which something stands.
    fn remove(&mut self, name: &str, what: &str) {
        let end = format!("</{name}>");
        let mut body = String::new();
        for piece in self.body.split_inclusive(&end) {
            let start = piece.find(&format!("<{name}")).filter(|at| piece[*at..].contains(what));
            body += &piece[..start.unwrap_or(piece.len())];
        }
        self.body = body;
    }

    /// Answers with an error, whatever there was.
    fn refuse(&mut self, code: &str) {
        let verb = self.query.split(['=', '&']).nth(1).unwrap().to_owned();
        self.cut(&format!("<{verb}>"), &format!("</{verb}>"));
        self.replace("</OAI-PMH>", &format!("<error code=\"{code}\">no</error></OAI-PMH>"));
    }

    fn is_resumed(&self) -> bool {
        self.asks("resumptionToken=")
    }
}

type Fault = fn(&mut Exchange);
type Ask = fn(&str) -> String;

/// A provider with a fault, behind a transport.
#[derive(Clone)]
struct Faulty {
    provider: Arc<Provider>,
    /// Asked in the place of what was asked.
    ask: Ask,
    fault: Fault,
}

impl Faulty {
    fn new(provider: Provider) -> Self {
        Self { provider: Arc::new(provider), ask: str::to_owned, fault: |_| {} }
    }

    async fn check(self) -> Report {
        Checker::new(BASE.parse().unwrap(), self).run().await.unwrap()
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait]
impl Transport for Faulty {
    async fn send(&self, request: Request) -> resync_core::Result<Response> {
        let (query, is_post) = match &request.method {
            Method::PostForm(form) => (form.clone(), true),
            _ => (request.url.query().unwrap_or_default().to_owned(), false),
        };
        let mut http = http::Request::get(format!("/oai?{}", (self.ask)(&query)));
        if let Some(accepted) = request.headers.get(header::ACCEPT_ENCODING) {
            http = http.header(header::ACCEPT_ENCODING, accepted);
        }
        let answer = self.provider.handle(&http.body(Vec::new()).unwrap()).await;
        let (parts, body) = answer.into_parts();
        let mut headers = parts.headers;
        let body = match String::from_utf8(body) {
            Ok(body) => {
                let kind = "text/xml; charset=utf-8";
                let status = parts.status;
                let mut exchange = Exchange { query, is_post, status, kind, coding: None, body };
                (self.fault)(&mut exchange);
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(exchange.kind));
                if let Some(coding) = exchange.coding {
                    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
                }
                let body = exchange.body.into_bytes();
                return Ok(Answer::new(
                    exchange.status,
                    headers,
                    request.url,
                    Payload::Memory(body),
                )
                .into());
            }
            // Compressed; only its header is looked at.
            Err(packed) => packed.into_bytes(),
        };
        Ok(Answer::new(parts.status, headers, request.url, Payload::Memory(body)).into())
    }
}

/// A line for each rule.
fn told(report: &Report) -> String {
    let mut rules = BTreeSet::new();
    let first = report.findings.iter().filter(|finding| rules.insert(finding.rule));
    first.map(|finding| format!("    {finding}\n")).collect()
}

fn broken(report: &Report) -> BTreeSet<Rule> {
    report.counts().map(|(rule, _)| rule).collect()
}

#[tokio::test]
async fn nothing_is_found_in_our_own_provider() {
    for (policy, granularity, page) in [
        (DeletedRecord::Persistent, Granularity::Second, 6),
        (DeletedRecord::Transient, Granularity::Day, 7),
        (DeletedRecord::No, Granularity::Second, 100),
        (DeletedRecord::No, Granularity::Day, 1),
    ] {
        let mut identify = Identify::new("Tests", BASE, "admin@x.example.org");
        identify.deleted_record = policy;
        identify.granularity = granularity;
        let provider = Provider::new(repository(identify), b"a key of sixteen bytes or more");
        let report = Faulty::new(provider.unwrap().page_records(page)).check().await;
        assert_eq!(told(&report), "", "{policy:?} {granularity} {page}");
        assert!(report.requests > 40 && report.is_conformant());
    }
}

#[tokio::test]
async fn nothing_is_found_in_a_repository_without_sets_or_without_records() {
    let identify = Identify::new("Tests", BASE, "admin@x.example.org");
    let empty = MemoryRepository::new(identify, [MetadataFormat::oai_dc()]);
    let provider = |it: &MemoryRepository| {
        Provider::new(it.clone(), b"a key of sixteen bytes or more").unwrap()
    };
    assert_eq!(told(&Faulty::new(provider(&empty)).check().await), "");
    let stamp: Datestamp = "2024-01-01T12:00:00Z".parse().unwrap();
    let record = Record::new(Header::new("oai:x.example.org:1", stamp), DC).unwrap();
    empty.put("oai_dc", record).unwrap();
    assert_eq!(told(&Faulty::new(provider(&empty)).check().await), "");
}

/// Faults in what is answered.
#[rustfmt::skip]
const FAULTS: &[(Rule, Fault)] = &[
    (Rule::HttpStatus, |it| if it.body.contains("<error") { it.status = StatusCode::BAD_REQUEST }),
    (Rule::ContentType, |it| it.kind = "application/xml"),
    (Rule::Post, |it| if it.is_post { it.refuse("noRecordsMatch") }),
    (Rule::XmlDeclaration, |it| it.cut("<?xml", "?>")),
    (Rule::XmlCharacter, |it| if it.asks("ListRecords") { it.replace("光", "光\u{8}") }),
    (Rule::SchemaLocation, |it| it.replace("OAI-PMH.xsd", "OAI.xsd")),
    (Rule::SchemaUnknown, |it| it.replace("</Identify>", "<more/></Identify>")),
    (Rule::SchemaOrder, |it| { it.cut("<protocolVersion>", "</protocolVersion>"); it.replace("</granularity>", "</granularity><protocolVersion>2.0</protocolVersion>") }),
    (Rule::SchemaMissing, |it| it.cut("<repositoryName>", "</repositoryName>")),
    (Rule::SchemaRepeated, |it| it.replace("<protocolVersion>", "<protocolVersion>2.0</protocolVersion><protocolVersion>")),
    (Rule::ResponseDate, |it| it.replace("Z</responseDate>", ".123Z</responseDate>")),
    (Rule::RequestUrl, |it| it.replace("x.example.org/oai</request>", "localhost/oai</request>")),
    (Rule::RequestAttributes, |it| it.replace(" verb=\"GetRecord\"", "")),
    (Rule::IdentifyBaseUrl, |it| it.replace(BASE, "http://y.example.org/oai")),
    (Rule::IdentifyVersion, |it| it.replace(">2.0<", ">1.1<")),
    (Rule::IdentifyEmail, |it| it.replace("admin@x.example.org", "admin@localhost")),
    (Rule::IdentifyDeleted, |it| it.replace(">persistent<", ">Persistent<")),
    (Rule::FormatsNamespace, |it| it.replace("oai_dc/</metadataNamespace>", "dc/</metadataNamespace>")),
    (Rule::MetadataNamespace, |it| if it.asks("prefix=other") || it.asks("Prefix=other") { it.replace("urn:other", "urn:another") }),
    (Rule::OaiDcContent, |it| it.replace("dc:title", "dc:heading")),
    (Rule::SetAncestor, |it| it.replace("<set><setSpec>c<", "<set><setSpec>e:f</setSpec><setName>x</setName></set><set><setSpec>c<")),
    (Rule::SetUnlisted, |it| it.replace("<set><setSpec>c</setSpec>", "<set><setSpec>d</setSpec>")),
    (Rule::DatestampEarly, |it| it.replace("<earliestDatestamp>2024-01-01", "<earliestDatestamp>2024-01-09")),
    (Rule::DeletedPolicy, |it| it.replace(">persistent<", ">no<")),
    (Rule::HeaderDiffers, |it| if it.asks("GetRecord") { it.replace("T12:00:00Z</datestamp>", "T12:00:01Z</datestamp>") }),
    (Rule::TokenEnd, |it| if it.is_resumed() && it.body.contains("\"></resumptionToken>") { it.cut("<resumptionToken", "</resumptionToken>") }),
    (Rule::XmlDoctype, |it| it.replace("<OAI-PMH", "<!DOCTYPE OAI-PMH><OAI-PMH")),
    (Rule::PaddedValue, |it| it.replace("<repositoryName>", "<repositoryName>\n")),
    (Rule::SchemaValue, |it| it.replace("cursor=\"6\"", "cursor=\"six\"")),
    (Rule::IdentifyGranularity, |it| it.replace("YYYY-MM-DDThh", "yyyy-mm-ddThh")),
    (Rule::IdentifyScheme, |it| it.replace("</Identify>", "<description><oai-identifier xmlns=\"http://www.openarchives.org/OAI/2.0/oai-identifier\"><scheme>oai</scheme><repositoryIdentifier>x</repositoryIdentifier><delimiter>:</delimiter><sampleIdentifier>oai:x:1</sampleIdentifier></oai-identifier></description></Identify>")),
    (Rule::FormatsRepeated, |it| it.replace(">other</metadataPrefix>", ">oai_dc</metadataPrefix>")),
    (Rule::SetRepeated, |it| it.replace("<set><setSpec>c<", "<set><setSpec>c</setSpec><setName>x</setName></set><set><setSpec>c<")),
    (Rule::SetSpec, |it| it.replace("<set><setSpec>c<", "<set><setSpec>e f</setSpec><setName>x</setName></set><set><setSpec>c<")),
    (Rule::TokenExpired, |it| it.replace("expirationDate=\"20", "expirationDate=\"19")),
    (Rule::TokenRejected, |it| if it.is_resumed() && !it.asks("junk") && !it.body.contains("<error") { it.refuse("badResumptionToken") }),
    (Rule::GetRecord, |it| if it.asks("verb=GetRecord") && it.body.contains("<GetRecord>") && !it.body.contains("deleted") { it.refuse("idDoesNotExist") }),
    (Rule::FormatsOfItem, |it| if it.asks("verb=ListMetadataFormats&identifier") && !it.body.contains("<error") { it.refuse("noMetadataFormats") }),
    (Rule::FormatsOaiDc, |it| if it.query == "verb=ListMetadataFormats" { it.replace("<metadataPrefix>oai_dc<", "<metadataPrefix>dc<") }),
    (Rule::IdentityEncoding, |it| if it.asks("verb=ListIdentifiers") { it.coding = Some("gzip") }),
    (Rule::XmlSyntax, |it| if it.asks("ListRecords") { it.replace("光", "a & b") }),
    (Rule::XmlEncoding, |it| it.replace("UTF-8", "ISO-8859-1")),
    (Rule::Namespace, |it| it.replace("<Identify>", "<Identify xmlns=\"urn:x\">")),
    (Rule::ErrorText, |it| { let kept = it.body.clone(); for part in kept.split("<error code=\"").skip(1) { let text = part.split(">").nth(1).unwrap().split('<').next().unwrap(); it.replace(&format!(">{text}</error>"), "></error>"); } }),
    (Rule::IdentifyEarliest, |it| it.replace("T12:00:00Z</earliestDatestamp>", "</earliestDatestamp>")),
    (Rule::TokenCursor, |it| it.replace("cursor=\"6\"", "cursor=\"1\"")),
    (Rule::TokenSize, |it| it.replace("completeListSize=\"20\"", "completeListSize=\"21\"")),
];

/// Faults of a repository whose lists are one page.
#[rustfmt::skip]
const ON_ONE_PAGE: &[(Rule, Fault)] = &[
    (Rule::DeletedDiffer, |it| if it.asks("ListRecords") { it.remove("record", "deleted") }),
    (Rule::DeletedDiffer, |it| if it.asks("GetRecord") && it.body.contains("deleted") { it.refuse("idDoesNotExist") }),
    (Rule::TokenEmpty, |it| it.replace("</ListSets>", "<resumptionToken/></ListSets>")),
    (Rule::OaiDcMissing, |it| if it.asks("oai_dc") { it.remove("record", ":2<"); it.remove("header", ":2<") }),
    (Rule::ListsDiffer, |it| if it.asks("verb=ListRecords&metadataPrefix=oai_dc") { it.remove("record", ":11<") }),
    (Rule::SetHierarchy, |it| if it.query.ends_with("set=a") { it.remove("header", ">a:b<") }),
    (Rule::SetIncomplete, |it| if it.asks("set=c") { it.remove("header", ":11<") }),
    (Rule::WindowIncomplete, |it| if it.asks("from=") { it.remove("header", ":15<") }),
    (Rule::FromEqualsUntil, |it| if it.asks("from=2024-01-11T") && it.asks("until=2024-01-11T") { it.refuse("noRecordsMatch") }),
    (Rule::FromInclusive, |it| if it.asks("from=2024-01-11T") && !it.asks("until") { it.remove("header", ":10<") }),
    (Rule::UntilInclusive, |it| if it.asks("until=2024-01-11T") && !it.asks("from") { it.remove("header", ":10<") }),
    (Rule::MetadataMissing, |it| if it.asks("ListRecords") && !it.asks("other") { it.cut("<metadata>", "</metadata>") }),
    (Rule::DatestampGranularity, |it| if it.asks("List") { it.replace("T12:00:00Z</datestamp>", ".5Z</datestamp>"); it.replace(".5Z</datestamp>", "T12:00:00.5Z</datestamp>") }),
];

/// Faults of understanding: another question is answered than was asked.
#[rustfmt::skip]
const MISUNDERSTOOD: &[(Rule, Ask)] = &[
    (Rule::ArgumentMissing, |query| match query {
        "verb=ListRecords" => format!("{query}&metadataPrefix=oai_dc"),
        _ => query.to_owned(),
    }),
    (Rule::ArgumentDate, |query| query.replace("&from=junk", "")),
    (Rule::UnknownIdentifier, |query| query.replace("nowhere.invalid%3Anone", "x.example.org%3A1")),
    (Rule::FromAfterUntil, |query| match query.split_once("&until=2024-01-09") {
        Some((list, _)) => list.to_owned(),
        None => query.to_owned(),
    }),
    (Rule::UntilEarly, |query| match query.split_once("&until=2023-") {
        Some((list, _)) => list.to_owned(),
        None => query.to_owned(),
    }),
    // A day is taken to be its first second.
    (Rule::DayGranularity, |query| match query.strip_suffix("&from=2024-01-11&until=2024-01-11") {
        Some(list) => format!("{list}&from=2024-01-11T00:00:00Z&until=2024-01-11T00:00:00Z"),
        None => query.to_owned(),
    }),
    (Rule::WindowOutside, |query| match query.split_once("&from=2024-01-11T") {
        Some((list, rest)) if !rest.contains("until") => list.to_owned(),
        _ => query.to_owned(),
    }),
    (Rule::TokenExclusive, |query| match query.contains("resumptionToken=") {
        true => query.replace("&metadataPrefix=oai_dc", ""),
        false => query.to_owned(),
    }),
    (Rule::TokenJunk, |query| match query.strip_suffix("resumptionToken=junk") {
        Some(list) => format!("{list}metadataPrefix=oai_dc"),
        None => query.to_owned(),
    }),
    (Rule::ArgumentRepeated, |query| query.replacen("&metadataPrefix=oai_dc&metadataPrefix=oai_dc", "&metadataPrefix=oai_dc", 1)),
    (Rule::ArgumentUnknown, |query| query.replace("&junk=1", "")),
    (Rule::BadVerb, |query| query.replace("verb=Identify&verb=Identify", "verb=Identify")),
    (Rule::GranularityMixed, |query| match query.split_once("&from=") {
        Some((list, rest)) if rest.starts_with("2024-01-11&until=2024-01-11T") => list.to_owned(),
        _ => query.to_owned(),
    }),
    (Rule::UnknownFormat, |query| query.replace("metadataPrefix=junk", "metadataPrefix=oai_dc")),
    (Rule::UnknownSet, |query| query.replace("&set=made-up.set", "")),
];

#[tokio::test]
async fn each_fault_is_found_by_its_rule_and_by_no_other() {
    let mut wrong = Vec::new();
    let paged = FAULTS.iter().map(|it| (it, provider()));
    let whole = ON_ONE_PAGE.iter().map(|it| (it, provider().page_records(100)));
    for (n, ((rule, fault), provider)) in paged.chain(whole).enumerate() {
        let report = Faulty { fault: *fault, ..Faulty::new(provider) }.check().await;
        if broken(&report) != BTreeSet::from([*rule]) {
            wrong.push(format!("{n}, {rule}:\n{}", told(&report)));
        }
    }
    for (rule, ask) in MISUNDERSTOOD {
        let report = Faulty { ask: *ask, ..Faulty::new(provider()) }.check().await;
        // The answer repeats the arguments of another question.
        let found = broken(&report).into_iter().filter(|rule| *rule != Rule::RequestAttributes);
        if found.collect::<Vec<_>>() != [*rule] {
            wrong.push(format!("{rule}:\n{}", told(&report)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_list_that_is_not_read_to_its_end_is_said_so() {
    let checker = Checker::new(BASE.parse().unwrap(), Faulty::new(provider()));
    let report = checker.records(6).samples(1).run().await.unwrap();
    assert!(report.count(Rule::Sampled) > 0, "{:#?}", report.findings);
    assert_eq!(report.total(Severity::Error) + report.total(Severity::Warning), 0);
}

#[tokio::test]
async fn without_an_answer_to_identify_nothing_is_checked() {
    let fault: Fault = |it| it.body = "<html><body>Welcome</body></html>".to_owned();
    let faulty = Faulty { fault, ..Faulty::new(provider()) };
    let error = Checker::new(BASE.parse().unwrap(), faulty).run().await.unwrap_err();
    assert_eq!(error.kind(), oai_pmh::ErrorKind::NotOai);
}

#[tokio::test]
async fn a_list_that_goes_in_circles_or_breaks_off_ends_the_list_and_not_the_check() {
    let ask: Ask = |query| match query.split_once("&resumptionToken=") {
        Some((verb, token)) if token != "junk" => format!("{verb}&metadataPrefix=oai_dc"),
        _ => query.to_owned(),
    };
    let report = Faulty { ask, ..Faulty::new(provider()) }.check().await;
    assert!(report.count(Rule::TokenRepeated) > 0, "{}", told(&report));

    let fault: Fault = |it| {
        if it.is_resumed() {
            it.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
    };
    let report = Faulty { fault, ..Faulty::new(provider()) }.check().await;
    for rule in [Rule::ListCut, Rule::NoAnswer] {
        assert!(report.count(rule) > 0, "{}", told(&report));
    }
    assert_eq!(report.count(Rule::ListsDiffer), 0, "{}", told(&report));
}

/// Busy at each first request of a list, without saying for how long.
#[derive(Debug)]
struct Busy(Faulty, Mutex<BTreeSet<String>>);

#[async_trait]
impl Transport for Busy {
    async fn send(&self, request: Request) -> resync_core::Result<Response> {
        let query = request.url.query().unwrap_or_default().to_owned();
        if query.contains("verb=ListSets") && self.1.lock().unwrap().insert(query) {
            let body = Payload::Memory(Vec::new());
            let busy = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(Answer::new(busy, HeaderMap::new(), request.url, body).into());
        }
        self.0.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_waited_for_and_is_to_say_for_how_long() {
    let busy = Busy(Faulty::new(provider()), Mutex::default());
    let patient = Retrying::new(busy, Backoff::default());
    let report = Checker::new(BASE.parse().unwrap(), patient).run().await.unwrap();
    assert_eq!(broken(&report), BTreeSet::from([Rule::RetryAfter]), "{}", told(&report));
}

/// A record is put into the repository once headers have been asked for.
#[tokio::test]
async fn what_changes_during_the_check_is_no_fault() {
    let identify = Identify::new("Tests", BASE, "admin@x.example.org");
    let repository = repository(identify);
    let provider = Provider::new(repository.clone(), b"a key of sixteen bytes or more").unwrap();
    let done = AtomicBool::new(false);
    let checker = Checker::new(BASE.parse().unwrap(), Faulty::new(provider.page_records(6)));
    let checker = checker.on_progress(move |report| {
        if report.pages > 4 && !done.swap(true, Ordering::SeqCst) {
            let header = Header::new("oai:x.example.org:1", chrono::Utc::now()).sets(["a"]);
            repository.put("oai_dc", Record::new(header, DC).unwrap()).unwrap();
            let header = Header::new("oai:x.example.org:new", chrono::Utc::now()).sets(["c"]);
            repository.put("oai_dc", Record::new(header, DC).unwrap()).unwrap();
        }
    });
    let report = checker.run().await.unwrap();
    assert!(report.is_conformant(), "{}", told(&report));
    assert_eq!(report.records, 21);
}
