//! The states of a run, and which follows which.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a run is, or how it ended.
///
/// ```text
///          ┌──────────────◀── interrupted ◀─┐
///          ▼                      │         │
/// ──▶ queued ──▶ running ─────────┼─────────┴─▶ succeeded
///       ▲  │      │  │  ▲         └──▶ failed ◀─ running
///       │  │      │  │  └─▶ awaiting approval ─▶ succeeded with errors
///       │  │      ▼  └──────────────────────────▶ succeeded with errors
///       │  └──▶ cancelled ◀─┐
///       └─────── suspended ─┘
/// ```
///
/// [`after`](Self::after) has every step that there is; no other is ever taken.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RunState {
    /// Asked for, and no worker has it yet.
    Queued,
    /// A worker has it.
    Running,
    /// Somebody paused it; it goes on where it was.
    Suspended,
    /// Everything but its deletions is done: they are so many that a person must agree.
    AwaitingApproval,
    /// The worker that had it is lost. It goes on where it was, with another.
    Interrupted,
    /// The list was read to its end and no record failed.
    Succeeded,
    /// The list was read to its end, but some records failed.
    SucceededWithErrors,
    /// It broke off; what was stored before stays.
    Failed,
    /// Somebody stopped it, at the end of a batch.
    Cancelled,
}

/// What can happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunEvent {
    /// A worker takes it.
    Claimed,
    /// It came to its end.
    Done {
        /// Whether records failed.
        with_errors: bool,
    },
    /// It cannot go on.
    Broken,
    /// Somebody stops it.
    Cancelled,
    /// Somebody pauses it.
    Paused,
    /// Somebody lets it go on.
    Resumed,
    /// Its worker was not heard of for too long.
    Lost,
    /// It is given to another worker, or given up after too many.
    Swept {
        /// Whether it has another try.
        again: bool,
    },
    /// It would delete more than it may by itself.
    Held,
    /// A person agrees to its deletions.
    Approved,
    /// A person does not: the records stay.
    Rejected,
}

impl RunState {
    /// All of them, open ones first.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Suspended,
        Self::AwaitingApproval,
        Self::Interrupted,
        Self::Succeeded,
        Self::SucceededWithErrors,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The state that `event` leads to; `None` if it cannot happen to a run in this state.
    ///
    /// ```
    /// use harvest_pipeline::{RunEvent, RunState};
    ///
    /// assert_eq!(RunState::Queued.after(RunEvent::Claimed), Some(RunState::Running));
    /// assert_eq!(RunState::Failed.after(RunEvent::Resumed), None);
    /// ```
    #[must_use]
    pub fn after(self, event: RunEvent) -> Option<Self> {
        Some(match (self, event) {
            (Self::Queued, RunEvent::Claimed) | (Self::AwaitingApproval, RunEvent::Approved) => {
                Self::Running
            }
            (Self::Running, RunEvent::Done { with_errors: false }) => Self::Succeeded,
            (Self::Running, RunEvent::Done { with_errors: true })
            | (Self::AwaitingApproval, RunEvent::Rejected) => Self::SucceededWithErrors,
            (Self::Running, RunEvent::Broken)
            | (Self::Interrupted, RunEvent::Swept { again: false }) => Self::Failed,
            (Self::Queued | Self::Running | Self::Suspended, RunEvent::Cancelled) => {
                Self::Cancelled
            }
            (Self::Running, RunEvent::Paused) => Self::Suspended,
            (Self::Suspended, RunEvent::Resumed)
            | (Self::Interrupted, RunEvent::Swept { again: true }) => Self::Queued,
            (Self::Running, RunEvent::Lost) => Self::Interrupted,
            (Self::Running, RunEvent::Held) => Self::AwaitingApproval,
            _ => return None,
        })
    }

    /// Whether the run is not over: a source has at most one such run.
    #[must_use]
    pub fn is_open(self) -> bool {
        self <= Self::Interrupted
    }

    /// Whether everything was read to its end.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Succeeded | Self::SucceededWithErrors)
    }

    /// The state as it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::AwaitingApproval => "awaiting approval",
            Self::Interrupted => "interrupted",
            Self::Succeeded => "succeeded",
            Self::SucceededWithErrors => "succeeded with errors",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RunState {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| UnknownWord::new("state of a run", text))
    }
}

/// A word that a store holds and this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no {what}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
}

impl UnknownWord {
    pub(crate) fn new(what: &'static str, word: &str) -> Self {
        Self { what, word: word.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RunState as S;

    const EVENTS: [RunEvent; 13] = [
        RunEvent::Claimed,
        RunEvent::Done { with_errors: false },
        RunEvent::Done { with_errors: true },
        RunEvent::Broken,
        RunEvent::Cancelled,
        RunEvent::Paused,
        RunEvent::Resumed,
        RunEvent::Lost,
        RunEvent::Swept { again: true },
        RunEvent::Swept { again: false },
        RunEvent::Held,
        RunEvent::Approved,
        RunEvent::Rejected,
    ];

    /// Every step that there is.
    const STEPS: [(RunState, RunEvent, RunState); 15] = [
        (S::Queued, RunEvent::Claimed, S::Running),
        (S::Queued, RunEvent::Cancelled, S::Cancelled),
        (S::Running, RunEvent::Done { with_errors: false }, S::Succeeded),
        (S::Running, RunEvent::Done { with_errors: true }, S::SucceededWithErrors),
        (S::Running, RunEvent::Broken, S::Failed),
        (S::Running, RunEvent::Cancelled, S::Cancelled),
        (S::Running, RunEvent::Paused, S::Suspended),
        (S::Running, RunEvent::Lost, S::Interrupted),
        (S::Running, RunEvent::Held, S::AwaitingApproval),
        (S::Suspended, RunEvent::Resumed, S::Queued),
        (S::Suspended, RunEvent::Cancelled, S::Cancelled),
        (S::Interrupted, RunEvent::Swept { again: true }, S::Queued),
        (S::Interrupted, RunEvent::Swept { again: false }, S::Failed),
        (S::AwaitingApproval, RunEvent::Approved, S::Running),
        (S::AwaitingApproval, RunEvent::Rejected, S::SucceededWithErrors),
    ];

    #[test]
    fn every_pair_of_state_and_event_that_is_not_in_the_table_is_refused() {
        for state in RunState::ALL {
            for event in EVENTS {
                let step = STEPS.iter().find(|(from, by, _)| (*from, *by) == (state, event));
                assert_eq!(state.after(event), step.map(|(_, _, to)| *to), "{state}, {event:?}");
            }
        }
    }

    #[test]
    fn what_is_over_stays_over() {
        for state in RunState::ALL.into_iter().filter(|state| !state.is_open()) {
            assert!(EVENTS.into_iter().all(|event| state.after(event).is_none()), "{state}");
        }
        let open = RunState::ALL.iter().filter(|state| state.is_open()).count();
        assert_eq!(open, 5);
    }

    #[test]
    fn a_state_is_read_as_it_is_written() {
        for state in RunState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("done".parse::<RunState>().is_err());
    }
}
