//! States at a glance: a word with a colour, and never a colour alone.

use harvest_pipeline::RunState;
use harvest_pipeline::store::{EventLevel, SourceStatus};
use maud::{Markup, html};

use crate::words::Words;

/// What the colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Quiet,
    Good,
    Busy,
    Warning,
    Bad,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Quiet => "badge",
            Self::Good => "badge good",
            Self::Busy => "badge busy",
            Self::Warning => "badge warning",
            Self::Bad => "badge bad",
        }
    }
}

/// A word with a colour.
pub(crate) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class=(tone.class()) { (text) } }
}

/// The state of a run.
pub(crate) fn run_state(words: Words, state: RunState) -> Markup {
    let tone = match state {
        RunState::Running => Tone::Busy,
        RunState::Succeeded => Tone::Good,
        RunState::SucceededWithErrors | RunState::AwaitingApproval | RunState::Interrupted => {
            Tone::Warning
        }
        RunState::Failed => Tone::Bad,
        _ => Tone::Quiet,
    };
    let key = format!("run.state.{}", state.as_str().replace(' ', "-"));
    badge(tone, words.find(&key).unwrap_or(state.as_str()))
}

/// How much an event matters.
pub(crate) fn event_level(words: Words, level: EventLevel) -> Markup {
    let tone = match level {
        EventLevel::Error => Tone::Bad,
        EventLevel::Warning => Tone::Warning,
        EventLevel::Notice => Tone::Busy,
        _ => Tone::Quiet,
    };
    badge(tone, words.find(&format!("event.level.{level}")).unwrap_or(level.as_str()))
}

/// The status of a source.
pub(crate) fn source_status(words: Words, status: SourceStatus) -> Markup {
    let tone = match status {
        SourceStatus::Active => Tone::Good,
        SourceStatus::Paused => Tone::Warning,
        _ => Tone::Quiet,
    };
    badge(tone, words.text(&format!("source.status-name.{}", status.as_str())))
}

#[cfg(test)]
mod tests {
    use harvest_pipeline::store::RunKind;

    use super::*;

    #[test]
    fn every_state_status_and_kind_has_a_name() {
        let words = Words::default();
        let states = RunState::ALL.map(|it| format!("run.state.{}", it.as_str().replace(' ', "-")));
        let statuses = SourceStatus::ALL.map(|it| format!("source.status-name.{}", it.as_str()));
        let kinds = RunKind::ALL.map(|it| format!("run.kind.{it}"));
        let levels = EventLevel::ALL.map(|it| format!("event.level.{it}"));
        for key in states.iter().chain(&statuses).chain(&kinds).chain(&levels) {
            assert!(words.find(key).is_some(), "{key}");
        }
    }
}
