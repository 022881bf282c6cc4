use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::batch::SourceId;
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError, Stage};
use crate::filter::Known;
use crate::run::{Outcome, Run, RunState, Summary};
use crate::sink::{Hold, ParsedBatch, Preparer, Sink, Written};

/// Two sinks that get the same batches. The first is the one that counts: it says what is known, it
/// keeps the checkpoint, and its outcomes are the run's.
///
/// The second stores each batch *before* the first, so that no checkpoint is ever ahead of it:
///
/// | what fails | what happens |
/// |---|---|
/// | the second cannot store a batch | the run ends with its error; the first never sees the batch, and the next run brings it again, to both |
/// | the first cannot store a batch | the run ends with its error; the second has the batch already and gets it once more by the next run |
/// | the second cannot store a record | the record is stored in the first, and yet counts as failed, with the second's error |
/// | the second cannot be completed at the end | the first notes the run as failed, and the run ends with the second's error; begin the next [afresh](crate::Resume::Afresh) if the second keeps nothing of it |
///
/// Each batch is copied once. For three sinks, make the second a `Tee`.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use harvest_pipeline::sinks::{JsonLines, Tee, XmlFiles};
/// use harvest_pipeline::{Item, Payload, Pipeline, sources};
///
/// let sink = Tee::new(XmlFiles::new("records")?, JsonLines::create("changes.jsonl").await?);
/// let source = sources::items("s", [Item::put("a", Payload::new("oai_dc", "<dc/>"))]);
/// Pipeline::new(source).run(&sink).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Tee<A, B> {
    first: A,
    second: B,
}

impl<A, B> Tee<A, B> {
    /// The sink that counts, and the one that gets the same.
    #[must_use]
    pub fn new(first: A, second: B) -> Self {
        Self { first, second }
    }

    /// Both sinks, for what is to be done with them after the run.
    #[must_use]
    pub fn into_inner(self) -> (A, B) {
        (self.first, self.second)
    }
}

/// Has the copy made, and each sink's work done on its own.
struct PrepareBoth<R> {
    first: Option<Arc<dyn Preparer<R>>>,
    second: Option<Arc<dyn Preparer<R>>>,
}

/// What the second sink gets, and what the first has prepared.
struct Prepared<R> {
    first: Option<Box<dyn std::any::Any + Send + Sync>>,
    second: ParsedBatch<R>,
}

impl<R: Clone + Send + Sync + 'static> Preparer<R> for PrepareBoth<R> {
    fn prepare(&self, batch: &mut ParsedBatch<R>) {
        // The copy first: the first sink may take the records with it.
        let mut second = batch.with_entries(batch.entries.clone());
        if let Some(preparer) = &self.second {
            preparer.prepare(&mut second);
        }
        if let Some(preparer) = &self.first {
            preparer.prepare(batch);
        }
        let first = batch.prepared.take();
        batch.prepared = Some(Box::new(Prepared { first, second }));
    }
}

#[async_trait]
impl<R, A, B> Sink<R> for Tee<A, B>
where
    R: Clone + Send + Sync + 'static,
    A: Sink<R>,
    B: Sink<R>,
{
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        // If the first refuses, the second has begun a run in which nothing happens.
        let second = self.second.begin(run).await?;
        let first = self.first.begin(run).await?;
        Ok(Hold::new((first, second)))
    }

    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        self.first.checkpoint(source).await
    }

    async fn known(
        &self,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Known>, RunError> {
        self.first.known(source, identifiers).await
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer<R>>> {
        let (first, second) = (self.first.preparer(), self.second.preparer());
        Some(Arc::new(PrepareBoth { first, second }))
    }

    async fn write(&self, run: &Run, mut batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let prepared = batch.prepared.take().and_then(|it| it.downcast::<Prepared<R>>().ok());
        let second = match prepared {
            Some(prepared) => {
                batch.prepared = prepared.first;
                prepared.second
            }
            None => batch.with_entries(batch.entries.clone()),
        };
        let (number, entries) = (batch.number, batch.entries.len());
        let second = self.second.write(run, second).await?;
        if second.outcomes.len() != entries {
            let message = format!(
                "the second sink gave {} outcomes for the {entries} records of batch {number}; \
                 every record must have one",
                second.outcomes.len()
            );
            return Err(RunError::new(Stage::Sink, message));
        }
        let mut written = self.first.write(run, batch).await?;
        let both = written.outcomes.iter_mut().zip(second.outcomes);
        both.filter(|(_, second)| *second == Outcome::Failed)
            .for_each(|(outcome, _)| *outcome = Outcome::Failed);
        written.failures.extend(second.failures.into_iter().map(by_the_second));
        Ok(written)
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        match self.second.finish(run, summary).await {
            Ok(()) => self.first.finish(run, summary).await,
            Err(error) => {
                let mut failed = summary.clone();
                failed.state = RunState::Failed;
                failed.error = failed.error.or_else(|| Some(error.to_string()));
                if let Err(too) = self.first.finish(run, &failed).await {
                    tracing::warn!(source = %run.source, error = %too, "closing a failed run");
                }
                Err(error)
            }
        }
    }
}

fn by_the_second(error: RecordError) -> RecordError {
    let message = format!("the second of two sinks: {}", error.message);
    RecordError { message, ..error }
}
