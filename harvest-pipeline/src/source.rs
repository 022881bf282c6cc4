//! Where records come from.

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::stream::BoxStream;

use crate::batch::{Batch, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::holdings::Holdings;

/// A list of records that is fetched piece by piece.
///
/// The stream is pulled: a source does nothing until it is asked for the next batch, so a slow
/// sink holds it back. Batches come in order, each with the checkpoint that stands after it. A
/// list that ended too early must end in an error and never just end.
pub trait Source: Debug + Send + Sync {
    /// The name under which the records and the checkpoint are kept.
    fn id(&self) -> SourceId;

    /// The batches from `from` on, or from the beginning.
    ///
    /// After a list that was read to its end, the last checkpoint stands for "only what changed
    /// since"; that is how a second run becomes incremental. A checkpoint that the source does not
    /// understand yields an error as the only element.
    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>>;

    /// The batches, from a source that can leave out what the sink holds already. This is what a
    /// [`Pipeline`](crate::Pipeline) asks for; left out, it is [`batches`](Self::batches).
    fn batches_beyond(
        &self,
        from: Option<Checkpoint>,
        held: Holdings,
    ) -> BoxStream<'_, Result<Batch, RunError>> {
        drop(held);
        self.batches(from)
    }

    /// Whether the batches of a run that begins at `from` name every record that the source has, so
    /// that one they do not name is gone. Sources of which this is never certain say no.
    ///
    /// Only a list that has come to its end and was not empty tells what is gone; and none in which a
    /// record failed that could not be named, or with a [warning](crate::NoticeLevel::Warning) that
    /// concerns no single record: then something may be missing from it.
    fn lists_everything(&self, from: Option<&Checkpoint>) -> bool {
        let _ = from;
        false
    }

    /// The named records by themselves, in this order, wherever they stand in the list; `None` from a
    /// source that can only be read as a list. This is for trying again what failed.
    ///
    /// A record that cannot be had, or that the source does not know, is an error in its place. The
    /// batches have no checkpoint: the list goes on from where it was, as if nothing had been asked. `at`
    /// is where that is; it may say more of the records than their names.
    fn get(
        &self,
        identifiers: Vec<String>,
        at: Option<Checkpoint>,
    ) -> Option<BoxStream<'_, Result<Batch, RunError>>> {
        let _ = (identifiers, at);
        None
    }

    /// From when on the next run will ask, by this checkpoint; `None` if for everything, or if the
    /// source does not go by time.
    fn next_from(&self, checkpoint: &Checkpoint) -> Option<String> {
        let _ = checkpoint;
        None
    }
}

/// What points to a source is one.
macro_rules! pointer {
    ($($pointer:ident),+) => {$(
        impl<S: Source + ?Sized> Source for $pointer<S> {
            fn id(&self) -> SourceId {
                (**self).id()
            }

            fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
                (**self).batches(from)
            }

            fn batches_beyond(
                &self,
                from: Option<Checkpoint>,
                held: Holdings,
            ) -> BoxStream<'_, Result<Batch, RunError>> {
                (**self).batches_beyond(from, held)
            }

            fn lists_everything(&self, from: Option<&Checkpoint>) -> bool {
                (**self).lists_everything(from)
            }

            fn get(&self, identifiers: Vec<String>, at: Option<Checkpoint>) -> Option<BoxStream<'_, Result<Batch, RunError>>> {
                (**self).get(identifiers, at)
            }

            fn next_from(&self, checkpoint: &Checkpoint) -> Option<String> {
                (**self).next_from(checkpoint)
            }
        }
    )+};
}

pointer!(Box, Arc);
