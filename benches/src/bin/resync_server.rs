//! Serves a ResourceSync source on loopback until its standard input closes.
#![allow(clippy::print_stdout, reason = "the URL is this program's result")]

use std::{
    error::Error,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use clap::Parser;
use harvest_benches::{Source, SourceConfig, duration, until_input_closes};

/// Prints its URL, then serves until standard input closes.
///
/// GET /stats answers what was asked so far, GET /reset forgets it.
#[derive(Debug, Parser)]
struct Options {
    /// 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    #[arg(long, default_value_t = 20_000)]
    resources: u64,
    /// Bytes of a resource, give or take an eighth.
    #[arg(long, default_value_t = 2_048)]
    size: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many resources, the last ones, have changed; there is a change list of them.
    #[arg(long, default_value_t = 0)]
    changes: u64,
    /// The changed ones are new.
    #[arg(long)]
    created: bool,
    /// Offer the changed ones packed, too; all of them when none has changed.
    #[arg(long)]
    dump: bool,
    /// Waited before each answer: `50ms`, `2s`.
    #[arg(long, default_value = "0ms", value_parser = duration)]
    latency: Duration,
    /// Invent the digests: for long lists that nobody downloads from.
    #[arg(long)]
    fake_digests: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let config = SourceConfig {
        seed: options.seed,
        resources: options.resources,
        size: options.size,
        changes: options.changes,
        created: options.created,
        dump: options.dump,
        latency: options.latency,
        fake_digests: options.fake_digests,
    };
    let source = Source::bind((options.bind, options.port).into(), config)?;
    println!("{}", source.url());
    io::stdout().flush()?;
    until_input_closes(|| source.run())
}
