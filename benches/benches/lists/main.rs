//! How long the pages of the admin system take over a large installation, while a harvest runs.
//!
//! Makes the database if there is none, starts `harvester all` over it, has it harvest a repository on
//! loopback all the while, and asks every list in turn, over and over. Exit status 1 if one takes
//! longer than wanted at the median.
#![allow(missing_docs, clippy::print_stdout, reason = "a program that prints a table")]

mod browser;
mod pages;
mod service;
mod viewers;
mod world;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use harvest_benches::{Config, Server, duration};

use self::browser::Browser;
use self::pages::{Page, Timed};
use self::service::Service;
use self::viewers::Viewers;
use self::world::World;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug, Parser)]
struct Options {
    /// Sources that are set up, each with some runs
    #[arg(long, default_value_t = 1_000)]
    sources: u64,
    /// Records; the first source has a fifth of them
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Where they are: made there if there are none, and left there. Made for other sizes, it is refused
    #[arg(long, default_value = "sqlite:target/lists.db")]
    db: String,
    /// Only make the database
    #[arg(long)]
    only_make: bool,
    /// How often each page is asked for
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// How many watch the run that goes on
    #[arg(long, default_value_t = 0)]
    viewers: usize,
    /// How long the repository that is harvested takes for a page
    #[arg(long, default_value = "50ms", value_parser = duration)]
    latency: Duration,
    /// How many records it has on a page
    #[arg(long, default_value_t = 100)]
    page: u64,
    /// No harvest goes on
    #[arg(long)]
    idle: bool,
    /// What each page may take at the median
    #[arg(long, default_value = "100ms", value_parser = duration)]
    limit: Duration,
    /// Only pages whose address has this
    #[arg(long, default_value = "")]
    only: String,
    /// The program
    #[arg(long, default_value = "target/release/harvester")]
    harvester: PathBuf,
    /// Cargo gives it
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<ExitCode> {
    let mut options = Options::parse();
    // Cargo runs benches in their package's folder.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    if options.idle {
        options.viewers = 0;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(&options))
}

async fn measure(options: &Options) -> Result<ExitCode> {
    let world = World::open(&options.db, options.sources, options.records).await?;
    if options.only_make {
        world.close().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let run = match options.idle {
        true => None,
        false => Some(world.request_harvest(&serve(options)?).await?),
    };
    let list = pages::all(&world, run).await?;
    world.close().await?;

    let service = Service::start(&options.harvester, &options.db)?;
    let browser = Browser::log_in(service.url(), service.password()).await?;
    if let Some(run) = run {
        service.wait_for_progress(&browser, run).await?;
    }
    let before = service.memory();
    let viewers = match run {
        Some(run) => Viewers::come(&browser, run, options.viewers).await?,
        None => Viewers::default(),
    };
    let started = Instant::now();
    let wanted: Vec<_> =
        list.into_iter().filter(|page| page.path.contains(&options.only)).collect();
    let timed = ask(&browser, &wanted, options.rounds).await?;
    let elapsed = started.elapsed().as_secs_f64();
    let is_fast = report(&wanted, &timed, options.limit);
    if let Some(run) = run {
        let records = service.records(&browser, run).await?;
        println!("harvested meanwhile, and before: {records} records");
    }
    if options.viewers > 0 {
        println!("{}", viewers.report(elapsed));
    }
    println!(
        "memory of the program: {before} MiB, {} s later {} MiB",
        elapsed as u64,
        service.memory()
    );
    Ok(if is_fast { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A repository that is too long to come to its end meanwhile.
fn serve(options: &Options) -> Result<String> {
    let config = Config {
        records: harvest_benches::Corpus::MAX,
        page: options.page,
        latency: options.latency,
        seed: 2,
        ..Config::default()
    };
    let server = Server::bind(([127, 0, 0, 1], 0).into(), config)?;
    let url = server.url();
    std::thread::spawn(move || server.run());
    Ok(url)
}

/// Asks for each page in turn, so that all are asked under the same circumstances.
async fn ask(browser: &Browser, pages: &[Page], rounds: usize) -> Result<Vec<Timed>> {
    let mut timed = vec![Timed::default(); pages.len()];
    for _ in 0..rounds {
        for (page, timed) in pages.iter().zip(&mut timed) {
            let started = Instant::now();
            let body = browser.get(&page.path).await?;
            timed.took(started.elapsed(), body.len());
        }
    }
    Ok(timed)
}

fn report(pages: &[Page], timed: &[Timed], limit: Duration) -> bool {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!("{:<52}{:>9}{:>9}{:>9}{:>8}", "ms", "median", "p95", "most", "kB");
    let mut slow = Vec::new();
    for (page, timed) in pages.iter().zip(timed) {
        let (median, p95, most) = (timed.at(0.5), timed.at(0.95), timed.at(1.0));
        let mark = if median >= limit { "  slow" } else { "" };
        println!(
            "{:<52}{:>9.1}{:>9.1}{:>9.1}{:>8.0}{mark}",
            page.name,
            ms(median),
            ms(p95),
            ms(most),
            timed.bytes as f64 / 1e3
        );
        if median >= limit {
            slow.push(page.name.as_str());
        }
    }
    match slow.as_slice() {
        [] => println!("each is under {} ms at the median", limit.as_millis()),
        slow => println!("not under {} ms at the median: {}", limit.as_millis(), slow.join(", ")),
    }
    slow.is_empty()
}
