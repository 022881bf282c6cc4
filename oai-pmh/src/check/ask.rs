//! Sends requests, one at a time, and has the answers judged as documents.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, StatusCode, header};
use resync_core::transport::{
    Answer, BodyLimits, Payload, Request as HttpRequest, Transport, without_credentials,
};
use url::Url;

use super::document::Document;
use super::query::Query;
use super::{Report, Rule};
use crate::{Error, Result};

/// The most bytes of an answer that is judged.
const LARGEST: u64 = 64 << 20;
/// The longest wait that a server may ask for, in seconds.
const LONGEST_WAIT: u64 = 3600;

/// The one who asks.
pub(super) struct Asker {
    base: Url,
    /// The base URL as it may be shown.
    pub(super) shown: Url,
    /// The base URL as Identify has it.
    pub(super) base_url: Option<String>,
    transport: Arc<dyn Transport>,
    on_progress: Arc<dyn Fn(&Report) + Send + Sync>,
    pub(super) report: Report,
}

impl Asker {
    pub(super) fn new(
        base: Url,
        transport: Arc<dyn Transport>,
        on_progress: Arc<dyn Fn(&Report) + Send + Sync>,
    ) -> Self {
        let shown = without_credentials(&base);
        Self { base, shown, base_url: None, transport, on_progress, report: Report::default() }
    }

    /// The first request: whether there is anybody.
    pub(super) async fn first(&mut self, query: &Query) -> Result<Document> {
        let answer = self.send(query, HttpRequest::get(query.url(&self.base)), false).await?;
        let url = query.url(&self.shown);
        match self.judge(answer, query) {
            Some(document) => Ok(document),
            None => {
                Err(Error::not_oai("the answer to Identify is no OAI-PMH document").with_url(&url))
            }
        }
    }

    /// Asks by GET. What cannot be had is reported.
    pub(super) async fn ask(&mut self, query: &Query) -> Option<Document> {
        let request = HttpRequest::get(query.url(&self.base));
        self.exchange(query, request, false).await
    }

    /// Asks for something that is to be refused: a server that fails at it is not asked again.
    pub(super) async fn provoke(&mut self, query: &Query) -> Option<Document> {
        let request = HttpRequest::get(query.url(&self.base)).retry_at_most(1);
        self.exchange(query, request, true).await
    }

    /// Asks by POST.
    pub(super) async fn post(&mut self, query: &Query) -> Option<Document> {
        let request = HttpRequest::post_form(self.base.clone(), query.text()).retry_at_most(1);
        self.exchange(query, request, true).await
    }

    /// The coding that an answer comes in when this is what is accepted, and its length, unpacked.
    pub(super) async fn coding(
        &mut self,
        query: &Query,
        accepted: &'static str,
    ) -> Option<(String, u64)> {
        let value = http::HeaderValue::from_static(accepted);
        let request =
            HttpRequest::get(query.url(&self.base)).header(header::ACCEPT_ENCODING, value);
        let answer = self.send(query, request, false).await.ok()?;
        let coding = answer.headers.get(header::CONTENT_ENCODING).and_then(|it| it.to_str().ok());
        Some((coding.unwrap_or("identity").to_ascii_lowercase(), answer.payload.len()))
    }

    async fn exchange(
        &mut self,
        query: &Query,
        request: HttpRequest,
        is_provoked: bool,
    ) -> Option<Document> {
        match self.send(query, request, is_provoked).await {
            Ok(answer) => self.judge(answer, query),
            Err(error) => {
                let url = query.url(&self.shown);
                self.report.add(Rule::NoAnswer, &url, error.to_string());
                None
            }
        }
    }

    async fn send(
        &mut self,
        query: &Query,
        request: HttpRequest,
        is_provoked: bool,
    ) -> resync_core::Result<Answer> {
        let waits: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&waits);
        let request = request.accept_if(move |answer| {
            let status = answer.status;
            let is_busy =
                matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
            if is_busy && let Some(wrong) = wrong_wait(&answer.headers) {
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(wrong);
            }
            // What else is no success is an answer, too, and judged.
            match is_busy || (status.is_server_error() && !is_provoked) {
                true => answer.success(),
                false => Ok(()),
            }
        });
        let sent = self.transport.send(request.clone()).await;
        let received = match sent {
            Ok(response) => response.collect(&BodyLimits::default().max(LARGEST)).await,
            Err(error) => Err(error),
        };
        self.report.requests += 1;
        let url = query.url(&self.shown);
        for wrong in waits.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.report.add(Rule::RetryAfter, &url, wrong);
        }
        (self.on_progress)(&self.report);
        let answer = received?;
        // Once more, for transports that do not look.
        request.check(&answer)?;
        Ok(answer)
    }

    fn judge(&mut self, answer: Answer, query: &Query) -> Option<Document> {
        let url = query.url(&self.shown);
        let report = &mut self.report;
        if answer.status != StatusCode::OK {
            report.add(Rule::HttpStatus, &url, format!("the status is {}", answer.status));
        }
        let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let kind = kind.unwrap_or_default();
        let is_xml =
            kind.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case("text/xml"));
        let mut came_from = without_credentials(&answer.url);
        came_from.set_query(self.shown.query());
        if came_from != self.shown && report.count(Rule::Redirected) == 0 {
            report.add(Rule::Redirected, &url, format!("the answer came from {came_from}"));
        }
        let charset = answer.charset();
        let body = match answer.payload {
            Payload::Memory(body) => body,
            other => other.head(usize::try_from(LARGEST).unwrap_or(usize::MAX)).ok()?,
        };
        let document = Document::read(body, charset, &url, query, report)?;
        if !is_xml {
            report.add(Rule::ContentType, &url, format!("the content type is {kind:?}"));
        }
        if let Some(base_url) = &self.base_url
            && *base_url != document.base_url
        {
            let detail = format!("{:?}, but baseURL is {base_url:?}", document.base_url);
            report.add(Rule::RequestUrl, &url, detail);
        }
        Some(document)
    }
}

/// What is wrong with the time that a busy server wants to be left alone for.
fn wrong_wait(headers: &HeaderMap) -> Option<String> {
    let Some(value) = headers.get(header::RETRY_AFTER) else {
        return Some("no Retry-After".to_owned());
    };
    let seconds = value.to_str().ok().and_then(|it| it.trim().parse::<u64>().ok());
    match seconds {
        Some(seconds) if seconds <= LONGEST_WAIT => None,
        _ => Some(format!("Retry-After is {value:?}")),
    }
}
