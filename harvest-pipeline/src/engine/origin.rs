//! Where the records of a run come from, if not straight from the network.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use crate::batch::{Batch, Change, Item, Origin, Payload, SourceId};
use crate::catalogue::{Catalogue, Query, StoredRecord};
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::holdings::Holdings;
use crate::source::Source;
use crate::store::SourceDefinition;

/// How many records of the catalogue are a batch.
const STORED: usize = 100;

/// A source under the name and the policies of its definition.
#[derive(Debug)]
pub(super) struct Configured {
    inner: Box<dyn Source>,
    id: SourceId,
    ignore_deletions: bool,
}

impl Configured {
    pub(super) fn new(inner: Box<dyn Source>, definition: &SourceDefinition) -> Self {
        let ignore_deletions = definition.policies.deletions.ignore_reported;
        Self { inner, id: definition.id.clone(), ignore_deletions }
    }

    fn adapt<'s>(
        &'s self,
        batches: BoxStream<'s, Result<Batch, RunError>>,
    ) -> BoxStream<'s, Result<Batch, RunError>> {
        if !self.ignore_deletions {
            return batches;
        }
        let keep = |mut batch: Batch| {
            for item in batch.items.iter_mut().flatten() {
                if item.change == Change::Delete {
                    item.change = Change::Listed;
                }
            }
            batch
        };
        batches.map_ok(keep).boxed()
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

/// What the catalogue has of a source, as if the source delivered it once more.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: SourceId,
    pub(super) catalogue: Arc<dyn Catalogue>,
}

impl Source for Stored {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let records = self.catalogue.records(Query::all().of(self.id.clone()).live_only());
        let chunks = records.try_chunks(STORED).map_err(|error| error.1);
        chunks
            .enumerate()
            .map(|(number, records)| {
                let items = records?.into_iter().map(|record| Ok(item(record))).collect();
                let batch = Batch::new(number as u64, None).with_items(items);
                Ok(batch.with_origin(Origin::default()))
            })
            .boxed()
    }
}

fn item(record: StoredRecord) -> Item {
    let format = record.format.unwrap_or_default();
    let mut item =
        Item::put(record.identifier, Payload::new(format, record.metadata.unwrap_or_default()))
            .with_sets(record.sets)
            .with_abouts(record.abouts);
    item.datestamp = record.datestamp;
    item.version = record.version;
    item
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
