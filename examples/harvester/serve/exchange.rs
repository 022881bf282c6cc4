//! Answering a GET of something that is there (RFC 9110): validators, ranges, compression.

use std::io::{self, Read as _, SeekFrom};
use std::ops::Range;
use std::time::SystemTime;

use axum::body::Body;
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

/// Less than this is not worth to be compressed, in bytes; more than the other is not compressed
/// in one go.
const PACKED: Range<u64> = 1024..64 << 20;

/// Something that can be had.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) content: Content,
    pub(crate) media_type: String,
    pub(crate) modified: Option<SystemTime>,
    /// Another for other content; without quotation marks.
    pub(crate) tag: String,
    /// Whether it may be compressed on its way. What has a digest in a list is sent as it is.
    pub(crate) may_be_packed: bool,
}

/// Its bytes.
#[derive(Debug)]
pub(crate) enum Content {
    File(File, u64),
    Bytes(Vec<u8>),
}

/// What a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// All of it: there is no range, or one that need not be understood.
    All,
    Part(Range<u64>),
    Unsatisfiable,
}

impl Representation {
    /// A file.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub(crate) async fn of_file(file: File, media_type: &str) -> io::Result<Self> {
        let metadata = file.metadata().await?;
        let modified = metadata.modified()?;
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            tag: format!("{:x}-{:x}", metadata.len(), since.as_nanos()),
            content: Content::File(file, metadata.len()),
            media_type: media_type.to_owned(),
            modified: Some(modified),
            may_be_packed: false,
        })
    }

    /// Answers a GET or HEAD of it.
    ///
    /// # Errors
    /// If its content cannot be read.
    pub(crate) async fn answer(
        self,
        method: &Method,
        asked: &HeaderMap,
    ) -> io::Result<Response<Body>> {
        let length = self.content.length();
        let is_packed = self.may_be_packed
            && PACKED.contains(&length)
            && !asked.contains_key(RANGE)
            && takes_gzip(asked);
        let tag = match is_packed {
            true => format!("\"{}-gzip\"", self.tag),
            false => format!("\"{}\"", self.tag),
        };
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        set(headers, ETAG, &tag);
        if let Some(modified) = self.modified {
            set(headers, LAST_MODIFIED, &http_date(modified));
        }
        if self.may_be_packed {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if is_known(asked, &self.tag, self.modified) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        set(headers, CONTENT_TYPE, &self.media_type);
        if is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            let packed = gzip(self.content).await?;
            headers.insert(CONTENT_LENGTH, HeaderValue::from(packed.len()));
            if method != Method::HEAD {
                *response.body_mut() = Body::from(packed);
            }
            return Ok(response);
        }
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let part = match self.asked(method, asked, &tag) {
            Asked::All => 0..length,
            Asked::Part(part) => {
                let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
                set(headers, CONTENT_RANGE, &range);
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                part
            }
            Asked::Unsatisfiable => {
                set(headers, CONTENT_RANGE, &format!("bytes */{length}"));
                *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                return Ok(response);
            }
        };
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
        if method != Method::HEAD {
            *response.body_mut() = self.content.part(part).await?;
        }
        Ok(response)
    }

    fn asked(&self, method: &Method, headers: &HeaderMap, tag: &str) -> Asked {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let is_current = text(IF_RANGE).is_none_or(|condition| {
            condition == tag || self.modified.is_some_and(|time| condition == http_date(time))
        });
        match text(RANGE) {
            Some(range) if is_current && method == Method::GET => {
                asked_for(range, self.content.length())
            }
            _ => Asked::All,
        }
    }
}

impl Content {
    fn length(&self) -> u64 {
        match self {
            Self::File(_, length) => *length,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    async fn part(self, part: Range<u64>) -> io::Result<Body> {
        Ok(match self {
            Self::File(mut file, _) => {
                file.seek(SeekFrom::Start(part.start)).await?;
                Body::from_stream(ReaderStream::new(file.take(part.end - part.start)))
            }
            Self::Bytes(bytes) => {
                let bytes = axum::body::Bytes::from(bytes);
                let within = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
                Body::from(bytes.slice(within(part.start)..within(part.end).min(bytes.len())))
            }
        })
    }
}

/// One range of bytes (RFC 9110 §14.1.2). Several at once need not be understood, and are not.
fn asked_for(range: &str, length: u64) -> Asked {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|it| it.trim().split_once('-'))
    else {
        return Asked::All;
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    match (first, number(first), number(last)) {
        ("", _, Some(0)) => Asked::Unsatisfiable,
        ("", _, Some(_)) if length == 0 => Asked::Unsatisfiable,
        ("", _, Some(many)) => Asked::Part(length.saturating_sub(many)..length),
        (_, Some(first), Some(last)) if last < first => Asked::All,
        (_, Some(first), _) if first >= length && (last.is_empty() || number(last).is_some()) => {
            Asked::Unsatisfiable
        }
        (_, Some(first), Some(last)) => Asked::Part(first..last.saturating_add(1).min(length)),
        (_, Some(first), None) if last.is_empty() => Asked::Part(first..length),
        _ => Asked::All,
    }
}

/// Whether whoever asks has it already (RFC 9110 §13.2.2). The compressed content has a tag of its
/// own, which says the same.
fn is_known(asked: &HeaderMap, tag: &str, modified: Option<SystemTime>) -> bool {
    let values = |name| asked.get_all(name).iter().filter_map(|value| value.to_str().ok());
    if asked.contains_key(IF_NONE_MATCH) {
        return values(IF_NONE_MATCH).flat_map(|value| value.split(',')).map(str::trim).any(|it| {
            let it = it.strip_prefix("W/").unwrap_or(it).trim_matches('"');
            it == "*" || it.strip_suffix("-gzip").unwrap_or(it) == tag
        });
    }
    let since = values(IF_MODIFIED_SINCE).next();
    let since = since.and_then(|since| DateTime::parse_from_rfc2822(since).ok());
    since.zip(modified).is_some_and(|(since, modified)| {
        DateTime::<Utc>::from(modified).timestamp() <= since.timestamp()
    })
}

/// Whether the answer may be compressed (RFC 9110 §12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map(|weight| weight.trim().parse::<f32>());
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight, Some(Ok(0.0) | Err(_)))
    })
}

async fn gzip(content: Content) -> io::Result<Vec<u8>> {
    let plain = match content {
        Content::Bytes(bytes) => bytes,
        Content::File(mut file, length) => {
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            file.read_to_end(&mut bytes).await?;
            bytes
        }
    };
    let packed = tokio::task::spawn_blocking(move || {
        let mut packed = Vec::with_capacity(plain.len() / 4);
        GzEncoder::new(plain.as_slice(), Compression::new(3)).read_to_end(&mut packed)?;
        Ok(packed)
    });
    packed.await.unwrap_or_else(|cause| Err(cause.into()))
}

fn http_date(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Sets a header whose value is made here, and can stand in one.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_others_need_not_be() {
        for (range, expected) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=2-", Asked::Part(2..10)),
            ("bytes=2-99", Asked::Part(2..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-99", Asked::Part(0..10)),
            ("bytes=9-18446744073709551615", Asked::Part(9..10)),
            ("bytes=10-", Asked::Unsatisfiable),
            ("bytes=10-11", Asked::Unsatisfiable),
            ("bytes=-0", Asked::Unsatisfiable),
            ("bytes=3-2", Asked::All),
            ("bytes=0-1,3-4", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=a-b", Asked::All),
            ("bytes=+1-2", Asked::All),
            ("lines=1-2", Asked::All),
            ("bytes=99999999999999999999-", Asked::All),
        ] {
            assert_eq!(asked_for(range, 10), expected, "{range}");
        }
        assert_eq!(asked_for("bytes=0-", 0), Asked::Unsatisfiable);
        assert_eq!(asked_for("bytes=-1", 0), Asked::Unsatisfiable);
    }

    #[test]
    fn compression_is_for_those_who_want_it() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("br, identity", false),
            ("xgzip", false),
        ] {
            let mut headers = HeaderMap::new();
            set(&mut headers, ACCEPT_ENCODING, value);
            assert_eq!(takes_gzip(&headers), expected, "{value}");
        }
    }
}
