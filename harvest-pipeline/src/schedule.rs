//! When a source is harvested.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a source is harvested by itself.
///
/// ```
/// use chrono::{TimeZone, Utc};
/// use harvest_pipeline::schedule::{Rhythm, Schedule, Unit};
///
/// let weekly = Schedule::new(Rhythm::every(1, Unit::Weeks)?);
/// let monday = Utc.with_ymd_and_hms(2024, 1, 1, 3, 0, 0).unwrap();
/// // Three weeks later nobody has come to it: one run is due, and the next on a Monday at three.
/// let now = Utc.with_ymd_and_hms(2024, 1, 24, 12, 0, 0).unwrap();
/// assert_eq!(weekly.next(monday, now), Utc.with_ymd_and_hms(2024, 1, 29, 3, 0, 0).single());
/// # Ok::<_, harvest_pipeline::schedule::ScheduleError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Schedule {
    /// How often.
    pub rhythm: Rhythm,
    /// How long after it was set up the first run comes, in seconds.
    pub start_delay: u64,
    /// After how many runs it is over; `None`: never.
    pub most_runs: Option<NonZeroU32>,
}

/// How often a source is harvested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", try_from = "Written")]
#[non_exhaustive]
pub enum Rhythm {
    /// Only when somebody asks for it.
    #[default]
    Manual,
    /// At equal distances.
    Every {
        /// How many units, from 1 to 9999.
        count: u32,
        /// Of what.
        unit: Unit,
    },
    /// By the calendar.
    Cron {
        /// Minute, hour, day of the month, month, day of the week: `30 3 * * mon`.
        expression: String,
        /// The time zone it is meant in, such as `Europe/Prague`.
        zone: String,
    },
}

/// As it is written; made a [`Rhythm`] by checking it.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Written {
    Manual,
    Every { count: u32, unit: Unit },
    Cron { expression: String, zone: String },
}

impl TryFrom<Written> for Rhythm {
    type Error = ScheduleError;

    fn try_from(written: Written) -> Result<Self, ScheduleError> {
        match written {
            Written::Manual => Ok(Self::Manual),
            Written::Every { count, unit } => Self::every(count, unit),
            Written::Cron { expression, zone } => Self::cron(expression, zone),
        }
    }
}

/// In what a distance between runs is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unit {
    /// Hours.
    Hours,
    /// Days of 24 hours.
    Days,
    /// Weeks of 7 days.
    Weeks,
    /// Months of 30 days, as Metacat counts them. For those of the calendar there is
    /// [`Rhythm::Cron`].
    Months,
}

impl Unit {
    fn hours(self) -> i64 {
        match self {
            Self::Hours => 1,
            Self::Days => 24,
            Self::Weeks => 7 * 24,
            Self::Months => 30 * 24,
        }
    }
}

/// A rhythm that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The distance is none, or too large.
    #[error("the frequency should be in the range 1 to {most}, not {0}", most = Rhythm::MOST)]
    Frequency(u32),
    /// It is not a cron expression, or one that never comes true.
    #[error("{expression:?} is no time of the calendar: {why}")]
    Expression {
        /// What was written.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such time zone.
    #[error("there is no time zone {0:?}; write one such as Europe/Prague")]
    Zone(String),
}

impl Rhythm {
    /// The largest distance, in units.
    pub const MOST: u32 = 9999;

    /// At equal distances of 1 to [`MOST`](Self::MOST) units.
    ///
    /// # Errors
    /// If it is another number.
    pub fn every(count: u32, unit: Unit) -> Result<Self, ScheduleError> {
        match count {
            1..=Self::MOST => Ok(Self::Every { count, unit }),
            _ => Err(ScheduleError::Frequency(count)),
        }
    }

    /// By the calendar of a time zone.
    ///
    /// # Errors
    /// If the expression or the zone cannot be understood.
    pub fn cron(
        expression: impl Into<String>,
        zone: impl Into<String>,
    ) -> Result<Self, ScheduleError> {
        let (expression, zone) = (expression.into(), zone.into());
        calendar(&expression, &zone)?;
        Ok(Self::Cron { expression, zone })
    }
}

fn calendar(expression: &str, zone: &str) -> Result<(Cron, Tz), ScheduleError> {
    let cron = Cron::from_str(expression).map_err(|error| ScheduleError::Expression {
        expression: expression.to_owned(),
        why: error.to_string(),
    })?;
    let zone = zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
    Ok((cron, zone))
}

impl Schedule {
    /// A schedule that begins at once and never ends.
    #[must_use]
    pub fn new(rhythm: Rhythm) -> Self {
        Self { rhythm, start_delay: 0, most_runs: None }
    }

    /// Puts the first run off.
    #[must_use]
    pub fn with_start_delay(mut self, delay: Duration) -> Self {
        self.start_delay = delay.as_secs();
        self
    }

    /// Ends it after so many runs.
    #[must_use]
    pub fn with_most_runs(mut self, runs: NonZeroU32) -> Self {
        self.most_runs = Some(runs);
        self
    }

    /// When the first run is due if it is set up `now`.
    #[must_use]
    pub fn first(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let delay = i64::try_from(self.start_delay).ok().and_then(TimeDelta::try_seconds)?;
        let from = now.checked_add_signed(delay)?;
        match &self.rhythm {
            Rhythm::Manual => None,
            Rhythm::Every { .. } => Some(from),
            Rhythm::Cron { expression, zone } => occurrence(expression, zone, from, true),
        }
    }

    /// When the run after the one is due that was due at `due`: in its rhythm, and after `now`, however
    /// many were missed.
    #[must_use]
    pub fn next(&self, due: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.rhythm {
            Rhythm::Manual => None,
            Rhythm::Every { count, unit } => {
                let step = TimeDelta::try_hours(i64::from(*count) * unit.hours())?;
                let missed = (now - due).num_milliseconds().max(0) / step.num_milliseconds();
                let steps = i32::try_from(missed).ok()?.checked_add(1)?;
                due.checked_add_signed(step.checked_mul(steps)?)
            }
            Rhythm::Cron { expression, zone } => occurrence(expression, zone, now.max(due), false),
        }
    }

    /// Whether it is over after so many runs.
    #[must_use]
    pub fn is_over(&self, runs: u32) -> bool {
        self.most_runs.is_some_and(|most| runs >= most.get())
    }
}

fn occurrence(
    expression: &str,
    zone: &str,
    from: DateTime<Utc>,
    inclusive: bool,
) -> Option<DateTime<Utc>> {
    let (cron, zone) = calendar(expression, zone).ok()?;
    let next = cron.find_next_occurrence(&from.with_timezone(&zone), inclusive).ok()?;
    Some(next.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn at(year: i32, month: u32, day: u32, hour: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(year, month, day, hour, 0, 0).unwrap()
    }

    #[test]
    fn a_delay_puts_the_first_run_off() {
        let nightly = Schedule::new(Rhythm::every(1, Unit::Days).unwrap())
            .with_start_delay(Duration::from_secs(12 * 3600));
        assert_eq!(nightly.first(at(2024, 1, 1, 13)), Some(at(2024, 1, 2, 1)));
    }

    #[test]
    fn after_downtime_there_is_one_run_and_then_the_old_rhythm() {
        let daily = Schedule::new(Rhythm::every(1, Unit::Days).unwrap());
        assert_eq!(daily.next(at(2024, 1, 1, 3), at(2024, 1, 1, 3)), Some(at(2024, 1, 2, 3)));
        assert_eq!(daily.next(at(2024, 1, 1, 3), at(2024, 1, 9, 5)), Some(at(2024, 1, 10, 3)));
        assert_eq!(daily.next(at(2024, 1, 1, 3), at(2023, 1, 9, 5)), Some(at(2024, 1, 2, 3)));
    }

    #[test]
    fn a_month_of_an_interval_has_thirty_days() {
        let monthly = Schedule::new(Rhythm::every(1, Unit::Months).unwrap());
        assert_eq!(monthly.next(at(2024, 1, 31, 0), at(2024, 1, 31, 1)), Some(at(2024, 3, 1, 0)));
    }

    #[test]
    fn the_calendar_is_that_of_the_time_zone() {
        let nightly = Schedule::new(Rhythm::cron("0 3 * * *", "Europe/Prague").unwrap());
        assert_eq!(nightly.first(at(2024, 1, 1, 12)), Some(at(2024, 1, 2, 2)));
        assert_eq!(nightly.first(at(2024, 7, 1, 12)), Some(at(2024, 7, 2, 1)));
        let due = at(2024, 7, 2, 1);
        assert_eq!(nightly.next(due, due), Some(at(2024, 7, 3, 1)));
    }

    #[test]
    fn what_cannot_be_kept_is_refused_where_it_is_written() {
        for (json, why) in [
            (r#"{"kind":"every","count":0,"unit":"days"}"#, "range 1 to 9999, not 0"),
            (r#"{"kind":"every","count":10000,"unit":"days"}"#, "range 1 to 9999, not 10000"),
            (r#"{"kind":"cron","expression":"soon","zone":"UTC"}"#, "no time of the calendar"),
            (r#"{"kind":"cron","expression":"0 3 * * *","zone":"Mars"}"#, "no time zone"),
        ] {
            let error = serde_json::from_str::<Rhythm>(json).unwrap_err().to_string();
            assert!(error.contains(why), "{json}: {error}");
        }
        let weekly = r#"{"kind":"every","count":2,"unit":"weeks"}"#;
        let read: Rhythm = serde_json::from_str(weekly).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), weekly);
    }

    #[test]
    fn a_schedule_is_over_after_its_last_run() {
        let twice = Schedule::default().with_most_runs(NonZeroU32::new(2).unwrap());
        assert!(!twice.is_over(1) && twice.is_over(2));
        assert!(!Schedule::default().is_over(u32::MAX));
    }
}
