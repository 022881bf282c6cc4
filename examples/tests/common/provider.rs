//! Our own provider on loopback: any repository from within the test, or what `oai serve` serves.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use oai_pmh::provider::Provider;
use serde_json::Value;

use super::harvester;

/// Serves what is made for the address, for as long as the test runs, and gives the address.
pub(crate) async fn serve(provider: impl FnOnce(&str) -> Provider) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/oai", listener.local_addr().unwrap());
    let provider = provider(&url);
    let router = axum::Router::new().fallback(move |request| answer(provider.clone(), request));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn answer(provider: Provider, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let form = to_bytes(body, 64 << 10).await.unwrap();
    provider.handle(&Request::from_parts(head, form)).await.map(Body::from)
}

/// `harvester oai serve`, until it is dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) url: String,
}

impl Serving {
    /// Serves a database or a folder within `folder`.
    pub(crate) fn start(folder: &Path, from: &str, page: usize) -> Self {
        let page = page.to_string();
        let mut child = harvester(folder)
            .args(["oai", "serve", from, "--listen", "127.0.0.1:0", "--page", &page, "--json"])
            .args(["--admin", "librarian@x.example.org"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        Self { child, url: said["base_url"].as_str().unwrap().to_owned() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
