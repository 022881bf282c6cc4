//! The same as `page_parse`, taken in turns, so that the ratios hold on a machine whose speed drifts.
#![allow(missing_docs, clippy::print_stdout, reason = "a program that prints a table")]

use std::time::{Duration, Instant};

use harvest_benches::Corpus;

#[path = "parses/mod.rs"]
mod parses;

const RECORDS: u64 = 1_000;
const ROUNDS: usize = 60;

type Way<'a> = &'a dyn Fn(Vec<u8>) -> usize;

fn main() {
    let page = Corpus::new(1).page(0..RECORDS);
    let bytes = || page.clone().into_bytes();
    let time = |run: Way<'_>| {
        let input = bytes();
        let start = Instant::now();
        std::hint::black_box(run(input));
        start.elapsed()
    };
    let ways: [(&str, Way<'_>); 5] = [
        ("quick-xml reader", &|_| parses::tokenise(&page)),
        ("quick-xml ns-reader", &|_| parses::resolve(&page)),
        ("ours raw", &parses::raw),
        ("ours oai_dc", &parses::oai_dc),
        ("oai-pmh 0.5.1", &|_| parses::peer(&page)),
    ];
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        for (n, (_, run)) in ways.iter().enumerate() {
            times[n].push(time(run));
        }
    }
    let medians: Vec<Duration> = times
        .iter_mut()
        .map(|times| {
            times.sort();
            times[ROUNDS / 2]
        })
        .collect();
    println!("{:<22}{:>10}{:>12}{:>14}", "", "MB/s", "of reader", "of ns-reader");
    for ((name, _), median) in ways.iter().zip(&medians) {
        let speed = page.len() as f64 / median.as_secs_f64() / 1e6;
        let of = |n: usize| medians[n].as_secs_f64() / median.as_secs_f64();
        println!("{name:<22}{speed:>10.0}{:>12.2}{:>14.2}", of(0), of(1));
    }
    let of_peer = |n: usize| medians[4].as_secs_f64() / medians[n].as_secs_f64();
    println!("times oai-pmh 0.5.1: raw {:.2}, oai_dc {:.2}", of_peer(2), of_peer(3));
}
