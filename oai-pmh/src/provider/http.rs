//! The exchange around the answer (§3.1).

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue,
    RETRY_AFTER, VARY,
};
use http::{Method, Request, Response, StatusCode};

use super::{Failure, Provider};

/// Less than this is not worth to be compressed, in bytes.
const SMALL: usize = 1024;
const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
const FORM: &str = "application/x-www-form-urlencoded";

impl Provider {
    /// Answers an HTTP request, wherever its path leads.
    ///
    /// `GET` and `HEAD` have their arguments in the query, `POST` in a form; should there be a query,
    /// too, all arguments count, and those that are in both are repeated. A failing repository is
    /// answered with 500, or 503 and `Retry-After` where it says when to come back; the cause is
    /// logged and not told.
    pub async fn handle<B: AsRef<[u8]> + Sync>(&self, request: &Request<B>) -> Response<Vec<u8>> {
        let mut arguments = request.uri().query().unwrap_or_default().as_bytes().to_vec();
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::POST if is_form(request.headers()) => {
                arguments.push(b'&');
                arguments.extend_from_slice(request.body().as_ref());
            }
            Method::POST => {
                let message = format!("send a form: {FORM}\n");
                return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
            }
            Method::OPTIONS => {
                let mut response = plain(StatusCode::NO_CONTENT, String::new());
                response.headers_mut().remove(CONTENT_TYPE);
                response.headers_mut().insert(ALLOW, ALLOWED);
                return response;
            }
            _ => {
                let mut response =
                    plain(StatusCode::METHOD_NOT_ALLOWED, "ask with GET or POST\n".to_owned());
                response.headers_mut().insert(ALLOW, ALLOWED);
                return response;
            }
        }
        let mut response = match self.answer(&arguments).await {
            Ok(xml) => self.document(xml, request.headers()),
            Err(failure) => failed(&failure),
        };
        if request.method() == Method::HEAD {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            response.body_mut().clear();
        }
        response
    }

    fn document(&self, xml: String, headers: &HeaderMap) -> Response<Vec<u8>> {
        let level = self.settings.compression;
        let packed = (level > 0 && xml.len() >= SMALL && takes_gzip(headers))
            .then(|| gzip(xml.as_bytes(), level))
            .flatten();
        let is_packed = packed.is_some();
        let mut response = Response::new(packed.unwrap_or_else(|| xml.into_bytes()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
        if level > 0 {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|media| {
        let media = media.to_str().unwrap_or_default();
        media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case(FORM))
    })
}

/// Whether the answer may be compressed (RFC 9110 §12.5.3). `gzip` counts more than `*`.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for coding in values.flat_map(|value| value.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| {
            part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")).map(str::trim)
        });
        let is_wanted = weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|q| q > 0.0));
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return is_wanted,
            "*" => any = is_wanted,
            _ => {}
        }
    }
    any
}

fn gzip(text: &[u8], level: u32) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::new(level));
    encoder.write_all(text).ok()?;
    encoder.finish().ok()
}

fn failed(failure: &Failure) -> Response<Vec<u8>> {
    tracing::error!(cause = %failure, "the repository cannot answer");
    match failure.retry_after() {
        None => {
            let message = "the repository has failed; its administrators can see why\n";
            plain(StatusCode::INTERNAL_SERVER_ERROR, message.to_owned())
        }
        Some(wait) => {
            let mut response =
                plain(StatusCode::SERVICE_UNAVAILABLE, "try again later\n".to_owned());
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            response.headers_mut().insert(RETRY_AFTER, seconds);
            response
        }
    }
}

fn plain(status: StatusCode, message: String) -> Response<Vec<u8>> {
    let mut response = Response::new(message.into_bytes());
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}
