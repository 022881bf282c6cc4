use std::borrow::Cow;

use super::{Capability, Change, Datetime, Hashes};

/// `rs:md`: what is said of a document, or of the resource of an entry (§7.2).
///
/// The times of documents are `at`, `completed`, `from` and `until`; see appendix A of the standard
/// for which belongs where. A value that makes no sense is found in `other`, as it was written.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metadata<'a> {
    /// What the document, or the target of the entry, is.
    pub capability: Option<Capability>,
    /// When the snapshot was begun: all changes up to here are in it.
    pub at: Option<Datetime>,
    /// When the snapshot was finished.
    pub completed: Option<Datetime>,
    /// From when on all changes are in the document.
    pub from: Option<Datetime>,
    /// Up to when all changes are in it. Such a document does not change any more (§12).
    pub until: Option<Datetime>,
    /// What happened to the resource.
    pub change: Option<Change>,
    /// When it happened (1.1).
    pub datetime: Option<Datetime>,
    /// Codings of the representation, as in `Content-Encoding`.
    pub encoding: Option<Cow<'a, str>>,
    /// Digests of the representation.
    pub hash: Hashes<'a>,
    /// Length of the representation in bytes, as sent.
    pub length: Option<u64>,
    /// Media type.
    pub media_type: Option<Cow<'a, str>>,
    /// Where in its package the representation is, beginning with `/` (§11.3).
    pub path: Option<Cow<'a, str>>,
    /// The schema allows it here; the standard speaks of it for links only.
    pub modified: Option<Datetime>,
    /// Attributes of other namespaces, and what could not be understood.
    pub other: Vec<ForeignAttribute<'a>>,
}

/// An attribute that the format does not know, or whose value it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignAttribute<'a> {
    /// Its name, with its prefix.
    pub name: Cow<'a, str>,
    /// Its namespace, where it has a prefix.
    pub namespace: Option<Cow<'a, str>>,
    /// Its value.
    pub value: Cow<'a, str>,
}

impl<'a> ForeignAttribute<'a> {
    /// An attribute without a namespace.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Self { name: name.into(), namespace: None, value: value.into() }
    }

    /// Sets the namespace that the name's prefix stands for.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<Cow<'a, str>>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// The same, with a life of its own.
    #[must_use]
    pub fn into_owned(self) -> ForeignAttribute<'static> {
        ForeignAttribute {
            name: Cow::Owned(self.name.into_owned()),
            namespace: self.namespace.map(owned),
            value: Cow::Owned(self.value.into_owned()),
        }
    }
}

impl Metadata<'_> {
    /// Of a document that is a `capability`.
    #[must_use]
    pub fn of(capability: Capability) -> Self {
        Self { capability: Some(capability), ..Self::default() }
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same, with a life of its own.
    #[must_use]
    pub fn into_owned(self) -> Metadata<'static> {
        Metadata {
            capability: self.capability,
            at: self.at,
            completed: self.completed,
            from: self.from,
            until: self.until,
            change: self.change,
            datetime: self.datetime,
            encoding: self.encoding.map(owned),
            hash: self.hash.into_owned(),
            length: self.length,
            media_type: self.media_type.map(owned),
            path: self.path.map(owned),
            modified: self.modified,
            other: self.other.into_iter().map(ForeignAttribute::into_owned).collect(),
        }
    }
}

pub(super) fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}
