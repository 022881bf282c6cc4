//! What it means that a harvest came to its end: which time is covered, whether nothing is nothing, and
//! what the source does not have any more.

use chrono::{DateTime, NaiveDate, Utc};

use super::installation::Installation;
use super::origin::DOUBT;
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::run::{Run, RunId, Ticket};
use crate::source::Source;
use crate::store::{
    Coverage, EmptyWindow, Ending, Event, EventLevel, EventQuery, Held, RunEntry, RunKind,
    RunRequest, SourceDefinition, StoreError, Trigger,
};

/// A harvest that came to its end, and what is left to do.
#[derive(Debug)]
pub(super) struct Settled {
    /// Records no run has seen since this one are gone.
    absent_since: Option<RunId>,
    /// A person agreed to delete them.
    approved: bool,
}

impl Settled {
    /// A person agreed to the deletions of a run whose records are all stored.
    pub(super) fn approved() -> Self {
        Self { absent_since: None, approved: true }
    }
}

/// Notes what was covered, and judges an empty window. Says whether the source is taken to be off.
pub(super) async fn covered(
    installation: &Installation,
    ticket: Ticket,
    entry: &RunEntry,
    definition: &SourceDefinition,
    source: &dyn Source,
) -> Result<bool, RunError> {
    let (store, catalogue) = (installation.store(), installation.catalogue());
    let run = Run::new(definition.id.clone()).with_ticket(ticket);
    // As it is now: the counters of all attempts, and where the source stands.
    let counters = store.run(entry.id).await?.map(|entry| entry.counters).unwrap_or_default();
    let stands = catalogue.checkpoint(&definition.id).await?;
    let began = entry.began_at.as_ref();
    let until = stands.as_ref().and_then(|at| time(source, at));
    let Some(until) = until else { return Ok(false) };
    let from = began.and_then(|at| time(source, at));
    let covered =
        Coverage::new(from, until, entry.id).with_records(counters.total(), counters.failed);
    judge(installation, &run, definition, began, &covered).await
}

/// Notes that the run saw everything that the source has, if it did, and what that means.
pub(super) async fn whole(
    installation: &Installation,
    ticket: Ticket,
    entry: &RunEntry,
    definition: &SourceDefinition,
    source: &dyn Source,
) -> Result<Settled, RunError> {
    let absent_since = match definition.policies.deletions.absent_after {
        Some(lists)
            if source.lists_everything(entry.began_at.as_ref())
                && !is_doubtful(installation, entry).await? =>
        {
            installation.store().note_whole(ticket, lists.get()).await?
        }
        _ => None,
    };
    Ok(Settled { absent_since, approved: false })
}

/// Enters what was covered, and does about an empty window what the policy says.
async fn judge(
    installation: &Installation,
    run: &Run,
    definition: &SourceDefinition,
    began: Option<&Checkpoint>,
    covered: &Coverage,
) -> Result<bool, RunError> {
    let (store, catalogue) = (installation.store(), installation.catalogue());
    let earlier = store.coverage(&definition.id, None).await?;
    let policy = definition.policies.empty_window;
    let is_held = covered.is_empty() && policy == EmptyWindow::Hold;
    if is_held {
        catalogue.rewind(run, began).await?;
    } else {
        store.cover(&definition.id, covered).await?;
    }
    let found_before = earlier.iter().any(|coverage| !coverage.is_empty());
    if covered.is_empty() && found_before {
        let what = match policy {
            EmptyWindow::Hold => "the next run begins where this one began",
            EmptyWindow::Advance | EmptyWindow::Backfill => {
                "the next run begins where this one ended"
            }
        };
        let message = format!(
            "the source had nothing to give, as it had before; if it was off meanwhile, changes may \
             be missing. By the policy for this, {what}"
        );
        let event = Event::new("EmptyWindow", EventLevel::Warning, message);
        store.record(&[event.in_run(definition.id.clone(), covered.run)]).await?;
    }
    Ok(is_held)
}

/// Asks for the run that must follow one that succeeded, if any: by [`EmptyWindow::Backfill`], over the
/// time in which the source had nothing to give, now that it has something again.
pub(super) async fn follow(
    installation: &Installation,
    entry: &RunEntry,
) -> Result<(), StoreError> {
    let definition = Installation::settings(entry)?;
    let is_harvest = entry.request.kind == RunKind::Harvest && !entry.request.dry_run;
    if !is_harvest || definition.policies.empty_window != EmptyWindow::Backfill {
        return Ok(());
    }
    let store = installation.store();
    let coverage = store.coverage(&definition.id, None).await?;
    let Some(first) = to_fill(&coverage) else { return Ok(()) };
    let Some(first) = store.run(first.run).await? else { return Ok(()) };
    let mut request = RunRequest::new(definition.id, RunKind::Harvest);
    request.trigger = Trigger::Follow;
    request.full = first.began_at.is_none();
    request.from = first.began_at;
    request.parent = Some(entry.id);
    store.request_run(&request).await?;
    Ok(())
}

/// The first empty stretch of time that lies between others that are not, and that no later run covered
/// once more.
fn to_fill(coverage: &[Coverage]) -> Option<&Coverage> {
    let found = |coverage: &Coverage| !coverage.is_empty();
    let first = coverage.iter().position(found)?;
    let last = coverage.iter().rposition(found)?;
    coverage.get(first..last)?.iter().find(|empty| {
        let again = |later: &Coverage| {
            later.run > empty.run && later.from <= empty.from && later.until >= empty.until
        };
        empty.is_empty() && !coverage.iter().any(again)
    })
}

/// Whether something may be missing from the list: this worker or one before it doubted that.
async fn is_doubtful(installation: &Installation, entry: &RunEntry) -> Result<bool, RunError> {
    let mut query = EventQuery {
        run: Some(entry.id),
        level: Some(EventLevel::Warning),
        ..EventQuery::default()
    };
    loop {
        let events = installation.store().events(&query).await?;
        let Some(last) = events.last() else { return Ok(false) };
        if events.iter().any(|it| it.event.code == DOUBT) {
            return Ok(true);
        }
        query.page = query.page.after(last.id);
    }
}

/// Deletes what is gone, or asks a person first.
pub(super) async fn finish(
    installation: &Installation,
    ticket: Ticket,
    entry: &RunEntry,
    settled: Settled,
) -> Result<Ending, RunError> {
    let (store, catalogue) = (installation.store(), installation.catalogue());
    let definition = Installation::settings(entry)?;
    let lists = definition.policies.deletions.absent_after;
    let since = match (settled.absent_since, lists) {
        (None, Some(lists)) if settled.approved => store.note_whole(ticket, lists.get()).await?,
        (since, _) => since,
    };
    let Some(since) = since else { return Ok(Ending::Done) };
    if !settled.approved {
        let absent = catalogue.count_absent(&definition.id, since).await?;
        let live = catalogue.summary(&definition.id).await?.map_or(0, |summary| summary.live);
        if definition.policies.guard.holds(absent, live) {
            return Ok(Ending::Held(Held::new(absent, live)));
        }
    }
    let run = Run::new(definition.id.clone()).with_ticket(ticket);
    catalogue.delete_absent(&run, since).await?;
    Ok(Ending::Done)
}

/// The time that a checkpoint stands for.
fn time(source: &dyn Source, checkpoint: &Checkpoint) -> Option<DateTime<Utc>> {
    let written = source.next_from(checkpoint)?;
    let day = |text: &str| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0);
    written.parse().ok().or_else(|| day(&written).map(|day| day.and_utc()))
}
