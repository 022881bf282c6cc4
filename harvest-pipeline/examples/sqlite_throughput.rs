//! How fast records go through a pipeline (five filter expressions, parser, metadata kept) into the
//! SQLite catalogue, beside bare inserts, in turns: of the rows that come of it, into the same tables,
//! and of the same records as they came, into a plain table.
//!
//! Both sides commit a thousand records at a time, to files in the same folder (that of temporary files,
//! `TMPDIR`), with the same page size, cache, log and `PRAGMA synchronous`. The last checkpoint is part of
//! it.
//!
//! `cargo run --release -p harvest-pipeline --example sqlite_throughput -- [records] [turns]`, or
//! `… [records] raw|fields|search` for one thing at a time.

mod bare;
mod synthetic;

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::stream::StreamExt;
use harvest_pipeline::parsers::DublinCore;
use harvest_pipeline::{
    Catalogue, Hold, Item, ParsedBatch, Parser, Payload, Pipeline, Preparer, Query, RecordQuery,
    Resume, Run, RunError, RunId, RunRecord, Sink, SqliteCatalogue, Summary, Written, sources,
};
use serde::Serialize;

use self::synthetic::{BATCH, InMemory, Prepared, Synthetic, five_filters, record, report};

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let records: usize = std::env::args().nth(1).map_or(Ok(100_000), |arg| arg.parse())?;
    let folder = std::env::temp_dir().join(format!("sqlite-throughput-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let bytes = (0..100).map(|n| record(n).len()).sum::<usize>() / 100;
    report!("{records} records of about {bytes} bytes, {BATCH} a batch");

    // Generating costs time too: take it out of both sides.
    let started = Instant::now();
    for number in 0..records {
        std::hint::black_box(record(number));
    }
    let generate = started.elapsed();
    report!("generating alone          {:>8.2} s", generate.as_secs_f64());

    let payloads: Vec<_> = (0..1000).map(|n| Payload::new("oai_dc", record(n))).collect();
    let item = Item::delete("any");
    let started = Instant::now();
    for payload in payloads.iter().cycle().take(20_000) {
        std::hint::black_box(DublinCore.parse(&item, payload).is_ok());
    }
    let rate = (20_000 * bytes) as f64 / 1e6 / started.elapsed().as_secs_f64();
    report!("oai_dc parser             {rate:>8.0} MB/s");

    match std::env::args().nth(2).as_deref() {
        Some("raw") => catalogue(&folder, records, false).await?,
        Some("fields") => catalogue(&folder, records, true).await?,
        Some("search") => search(&folder, records).await?,
        turns => in_turns(&folder, records, turns.map_or(Ok(5), str::parse)?).await?,
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Wall and processor time, in seconds.
type Took = [f64; 2];

async fn in_turns(folder: &Path, records: usize, turns: usize) -> Result<(), Box<dyn Error>> {
    let batches = Arc::new(Prepared::new(records)?);
    let mut all: [Vec<Took>; 3] = Default::default();
    let names = ["pipeline", "the same rows", "a plain table"];
    for turn in 0..turns {
        let file = folder.join("catalogue.db");
        let watch = Watch::start();
        let catalogue = SqliteCatalogue::open(&file).await?;
        let pipeline = Pipeline::new(InMemory(Arc::clone(&batches))).filter(five_filters()?);
        let summary = pipeline.parse(DublinCore).run(&catalogue).await?;
        catalogue.close().await?;
        let pipeline = watch.took();
        assert_eq!(summary.counters.created, records as u64);

        let rows = bare::Rows::of(&file)?;
        std::fs::remove_file(&file)?;
        SqliteCatalogue::open(&file).await?.close().await?;
        let watch = Watch::start();
        rows.insert(&file)?;
        let same = watch.took();
        std::fs::remove_file(&file)?;
        drop(rows);

        let watch = Watch::start();
        bare::plain(&file, &batches.0)?;
        let plain = watch.took();
        std::fs::remove_file(&file)?;

        for ((taken, name), took) in all.iter_mut().zip(names).zip([pipeline, same, plain]) {
            let [wall, cpu] = took.map(|seconds| seconds * 1e6 / records as f64);
            report!("turn {turn} {name:<14} {wall:>7.1} µs a record, {cpu:>6.1} µs of processor");
            taken.push(took);
        }
    }
    for (name, bare) in names.iter().zip(&all).skip(1) {
        let [wall, cpu] = [0, 1].map(|what| {
            let ratios = all[0].iter().zip(bare).map(|(ours, bare)| bare[what] / ours[what]);
            let mut ratios: Vec<f64> = ratios.collect();
            ratios.sort_by(f64::total_cmp);
            format!("{:.2} ({:.2}–{:.2})", ratios[turns / 2], ratios[0], ratios[turns - 1])
        });
        report!("of bare inserts into {name}, medians: {wall} by the clock, {cpu} by processor");
    }
    Ok(())
}

struct Watch(Instant, f64);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), cpu_seconds())
    }

    fn took(&self) -> Took {
        [self.0.elapsed().as_secs_f64(), cpu_seconds() - self.1]
    }
}

async fn catalogue(folder: &Path, records: usize, parsed: bool) -> Result<(), Box<dyn Error>> {
    let file = folder.join("catalogue.db");
    let catalogue = SqliteCatalogue::open(&file).await?;
    let sink = Timed { inner: catalogue.clone(), spent: Mutex::default() };
    report!("catalogue, {}", if parsed { "with fields" } else { "without fields" });
    let cpu = cpu_seconds();
    let summary = harvest(&sink, records, parsed, Resume::FromSink).await?;
    rate("  first run", records, summary.elapsed, cpu);
    sink.report(records);
    let cpu = cpu_seconds();
    let summary = harvest(&sink, records, parsed, Resume::Afresh).await?;
    rate("  nothing changed", records, summary.elapsed, cpu);
    sink.report(records);
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let listed = catalogue.records(Query::all()).count().await;
    rate("  listing", listed, started.elapsed(), cpu);
    drop(sink);
    catalogue.close().await?;
    report!("    {} kB", std::fs::metadata(&file)?.len() / 1000);
    Ok(std::fs::remove_file(&file)?)
}

/// How long it takes to index records, and to list a page of them.
async fn search(folder: &Path, records: usize) -> Result<(), Box<dyn Error>> {
    let catalogue = SqliteCatalogue::open(folder.join("search.db")).await?;
    Pipeline::new(Synthetic(records)).parse(DublinCore).run(&catalogue).await?;
    let first = catalogue.summary(&"synthetic".into()).await?.and_then(|it| it.last_run);
    let rare = |n: usize| Item::put(format!("new {n}"), Payload::new("oai_dc", "<dc>seldom</dc>"));
    let few = [rare(1), rare(2), Item::delete("gone")];
    Pipeline::new(sources::items("synthetic", few)).resume(Resume::Afresh).run(&catalogue).await?;
    let last = catalogue.summary(&"synthetic".into()).await?.and_then(|it| it.last_run);
    let (started, cpu) = (Instant::now(), cpu_seconds());
    catalogue.index().await?;
    rate("indexing", records, started.elapsed(), cpu);
    report!("    {} kB", std::fs::metadata(catalogue.file())?.len() / 1000);

    let query = |set: fn(&mut RecordQuery)| {
        let mut query = RecordQuery::default();
        set(&mut query);
        query
    };
    let of_run = |run: Option<RunRecord>| {
        let mut query = RecordQuery::default();
        query.run = run.map(|run| RunId(run.id));
        query
    };
    let lists = [
        ("the first page", RecordQuery::default()),
        ("live records", query(|it| it.deleted = Some(false))),
        ("tombstones", query(|it| it.deleted = Some(true))),
        ("of a run that changed much", of_run(first)),
        ("of a run that changed little", of_run(last)),
        ("a word in all records", query(|it| it.text = Some("article".into()))),
        ("a word in most records", query(|it| it.text = Some("manuscript".into()))),
        ("all records, some letters", query(|it| it.text = Some("m".into()))),
        ("a rare word", query(|it| it.text = Some("seldom".into()))),
        ("one in thirty", query(|it| it.text = Some("2007 10".into()))),
        ("an identifier", query(|it| it.text = Some("0012345".into()))),
        ("the beginning of many", query(|it| it.text = Some("00123".into()))),
        ("no record", query(|it| it.text = Some("medieval seldom".into()))),
    ];
    for (what, query) in lists {
        let started = Instant::now();
        let found = catalogue.list(&query).await?.len();
        let took = started.elapsed().as_secs_f64() * 1e3;
        report!("{what:<30} {took:>8.2} ms {found:>4} records");
    }
    let started = Instant::now();
    catalogue.summaries().await?;
    report!("{:<30} {:>8.2} ms", "sums", started.elapsed().as_secs_f64() * 1e3);
    let started = Instant::now();
    let absent = catalogue.count_absent(&"synthetic".into(), RunId(i64::MAX)).await?;
    report!("{:<30} {:>8.2} ms {absent}", "absent", started.elapsed().as_secs_f64() * 1e3);
    Ok(catalogue.close().await?)
}

/// `cpu` is what [`cpu_seconds`] said before; on a busy machine it tells more than the clock.
fn rate(what: &str, records: usize, took: Duration, cpu: f64) {
    let (took, cpu) = (took.as_secs_f64(), cpu_seconds() - cpu);
    let rate = records as f64 / took;
    let peak = peak_memory();
    report!("{what:<25} {took:>8.2} s {rate:>8.0} records/s {cpu:>6.2} s processor, peak {peak}");
}

/// Processor time of this process so far, where there is `/proc`.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.split(' ').skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.unwrap_or("unknown").trim().to_owned()
}

async fn harvest(
    sink: &Timed,
    records: usize,
    parsed: bool,
    resume: Resume,
) -> Result<Summary, RunError> {
    let pipeline = Pipeline::new(Synthetic(records));
    if parsed {
        pipeline.parse(DublinCore).resume(resume).run(sink).await
    } else {
        pipeline.resume(resume).run(sink).await
    }
}

/// The catalogue, with a watch on how long it keeps the driver waiting.
struct Timed {
    inner: SqliteCatalogue,
    spent: Mutex<Duration>,
}

impl Timed {
    fn report(&self, records: usize) {
        let spent = std::mem::take(&mut *self.spent.lock().unwrap_or_else(|it| it.into_inner()));
        let per_thousand = spent.as_secs_f64() * 1e6 / records as f64;
        report!("    on the critical path  {per_thousand:>8.2} ms per 1000 records");
    }
}

#[async_trait]
impl<R: Serialize + Send + Sync + 'static> Sink<R> for Timed {
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        Sink::<R>::begin(&self.inner, run).await
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer<R>>> {
        self.inner.preparer()
    }

    async fn write(&self, run: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let started = Instant::now();
        let written = self.inner.write(run, batch).await;
        *self.spent.lock().unwrap_or_else(|it| it.into_inner()) += started.elapsed();
        written
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        Sink::<R>::finish(&self.inner, run, summary).await
    }
}
