use std::fmt;
use std::num::NonZeroUsize;

use futures_util::stream::{self, BoxStream, StreamExt};

use crate::batch::{Batch, Item, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError};
use crate::source::Source;

/// A source of the items that `list` gives, in batches of 100.
///
/// ```
/// use harvest_pipeline::{Item, Payload, sources};
///
/// let two = sources::items("two", vec![
///     Item::put("a", Payload::new("oai_dc", "<dc/>")),
///     Item::delete("b"),
/// ]);
/// ```
pub fn items<L>(id: impl Into<SourceId>, list: L) -> IterSource<L>
where
    L: IntoIterator + Clone + Send + Sync,
    L::Item: Into<Element>,
    L::IntoIter: Send,
{
    IterSource { id: id.into(), list, batch_size: BATCH_SIZE }
}

const BATCH_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("is not zero");
const CHECKPOINT_SCHEMA: u32 = 1;

/// A source that reads an iterator; see [`items`].
///
/// Its checkpoint is the position in the list, so it continues a list that only grows. The list is
/// cloned for every run.
#[derive(Clone)]
pub struct IterSource<L> {
    id: SourceId,
    list: L,
    batch_size: NonZeroUsize,
}

impl<L> IterSource<L> {
    /// Sets how many records are in a batch.
    #[must_use]
    pub fn with_batch_size(mut self, records: NonZeroUsize) -> Self {
        self.batch_size = records;
        self
    }
}

/// An element of the list: an item, or one that could not be had.
#[derive(Clone, Debug)]
pub struct Element(Result<Item, RecordError>);

impl From<Item> for Element {
    fn from(item: Item) -> Self {
        Self(Ok(item))
    }
}

impl From<Result<Item, RecordError>> for Element {
    fn from(item: Result<Item, RecordError>) -> Self {
        Self(item)
    }
}

impl<L> Source for IterSource<L>
where
    L: IntoIterator + Clone + Send + Sync,
    L::Item: Into<Element>,
    L::IntoIter: Send,
{
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let done = match from.map(|checkpoint| checkpoint.state(CHECKPOINT_SCHEMA)).transpose() {
            Ok(position) => position.unwrap_or(0_usize),
            Err(error) => return stream::iter([Err(error.into())]).boxed(),
        };
        let mut list = self.list.clone().into_iter().skip(done);
        let mut position = done;
        let batches = (0..).map_while(move |number| {
            let taken = list.by_ref().take(self.batch_size.get());
            let items: Vec<_> = taken.map(|element| element.into().0).collect();
            if items.is_empty() {
                return None;
            }
            position += items.len();
            let checkpoint = Checkpoint::new(CHECKPOINT_SCHEMA, &position);
            Some(checkpoint.map(|at| Batch::new(number, at).with_items(items)).map_err(Into::into))
        });
        stream::iter(batches).boxed()
    }
}

impl<L> fmt::Debug for IterSource<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IterSource").field("id", &self.id).finish_non_exhaustive()
    }
}
