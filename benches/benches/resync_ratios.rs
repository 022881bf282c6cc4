//! Resource lists on one core: quick-xml alone, and us, taken in turns, so that the ratios hold on
//! a machine whose speed drifts. First one list of 50 000 entries, then an index of twenty of them.
#![allow(missing_docs, clippy::print_stdout, reason = "a program that prints a table")]

use std::{hint::black_box, time::Duration};

use harvest_benches::Resources;
use quick_xml::{NsReader, events::Event};
use resync_core::document::Reader;

#[path = "clock/mod.rs"]
mod clock;

use clock::Clock;

const ENTRIES: u64 = 50_000;
const LISTS: u64 = 20;

/// Each gives the number of entries, so that it has to be done.
type Way<'a> = (&'a str, &'a dyn Fn(&[u8]) -> usize);

fn main() {
    let source = Resources::new(1, 2_048);
    let list = source.list(0..ENTRIES).into_bytes();
    // The first is what the others are compared with.
    let ways: &[Way<'_>] =
        &[("quick-xml ns-reader", &resolve), ("ours borrowed", &borrowed), ("ours owned", &owned)];
    compare("one list", ways, &[list], 40);

    let lists = (0..LISTS).map(|n| source.list(n * ENTRIES..(n + 1) * ENTRIES).into_bytes());
    compare("an index of 20", ways, &std::iter::once(index()).chain(lists).collect::<Vec<_>>(), 5);
}

/// A list of the lists.
fn index() -> Vec<u8> {
    let mut index = String::from(
        "<sitemapindex xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\"\n\
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\">\n\
         <rs:md capability=\"resourcelist\" at=\"2024-01-01T00:00:00Z\"/>\n",
    );
    for n in 0..LISTS {
        index +=
            &format!("<sitemap><loc>http://bench.example/resourcelist-{n}.xml</loc></sitemap>\n");
    }
    (index + "</sitemapindex>\n").into_bytes()
}

/// Reads the documents one after the other in each of the ways, and prints how fast that was.
fn compare(what: &str, ways: &[Way<'_>], documents: &[Vec<u8>], rounds: usize) {
    let bytes: usize = documents.iter().map(Vec::len).sum();
    let mut times = vec![Vec::with_capacity(rounds); ways.len()];
    let mut entries = 0;
    for _ in 0..rounds {
        for ((_, run), times) in ways.iter().zip(&mut times) {
            let start = Clock::now();
            let read = documents.iter().map(|document| run(black_box(document))).sum();
            times.push(start.elapsed());
            assert!(entries == 0 || entries == read, "{what}: {entries} entries, and {read}");
            entries = read;
        }
    }
    let medians: Vec<Duration> = times
        .iter_mut()
        .map(|times| {
            times.sort();
            times[rounds / 2]
        })
        .collect();
    println!("{what:<22}{:>10}{:>14}{:>10}{:>14}", "MB/s", "entries/s", "s", "of ns-reader");
    for ((name, _), median) in ways.iter().zip(&medians) {
        let seconds = median.as_secs_f64();
        let speed = bytes as f64 / seconds / 1e6;
        let rate = entries as f64 / seconds;
        let of = medians[0].as_secs_f64() / seconds;
        println!("{name:<22}{speed:>10.0}{rate:>14.0}{seconds:>10.3}{of:>14.2}");
    }
}

/// Names are resolved; attributes and text are neither read nor kept.
fn resolve(list: &[u8]) -> usize {
    let mut reader = NsReader::from_reader(list);
    let mut entries = 0;
    loop {
        match reader.read_event().expect("the list is well-formed") {
            Event::Start(start) | Event::Empty(start) => {
                let (namespace, name) = reader.resolver().resolve_element(start.name());
                black_box(namespace);
                entries += usize::from(black_box(name.as_ref()) == "loc");
            }
            Event::Eof => return entries,
            _ => {}
        }
    }
}

/// Every field is read, times and digests decoded; texts borrow from the window.
fn borrowed(list: &[u8]) -> usize {
    let mut reader = Reader::new(list);
    let mut entries = 0;
    while let Some(part) = reader.next_part().expect("the list is good") {
        for entry in part {
            let entry = entry.expect("the list is good");
            entry.md.hash.digests().for_each(|digest| _ = black_box(digest));
            black_box(entry);
            entries += 1;
        }
    }
    entries
}

/// The same, each entry with a life of its own.
fn owned(list: &[u8]) -> usize {
    let mut reader = Reader::new(list);
    let mut entries = 0;
    while let Some(part) = reader.next_part().expect("the list is good") {
        for entry in part {
            let entry = entry.expect("the list is good").into_owned();
            entry.md.hash.digests().for_each(|digest| _ = black_box(digest));
            black_box(entry);
            entries += 1;
        }
    }
    entries
}
