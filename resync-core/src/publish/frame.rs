//! What all documents of a publication have in common: names, addresses, links.

use std::io;

use sha2::{Digest as _, Sha256};
use url::Url;

use crate::document::{Capability, Head, Link, rel};

pub(super) const RESOURCE_LIST: &str = "resourcelist.xml";
pub(super) const RESOURCE_DUMP: &str = "resourcedump.xml";
pub(super) const CHANGE_LIST: &str = "changelist";
pub(super) const CHANGE_DUMP: &str = "changedump";
pub(super) const CAPABILITY_LIST: &str = "capabilitylist.xml";
/// Where a Source Description is looked for (§8).
pub(super) const DESCRIPTION: &str = ".well-known/resourcesync";

/// The address of a folder, with its slash.
pub(super) fn base(url: &str) -> io::Result<String> {
    let refused = |what: &str| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{url:?} is no base address: {what}"))
    };
    let parsed = Url::parse(url).map_err(|error| refused(&error.to_string()))?;
    if parsed.cannot_be_a_base() || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(refused("names are put behind it"));
    }
    let mut base = String::from(parsed);
    if !base.ends_with('/') {
        base.push('/');
    }
    Ok(base)
}

/// Whether a publication has documents, or packages, of this name: what a server may give out of its
/// folder. Parts of snapshots carry a digest of their content (16 digits), parts of what grows a
/// number (5 digits or more).
#[must_use]
pub fn is_document(name: &str) -> bool {
    [RESOURCE_LIST, CAPABILITY_LIST].contains(&name)
        || is_replaceable(name)
        || is_of_series(CHANGE_LIST, name)
        || is_dump(name)
}

/// Whether this belongs to a Resource Dump or Change Dump.
pub(super) fn is_dump(name: &str) -> bool {
    name == RESOURCE_DUMP
        || is_of_series(CHANGE_DUMP, name)
        || is_keyed(name, "changedump-", ".zip")
        || is_keyed(name, "resourcedump-", ".zip")
}

/// Whether this is a part of a snapshot, which the next snapshot may replace by another.
pub(super) fn is_replaceable(name: &str) -> bool {
    is_keyed(name, "resourcelist-", ".xml") || is_keyed(name, "resourcedump-", ".zip")
}

fn is_keyed(name: &str, before: &str, behind: &str) -> bool {
    let key = name.strip_prefix(before).and_then(|name| name.strip_suffix(behind));
    key.is_some_and(|key| key.len() == 16 && key.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The name of the list that grows.
pub(super) fn open_name(stem: &str) -> String {
    format!("{stem}.xml")
}

/// The name of one that was full, by its number.
pub(super) fn closed_name(stem: &str, number: u32) -> String {
    format!("{stem}-{number:05}.xml")
}

/// The name of the list of those.
pub(super) fn archive_name(stem: &str) -> String {
    format!("{stem}-archive.xml")
}

fn is_of_series(stem: &str, name: &str) -> bool {
    name == open_name(stem) || name == archive_name(stem) || closed_number(stem, name).is_some()
}

pub(super) fn closed_number(stem: &str, name: &str) -> Option<u32> {
    let digits = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(".xml")?;
    let number = digits.parse().ok()?;
    (closed_name(stem, number) == name).then_some(number)
}

/// A head with its link up: to the Capability List, and from there to the Source Description.
pub(super) fn head(mut head: Head, base: &str) -> Head {
    let up = match head.capability() {
        Some(Capability::Description) => return head,
        Some(Capability::CapabilityList) => DESCRIPTION,
        _ => CAPABILITY_LIST,
    };
    head.links.push(Link::new(rel::UP, format!("{base}{up}")));
    head
}

/// Whether the address is among the `share` that is chosen, of the whole range of numbers.
pub(super) fn is_boundary(uri: &str, share: u64) -> bool {
    let digest = Sha256::digest(uri);
    digest.first_chunk().is_some_and(|first| u64::from_le_bytes(*first) < share)
}

/// A name for content, short enough for a file.
#[derive(Clone, Default)]
pub(super) struct Key(Sha256);

impl Key {
    pub(super) fn add(&mut self, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        self.0.update((value.len() as u64).to_le_bytes());
        self.0.update(value);
    }

    pub(super) fn finish(self) -> String {
        let mut key = String::with_capacity(16);
        for byte in &self.0.finalize()[..8] {
            for digit in [byte >> 4, byte & 15] {
                key.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        key
    }
}
