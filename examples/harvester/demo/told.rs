//! What is said about the demo, for people and as JSON.

use std::path::Path;

use serde_json::{Value, json};

use super::harvest::Went;
use super::playground::{Playground, Protocol, Site};
use super::tour::Tour;
use crate::progress::{count, took};

/// The sources that are served, as JSON.
pub(super) fn serving_json(playground: &Playground) -> Value {
    let sources: Vec<_> = playground.sites.iter().map(site_json).collect();
    json!({"event": "serving", "sources": sources})
}

/// The sources that are served, and what to do with them.
pub(super) fn serving(playground: &Playground) -> String {
    let mut text =
        "Serving on this machine; every 5 s something changes. Ctrl-C ends it.\n\n".to_owned();
    for site in &playground.sites {
        let protocol = site.protocol.name();
        text += &format!("  {:<20} {protocol:<13} {:<11} {}\n", site.name, site.format, site.url);
    }
    text += "\nTry in another window:\n";
    let harvest = "--db sqlite:try.db";
    let commands = playground.sites.iter().enumerate().map(|(number, site)| match site.protocol {
        Protocol::OaiPmh if number == 0 => format!("oai identify {}", site.url),
        Protocol::OaiPmh => {
            format!("harvest {} --format {} {harvest}", site.url, site.format)
        }
        Protocol::ResourceSync => format!("resync explore {}", site.url),
        Protocol::HarvestList => format!("harvest {} {harvest}", site.url),
    });
    text.extend(commands.map(|command| format!("  harvester {command}\n")));
    text + &format!("  harvester records {harvest} --format csv\n")
}

/// The whole system is about to run.
pub(super) fn system(db: &str, delivered: &Path) -> String {
    let delivered = delivered.display();
    format!(
        "The whole system runs on this machine: sources of every kind, in which something changes every\n\
         5 s, a scheduler that has them harvested every minute, a worker, and the admin system. Ctrl-C\n\
         ends it. What is harvested is delivered to a target, here a folder of JSON Lines:\n  \
         {delivered}\n\n\
         Log in as `admin` with the password that is shown here once. In another window:\n\n  \
         harvester status --db {db}\n  \
         harvester run list --db {db}\n  \
         harvester target show index --db {db}\n  \
         harvester records --db {db} --format csv\n\n\
         The admin system is at the address\n"
    )
}

/// What there is at a site.
fn site_json(site: &Site) -> Value {
    json!({
        "name": site.name,
        "protocol": site.protocol.name(),
        "url": site.url.as_str(),
        "format": site.format,
        "live": site.live(),
        "deleted": site.deleted(),
    })
}

/// How it went, as JSON.
pub(super) fn summary_json(playground: &Playground, tour: &Tour, db: &str) -> Value {
    let went = tour.first.iter().zip(&tour.second);
    let sources: Vec<_> = playground
        .sites
        .iter()
        .zip(went)
        .map(|(site, (first, second))| {
            let mut told = site_json(site);
            told["source"] = json!(first.source.as_str());
            told["first"] = went_json(first);
            told["second"] = went_json(second);
            told["faults"] = json!(site.faults());
            told
        })
        .collect();
    json!({
        "event": "summary",
        "db": db,
        "as_expected": tour.as_expected,
        "sources": sources,
        "seconds": (tour.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
    })
}

fn went_json(went: &Went) -> Value {
    let counted = &went.counters;
    json!({
        "records": counted.total(),
        "created": counted.created,
        "updated": counted.updated,
        "unchanged": counted.unchanged,
        "deleted": counted.deleted,
        "already_deleted": counted.skipped_deleted,
        "failed": counted.failed,
        "repairs": went.repairs,
        "retries": went.retries,
        "seconds": (went.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
    })
}

/// How it went.
pub(super) fn summary(playground: &Playground, tour: &Tour, db: &str) -> String {
    let sites = &playground.sites;
    let mut text = "The first time, everything is harvested:\n\n".to_owned();
    text += &table(sites, &tour.first);
    text += "\nThen works are added, changed and withdrawn, and only those are fetched:\n\n";
    text += &table(sites, &tour.second);
    text.push('\n');
    for site in sites.iter().filter(|site| site.faults() > 0) {
        text += &format!(
            "{} failed {} times on purpose (503, a reset, half a page, an expired token); nothing\n\
             is missing.\n",
            site.name,
            site.faults()
        );
    }
    for site in sites.iter().filter(|site| site.protocol == Protocol::HarvestList) {
        text += &format!(
            "{} has a list only: every run reads all of it, fetches newer revisions, and keeps\n\
             what the list names no longer.\n",
            site.name
        );
    }
    if !tour.was_new {
        text += "The database knew of these sources already, so not everything was new to it.\n";
    }
    text += &format!("\nAll of it took {}. Where to look:\n\n", took(tour.elapsed));
    let mut commands = vec![
        (format!("records --db {db} --format csv"), "what came of it"),
        ("demo --serve-only".to_owned(), "the sources, kept running"),
    ];
    if let Some(went) = tour.first.first() {
        // Several sources have records in its format.
        let serve = format!("oai serve {db} --source '{}'", went.source);
        commands.insert(1, (serve, "the first of them, passed on to others"));
    }
    for (command, what) in commands {
        text += &format!("  # {what}\n  harvester {command}\n");
    }
    text
}

fn table(sites: &[Site], all: &[Went]) -> String {
    let mut text = format!(
        "  {:<18} {:<12} {:>7} {:>7} {:>7} {:>9} {:>6} {:>7} {:>7} {:>7}\n",
        "source",
        "protocol",
        "created",
        "updated",
        "deleted",
        "unchanged",
        "failed",
        "repairs",
        "retries",
        "time"
    );
    for (site, went) in sites.iter().zip(all) {
        let counted = &went.counters;
        text += &format!(
            "  {:<18} {:<12} {:>7} {:>7} {:>7} {:>9} {:>6} {:>7} {:>7} {:>7}\n",
            site.name,
            site.protocol.name(),
            count(counted.created),
            count(counted.updated),
            count(counted.deleted + counted.skipped_deleted),
            count(counted.unchanged),
            count(counted.failed),
            count(went.repairs),
            count(went.retries),
            took(went.elapsed),
        );
    }
    text
}
