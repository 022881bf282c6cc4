//! Records as JSON Lines, written by hand: this is the one place where it pays.

use chrono::{Datelike, Timelike};
use oai_pmh::{Datestamp, Granularity, Header, Record};

/// Appends a record as a line.
pub(crate) fn record(out: &mut Vec<u8>, record: &Record) {
    members(out, &record.header);
    let metadata = record.metadata.as_ref().map(|metadata| metadata.standalone());
    out.extend_from_slice(b",\"metadata\":");
    optional(out, metadata.as_deref());
    out.extend_from_slice(b",\"about\":");
    list(out, record.abouts.iter().map(|about| about.standalone()));
    out.extend_from_slice(b"}\n");
}

/// Appends a header as a line.
pub(crate) fn header(out: &mut Vec<u8>, header: &Header) {
    members(out, header);
    out.extend_from_slice(b"}\n");
}

/// The header's members, with the object still open.
fn members(out: &mut Vec<u8>, header: &Header) {
    out.extend_from_slice(b"{\"identifier\":");
    string(out, &header.identifier);
    out.extend_from_slice(b",\"datestamp\":");
    match &header.datestamp {
        Some(stamp) => datestamp(out, stamp),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"sets\":");
    list(out, &header.sets);
    out.extend_from_slice(b",\"deleted\":");
    out.extend_from_slice(if header.is_deleted { b"true" } else { b"false" });
}

/// Appends a list of strings.
pub(crate) fn list(out: &mut Vec<u8>, values: impl IntoIterator<Item = impl AsRef<str>>) {
    out.push(b'[');
    for (n, value) in values.into_iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        string(out, value.as_ref());
    }
    out.push(b']');
}

/// Appends a string, or `null`.
pub(crate) fn optional(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => string(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + bytes.len() / 16 + 2);
    out.push(b'"');
    let mut begin = 0;
    let mut escape = |at: usize, escaped: &[u8]| {
        out.extend_from_slice(&bytes[begin..at]);
        out.extend_from_slice(escaped);
        begin = at + 1;
    };
    // The compiler makes vector instructions of this, and memchr is made of them.
    let is_rare = |byte: u8| (byte < 0x20) & (byte != b'\n');
    if bytes.iter().fold(false, |found, byte| found | is_rare(*byte)) {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'"' => escape(at, b"\\\""),
                b'\\' => escape(at, b"\\\\"),
                b'\n' => escape(at, b"\\n"),
                b'\r' => escape(at, b"\\r"),
                b'\t' => escape(at, b"\\t"),
                0..0x20 => escape(at, format!("\\u{byte:04x}").as_bytes()),
                _ => {}
            }
        }
    } else {
        for at in memchr::memchr3_iter(b'"', b'\\', b'\n', bytes) {
            match bytes[at] {
                b'"' => escape(at, b"\\\""),
                b'\n' => escape(at, b"\\n"),
                _ => escape(at, b"\\\\"),
            }
        }
    }
    out.extend_from_slice(&bytes[begin..]);
    out.push(b'"');
}

/// Appends a datestamp; `Display` would read its own format string each time.
fn datestamp(out: &mut Vec<u8>, stamp: &Datestamp) {
    let time = stamp.time();
    let Ok(year @ 0..=9999) = u32::try_from(time.year()) else {
        return string(out, &stamp.to_string());
    };
    let mut text = *b"0000-00-00T00:00:00Z";
    let day = [(0, year / 100), (2, year % 100), (5, time.month()), (8, time.day())];
    let second = [(11, time.hour()), (14, time.minute()), (17, time.second())];
    for (at, number) in day.into_iter().chain(second) {
        text[at] = b'0' + (number / 10) as u8;
        text[at + 1] = b'0' + (number % 10) as u8;
    }
    let text = match stamp.granularity() {
        Granularity::Day => &text[..10],
        Granularity::Second => &text[..],
    };
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_back_as_they_were() {
        let all: String = (0..=0x17f_u32).filter_map(char::from_u32).collect();
        let long = format!("{}\"\\{}\n光", "x".repeat(31), "é".repeat(40));
        for text in ["", "plain", "\"", &all, &long, &long[1..], &long[5..], "\u{2028}🜀"] {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
            assert!(out.iter().all(|byte| *byte >= 0x20));
        }
    }

    #[test]
    fn datestamps_are_written_as_they_are_displayed() {
        for text in ["2024-01-31", "0001-12-01", "9999-12-31T23:59:59Z", "2024-02-29T00:00:00Z"] {
            let stamp: Datestamp = text.parse().unwrap();
            let mut out = Vec::new();
            datestamp(&mut out, &stamp);
            assert_eq!(out, format!("\"{text}\"").into_bytes());
        }
    }

    #[test]
    fn a_list_has_commas_between_its_values_only() {
        for (values, json) in [(&[][..], "[]"), (&["a"], "[\"a\"]"), (&["a", "b"], "[\"a\",\"b\"]")]
        {
            let mut out = Vec::new();
            list(&mut out, values);
            assert_eq!(out, json.as_bytes());
        }
    }
}
