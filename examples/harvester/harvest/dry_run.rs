//! A sink that stores nothing and tells what it would have done.

use std::collections::HashMap;

use async_trait::async_trait;
use harvest_pipeline::{
    Checkpoint, Entry, Known, Outcome, ParsedBatch, Run, RunError, Sink, SourceId, Written,
};

/// Compares with a catalogue, if there is one, by datestamps and versions.
#[derive(Debug)]
pub(super) struct DryRun<K> {
    known: Option<K>,
}

impl<K> DryRun<K> {
    pub(super) fn new(known: Option<K>) -> Self {
        Self { known }
    }
}

#[async_trait]
impl<R: Send + Sync + 'static, K: Sink<R>> Sink<R> for DryRun<K> {
    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        match &self.known {
            Some(catalogue) => Sink::<R>::checkpoint(catalogue, source).await,
            None => Ok(None),
        }
    }

    async fn known(
        &self,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Known>, RunError> {
        match &self.known {
            Some(catalogue) => Sink::<R>::known(catalogue, source, identifiers).await,
            None => Ok(HashMap::new()),
        }
    }

    async fn write(&self, run: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let items = batch.entries.iter().filter_map(Entry::item);
        let identifiers: Vec<&str> = items.map(|item| &*item.identifier).collect();
        let known = Sink::<R>::known(self, &run.source, &identifiers).await?;
        let outcomes = batch.entries.iter().map(|entry| {
            let stored = entry.item().and_then(|item| known.get(&item.identifier));
            match entry {
                Entry::Put { item, .. } => match stored {
                    Some(stored)
                        if stored.live
                            && stored.datestamp == item.datestamp
                            && stored.version == item.version =>
                    {
                        Outcome::Unchanged
                    }
                    Some(stored) if stored.live => Outcome::Updated,
                    _ => Outcome::Created,
                },
                Entry::Delete { .. } => match stored {
                    Some(stored) if stored.live => Outcome::Deleted,
                    Some(_) => Outcome::Unchanged,
                    None => Outcome::SkippedDeleted,
                },
                entry => entry.plain_outcome(),
            }
        });
        Ok(Written::new(outcomes.collect()))
    }
}
