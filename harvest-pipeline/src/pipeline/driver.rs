//! The driver: a task that fetches, threads that filter and parse, and the sink, in order.
//!
//! ```text
//! pump (own task)          feed                        write
//! source ──batch+permit──▶ look-up, spawn_blocking ──▶ await in order, store, report, free permit
//! ```
//! One semaphore bounds everything: a batch takes its permit before it is fetched and gives it back
//! when it is stored.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::process::{panic_text, process};
use super::{Resume, Settings};
use crate::batch::{Batch, Item, Notice, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError, Stage};
use crate::filter::{Filter, Known};
use crate::holdings::{Holdings, Question};
use crate::parser::{Keys, Parser};
use crate::run::{Counters, Listed, Progress, Run, RunState, Summary};
use crate::sink::{Entry, ParsedBatch, Sink, Written};
use crate::source::Source;

pub(super) struct Driver<'k, P, K: ?Sized> {
    source: Arc<dyn Source>,
    filters: Arc<[Box<dyn Filter>]>,
    /// The keys that they ask for.
    wanted: Arc<Keys>,
    parser: Arc<P>,
    settings: Settings,
    sink: &'k K,
}

type Fetched = (Batch, OwnedSemaphorePermit);
type InWork<R> = (JoinHandle<ParsedBatch<R>>, OwnedSemaphorePermit);

/// How a list came to its end without breaking.
enum End {
    Exhausted,
    Cancelled,
}

impl<'k, P: Parser, K: Sink<P::Record> + ?Sized> Driver<'k, P, K> {
    pub(super) fn new(
        source: Arc<dyn Source>,
        filters: Vec<Box<dyn Filter>>,
        parser: P,
        settings: Settings,
        sink: &'k K,
    ) -> Self {
        let wanted = filters.iter().map(|filter| filter.keys()).fold(Keys::none(), Keys::and);
        Self {
            source,
            filters: filters.into(),
            wanted: Arc::new(wanted),
            parser: Arc::new(parser),
            settings,
            sink,
        }
    }

    pub(super) async fn run(self) -> Result<Summary, RunError> {
        let run = Run { ticket: self.settings.ticket, ..Run::new(self.source.id()) };
        let hold = self.sink.begin(&run).await?;

        let mut tally = Tally::new();
        let ended = self.batches(&run, &mut tally).await;
        let state = match &ended {
            Ok(End::Exhausted) if tally.counters.failed > 0 => RunState::SucceededWithErrors,
            Ok(End::Exhausted) => RunState::Succeeded,
            Ok(End::Cancelled) => RunState::Cancelled,
            Err(_) => RunState::Failed,
        };
        let mut summary = tally.into_summary(&run, state);
        let ended = match ended {
            Ok(_) => self.sink.finish(&run, &summary).await,
            Err(error) => {
                summary.error = Some(error.to_string());
                // The first failure is the one to tell about; this one most likely follows from it.
                if let Err(second) = self.sink.finish(&run, &summary).await {
                    tracing::warn!(source = %run.source, error = %second, "closing a failed run");
                }
                Err(error)
            }
        };
        drop(hold);
        match ended {
            Ok(()) => Ok(summary),
            Err(error) => {
                summary.state = RunState::Failed;
                summary.error = Some(error.to_string());
                Err(error.with_summary(summary))
            }
        }
    }

    async fn batches(&self, run: &Run, tally: &mut Tally) -> Result<End, RunError> {
        let from = match &self.settings.resume {
            Resume::FromSink => self.sink.checkpoint(&run.source).await?,
            Resume::From(checkpoint) => Some(checkpoint.clone()),
            Resume::Afresh => None,
        };
        tally.resumed = from.is_some();

        // Nothing can be in flight beyond the permits, so sending never waits.
        let room = self.settings.prefetch + self.settings.concurrency.get();
        let (fetched_in, fetched) = mpsc::channel(room);
        let (in_work_in, in_work) = mpsc::channel(room);
        let (questions_in, questions) = mpsc::channel(1);
        let pumping = pump(
            Arc::clone(&self.source),
            from,
            Holdings::asking(questions_in),
            Arc::new(Semaphore::new(room)),
            self.settings.cancel.clone(),
            fetched_in,
        );
        let pump = Pump(tokio::spawn(pumping.in_current_span()));

        let mut feed = pin!(self.feed(&run.source, fetched, in_work_in));
        let mut write = pin!(self.write(run, in_work, tally));
        let mut answer = pin!(self.answer(&run.source, questions));
        let (mut fed, mut is_answered) = (None, false);
        // The loop owns the futures until `write` is through: a commit is never dropped.
        let written = loop {
            select! {
                biased;
                written = &mut write => break written,
                () = &mut answer, if !is_answered => is_answered = true,
                result = &mut feed, if fed.is_none() => fed = Some(result),
            }
        };
        match written? {
            End::Cancelled => Ok(End::Cancelled),
            // The sink has everything it was given. Was that everything?
            End::Exhausted => {
                fed.unwrap_or(Ok(()))?;
                pump.end().await
            }
        }
    }

    /// Answers what the source asks about the sink.
    async fn answer(&self, source: &SourceId, mut questions: mpsc::Receiver<Question>) {
        while let Some(Question { identifiers, answer }) = questions.recv().await {
            let identifiers: Vec<&str> = identifiers.iter().map(String::as_str).collect();
            // Whoever asked may be gone.
            let _ = answer.send(self.sink.known(source, &identifiers).await);
        }
    }

    /// Starts the work on each batch, in order.
    async fn feed(
        &self,
        source: &SourceId,
        mut fetched: mpsc::Receiver<Fetched>,
        in_work: mpsc::Sender<InWork<P::Record>>,
    ) -> Result<(), RunError> {
        let threads = Arc::new(Semaphore::new(self.settings.concurrency.get()));
        let preparer = self.sink.preparer();
        let needs_known = self.filters.iter().any(|filter| filter.needs_known());
        while let Some((batch, permit)) = fetched.recv().await {
            let known = if needs_known {
                let items = batch.items.iter().flatten();
                let identifiers: Vec<&str> = items.map(|item: &Item| &*item.identifier).collect();
                self.sink.known(source, &identifiers).await?
            } else {
                HashMap::<String, Known>::new()
            };
            // Never closed, so this cannot fail; if it did, working unbounded is harmless.
            let thread = Arc::clone(&threads).acquire_owned().await.ok();
            let (filters, parser) = (Arc::clone(&self.filters), Arc::clone(&self.parser));
            let wanted = Arc::clone(&self.wanted);
            let (source, preparer) = (source.clone(), preparer.clone());
            let work = tokio::task::spawn_blocking(move || {
                let preparer = preparer.as_deref();
                let batch = process(batch, source, &filters, &wanted, &*parser, &known, preparer);
                drop(thread);
                batch
            });
            if in_work.send((work, permit)).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Stores each batch, in order.
    async fn write(
        &self,
        run: &Run,
        mut in_work: mpsc::Receiver<InWork<P::Record>>,
        tally: &mut Tally,
    ) -> Result<End, RunError> {
        while let Some((work, permit)) = in_work.recv().await {
            let batch = work.await.map_err(|error| lost_task(Stage::Sink, error))?;
            if self.settings.cancel.is_cancelled() {
                return Ok(End::Cancelled);
            }
            let received = Received::of(&batch);
            let span = tracing::debug_span!("commit", batch = batch.number);
            let written = self.sink.write(run, batch).instrument(span).await?;
            drop(permit);
            self.account(tally, received, written)?;
        }
        Ok(End::Exhausted)
    }

    fn account(
        &self,
        tally: &mut Tally,
        batch: Received,
        written: Written,
    ) -> Result<(), RunError> {
        if written.outcomes.len() != batch.entries {
            let message = format!(
                "the sink gave {} outcomes for the {} records of batch {}; every record must have \
                 one",
                written.outcomes.len(),
                batch.entries,
                batch.number
            );
            return Err(RunError::new(Stage::Sink, message));
        }
        let mut failures = batch.failures;
        failures.extend(written.failures);
        tally.counters += written.outcomes.into_iter().collect::<Counters>();
        tally.batches += 1;
        tally.bytes += batch.bytes;
        tally.checkpoint = batch.checkpoint.or(tally.checkpoint.take());
        tally.checkpoint_committed = written.checkpoint_committed;
        if let Some(report) = &self.settings.on_progress {
            report(&Progress {
                counters: &tally.counters,
                batches: tally.batches,
                bytes: tally.bytes,
                total_hint: batch.total_hint,
                elapsed: tally.clock.elapsed(),
                notices: &batch.notices,
                failures: &failures,
            });
        }
        batch.notices.into_iter().for_each(|notice| tally.notices.push(notice));
        failures.into_iter().for_each(|failure| tally.failures.push(failure));
        Ok(())
    }
}

/// What is to be told about a batch once the sink, which takes it, has stored it.
struct Received {
    number: u64,
    entries: usize,
    failures: Vec<RecordError>,
    notices: Vec<Notice>,
    checkpoint: Option<Checkpoint>,
    total_hint: Option<u64>,
    bytes: u64,
}

impl Received {
    fn of<R>(batch: &ParsedBatch<R>) -> Self {
        let failures = batch.entries.iter().filter_map(|entry| match entry {
            Entry::Failed { error, .. } => Some(error.clone()),
            _ => None,
        });
        Self {
            number: batch.number,
            entries: batch.entries.len(),
            failures: failures.collect(),
            notices: batch.notices.clone(),
            checkpoint: batch.checkpoint.clone(),
            total_hint: batch.total_hint,
            bytes: batch.bytes,
        }
    }
}

/// The sums of a run while it runs.
struct Tally {
    clock: Instant,
    resumed: bool,
    counters: Counters,
    batches: u64,
    bytes: u64,
    failures: Listed<RecordError>,
    notices: Listed<Notice>,
    checkpoint: Option<Checkpoint>,
    checkpoint_committed: bool,
}

impl Tally {
    fn new() -> Self {
        Self {
            clock: Instant::now(),
            resumed: false,
            counters: Counters::default(),
            batches: 0,
            bytes: 0,
            failures: Listed::default(),
            notices: Listed::default(),
            checkpoint: None,
            checkpoint_committed: false,
        }
    }

    fn into_summary(self, run: &Run, state: RunState) -> Summary {
        Summary {
            source: run.source.clone(),
            state,
            resumed: self.resumed,
            counters: self.counters,
            batches: self.batches,
            bytes: self.bytes,
            failures: self.failures,
            notices: self.notices,
            checkpoint: self.checkpoint,
            checkpoint_committed: self.checkpoint_committed,
            error: None,
            started: run.started,
            elapsed: self.clock.elapsed(),
        }
    }
}

/// The task that fetches; stops when dropped.
struct Pump(JoinHandle<Result<End, RunError>>);

impl Pump {
    async fn end(mut self) -> Result<End, RunError> {
        (&mut self.0).await.unwrap_or_else(|error| Err(lost_task(Stage::Source, error)))
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn pump(
    source: Arc<dyn Source>,
    from: Option<Checkpoint>,
    held: Holdings,
    room: Arc<Semaphore>,
    cancel: CancellationToken,
    fetched: mpsc::Sender<Fetched>,
) -> Result<End, RunError> {
    let mut batches = source.batches_beyond(from, held);
    loop {
        let permit = select! {
            biased;
            () = cancel.cancelled() => return Ok(End::Cancelled),
            permit = Arc::clone(&room).acquire_owned() => permit,
        };
        let batch = select! {
            biased;
            () = cancel.cancelled() => return Ok(End::Cancelled),
            batch = batches.next().instrument(tracing::debug_span!("page")) => batch,
        };
        let (Some(batch), Ok(permit)) = (batch.transpose()?, permit) else {
            return Ok(End::Exhausted);
        };
        if fetched.send((batch, permit)).await.is_err() {
            return Ok(End::Cancelled);
        }
    }
}

/// The error for a task that did not return: it panicked, or the runtime is shutting down.
fn lost_task(stage: Stage, error: JoinError) -> RunError {
    match error.try_into_panic() {
        Ok(panic) => RunError::new(stage, format!("the {stage} panicked: {}", panic_text(&*panic))),
        Err(error) => {
            RunError::new(stage, format!("the {stage} was stopped: {error}")).with_transient(true)
        }
    }
}
