//! What a worker keeps an eye on while a run goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::origin::is_doubt;
use super::work::DOCUMENT_LIST;
use crate::batch::NoticeLevel;
use crate::error::Stage;
use crate::operations::Operation;
use crate::pipeline::{ParseStage, Pipeline};
use crate::run::{Progress, Ticket};
use crate::store::{Event, EventLevel, RunEntry, Store, StoreError, Wanted};

/// How many failed records of a run are events. All of them are in the catalogue.
const EVENTS: usize = 1000;

/// How many events wait for a store that cannot be reached.
const WAITING: usize = 10_000;

/// Why a run is stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Somebody wants that.
    Wanted(Wanted),
    /// The worker itself is stopped.
    Worker,
    /// Too many records failed.
    Failures(u64),
    /// Another worker has the run.
    Stale,
}

/// Stops a pipeline, and remembers why.
#[derive(Clone, Debug)]
pub(super) struct Brake {
    pub(super) token: CancellationToken,
    why: Arc<Mutex<Option<Stop>>>,
}

impl Brake {
    pub(super) fn new() -> Self {
        Self { token: CancellationToken::new(), why: Arc::default() }
    }

    /// Stops it; the first reason counts, but for that another worker has the run.
    pub(super) fn pull(&self, stop: Stop) {
        let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if why.is_none() || stop == Stop::Stale {
            *why = Some(stop);
        }
        self.token.cancel();
    }

    pub(super) fn why(&self) -> Option<Stop> {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The length of the list as far as it is known; 0 is not.
#[derive(Clone, Debug, Default)]
pub(super) struct Hint(Arc<AtomicU64>);

impl Hint {
    fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|hint| *hint > 0)
    }
}

/// Keeps the run for the worker, until dropped or stopped.
pub(super) async fn beat(
    store: Arc<dyn Store>,
    ticket: Ticket,
    lease: Duration,
    brake: Brake,
    hint: Hint,
) {
    let between = (lease / 3).min(Duration::from_secs(2));
    // It was just claimed.
    let mut beats = interval_at(Instant::now() + between, between);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        match store.renew_run(ticket, lease, hint.get()).await {
            Ok(None) => {}
            Ok(Some(wanted)) => brake.pull(Stop::Wanted(wanted)),
            Err(StoreError::Stale(_)) => return brake.pull(Stop::Stale),
            // The lease outlives two beats. If the store stays away, commits fail by themselves.
            Err(error) => tracing::warn!(run = %ticket.run, %error, "keeping a run"),
        }
    }
}

/// Writes down what happens in a run, away from where the records flow.
#[derive(Debug)]
pub(super) struct Chronicle {
    pub(super) events: mpsc::UnboundedSender<Event>,
    writer: tokio::task::JoinHandle<()>,
}

impl Chronicle {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let (events, mut queue) = mpsc::unbounded_channel();
        let writer = tokio::spawn(async move {
            let mut waiting = Vec::new();
            while queue.recv_many(&mut waiting, 500).await > 0 {
                match store.record(&waiting).await {
                    Ok(()) => waiting.clear(),
                    // They go with the next ones, if there are not too many by then.
                    Err(error) if error.is_transient() && waiting.len() < WAITING => {
                        tracing::warn!(%error, "events could not be kept yet");
                    }
                    Err(error) => {
                        tracing::warn!(%error, events = waiting.len(), "events are lost");
                        waiting.clear();
                    }
                }
            }
            if let Err(error) = store.record(&waiting).await {
                tracing::warn!(%error, events = waiting.len(), "events are lost");
            }
        });
        Self { events, writer }
    }

    pub(super) fn write(&self, event: Event) {
        // Its writer is gone only when the runtime is.
        let _ = self.events.send(event);
    }

    /// Waits until everything is written.
    pub(super) async fn close(self) {
        drop(self.events);
        let _ = self.writer.await;
    }
}

/// An event; if the message begins with the word for an [`Operation`], under that and at its level.
pub(super) fn named(code: &str, level: EventLevel, message: &str) -> Event {
    match Operation::of_message(message) {
        Some((operation, message)) => Event::new(operation.code, operation.level, message),
        None => Event::new(code, level, message),
    }
}

/// Adds to a pipeline what every run of a worker has.
pub(super) fn watched<S: ParseStage>(
    pipeline: Pipeline<S>,
    entry: &RunEntry,
    ticket: Ticket,
    (brake, hint, chronicle): (&Brake, &Hint, &Chronicle),
    most_failures: Option<u64>,
) -> Pipeline<S> {
    let (source, run) = (entry.request.source.clone(), entry.id);
    let (stop, hint, events) = (brake.clone(), hint.clone(), chronicle.events.clone());
    let failures = Mutex::new(0_usize);
    let is_document_list = entry.settings.get("kind").is_some_and(|kind| kind == DOCUMENT_LIST);
    pipeline.claimed(ticket).cancel_with(brake.token.clone()).on_progress(
        move |progress: &Progress<'_>| {
            if let Some(total) = progress.total_hint {
                hint.0.store(total, Ordering::Relaxed);
            }
            let event = |event: Event| {
                let _ = events.send(event.in_run(source.clone(), run));
            };
            for notice in progress.notices.iter().filter(|notice| !is_doubt(notice)) {
                let level = match notice.level {
                    NoticeLevel::Info => EventLevel::Debug,
                    NoticeLevel::Repair => EventLevel::Info,
                    NoticeLevel::Warning => EventLevel::Warning,
                };
                let noticed = named("Notice", level, &notice.message);
                event(match &notice.identifier {
                    Some(identifier) => noticed.about(identifier),
                    None => noticed,
                });
            }
            let mut told = failures.lock().unwrap_or_else(PoisonError::into_inner);
            for failure in progress.failures.iter().take(EVENTS.saturating_sub(*told)) {
                *told += 1;
                let code = match failure.stage {
                    Stage::Parse if is_document_list => "ValidateDocError",
                    _ => "RecordFailed",
                };
                let failed = named(code, EventLevel::Error, &failure.message);
                event(match &failure.identifier {
                    Some(identifier) => failed.about(identifier),
                    None => failed,
                });
            }
            if most_failures.is_some_and(|most| progress.counters.failed > most) {
                stop.pull(Stop::Failures(progress.counters.failed));
            }
        },
    )
}
