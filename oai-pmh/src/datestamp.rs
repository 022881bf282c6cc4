use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Timelike, Utc};

/// How finely a repository tells time (OAI-PMH §3.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(clippy::exhaustive_enums)] // the protocol knows these two and no others
pub enum Granularity {
    /// `YYYY-MM-DD`.
    Day,
    /// `YYYY-MM-DDThh:mm:ssZ`.
    Second,
}

/// A point in time as OAI-PMH writes it: UTC, to the day or to the second (§3.3).
///
/// Reading is lenient where servers are: fractions, offsets and a missing `Z` are understood, and
/// the text as it was written is kept.
///
/// ```
/// use oai_pmh::{Datestamp, Granularity};
///
/// let stamp: Datestamp = "2024-02-29T23:59:59Z".parse()?;
/// assert_eq!(stamp.at(Granularity::Day).to_string(), "2024-02-29");
/// assert!("2023-02-29".parse::<Datestamp>().is_err());
///
/// let odd = Datestamp::read("2024-03-01T08:30:00.123+09:00").unwrap();
/// assert_eq!(odd.to_string(), "2024-02-29T23:30:00Z");
/// assert_eq!(odd.original(), Some("2024-03-01T08:30:00.123+09:00"));
/// # Ok::<_, oai_pmh::DatestampError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Datestamp {
    time: DateTime<Utc>,
    granularity: Granularity,
    /// What was written, where it differs from the form the standard demands.
    original: Option<Box<str>>,
}

/// A text that is not a date as OAI-PMH writes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date: write 2024-01-31 or 2024-01-31T12:00:00Z")]
pub struct DatestampError(String);

impl Granularity {
    /// The shortest span it can tell: one day or one second.
    #[must_use]
    pub fn unit(self) -> TimeDelta {
        match self {
            Self::Day => TimeDelta::days(1),
            Self::Second => TimeDelta::seconds(1),
        }
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "YYYY-MM-DD",
            Self::Second => "YYYY-MM-DDThh:mm:ssZ",
        })
    }
}

impl Datestamp {
    /// A day.
    #[must_use]
    pub fn day(day: NaiveDate) -> Self {
        let time = day.and_time(chrono::NaiveTime::MIN).and_utc();
        Self { time, granularity: Granularity::Day, original: None }
    }

    /// A second; fractions are cut off.
    #[must_use]
    pub fn second(time: DateTime<Utc>) -> Self {
        let time = time.with_nanosecond(0).unwrap_or(time);
        Self { time, granularity: Granularity::Second, original: None }
    }

    /// Reads what servers write, standard or not; `None` where no date can be made out.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        if let Some(stamp) = exact(text) {
            return Some(stamp);
        }
        let lenient = lenient(text)?;
        Some(Self { original: Some(text.into()), ..lenient })
    }

    /// The time; a day begins at midnight UTC.
    #[must_use]
    pub fn time(&self) -> DateTime<Utc> {
        self.time
    }

    /// How finely it was written.
    #[must_use]
    pub fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// The text as it was written, where that is not the form the standard demands.
    #[must_use]
    pub fn original(&self) -> Option<&str> {
        self.original.as_deref()
    }

    /// The same, told in another granularity: a second becomes its day, a day its first second.
    #[must_use]
    pub fn at(&self, granularity: Granularity) -> Self {
        match granularity {
            Granularity::Day => Self::day(self.time.date_naive()),
            Granularity::Second => Self::second(self.time),
        }
    }

    /// The last second that is meant: of a day, one second before midnight.
    #[must_use]
    pub fn last_second(&self) -> DateTime<Utc> {
        match self.granularity {
            Granularity::Second => self.time,
            Granularity::Day => {
                self.time.checked_add_days(Days::new(1)).unwrap_or(self.time)
                    - TimeDelta::seconds(1)
            }
        }
    }
}

impl FromStr for Datestamp {
    type Err = DatestampError;

    /// Reads the two forms that the standard allows, and no others.
    fn from_str(text: &str) -> Result<Self, DatestampError> {
        exact(text).ok_or_else(|| DatestampError(text.to_owned()))
    }
}

impl fmt::Display for Datestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.granularity {
            Granularity::Day => write!(f, "{}", self.time.date_naive()),
            Granularity::Second => write!(f, "{}", self.time.format("%Y-%m-%dT%H:%M:%SZ")),
        }
    }
}

impl PartialEq for Datestamp {
    fn eq(&self, other: &Self) -> bool {
        (self.time, self.granularity) == (other.time, other.granularity)
    }
}

impl Eq for Datestamp {}

impl From<DateTime<Utc>> for Datestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self::second(time)
    }
}

impl From<NaiveDate> for Datestamp {
    fn from(day: NaiveDate) -> Self {
        Self::day(day)
    }
}

impl serde::Serialize for Datestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Datestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// By hand: there is one in every record.
fn exact(text: &str) -> Option<Datestamp> {
    let bytes = text.as_bytes();
    match bytes.len() {
        10 => date(bytes).map(Datestamp::day),
        20 if bytes[10] == b'T' && bytes[13] == b':' && bytes[16] == b':' && bytes[19] == b'Z' => {
            let [h, m, s] = [11, 14, 17].map(|at| number(&bytes[at..at + 2]));
            let time = date(bytes)?.and_hms_opt(h?, m?, s?)?.and_utc();
            Some(Datestamp { time, granularity: Granularity::Second, original: None })
        }
        _ => None,
    }
}

fn date(bytes: &[u8]) -> Option<NaiveDate> {
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = i32::try_from(number(&bytes[..4])?).ok()?;
    NaiveDate::from_ymd_opt(year, number(&bytes[5..7])?, number(&bytes[8..10])?)
}

fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |n, digit| digit.is_ascii_digit().then(|| n * 10 + u32::from(digit - b'0')))
}

fn lenient(text: &str) -> Option<Datestamp> {
    if !text.is_ascii() || text.len() < 10 || text.len() > 40 {
        return None;
    }
    let (day, rest) = text.split_at(10);
    let day = date(day.as_bytes())?;
    let rest = rest.strip_prefix(['T', 't', ' ', '_']).unwrap_or(rest);
    if rest.is_empty() || matches!(rest, "Z" | "z") {
        return Some(Datestamp::day(day));
    }
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone);
    let clock = clock.trim().split_once(['.', ',']).map_or(clock.trim(), |(whole, _)| whole);
    let mut parts = clock
        .split(':')
        .map(|part| (1..=2).contains(&part.len()).then(|| number(part.as_bytes())).flatten());
    let hour = parts.next()??;
    let minute = parts.next()??;
    let second = match parts.next() {
        Some(second) => second?.min(59), // a leap second
        None => 0,
    };
    let offset = match zone.trim() {
        "" | "Z" | "z" => 0,
        zone => {
            let digits: String = zone[1..].chars().filter(char::is_ascii_digit).collect();
            let padded = format!("{digits:0<4}");
            let minutes =
                number(padded.get(..2)?.as_bytes())? * 60 + number(padded.get(2..4)?.as_bytes())?;
            i64::from(minutes) * if zone.starts_with('-') { -60 } else { 60 }
        }
    };
    let time = day.and_hms_opt(hour, minute, second)?.and_utc();
    let time = time.checked_sub_signed(TimeDelta::seconds(offset))?;
    // What cannot be written with four digits is no date of any record.
    (0..=9999).contains(&time.year()).then(|| Datestamp::second(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_forms_are_read_and_written() {
        for text in ["2024-02-29", "1999-12-31T23:59:59Z", "0001-01-01"] {
            let stamp: Datestamp = text.parse().unwrap();
            assert_eq!(stamp.to_string(), text);
            assert_eq!(stamp.original(), None);
        }
        for text in [
            "",
            "2024",
            "2024-02-30",
            "2024-1-01",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.0Z",
            "2024-01-01T00:00:00+00:00",
        ] {
            assert!(text.parse::<Datestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_servers_write_instead_is_understood_and_kept() {
        for (text, meant) in [
            ("2024-01-31T12:00:00.999Z", "2024-01-31T12:00:00Z"),
            ("2024-01-31T12:00:00+02:00", "2024-01-31T10:00:00Z"),
            ("2024-01-31T23:30:00-0100", "2024-02-01T00:30:00Z"),
            ("2024-01-31 12:00:00", "2024-01-31T12:00:00Z"),
            ("2024-01-31T12:00Z", "2024-01-31T12:00:00Z"),
            ("2024-01-31T12:00:60Z", "2024-01-31T12:00:59Z"),
            ("2024-01-31Z", "2024-01-31"),
        ] {
            let stamp = Datestamp::read(text).unwrap();
            assert_eq!(stamp.to_string(), meant, "{text}");
            assert_eq!(stamp.original(), Some(text));
        }
        for text in ["", "yesterday", "31.1.2024", "2024-13-01T00:00:00Z", "２０２４-01-01"] {
            assert_eq!(Datestamp::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_reaches_to_its_last_second() {
        let day: Datestamp = "2024-02-28".parse().unwrap();
        assert_eq!(Datestamp::second(day.last_second()).to_string(), "2024-02-28T23:59:59Z");
    }
}
