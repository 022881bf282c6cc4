//! What tests share.

use async_trait::async_trait;
use oai_pmh::provider::Provider;
use oai_pmh::transport::{Body, Payload, Request, Response, Transport};

/// The shortest way from a client to a provider.
#[derive(Debug)]
pub(crate) struct Direct(pub(crate) Provider);

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: Request) -> resync_core::Result<Response> {
        let asked = http::Request::get(request.url.as_str()).body([]).unwrap();
        let (head, body) = self.0.handle(&asked).await.into_parts();
        let body = Body::Whole(Payload::Memory(body));
        Ok(Response::new(head.status, head.headers, request.url, body))
    }
}
