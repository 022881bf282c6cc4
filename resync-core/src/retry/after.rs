use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use http::HeaderValue;

/// The longest wait that is told: as good as for ever, and safe to add to any point in time.
const MOST: Duration = Duration::from_secs(u32::MAX as u64);

/// How long a `Retry-After` header asks to wait: seconds, or a date (RFC 9110 §10.2.3).
///
/// A date in the past means no wait. Forms that servers send although they should not, such as
/// `30s`, `30.5` or `2m`, are understood; `None` if nothing sensible can be read.
///
/// ```
/// use std::time::Duration;
/// use http::HeaderValue;
/// use resync_core::retry::retry_after;
///
/// assert_eq!(retry_after(&HeaderValue::from_static("120")), Some(Duration::from_secs(120)));
/// ```
#[must_use]
pub fn retry_after(value: &HeaderValue) -> Option<Duration> {
    wait(value.to_str().ok()?, Utc::now())
}

fn wait(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"' || c == '\'');
    if let Some(wait) = seconds(value) {
        return Some(wait);
    }
    let until = DateTime::parse_from_rfc3339(value)
        .map(|until| until.with_timezone(&Utc))
        .ok()
        .or_else(|| http_date(value, now))?;
    Some((until - now).to_std().unwrap_or(Duration::ZERO).min(MOST))
}

// RFC 9110 wants whole seconds. Seen besides: fractions, units, and the header twice.
fn seconds(value: &str) -> Option<Duration> {
    let value = value.split(',').next()?.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "ms" => 0.001,
        _ => return None,
    };
    // Only digits and points are left, so that this is neither negative nor NaN; overlong numbers
    // become infinite.
    let seconds = number.parse::<f64>().ok()? * unit;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(MOST).min(MOST))
}

// The three forms of RFC 9110 §5.6.7:
//   Sun, 06 Nov 1994 08:49:37 GMT
//   Sunday, 06-Nov-94 08:49:37 GMT
//   Sun Nov  6 08:49:37 1994
// They differ in order and punctuation only. The day of the week is not checked.
fn http_date(value: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (mut day, mut month, mut year, mut time) = (None, None, None, None);
    let words = value.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '+'));
    for word in words.filter(|word| !word.is_empty()) {
        if word.contains(':') {
            let mut parts = word.split(':').map(|part| part.parse::<u32>().ok());
            let (hour, minute) = (parts.next()??, parts.next()??);
            // A leap second is as good as the one before it.
            time = Some((hour, minute, parts.next().unwrap_or(Some(0))?.min(59)));
        } else if let Ok(number) = word.parse::<i32>() {
            match (day, year, word) {
                (_, _, "+0000") => {}
                (None, ..) => day = Some(u32::try_from(number).ok()?),
                (_, None, _) => year = Some((number, word.len())),
                _ => return None,
            }
        } else if let Some(number) = month_number(word) {
            month = Some(number);
        } else if !matches!(word, "GMT" | "UTC" | "UT" | "Z") && !is_weekday(word) {
            return None;
        }
    }
    let ((year, digits), (hour, minute, second)) = (year?, time?);
    let date = |year| {
        let date = NaiveDate::from_ymd_opt(year, month?, day?)?;
        let time: NaiveDateTime = date.and_hms_opt(hour, minute, second)?;
        Some(time.and_utc())
    };
    if digits > 2 {
        return date(year);
    }
    // RFC 9110 §5.6.7: what would be more than 50 years ahead is meant to be past.
    let ahead = date(2000 + year)?;
    if ahead - now > chrono::Duration::days(50 * 365) { date(1900 + year) } else { Some(ahead) }
}

fn month_number(word: &str) -> Option<u32> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let word = word.to_ascii_lowercase();
    (1..).zip(MONTHS).find(|(_, month)| *month == word).map(|(number, _)| number)
}

fn is_weekday(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        .iter()
        .any(|day| word.len() >= 3 && day.starts_with(&word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        "1994-11-06T08:48:37Z".parse().unwrap()
    }

    #[test]
    fn seconds_are_understood_in_the_forms_that_servers_send() {
        let cases = [
            ("0", 0),
            ("120", 120_000),
            (" 30 ", 30_000),
            ("30s", 30_000),
            ("30 seconds", 30_000),
            ("30.5", 30_500),
            ("2m", 120_000),
            ("1 Hour", 3_600_000),
            ("500ms", 500),
            ("\"30\"", 30_000),
            ("30, 30", 30_000),
        ];
        for (value, millis) in cases {
            assert_eq!(wait(value, now()), Some(Duration::from_millis(millis)), "{value}");
        }
        for value in ["99999999999999999999", &"9".repeat(400)] {
            assert_eq!(wait(value, now()), Some(MOST), "{value}");
        }
    }

    #[test]
    fn dates_are_understood_in_all_three_forms() {
        for value in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            // Not allowed, but clear.
            "Mon, 6 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "06 Nov 1994 08:49:37",
            "1994-11-06T08:49:37Z",
            "1994-11-06T09:49:37+01:00",
        ] {
            assert_eq!(wait(value, now()), Some(Duration::from_secs(60)), "{value}");
        }
    }

    #[test]
    fn a_date_in_the_past_means_no_wait() {
        for value in [
            "Sun, 06 Nov 1994 08:48:36 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            // RFC 9110 §5.6.7: 1950, not 2050.
            "Sunday, 06-Nov-50 08:49:37 GMT",
        ] {
            assert_eq!(wait(value, now()), Some(Duration::ZERO), "{value}");
        }
    }

    #[test]
    fn a_leap_second_and_a_distant_date_are_dates() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:60 GMT", now()), Some(Duration::from_secs(82)));
        assert_eq!(wait("Fri, 31 Dec 9999 23:59:59 GMT", now()), Some(MOST));
    }

    #[test]
    fn what_makes_no_sense_is_not_a_wait() {
        for value in [
            "",
            "soon",
            "-5",
            "30 days",
            ".",
            "1.2.3",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 1994 25:00:00 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 +0200",
        ] {
            assert_eq!(wait(value, now()), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(value in "[ -~]{0,40}|[0-9:., -]{0,30}|[A-Z][a-z]{2}, .*") {
            let _ = wait(&value, now());
        }
    }
}
