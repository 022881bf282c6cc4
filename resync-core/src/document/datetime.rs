use std::fmt;
use std::time::SystemTime;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

/// A point in time as ResourceSync writes it (§7.2; W3C note "Date and Time Formats").
///
/// It remembers how finely and in which zone it was written, so that it is written the same way.
/// Compare points in time by [`time`](Self::time).
///
/// ```
/// use resync_core::document::Datetime;
///
/// let noon = Datetime::read("2024-01-31T12:00:00+01:00").unwrap();
/// assert_eq!(noon.time().to_rfc3339(), "2024-01-31T11:00:00+00:00");
/// assert_eq!(noon.to_string(), "2024-01-31T12:00:00+01:00");
/// assert_eq!(Datetime::read("2024-02").unwrap().time().to_rfc3339(), "2024-02-01T00:00:00+00:00");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Datetime {
    /// Seconds since 1970.
    seconds: i64,
    nanos: u32,
    precision: Precision,
    /// 16 bytes in all: there are six of them in each entry.
    zone: PackedZone,
}

/// A [`Zone`]: the minutes, or a number that no zone has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct PackedZone(i16);

impl PackedZone {
    const UTC: Self = Self(i16::MAX);
    const MISSING: Self = Self(i16::MIN);

    fn unpack(self) -> Zone {
        match self {
            Self::UTC => Zone::Utc,
            Self::MISSING => Zone::Missing,
            Self(minutes) => Zone::Offset(minutes),
        }
    }
}

impl From<Zone> for PackedZone {
    fn from(zone: Zone) -> Self {
        match zone {
            Zone::Utc => Self::UTC,
            Zone::Missing => Self::MISSING,
            Zone::Offset(minutes) => Self(minutes),
        }
    }
}

impl fmt::Debug for PackedZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unpack().fmt(f)
    }
}

/// How finely a [`Datetime`] was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // the six forms of the note
pub enum Precision {
    /// `YYYY`.
    Year,
    /// `YYYY-MM`.
    Month,
    /// `YYYY-MM-DD`.
    Day,
    /// `YYYY-MM-DDThh:mm` and a zone.
    Minute,
    /// `YYYY-MM-DDThh:mm:ss` and a zone.
    Second,
    /// With so many digits (1 to 9) behind the second.
    Fraction(u8),
}

/// The time zone a [`Datetime`] was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // there are no others
pub enum Zone {
    /// `Z`; also of dates, which have no zone and are read as UTC.
    Utc,
    /// Minutes east of UTC.
    Offset(i16),
    /// Not said, though it has to be; read as UTC.
    Missing,
}

impl Datetime {
    /// Now, to the second.
    #[must_use]
    pub fn now() -> Self {
        Self::from(Utc::now())
    }

    /// Reads any form of the note, and what servers write instead: a missing zone, `+0000`, a blank
    /// in place of the `T`. `None` where no time can be made out.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        exact(text.as_bytes()).or_else(|| lenient(text.trim_ascii()))
    }

    /// The point in time; a year, month or day begins with its first moment in UTC.
    #[must_use]
    pub fn time(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.seconds, self.nanos).unwrap_or_default()
    }

    /// Seconds since 1970, UTC; negative before.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        self.seconds
    }

    /// How finely it was written.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The zone it was written in.
    #[must_use]
    pub fn zone(&self) -> Zone {
        self.zone.unpack()
    }

    /// Whether it is written as the standard demands: with a zone where there is a time.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        self.zone != PackedZone::MISSING
    }
}

impl From<DateTime<Utc>> for Datetime {
    /// To the second: what is finer is cut off.
    fn from(time: DateTime<Utc>) -> Self {
        let seconds = time.timestamp();
        Self { seconds, nanos: 0, precision: Precision::Second, zone: PackedZone::UTC }
    }
}

impl From<SystemTime> for Datetime {
    fn from(time: SystemTime) -> Self {
        Self::from(DateTime::<Utc>::from(time))
    }
}

impl fmt::Display for Datetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = match self.zone() {
            Zone::Offset(minutes) => i64::from(minutes),
            Zone::Utc | Zone::Missing => 0,
        };
        let local = DateTime::from_timestamp(self.seconds + offset * 60, self.nanos);
        let local = local.unwrap_or_default();
        write!(f, "{:04}", local.year())?;
        if self.precision == Precision::Year {
            return Ok(());
        }
        write!(f, "-{:02}", local.month())?;
        if self.precision == Precision::Month {
            return Ok(());
        }
        write!(f, "-{:02}", local.day())?;
        if self.precision == Precision::Day {
            return Ok(());
        }
        write!(f, "T{:02}:{:02}", local.hour(), local.minute())?;
        if self.precision != Precision::Minute {
            write!(f, ":{:02}", local.second())?;
        }
        if let Precision::Fraction(digits) = self.precision {
            let fraction = format!("{:09}", self.nanos);
            write!(f, ".{}", &fraction[..usize::from(digits.clamp(1, 9))])?;
        }
        match self.zone() {
            Zone::Utc => f.write_str("Z"),
            Zone::Missing => Ok(()),
            Zone::Offset(minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                let minutes = minutes.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// The recommended form, by hand: there is one in every entry.
fn exact(bytes: &[u8]) -> Option<Datetime> {
    let text: &[u8; 20] = bytes.try_into().ok()?;
    if (text[4], text[7], text[10]) != (b'-', b'-', b'T')
        || (text[13], text[16], text[19]) != (b':', b':', b'Z')
    {
        return None;
    }
    let two = |at: usize| number(&text[at..at + 2]);
    let days = days(number(&text[..4])?, two(5)?, two(8)?)?;
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(Datetime { seconds, nanos: 0, precision: Precision::Second, zone: PackedZone::UTC })
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days(year: u32, month: u32, day: u32) -> Option<i64> {
    const LENGTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = *LENGTHS.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if day == 0 || day > length + u32::from(is_leap && month == 2) {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let (year, month) = (i64::from(year) - i64::from(month <= 2), i64::from((month + 9) % 12));
    let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + day_of_year - 719_468)
}

fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |n, digit| digit.is_ascii_digit().then(|| n * 10 + u32::from(digit - b'0')))
}

fn lenient(text: &str) -> Option<Datetime> {
    if !text.is_ascii() || text.len() > 40 {
        return None;
    }
    let date = |precision, year, month, day| {
        let seconds = days(year, month, day)? * 86_400;
        Some(Datetime { seconds, nanos: 0, precision, zone: PackedZone::UTC })
    };
    let bytes = text.as_bytes();
    let year = number(bytes.get(..4)?)?;
    if bytes.len() == 4 {
        return date(Precision::Year, year, 1, 1);
    }
    let month = number(bytes.get(5..7)?).filter(|_| bytes[4] == b'-')?;
    if bytes.len() == 7 {
        return date(Precision::Month, year, month, 1);
    }
    let day = number(bytes.get(8..10)?).filter(|_| bytes[7] == b'-')?;
    let day = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let rest = &text[10..];
    if rest.is_empty() || rest.eq_ignore_ascii_case("z") {
        return date(Precision::Day, year, month, day.day());
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = (rest[..end].trim_ascii(), rest[end..].trim_ascii());
    let (clock, fraction) = match clock.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = clock.split(':').map(|part| {
        Some(part.as_bytes()).filter(|part| (1..=2).contains(&part.len())).and_then(number)
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let (second, mut precision) = match parts.next() {
        Some(second) => (second?.min(59), Precision::Second), // a leap second
        None => (0, Precision::Minute),
    };
    if parts.next().is_some() {
        return None;
    }
    let mut nanos = 0;
    if let Some(fraction) = fraction.filter(|fraction| !fraction.is_empty()) {
        let digits = fraction.len().min(9);
        nanos =
            number(&fraction.as_bytes()[..digits])? * 10_u32.pow(9 - u32::try_from(digits).ok()?);
        precision = Precision::Fraction(u8::try_from(digits).ok()?);
    }
    let zone = zone_of(zone)?;
    let offset = if let Zone::Offset(minutes) = zone { i64::from(minutes) * 60 } else { 0 };
    let time = day.and_hms_opt(hour, minute, second)?.and_utc();
    Some(Datetime { seconds: time.timestamp() - offset, nanos, precision, zone: zone.into() })
}

fn zone_of(text: &str) -> Option<Zone> {
    if text.is_empty() {
        return Some(Zone::Missing);
    }
    if text.eq_ignore_ascii_case("z") {
        return Some(Zone::Utc);
    }
    let digits: Vec<u8> = text[1..].bytes().filter(|b| *b != b':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        _ => return None,
    };
    if hours > 14 || minutes > 59 {
        return None;
    }
    let east = i16::try_from(hours * 60 + minutes).ok()?;
    Some(Zone::Offset(if text.starts_with('-') { -east } else { east }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_of_the_note_is_read_and_written_the_same() {
        for (text, time) in [
            ("2024", "2024-01-01T00:00:00Z"),
            ("2024-03", "2024-03-01T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("2024-02-29T23:59Z", "2024-02-29T23:59:00Z"),
            ("2024-02-29T23:59:58Z", "2024-02-29T23:59:58Z"),
            ("2024-02-29T12:00:00+01:00", "2024-02-29T11:00:00Z"),
            ("2024-02-29T12:00:00-05:30", "2024-02-29T17:30:00Z"),
            ("2024-02-29T23:59:58.05Z", "2024-02-29T23:59:58.050Z"),
            ("1969-12-31T23:59:59.123456789Z", "1969-12-31T23:59:59.123456789Z"),
        ] {
            let read = Datetime::read(text).unwrap();
            assert_eq!(read.time(), time.parse::<DateTime<Utc>>().unwrap(), "{text}");
            assert_eq!(read.to_string(), text);
            assert!(read.is_standard());
        }
    }

    #[test]
    fn what_servers_write_instead_is_understood() {
        for (text, written) in [
            ("2024-01-31T12:00:00", "2024-01-31T12:00:00"),
            ("2024-01-31T12:00:00+0000", "2024-01-31T12:00:00+00:00"),
            ("2024-01-31 12:00:00Z", "2024-01-31T12:00:00Z"),
            (" 2024-01-31T12:00:60Z\n", "2024-01-31T12:00:59Z"),
        ] {
            assert_eq!(Datetime::read(text).unwrap().to_string(), written, "{text}");
        }
        for text in
            ["", "now", "2023-02-29", "2024-13", "2024-01-31T25:00:00Z", "20240131", "2024-1-1"]
        {
            assert_eq!(Datetime::read(text), None, "{text}");
        }
    }

    #[test]
    fn it_takes_no_more_room_if_it_may_be_missing() {
        assert_eq!((size_of::<Datetime>(), size_of::<Option<Datetime>>()), (16, 16));
    }

    proptest! {
        #[test]
        fn the_fast_way_reads_what_chrono_reads(seconds in -60_000_000_000_i64..250_000_000_000) {
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            let text = time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
            prop_assert_eq!(exact(text.as_bytes()).unwrap().time(), time);
        }

        #[test]
        fn anything_may_be_asked(text in "\\PC{0,45}") {
            if let Some(read) = Datetime::read(&text) {
                prop_assert_eq!(Datetime::read(&read.to_string()), Some(read));
            }
        }
    }
}
