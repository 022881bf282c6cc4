//! `harvester demo`: repositories on this machine, and what harvesting them is like.

mod flaky;
mod library;
mod playground;
mod world;

use std::time::{Duration, Instant};

use harvest_pipeline::parsers::{DublinCore, Raw};
use harvest_pipeline::{
    Counters, OaiPmhSource, Parser as _, Pipeline, RunError, SqliteCatalogue, Summary,
};
use oai_pmh::Selection;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::playground::{Playground, Site};
use crate::args::{DemoArgs, GlobalArgs};
use crate::progress::{Console, count};
use crate::report::{Failure, Status};
use crate::signals::stop_on_signals;
use crate::{database, network, output};

/// How often the world moves on while it is only served.
const STEP: Duration = Duration::from_secs(5);

pub(crate) async fn run(
    args: &DemoArgs,
    global: &GlobalArgs,
    console: &Console,
) -> Result<Status, Failure> {
    let no_room = |error| Failure::new(format!("no temporary folder can be made: {error}"));
    let documents = tempfile::tempdir().map_err(no_room)?;
    let stop = stop_on_signals(console);
    let playground =
        Playground::start(args.seed, args.records, args.port, documents.path()).await?;
    let ended = match args.serve_only {
        true => {
            playground_only(&playground, global, console, &stop).await.map(|()| Status::Complete)
        }
        false => show(&playground, args, global, console, &stop).await,
    };
    playground.stop().await?;
    ended
}

/// Keeps everything running, and moving, until it is told to stop.
async fn playground_only(
    playground: &Playground,
    global: &GlobalArgs,
    console: &Console,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    if global.json {
        let sites: Vec<_> = playground.sites.iter().map(described).collect();
        let source = playground.source.description();
        output::print(format!("{}\n", json!({"oai": sites, "resourcesync": source})))?;
    } else {
        let mut text =
            "Serving on this machine; every 5 s something changes. Ctrl-C ends it.\n\n".to_owned();
        for site in &playground.sites {
            text += &format!("  {:<18} {:<11} {}\n", site.name, site.format, site.url);
        }
        text += &format!(
            "  {:<18} {:<11} {}\n",
            "Changing source",
            "resync",
            playground.source.description()
        );
        output::print(text + &next(playground, "sqlite:harvest.db"))?;
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(STEP) => {}
        }
        playground.step().await?;
        console.detail("the world moved on");
    }
}

/// What there is at a site.
fn described(site: &Site) -> Value {
    let holdings = site.holdings.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    json!({
        "name": site.name,
        "url": site.url.as_str(),
        "format": site.format,
        "records": holdings.total(),
        "deleted": holdings.deleted(),
    })
}

/// Harvests everything, lets the world move one step, and harvests what changed.
async fn show(
    playground: &Playground,
    args: &DemoArgs,
    global: &GlobalArgs,
    console: &Console,
    stop: &CancellationToken,
) -> Result<Status, Failure> {
    let db = match global.db.as_str() {
        // A harvest of one's own is not mixed with the demo's.
        "sqlite:harvest.db" => "sqlite:demo.db",
        other => other,
    };
    let catalogue = SqliteCatalogue::open(database::sqlite(db)?).await?;
    let started = Instant::now();
    let first = round(playground, &catalogue, global, console, stop).await?;
    let moved = playground.step().await?;
    let second = round(playground, &catalogue, global, console, stop).await?;
    catalogue.close().await?;

    let expected =
        first.iter().all(|counted| counted.failed == 0 && counted.total() == args.records)
            && second.iter().zip(&moved).all(|(counted, moved)| {
                counted.created == moved.created.len() as u64
                    && counted.updated == moved.updated.len() as u64
                    && counted.deleted == moved.deleted.len() as u64
            });
    if global.json {
        let sites = playground.sites.iter().zip(first.iter().zip(&second));
        let sites: Vec<_> = sites
            .map(|(site, (first, second))| {
                let mut told = described(site);
                told["first"] = counters(first);
                told["second"] = counters(second);
                told["faults"] = json!(site.flaky.as_ref().map_or(0, flaky::Flaky::faults));
                told
            })
            .collect();
        let summary = json!({
            "event": "summary",
            "db": db,
            "as_expected": expected,
            "sources": sites,
            "seconds": started.elapsed().as_secs_f64(),
        });
        output::print(format!("{summary}\n"))?;
    } else {
        let mut text =
            format!("{} repositories on this machine, seed {}\n\n", first.len(), args.seed);
        text += &table("Harvested", &playground.sites, &first);
        text += "\nThe world moved one step: ";
        text += &table("again", &playground.sites, &second);
        for site in &playground.sites {
            if let Some(flaky) = &site.flaky {
                text += &format!(
                    "\n{} failed {} times on purpose (503, a reset, half a page, an expired token);\n\
                     nothing is missing.\n",
                    site.name,
                    flaky.faults()
                );
            }
        }
        text += &format!("\nAll of it is in {db}:\n  harvester records --db {db} --format csv\n");
        text += "Keep the repositories running, to try everything else:\n  harvester demo --serve-only\n";
        output::print(text)?;
    }
    match expected {
        true => Ok(Status::Complete),
        false => Err(Failure::new("the database does not hold what the repositories have")
            .with_advice(format!("Begin with an empty database: remove {db}, or name another."))),
    }
}

/// Harvests each site once.
async fn round(
    playground: &Playground,
    catalogue: &SqliteCatalogue,
    global: &GlobalArgs,
    console: &Console,
    stop: &CancellationToken,
) -> Result<Vec<Counters>, Failure> {
    let mut all = Vec::new();
    for site in &playground.sites {
        all.push(harvest(site, catalogue, global, console, stop).await?.counters);
    }
    Ok(all)
}

async fn harvest(
    site: &Site,
    catalogue: &SqliteCatalogue,
    global: &GlobalArgs,
    console: &Console,
    stop: &CancellationToken,
) -> Result<Summary, Failure> {
    let client = network::client(&site.url, global, console)?;
    let pipeline = Pipeline::new(OaiPmhSource::new(client, Selection::prefix(site.format)));
    let ran: Result<Summary, RunError> = if site.format == DublinCore.format() {
        pipeline.parse(DublinCore).cancel_with(stop.clone()).run(catalogue).await
    } else {
        pipeline.parse(Raw).cancel_with(stop.clone()).run(catalogue).await
    };
    Ok(ran?)
}

fn counters(counted: &Counters) -> Value {
    json!({
        "records": counted.total(),
        "created": counted.created,
        "updated": counted.updated,
        "unchanged": counted.unchanged,
        "deleted": counted.deleted,
        "already_deleted": counted.skipped_deleted,
        "failed": counted.failed,
    })
}

fn table(title: &str, sites: &[Site], counted: &[Counters]) -> String {
    let mut text = format!(
        "{title}\n  {:<18} {:<10} {:>8} {:>8} {:>8} {:>8} {:>7}\n",
        "source", "format", "received", "created", "updated", "deleted", "failed"
    );
    for (site, counted) in sites.iter().zip(counted) {
        text += &format!(
            "  {:<18} {:<10} {:>8} {:>8} {:>8} {:>8} {:>7}\n",
            site.name,
            site.format,
            count(counted.total()),
            count(counted.created),
            count(counted.updated),
            count(counted.deleted + counted.skipped_deleted),
            count(counted.failed),
        );
    }
    text
}

/// What to try, with addresses that are there.
fn next(playground: &Playground, db: &str) -> String {
    let mut text = "\nTry in another window:\n".to_owned();
    if let Some(site) = playground.sites.first() {
        text += &format!("  harvester oai identify {}\n", site.url);
        text += &format!("  harvester harvest {} --db {db}\n", site.url);
    }
    if let Some(site) = playground.sites.get(2) {
        text +=
            &format!("  harvester oai records {} --format {} | head -1\n", site.url, site.format);
    }
    text + &format!("  harvester resync explore {}\n", playground.source.description())
}
