//! One resource list of 50 000 entries on one core: quick-xml alone, and us, taken in turns, so
//! that the ratios hold on a machine whose speed drifts.
#![allow(missing_docs, clippy::print_stdout, reason = "a program that prints a table")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use harvest_benches::Resources;
use quick_xml::{NsReader, events::Event};
use resync_core::document::Reader;

const ENTRIES: u64 = 50_000;
const ROUNDS: usize = 40;

/// Each gives the number of entries, so that it has to be done.
type Way<'a> = (&'a str, &'a dyn Fn(&[u8]) -> usize);

fn main() {
    let list = Resources::new(1, 2_048).list(0..ENTRIES).into_bytes();
    // The first is what the others are compared with.
    let ways: &[Way<'_>] =
        &[("quick-xml ns-reader", &resolve), ("ours borrowed", &borrowed), ("ours owned", &owned)];
    let mut times = vec![Vec::with_capacity(ROUNDS); ways.len()];
    for _ in 0..ROUNDS {
        for ((name, run), times) in ways.iter().zip(&mut times) {
            let start = Instant::now();
            let entries = run(black_box(&list));
            times.push(start.elapsed());
            assert_eq!(entries as u64, ENTRIES, "{name}");
        }
    }
    let medians: Vec<Duration> = times
        .iter_mut()
        .map(|times| {
            times.sort();
            times[ROUNDS / 2]
        })
        .collect();
    println!("{:<22}{:>10}{:>14}{:>14}", "", "MB/s", "entries/s", "of ns-reader");
    for ((name, _), median) in ways.iter().zip(&medians) {
        let seconds = median.as_secs_f64();
        let speed = list.len() as f64 / seconds / 1e6;
        let entries = ENTRIES as f64 / seconds;
        let of = medians[0].as_secs_f64() / seconds;
        println!("{name:<22}{speed:>10.0}{entries:>14.0}{of:>14.2}");
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
                entries += usize::from(black_box(name.as_ref()) == "url");
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
