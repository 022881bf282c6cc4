//! Comparing what a source gives with what is here.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::batch::{Change, Item, SourceId};
use crate::catalogue::Catalogue;
use crate::error::RunError;
use crate::filter::Known;
use crate::run::{Counters, Outcome, Run, RunId, Ticket};
use crate::sink::{Entry, Hold, ParsedBatch, Sink, Written};
use crate::store::Store;

/// Says what storing a record would do.
#[derive(Clone, Debug)]
pub(super) struct Comparison(pub(super) Arc<dyn Catalogue>);

impl Comparison {
    pub(super) async fn known(
        &self,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Known>, RunError> {
        self.0.known(source, identifiers).await
    }

    /// What would become of each entry.
    pub(super) async fn outcomes<R: Sync>(
        &self,
        batch: &ParsedBatch<R>,
    ) -> Result<Vec<Outcome>, RunError> {
        let items = batch.entries.iter().filter_map(Entry::item);
        let identifiers: Vec<&str> = items.map(|item| &*item.identifier).collect();
        let known = self.known(&batch.source, &identifiers).await?;
        let mut outcomes = Vec::with_capacity(batch.entries.len());
        for entry in &batch.entries {
            outcomes.push(match entry {
                Entry::Rejected { .. } | Entry::Failed { .. } => entry.plain_outcome(),
                Entry::Put { item, .. }
                | Entry::Prepared { item }
                | Entry::Delete { item }
                | Entry::Unchanged { item } => {
                    self.outcome(&batch.source, item, known.get(&item.identifier)).await?
                }
            });
        }
        Ok(outcomes)
    }

    async fn outcome(
        &self,
        source: &SourceId,
        item: &Item,
        known: Option<&Known>,
    ) -> Result<Outcome, RunError> {
        let live = known.is_some_and(|known| known.live);
        Ok(match &item.change {
            Change::Delete if live => Outcome::Deleted,
            Change::Delete if known.is_some() => Outcome::Unchanged,
            Change::Delete => Outcome::SkippedDeleted,
            Change::Put(_) | Change::Listed if !live => Outcome::Created,
            // What is only listed is another version by what the list says of it.
            Change::Listed => match (&item.version, known.and_then(|it| it.version.as_ref())) {
                (Some(listed), Some(stored)) if listed != stored => Outcome::Updated,
                _ => Outcome::Unchanged,
            },
            Change::Put(payload) => match self.0.find(source, &item.identifier).await? {
                Some(stored)
                    if stored.metadata.as_deref() == Some(&*payload.body)
                        && stored.datestamp == item.datestamp
                        && stored.sets == item.sets =>
                {
                    Outcome::Unchanged
                }
                _ => Outcome::Updated,
            },
        })
    }
}

/// A sink that only compares: it counts what is missing here, what differs, what is the same, and
/// remembers what it has seen of what is here.
#[derive(Debug)]
pub(super) struct Audit {
    pub(super) store: Arc<dyn Store>,
    pub(super) comparison: Comparison,
    hasher: RandomState,
    /// A hash for each live record that the source still has: 8 bytes, whatever the identifier.
    seen: Mutex<HashSet<u64>>,
}

impl Audit {
    pub(super) fn new(store: Arc<dyn Store>, comparison: Comparison) -> Self {
        Self { store, comparison, hasher: RandomState::new(), seen: Mutex::default() }
    }

    /// How many live records the source did not list.
    pub(super) async fn absent(&self, source: &SourceId) -> Result<u64, RunError> {
        let summary = self.comparison.0.summary(source).await?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
        Ok(summary.map_or(0, |summary| summary.live).saturating_sub(seen))
    }

    /// Counts records that are here and not there.
    pub(super) async fn count_absent(&self, ticket: Ticket, absent: u64) -> Result<(), RunError> {
        let counters = Counters { deleted: absent, ..Counters::default() };
        Ok(self.store.count(ticket, &counters, 0).await?)
    }
}

#[async_trait]
impl<R: Send + Sync + 'static> Sink<R> for Audit {
    async fn begin(&self, _: &Run) -> Result<Hold, RunError> {
        Ok(Hold::nothing())
    }

    async fn known(
        &self,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Known>, RunError> {
        self.comparison.known(source, identifiers).await
    }

    async fn write(&self, run: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let outcomes = self.comparison.outcomes(&batch).await?;
        // Those that failed or that filters leave out are there all the same.
        let listed: Vec<&str> =
            batch.entries.iter().filter_map(|entry| entry.seen(false)).collect();
        let known = self.comparison.known(&batch.source, &listed).await?;
        let live = known.iter().filter(|(_, known)| known.live);
        let live = live.map(|(identifier, _)| self.hasher.hash_one(identifier));
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(live);
        if let Some(ticket) = run.ticket {
            let counters = outcomes.iter().copied().collect();
            self.store.count(ticket, &counters, batch.bytes).await?;
        }
        Ok(Written::new(outcomes))
    }
}

/// One record that a dry run would change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The record.
    pub identifier: String,
    /// What storing it would do.
    pub outcome: Outcome,
    /// Its metadata here, as standalone XML.
    pub here: Option<String>,
    /// Its metadata at the source.
    pub there: Option<String>,
}

/// What applying a dry run would change, from `after` on, which is 0 at first: a batch at a time, and
/// where to go on; `None` at the end. What would not change is left out. For whoever only looks:
/// [`Installation::differences`](super::Installation::differences) is the same.
///
/// # Errors
/// If store or catalogue cannot be read.
pub async fn differences(
    store: &dyn Store,
    catalogue: &Arc<dyn Catalogue>,
    source: &SourceId,
    run: RunId,
    after: i64,
) -> Result<Option<(Vec<Difference>, i64)>, RunError> {
    let Some(staged) = store.staged(source, Some(run), after).await? else { return Ok(None) };
    let comparison = Comparison(Arc::clone(catalogue));
    let mut differences = Vec::new();
    for item in staged.batch.items.iter().flatten() {
        let known = comparison.known(source, &[&item.identifier]).await?;
        let outcome = comparison.outcome(source, item, known.get(&item.identifier)).await?;
        if matches!(outcome, Outcome::Unchanged | Outcome::SkippedDeleted) {
            continue;
        }
        let here = catalogue.find(source, &item.identifier).await?;
        differences.push(Difference {
            identifier: item.identifier.clone(),
            outcome,
            here: here.and_then(|record| record.metadata),
            there: item.payload().map(|payload| payload.body.clone()),
        });
    }
    Ok(Some((differences, staged.id)))
}
