//! Everything harvested, the world moved on, and what changed harvested.

use std::time::{Duration, Instant};

use harvest_pipeline::{Resume, SqliteCatalogue};
use tokio_util::sync::CancellationToken;

use super::harvest::{Harvester, Went};
use super::playground::{Changes, Playground};
use crate::args::GlobalArgs;
use crate::progress::Console;
use crate::report::Failure;

/// How both harvests of all sites went.
#[derive(Debug)]
pub(super) struct Tour {
    pub(super) first: Vec<Went>,
    pub(super) second: Vec<Went>,
    /// Whether the database had nothing of the sites before.
    pub(super) was_new: bool,
    /// Whether the database got what the sites have.
    pub(super) as_expected: bool,
    pub(super) elapsed: Duration,
}

/// Harvests everything into `db`, lets the world move one step, and harvests what changed.
///
/// # Errors
/// If a site or the database fails, or if it is stopped.
pub(super) async fn tour(
    playground: &Playground,
    db: &str,
    global: &GlobalArgs,
    console: &Console,
    stop: &CancellationToken,
) -> Result<Tour, Failure> {
    let started = Instant::now();
    let catalogue = SqliteCatalogue::open(db).await?;
    let harvester = Harvester { catalogue: &catalogue, global, console, stop };
    let there: Vec<_> = playground.sites.iter().map(|site| site.live()).collect();
    // The sites have forgotten whatever a database may know of another demo at the same ports.
    let first = harvester.all(&playground.sites, &Resume::Afresh).await?;
    let moved = playground.step().await?;
    let second = harvester.all(&playground.sites, &Resume::FromSink).await?;
    catalogue.close().await?;

    let was_new = first.iter().zip(&there).all(|(went, there)| went.counters.created == *there);
    // What is known to be gone, and is, is unchanged as well.
    let is_complete = first.iter().zip(&there).all(|(went, there)| {
        let counted = went.counters;
        counted.created + counted.updated + counted.unchanged >= *there
    });
    let is_followed = second.iter().zip(&moved).all(|(went, moved)| Changes::of(went) == *moved);
    let has_failed = first.iter().chain(&second).any(|went| went.counters.failed > 0);
    Ok(Tour {
        as_expected: is_complete && !has_failed && (is_followed || !was_new),
        first,
        second,
        was_new,
        elapsed: started.elapsed(),
    })
}
