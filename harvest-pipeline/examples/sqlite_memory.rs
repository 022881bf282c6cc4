//! How much memory a pipeline (five filter expressions, parser, metadata kept) into the SQLite catalogue
//! takes at its peak, for lists of different lengths, each in a process of its own.
//!
//! `cargo run --release -p harvest-pipeline --example sqlite_memory -- [records …]`; without numbers, for
//! 10 000, 100 000 and 1 000 000 records of 2 kB. On Linux only.

mod synthetic;

use std::error::Error;
use std::process::Command;

use harvest_pipeline::parsers::DublinCore;
use harvest_pipeline::{Pipeline, SqliteCatalogue};

use self::synthetic::{Synthetic, five_filters, report};

const ALONE: &str = "--in-this-process";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == ALONE) {
        let records = arguments.get(1).ok_or("how many records?")?.parse()?;
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        return runtime.worker_threads(2).enable_all().build()?.block_on(harvest(records));
    }
    if arguments.is_empty() {
        arguments = ["10000", "100000", "1000000"].map(str::to_owned).into();
    }
    for records in arguments {
        // As the `harvester` program does for itself.
        let program = std::env::current_exe()?;
        let mut alone = Command::new(program);
        alone.args([ALONE, &records]).env("MALLOC_ARENA_MAX", "2");
        if !alone.status()?.success() {
            return Err(format!("the pipeline of {records} records failed").into());
        }
    }
    Ok(())
}

async fn harvest(records: usize) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("sqlite-memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let catalogue = SqliteCatalogue::open(folder.join("catalogue.db")).await?;
    let pipeline = Pipeline::new(Synthetic(records)).filter(five_filters()?).parse(DublinCore);
    let summary = pipeline.run(&catalogue).await?;
    catalogue.close().await?;
    std::fs::remove_dir_all(&folder)?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: f64 = peak.ok_or("no peak")?.trim_end_matches("kB").trim().parse()?;
    let (stored, seconds) = (summary.counters.created, summary.elapsed.as_secs_f64());
    report!("{stored:>9} records in {seconds:>6.1} s, at most {:.1} MiB", peak / 1024.0);
    Ok(())
}
