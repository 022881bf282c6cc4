//! Documents of a source, as the tests need them.

use chrono::DateTime;
use resync_core::document::{Algorithm, Capability, Datetime, Entry, Head, Writer};
use resync_core::fixity::Fixity;

/// A list with these entries.
pub(crate) fn list(head: &Head, entries: &[Entry<'_>]) -> String {
    let mut writer = Writer::new(Vec::new(), head).unwrap();
    for entry in entries {
        writer.entry(entry).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

/// A Capability List that leads to these documents.
pub(crate) fn capability_list(documents: &[(Capability, String)]) -> String {
    let entries: Vec<_> = documents
        .iter()
        .map(|(capability, url)| {
            let mut entry = Entry::new(url.clone());
            entry.md.capability = Some(capability.clone());
            entry
        })
        .collect();
    list(&Head::list(Capability::CapabilityList), &entries)
}

/// What a list says of a resource: when it was modified, its length, and its SHA-256.
pub(crate) fn entry(url: String, modified: i64, body: &[u8]) -> Entry<'static> {
    let mut fixity = Fixity::new([Algorithm::Sha256]);
    fixity.update(body);
    let mut entry = Entry::new(url);
    entry.lastmod = Some(at(modified));
    entry.md.length = Some(body.len() as u64);
    entry.md.hash = fixity.finish().digests.into_iter().collect();
    entry
}

/// So many seconds after the beginning of 1970.
pub(crate) fn at(seconds: i64) -> Datetime {
    DateTime::from_timestamp(seconds, 0).unwrap().into()
}
