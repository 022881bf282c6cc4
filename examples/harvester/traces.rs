//! Traces for those who watch several programs in one place: sent by OTLP over HTTP, where this program
//! was built with the feature `otlp`.

use tracing_subscriber::{Layer, Registry};

use crate::report::Failure;

/// What shows spans to whoever collects them.
pub(crate) type Spans = Box<dyn Layer<Registry> + Send + Sync>;

/// Traces that are being sent.
#[derive(Debug)]
pub(crate) struct Traces(#[cfg(feature = "otlp")] sending::Sender);

impl Traces {
    /// Sends the spans of our own crates to the collector at this address, such as
    /// `http://127.0.0.1:4318`.
    ///
    /// # Errors
    /// If the address makes no sense, or this program cannot send traces.
    #[cfg(feature = "otlp")]
    pub(crate) fn begin(collector: &str) -> Result<(Self, Spans), Failure> {
        let (sender, spans) = sending::begin(collector)?;
        Ok((Self(sender), spans))
    }

    /// Sends the spans of our own crates to the collector at this address.
    ///
    /// # Errors
    /// This program cannot send traces.
    #[cfg(not(feature = "otlp"))]
    pub(crate) fn begin(_: &str) -> Result<(Self, Spans), Failure> {
        let message = "log.otlp: this program was built without the feature otlp";
        Err(Failure::usage(message))
    }

    /// Sends what is left.
    pub(crate) async fn end(self) {
        #[cfg(feature = "otlp")]
        self.0.end().await;
    }
}

#[cfg(feature = "otlp")]
mod sending {
    use async_trait::async_trait;
    use bytes::Bytes;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_http::{HttpClient, HttpError};
    use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tokio::runtime::Handle;
    use tracing_subscriber::Layer;
    use tracing_subscriber::filter::LevelFilter;
    use url::Url;

    use super::Spans;
    use crate::progress::ours;
    use crate::report::Failure;

    /// What sends spans, some at a time, from a thread of its own.
    #[derive(Debug)]
    pub(super) struct Sender(SdkTracerProvider);

    /// The way to the collector.
    #[derive(Clone, Debug)]
    struct Way {
        client: reqwest::Client,
        runtime: Handle,
    }

    pub(super) fn begin(collector: &str) -> Result<(Sender, Spans), Failure> {
        let refuse = |why: String| Failure::usage(format!("log.otlp: {why}"));
        let url = Url::parse(collector).and_then(|url| url.join("/v1/traces"));
        let url = url.map_err(|error| refuse(format!("{collector:?} is no address: {error}")))?;
        let client = reqwest::Client::builder().no_proxy().build();
        let client = client.map_err(|error| refuse(error.to_string()))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Way { client, runtime: Handle::current() })
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(url)
            .build()
            .map_err(|error| refuse(error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(Resource::builder().with_service_name("harvester").build())
            .build();
        let spans = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("harvester"))
            .with_filter(ours(LevelFilter::DEBUG));
        Ok((Sender(provider), Box::new(spans)))
    }

    impl Sender {
        pub(super) async fn end(self) {
            // It waits for the thread that sends.
            let ended = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
            if let Ok(Err(error)) = ended {
                tracing::warn!(%error, "the last traces could not be sent");
            }
        }
    }

    #[async_trait]
    impl HttpClient for Way {
        async fn send_bytes(
            &self,
            request: http::Request<Bytes>,
        ) -> Result<http::Response<Bytes>, HttpError> {
            let client = self.client.clone();
            // The thread that asks has no runtime.
            let sent = self.runtime.spawn(async move {
                let answer = client.execute(request.try_into()?).await?;
                let status = answer.status();
                let mut response = http::Response::new(answer.bytes().await?);
                *response.status_mut() = status;
                Ok::<_, reqwest::Error>(response)
            });
            Ok(sent.await??)
        }
    }
}
