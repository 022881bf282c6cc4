//! Giving the targets of a source what changed, behind the catalogue.
//!
//! The catalogue is the list of what there is to deliver: a target has a place among the changes of each
//! source, and everything behind it is owed. A worker that dies anywhere leaves the place where it was.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::execute::{Execution, is_stale};
use super::origin::item;
use super::watch::{Brake, Chronicle, Stop};
use super::work::parser;
use crate::batch::{Batch, Item, SourceId};
use crate::catalogue::{ArrivalPoint, Catalogue, StoredRecord};
use crate::checkpoint::Checkpoint;
use crate::error::RunError;
use crate::filters::FilterSets;
use crate::parsers::Bibliographic;
use crate::pipeline::Pipeline;
use crate::run::{Counters, Run, RunState, Summary, Ticket};
use crate::sink::{Entry, Hold, ParsedBatch, Sink, Written};
use crate::source::Source;
use crate::store::{Event, EventLevel, Offered, Page, Store, StoreError, TargetDefinition};
use crate::targets::{AskedBy, Target};

/// How many records are a batch at most.
const AT_ONCE: usize = 200;

/// How many records that could not be delivered are events of a run. All of them are in the store.
const EVENTS: usize = 20;

/// What the targets of a source came to.
pub(super) enum Delivered {
    /// Those that could not be served, with the reason.
    But(Vec<String>),
    /// Another worker has the run.
    Stale,
}

impl Execution {
    /// Gives each target of the source what it is owed. One that cannot be served keeps no other from
    /// it, and gets it with the next run.
    pub(super) async fn deliver(&self, brake: &Brake, chronicle: &Chronicle) -> Delivered {
        let store = self.installation.store();
        let source = &self.entry.request.source;
        let targets = match store.targets().await {
            Ok(targets) => targets,
            Err(error) => {
                let message = format!("nothing could be delivered: {error}");
                self.say(chronicle, "DeliveryFailed", EventLevel::Error, message.clone());
                return Delivered::But(vec![message]);
            }
        };
        let mut failures = Vec::new();
        for target in targets.iter().filter(|it| !it.paused && it.takes_from(source)) {
            if brake.why().is_some() {
                break;
            }
            let served = self.serve(target, brake).await;
            let failure = match &served {
                Ok(Some(summary)) if summary.state == RunState::Cancelled => break,
                Ok(summary) => {
                    self.tell_of(chronicle, target, summary.as_ref());
                    None
                }
                Err(error) if is_stale(error) => return stale(brake),
                Err(error) => {
                    let message = format!("{error}; what it is owed it gets with the next run");
                    self.say(chronicle, "DeliveryFailed", EventLevel::Error, message);
                    Some(error.to_string())
                }
            };
            let (name, failure) = (&target.name, failure.as_deref());
            match store.note_served(self.ticket, name, source, failure).await {
                Ok(()) => {}
                Err(StoreError::Stale(_)) => return stale(brake),
                Err(error) => tracing::warn!(target = %name, %error, "noting a delivery"),
            }
            failures.extend(failure.map(str::to_owned));
        }
        Delivered::But(failures)
    }

    /// Gives one target what it is owed; `None`: that is nothing.
    async fn serve(
        &self,
        target: &TargetDefinition,
        brake: &Brake,
    ) -> Result<Option<Summary>, RunError> {
        let changes = Changes {
            id: self.entry.request.source.clone(),
            catalogue: Arc::clone(self.installation.catalogue()),
            store: Arc::clone(self.installation.store()),
            target: target.name.clone(),
        };
        let errand = Errand {
            target: self.installation.target(target).await?,
            store: Arc::clone(self.installation.store()),
            ticket: self.ticket,
        };
        let from = errand.checkpoint(&changes.id).await?;
        if changes.batches(from).try_next().await?.is_none() {
            return Ok(None);
        }
        let pipeline = Pipeline::new(changes).cancel_with(brake.token.clone()).parse(parser());
        pipeline.run(&errand).await.map(Some)
    }

    fn tell_of(&self, chronicle: &Chronicle, target: &TargetDefinition, summary: Option<&Summary>) {
        let Some(summary) = summary else { return };
        for failure in summary.failures.first().iter().take(EVENTS) {
            let event = Event::new("NotDelivered", EventLevel::Warning, &*failure.message);
            let event = match &failure.identifier {
                Some(identifier) => event.about(identifier),
                None => event,
            };
            chronicle.write(event.in_run(self.entry.request.source.clone(), self.entry.id));
        }
        if let Some(what) = in_words(&summary.counters) {
            let level = match summary.counters.failed {
                0 => EventLevel::Info,
                _ => EventLevel::Warning,
            };
            self.say(chronicle, "Delivered", level, format!("to {}: {what}", target.name));
        }
    }
}

fn stale(brake: &Brake) -> Delivered {
    brake.pull(Stop::Stale);
    Delivered::Stale
}

/// What happened in a target; `None`: nothing did.
fn in_words(counters: &Counters) -> Option<String> {
    let parts = [
        (counters.created, "new"),
        (counters.updated, "updated"),
        (counters.deleted, "withdrawn"),
        (counters.failed, "could not be given to it"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

impl super::Installation {
    /// The target that a definition describes.
    async fn target(
        &self,
        definition: &TargetDefinition,
    ) -> Result<Target<Bibliographic>, RunError> {
        let mut sets = Vec::with_capacity(definition.condition.filter_sets.len());
        for name in &definition.condition.filter_sets {
            let set = self.store().filter_set(name).await?;
            sets.push(set.ok_or_else(|| StoreError::missing("filter set", name))?);
        }
        let target = Target::of(&*definition.name, self.receiver(definition)?)
            .withdraw(definition.withdrawal)
            .tolerate(definition.condition.issues);
        Ok(match sets.is_empty() {
            true => target,
            false => target.when_passes(FilterSets::new(sets), parser()),
        })
    }
}

/// What a target is owed of a source: what failed before, then what changed since.
#[derive(Debug)]
struct Changes {
    id: SourceId,
    catalogue: Arc<dyn Catalogue>,
    store: Arc<dyn Store>,
    target: String,
}

impl Changes {
    fn owed(&self) -> BoxStream<'_, Result<Vec<StoredRecord>, RunError>> {
        let pages = stream::try_unfold(Page::first(AT_ONCE), async |page: Page<String>| {
            let owed = self.store.owed(&self.target, &self.id, &page).await?;
            let Some(last) = owed.last() else { return Ok(None) };
            let next = page.after(last.identifier.clone());
            let mut records = Vec::with_capacity(owed.len());
            for owed in &owed {
                records.extend(self.catalogue.find(&self.id, &owed.identifier).await?);
            }
            Ok(Some((records, next)))
        });
        pages.boxed()
    }
}

impl Source for Changes {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        // What another version wrote is not understood: then everything is offered once more.
        let from = from.and_then(|from| ArrivalPoint::of_checkpoint(&from).ok());
        let stands = from.clone().unwrap_or_default();
        let owed = self.owed().map_ok(move |records| (stands.clone(), records));
        let changes = self.catalogue.arrivals(&self.id, from).try_chunks(AT_ONCE);
        let changes = changes.map_err(|error| error.1).map_ok(|changes| {
            let at = changes.last().map(|it| it.at.clone()).unwrap_or_default();
            (at, changes.into_iter().map(|it| it.record).collect())
        });
        let batches = owed.chain(changes).enumerate().map(|(number, part)| {
            let (at, records): (_, Vec<_>) = part?;
            let items = records.into_iter().map(|record| Ok(changed(record))).collect();
            Ok(Batch::new(number as u64, at.to_checkpoint()?).with_items(items))
        });
        batches.boxed()
    }
}

/// A record, or its deletion, as a target is offered it.
fn changed(record: StoredRecord) -> Item {
    if !record.deleted {
        return item(record);
    }
    let deletion = Item::delete(record.identifier).with_sets(record.sets);
    Item { datestamp: record.datestamp, ..deletion }
}

/// One target, and the store that is told what became of what it was offered.
struct Errand {
    target: Target<Bibliographic>,
    store: Arc<dyn Store>,
    ticket: Ticket,
}

#[async_trait]
impl Sink<Bibliographic> for Errand {
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        let begun = self.target.receiver().begin(run).await;
        begun.map_err(|error| self.target.blame(error))
    }

    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        Ok(self.store.offered_to(self.target.name(), source).await?)
    }

    async fn write(
        &self,
        run: &Run,
        batch: ParsedBatch<Bibliographic>,
    ) -> Result<Written, RunError> {
        let served = self.target.serve(&self.store, run, &batch, AskedBy::Source).await;
        let written = served.map_err(|error| self.target.blame(error))?;
        let identifiers = batch.entries.iter().filter_map(Entry::item);
        let offered = Offered {
            records: identifiers.map(|item| item.identifier.clone()).collect(),
            failures: written.failures.clone(),
            position: batch.checkpoint,
        };
        let name = self.target.name();
        self.store.note_offered(self.ticket, name, &run.source, &offered).await?;
        Ok(written.with_checkpoint())
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        let finished = self.target.receiver().finish(run, summary).await;
        finished.map_err(|error| self.target.blame(error))
    }
}
