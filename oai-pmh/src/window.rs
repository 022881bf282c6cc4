use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc};

use crate::{Datestamp, Granularity};

/// The time span of a selective harvest (OAI-PMH §2.7.1): both ends belong to it, either may be
/// open, and both are told in the same granularity.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Window {
    from: Option<Datestamp>,
    until: Option<Datestamp>,
}

/// A window that ends before it begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the window ends ({until}) before it begins ({from})")]
#[non_exhaustive]
pub struct WindowError {
    /// Where it should begin.
    pub from: Datestamp,
    /// Where it should end.
    pub until: Datestamp,
}

/// How long the windows of a sliced harvest are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Slice {
    /// One window a calendar month.
    Month,
    /// One window a day.
    Day,
}

impl Window {
    /// All of time.
    pub const ALL: Self = Self { from: None, until: None };

    /// A window. Where the ends differ in granularity, both are told to the second, so that a day
    /// at the end reaches to its last second.
    ///
    /// # Errors
    /// When it ends before it begins.
    pub fn new(from: Option<Datestamp>, until: Option<Datestamp>) -> Result<Self, WindowError> {
        let (from, until) = match (from, until) {
            (Some(from), Some(until)) if from.granularity() != until.granularity() => {
                (Some(Datestamp::second(from.time())), Some(Datestamp::second(until.last_second())))
            }
            ends => ends,
        };
        match (from, until) {
            (Some(from), Some(until)) if from.time() > until.time() => {
                Err(WindowError { from, until })
            }
            (from, until) => Ok(Self { from, until }),
        }
    }

    /// Where it begins.
    #[must_use]
    pub fn from(&self) -> Option<&Datestamp> {
        self.from.as_ref()
    }

    /// Where it ends.
    #[must_use]
    pub fn until(&self) -> Option<&Datestamp> {
        self.until.as_ref()
    }

    /// The same window as a repository of this granularity can be asked for it. To the day it may
    /// be wider: it begins and ends with whole days.
    #[must_use]
    pub fn at(&self, granularity: Granularity) -> Self {
        let until = self.until.as_ref().map(|until| match granularity {
            Granularity::Day => until.at(Granularity::Day),
            Granularity::Second => Datestamp::second(until.last_second()),
        });
        Self { from: self.from.as_ref().map(|from| from.at(granularity)), until }
    }

    /// Whether a record of this datestamp belongs to it. A datestamp told to the day belongs to it
    /// when any second of that day does.
    #[must_use]
    pub fn contains(&self, stamp: &Datestamp) -> bool {
        self.from.as_ref().is_none_or(|from| stamp.last_second() >= from.time())
            && self.until.as_ref().is_none_or(|until| stamp.time() <= until.last_second())
    }

    /// Two halves that together are the whole, in the given granularity; `None` when it cannot be
    /// divided. Open ends are taken to be at `earliest` and `latest`.
    #[must_use]
    pub fn halves(
        &self,
        granularity: Granularity,
        earliest: DateTime<Utc>,
        latest: DateTime<Utc>,
    ) -> Option<(Self, Self)> {
        let unit = granularity.unit();
        let whole = self.at(granularity);
        let first = whole.from.as_ref().map_or(earliest, Datestamp::time);
        let last = whole.until.as_ref().map_or(latest, Datestamp::time);
        let units = (last - first).num_seconds() / unit.num_seconds();
        if units < 1 {
            return None;
        }
        let middle = first + TimeDelta::seconds((units - 1) / 2 * unit.num_seconds());
        let stamp = |time| Some(Datestamp::second(time).at(granularity));
        let first = Self { from: whole.from, until: stamp(middle) };
        let second = Self { from: stamp(middle + unit), until: whole.until };
        Some((first, second))
    }

    /// Consecutive windows that together are this one, each at most a slice long, in time order.
    /// An open beginning is taken to be at `earliest`; an open end stays open.
    #[must_use]
    pub fn slices(
        &self,
        slice: Slice,
        granularity: Granularity,
        earliest: DateTime<Utc>,
        latest: DateTime<Utc>,
    ) -> Vec<Self> {
        let whole = self.at(granularity);
        let last_day = whole.until.as_ref().map_or(latest, Datestamp::time).date_naive();
        let mut from = whole.from.clone();
        let mut day = from.as_ref().map_or(earliest, Datestamp::time).date_naive();
        let mut slices = Vec::new();
        while let Some(next) = next_slice(day, slice).filter(|next| *next <= last_day) {
            let until = Datestamp::day(next.pred_opt().unwrap_or(day));
            let until = match granularity {
                Granularity::Day => until,
                Granularity::Second => Datestamp::second(until.last_second()),
            };
            slices.push(Self { from, until: Some(until) });
            from = Some(Datestamp::day(next).at(granularity));
            day = next;
        }
        slices.push(Self { from, until: whole.until });
        slices
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.from, &self.until) {
            (Some(from), Some(until)) => write!(f, "{from} to {until}"),
            (Some(from), None) => write!(f, "{from} and later"),
            (None, Some(until)) => write!(f, "up to {until}"),
            (None, None) => f.write_str("all of time"),
        }
    }
}

/// The first day of the slice after the one that this day is in.
fn next_slice(day: NaiveDate, slice: Slice) -> Option<NaiveDate> {
    match slice {
        Slice::Day => day.succ_opt(),
        // From the first of the month, so that no month is too short for the day.
        Slice::Month => day.with_day(1)?.checked_add_months(Months::new(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> Datestamp {
        text.parse().unwrap()
    }

    fn window(from: &str, until: &str) -> Window {
        let end = |text: &str| (!text.is_empty()).then(|| stamp(text));
        Window::new(end(from), end(until)).unwrap()
    }

    fn time(text: &str) -> DateTime<Utc> {
        stamp(text).time()
    }

    #[test]
    fn ends_of_different_granularity_are_told_to_the_second() {
        let mixed = window("2024-01-01T10:00:00Z", "2024-01-01");
        assert_eq!(mixed.to_string(), "2024-01-01T10:00:00Z to 2024-01-01T23:59:59Z");
        assert!(Window::new(Some(stamp("2024-01-02")), Some(stamp("2024-01-01"))).is_err());
        assert!(Window::new(Some(stamp("2024-01-01")), Some(stamp("2024-01-01"))).is_ok());
    }

    #[test]
    fn a_day_repository_is_asked_for_whole_days() {
        let seconds = window("2024-01-01T10:00:00Z", "2024-01-02T03:00:00Z");
        assert_eq!(seconds.at(Granularity::Day), window("2024-01-01", "2024-01-02"));
        let days = window("2024-01-01", "2024-01-02");
        assert_eq!(
            days.at(Granularity::Second),
            window("2024-01-01T00:00:00Z", "2024-01-02T23:59:59Z")
        );
    }

    #[test]
    fn slices_are_consecutive_whatever_day_they_begin_on() {
        for start in ["2023-01-28", "2023-01-29", "2023-01-30", "2023-01-31", "2024-02-29"] {
            let whole = window(start, "2024-03-15");
            for slice in [Slice::Month, Slice::Day] {
                let now = time("2024-04-01");
                let slices = whole.slices(slice, Granularity::Day, now, now);
                assert_eq!(slices.first().unwrap().from(), whole.from());
                assert_eq!(slices.last().unwrap().until(), whole.until());
                for pair in slices.windows(2) {
                    let end = pair[0].until().unwrap().time() + TimeDelta::days(1);
                    assert_eq!(pair[1].from().unwrap().time(), end, "{start}");
                }
            }
        }
    }

    #[test]
    fn open_windows_keep_their_open_ends_when_sliced() {
        let slices = Window::ALL.slices(
            Slice::Month,
            Granularity::Second,
            time("2024-01-15"),
            time("2024-03-02"),
        );
        let texts: Vec<_> = slices.iter().map(Window::to_string).collect();
        assert_eq!(
            texts,
            [
                "up to 2024-01-31T23:59:59Z",
                "2024-02-01T00:00:00Z to 2024-02-29T23:59:59Z",
                "2024-03-01T00:00:00Z and later",
            ]
        );
    }

    #[test]
    fn halves_meet_until_one_unit_is_left() {
        let mut windows = vec![window("2024-01-01", "2024-01-08")];
        let mut days = Vec::new();
        let now = time("2024-06-01");
        while let Some(window) = windows.pop() {
            match window.halves(Granularity::Day, now, now) {
                Some((first, second)) => windows.extend([second, first]),
                None => days.push(window.to_string()),
            }
        }
        assert_eq!(days.len(), 8);
        assert_eq!(days[0], "2024-01-01 to 2024-01-01");
        assert_eq!(days[7], "2024-01-08 to 2024-01-08");
        let single = window("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z");
        assert_eq!(single.halves(Granularity::Second, now, now), None);
    }

    #[test]
    fn a_window_contains_both_its_ends() {
        let days = window("2024-01-01", "2024-01-02");
        assert!(days.contains(&stamp("2024-01-02T23:59:59Z")));
        assert!(!days.contains(&stamp("2024-01-03T00:00:00Z")));
        let seconds = window("2024-01-01T10:00:00Z", "2024-01-02T03:00:00Z");
        assert!(seconds.contains(&stamp("2024-01-01")));
        assert!(!seconds.contains(&stamp("2023-12-31")));
    }
}
