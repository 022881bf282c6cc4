//! A repository of one's own, here three records in a list, for others to harvest.
//!
//! `cargo run --example serve_repository`, then `harvester oai records http://127.0.0.1:8080/oai`

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use oai_pmh::provider::{Failure, Key, Provider, Repository, is_selected};
use oai_pmh::{Datestamp, Header, Identify, MetadataFormat, Record, Selection};

struct Poems(Vec<Record>); // in the order of their keys

#[async_trait]
impl Repository for Poems {
    fn identify(&self) -> Identify {
        Identify::new("Poems", "http://127.0.0.1:8080/oai", "admin@example.org")
    }

    async fn formats(&self) -> Result<Vec<MetadataFormat>, Failure> {
        Ok(vec![MetadataFormat::oai_dc()])
    }

    async fn record(&self, identifier: &str, _format: &str) -> Result<Option<Record>, Failure> {
        Ok(self.0.iter().find(|it| it.header.identifier == identifier).cloned())
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Record>, Failure> {
        let is_next = |it: &&Record| {
            Key::of(&it.header).as_ref() > after && is_selected(&it.header, selection)
        };
        Ok(self.0.iter().filter(is_next).take(limit).cloned().collect())
    }
}

async fn answer(provider: Provider, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let form = to_bytes(body, 64 << 10).await.unwrap_or_default();
    provider.handle(&Request::from_parts(head, form)).await.map(Body::from)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let poem = |n: usize, title: &str| {
        let stamp: Datestamp = "2024-01-31T12:00:00Z".parse()?;
        let header = Header::new(format!("oai:example.org:{n}"), stamp);
        let dc = format!("<dc xmlns='{}'>{title}</dc>", MetadataFormat::oai_dc().namespace);
        Ok::<_, Box<dyn std::error::Error>>(Record::new(header, &dc)?)
    };
    let poems = Poems(vec![poem(1, "Vodník")?, poem(2, "Polednice")?, poem(3, "Svatební košile")?]);
    let provider = Provider::new(poems, b"a secret of at least sixteen bytes")?.page_records(2);
    let router = axum::Router::new().fallback(move |request| answer(provider.clone(), request));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, router).await?)
}
