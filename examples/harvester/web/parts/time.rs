//! Times and how long things took.

use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};

use crate::words::Words;

/// A point in time, with its zone.
pub(crate) fn moment(time: DateTime<Utc>) -> Markup {
    let exact = time.format("%Y-%m-%dT%H:%M:%SZ");
    html! { time datetime=(exact) title=(exact) { (time.format("%Y-%m-%d %H:%M UTC")) } }
}

/// The same to the second, where what is close together must be told apart.
pub(crate) fn exact(time: DateTime<Utc>) -> Markup {
    let exact = time.format("%Y-%m-%dT%H:%M:%SZ");
    html! { time datetime=(exact) { (time.format("%Y-%m-%d %H:%M:%S UTC")) } }
}

/// A point in time, or what is said if there is none.
pub(crate) fn moment_or(time: Option<DateTime<Utc>>, otherwise: &str) -> Markup {
    html! { @match time { Some(time) => (moment(time)), None => span.quiet { (otherwise) } } }
}

/// How long something took, in the two largest units: `2 h 5 min`.
pub(crate) fn duration(words: Words, length: TimeDelta) -> String {
    let seconds = u64::try_from(length.num_seconds()).unwrap_or_default();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{} d {hours} h", words.number(days)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in
            [(-5, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7500, "2 h 5 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(duration(Words::default(), TimeDelta::seconds(seconds)), text);
        }
    }
}
