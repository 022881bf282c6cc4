//! The shelves as a repository.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ::oai_pmh::provider::{Failure, Key, Repository, Touch};
use ::oai_pmh::{Datestamp, Identify, MetadataFormat, Record, Selection, Set};
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::naming::Naming;
use super::record::published;
use super::shelf::Shelf;
use crate::batch::SourceId;
use crate::catalogue::{Catalogue, ChangeQuery, StoredRecord, Touched};

/// A catalogue as a repository: what was harvested from each source is there in its formats.
///
/// The datestamp of a record is the time at which this version of it came into the catalogue: those
/// who harvest from here see what arrived late, however old the source says it is. Where it comes
/// from, with the datestamp of its source, is told in its `provenance`; what the source told there
/// is kept inside. Deleted records stay, as tombstones.
///
/// With a [`Naming`], the items of all sources are told apart, and lists go through one source after
/// the other; without one, items are called as their sources call them, and each format is that of one
/// source.
pub struct CatalogueRepository {
    catalogue: Arc<dyn Catalogue>,
    identify: Identify,
    /// By source.
    shelves: Vec<Shelf>,
    naming: Option<Naming>,
    withheld: Mutex<BTreeMap<SourceId, Withheld>>,
}

/// What was asked for of a source while it was not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Withheld {
    /// The earliest time that was asked for; `None`: that of the beginning. Whoever asked will not
    /// come back for what changed since then.
    pub from: Option<DateTime<Utc>>,
}

impl CatalogueRepository {
    /// A repository that has nothing yet; [`publish`](Self::publish) what there is.
    #[must_use]
    pub fn new(catalogue: Arc<dyn Catalogue>, identify: Identify) -> Self {
        Self { catalogue, identify, shelves: Vec::new(), naming: None, withheld: Mutex::default() }
    }

    /// Tells the items of several sources apart by their names.
    #[must_use]
    pub fn naming(mut self, naming: Naming) -> Self {
        self.naming = Some(naming);
        self
    }

    /// Publishes a shelf. Without [`naming`](Self::naming), it takes the place of others with the same
    /// formats.
    #[must_use]
    pub fn publish(mut self, shelf: Shelf) -> Self {
        if self.naming.is_none() {
            for other in &mut self.shelves {
                other.formats.retain(|format| shelf.format(&format.prefix).is_none());
            }
            self.shelves.retain(|other| !other.formats.is_empty());
        }
        let at = self.shelves.partition_point(|other| other.source <= shelf.source);
        self.shelves.insert(at, shelf);
        self
    }

    /// What was asked for of sources that are not shown, since this was last called.
    #[must_use]
    pub fn withheld(&self) -> Vec<(SourceId, Withheld)> {
        let mut withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *withheld).into_iter().collect()
    }

    fn withhold(&self, source: &SourceId, from: Option<DateTime<Utc>>) {
        let mut withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        let known = withheld.entry(source.clone()).or_insert(Withheld { from });
        known.from = known.from.min(from);
    }

    /// The shelves that a selection takes from, with the set that is asked for there.
    fn selected<'a>(
        &'a self,
        selection: &'a Selection,
    ) -> impl Iterator<Item = (&'a Shelf, Option<&'a str>)> {
        let set = selection.set_spec();
        let (only, inner) = match (&self.naming, set) {
            (Some(naming), Some(set)) => match naming.read_set(set) {
                Some((source, inner)) => (Some(Some(source)), inner),
                None => (Some(None), None),
            },
            _ => (None, set),
        };
        let with_format =
            self.shelves.iter().filter(|it| it.format(selection.metadata_prefix()).is_some());
        with_format
            .filter(move |shelf| only.as_ref().is_none_or(|it| it.as_ref() == Some(&shelf.source)))
            .map(move |shelf| (shelf, inner))
    }

    /// The source of an item, and what it is called there.
    fn place<'a>(&self, identifier: &'a str) -> Option<(Option<SourceId>, &'a str)> {
        match &self.naming {
            Some(naming) => naming.read(identifier).map(|(source, it)| (Some(source), it)),
            None => Some((None, identifier)),
        }
    }

    /// A record as it is called here.
    fn named(&self, stored: &StoredRecord, format: &MetadataFormat) -> Record {
        let mut record = published(stored, format);
        if let Some(naming) = &self.naming {
            record.header.identifier = naming.name(&stored.source, &stored.identifier);
            record.header.sets = naming.sets(&stored.source, &stored.sets);
        }
        record
    }
}

#[async_trait]
impl Repository for CatalogueRepository {
    fn identify(&self) -> Identify {
        self.identify.clone()
    }

    async fn formats(&self) -> Result<Vec<MetadataFormat>, Failure> {
        let mut formats: Vec<MetadataFormat> = Vec::new();
        for format in self.shelves.iter().flat_map(|shelf| &shelf.formats) {
            if !formats.iter().any(|known| known.prefix == format.prefix) {
                formats.push(format.clone());
            }
        }
        Ok(formats)
    }

    async fn record(&self, identifier: &str, format: &str) -> Result<Option<Record>, Failure> {
        let Some((source, identifier)) = self.place(identifier) else { return Ok(None) };
        for shelf in &self.shelves {
            let Some(format) = shelf.format(format) else { continue };
            if source.as_ref().is_some_and(|source| *source != shelf.source) {
                continue;
            }
            let stored = self.catalogue.find(&shelf.source, identifier).await?;
            let is_in = |it: &StoredRecord| {
                it.deleted || it.format.as_deref() == Some(format.prefix.as_str())
            };
            return Ok(stored.filter(is_in).map(|stored| self.named(&stored, format)));
        }
        Ok(None)
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Record>, Failure> {
        let from = selection.time_span().from().map(Datestamp::time);
        let until = selection.time_span().until().map(Datestamp::last_second);
        let after = after.and_then(|key| {
            let (source, identifier) = self.place(&key.identifier)?;
            Some((source, (key.datestamp.time(), identifier.to_owned())))
        });
        let mut shelves: Vec<_> = self.selected(selection).collect();
        for (shelf, _) in shelves.iter().filter(|(shelf, _)| !shelf.is_shown) {
            self.withhold(&shelf.source, from);
        }
        shelves.retain(|(shelf, _)| shelf.is_shown);
        if let Some((Some(source), _)) = &after {
            shelves.retain(|(shelf, _)| shelf.source >= *source);
        }
        if shelves.len() > 1 && (from.is_some() || until.is_some()) {
            let spans: HashMap<_, _> = self
                .catalogue
                .spans()
                .await?
                .into_iter()
                .map(|span| (span.source, (span.first, span.last)))
                .collect();
            shelves.retain(|(shelf, _)| {
                spans.get(&shelf.source).is_some_and(|(first, last)| {
                    from.is_none_or(|from| *last >= from)
                        && until.is_none_or(|until| *first <= until)
                })
            });
        }
        let mut records = Vec::new();
        for (shelf, set) in shelves {
            let Some(format) = shelf.format(selection.metadata_prefix()) else { continue };
            let is_under_way = |(source, _): &&(Option<SourceId>, _)| {
                source.as_ref().is_none_or(|source| *source == shelf.source)
            };
            let query = ChangeQuery {
                from,
                until,
                set: set.map(str::to_owned),
                format: Some(format.prefix.clone()),
                after: after.as_ref().filter(is_under_way).map(|(_, after)| after.clone()),
            };
            let room = limit - records.len();
            let found = self.catalogue.changes(&shelf.source, &query, room).await?;
            records.extend(found.iter().map(|stored| self.named(stored, format)));
            if records.len() >= limit {
                break;
            }
        }
        Ok(records)
    }

    /// Source by source, if there are several.
    fn is_behind(&self, key: &Key, last: &Key) -> bool {
        let place = |key: &Key| {
            let (source, identifier) = self.place(&key.identifier)?;
            Some((source, key.datestamp.time(), identifier.to_owned()))
        };
        place(key) > place(last)
    }

    async fn count(&self, selection: &Selection) -> Result<Option<u64>, Failure> {
        let shelves: Vec<_> = self.selected(selection).filter(|(it, _)| it.is_shown).collect();
        let window = selection.time_span();
        if let [(shelf, set)] = shelves[..] {
            let query = ChangeQuery {
                from: window.from().map(Datestamp::time),
                until: window.until().map(Datestamp::last_second),
                set: set.map(str::to_owned),
                format: Some(selection.metadata_prefix().to_owned()),
                after: None,
            };
            return Ok(Some(self.catalogue.count_changes(&shelf.source, &query).await?));
        }
        let is_whole = window.from().is_none() && window.until().is_none();
        let counts = shelves.iter().map(|(shelf, _)| shelf.records.filter(|_| is_whole));
        Ok(counts.sum())
    }

    async fn sets(&self) -> Result<Vec<Set>, Failure> {
        let mut sets = Vec::new();
        for shelf in &self.shelves {
            match &self.naming {
                None => sets.extend(shelf.sets.iter().map(|spec| Set::new(spec, spec))),
                Some(naming) => {
                    let specs = naming.sets(&shelf.source, &shelf.sets);
                    let below = shelf.sets.iter().map(|set| format!("{}: {set}", shelf.title));
                    let names = std::iter::once(shelf.title.clone()).chain(below);
                    sets.extend(specs.into_iter().zip(names).map(|(it, name)| Set::new(it, name)));
                }
            }
        }
        Ok(sets)
    }

    async fn earliest_datestamp(&self) -> Result<Option<Datestamp>, Failure> {
        let spans = self.catalogue.spans().await?;
        let own = spans.iter().filter(|span| {
            self.shelves.binary_search_by(|shelf| shelf.source.cmp(&span.source)).is_ok()
        });
        Ok(own.map(|span| span.first).min().map(Datestamp::second))
    }
}

#[async_trait]
impl Touch for CatalogueRepository {
    async fn touch_items(&self, items: &[&str], now: DateTime<Utc>) -> Result<u64, Failure> {
        let mut touched = 0;
        for shelf in &self.shelves {
            let own: Vec<&str> = items
                .iter()
                .filter_map(|item| self.place(item))
                .filter(|(source, _)| source.as_ref().is_none_or(|it| *it == shelf.source))
                .map(|(_, identifier)| identifier)
                .collect();
            touched += self.catalogue.touch(&shelf.source, Touched::Items(&own), now).await?;
        }
        Ok(touched)
    }

    async fn touch_set(&self, set: &str, now: DateTime<Utc>) -> Result<u64, Failure> {
        let mut touched = 0;
        for shelf in &self.shelves {
            let which = match self.naming.as_ref().map(|naming| naming.read_set(set)) {
                None => Touched::Set(set),
                Some(Some((source, inner))) if source == shelf.source => {
                    inner.map_or(Touched::Since(None), Touched::Set)
                }
                Some(_) => continue,
            };
            touched += self.catalogue.touch(&shelf.source, which, now).await?;
        }
        Ok(touched)
    }
}

impl fmt::Debug for CatalogueRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogueRepository")
            .field("catalogue", &self.catalogue)
            .field("shelves", &self.shelves.len())
            .field("naming", &self.naming)
            .finish_non_exhaustive()
    }
}
