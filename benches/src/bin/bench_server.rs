//! Serves the corpus on loopback until its standard input closes.
#![allow(clippy::print_stdout, reason = "the base URL is this program's result")]

use std::{
    error::Error,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use clap::Parser;
use harvest_benches::{Config, Fault, Server, duration, until_input_closes};

/// Prints a base URL, then serves until standard input closes.
///
/// GET /stats answers what was asked so far, GET /reset forgets it.
#[derive(Debug, Parser)]
struct Options {
    /// 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Several servers look like several hosts on 127.0.0.1, 127.0.0.2, …
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Records on a page.
    #[arg(long, default_value_t = 1_000)]
    page: u64,
    /// The whole list on one page.
    #[arg(long)]
    single_page: bool,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Waited before each answer: `50ms`, `2s`.
    #[arg(long, default_value = "0ms", value_parser = duration)]
    latency: Duration,
    #[arg(long, value_enum, default_value_t = Fault::None)]
    fault: Fault,
    /// Each so-manieth list request fails, once.
    #[arg(long, default_value_t = 10)]
    fault_every: u64,
    /// Seconds named by `--fault retry-after`.
    #[arg(long, default_value_t = 1)]
    retry_after: u64,
    /// Compress for clients that accept it.
    #[arg(long)]
    gzip: bool,
    /// Leave out the empty token of the last page, for clients that fail on it.
    #[arg(long)]
    no_end_token: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let config = Config {
        seed: options.seed,
        records: options.records,
        page: if options.single_page { options.records.max(1) } else { options.page },
        latency: options.latency,
        fault: options.fault,
        fault_every: options.fault_every,
        retry_after: options.retry_after,
        gzip: options.gzip,
        no_end_token: options.no_end_token,
    };
    let server = Server::bind((options.bind, options.port).into(), config)?;
    println!("{}", server.url());
    io::stdout().flush()?;

    until_input_closes(|| server.run())
}
