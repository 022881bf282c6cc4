//! Filters and parsers on one core: quick-xml alone, and us, taken in turns, by the time the thread has
//! the processor, so that the ratios hold on a machine whose speed drifts. Each way reads the same
//! 1 000 records, one document a record; quick-xml has them in one document.
//!
//! Given names of formats (`oai_dc`, `marc21`, `jpcoar`, `eml`), it measures these only.
#![allow(missing_docs, clippy::print_stdout, reason = "a program that prints a table")]

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use harvest_benches::{Corpus, metadata};
use harvest_pipeline::filters::{FilterSet, FilterSets, Match};
use harvest_pipeline::parsers::{ByFormat, DublinCore};
use harvest_pipeline::{Candidate, Decision, Filter, Item, Keys, Parser, Payload};
use oai_pmh::Record;
use quick_xml::{NsReader, events::Event};

#[path = "clock/mod.rs"]
mod clock;

use clock::Clock;

const RECORDS: u64 = 1_000;
const ROUNDS: usize = 40;

/// Hold of every record of the generators, so that all are asked and nothing is left out.
const ABOUT_BIBLIOGRAPHIC: [&str; 5] = [
    "title not contains lorem",
    "creator not starts-with zzz",
    "subject not equals astrology",
    "identifier exists",
    "language matches ^(en|cs|j)",
];
const ABOUT_MARC: [&str; 5] = [
    "245a not contains lorem",
    "100a not starts-with zzz",
    "650a not equals astrology",
    "020a exists",
    "041a matches ^(cze|eng)$",
];

fn main() {
    // Cargo gives `--bench`.
    let named: Vec<_> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let is_asked = |format: &str| named.is_empty() || named.iter().any(|it| it == format);
    if is_asked("oai_dc") {
        compare("oai_dc", &oai_dc(), &DublinCore, &filter(ABOUT_BIBLIOGRAPHIC));
    }
    let others: [(&str, &str, metadata::Document, _); 3] = [
        ("marc21", "marc21", metadata::marc, ABOUT_MARC),
        ("jpcoar", "jpcoar_2.0", metadata::jpcoar, ABOUT_BIBLIOGRAPHIC),
        ("eml", "eml", metadata::eml, ABOUT_BIBLIOGRAPHIC),
    ];
    for (name, format, make, about) in others {
        if is_asked(name) {
            let bodies = (0..RECORDS).map(|index| make(1, index)).collect();
            compare(name, &items(format, bodies), &ByFormat::new(), &filter(about));
        }
    }
}

fn filter(expressions: [&str; 5]) -> FilterSets {
    let expressions = expressions.map(|text| text.parse().expect("an expression"));
    FilterSets::new([FilterSet::new("all", Match::All, expressions).expect("a filter set")])
}

/// The metadata of a page, as a harvest has it.
fn oai_dc() -> Vec<Item> {
    let page = Corpus::new(1).page(0..RECORDS + RECORDS / 10).into_bytes();
    let page = oai_pmh::parse::Parser::new().page::<Record>(page, None).expect("a page");
    let records = page.items.iter().flatten();
    let metadata = records.filter_map(|record| record.metadata.as_ref());
    let bodies = metadata.map(|metadata| metadata.standalone().into_owned());
    items("oai_dc", bodies.take(RECORDS as usize).collect())
}

fn items(format: &str, bodies: Vec<String>) -> Vec<Item> {
    let item = |(n, body)| Item::put(format!("oai:bench:{n}"), Payload::new(format, body));
    bodies.into_iter().enumerate().map(item).collect()
}

/// Goes over the items in each of the ways, and prints how fast that was.
fn compare<P: Parser>(format: &str, items: &[Item], parser: &P, filter: &FilterSets) {
    let wanted = filter.keys();
    let bodies: String = items.iter().filter_map(Item::payload).map(|it| &*it.body).collect();
    let whole = format!("<records>{bodies}</records>");
    let ways: [(&str, &dyn Fn() -> usize); 3] = [
        ("quick-xml ns-reader", &|| resolve(&whole)),
        ("ours parse", &|| items.iter().map(|item| parse(item, parser)).sum()),
        ("ours filter + parse", &|| {
            items.iter().map(|item| filter_and_parse(item, filter, &wanted, parser)).sum()
        }),
    ];
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((name, run), times) in ways.iter().zip(&mut times) {
            let start = Clock::now();
            let records = black_box(run());
            times.push(start.elapsed());
            assert_eq!(records, items.len(), "{format}, {name}");
        }
    }
    let medians: Vec<Duration> = times
        .iter_mut()
        .map(|times| {
            times.sort();
            times[ROUNDS / 2]
        })
        .collect();
    let what = format!("{format}, {} bytes", bodies.len() / items.len());
    println!("{what:<22}{:>10}{:>12}{:>14}", "MB/s", "records/s", "of ns-reader");
    for ((name, _), median) in ways.iter().zip(&medians) {
        let seconds = median.as_secs_f64();
        let (speed, rate) = (bodies.len() as f64 / seconds / 1e6, items.len() as f64 / seconds);
        let of = medians[0].as_secs_f64() / seconds;
        println!("{name:<22}{speed:>10.0}{rate:>12.0}{of:>14.2}");
    }
}

/// Names are resolved; attributes and text are neither read nor kept. How many children of the
/// root element there are.
fn resolve(document: &str) -> usize {
    let mut reader = NsReader::from_str(document);
    let (mut depth, mut children) = (0_usize, 0);
    loop {
        match reader.read_event().expect("the documents are well-formed") {
            Event::Start(start) => {
                let (namespace, name) = reader.resolver().resolve_element(start.name());
                black_box((namespace, name));
                depth += 1;
                children += usize::from(depth == 2);
            }
            Event::Empty(start) => {
                black_box(reader.resolver().resolve_element(start.name()));
            }
            Event::End(_) => depth -= 1,
            Event::Eof => return children,
            _ => {}
        }
    }
}

fn parse<P: Parser>(item: &Item, parser: &P) -> usize {
    let payload = item.payload().expect("it was put");
    usize::from(black_box(parser.parse(item, payload)).expect("it can be read").issues.is_empty())
}

/// As the pipeline does it.
fn filter_and_parse<P: Parser>(
    item: &Item,
    filter: &FilterSets,
    wanted: &Keys,
    parser: &P,
) -> usize {
    let payload = item.payload().expect("it was put");
    let early = Cell::new(None);
    let extract = || {
        let preview = parser.fields(item, payload, wanted)?;
        early.set(preview.parsed);
        Ok(preview.fields)
    };
    let decision = filter.decide(&Candidate::new(item, None, &extract)).expect("it can be read");
    assert_eq!(decision, Decision::Accept);
    match early.take() {
        Some(parsed) => usize::from(black_box(parsed).issues.is_empty()),
        None => parse(item, parser),
    }
}
