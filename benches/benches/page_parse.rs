//! One 1 000-record page on one core: quick-xml alone, the peer, and us.
#![allow(missing_docs, reason = "criterion_main! writes an undocumented main")]

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use harvest_benches::Corpus;
use peer_oai_pmh::client::response::ListRecordsResponse;
use quick_xml::{NsReader, Reader, events::Event};

const RECORDS: u64 = 1_000;

/// Takes a page, gives the number of records in it; the time includes dropping what was made.
type Parse = fn(Vec<u8>) -> usize;

/// SLOT: `oai_pmh::parse`, metadata left as slices of the page.
///
/// `Some(|body| Parser::default().list_records(body, None).expect("a page").items.len())`
const OURS_RAW: Option<Parse> = None;

/// SLOT: the same with every record's metadata parsed as `oai_dc`.
const OURS_OAI_DC: Option<Parse> = None;

fn page_parse(criterion: &mut Criterion) {
    let page = Corpus::new(1).page(0..RECORDS);
    let mut group = criterion.benchmark_group("page_parse");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.sample_size(50).measurement_time(Duration::from_secs(5));

    group.bench_function("quick-xml/reader", |b| b.iter(|| tokenise(black_box(&page))));
    group.bench_function("quick-xml/ns-reader", |b| b.iter(|| resolve(black_box(&page))));
    for (name, parse) in [("ours/raw", OURS_RAW), ("ours/oai_dc", OURS_OAI_DC)] {
        let Some(parse) = parse else { continue };
        assert_eq!(parse(page.clone().into_bytes()) as u64, RECORDS, "{name}");
        group.bench_function(name, |b| {
            b.iter_batched(|| page.clone().into_bytes(), parse, BatchSize::PerIteration);
        });
    }
    assert_eq!(peer(&page) as u64, RECORDS);
    group.bench_function("peer/oai-pmh-0.5.1", |b| b.iter(|| peer(black_box(&page))));
    group.finish();
}

/// The text of the events is neither unescaped nor kept.
fn tokenise(page: &str) -> usize {
    let mut reader = Reader::from_str(page);
    let mut elements = 0;
    loop {
        match reader.read_event().expect("the corpus is well-formed") {
            Event::Start(start) => elements += black_box(start.name().as_ref()).len().min(1),
            Event::Eof => return elements,
            _ => {}
        }
    }
}

fn resolve(page: &str) -> usize {
    let mut reader = NsReader::from_str(page);
    let mut elements = 0;
    loop {
        match reader.read_event().expect("the corpus is well-formed") {
            Event::Start(start) => {
                let (namespace, name) = reader.resolver().resolve_element(start.name());
                black_box(namespace);
                elements += black_box(name.as_ref()).len().min(1);
            }
            Event::Eof => return elements,
            _ => {}
        }
    }
}

/// Metadata is kept as strings, unparsed.
fn peer(page: &str) -> usize {
    let response = ListRecordsResponse::new(page).expect("the token is not empty");
    response.payload.map_or(0, |list| list.record.len())
}

criterion_group!(benches, page_parse);
criterion_main!(benches);
