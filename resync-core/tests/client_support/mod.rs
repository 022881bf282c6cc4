//! A source to ask: documents at paths, and what a client is made of.

#![allow(dead_code)] // each test program uses its part of it

use std::time::Duration;

use resync_core::client::Client;
use resync_core::retry::{Backoff, Retrying};
use resync_core::transport::HttpTransport;
use url::Url;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) struct Source(pub(crate) MockServer);

impl Source {
    pub(crate) async fn start() -> Self {
        Self(MockServer::start().await)
    }

    pub(crate) fn url(&self, at: &str) -> Url {
        self.text(at).parse().unwrap()
    }

    pub(crate) fn text(&self, at: &str) -> String {
        format!("{}{at}", self.0.uri())
    }

    /// Puts a document there. `{}` in it is the address of the source.
    pub(crate) async fn put(&self, at: &str, body: impl AsRef<str>) -> &Self {
        let body = body.as_ref().replace("{}", &self.0.uri());
        self.answer(at, ResponseTemplate::new(200).set_body_raw(body, "application/xml")).await
    }

    pub(crate) async fn answer(&self, at: &str, answer: ResponseTemplate) -> &Self {
        Mock::given(path(at)).respond_with(answer).mount(&self.0).await;
        self
    }

    /// How often a path was asked for.
    pub(crate) async fn asked(&self, at: &str) -> usize {
        let requests = self.0.received_requests().await.unwrap();
        requests.iter().filter(|it| it.url.path() == at).count()
    }

    /// A usual source: description, set, a list and an index of changes.
    pub(crate) async fn usual(&self) -> &Self {
        let up = r#"<rs:ln rel="up" href="{}/c.xml"/>"#;
        self.put("/.well-known/resourcesync", list("description", "", &["/c.xml capabilitylist"]))
            .await
            .put(
                "/c.xml",
                list(
                    "capabilitylist",
                    r#"<rs:ln rel="up" href="{}/.well-known/resourcesync"/>"#,
                    &["/r.xml resourcelist", "/h.xml changelist", "/old.xml changelist-archive"],
                ),
            )
            .await
            .put("/r.xml", list("resourcelist", up, &["/a", "/b"]))
            .await
            .put("/h.xml", index("changelist", up, &["/h1.xml", "/h2.xml"]))
            .await
            .put("/h1.xml", list("changelist", up, &["/a"]))
            .await
            .put("/h2.xml", list("changelist", up, &["/b"]))
            .await
    }
}

/// A client that tries twice.
pub(crate) fn client() -> Client {
    let backoff = Backoff::default().retries(1).first(Duration::from_millis(1));
    Client::new(Retrying::new(HttpTransport::builder().build().unwrap(), backoff))
}

/// A list; of each entry its path and, behind a blank, its capability.
pub(crate) fn list(capability: &str, links: &str, entries: &[&str]) -> String {
    document("urlset", "url", capability, links, entries)
}

pub(crate) fn index(capability: &str, links: &str, entries: &[&str]) -> String {
    document("sitemapindex", "sitemap", capability, links, entries)
}

fn document(root: &str, item: &str, capability: &str, links: &str, entries: &[&str]) -> String {
    let md = match capability {
        "" => String::new(),
        capability => format!("<rs:md capability=\"{capability}\"/>"),
    };
    let entries: String = entries
        .iter()
        .map(|entry| {
            let (path, rest) = entry.split_once(' ').unwrap_or((entry, ""));
            let loc = if path.starts_with('/') { format!("{{}}{path}") } else { path.to_owned() };
            let md = match rest {
                "" => String::new(),
                rest if rest.contains('=') => format!("<rs:md {rest}/>"),
                rest => format!("<rs:md capability=\"{rest}\"/>"),
            };
            format!("<{item}><loc>{loc}</loc>{md}</{item}>")
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><{root} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\">{links}{md}{entries}</{root}>"
    )
}
