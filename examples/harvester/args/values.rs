//! How single values are written.

use std::time::Duration;

use resync_core::document::Datetime;
use url::Url;

use super::Destination;

/// A duration: `500ms`, `30s`, `5m`, `2h` or `1d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err("write a number and a unit: 500ms, 30s, 5m, 2h".to_owned()),
    };
    number
        .parse()
        .ok()
        .and_then(|number: f64| Duration::try_from_secs_f64(number * unit).ok())
        .filter(|duration| *duration <= Duration::from_secs(366 * 86_400))
        .ok_or_else(|| "write a number and a unit, a year at most: 500ms, 30s, 5m, 2h".to_owned())
}

/// The base URL of a repository.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        Ok(url) if url.scheme() == "file" => Ok(url),
        // `example.org:8080/oai` parses, with the scheme `example.org`.
        _ => Err("write an address such as https://example.org/oai or file:///path".to_owned()),
    }
}

/// An address on the web.
pub(super) fn web_url(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err("write an address such as https://example.org/".to_owned()),
    }
}

/// A point in time.
pub(super) fn datetime(text: &str) -> Result<Datetime, String> {
    let time = Datetime::read(text).filter(Datetime::is_standard);
    time.ok_or_else(|| "write 2024-01-31 or 2024-01-31T12:00:00Z".to_owned())
}

/// Where records go: `sqlite`, or the kind of a file or folder and its place.
pub(super) fn destination(text: &str) -> Result<Destination, String> {
    let place = match text.split_once(':') {
        None if text == "sqlite" => return Ok(Destination::Database),
        Some((kind, path)) if !path.is_empty() => Some((kind, path.into())),
        _ => None,
    };
    match place {
        Some(("jsonl", path)) => Ok(Destination::JsonLines(path)),
        Some(("csv", path)) => Ok(Destination::Csv(path)),
        Some(("parquet", path)) => Ok(Destination::Parquet(path)),
        Some(("xml", path)) => Ok(Destination::XmlFiles(path)),
        _ => {
            let kinds = "write sqlite, jsonl:FILE, csv:FILE, parquet:FILE or xml:DIR";
            Err(format!("{kinds}; --db names the database"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("2h", 7_200_000), ("1.5s", 1500), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "30", "s", "-1s", "1 s", "1h30m", "9999999h", "1.2.3s", "30S"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn base_urls_are_whole() {
        for text in ["http://x.org", "https://x.org:8080/oai?repo=1", "file:///tmp/repository.xml"]
        {
            assert!(base_url(text).is_ok(), "{text}");
        }
        for text in ["", "x.org/oai", "x.org:8080/oai", "ftp://x.org/", "oai"] {
            assert!(base_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn destinations_name_their_place() {
        assert_eq!(destination("sqlite"), Ok(Destination::Database));
        assert_eq!(destination("jsonl:a:b"), Ok(Destination::JsonLines("a:b".into())));
        assert_eq!(destination("csv:a.csv"), Ok(Destination::Csv("a.csv".into())));
        assert_eq!(destination("parquet:a"), Ok(Destination::Parquet("a".into())));
        assert_eq!(destination("xml:out"), Ok(Destination::XmlFiles("out".into())));
        for text in ["", "jsonl", "jsonl:", "tsv:x", "sqlite:x.db"] {
            assert!(destination(text).is_err(), "{text}");
        }
    }
}
