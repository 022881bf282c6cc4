//! One 1 000-record page on one core: quick-xml alone, the peer, and us.
#![allow(missing_docs, reason = "criterion_main! writes an undocumented main")]

use std::{hint::black_box, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use harvest_benches::Corpus;

#[path = "parses/mod.rs"]
mod parses;

const RECORDS: u64 = 1_000;

fn page_parse(criterion: &mut Criterion) {
    let page = Corpus::new(1).page(0..RECORDS);
    let mut group = criterion.benchmark_group("page_parse");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.sample_size(50).measurement_time(Duration::from_secs(5));

    group.bench_function("quick-xml/reader", |b| b.iter(|| parses::tokenise(black_box(&page))));
    group.bench_function("quick-xml/ns-reader", |b| b.iter(|| parses::resolve(black_box(&page))));
    for (name, parse) in [("ours/raw", parses::raw as fn(_) -> _), ("ours/oai_dc", parses::oai_dc)]
    {
        assert_eq!(parse(page.clone().into_bytes()) as u64, RECORDS, "{name}");
        group.bench_function(name, |b| {
            b.iter_batched(|| page.clone().into_bytes(), parse, BatchSize::PerIteration);
        });
    }
    assert_eq!(parses::peer(&page) as u64, RECORDS);
    group.bench_function("peer/oai-pmh-0.5.1", |b| b.iter(|| parses::peer(black_box(&page))));
    group.finish();
}

criterion_group!(benches, page_parse);
criterion_main!(benches);
