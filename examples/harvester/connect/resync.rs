//! A ResourceSync source: its description, its capability lists, and what they offer.

use std::sync::Arc;

use resync_core::client::{Client, Discovered, Explore, Node, What};
use resync_core::document::Capability;
use resync_core::sync::Authority;
use resync_core::transport::BodyLimits;
use url::Url;

use super::{Choice, Document, Failed, Found, LARGEST, MOST_SETS, Way, broken};

/// So many documents are read, of an index the first and the last part.
const MOST_DOCUMENTS: u64 = 30;

pub(super) async fn describe(url: &Url, way: &Way) -> Result<Found, Failed> {
    let authority = Authority::of(url);
    let client = Client::new(Arc::clone(way))
        .limits(BodyLimits::default().max(LARGEST))
        .permit(move |url| authority.check(url).map_err(|error| error.to_string()));
    let discovered = client.discover(url.as_str()).await.map_err(broken)?;
    let mut found = Found {
        kind: "resync".to_owned(),
        url: crate::network::shown(url).into(),
        ..Found::default()
    };
    let sets = discovered.capability_lists.iter().take(MOST_SETS);
    found.sets = sets
        .map(|set| {
            let name = set.described_by.as_ref().unwrap_or(&set.url);
            Choice { value: set.url.to_string(), name: name.to_string() }
        })
        .collect();
    found.warnings.extend(discovered.notices.iter().map(|notice| notice.detail.clone()));
    let options = Explore::default().depth(3).documents(MOST_DOCUMENTS).parts(2);
    for root in roots(&discovered, url) {
        add(&mut found, &client.explore(&root, &options).await);
    }
    Ok(found.on_lines())
}

/// Where to begin: at what was typed, if that is a document, or else as far up as it goes.
fn roots(discovered: &Discovered, typed: &Url) -> Vec<Url> {
    match &discovered.description {
        _ if discovered.found_by == What::Given => vec![typed.clone()],
        Some(description) => vec![description.clone()],
        None => vec![discovered.document.url().clone()],
    }
}

/// Takes over a document and those below it.
fn add(found: &mut Found, node: &Node) {
    if let Some(error) = &node.error {
        found.warnings.push(error.clone());
    }
    if node.size > 0 {
        let what = node.capability.as_ref().map_or("sitemap", Capability::as_str);
        found.documents.push(Document {
            what: what.to_owned(),
            url: node.url.to_string(),
            entries: Some(node.entries),
        });
    }
    node.children.iter().for_each(|child| add(found, child));
}
