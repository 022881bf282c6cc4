//! One request and its answer.

use std::io::Read;

use memchr::memmem;
use resync_core::transport::{Answer, Payload, Request as HttpRequest};
use resync_core::{Error as NetError, ErrorKind as NetKind};
use url::Url;

use super::Client;
use crate::static_repository::{self, StaticRepository};
use crate::{Error, ErrorCode, Request, Result};

/// How requests are sent (OAI-PMH §3.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// By GET; by POST where the URL would be too long for servers.
    #[default]
    Auto,
    /// By GET only.
    Get,
    /// By POST only.
    Post,
}

/// How one request is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asking {
    /// Ask again at most so often, however patient the transport is.
    pub(super) max_retries: Option<u32>,
    /// Leave the resumption token as unencoded as a URL can be.
    pub(super) is_verbatim: bool,
}

/// Longer URLs are sent by POST: some servers, and the proxies before them, refuse from here on.
const LONG_URL: usize = 2000;
/// How much of the beginning and the end of an answer is looked at before it is parsed.
const HEAD: usize = 4 << 10;
const TAIL: usize = 64 << 10;

pub(super) fn parse_base_url(text: &str) -> Result<Url> {
    let refuse = |why: String| NetError::new(NetKind::Request, format!("{text:?} {why}"));
    let url = Url::parse(text).map_err(|error| {
        refuse(format!("is not a URL ({error}): write https://host/path or file:///path"))
    })?;
    match url.scheme() {
        "http" | "https" | "file" => Ok(url),
        scheme => {
            Err(refuse(format!("has the scheme {scheme}: http, https or file is needed")).into())
        }
    }
}

impl Client {
    /// Sends a request; gives the answer once it is whole.
    pub(super) async fn ask(&self, request: &Request, asking: Asking) -> Result<Answer> {
        if self.base.scheme() == "file" {
            return static_repository::open(&self.base)
                .and_then(|answer| translate(answer, request));
        }
        let url = request.url(&self.base);
        let is_long = url.as_str().len() > LONG_URL;
        let by_post = match self.settings.method {
            Method::Auto => is_long,
            Method::Get => false,
            Method::Post => true,
        };
        let result = self.send(request, asking, by_post).await;
        let answer = match result {
            // The server finds the URL too long, though we did not.
            Err(error)
                if !by_post
                    && self.settings.method == Method::Auto
                    && matches!(error.kind(), NetKind::Status(s) if matches!(s.as_u16(), 413 | 414)) =>
            {
                self.send(request, asking, true).await?
            }
            result => result?,
        };
        translate(answer, request)
    }

    async fn send(
        &self,
        request: &Request,
        asking: Asking,
        by_post: bool,
    ) -> resync_core::Result<Answer> {
        let is_resumed = matches!(request, Request::Resume { .. });
        let mut http = if by_post {
            HttpRequest::post_form(self.base.clone(), request.query())
        } else if asking.is_verbatim {
            HttpRequest::get(request.verbatim_url(&self.base))
        } else {
            HttpRequest::get(request.url(&self.base))
        };
        http = http.accept_if(move |answer| check(answer, is_resumed));
        if let Some(retries) = asking.max_retries {
            http = http.retry_at_most(retries);
        }
        let response = self.transport.send(http.clone()).await?;
        let answer = response.collect(&resync_core::transport::BodyLimits::default()).await?;
        // Once more, for transports that do not look.
        http.check(&answer)?;
        Ok(answer)
    }
}

/// Tells a web page from an answer, and lets a file answer. A static repository's file (the static repository specification, §3) answers every request: it
/// holds all there is.
fn translate(answer: Answer, request: &Request) -> Result<Answer> {
    let head = answer.payload.head(HEAD).map_err(unreadable)?;
    if is_html(head.trim_ascii_start()) && memmem::find(&head, b"OAI-PMH").is_none() {
        let error = Error::not_oai("the answer is an HTML page: is this the base URL?");
        return Err(error.with_url(&answer.url));
    }
    if memmem::find(&head, static_repository::NAMESPACE.as_bytes()).is_none() {
        return Ok(answer);
    }
    let charset = answer.charset();
    let Answer { status, headers, url, payload, .. } = answer;
    let repository = StaticRepository::read(payload_into_memory(payload)?, charset.as_deref())?;
    let body = repository.answer(request).into_bytes();
    Ok(Answer::new(status, headers, url, Payload::Memory(body)))
}

/// Whether an answer is one that can be read to its end: an OAI-PMH document that is closed, with
/// success or with protocol errors.
fn check(answer: &Answer, is_resumed: bool) -> resync_core::Result<()> {
    let fail = |kind, what: &str| Err(NetError::new(kind, what).with_url(&answer.url));
    let io =
        |error| NetError::new(NetKind::Io, "a temporary file cannot be read").with_source(error);
    let head = narrow(answer.payload.head(HEAD).map_err(io)?);
    let is_static = memmem::find(&head, static_repository::NAMESPACE.as_bytes()).is_some();
    if memmem::find(&head, b"OAI-PMH").is_some() || is_static {
        let root: &[u8] = if is_static { b"Repository" } else { b"OAI-PMH" };
        let tail = narrow(answer.payload.tail(TAIL).map_err(io)?);
        if !closes(&tail, root) && !closes_anywhere(&answer.payload, root) {
            return fail(NetKind::Incomplete, "the answer is cut off");
        }
        return match answer.status.is_success() || has_error_code(&head) {
            true => Ok(()),
            false => answer.success(),
        };
    }
    answer.success()?;
    let start = head.trim_ascii_start();
    if start.is_empty() {
        return fail(NetKind::Incomplete, "the answer is empty");
    }
    if is_html(start) && is_resumed {
        return fail(NetKind::Unexpected, "an HTML page came in the middle of the list");
    }
    if !start.starts_with(b"<") && !start.starts_with(b"\xEF\xBB\xBF") {
        let text: String = String::from_utf8_lossy(start).chars().take(80).collect();
        return fail(NetKind::Unexpected, &format!("the server answered {:?}", text.trim_end()));
    }
    // Some other XML, or HTML where nothing better was ever seen: the parser says what.
    Ok(())
}

/// UTF-16 seen as bytes has its ASCII characters apart.
fn narrow(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.retain(|b| *b != 0);
    bytes
}

/// Whether `</root>`, under any prefix, is in there.
fn closes(tail: &[u8], root: &[u8]) -> bool {
    memmem::rfind_iter(tail, root).any(|at| {
        let after = tail[at + root.len()..].trim_ascii_start();
        let before = &tail[..at];
        let before = match before.strip_suffix(b":") {
            Some(prefixed) => {
                let prefix =
                    prefixed.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
                &prefixed[..prefixed.len() - prefix]
            }
            None => before,
        };
        before.ends_with(b"</") && after.starts_with(b">")
    })
}

/// The same for a body with much behind its end.
fn closes_anywhere(payload: &Payload, root: &[u8]) -> bool {
    matches!(payload, Payload::Memory(bytes) if closes(bytes, root))
}

fn has_error_code(head: &[u8]) -> bool {
    use ErrorCode as Code;
    let codes = [
        Code::BadArgument,
        Code::BadResumptionToken,
        Code::BadVerb,
        Code::CannotDisseminateFormat,
        Code::IdDoesNotExist,
        Code::NoRecordsMatch,
        Code::NoMetadataFormats,
        Code::NoSetHierarchy,
    ];
    codes.iter().any(|code| {
        memmem::find_iter(head, code.name())
            .any(|at| head[..at].ends_with(b"\"") || head[..at].ends_with(b"'"))
    })
}

fn is_html(start: &[u8]) -> bool {
    let start = start[..start.len().min(HEAD)].to_ascii_lowercase();
    memmem::find(&start, b"<html").is_some() || start.starts_with(b"<!doctype html")
}

/// The resumption token at the end of a page, found without parsing the page, so that the next one
/// can be asked for at once. Only what is beyond doubt is given.
pub(super) fn peek_token(answer: &Answer) -> Option<String> {
    let tail = answer.payload.tail(8 << 10).ok()?;
    let tail = std::str::from_utf8(&tail).or_else(|error| {
        // The cut may be inside of a character; nothing else may be wrong.
        std::str::from_utf8(&tail[error.valid_up_to() + 1..])
    });
    let tail = tail.ok()?.trim_ascii_end();
    let name = "resumptionToken";
    let end = tail.rfind(name)?;
    let rest = tail[end + name.len()..].trim_ascii_start().strip_prefix('>')?;
    // Behind it only the list and the document are closed.
    if rest.matches('<').count() != 2 || rest.matches("</").count() != 2 {
        return None;
    }
    let close = tail[..end].rfind("</")?;
    let start = tail[..close].rfind(name)?;
    let open = tail[start..close].find('>')? + start + 1;
    let before = tail[..start].rfind('<')?;
    let value = &tail[open..close];
    let is_start_tag =
        tail[before + 1..start].bytes().all(|b| b.is_ascii_alphanumeric() || b == b':');
    if !is_start_tag || value.contains('<') || tail[..before].ends_with("Token>") {
        return None;
    }
    let value = resync_core::xml::text_of(value.trim_ascii()).into_owned();
    (!value.is_empty()).then_some(value)
}

pub(super) fn into_memory(answer: Answer) -> Result<Vec<u8>> {
    payload_into_memory(answer.payload)
}

fn payload_into_memory(payload: Payload) -> Result<Vec<u8>> {
    /// Nothing that is not a list is this long.
    const MOST: u64 = 256 << 20;
    match payload {
        Payload::Memory(bytes) => Ok(bytes),
        Payload::Spooled(spool) => {
            let mut bytes = Vec::new();
            let read = spool.reader().and_then(|reader| reader.take(MOST).read_to_end(&mut bytes));
            read.map_err(unreadable)?;
            Ok(bytes)
        }
        _ => Err(Error::not_oai("the answer cannot be read")),
    }
}

fn unreadable(error: std::io::Error) -> Error {
    NetError::new(NetKind::Io, "a temporary file cannot be read").with_source(error).into()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer::new(
            StatusCode::from_u16(status).unwrap(),
            HeaderMap::new(),
            "http://x.org/oai".parse().unwrap(),
            Payload::Memory(body.into()),
        )
    }

    #[test]
    fn only_a_closed_document_is_complete() {
        for (status, body, expected) in [
            (200, "<OAI-PMH></OAI-PMH>", None),
            (200, "<o:OAI-PMH></o:OAI-PMH >\n<b>Notice</b>", None),
            (200, "<OAI-PMH><ListRecords>", Some(NetKind::Incomplete)),
            (200, "<OAI-PMH xmlns='x/OAI-PMH'>", Some(NetKind::Incomplete)),
            (200, "  ", Some(NetKind::Incomplete)),
            (200, "Rate exceeded.", Some(NetKind::Unexpected)),
            (404, "<OAI-PMH><error code='idDoesNotExist'/></OAI-PMH>", None),
            (
                500,
                "<OAI-PMH><error code='oops'/></OAI-PMH>",
                Some(NetKind::Status(StatusCode::INTERNAL_SERVER_ERROR)),
            ),
            (404, "<html></html>", Some(NetKind::Status(StatusCode::NOT_FOUND))),
        ] {
            let result = check(&answer(status, body), false);
            assert_eq!(result.err().map(|error| error.kind()), expected, "{status} {body}");
        }
    }

    #[test]
    fn an_html_page_is_waited_out_only_in_the_middle_of_a_list() {
        let page = answer(200, "<!DOCTYPE html><html></html>");
        assert!(check(&page, false).is_ok());
        assert_eq!(check(&page, true).unwrap_err().kind(), NetKind::Unexpected);
    }

    #[test]
    fn a_token_is_peeked_at_only_where_it_is_beyond_doubt() {
        let end = "</ListRecords>\n</OAI-PMH>\n";
        for (body, expected) in [
            (format!("é<resumptionToken cursor='0'> a&amp;b </resumptionToken>{end}"), Some("a&b")),
            (format!("<o:resumptionToken>t</o:resumptionToken>{end}"), Some("t")),
            (format!("<resumptionToken/>{end}"), None),
            (format!("<resumptionToken></resumptionToken>{end}"), None),
            (format!("<resumptionToken>a</resumptionToken><record/>{end}"), None),
            (format!("<resumptionToken><![CDATA[a]]></resumptionToken>{end}"), None),
            (
                format!(
                    "<resumptionToken>a</resumptionToken><resumptionToken>b</resumptionToken>{end}"
                ),
                None,
            ),
            (end.to_owned(), None),
        ] {
            assert_eq!(peek_token(&answer(200, &body)).as_deref(), expected, "{body}");
        }
    }
}
