//! Targets, and what they have, in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Data, MemoryStore};
use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::run::Ticket;
use crate::store::{Offered, Owed, Page, Standing, StoreError, TargetDefinition, TargetStore};
use crate::targets::{Deliveries, Delivery};

/// How a target stands with a source.
#[derive(Default)]
pub(super) struct Ledger {
    delivered: HashMap<String, Delivery>,
    owed: BTreeMap<String, Owed>,
    position: Option<Checkpoint>,
    served: Option<DateTime<Utc>>,
    failure: Option<(String, DateTime<Utc>)>,
    /// Whether the target was offered anything yet.
    is_open: bool,
}

impl Data {
    fn ledger(&self, target: &str, source: &SourceId) -> Option<&Ledger> {
        self.ledgers.get(&(target.to_owned(), source.clone()))
    }

    fn ledger_mut(&mut self, target: &str, source: &SourceId) -> Result<&mut Ledger, StoreError> {
        self.source(source)?;
        Ok(self.ledgers.entry((target.to_owned(), source.clone())).or_default())
    }
}

#[async_trait]
impl Deliveries for MemoryStore {
    async fn last(
        &self,
        target: &str,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Delivery>, RunError> {
        let data = self.data();
        let Some(ledger) = data.ledger(target, source) else { return Ok(HashMap::new()) };
        let found = identifiers.iter().filter_map(|it| ledger.delivered.get_key_value(*it));
        Ok(found.map(|(identifier, delivery)| (identifier.clone(), delivery.clone())).collect())
    }

    async fn note(
        &self,
        target: &str,
        source: &SourceId,
        deliveries: Vec<(String, Delivery)>,
    ) -> Result<(), RunError> {
        let mut data = self.data();
        let ledger = data.ledger_mut(target, source)?;
        for (identifier, delivery) in deliveries {
            ledger.owed.remove(&identifier);
            ledger.delivered.insert(identifier, delivery);
        }
        Ok(())
    }
}

#[async_trait]
impl TargetStore for MemoryStore {
    async fn put_target(&self, target: &TargetDefinition) -> Result<(), StoreError> {
        let mut data = self.data();
        for source in target.sources.iter().flatten() {
            data.source(source)?;
        }
        let sets = &target.condition.filter_sets;
        if let Some(missing) = sets.iter().find(|name| !data.filter_sets.contains_key(*name)) {
            return Err(StoreError::missing("filter set", missing));
        }
        data.targets.insert(target.name.clone(), target.clone());
        Ok(())
    }

    async fn remove_target(&self, name: &str) -> Result<(), StoreError> {
        let mut data = self.data();
        data.targets.remove(name).ok_or_else(|| StoreError::missing("target", name))?;
        data.ledgers.retain(|(target, _), _| target != name);
        Ok(())
    }

    async fn target(&self, name: &str) -> Result<Option<TargetDefinition>, StoreError> {
        Ok(self.data().targets.get(name).cloned())
    }

    async fn targets(&self) -> Result<Vec<TargetDefinition>, StoreError> {
        Ok(self.data().targets.values().cloned().collect())
    }

    async fn offered_to(
        &self,
        target: &str,
        source: &SourceId,
    ) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.data().ledger(target, source).and_then(|ledger| ledger.position.clone()))
    }

    async fn note_offered(
        &self,
        ticket: Ticket,
        target: &str,
        source: &SourceId,
        offered: &Offered,
    ) -> Result<(), StoreError> {
        let mut data = self.data();
        data.ticketed(ticket)?;
        let ledger = data.ledger_mut(target, source)?;
        ledger.is_open = true;
        let failed: BTreeMap<_, _> = offered
            .failures
            .iter()
            .filter_map(|failure| Some((failure.identifier.as_ref()?, &failure.message)))
            .collect();
        ledger.owed.retain(|it, _| failed.contains_key(it) || !offered.records.contains(it));
        for (identifier, message) in failed {
            let tries = ledger.owed.get(identifier).map_or(0, |owed| owed.tries) + 1;
            let (identifier, message) = (identifier.clone(), message.clone());
            ledger.owed.insert(identifier.clone(), Owed { identifier, message, tries });
        }
        ledger.position = offered.position.clone().or(ledger.position.take());
        Ok(())
    }

    async fn note_served(
        &self,
        ticket: Ticket,
        target: &str,
        source: &SourceId,
        failure: Option<&str>,
    ) -> Result<(), StoreError> {
        let now = self.time();
        let mut data = self.data();
        data.ticketed(ticket)?;
        let ledger = data.ledger_mut(target, source)?;
        ledger.is_open = true;
        ledger.failure = failure.map(|message| (message.to_owned(), now));
        if failure.is_none() {
            ledger.served = Some(now);
        }
        Ok(())
    }

    async fn owed(
        &self,
        target: &str,
        source: &SourceId,
        page: &Page<String>,
    ) -> Result<Vec<Owed>, StoreError> {
        let data = self.data();
        let Some(ledger) = data.ledger(target, source) else { return Ok(Vec::new()) };
        let after = page.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let behind = ledger.owed.range::<String, _>((after, Bound::Unbounded));
        Ok(behind.take(page.limit).map(|(_, owed)| owed.clone()).collect())
    }

    async fn standings(&self, target: &str) -> Result<Vec<Standing>, StoreError> {
        let data = self.data();
        let ledgers = data.ledgers.iter().filter(|((name, _), it)| name == target && it.is_open);
        let standings = ledgers.map(|((_, source), ledger)| {
            let withdrawn = ledger.delivered.values().filter(|it| it.withdrawn).count();
            Standing {
                source: source.clone(),
                delivered: (ledger.delivered.len() - withdrawn) as u64,
                withdrawn: withdrawn as u64,
                owed: ledger.owed.len() as u64,
                position: ledger.position.clone(),
                served: ledger.served,
                failure: ledger.failure.clone(),
            }
        });
        Ok(standings.collect())
    }

    async fn offer_again(&self, target: &str, source: &SourceId) -> Result<(), StoreError> {
        let mut data = self.data();
        let ledger = data.ledger_mut(target, source)?;
        ledger.position = None;
        ledger.served = None;
        ledger.delivered.values_mut().for_each(|delivery| delivery.version.clear());
        Ok(())
    }
}
