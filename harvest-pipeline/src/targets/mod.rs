//! Delivering records to those who wait for them, each on its own condition.
//!
//! A [`Target`] is somebody downstream: an index, a national library, a registry of DOIs. It has a
//! condition, asked of every version of a record, and a receiver, which is any [`Sink`]. [`Targets`]
//! delivers to all of them and is a sink itself; behind a catalogue it is the second of a
//! [`Tee`](crate::sinks::Tee).
//!
//! | of a record comes | a target is |
//! |---|---|
//! | nothing: output is off, a filter rejects it, it did not change | left as it is |
//! | a version that cannot be read (record error) | left as it is |
//! | a version, perhaps with field errors (without those fields) or warnings (as it is) | **updated if its condition holds**, else left as it is |
//! | a version that it has already | left as it is |
//! | its deletion, by the source itself | **withdrawn if its policy is so**, else left as it is |
//!
//! In an [`Installation`](crate::engine::Installation) targets are [definitions](crate::store::TargetDefinition)
//! in its store, of these [`kinds`]. There they are not behind the catalogue but read it: each has a place
//! among the [arrivals](crate::Catalogue::arrivals) of each source, and when a run is through, gets what is
//! behind that. The place moves when what was delivered is noted. So a version may be delivered twice and
//! is never forgotten, whenever a worker dies, and a target that is away keeps nobody waiting.
//!
//! What was delivered is therefore never taken back because of an error or a warning, or because a
//! condition holds no longer: only by an explicit deletion or by an [operator](Targets::withdraw),
//! and only where [`Withdrawal`] allows it.
//!
//! ```
//! # async fn example(source: impl harvest_pipeline::Source + 'static)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use harvest_pipeline::Pipeline;
//! use harvest_pipeline::parsers::{Bibliographic, ByFormat};
//! use harvest_pipeline::sinks::{JsonLines, XmlFiles};
//! use harvest_pipeline::targets::{MemoryDeliveries, Target, Targets, Withdrawal};
//!
//! let index = Target::new("index", JsonLines::create("index.jsonl").await?.with_record())
//!     .withdraw(Withdrawal::ByOperatorOrDeletion);
//! let theses = Target::<Bibliographic>::new("theses", XmlFiles::new("theses")?)
//!     .when(|offer| offer.record.thesis.is_some() && !offer.record.files.is_empty())
//!     .withdraw(Withdrawal::Never);
//! let targets = Targets::new(MemoryDeliveries::new(), [index, theses])?;
//! Pipeline::new(source).parse(ByFormat::new()).run(&targets).await?;
//! for (target, counters) in targets.counters() {
//!     println!("{target}: {counters}");
//! }
//! # Ok(()) }
//! ```

mod deliveries;
mod kinds;
mod operator;
mod target;
mod verdict;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Serialize;

pub use self::deliveries::{Deliveries, Delivery, MemoryDeliveries};
pub use self::kinds::kinds;
pub use self::target::{Offer, Target, Tolerance, Withdrawal};
pub(crate) use self::verdict::AskedBy;
use crate::error::{RecordError, RunError};
use crate::run::{Counters, Outcome, Run, Summary};
use crate::sink::{Entry, Hold, ParsedBatch, Sink, Written};

/// All targets of a pipeline, as one [`Sink`].
///
/// The outcome of a record is what became of it in the target where most happened; it has failed if
/// it could not be delivered to one of them. [`counters`](Self::counters) tells it of each target.
/// If a receiver refuses a whole batch, the other targets still get it before the run ends with the
/// error; when the batch comes again, they are not bothered with what they have.
pub struct Targets<R> {
    targets: Vec<Target<R>>,
    deliveries: Arc<dyn Deliveries>,
    counters: Mutex<Vec<Counters>>,
}

/// Two targets have the same name, under which each would note what was delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are two targets of the name {0:?}")]
#[non_exhaustive]
pub struct SameName(pub String);

impl<R: Clone + Serialize + Send + Sync + 'static> Targets<R> {
    /// Delivers to these targets, and notes there what was delivered.
    ///
    /// # Errors
    /// If two of them have the same name.
    pub fn new(
        deliveries: impl Deliveries + 'static,
        targets: impl IntoIterator<Item = Target<R>>,
    ) -> Result<Self, SameName> {
        let targets: Vec<_> = targets.into_iter().collect();
        for (number, target) in targets.iter().enumerate() {
            if targets[..number].iter().any(|other| other.name() == target.name()) {
                return Err(SameName(target.name().to_owned()));
            }
        }
        let counters = Mutex::new(vec![Counters::default(); targets.len()]);
        Ok(Self { targets, deliveries: Arc::new(deliveries), counters })
    }

    /// What became of all records so far, by target: [`Filtered`](Outcome::Filtered) is a version
    /// for which its condition does not hold, [`Unchanged`](Outcome::Unchanged) one that it has
    /// already, or a deletion that it does not follow.
    pub fn counters(&self) -> Vec<(&str, Counters)> {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        self.targets.iter().map(Target::name).zip(counters.iter().copied()).collect()
    }

    fn count(&self, number: usize, outcomes: &[Outcome]) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters[number] += outcomes.iter().copied().collect::<Counters>();
    }
}

/// Where more happened, the number is higher.
fn weight(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Filtered | Outcome::SkippedDeleted => 0,
        Outcome::Unchanged => 1,
        Outcome::Deleted => 2,
        Outcome::Updated => 3,
        Outcome::Created => 4,
        Outcome::Failed => 5,
    }
}

/// What becomes of a record where there is no target for it.
fn nowhere<R>(entry: &Entry<R>) -> Outcome {
    match entry {
        Entry::Put { .. } | Entry::Prepared { .. } => Outcome::Filtered,
        Entry::Delete { .. } => Outcome::SkippedDeleted,
        other => other.plain_outcome(),
    }
}

#[async_trait]
impl<R: Clone + Serialize + Send + Sync + 'static> Sink<R> for Targets<R> {
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        let mut holds = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            holds.push(target.receiver().begin(run).await.map_err(|error| target.blame(error))?);
        }
        Ok(Hold::new(holds))
    }

    async fn write(&self, run: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let mut outcomes: Vec<_> = batch.entries.iter().map(nowhere).collect();
        let mut failures: Vec<RecordError> = Vec::new();
        let mut broken = None;
        for (number, target) in self.targets.iter().enumerate() {
            let served = target.serve(&*self.deliveries, run, &batch, AskedBy::Source).await;
            match served {
                Ok(served) => {
                    self.count(number, &served.outcomes);
                    for (outcome, here) in outcomes.iter_mut().zip(served.outcomes) {
                        if weight(here) > weight(*outcome) {
                            *outcome = here;
                        }
                    }
                    failures.extend(served.failures);
                }
                // The first is the one to tell about, but none keeps the batch from the others.
                Err(error) => broken = broken.or_else(|| Some(target.blame(error))),
            }
        }
        match broken {
            Some(error) => Err(error),
            None => Ok(Written::new(outcomes).with_failures(failures)),
        }
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        let mut finished = Ok(());
        for target in &self.targets {
            let here = target.receiver().finish(run, summary).await;
            finished = finished.and(here.map_err(|error| target.blame(error)));
        }
        finished
    }
}

impl<R> fmt::Debug for Targets<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets")
            .field("targets", &self.targets)
            .field("deliveries", &self.deliveries)
            .finish_non_exhaustive()
    }
}
