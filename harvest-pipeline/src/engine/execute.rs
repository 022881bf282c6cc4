//! One run, from the claim to its end.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::courtesy::PATIENCE;
use super::delivery::Delivered;
use super::installation::Installation;
use super::settle;
use super::watch::{Brake, Chronicle, Hint, Stop, beat, named};
use super::work::{Came, host};
use crate::error::{RunError, Stage};
use crate::operations::Operation;
use crate::run::{RunState, Ticket};
use crate::store::{Ending, Event, EventLevel, Failure, RunEntry, RunKind, StoreError, Wanted};

/// A run that was claimed.
pub(super) struct Execution {
    pub(super) installation: Installation,
    pub(super) ticket: Ticket,
    pub(super) entry: RunEntry,
    pub(super) lease: Duration,
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
