//! What a batch changes, decided before anything is written.

use std::collections::HashMap;

use super::prepare::{Prepared, Version};
use crate::error::RecordError;
use crate::run::Outcome;
use crate::sink::Entry;

/// What the catalogue holds of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub(crate) deleted: bool,
    pub(crate) digest: [u8; 16],
    /// Of interest to those who count the references to it.
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code))]
    pub(crate) payload: Option<i64>,
    /// Counts the versions of the record.
    pub(crate) number: i64,
}

/// What is to be done, and what came of each record.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) outcomes: Vec<Outcome>,
    /// What to write, in the order of the table: ascending by identifier, each once.
    pub(crate) writes: Vec<Write>,
    /// The entries that need nothing but a note that they were seen.
    pub(crate) seen: Vec<usize>,
    pub(crate) failures: Vec<RecordError>,
    pub(crate) stock: Stock,
}

/// How many records there are more than before, or fewer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stock {
    pub(crate) live: i64,
    pub(crate) tombstones: i64,
}

impl Stock {
    fn add(&mut self, deleted: bool, records: i64) {
        *if deleted { &mut self.tombstones } else { &mut self.live } += records;
    }
}

/// A row of `records` to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    /// Which entry of the batch.
    pub(crate) entry: usize,
    /// What the catalogue holds so far.
    pub(crate) before: Option<Stored>,
}

struct Current {
    before: Option<Stored>,
    /// What it will hold once the entries so far are written.
    stored: Option<Stored>,
    entry: usize,
    write: bool,
}

/// Decides about each entry in the order of the list. If a record occurs twice, both count and the
/// last one is written. `by_name`: see [`Entry::seen`].
pub(crate) fn plan<R>(
    entries: &[Entry<R>],
    prepared: &Prepared,
    stored: &HashMap<usize, Stored>,
    by_name: bool,
) -> Plan {
    let mut plan = Plan::default();
    let mut records: HashMap<&str, Current> = HashMap::with_capacity(entries.len());
    for (entry, (decided, version)) in entries.iter().zip(prepared).enumerate() {
        let outcome = match (decided, version) {
            (_, Some(Err(error))) => {
                plan.failures.push(error.clone());
                Outcome::Failed
            }
            (
                Entry::Put { item, .. } | Entry::Prepared { item } | Entry::Delete { item },
                Some(Ok(version)),
            ) => {
                let now = current(&mut records, &item.identifier, entry, stored);
                let (outcome, write) = change(now.stored, version);
                if write {
                    let deleted = version.content.is_none();
                    let (payload, number) = (None, 0);
                    now.stored = Some(Stored { deleted, digest: version.digest, payload, number });
                    now.entry = entry;
                    now.write = true;
                }
                outcome
            }
            // Stored before, it stays, and the source has it still.
            _ => {
                if let Some(identifier) =
                    decided.seen(by_name).filter(|_| stored.contains_key(&entry))
                {
                    current(&mut records, identifier, entry, stored);
                }
                decided.plain_outcome()
            }
        };
        plan.outcomes.push(outcome);
    }

    let mut changed: Vec<_> = Vec::with_capacity(records.len());
    for (identifier, current) in records {
        if current.write {
            if let Some(before) = current.before {
                plan.stock.add(before.deleted, -1);
            }
            plan.stock.add(current.stored.is_some_and(|it| it.deleted), 1);
            changed.push((identifier, current));
        } else if current.stored.is_some() {
            plan.seen.push(current.entry);
        }
    }
    changed.sort_unstable_by_key(|(identifier, _)| *identifier);
    let writes = changed.into_iter();
    plan.writes = writes.map(|(_, it)| Write { entry: it.entry, before: it.before }).collect();
    plan.seen.sort_unstable();
    plan
}

fn current<'m, 'i>(
    records: &'m mut HashMap<&'i str, Current>,
    identifier: &'i str,
    entry: usize,
    stored: &HashMap<usize, Stored>,
) -> &'m mut Current {
    records.entry(identifier).or_insert_with(|| {
        let stored = stored.get(&entry).copied();
        Current { before: stored, stored, entry, write: false }
    })
}

/// What it means that `version` comes to what is stored, and whether it must be written.
fn change(stored: Option<Stored>, version: &Version) -> (Outcome, bool) {
    let deletes = version.content.is_none();
    match stored {
        None if deletes => (Outcome::SkippedDeleted, true),
        None => (Outcome::Created, true),
        Some(stored) => {
            let same = stored.digest == version.digest && stored.deleted == deletes;
            match (stored.deleted, deletes) {
                (true, true) => (Outcome::Unchanged, !same),
                (true, false) => (Outcome::Created, true),
                (false, true) => (Outcome::Deleted, true),
                (false, false) if same => (Outcome::Unchanged, false),
                (false, false) => (Outcome::Updated, true),
            }
        }
    }
}
