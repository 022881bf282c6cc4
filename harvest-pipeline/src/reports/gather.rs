//! What there is to tell about a run.

use chrono::{DateTime, Utc};

use crate::catalogue::RecordQuery;
use crate::engine::Installation;
use crate::error::RunError;
use crate::run::RunId;
use crate::store::{
    EventLevel, EventQuery, Page, RunEntry, SourceDefinition, StoreError, StoredEvent,
};

/// How many records and how many events a report names. Beyond that they are only counted.
const NAMED: usize = 1000;

/// A harvest that is over, and what there is to tell about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Harvested {
    /// The source, as it was set up for the run.
    pub source: SourceDefinition,
    /// The run.
    pub run: RunEntry,
    /// The identifiers of records that were not here before.
    pub created: Vec<String>,
    /// The identifiers of records that were changed.
    pub updated: Vec<String>,
    /// What happened, in order.
    pub events: Vec<StoredEvent>,
    /// When the source is harvested next by itself.
    pub next_due: Option<DateTime<Utc>>,
}

impl Harvested {
    /// What there is to tell about a run that is over.
    ///
    /// # Errors
    /// If there is no such run, or store or catalogue cannot be read.
    pub async fn gather(installation: &Installation, run: RunId) -> Result<Self, RunError> {
        let (store, catalogue) = (installation.store(), installation.catalogue());
        let entry = store.run(run).await?.ok_or_else(|| StoreError::missing("run", &run))?;
        let source = Installation::settings(&entry)?;
        let next_due = store.source(&source.id).await?.and_then(|entry| entry.next_due);
        let query =
            EventQuery { run: Some(run), page: Page::first(NAMED), ..EventQuery::default() };
        let mut events = store.events(&query).await?;
        events.reverse();
        let query = RecordQuery {
            source: Some(source.id.clone()),
            run: Some(run),
            deleted: Some(false),
            page: Page::first(NAMED),
            ..RecordQuery::default()
        };
        let records = catalogue.list(&query).await?;
        let (created, updated): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.first_run == run.0);
        let identifiers = |records: Vec<crate::StoredRecord>| {
            records.into_iter().map(|record| record.identifier).collect()
        };
        Ok(Self {
            created: identifiers(created),
            updated: identifiers(updated),
            source,
            run: entry,
            events,
            next_due,
        })
    }

    /// How many things went wrong: records that failed, and the run itself.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.run.counters.failed + u64::from(self.run.failure.is_some())
    }

    /// Who is told besides those who run the installation: those who look after the source, unless
    /// the fault is one that they cannot mend.
    #[must_use]
    pub fn contacts(&self) -> &[String] {
        match &self.run.failure {
            Some(failure) if !failure.at_source => &[],
            _ => &self.source.contacts,
        }
    }

    /// Those of the events that matter at least so much.
    pub(super) fn events(&self, least: EventLevel) -> impl Iterator<Item = &StoredEvent> {
        self.events.iter().filter(move |event| event.event.level <= least)
    }
}
