//! Pages of 1 000 records, provided from memory on one core.
#![allow(missing_docs, reason = "criterion_main! writes an undocumented main")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt;
use harvest_benches::Corpus;
use oai_pmh::parse::Parser;
use oai_pmh::provider::{MemoryRepository, Provider};
use oai_pmh::{Identify, MetadataFormat, Record};

const RECORDS: u64 = 20_000;
const PAGE: usize = 1_000;

fn provider() -> Provider {
    let identify = Identify::new("bench", "http://bench.example.org/oai", "admin@example.org");
    let repository = MemoryRepository::new(identify, [MetadataFormat::oai_dc()]);
    let page = Corpus::new(1).page(0..RECORDS).into_bytes();
    let page = Parser::new().page::<Record>(page, None).expect("the corpus can be read");
    for record in page.items {
        repository.put("oai_dc", record.expect("it can be read")).expect("there is the format");
    }
    let provider = Provider::new(repository, b"a key of sixteen bytes or more").expect("a key");
    provider.page_records(PAGE).page_bytes(usize::MAX)
}

/// Follows the list to its end; how many records came.
fn walk(provider: &Provider, verb: &str) -> u64 {
    let mut query = format!("verb={verb}&metadataPrefix=oai_dc");
    let mut pages = 0;
    loop {
        let answer = provider.answer(&query).now_or_never().expect("memory does not wait");
        let answer = black_box(answer.expect("it answers"));
        pages += 1;
        let end = answer.rfind("</resumptionToken>").expect("a list of many pages");
        let start = answer[..end].rfind('>').map_or(0, |at| at + 1);
        if start == end {
            return pages * PAGE as u64;
        }
        query = format!("verb={verb}&resumptionToken={}", &answer[start..end]);
    }
}

fn provide(criterion: &mut Criterion) {
    let provider = provider();
    let mut group = criterion.benchmark_group("provide");
    group.throughput(Throughput::Elements(RECORDS));
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    for verb in ["ListRecords", "ListIdentifiers"] {
        assert_eq!(walk(&provider, verb), RECORDS);
        group.bench_function(verb, |b| b.iter(|| walk(&provider, verb)));
    }
    group.finish();
}

criterion_group!(benches, provide);
criterion_main!(benches);
