//! Sources in memory.

use std::time::Duration;

use async_trait::async_trait;

use super::super::clock::until;
use super::super::{
    Erased, Harvested, RunRequest, SourceDefinition, SourceEntry, SourceQuery, SourceStatus,
    SourceStore, StoreError, Trigger,
};
use super::{Data, MemoryStore};
use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::run::RunId;

impl Data {
    /// The entry with its runs.
    fn entry(&self, entry: &SourceEntry) -> SourceEntry {
        let runs = self.runs.values().rev().map(|run| &run.entry);
        let mut runs = runs.filter(|run| run.request.source == entry.definition.id);
        let last_run = runs.next().map(|run| run.id);
        SourceEntry { open_run: self.open_run(&entry.definition.id), last_run, ..entry.clone() }
    }

    pub(super) fn open_run(&self, source: &SourceId) -> Option<RunId> {
        let mut runs = self.runs.values().rev().map(|run| &run.entry);
        let open = runs.find(|run| run.request.source == *source && run.state.is_open());
        open.map(|run| run.id)
    }

    /// Refuses a definition that has what another source has and no two may have.
    fn check_unique(&self, definition: &SourceDefinition) -> Result<(), StoreError> {
        if definition.status == SourceStatus::Archived {
            return Ok(());
        }
        let others =
            self.sources.values().map(|entry| &entry.definition).filter(|other| {
                other.id != definition.id && other.status != SourceStatus::Archived
            });
        for other in others {
            if let Some(what) = definition.shares(&other.likeness(), other.occupies.as_deref()) {
                let (of, by) = (definition.id.clone(), other.id.clone());
                return Err(StoreError::Taken { what, of, by });
            }
        }
        Ok(())
    }

    fn wanted<'a>(&'a self, query: &'a SourceQuery) -> impl Iterator<Item = &'a SourceEntry> {
        let text = query.text.as_deref().map(str::to_lowercase);
        self.sources.values().filter(move |SourceEntry { definition, .. }| {
            text.as_deref().is_none_or(|text| definition.searched().contains(text))
                && query.status.map_or(definition.status != SourceStatus::Archived, |wanted| {
                    definition.status == wanted
                })
                && query.kind.as_ref().is_none_or(|kind| definition.kind == *kind)
                && (query.owner.is_none() || query.owner == definition.owner)
                && query.filter_set.as_ref().is_none_or(|set| definition.uses_filter_set(set))
        })
    }
}

impl MemoryStore {
    fn put_source(
        &self,
        before: Option<&SourceDefinition>,
        definition: &SourceDefinition,
    ) -> Result<SourceEntry, StoreError> {
        let now = self.time();
        let mut data = self.data();
        data.source(&definition.id)?.check_unchanged(before)?;
        data.check_unique(definition)?;
        let entry = data.source(&definition.id)?;
        entry.change(definition.clone(), now);
        let entry = entry.clone();
        self.notify();
        Ok(data.entry(&entry))
    }
}

#[async_trait]
impl SourceStore for MemoryStore {
    async fn add_source(&self, definition: &SourceDefinition) -> Result<SourceEntry, StoreError> {
        let now = self.time();
        let mut data = self.data();
        if data.sources.contains_key(&definition.id) {
            return Err(definition.is_taken());
        }
        data.check_unique(definition)?;
        let entry = SourceEntry::new(definition.clone(), now);
        data.sources.insert(definition.id.clone(), entry.clone());
        self.notify();
        Ok(entry)
    }

    async fn change_source(
        &self,
        definition: &SourceDefinition,
    ) -> Result<SourceEntry, StoreError> {
        self.put_source(None, definition)
    }

    async fn replace_source(
        &self,
        before: &SourceDefinition,
        definition: &SourceDefinition,
    ) -> Result<SourceEntry, StoreError> {
        self.put_source(Some(before), definition)
    }

    async fn remove_source(&self, id: &SourceId) -> Result<(), StoreError> {
        let mut data = self.data();
        data.source(id)?;
        if data.runs.values().any(|run| run.entry.request.source == *id) {
            return Err(StoreError::was_harvested(id));
        }
        data.sources.remove(id);
        data.coverage.remove(id);
        Ok(())
    }

    async fn erase_source(&self, id: &SourceId, _: Harvested) -> Result<Erased, StoreError> {
        let mut data = self.data();
        data.source(id)?;
        if let Some(run) = data.open_run(id) {
            return Err(StoreError::is_running(id, run));
        }
        let (runs, events) = (data.runs.len(), data.events.len());
        data.runs.retain(|_, run| run.entry.request.source != *id);
        data.events.retain(|_, stored| stored.event.scope.source.as_ref() != Some(id));
        data.staged.retain(|_, row| row.source != *id);
        data.ledgers.retain(|(_, source), _| source != id);
        data.coverage.remove(id);
        data.ledgers.retain(|(_, source), _| source != id);
        data.sources.remove(id);
        Ok(Erased {
            runs: (runs - data.runs.len()) as u64,
            events: (events - data.events.len()) as u64,
            records: 0,
        })
    }

    async fn source(&self, id: &SourceId) -> Result<Option<SourceEntry>, StoreError> {
        let data = self.data();
        Ok(data.sources.get(id).map(|entry| data.entry(entry)))
    }

    async fn sources(&self, query: &SourceQuery) -> Result<Vec<SourceEntry>, StoreError> {
        let data = self.data();
        let after = query.page.after.as_ref();
        let behind = |entry: &&SourceEntry| after.is_none_or(|after| entry.definition.id > *after);
        let found = data.wanted(query).filter(behind).take(query.page.limit);
        Ok(found.map(|entry| data.entry(entry)).collect())
    }

    async fn count_sources(&self, query: &SourceQuery) -> Result<u64, StoreError> {
        Ok(self.data().wanted(query).count() as u64)
    }

    async fn set_checkpoint(
        &self,
        id: &SourceId,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<(), StoreError> {
        let mut data = self.data();
        let open = data.open_run(id);
        let source = data.source(id)?;
        if let Some(run) = open {
            return Err(StoreError::is_running(id, run));
        }
        source.checkpoint = checkpoint.cloned();
        Ok(())
    }

    async fn request_due(&self, limit: usize) -> Result<Vec<(SourceId, RunId)>, StoreError> {
        let now = self.time();
        let mut data = self.data();
        let mut due: Vec<_> = data
            .sources
            .iter()
            .filter(|(id, source)| {
                source.definition.status == SourceStatus::Active && data.open_run(id).is_none()
            })
            .filter_map(|(id, source)| Some((source.comes_due()?, id.clone())))
            .filter(|(due, _)| *due <= now)
            .collect();
        due.sort();
        due.truncate(limit);
        let mut asked = Vec::with_capacity(due.len());
        for (_, id) in due {
            let source = data.source(&id)?;
            let mut request = RunRequest::new(id.clone(), source.definition.scheduled());
            (request.trigger, request.due) = (Trigger::Schedule, source.next_due);
            source.came_due(now);
            asked.push((id, data.queue(&request, now)?));
        }
        if !asked.is_empty() {
            self.notify();
        }
        Ok(asked)
    }

    async fn next_due(&self) -> Result<Option<Duration>, StoreError> {
        let now = self.time();
        let data = self.data();
        let waiting = data.sources.iter().filter(|(id, source)| {
            source.definition.status == SourceStatus::Active && data.open_run(id).is_none()
        });
        let next = waiting.filter_map(|(_, source)| source.comes_due()).min();
        Ok(next.map(|due| until(due, now)))
    }
}
