//! Faults of a server, one after the other, each once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use futures_util::stream;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// How many kinds of faults there are.
const KINDS: u64 = 4;

/// Makes every other of the first lists go wrong. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Flaky {
    lists: Arc<AtomicU64>,
}

impl Flaky {
    /// How many faults there were.
    pub(super) fn faults(&self) -> u64 {
        (self.lists.load(Ordering::Relaxed) / 2).min(KINDS)
    }

    /// The answer, or what comes instead.
    pub(super) fn spoil(&self, query: &str, answer: Response<Vec<u8>>) -> Response<Body> {
        if !query.contains("verb=ListRecords") {
            return answer.map(Body::from);
        }
        let has_token = query.contains("resumptionToken");
        match self.lists.fetch_add(1, Ordering::Relaxed) {
            1 => {
                let mut busy = Response::new(Body::from("busy\n"));
                *busy.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                busy.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                busy
            }
            // The connection breaks off in the middle.
            3 => answer.map(|body| {
                let half = body[..body.len() / 2].to_vec();
                let parts =
                    [Ok(half), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
                Body::from_stream(stream::iter(parts))
            }),
            // It does not, and what came is not all.
            5 => answer.map(|body| Body::from(body[..body.len() / 2].to_vec())),
            7 if has_token => {
                let mut expired = Response::new(Body::from(EXPIRED));
                let xml = HeaderValue::from_static("text/xml; charset=utf-8");
                expired.headers_mut().insert(CONTENT_TYPE, xml);
                expired
            }
            _ => answer.map(Body::from),
        }
    }
}

const EXPIRED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">
  <responseDate>2026-01-01T00:00:00Z</responseDate>
  <request verb="ListRecords">http://localhost/</request>
  <error code="badResumptionToken">the token has expired</error>
</OAI-PMH>
"#;

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn ask(flaky: &Flaky, query: &str) -> (u16, Option<Vec<u8>>) {
        let answer = flaky.spoil(query, Response::new(b"0123456789".to_vec()));
        let status = answer.status().as_u16();
        (status, to_bytes(answer.into_body(), 1_000).await.ok().map(Into::into))
    }

    #[tokio::test]
    async fn each_fault_comes_once_and_what_is_asked_again_is_whole() {
        let flaky = Flaky::default();
        let whole = (200, Some(b"0123456789".to_vec()));
        let mut faults = Vec::new();
        for _ in 0..20 {
            assert_eq!(ask(&flaky, "verb=Identify").await, whole);
            assert_eq!(ask(&flaky, "verb=ListRecords&resumptionToken=1").await, whole);
            let spoilt = ask(&flaky, "verb=ListRecords&resumptionToken=1").await;
            if spoilt != whole {
                faults.push(spoilt);
            }
        }
        let half = (200, Some(b"01234".to_vec()));
        let expired = (200, Some(EXPIRED.as_bytes().to_vec()));
        let busy = (503, Some(b"busy\n".to_vec()));
        assert_eq!(faults, [busy, (200, None), half, expired]);
        assert_eq!(flaky.faults(), KINDS);
    }
}
