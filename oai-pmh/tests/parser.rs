//! The page parser on documents as servers send them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use oai_pmh::parse::Parser;
use oai_pmh::xml::{IssueKind, Limits, Mode, ParseErrorKind};
use oai_pmh::{
    Container, DeletedRecord, ErrorCode, ErrorKind, Granularity, Header, NAMESPACE, Page, Record,
    Set,
};

fn list(verb: &str, content: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<OAI-PMH xmlns='{NAMESPACE}' \
         xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>\
         <responseDate>2024-01-31T12:00:00Z</responseDate>\
         <request verb='{verb}'>http://x.org/oai</request><{verb}>{content}</{verb}></OAI-PMH>"
    )
}

fn record(n: u32, metadata: &str) -> String {
    format!(
        "<record><header><identifier>oai:x:{n}</identifier><datestamp>2024-01-0{n}</datestamp>\
         <setSpec>a</setSpec><setSpec>a:b</setSpec></header><metadata>{metadata}</metadata></record>"
    )
}

fn dc(title: &str) -> String {
    format!("<dc:dc xmlns:dc='urn:dc'><dc:title>{title}</dc:title></dc:dc>")
}

fn read(body: &str) -> Page<Record> {
    Parser::new().page(body.into(), None).unwrap()
}

fn kinds<T>(page: &Page<T>) -> Vec<IssueKind> {
    page.issues.iter().map(|issue| issue.kind).collect()
}

fn identifiers(page: &Page<Record>) -> Vec<&str> {
    page.items.iter().flatten().map(|record| record.header.identifier.as_str()).collect()
}

#[test]
fn a_clean_page_is_read_without_an_issue_in_both_modes() {
    let content = record(1, &dc("Žluťoučký kůň &amp; 日本"))
        + &record(2, &dc("x"))
        + "<resumptionToken expirationDate='2024-02-01T00:00:00Z' completeListSize='7' \
           cursor='0'>a&amp;b</resumptionToken>";
    for mode in [Mode::Tolerant, Mode::Strict] {
        let page: Page<Record> =
            Parser::new().mode(mode).page(list("ListRecords", &content).into(), None).unwrap();
        assert!(page.issues.is_empty(), "{:?}", page.issues);
        assert!(page.is_last_part);
        assert_eq!(page.response_date.as_ref().unwrap().to_string(), "2024-01-31T12:00:00Z");
        let token = page.token.as_ref().unwrap();
        assert_eq!(
            (token.value.as_str(), token.complete_list_size, token.cursor),
            ("a&b", Some(7), Some(0))
        );
        assert_eq!(token.expiration_date.as_ref().unwrap().to_string(), "2024-02-01T00:00:00Z");
        let first = page.items[0].as_ref().unwrap();
        assert_eq!(first.header.identifier, "oai:x:1");
        assert_eq!(first.header.sets, ["a", "a:b"]);
        assert_eq!(first.header.datestamp.as_ref().unwrap().to_string(), "2024-01-01");
        assert_eq!(first.metadata.as_ref().unwrap().standalone(), dc("Žluťoučký kůň &amp; 日本"));
    }
}

#[test]
fn a_broken_record_costs_itself_and_no_other() {
    for broken in [
        "<dc:dc><dc:title>x</dc:tilte></dc:dc>",
        "<dc:dc><dc:title>x",
        "<dc:dc><dc:title>1 < 2</dc:title></dc:dc>",
        "<dc:dc><!-- x",
        "<dc:dc a='x>",
        "<record><leader>x</record><record></leader></record>",
    ] {
        let content = record(1, &dc("x"))
            + &record(2, broken)
            + &record(3, &dc("z"))
            + "<resumptionToken>next</resumptionToken>";
        let page = read(&list("ListRecords", &content));
        assert_eq!(identifiers(&page), ["oai:x:1", "oai:x:3"], "{broken}");
        let error = page.items[1].as_ref().unwrap_err();
        assert_eq!(error.identifier.as_deref(), Some("oai:x:2"), "{broken}");
        assert!(error.raw.starts_with("<record><header>"));
        assert_eq!(page.token.unwrap().value, "next");

        let strict = Parser::new().mode(Mode::Strict);
        assert!(strict.page::<Record>(list("ListRecords", &content).into(), None).is_err());
    }
}

#[test]
fn a_record_without_header_or_identifier_is_a_record_error() {
    let content = record(1, &dc("x"))
        + "<record><metadata><a/></metadata></record>\
           <record><header><datestamp>2024-01-01</datestamp></header></record>"
        + &record(2, &dc("y"));
    let page = read(&list("ListRecords", &content));
    assert_eq!(identifiers(&page), ["oai:x:1", "oai:x:2"]);
    assert_eq!(page.items.iter().filter(|item| item.is_err()).count(), 2);
}

#[test]
fn a_truncated_page_is_never_read_as_complete() {
    let whole = list("ListRecords", &(record(1, &dc("x")) + &record(2, &dc("y"))));
    for cut in 0..whole.len() {
        let error = Parser::new().page::<Record>(whole[..cut].into(), None).unwrap_err();
        assert!(error.is_transient() || error.kind() == ErrorKind::NotOai, "{cut}: {error}");
    }
}

#[test]
fn metadata_is_standalone_with_the_bindings_it_uses() {
    let body = format!(
        "<o:OAI-PMH xmlns:o='{NAMESPACE}' xmlns:dc='urn:dc' xmlns:un='urn:used'><o:ListRecords>\
         <o:record xmlns:in='urn:in'><o:header status='deleted'><o:identifier> x </o:identifier>\
         <o:datestamp>2024-01-01T00:00:00.5Z</o:datestamp></o:header></o:record>\
         <o:record xmlns:in='urn:in'><o:header><o:identifier>y</o:identifier></o:header>\
         <o:metadata><dc:dc><in:x/><plain/></dc:dc></o:metadata>\
         <o:about><a/></o:about><o:about><b/></o:about></o:record></o:ListRecords></o:OAI-PMH>"
    );
    let page = read(&body);
    let [deleted, alive] = [0, 1].map(|n| page.items[n].as_ref().unwrap());
    assert!(deleted.header.is_deleted);
    assert_eq!(deleted.header.identifier, "x");
    assert_eq!(
        alive.metadata.as_ref().unwrap().standalone(),
        "<dc:dc xmlns:dc=\"urn:dc\" xmlns:in=\"urn:in\"><in:x/><plain/></dc:dc>"
    );
    assert_eq!(alive.abouts.len(), 2);
    assert_eq!(kinds(&page), [IssueKind::IllegalValue]);
    assert_eq!(page.issues.iter().next().unwrap().record.as_deref(), Some("x"));
}

#[test]
fn metadata_in_the_default_namespace_keeps_it() {
    let page = read(&list("ListRecords", &record(1, "<dc><title/></dc>")));
    let metadata = page.items[0].as_ref().unwrap().metadata.as_ref().unwrap().standalone();
    assert_eq!(metadata, format!("<dc xmlns=\"{NAMESPACE}\"><title/></dc>"));
}

#[test]
fn two_elements_in_metadata_are_both_kept() {
    let page =
        read(&list("ListRecords", &record(1, "<a:x xmlns:a='urn:a'/><a:y xmlns:a='urn:a'/>")));
    let metadata = page.items[0].as_ref().unwrap().metadata.as_ref().unwrap().standalone();
    assert!(metadata.starts_with("<metadata xmlns=") && metadata.contains("<a:y"), "{metadata}");
    assert_eq!(kinds(&page), [IssueKind::RepeatedElement]);
}

#[test]
fn a_repository_without_the_namespace_is_understood_and_reported_once() {
    let body = list("ListRecords", &(record(1, &dc("x")) + &record(2, &dc("y"))))
        .replace(&format!("xmlns='{NAMESPACE}'"), "");
    assert_eq!(kinds(&read(&body)), [IssueKind::WrongNamespace]);
    let strict = Parser::new().mode(Mode::Strict);
    assert!(strict.page::<Record>(body.into(), None).is_err());
}

#[test]
fn errors_are_typed_and_all_reported() {
    let body = |errors: &str| format!("<OAI-PMH xmlns='{NAMESPACE}'>{errors}</OAI-PMH>");
    let two = body("<error code='badArgument'>a</error><error code='badVerb'/>");
    let error = Parser::new().page::<Record>(two.into(), None).unwrap_err();
    let codes: Vec<_> = error.oai_errors().iter().map(|error| &error.code).collect();
    assert_eq!(codes, [&ErrorCode::BadArgument, &ErrorCode::BadVerb]);
    let other = body("<error code='InternalException'/>");
    let error = Parser::new().page::<Record>(other.into(), None).unwrap_err();
    assert!(error.has_code(&ErrorCode::Other("InternalException".into())));

    let nothing = body("<error code='noRecordsMatch'/>");
    let page: Page<Record> = Parser::new().page(nothing.clone().into(), None).unwrap();
    assert!(page.items.is_empty() && page.token.is_none());
    assert!(Parser::new().page::<Set>(nothing.into(), None).is_err());
    let flat = body("<error code='noSetHierarchy'/>");
    assert!(Parser::new().page::<Set>(flat.into(), None).unwrap().items.is_empty());
}

#[test]
fn what_is_not_oai_pmh_is_never_an_empty_list() {
    for body in ["<html><body>hello<br></body></html>", "<rss/>", "Rate exceeded.", "", "{}"] {
        assert!(Parser::new().page::<Record>(body.into(), None).is_err(), "{body}");
    }
    let wrong_verb = list("ListIdentifiers", "");
    let error = Parser::new().page::<Record>(wrong_verb.into(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotOai);
    let empty = format!("<OAI-PMH xmlns='{NAMESPACE}'/>");
    assert!(Parser::new().page::<Record>(empty.into(), None).is_err());
}

#[test]
fn an_attacker_gets_no_entities_no_depth_and_no_endless_record() {
    let bomb = list("ListRecords", "")
        .replace("<OAI-PMH", "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><OAI-PMH");
    let error = Parser::new().page::<Record>(bomb.into(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Parse(ParseErrorKind::Doctype));

    let deep = record(1, &"<a>".repeat(100_000)) + &record(2, &dc("x"));
    let page = read(&list("ListRecords", &deep));
    assert_eq!(identifiers(&page), ["oai:x:2"]);

    let mut limits = Limits::default();
    limits.records = 2;
    let three: String = (1..4).map(|n| record(n, &dc("x"))).collect();
    let result =
        Parser::new().limits(limits).page::<Record>(list("ListRecords", &three).into(), None);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Parse(ParseErrorKind::Limit));
}

#[test]
fn a_page_read_in_parts_is_the_page_read_whole() {
    let mut content = String::new();
    for n in 1..3000 {
        content += &record(n % 9 + 1, &dc(&"日本語 čeština ".repeat(n as usize % 90)));
        if n % 500 == 0 {
            content += &record(1, "<a><b></a>");
        }
    }
    content += "<resumptionToken>t</resumptionToken>";
    let body = list("ListRecords", &content) + "\n<b>Notice</b>";
    let whole = read(&body);

    let mut parts = Parser::new().parts::<Record, _>(body.as_bytes(), None);
    let mut items = Vec::new();
    let mut last = None;
    while let Some(part) = parts.next_part().unwrap() {
        assert!(last.is_none());
        items.extend(part.items);
        if part.is_last_part {
            last = Some((part.token, part.part));
        }
    }
    assert_eq!(items, whole.items);
    let (token, part) = last.unwrap();
    assert_eq!(token, whole.token);
    assert!(part > 2, "{part} parts of {} bytes", body.len());
}

#[test]
fn headers_and_sets_are_read_as_records_are() {
    let content = "<header><identifier>a</identifier><datestamp>x</datestamp></header>\
                   <header status='deleted'><identifier>b</identifier></header>";
    let page: Page<Header> =
        Parser::new().page(list("ListIdentifiers", content).into(), None).unwrap();
    assert_eq!(page.items[0].as_ref().unwrap().datestamp, None);
    assert!(page.items[1].as_ref().unwrap().is_deleted);
    assert_eq!(kinds(&page), [IssueKind::IllegalValue]);

    let content = "<set><setSpec>a b</setSpec><setName>N</setName><setDescription>\
                   <x xmlns='urn:x'/></setDescription></set>";
    let page: Page<Set> = Parser::new().page(list("ListSets", content).into(), None).unwrap();
    let set = page.items[0].as_ref().unwrap();
    assert_eq!((set.spec.as_str(), set.name.as_str()), ("a b", "N"));
    assert_eq!(set.descriptions[0].container, Container::Other);
    assert_eq!(kinds(&page), [IssueKind::IllegalValue]);
}

#[test]
fn identify_is_typed_and_its_gaps_are_filled_in_the_open() {
    let body = |content: &str| {
        format!("<OAI-PMH xmlns='{NAMESPACE}'><Identify>{content}</Identify></OAI-PMH>")
    };
    let full = body(
        "<repositoryName>R</repositoryName><baseURL>http://x.org/oai</baseURL>\
         <protocolVersion>2.0</protocolVersion><adminEmail>a@x.org</adminEmail>\
         <adminEmail>b@x.org</adminEmail><earliestDatestamp>1990-01-01</earliestDatestamp>\
         <deletedRecord>persistent</deletedRecord><granularity>YYYY-MM-DD</granularity>\
         <compression>gzip</compression><description>\
         <oai-identifier xmlns='http://www.openarchives.org/OAI/2.0/oai-identifier'>\
         <scheme>oai</scheme><repositoryIdentifier>x.org</repositoryIdentifier>\
         <delimiter>:</delimiter><sampleIdentifier>oai:x.org:1</sampleIdentifier></oai-identifier>\
         </description><description><friends xmlns='http://www.openarchives.org/OAI/2.0/friends/'>\
         <baseURL>http://y.org/oai</baseURL></friends></description>\
         <description><rightsManifest xmlns='http://www.openarchives.org/OAI/2.0/rights/' \
         appliesTo='http://www.openarchives.org/OAI/2.0/entity#metadata'><rights>\
         <rightsReference ref='http://cc.org/0'/></rights></rightsManifest></description>\
         <description><toolkit xmlns='urn:t'/></description>",
    );
    let reply = Parser::new().mode(Mode::Strict).identify(full.into(), None).unwrap();
    let identify = reply.body;
    assert_eq!(identify.admin_emails.len(), 2);
    assert_eq!(identify.granularity, Granularity::Day);
    assert_eq!(identify.deleted_record, DeletedRecord::Persistent);
    let containers: Vec<_> = identify.descriptions.iter().map(|d| &d.container).collect();
    assert!(
        matches!(containers[0], Container::OaiIdentifier(id) if id.repository_identifier == "x.org")
    );
    assert!(matches!(containers[1], Container::Friends(urls) if urls == &["http://y.org/oai"]));
    assert!(matches!(containers[2], Container::Rights(r) if r.references == ["http://cc.org/0"]));
    assert_eq!(*containers[3], Container::Other);
    assert!(identify.descriptions[3].raw.standalone().contains("urn:t"));

    let sparse = body(
        "<repositoryName>R</repositoryName><baseURL>u</baseURL><protocolVersion>2.0</protocolVersion>\
         <earliestDatestamp>1990-01-01T00:00:00Z</earliestDatestamp><deletedRecord>No</deletedRecord>",
    );
    let reply = Parser::new().identify(sparse.into(), None).unwrap();
    assert_eq!(reply.body.granularity, Granularity::Second);
    assert_eq!(reply.issues.total(), 2);
}
