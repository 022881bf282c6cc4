use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use resync_core::transport::{BodyLimits, Request, Transport};
use url::Url;

use super::file_name::{run_name, source_name};
use super::formatted::Formatted;
use super::line::{AsReceived, FormatLines, LineForm, WithRecord, lines};
use crate::error::{RunError, Stage};
use crate::run::Run;
use crate::sink::{ParsedBatch, Preparer, Sink, Written};

/// By which the receiver knows a batch again that it has taken already.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The source's name, percent-encoded.
const HARVEST_SOURCE: HeaderName = HeaderName::from_static("harvest-source");
/// Of the answer only the status is read.
const LARGEST_ANSWER: u64 = 1 << 20;

/// Sends each batch to a URL, as the body of one POST request: JSON Lines, or a
/// [JSON array](Self::as_array), in the form of [`JsonLines`](super::JsonLines).
///
/// Any 2xx means that the whole batch is stored; anything else ends the run, after as many tries as
/// the transport makes of it. Batches without a record to store or delete are not sent. Two headers
/// come with each:
///
/// * `Harvest-Source`: the source's name, percent-encoded.
/// * `Idempotency-Key`: the same whenever this batch of this run is sent again, and of no other. A
///   *later run* may bring the same records under another key, after a crash for example: the
///   receiver has to take a record for the same if source and identifier are.
///
/// It keeps no checkpoint; as the second of a [`Tee`](super::Tee) it misses nothing all the same.
/// Where a body may be redirected to is said at [`Request::post`].
///
/// ```
/// # fn example(http: impl resync_core::transport::Transport) -> Result<(), url::ParseError> {
/// use harvest_pipeline::sinks::HttpPost;
/// use resync_core::retry::{Backoff, Retrying};
///
/// let transport = Retrying::new(http, Backoff::default());
/// let sink = HttpPost::new("https://index.example.org/records".parse()?, transport).with_record();
/// # let _ = sink; Ok(()) }
/// ```
#[derive(Debug)]
pub struct HttpPost<F = AsReceived> {
    url: Url,
    transport: Arc<dyn Transport>,
    is_array: bool,
    form: PhantomData<fn() -> F>,
}

impl HttpPost {
    /// Sends to this address.
    #[must_use]
    pub fn new(url: Url, transport: impl Transport) -> Self {
        Self { url, transport: Arc::new(transport), is_array: false, form: PhantomData }
    }

    /// Sends the parsed record as well, as the last member of each object: `"record":{…}`.
    #[must_use]
    pub fn with_record(self) -> HttpPost<WithRecord> {
        self.in_form()
    }
}

impl<F> HttpPost<F> {
    /// Sends one JSON array (`application/json`) instead of JSON Lines (`application/x-ndjson`).
    #[must_use]
    pub fn as_array(mut self) -> Self {
        self.is_array = true;
        self
    }

    /// Sends each record in this form, which may be your own.
    #[must_use]
    pub fn in_form<G>(self) -> HttpPost<G> {
        let Self { url, transport, is_array, .. } = self;
        HttpPost { url, transport, is_array, form: PhantomData }
    }

    fn request<R>(&self, run: &Run, batch: &ParsedBatch<R>, lines: Vec<u8>) -> Request {
        let (content_type, body) = match self.is_array {
            true => ("application/json", into_array(lines)),
            false => ("application/x-ndjson", lines),
        };
        let key = format!("\"{}/{}/{}\"", source_name(&run.source), run_name(run), batch.number);
        let source: String =
            url::form_urlencoded::byte_serialize(run.source.as_str().as_bytes()).collect();
        let mut request =
            Request::post(self.url.clone(), HeaderValue::from_static(content_type), body);
        for (name, value) in [(IDEMPOTENCY_KEY, key), (HARVEST_SOURCE, source)] {
            // Both are made of letters, digits and a few marks.
            if let Ok(value) = HeaderValue::try_from(value) {
                request = request.header(name, value);
            }
        }
        request
    }

    async fn send(&self, request: Request) -> resync_core::Result<()> {
        let limits = BodyLimits::default().max(LARGEST_ANSWER);
        let response = self.transport.send(request.clone()).await?;
        response.success()?;
        // To its end, so that the connection can be used again. The status has said all.
        let _ = response.collect(&limits).await;
        Ok(())
    }
}

/// JSON Lines as one array. Inside of the objects there are no line breaks, only `\n`.
fn into_array(mut lines: Vec<u8>) -> Vec<u8> {
    lines.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b',');
    if let Some(last) = lines.last_mut() {
        *last = b']';
    }
    lines.insert(0, b'[');
    lines
}

#[async_trait]
impl<R, F> Sink<R> for HttpPost<F>
where
    R: Send + Sync + 'static,
    F: LineForm<R>,
{
    fn preparer(&self) -> Option<Arc<dyn Preparer<R>>> {
        Some(Arc::new(FormatLines::<F>::new()))
    }

    async fn write(&self, run: &Run, mut batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let mut lines = Formatted::take(&mut batch).unwrap_or_else(|| lines::<R, F>(&batch));
        let text = std::mem::take(&mut lines.text);
        if !text.is_empty() {
            let request = self.request(run, &batch, text);
            self.send(request).await.map_err(|error| {
                let error = match error.url() {
                    Some(_) => error,
                    None => error.with_url(&self.url),
                };
                let message = format!("batch {} was not taken: {error}", batch.number);
                RunError::new(Stage::Sink, message)
                    .with_transient(error.is_transient())
                    .with_source(error)
            })?;
        }
        Ok(lines.written)
    }
}
