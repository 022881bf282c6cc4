//! One run, from the claim to its end.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::audit::{Audit, Comparison};
use super::courtesy::PATIENCE;
use super::delivery::Delivered;
use super::documents::Documents;
use super::installation::Installation;
use super::origin::{Doubted, Failed, Stored, Unread};
use super::settle::{self, Settled};
use super::staging::{Aside, Kept};
use super::watch::{Brake, Chronicle, Hint, Stop, beat, named, watched};
use crate::catalogue::StoredError;
use crate::checkpoint::Checkpoint;
use crate::error::{RunError, Stage};
use crate::operations::Operation;
use crate::parsers::{Bibliographic, ByFormat, Raw};
use crate::pipeline::{ParseStage, Pipeline, Resume};
use crate::run::{RunId, RunState, Summary, Ticket};
use crate::sink::Sink;
use crate::source::Source;
use crate::store::{
    Ending, Event, EventLevel, Failure, Page, RunEntry, RunKind, RunQuery, SourceDefinition,
    StoreError, Wanted,
};

/// The kind of sources whose records are documents of Metacat.
pub(super) const DOCUMENT_LIST: &str = "document-list";

/// How many records that failed are read at once.
const FAILED: usize = 200;

/// A run that was claimed.
pub(super) struct Execution {
    pub(super) installation: Installation,
    pub(super) ticket: Ticket,
    pub(super) entry: RunEntry,
    pub(super) lease: Duration,
}

/// What a run came to before it is settled.
enum Came {
    ToItsEnd(Option<Settled>),
    Stopped,
}

impl Execution {
    /// Does what was asked for and ends the run; stops when `stop` is cancelled. Says in which state it
    /// left the run, unless another worker has it.
    pub(super) async fn execute(
        self,
        stop: CancellationToken,
    ) -> Result<Option<RunState>, StoreError> {
        let store = Arc::clone(self.installation.store());
        let (brake, hint) = (Brake::new(), Hint::default());
        let chronicle = Chronicle::new(Arc::clone(&store));
        let keeper = tokio::spawn(beat(
            Arc::clone(&store),
            self.ticket,
            self.lease,
            brake.clone(),
            hint.clone(),
        ));
        let _keeper = Aborted(keeper);
        self.say(&chronicle, "RunStarted", EventLevel::Info, self.begins());

        let ended = {
            let mut work = std::pin::pin!(self.work(&brake, &hint, &chronicle));
            tokio::select! {
                biased;
                ended = &mut work => ended,
                () = stop.cancelled() => {
                    brake.pull(Stop::Worker);
                    work.await
                }
            }
        };
        let ending = match self.ending(ended, &brake).await {
            Ok(Some(ending)) => ending,
            Ok(None) => {
                chronicle.close().await;
                return Ok(None);
            }
            Err(error) if is_stale(&error) => {
                chronicle.close().await;
                return Ok(None);
            }
            Err(error) => broken(&error),
        };
        let Some(ending) = self.delivered(ending, &brake, &chronicle).await else {
            chronicle.close().await;
            return Ok(None);
        };
        self.tell(&chronicle, &ending);
        chronicle.close().await;
        match store.end_run(self.ticket, &ending).await {
            Ok(state) => Ok(Some(state)),
            Err(StoreError::Stale(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn work(
        &self,
        brake: &Brake,
        hint: &Hint,
        chronicle: &Chronicle,
    ) -> Result<Came, RunError> {
        let definition = Installation::settings(&self.entry)?;
        let watching = (brake, hint, chronicle);
        match self.entry.request.kind {
            RunKind::Harvest if self.entry.request.dry_run => {
                self.aside(&definition, watching).await
            }
            RunKind::Collect => self.aside(&definition, watching).await,
            RunKind::Harvest => self.harvest(&definition, watching).await,
            RunKind::Import => self.import(&definition, watching).await,
            RunKind::Audit => self.audit(&definition, watching).await,
            RunKind::Reprocess => self.reprocess(&definition, watching).await,
            // What there is to do comes when the run is through.
            RunKind::Deliver if self.installation.delivers() => Ok(Came::ToItsEnd(None)),
            RunKind::Deliver => {
                let message = "this worker has no targets; let one do it that has";
                Err(RunError::new(Stage::Sink, message))
            }
            RunKind::Replay => {
                let source = self.installation.source(&definition)?;
                self.refuse_while_left_alone(&definition).await?;
                if !self.again(&source, &definition, watching).await? {
                    let message = format!(
                        "{} cannot be asked for single records; harvest it in full instead",
                        definition.id
                    );
                    return Err(RunError::new(Stage::Sink, message));
                }
                Ok(if brake.why().is_some() { Came::Stopped } else { Came::ToItsEnd(None) })
            }
        }
    }

    /// Delivers what the run changed, and gives its ending back; `None` if it is another worker's.
    async fn delivered(
        &self,
        ending: Ending,
        brake: &Brake,
        chronicle: &Chronicle,
    ) -> Option<Ending> {
        let kind = self.entry.request.kind;
        let keeps = !matches!(kind, RunKind::Collect | RunKind::Audit);
        let is_over = matches!(ending, Ending::Done | Ending::Failed(_) | Ending::Held(_));
        let is_to_deliver = keeps && !self.entry.request.dry_run && is_over;
        if !is_to_deliver || !self.installation.delivers() || brake.why().is_some() {
            return Some(ending);
        }
        match self.deliver(brake, chronicle).await {
            Delivered::Stale => None,
            Delivered::But(failures) if kind == RunKind::Deliver && !failures.is_empty() => {
                Some(Ending::Failed(Failure::new(failures.join("; "))))
            }
            Delivered::But(_) => Some(ending),
        }
    }

    /// Fetches what the source has, then once more what failed before, and settles what that means.
    async fn harvest(
        &self,
        definition: &SourceDefinition,
        watching: (&Brake, &Hint, &Chronicle),
    ) -> Result<Came, RunError> {
        if self.entry.held.is_some_and(|held| held.approved == Some(true)) {
            // Everything but the deletions is done.
            return Ok(Came::ToItsEnd(Some(Settled::approved())));
        }
        let source = self.source(definition)?;
        self.refuse_while_left_alone(definition).await?;
        let (brake, _, chronicle) = watching;
        let at = self.installation.catalogue().checkpoint(&definition.id).await?;
        if !self.has_read(at.as_ref()) {
            let summary = self.keep(Arc::clone(&source), definition, watching).await?;
            let is_stopped = || matches!(brake.why(), Some(Stop::Failures(_) | Stop::Stale));
            if summary.state == RunState::Cancelled || is_stopped() {
                return Ok(Came::Stopped);
            }
        }
        let Self { installation, ticket, entry, .. } = self;
        let is_off = settle::covered(installation, *ticket, entry, definition, &*source).await?;
        // Behind the list, which may have brought them, and which does not depend on it.
        match self.again(&source, definition, watching).await {
            Ok(_) if brake.why().is_some() => return Ok(Came::Stopped),
            Err(error) if error.stage() == Stage::Source && error.retry_after().is_none() => {
                let message = format!("what failed before could not be fetched again: {error}");
                self.say(chronicle, "ReplayFailed", EventLevel::Warning, message);
            }
            result => drop(result?),
        }
        if is_off {
            return Ok(Came::ToItsEnd(None));
        }
        let settled = settle::whole(installation, *ticket, entry, definition, &*source).await?;
        Ok(Came::ToItsEnd(Some(settled)))
    }

    /// Reads once more what is here, then what could not be read when it came.
    async fn reprocess(
        &self,
        definition: &SourceDefinition,
        watching: (&Brake, &Hint, &Chronicle),
    ) -> Result<Came, RunError> {
        let catalogue = Arc::clone(self.installation.catalogue());
        let id = definition.id.clone();
        let source = Stored { id, catalogue, done: self.entry.batches };
        let summary = self.keep(Arc::new(source), definition, watching).await?;
        if summary.state == RunState::Cancelled {
            return Ok(Came::Stopped);
        }
        let items = self.failed_before(definition, |error| error.item()).await?;
        if items.is_empty() {
            return Ok(Came::ToItsEnd(None));
        }
        let source = Unread { id: definition.id.clone(), items };
        let summary = self.keep(Arc::new(source), definition, watching).await?;
        Ok(came(&summary, None))
    }

    /// What is needed of all that failed in earlier runs and did not come through since.
    async fn failed_before<T>(
        &self,
        definition: &SourceDefinition,
        needed: impl Fn(StoredError) -> Option<T>,
    ) -> Result<Vec<T>, RunError> {
        let (mut all, mut page) = (Vec::new(), Page::first(FAILED));
        loop {
            let catalogue = self.installation.catalogue();
            let errors = catalogue.list_errors(&definition.id, false, &page).await?;
            let Some(last) = errors.last() else { return Ok(all) };
            page.after = Some(last.key.clone());
            let errors = errors.into_iter().filter(|error| error.last_run < self.entry.id);
            all.extend(errors.filter_map(&needed));
        }
    }

    /// The source of this run, whose doubts are kept.
    fn source(&self, definition: &SourceDefinition) -> Result<Arc<dyn Source>, RunError> {
        let inner = self.installation.source(definition)?;
        let store = Arc::clone(self.installation.store());
        Ok(Arc::new(Doubted { inner, store, run: self.entry.id }))
    }

    /// Fetches and keeps aside.
    async fn aside(
        &self,
        definition: &SourceDefinition,
        watching: (&Brake, &Hint, &Chronicle),
    ) -> Result<Came, RunError> {
        let source = self.source(definition)?;
        self.refuse_while_left_alone(definition).await?;
        let sink =
            Aside { store: Arc::clone(self.installation.store()), comparison: self.comparison() };
        if self.entry.request.dry_run {
            self.start_over().await?;
        } else if self.has_read(Sink::<()>::checkpoint(&sink, &definition.id).await?.as_ref()) {
            return Ok(Came::ToItsEnd(None));
        }
        let pipeline = Pipeline::new(source).resume(self.resume());
        let summary = if self.entry.request.dry_run {
            let pipeline = self.filtered(pipeline, definition).await?.parse(parser());
            self.watched(pipeline, definition, watching).run(&sink).await?
        } else {
            let pipeline = pipeline.parse(Raw);
            self.watched(pipeline, definition, watching).run(&sink).await?
        };
        Ok(came(&summary, None))
    }

    /// Stores what was kept aside.
    async fn import(
        &self,
        definition: &SourceDefinition,
        watching: (&Brake, &Hint, &Chronicle),
    ) -> Result<Came, RunError> {
        if let Some(dry_run) = self.entry.request.parent {
            self.refuse_if_harvested_since(dry_run).await?;
            self.refuse_if_expired(dry_run).await?;
        }
        let kept = Arc::new(Kept {
            id: definition.id.clone(),
            store: Arc::clone(self.installation.store()),
            of: self.entry.request.parent,
            stored: self.entry.batches,
            last: AtomicI64::new(0),
        });
        let summary = self.keep(Arc::clone(&kept) as _, definition, watching).await?;
        if summary.state != RunState::Cancelled {
            kept.forget().await?;
        }
        Ok(came(&summary, None))
    }

    /// Compares, and changes nothing.
    async fn audit(
        &self,
        definition: &SourceDefinition,
        watching: (&Brake, &Hint, &Chronicle),
    ) -> Result<Came, RunError> {
        let source = self.source(definition)?;
        self.refuse_while_left_alone(definition).await?;
        let store = Arc::clone(self.installation.store());
        let sink = Audit::new(store, self.comparison());
        self.start_over().await?;
        let lists_everything = source.lists_everything(None);
        let pipeline = Pipeline::new(source).resume(Resume::Afresh);
        let pipeline = self.filtered(pipeline, definition).await?.parse(Raw);
        let summary = self.watched(pipeline, definition, watching).run(&sink).await?;
        if summary.state != RunState::Cancelled && lists_everything {
            let absent = sink.absent(&definition.id).await?;
            sink.count_absent(self.ticket, absent).await?;
        }
        Ok(came(&summary, None))
    }

    /// Whether the list is stored to its end, by a worker before, and the source stands `at` that. To read
    /// it once more would count its records twice.
    fn has_read(&self, at: Option<&Checkpoint>) -> bool {
        self.entry.batches > 0 && at.is_some_and(Checkpoint::is_end)
    }

    /// What a worker before did counts for nothing: the run leaves no checkpoint behind.
    async fn start_over(&self) -> Result<(), StoreError> {
        match self.entry.batches {
            0 => Ok(()),
            _ => self.installation.store().start_over(self.ticket).await,
        }
    }

    /// Fetches by name what failed in earlier runs and did not come since. Says whether the source can be
    /// asked for that.
    async fn again(
        &self,
        source: &Arc<dyn Source>,
        definition: &SourceDefinition,
        watching: (&Brake, &Hint, &Chronicle),
    ) -> Result<bool, RunError> {
        let identifiers = self.failed_before(definition, |error| error.identifier).await?;
        let at = self.installation.catalogue().checkpoint(&definition.id).await?;
        let failed = Failed { inner: Arc::clone(source), identifiers, at };
        if !failed.can() {
            return Ok(false);
        }
        if !failed.identifiers.is_empty() {
            self.keep(Arc::new(failed), definition, watching).await?;
        }
        Ok(true)
    }

    async fn keep(
        &self,
        source: Arc<dyn Source>,
        definition: &SourceDefinition,
        watching: (&Brake, &Hint, &Chronicle),
    ) -> Result<Summary, RunError> {
        let pipeline = Pipeline::new(source).resume(self.resume());
        let pipeline = self.filtered(pipeline, definition).await?.parse(parser());
        let pipeline = self.watched(pipeline, definition, watching);
        let catalogue = self.installation.catalogue();
        if definition.kind != DOCUMENT_LIST {
            return pipeline.run(&**catalogue).await;
        }
        let catalogue = Arc::clone(catalogue);
        let events = watching.2.events.clone();
        pipeline.run(&Documents { catalogue, events, run: self.entry.id }).await
    }

    async fn filtered(
        &self,
        pipeline: Pipeline,
        definition: &SourceDefinition,
    ) -> Result<Pipeline, RunError> {
        Ok(match self.installation.filters(definition).await? {
            Some(filters) => pipeline.filter(filters),
            None => pipeline,
        })
    }

    fn watched<S: ParseStage>(
        &self,
        pipeline: Pipeline<S>,
        definition: &SourceDefinition,
        watching: (&Brake, &Hint, &Chronicle),
    ) -> Pipeline<S> {
        let most = definition.policies.most_failures;
        watched(pipeline, &self.entry, self.ticket, watching, most)
    }

    fn comparison(&self) -> Comparison {
        Comparison(Arc::clone(self.installation.catalogue()))
    }

    /// A run that stored something goes on where that ended; one that did not begins as it was asked
    /// to.
    fn resume(&self) -> Resume {
        let request = &self.entry.request;
        match &request.from {
            // A dry run leaves no position behind: it begins anew.
            _ if self.entry.batches > 0 && !request.dry_run => Resume::FromSink,
            Some(checkpoint) => Resume::From(checkpoint.clone()),
            None if request.full => Resume::Afresh,
            None => Resume::FromSink,
        }
    }

    /// What a dry run fetched is not kept for ever.
    async fn refuse_if_expired(&self, dry_run: RunId) -> Result<(), RunError> {
        let store = self.installation.store();
        let has_fetched = store.run(dry_run).await?.is_none_or(|run| run.batches > 0);
        let source = &self.entry.request.source;
        if self.entry.batches > 0
            || !has_fetched
            || store.staged(source, Some(dry_run), 0).await?.is_some()
        {
            return Ok(());
        }
        let message = format!(
            "what run {dry_run} fetched is not kept any longer, so it cannot be stored; try it once \
             more"
        );
        Err(RunError::new(Stage::Sink, message))
    }

    /// What a dry run fetched may be older by now than what is here.
    async fn refuse_if_harvested_since(&self, dry_run: RunId) -> Result<(), RunError> {
        let RunEntry { id, request, .. } = &self.entry;
        let query = RunQuery { source: Some(request.source.clone()), ..RunQuery::default() };
        let runs = self.installation.store().runs(&query).await?;
        let stored = |run: &RunEntry| {
            let kind = run.request.kind;
            run.batches > 0 && !run.request.dry_run && kind != RunKind::Audit
        };
        match runs.iter().find(|run| run.id > dry_run && run.id < *id && stored(run)) {
            None => Ok(()),
            Some(run) => {
                let message = format!(
                    "run {} has changed what is here since run {dry_run} was tried; try it once more",
                    run.id
                );
                Err(RunError::new(Stage::Sink, message))
            }
        }
    }

    /// A host that wants to be left alone is not asked by this run either.
    async fn refuse_while_left_alone(&self, definition: &SourceDefinition) -> Result<(), RunError> {
        let Some(host) = host(definition) else { return Ok(()) };
        let wait = self.installation.store().left_alone(&host).await?;
        if wait < PATIENCE {
            return Ok(());
        }
        let message = format!("{host} wants to be left alone for {} s more", wait.as_secs());
        Err(RunError::new(Stage::Source, message).with_transient(true).with_retry_after(Some(wait)))
    }

    /// How the run ends, by what it came to. `None` if it is another worker's.
    async fn ending(
        &self,
        ended: Result<Came, RunError>,
        brake: &Brake,
    ) -> Result<Option<Ending>, RunError> {
        let store = self.installation.store();
        match (ended, brake.why()) {
            (_, Some(Stop::Stale)) => Ok(None),
            // Noticed with the last batch perhaps; the end of the list means nothing then.
            (_, Some(Stop::Failures(failed))) => {
                let message = format!(
                    "{failed} records failed, which is more than this source may; what was stored \
                     stays, and the next run goes on here"
                );
                Ok(Some(Ending::Failed(Failure::new(message))))
            }
            (Ok(Came::ToItsEnd(settled)), _) => match settled {
                Some(settled) => {
                    let run = settle::finish(&self.installation, self.ticket, &self.entry, settled);
                    run.await.map(Some)
                }
                None => Ok(Some(Ending::Done)),
            },
            (Ok(Came::Stopped) | Err(_), Some(Stop::Wanted(Wanted::Cancel))) => {
                Ok(Some(Ending::Cancelled))
            }
            (Ok(Came::Stopped) | Err(_), Some(Stop::Wanted(Wanted::Pause))) => {
                Ok(Some(Ending::Paused))
            }
            (Ok(Came::Stopped) | Err(_), Some(Stop::Worker)) => {
                Ok(Some(Ending::Later(store.now().await?)))
            }
            (Ok(Came::Stopped), None) => Ok(Some(Ending::Cancelled)),
            (Err(error), None) => {
                if let Some(wait) = error.retry_after().filter(|wait| *wait >= PATIENCE) {
                    let definition = Installation::settings(&self.entry)?;
                    if let Some(host) = host(&definition) {
                        store.leave_alone(&host, wait).await?;
                    }
                    let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1));
                    return Ok(Some(Ending::Later(store.now().await? + wait)));
                }
                Err(error)
            }
        }
    }

    fn begins(&self) -> String {
        let request = &self.entry.request;
        let dry = if request.dry_run { ", only to see what it would do" } else { "" };
        let by = request.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        match self.entry.attempt {
            0 | 1 => format!("{} asked for{by} ({}){dry}", request.kind, request.trigger),
            attempt => format!("{} goes on, attempt {attempt}", request.kind),
        }
    }

    fn tell(&self, chronicle: &Chronicle, ending: &Ending) {
        let (level, message) = match ending {
            Ending::Done => (EventLevel::Info, "read to its end".to_owned()),
            Ending::Failed(failure) => (EventLevel::Error, failure.message.clone()),
            Ending::Interrupted(failure) => {
                (EventLevel::Warning, format!("interrupted: {}", failure.message))
            }
            Ending::Cancelled => (EventLevel::Notice, "cancelled".to_owned()),
            Ending::Paused => (EventLevel::Notice, "paused".to_owned()),
            Ending::Held(held) => (
                EventLevel::Warning,
                format!(
                    "{} of {} live records would be deleted; somebody must approve that",
                    held.deletions, held.live
                ),
            ),
            Ending::Later(time) => (EventLevel::Notice, format!("put off until {time}")),
        };
        let code = match ending {
            Ending::Interrupted(_) => "RunInterrupted",
            _ => "RunEnded",
        };
        let mut event = named(code, level, &message);
        if let Ending::Failed(Failure { url: Some(url), .. }) = ending {
            event = event.at(url);
        }
        chronicle.write(event.in_run(self.entry.request.source.clone(), self.entry.id));
    }

    pub(super) fn say(
        &self,
        chronicle: &Chronicle,
        code: &str,
        level: EventLevel,
        message: String,
    ) {
        let event = Event::new(code, level, message);
        chronicle.write(event.in_run(self.entry.request.source.clone(), self.entry.id));
    }
}

/// Everything that can be read is read; what cannot is kept as it came.
pub(super) fn parser() -> impl crate::Parser<Record = Bibliographic> {
    ByFormat::new().keep_others()
}

fn came(summary: &Summary, settled: Option<Settled>) -> Came {
    match summary.state {
        RunState::Cancelled => Came::Stopped,
        _ => Came::ToItsEnd(settled),
    }
}

/// How a run ends that cannot go on.
fn broken(error: &RunError) -> Ending {
    let mut failure = Failure::from(error);
    // What was stored stands; what became of the rest, whoever goes on finds out.
    if error.stage() == Stage::Sink && error.is_transient() {
        return Ending::Interrupted(failure);
    }
    let operation = Operation::of_message(&failure.message);
    failure.leaves_date = operation.is_some_and(|(operation, _)| operation.is_about_the_list());
    Ending::Failed(failure)
}

fn host(definition: &SourceDefinition) -> Option<String> {
    let url = url::Url::parse(definition.url()?).ok()?;
    url.host_str().map(str::to_owned)
}

fn causes(error: &RunError) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |error| error.source())
}

/// Whether the run is another worker's by now.
pub(super) fn is_stale(error: &RunError) -> bool {
    causes(error)
        .any(|cause| matches!(cause.downcast_ref::<StoreError>(), Some(StoreError::Stale(_))))
}

struct Aborted(tokio::task::JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}
