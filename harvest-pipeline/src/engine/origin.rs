//! Where the records of a run come from, if not straight from the network.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::courtesy::Unsent;
use crate::batch::{Batch, Change, Item, Notice, NoticeLevel, Origin, Payload, SourceId};
use crate::catalogue::{Catalogue, Query, StoredRecord};
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::holdings::Holdings;
use crate::run::RunId;
use crate::source::Source;
use crate::store::{Event, EventLevel, SourceDefinition, Store};

/// How many records of the catalogue are a batch at most.
const STORED: usize = 200;

/// A source under the name and the policies of its definition.
#[derive(Debug)]
pub(super) struct Configured {
    inner: Box<dyn Source>,
    id: SourceId,
    ignore_deletions: bool,
    unsent: Unsent,
}

impl Configured {
    pub(super) fn new(
        inner: Box<dyn Source>,
        definition: &SourceDefinition,
        unsent: Unsent,
    ) -> Self {
        let ignore_deletions = definition.policies.deletions.ignore_reported;
        Self { inner, id: definition.id.clone(), ignore_deletions, unsent }
    }

    fn adapt<'s>(
        &'s self,
        batches: BoxStream<'s, Result<Batch, RunError>>,
    ) -> BoxStream<'s, Result<Batch, RunError>> {
        batches.map(|batch| self.adapted(batch)).boxed()
    }

    fn adapted(&self, batch: Result<Batch, RunError>) -> Result<Batch, RunError> {
        // What a source makes of a request that was not sent says nothing about its records.
        if let Some(why) = self.unsent.take() {
            return Err(why);
        }
        let mut batch = batch?;
        for item in batch.items.iter_mut().flatten() {
            if self.ignore_deletions && item.change == Change::Delete {
                item.change = Change::Listed;
            }
        }
        Ok(batch)
    }
}

impl Source for Configured {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        self.adapt(self.inner.batches(from))
    }

    fn batches_beyond(
        &self,
        from: Option<Checkpoint>,
        held: Holdings,
    ) -> BoxStream<'_, Result<Batch, RunError>> {
        self.adapt(self.inner.batches_beyond(from, held))
    }

    fn lists_everything(&self, from: Option<&Checkpoint>) -> bool {
        self.inner.lists_everything(from)
    }

    fn get(
        &self,
        identifiers: Vec<String>,
        at: Option<Checkpoint>,
    ) -> Option<BoxStream<'_, Result<Batch, RunError>>> {
        self.inner.get(identifiers, at).map(|batches| self.adapt(batches))
    }

    fn next_from(&self, checkpoint: &Checkpoint) -> Option<String> {
        self.inner.next_from(checkpoint)
    }
}

/// A source, and a store that is told of every doubt about its list before any of the records behind it
/// are stored: whoever goes on after a lost worker must know of them, too.
#[derive(Debug)]
pub(super) struct Doubted {
    pub(super) inner: Arc<dyn Source>,
    pub(super) store: Arc<dyn Store>,
    pub(super) run: RunId,
}

impl Doubted {
    fn told<'s>(
        &'s self,
        batches: BoxStream<'s, Result<Batch, RunError>>,
    ) -> BoxStream<'s, Result<Batch, RunError>> {
        let tell = async |batch: Batch| {
            let doubts = batch.notices.iter().filter(|notice| is_doubt(notice));
            let doubts = doubts.map(|doubt| {
                Event::new(DOUBT, EventLevel::Warning, &*doubt.message).in_run(self.id(), self.run)
            });
            self.store.record(&doubts.collect::<Vec<_>>()).await?;
            Ok(batch)
        };
        batches.and_then(tell).boxed()
    }
}

/// Under which code doubts about a list are events.
pub(super) const DOUBT: &str = "ListDoubtful";

/// Whether something may be missing from the list: a warning about no single record.
pub(super) fn is_doubt(notice: &Notice) -> bool {
    notice.level == NoticeLevel::Warning && notice.identifier.is_none()
}

impl Source for Doubted {
    fn id(&self) -> SourceId {
        self.inner.id()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        self.told(self.inner.batches(from))
    }

    fn batches_beyond(
        &self,
        from: Option<Checkpoint>,
        held: Holdings,
    ) -> BoxStream<'_, Result<Batch, RunError>> {
        self.told(self.inner.batches_beyond(from, held))
    }

    fn lists_everything(&self, from: Option<&Checkpoint>) -> bool {
        self.inner.lists_everything(from)
    }

    fn get(
        &self,
        identifiers: Vec<String>,
        at: Option<Checkpoint>,
    ) -> Option<BoxStream<'_, Result<Batch, RunError>>> {
        self.inner.get(identifiers, at)
    }

    fn next_from(&self, checkpoint: &Checkpoint) -> Option<String> {
        self.inner.next_from(checkpoint)
    }
}

/// What the catalogue has of a source, as if the source delivered it once more.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: SourceId,
    pub(super) catalogue: Arc<dyn Catalogue>,
    /// So many batches were gone through already, by a worker that put the run down or was lost.
    pub(super) done: u64,
}

impl Source for Stored {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let records = self.catalogue.records(Query::all().of(self.id.clone()).live_only());
        let chunks = records.try_chunks(STORED).map_err(|error| error.1);
        let batches = chunks.map_ok(|records| stream::iter(by_origin(records)).map(Ok));
        let done = usize::try_from(self.done).unwrap_or(usize::MAX);
        batches
            .try_flatten()
            .enumerate()
            .skip(done)
            .map(|(number, batch)| batch.map(|batch| Batch { number: number as u64, ..batch }))
            .boxed()
    }
}

/// The records in batches: what becomes of them still says where they came from.
fn by_origin(records: Vec<StoredRecord>) -> Vec<Batch> {
    let mut origins = BTreeMap::<_, Vec<_>>::new();
    for mut record in records {
        let origin = (record.request_url.take(), record.response_date.take());
        origins.entry(origin).or_default().push(Ok(item(record)));
    }
    let batches = origins.into_iter().map(|((request_url, response_date), items)| {
        let origin = Origin { request_url, response_date };
        Batch::new(0, None).with_items(items).with_origin(origin)
    });
    batches.collect()
}

/// A live record, as its source delivered it.
pub(super) fn item(record: StoredRecord) -> Item {
    let format = record.format.unwrap_or_default();
    let mut item =
        Item::put(record.identifier, Payload::new(format, record.metadata.unwrap_or_default()))
            .with_sets(record.sets)
            .with_abouts(record.abouts);
    item.datestamp = record.datestamp;
    item.version = record.version;
    item
}

/// What could not be read before, as it came then: as if the source delivered it once more.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) id: SourceId,
    pub(super) items: Vec<Item>,
}

impl Source for Unread {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let parts = self.items.chunks(STORED).enumerate().map(|(number, items)| {
            Ok(Batch::new(number as u64, None).with_items(items.iter().cloned().map(Ok).collect()))
        });
        stream::iter(parts).boxed()
    }
}

/// What failed before, fetched once more: by the source itself.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) inner: Arc<dyn Source>,
    pub(super) identifiers: Vec<String>,
    /// Where the source stands.
    pub(super) at: Option<Checkpoint>,
}

/// How many records are asked for in one go.
const AGAIN: usize = 100;

impl Failed {
    /// Whether the source can be asked for single records.
    pub(super) fn can(&self) -> bool {
        self.inner.get(Vec::new(), None).is_some()
    }
}

impl Source for Failed {
    fn id(&self) -> SourceId {
        self.inner.id()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let parts: VecDeque<Vec<String>> =
            self.identifiers.chunks(AGAIN).map(<[String]>::to_vec).collect();
        let batches = stream::iter(parts).flat_map(|identifiers| {
            let batches = self.inner.get(identifiers, self.at.clone());
            batches.unwrap_or_else(|| stream::empty().boxed())
        });
        batches
            .enumerate()
            .map(|(number, batch)| batch.map(|batch| Batch { number: number as u64, ..batch }))
            .boxed()
    }
}
