use std::borrow::Cow;

use super::metadata::{ForeignAttribute, owned};
use super::{Datetime, Hashes};

/// The relations that the standard speaks of (§7.2 and where they are used).
pub mod rel {
    /// One level up: to the Capability List, and from there to the Source Description.
    pub const UP: &str = "up";
    /// From a part to its index.
    pub const INDEX: &str = "index";
    /// To what describes the source, the set or the resource.
    pub const DESCRIBED_BY: &str = "describedby";
    /// From metadata to what they describe.
    pub const DESCRIBES: &str = "describes";
    /// To older documents of the same kind.
    pub const ARCHIVES: &str = "archives";
    /// From a package to a copy of its manifest.
    pub const CONTENTS: &str = "contents";
    /// To the same bytes elsewhere.
    pub const DUPLICATE: &str = "duplicate";
    /// From an address that can mean several representations to one of them.
    pub const ALTERNATE: &str = "alternate";
    /// From one representation to the address that can mean several.
    pub const CANONICAL: &str = "canonical";
    /// To the difference between the versions before and after a change.
    pub const PATCH: &str = "http://www.openarchives.org/rs/terms/patch";
    /// To the format of metadata.
    pub const PROFILE: &str = "profile";
    /// To the version that the entry speaks of.
    pub const MEMENTO: &str = "memento";
    /// To who finds the version of a moment.
    pub const TIMEGATE: &str = "timegate";
    /// To the list of versions.
    pub const TIMEMAP: &str = "timemap";
    /// To what the resource belongs to, such as an OAI-PMH set.
    pub const COLLECTION: &str = "collection";
    /// To where the resource was taken from.
    pub const VIA: &str = "via";
    /// To a hub that tells of changes.
    pub const HUB: &str = "hub";
    /// From a web page, not from a document: to a Capability List that covers the page.
    pub const RESOURCESYNC: &str = "resourcesync";
}

/// `rs:ln`: a link from a document, or from the resource of an entry (§7.2).
///
/// What is said of length, hash and so on is said of the link's target.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Link<'a> {
    /// The relation; [`rel`] has those that the standard speaks of.
    pub rel: Cow<'a, str>,
    /// Where it leads.
    pub href: Cow<'a, str>,
    /// Media type.
    pub media_type: Option<Cow<'a, str>>,
    /// Length in bytes.
    pub length: Option<u64>,
    /// Digests.
    pub hash: Hashes<'a>,
    /// Codings.
    pub encoding: Option<Cow<'a, str>>,
    /// When the target was last modified.
    pub modified: Option<Datetime>,
    /// Where in the package the target is.
    pub path: Option<Cow<'a, str>>,
    /// 1 to 999 999; of links with the same relation the lowest is the best.
    pub priority: Option<u32>,
    /// Other attributes, and what could not be understood.
    pub other: Vec<ForeignAttribute<'a>>,
}

impl<'a> Link<'a> {
    /// A link.
    #[must_use]
    pub fn new(rel: impl Into<Cow<'a, str>>, href: impl Into<Cow<'a, str>>) -> Self {
        Self { rel: rel.into(), href: href.into(), ..Self::default() }
    }

    /// Whether it has this relation. Several may stand in one attribute, separated by blanks.
    #[must_use]
    pub fn is(&self, rel: &str) -> bool {
        self.rel == rel
            || self.rel.split_ascii_whitespace().any(|own| own.eq_ignore_ascii_case(rel))
    }

    /// The same, with a life of its own.
    #[must_use]
    pub fn into_owned(self) -> Link<'static> {
        Link {
            rel: owned(self.rel),
            href: owned(self.href),
            media_type: self.media_type.map(owned),
            length: self.length,
            hash: self.hash.into_owned(),
            encoding: self.encoding.map(owned),
            modified: self.modified,
            path: self.path.map(owned),
            priority: self.priority,
            other: self.other.into_iter().map(ForeignAttribute::into_owned).collect(),
        }
    }
}
