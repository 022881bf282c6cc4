//! How fast records go into the SQLite catalogue, beside bare inserts of the same bytes.
//!
//! `cargo run --release -p harvest-pipeline --example sqlite_throughput -- [records] [bare|raw|fields|search]`

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use harvest_pipeline::parsers::DublinCore;
use harvest_pipeline::{
    Batch, Catalogue, Checkpoint, Hold, Item, ParsedBatch, Parser, Payload, Pipeline, Preparer,
    Query, RecordQuery, Resume, Run, RunError, RunId, RunRecord, Sink, Source, SourceId,
    SqliteCatalogue, Summary, Written, sources,
};
use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

macro_rules! report {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

const BATCH: usize = 1000;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
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
        Some("bare") => bare(&folder, records).await?,
        Some("raw") => catalogue(&folder, records, false).await?,
        Some("fields") => catalogue(&folder, records, true).await?,
        Some("search") => search(&folder, records).await?,
        _ => {
            for _ in 0..3 {
                bare(&folder, records).await?;
                catalogue(&folder, records, false).await?;
                catalogue(&folder, records, true).await?;
            }
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

async fn bare(folder: &Path, records: usize) -> Result<(), Box<dyn std::error::Error>> {
    let file = folder.join("bare.db");
    let cpu = cpu_seconds();
    let took = bare_inserts(&file, records).await?;
    rate("bare inserts", records, took, cpu);
    report!("    {} kB", std::fs::metadata(&file)?.len() / 1000);
    Ok(std::fs::remove_file(&file)?)
}

async fn catalogue(
    folder: &Path,
    records: usize,
    parsed: bool,
) -> Result<(), Box<dyn std::error::Error>> {
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
async fn search(folder: &Path, records: usize) -> Result<(), Box<dyn std::error::Error>> {
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

/// A record in oai_dc whose text differs from record to row as real ones do.
fn record(number: usize) -> String {
    let mut seed = number as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut word = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        WORDS[(seed % WORDS.len() as u64) as usize]
    };
    let mut sentence = |words: usize| {
        let words: Vec<_> = (0..words).map(|_| word()).collect();
        words.join(" ")
    };
    format!(
        "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"http://www.openarchives.org/OAI/2.0/oai_dc/ \
         http://www.openarchives.org/OAI/2.0/oai_dc.xsd\">\
         <dc:title>{}</dc:title><dc:creator>{}</dc:creator><dc:creator>{}</dc:creator>\
         <dc:subject>{}</dc:subject><dc:subject>{}</dc:subject>\
         <dc:description>{}</dc:description><dc:date>20{:02}-0{}-1{}</dc:date>\
         <dc:type>Article</dc:type><dc:format>application/pdf</dc:format>\
         <dc:identifier>https://repository.example.org/items/{number}</dc:identifier>\
         <dc:language>en</dc:language><dc:rights>{}</dc:rights></oai_dc:dc>",
        sentence(9),
        sentence(2),
        sentence(2),
        sentence(2),
        sentence(3),
        sentence(150),
        number % 25,
        number % 9 + 1,
        number % 10,
        sentence(6),
    )
}

const WORDS: [&str; 64] = [
    "archive",
    "measurement",
    "of",
    "the",
    "temperature",
    "and",
    "ocean",
    "in",
    "a",
    "model",
    "library",
    "northern",
    "history",
    "analysis",
    "quantum",
    "field",
    "with",
    "data",
    "survey",
    "language",
    "structure",
    "on",
    "river",
    "city",
    "protein",
    "method",
    "study",
    "for",
    "climate",
    "records",
    "water",
    "species",
    "digital",
    "network",
    "theory",
    "electron",
    "early",
    "medieval",
    "manuscript",
    "signal",
    "towards",
    "from",
    "observation",
    "growth",
    "variation",
    "by",
    "numerical",
    "regional",
    "education",
    "policy",
    "materials",
    "surface",
    "high",
    "low",
    "energy",
    "catalogue",
    "an",
    "approach",
    "social",
    "between",
    "soil",
    "forest",
    "linear",
    "response",
];

#[derive(Debug)]
struct Synthetic(usize);

impl Source for Synthetic {
    fn id(&self) -> SourceId {
        "synthetic".into()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let batches = (0..self.0.div_ceil(BATCH)).map(|number| {
            let numbers = number * BATCH..((number + 1) * BATCH).min(self.0);
            let items = numbers.map(|number| {
                let payload = Payload::new("oai_dc", record(number));
                Ok(Item::put(format!("oai:repository.example.org:{number:07}"), payload)
                    .with_datestamp("2024-01-31T12:00:00Z")
                    .with_sets(["com_1721.1_7622", "col_1721.1_7627"]))
            });
            let checkpoint = Checkpoint::new(1, &number)?;
            Ok(Batch::new(number as u64, checkpoint).with_items(items.collect()))
        });
        stream::iter(batches).boxed()
    }
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

/// What one would write in an afternoon: identifier, datestamp and metadata, uncompressed, one
/// transaction a batch, one prepared statement a record.
async fn bare_inserts(file: &Path, records: usize) -> Result<Duration, sqlx::Error> {
    let mut conn = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .disable_statement_logging()
        .connect()
        .await?;
    sqlx::query("CREATE TABLE records (identifier TEXT PRIMARY KEY, datestamp TEXT, body TEXT)")
        .execute(&mut conn)
        .await?;
    let started = Instant::now();
    let source = Synthetic(records);
    let mut batches = source.batches(None);
    while let Some(Ok(batch)) = batches.next().await {
        let mut tx = conn.begin().await?;
        for item in batch.items.into_iter().flatten() {
            let body = item.payload().map(|it| it.body.clone());
            sqlx::query("INSERT INTO records VALUES (?, ?, ?)")
                .bind(item.identifier)
                .bind(item.datestamp)
                .bind(body)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
    }
    let took = started.elapsed();
    conn.close().await?;
    Ok(took)
}
