//! A harvest list: read as strictly as a harvest reads it.

use harvest_pipeline::harvest_list::Reader;
use resync_core::transport::{BodyLimits, Payload, Request, Transport};
use resync_core::xml::{Issues, Mode, decode};
use url::Url;

use super::{Document, Failed, Found, LARGEST, Way, broken};

/// So many documents are named.
const NAMED: usize = 20;

pub(super) async fn describe(url: &Url, way: &Way) -> Result<Found, Failed> {
    let limits = BodyLimits::default().max(LARGEST).memory(LARGEST as usize);
    let answer = way.send(Request::get(url.clone())).await.map_err(broken)?;
    let answer = answer.collect(&limits).await.map_err(broken)?;
    answer.success().map_err(broken)?;
    let charset = answer.charset();
    let Payload::Memory(bytes) = answer.payload else {
        return Err(Failed::Broken(format!("the list is longer than {LARGEST} bytes")));
    };
    let text = decode(bytes, charset.as_deref(), Mode::Strict, &mut Issues::default());
    let mut found = Found {
        kind: "document-list".to_owned(),
        url: crate::network::shown(url).into(),
        ..Found::default()
    };
    let mut listed = 0;
    read(&text.map_err(broken)?, |document| {
        listed += 1;
        if found.documents.len() < NAMED {
            found.documents.push(document);
        }
    })?;
    found.listed = Some(listed);
    Ok(found.on_lines())
}

fn read(text: &str, mut take: impl FnMut(Document)) -> Result<(), Failed> {
    let mut reader = Reader::new(text).map_err(broken)?;
    while let Some(document) = reader.next_document().map_err(broken)? {
        take(Document { what: document.to_string(), url: document.url, entries: None });
    }
    Ok(())
}
