//! Records in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::repository::is_in_set;
use super::{Failure, Key, Repository, is_selected};
use crate::{Datestamp, DeletedRecord, Header, Identify, MetadataFormat, Record, Selection, Set};

/// Raising datestamps: for records that harvesters would otherwise not come back for, such as those
/// that changed while output was off.
#[async_trait]
pub trait Touch: Repository {
    /// Gives the records of these items, in all formats, a new datestamp; says how many there were.
    ///
    /// # Errors
    /// When it cannot be done now.
    async fn touch_items(&self, items: &[&str], now: DateTime<Utc>) -> Result<u64, Failure>;

    /// The same for the records of a set, and of those below it.
    ///
    /// # Errors
    /// When it cannot be done now.
    async fn touch_set(&self, set: &str, now: DateTime<Utc>) -> Result<u64, Failure>;
}

/// A repository in memory, which may change while it is being harvested. Clones are the same
/// repository.
#[derive(Clone)]
pub struct MemoryRepository(Arc<Inner>);

struct Inner {
    identify: Identify,
    formats: Vec<MetadataFormat>,
    content: RwLock<Content>,
}

#[derive(Default)]
struct Content {
    sets: BTreeMap<String, Set>,
    shelves: HashMap<String, Shelf>,
}

/// The records of one format.
#[derive(Default)]
struct Shelf {
    records: BTreeMap<Key, Record>,
    keys: HashMap<String, Key>,
}

/// Why a [`MemoryRepository`] does not take a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// It has no datestamp, by which lists are ordered.
    #[error("{0} has no datestamp: give it the time when it was changed")]
    NoDatestamp(String),
    /// The repository was made without this format.
    #[error("there is no format {0}: name it when the repository is made")]
    NoFormat(String),
}

impl MemoryRepository {
    /// An empty repository.
    #[must_use]
    pub fn new(identify: Identify, formats: impl IntoIterator<Item = MetadataFormat>) -> Self {
        let formats: Vec<_> = formats.into_iter().collect();
        let shelves = formats.iter().map(|it| (it.prefix.clone(), Shelf::default())).collect();
        let content = Content { shelves, ..Content::default() };
        Self(Arc::new(Inner { identify, formats, content: RwLock::new(content) }))
    }

    /// Adds a set, or gives it another name or description.
    pub fn put_set(&self, set: Set) {
        self.change(|content| content.sets.insert(set.spec.clone(), set));
    }

    /// Adds a record, or puts it in the place of another one. The sets it is in are known from now
    /// on, by their specs if by no other names.
    ///
    /// # Errors
    /// When there is no such format, or the record has no datestamp.
    pub fn put(&self, format: &str, record: Record) -> Result<(), PutError> {
        let Some(key) = Key::of(&record.header) else {
            return Err(PutError::NoDatestamp(record.header.identifier));
        };
        self.change(|content| {
            for spec in &record.header.sets {
                if !content.sets.contains_key(spec) {
                    content.sets.insert(spec.clone(), Set::new(spec, spec));
                }
            }
            let Some(shelf) = content.shelves.get_mut(format) else {
                return Err(PutError::NoFormat(format.to_owned()));
            };
            shelf.put(key, record);
            Ok(())
        })
    }

    /// Deletes an item in all its formats. Where the repository tells of deletions, tombstones with
    /// this datestamp remain. Says whether there was such an item.
    pub fn delete(&self, identifier: &str, datestamp: impl Into<Datestamp>) -> bool {
        let datestamp = datestamp.into();
        let leaves_tombstones = self.0.identify.deleted_record != DeletedRecord::No;
        self.change(|content| {
            let mut was_there = false;
            for shelf in content.shelves.values_mut() {
                let Some(record) = shelf.take(identifier) else { continue };
                was_there = true;
                if leaves_tombstones {
                    let header = Header { datestamp: Some(datestamp.clone()), ..record.header };
                    let key =
                        Key { datestamp: datestamp.clone(), identifier: identifier.to_owned() };
                    shelf.put(key, Record::deleted(header));
                }
            }
            was_there
        })
    }

    /// How many records there are, tombstones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.look(|content| content.shelves.values().map(|shelf| shelf.records.len()).sum())
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn look<T>(&self, look: impl FnOnce(&Content) -> T) -> T {
        look(&self.0.content.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        change(&mut self.0.content.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes through a page of records.
    fn list<T>(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
        take: impl Fn(&Record) -> T,
    ) -> Vec<T> {
        self.look(|content| {
            let shelf = content.shelves.get(selection.metadata_prefix());
            let records = shelf.map(|shelf| shelf.selected(selection, after));
            records.into_iter().flatten().take(limit).map(take).collect()
        })
    }

    fn touch(&self, now: DateTime<Utc>, is_meant: impl Fn(&Header) -> bool) -> u64 {
        let stamp = Datestamp::second(now).at(self.0.identify.granularity);
        self.change(|content| {
            let mut touched = 0;
            for shelf in content.shelves.values_mut() {
                let meant: Vec<String> = shelf
                    .records
                    .values()
                    .filter(|record| is_meant(&record.header))
                    .map(|record| record.header.identifier.clone())
                    .collect();
                for identifier in meant {
                    if let Some(mut record) = shelf.take(&identifier) {
                        record.header.datestamp = Some(stamp.clone());
                        shelf.put(Key { datestamp: stamp.clone(), identifier }, record);
                        touched += 1;
                    }
                }
            }
            touched
        })
    }
}

impl Shelf {
    fn put(&mut self, key: Key, record: Record) {
        if let Some(old) = self.keys.insert(key.identifier.clone(), key.clone()) {
            self.records.remove(&old);
        }
        self.records.insert(key, record);
    }

    fn take(&mut self, identifier: &str) -> Option<Record> {
        let key = self.keys.remove(identifier)?;
        self.records.remove(&key)
    }

    fn selected<'s>(
        &'s self,
        selection: &'s Selection,
        after: Option<&Key>,
    ) -> impl Iterator<Item = &'s Record> {
        let window = selection.time_span();
        let from = window.from().map(|from| Key {
            datestamp: Datestamp::second(from.time()),
            identifier: String::new(),
        });
        let start = match (after, &from) {
            (Some(after), Some(from)) if after < from => Bound::Included(from.clone()),
            (Some(after), _) => Bound::Excluded(after.clone()),
            (None, Some(from)) => Bound::Included(from.clone()),
            (None, None) => Bound::Unbounded,
        };
        let last = window.until().map(Datestamp::last_second);
        self.records
            .range((start, Bound::Unbounded))
            .take_while(move |(key, _)| last.is_none_or(|last| key.datestamp.time() <= last))
            .map(|(_, record)| record)
            .filter(|record| is_selected(&record.header, selection))
    }
}

#[async_trait]
impl Repository for MemoryRepository {
    fn identify(&self) -> Identify {
        self.0.identify.clone()
    }

    async fn formats(&self) -> Result<Vec<MetadataFormat>, Failure> {
        Ok(self.0.formats.clone())
    }

    async fn record(&self, identifier: &str, format: &str) -> Result<Option<Record>, Failure> {
        Ok(self.look(|content| {
            let shelf = content.shelves.get(format)?;
            shelf.records.get(shelf.keys.get(identifier)?).cloned()
        }))
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Record>, Failure> {
        Ok(self.list(selection, after, limit, Record::clone))
    }

    async fn headers(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Header>, Failure> {
        Ok(self.list(selection, after, limit, |record| record.header.clone()))
    }

    async fn sets(&self) -> Result<Vec<Set>, Failure> {
        Ok(self.look(|content| content.sets.values().cloned().collect()))
    }

    async fn count(&self, selection: &Selection) -> Result<Option<u64>, Failure> {
        Ok(self.look(|content| {
            let shelf = content.shelves.get(selection.metadata_prefix())?;
            Some(shelf.selected(selection, None).count() as u64)
        }))
    }
}

#[async_trait]
impl Touch for MemoryRepository {
    async fn touch_items(&self, items: &[&str], now: DateTime<Utc>) -> Result<u64, Failure> {
        Ok(self.touch(now, |header| items.contains(&header.identifier.as_str())))
    }

    async fn touch_set(&self, set: &str, now: DateTime<Utc>) -> Result<u64, Failure> {
        Ok(self.touch(now, |header| header.sets.iter().any(|it| is_in_set(it, set))))
    }
}

impl fmt::Debug for MemoryRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRepository")
            .field("identify", &self.0.identify)
            .field("records", &self.len())
            .finish_non_exhaustive()
    }
}
