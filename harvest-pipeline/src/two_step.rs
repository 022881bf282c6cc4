//! Sources in two steps: list references page by page, then get each.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::stream::{self, Stream, StreamExt};

use crate::batch::{Batch, Item, Notice, Origin};
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError};

/// The most records in a batch.
const RECORDS: usize = 100;
/// The most bytes of metadata after which nothing more is asked for in a batch.
const BYTES: u64 = 8 << 20;

/// One run of a source that lists references first and then gets what they refer to.
///
/// [`batches`] makes of it what [`Source::batches`](crate::Source::batches) must give.
#[async_trait]
pub trait TwoStep: Send + Sync {
    /// What the list says of a record.
    type Reference: Send + Sync;

    /// The next page of the list; `None` at its end.
    ///
    /// # Errors
    /// If the list cannot be read on.
    async fn list(&mut self) -> Result<Option<Page<Self::Reference>>, RunError>;

    /// The record itself.
    ///
    /// # Errors
    /// If it cannot be had; the others are got all the same.
    async fn get(&self, reference: &Self::Reference) -> Result<Item, RecordError>;

    /// Where to continue once the next `done` references of the list are stored. Of these, `failed`
    /// could not be had.
    ///
    /// # Errors
    /// If so many failed that it makes no sense to go on, or the place cannot be written down.
    fn checkpoint(
        &mut self,
        done: usize,
        failed: Vec<Self::Reference>,
    ) -> Result<Option<Checkpoint>, RunError>;
}

/// A page of references.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<R> {
    /// The references, in the order of the list. A page without any moves the checkpoint only.
    pub references: Vec<R>,
    /// Where the page came from.
    pub origin: Origin,
    /// What was noticed while it was read.
    pub notices: Vec<Notice>,
    /// The length of the whole list, if that is known.
    pub total_hint: Option<u64>,
}

impl<R> Page<R> {
    /// A page of these references.
    #[must_use]
    pub fn new(references: Vec<R>) -> Self {
        Self { references, origin: Origin::default(), notices: Vec::new(), total_hint: None }
    }
}

/// The batches of a run that `begin` sets up.
///
/// The records are got `concurrency` at a time and stay in the order of the list; one that cannot be
/// had is an error in its place. In memory are a page of references, and the metadata of one batch:
/// no more is asked for beyond 8 MiB of it.
pub fn batches<T: TwoStep>(
    begin: impl Future<Output = Result<T, RunError>> + Send,
    concurrency: NonZeroUsize,
) -> impl Stream<Item = Result<Batch, RunError>> + Send {
    let begun = stream::once(begin);
    begun.flat_map(move |steps| match steps {
        Ok(steps) => {
            let run = Running { steps, page: None, number: 0, concurrency };
            stream::try_unfold(run, async |mut run: Running<T>| {
                Ok(run.batch().await?.map(|batch| (batch, run)))
            })
            .left_stream()
        }
        Err(error) => stream::once(async { Err(error) }).right_stream(),
    })
}

/// Gets a record by what it is called.
#[async_trait]
pub trait Get: Send + Sync {
    /// The record itself.
    ///
    /// # Errors
    /// If it cannot be had; the others are got all the same.
    async fn get(&self, identifier: &str) -> Result<Item, RecordError>;

    /// Whether it makes sense to go on. Asked before a batch is handed out.
    ///
    /// # Errors
    /// If it does not.
    fn check(&self) -> Result<(), RunError> {
        Ok(())
    }
}

/// Records that are asked for by name, a run of their own: [`batches`] makes of it what
/// [`Source::get`](crate::Source::get) must give.
#[derive(Debug)]
pub struct Named<G> {
    source: G,
    identifiers: std::vec::IntoIter<String>,
}

impl<G: Get> Named<G> {
    /// These records of a source.
    #[must_use]
    pub fn new(source: G, identifiers: Vec<String>) -> Self {
        Self { source, identifiers: identifiers.into_iter() }
    }
}

#[async_trait]
impl<G: Get> TwoStep for Named<G> {
    type Reference = String;

    async fn list(&mut self) -> Result<Option<Page<String>>, RunError> {
        let page: Vec<_> = self.identifiers.by_ref().take(RECORDS).collect();
        Ok((!page.is_empty()).then(|| Page::new(page)))
    }

    async fn get(&self, identifier: &String) -> Result<Item, RecordError> {
        self.source.get(identifier).await
    }

    fn checkpoint(&mut self, _: usize, _: Vec<String>) -> Result<Option<Checkpoint>, RunError> {
        self.source.check()?;
        Ok(None)
    }
}

struct Running<T: TwoStep> {
    steps: T,
    /// What is left of the page.
    page: Option<(Page<()>, VecDeque<T::Reference>)>,
    number: u64,
    concurrency: NonZeroUsize,
}

impl<T: TwoStep> Running<T> {
    async fn batch(&mut self) -> Result<Option<Batch>, RunError> {
        let (mut page, mut left) = match self.page.take() {
            Some(page) => page,
            None => match self.steps.list().await? {
                None => return Ok(None),
                Some(Page { references, origin, notices, total_hint }) => {
                    let page = Page { references: Vec::new(), origin, notices, total_hint };
                    (page, references.into())
                }
            },
        };
        let (items, failed) = self.items(&mut left).await;
        let checkpoint = self.steps.checkpoint(items.len(), failed)?;
        let mut batch =
            Batch::new(self.number, checkpoint).with_items(items).with_origin(page.origin.clone());
        batch.notices = std::mem::take(&mut page.notices);
        batch.total_hint = page.total_hint;
        self.number += 1;
        self.page = (!left.is_empty()).then_some((page, left));
        Ok(Some(batch))
    }

    /// Gets as many as fit into a batch, and what of them could not be had.
    async fn items(
        &self,
        left: &mut VecDeque<T::Reference>,
    ) -> (Vec<Result<Item, RecordError>>, Vec<T::Reference>) {
        let (bytes, mut asked) = (AtomicU64::new(0), 0);
        let next = std::iter::from_fn(|| {
            let has_room = asked < RECORDS && bytes.load(Ordering::Relaxed) < BYTES;
            asked += 1;
            if has_room { left.pop_front() } else { None }
        });
        let got = stream::iter(next).map(async |reference| {
            let item = self.steps.get(&reference).await;
            let payload = item.as_ref().ok().and_then(Item::payload);
            let size = payload.map_or(0, |payload| payload.body.len() as u64);
            bytes.fetch_add(size, Ordering::Relaxed);
            (item, reference)
        });
        let (mut items, mut failed) = (Vec::new(), Vec::new());
        let mut got = std::pin::pin!(got.buffered(self.concurrency.get()));
        while let Some((item, reference)) = got.next().await {
            if item.is_err() {
                failed.push(reference);
            }
            items.push(item);
        }
        (items, failed)
    }
}
