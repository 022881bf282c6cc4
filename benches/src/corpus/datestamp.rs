//! Datestamps, without a library that takes its time.

use std::ops::Range;

/// `YYYY-MM-DDThh:mm:ssZ` of a Unix time.
pub(crate) fn datestamp(unix: u64) -> [u8; 20] {
    // Days to civil date, with years that start in March.
    let days = unix / 86_400 + 719_468;
    let era_day = days % 146_097;
    let era_year = (era_day - era_day / 1_460 + era_day / 36_524 - era_day / 146_096) / 365;
    let year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    let month_from_march = (5 * year_day + 2) / 153;
    let day = year_day - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era_year + days / 146_097 * 400 + u64::from(month <= 2);

    let mut text = *b"0000-00-00T00:00:00Z";
    let second = unix % 86_400;
    for (at, value) in [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, second / 3_600),
        (14, second / 60 % 60),
        (17, second % 60),
    ] {
        text[at] = b'0' + (value / 10) as u8;
        text[at + 1] = b'0' + (value % 10) as u8;
    }
    text
}

/// The Unix time of `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ssZ`; none before 1970.
pub(crate) fn parse_datestamp(text: &str) -> Option<u64> {
    let number = |range: Range<usize>| text.get(range)?.parse::<u64>().ok();
    let time = match text.len() {
        10 => 0,
        20 if text.ends_with('Z') => {
            number(11..13)? * 3_600 + number(14..16)? * 60 + number(17..19)?
        }
        _ => return None,
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let year_day = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + year_day;
    Some(days.checked_sub(719_468)? * 86_400 + time)
}
