//! What happens to a run, whatever store it stands in: a store reads the run, lets one of these
//! happen, and writes it back before anybody else can.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::later;
use super::{Ending, Failure, Held, RunEntry, StoreError, Wanted};
use crate::run::{Counters, RunEvent, RunState, Ticket};

/// A run, and by which claim a worker has it.
#[derive(Clone, Debug)]
pub(super) struct RunRow {
    pub(super) entry: RunEntry,
    pub(super) fence: i64,
}

impl RunRow {
    fn step(&mut self, event: RunEvent, what: &'static str) -> Result<(), StoreError> {
        let RunEntry { id, state, .. } = self.entry;
        self.entry.state =
            state.after(event).ok_or(StoreError::Refused { run: id, state, what })?;
        Ok(())
    }

    /// Whether the ticket is that of the worker that has the run.
    pub(super) fn check(&self, ticket: Ticket) -> Result<(), StoreError> {
        match self.entry.state == RunState::Running && self.fence == ticket.fence {
            true => Ok(()),
            false => Err(StoreError::Stale(ticket.run)),
        }
    }

    pub(super) fn claim(
        &mut self,
        worker: &str,
        lease: Duration,
        now: DateTime<Utc>,
    ) -> Result<Ticket, StoreError> {
        self.step(RunEvent::Claimed, "claimed")?;
        Ok(self.take(worker, lease, now))
    }

    fn take(&mut self, worker: &str, lease: Duration, now: DateTime<Utc>) -> Ticket {
        self.fence += 1;
        let entry = &mut self.entry;
        entry.attempt += 1;
        entry.worker = Some(worker.to_owned());
        entry.leased_until = Some(later(now, lease));
        entry.started.get_or_insert(now);
        Ticket::new(entry.id, self.fence)
    }

    pub(super) fn renew(
        &mut self,
        ticket: Ticket,
        lease: Duration,
        total_hint: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Option<Wanted>, StoreError> {
        self.check(ticket)?;
        self.entry.leased_until = Some(later(now, lease));
        self.entry.total_hint = total_hint.or(self.entry.total_hint);
        Ok(self.entry.wanted)
    }

    /// Counts a batch.
    pub(super) fn count(&mut self, counters: &Counters, bytes: u64) {
        self.entry.counters += *counters;
        self.entry.batches += 1;
        self.entry.bytes += bytes;
    }

    pub(super) fn end(
        &mut self,
        ticket: Ticket,
        ending: &Ending,
        now: DateTime<Utc>,
    ) -> Result<RunState, StoreError> {
        self.check(ticket)?;
        match ending {
            Ending::Done => {
                let with_errors = self.entry.counters.failed > 0;
                self.step(RunEvent::Done { with_errors }, "ended")?;
            }
            Ending::Failed(failure) => {
                self.step(RunEvent::Broken, "failed")?;
                self.entry.failure = Some(failure.clone());
            }
            Ending::Cancelled => self.step(RunEvent::Cancelled, "cancelled")?,
            Ending::Interrupted(_) => self.interrupt()?,
            Ending::Paused | Ending::Held(_) | Ending::Later(_) => self.put_down(ending)?,
        }
        Ok(self.left(now))
    }

    /// A worker puts the run down in order: that is no attempt that came to nothing. Whoever wants
    /// something of the run gets it now.
    fn put_down(&mut self, ending: &Ending) -> Result<(), StoreError> {
        self.entry.attempt = self.entry.attempt.saturating_sub(1);
        match (self.entry.wanted, ending) {
            (Some(Wanted::Cancel), _) => self.step(RunEvent::Cancelled, "cancelled"),
            (_, Ending::Held(held)) => {
                self.entry.held = Some(*held);
                self.step(RunEvent::Held, "held")
            }
            (None, Ending::Later(time)) => {
                self.entry.request.not_before = Some(*time);
                self.step(RunEvent::Paused, "paused")?;
                self.step(RunEvent::Resumed, "queued")
            }
            _ => self.step(RunEvent::Paused, "paused"),
        }
    }

    /// Nobody has the run any more.
    fn left(&mut self, now: DateTime<Utc>) -> RunState {
        let entry = &mut self.entry;
        entry.worker = None;
        entry.leased_until = None;
        entry.wanted = None;
        if !entry.state.is_open() {
            entry.ended = Some(now);
        }
        entry.state
    }

    /// Lets the worker know what is wanted, or does it at once if there is none.
    fn want(
        &mut self,
        wanted: Wanted,
        event: RunEvent,
        what: &'static str,
        now: DateTime<Utc>,
    ) -> Result<RunState, StoreError> {
        let before = self.entry.state;
        self.step(event, what)?;
        if before != RunState::Running || self.entry.worker.is_none() {
            return Ok(self.left(now));
        }
        self.entry.state = before;
        if self.entry.wanted != Some(Wanted::Cancel) {
            self.entry.wanted = Some(wanted);
        }
        Ok(before)
    }

    pub(super) fn cancel(&mut self, now: DateTime<Utc>) -> Result<RunState, StoreError> {
        self.want(Wanted::Cancel, RunEvent::Cancelled, "cancelled", now)
    }

    pub(super) fn pause(&mut self, now: DateTime<Utc>) -> Result<RunState, StoreError> {
        self.want(Wanted::Pause, RunEvent::Paused, "paused", now)
    }

    pub(super) fn resume(&mut self) -> Result<RunState, StoreError> {
        self.step(RunEvent::Resumed, "resumed")?;
        Ok(self.entry.state)
    }

    pub(super) fn approve(
        &mut self,
        worker: &str,
        lease: Duration,
        now: DateTime<Utc>,
    ) -> Result<Ticket, StoreError> {
        self.step(RunEvent::Approved, "approved")?;
        self.decided(true);
        Ok(self.take(worker, lease, now))
    }

    pub(super) fn reject(&mut self, now: DateTime<Utc>) -> Result<RunState, StoreError> {
        self.step(RunEvent::Rejected, "rejected")?;
        self.decided(false);
        Ok(self.left(now))
    }

    fn decided(&mut self, approved: bool) {
        self.entry.held = self.entry.held.map(|held| Held { approved: Some(approved), ..held });
    }

    /// The worker was not heard of for too long. What is wanted of the run is done now; otherwise it
    /// has another try, unless it had so many.
    pub(super) fn lost(
        &mut self,
        most_attempts: u32,
        now: DateTime<Utc>,
    ) -> Result<RunState, StoreError> {
        if self.entry.state == RunState::Running {
            self.interrupt()?;
        }
        if self.entry.state == RunState::Interrupted {
            let again = self.entry.attempt < most_attempts;
            self.step(RunEvent::Swept { again }, "swept")?;
            if !again {
                self.entry.failure = Some(Failure::new(format!(
                    "{} workers were lost with it; see what ended them, then ask for another run: it \
                     goes on where this one was",
                    self.entry.attempt
                )));
            }
        }
        Ok(self.left(now))
    }

    /// Its worker is lost; what is wanted of the run is done now.
    fn interrupt(&mut self) -> Result<(), StoreError> {
        match self.entry.wanted {
            Some(Wanted::Cancel) => self.step(RunEvent::Cancelled, "cancelled"),
            Some(Wanted::Pause) => self.step(RunEvent::Paused, "paused"),
            None => self.step(RunEvent::Lost, "lost"),
        }
    }

    /// Whether its worker was not heard of for longer than its lease.
    pub(super) fn is_lost(&self, now: DateTime<Utc>) -> bool {
        match self.entry.state {
            RunState::Interrupted => true,
            RunState::Running => self.entry.leased_until.is_some_and(|until| until < now),
            _ => false,
        }
    }
}
