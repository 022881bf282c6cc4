//! What a run of each kind does, up to the end of its list.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::audit::{Audit, Comparison};
use super::courtesy::PATIENCE;
use super::documents::Documents;
use super::execute::Execution;
use super::installation::Installation;
use super::origin::{Doubted, Failed, Stored, Unread};
use super::settle::{self, Settled};
use super::staging::{Aside, Kept};
use super::watch::{Brake, Chronicle, Hint, Stop, watched};
use crate::catalogue::StoredError;
use crate::checkpoint::Checkpoint;
use crate::error::{RunError, Stage};
use crate::parsers::{Bibliographic, ByFormat, Raw};
use crate::pipeline::{ParseStage, Pipeline, Resume};
use crate::run::{RunId, RunState, Summary};
use crate::sink::Sink;
use crate::source::Source;
use crate::store::{EventLevel, Page, RunEntry, RunKind, RunQuery, SourceDefinition, StoreError};

/// The kind of sources whose records are documents of Metacat.
pub(super) const DOCUMENT_LIST: &str = "document-list";

/// How many records that failed are read at once.
const FAILED: usize = 200;

/// What a run came to before it is settled.
pub(super) enum Came {
    ToItsEnd(Option<Settled>),
    Stopped,
}

impl Execution {
    /// Does what was asked for; says how far that came.
    pub(super) async fn work(
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

pub(super) fn host(definition: &SourceDefinition) -> Option<String> {
    let url = url::Url::parse(definition.url()?).ok()?;
    url.host_str().map(str::to_owned)
}
