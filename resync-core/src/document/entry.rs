use std::borrow::Cow;
use std::io;

use super::metadata::owned;
use super::{Capability, Datetime, Link, Metadata, ReadError, Reader, rel};
use crate::xml::Issues;

/// The root element of a document, which alone tells a list from an index (§7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // Sitemaps have these two
pub enum Root {
    /// `urlset`: a list.
    #[default]
    UrlSet,
    /// `sitemapindex`: a list of lists.
    SitemapIndex,
}

/// What a document says of itself, before its entries.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Head {
    /// Its root element.
    pub root: Root,
    /// What it is, and of which time.
    pub md: Metadata<'static>,
    /// Where it leads: up, to its index, to its archive.
    pub links: Vec<Link<'static>>,
    /// Elements of other namespaces, each an XML document of its own.
    pub extensions: Vec<String>,
}

/// One item of a document: `url` or `sitemap`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// The address of the resource, package or document. It may be relative, which the standard
    /// does not allow.
    pub loc: Cow<'a, str>,
    /// When the resource was last modified; up to 1.0 in Change Lists: when it changed.
    pub lastmod: Option<Datetime>,
    /// How often it changes.
    pub changefreq: Option<ChangeFrequency>,
    /// The priority that Sitemaps know, as written.
    pub priority: Option<Cow<'a, str>>,
    /// What is said of it.
    pub md: Metadata<'a>,
    /// What it is related to.
    pub links: Vec<Link<'a>>,
    /// Elements of other namespaces, each an XML document of its own.
    pub extensions: Vec<String>,
}

/// How often a resource changes, as Sitemaps say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // Sitemaps know these and no others
#[allow(missing_docs)]
pub enum ChangeFrequency {
    Always,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
    /// Also marks what is archived (§10).
    Never,
}

/// A whole document. For one that may be long, see [`Reader`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Document {
    /// What it says of itself.
    pub head: Head,
    /// Its items.
    pub entries: Vec<Entry<'static>>,
    /// What was repaired in reading it.
    pub issues: Issues,
}

impl Head {
    /// Of a list of this kind.
    #[must_use]
    pub fn list(capability: Capability) -> Self {
        Self { md: Metadata::of(capability), ..Self::default() }
    }

    /// Of an index of lists of this kind.
    #[must_use]
    pub fn index(capability: Capability) -> Self {
        Self { root: Root::SitemapIndex, ..Self::list(capability) }
    }

    /// What the document is, where it says so.
    #[must_use]
    pub fn capability(&self) -> Option<&Capability> {
        self.md.capability.as_ref()
    }

    /// Whether its entries are documents of the same kind.
    #[must_use]
    pub fn is_index(&self) -> bool {
        self.root == Root::SitemapIndex
    }

    /// Where the first link with this relation leads.
    #[must_use]
    pub fn link(&self, rel: &str) -> Option<&str> {
        self.links.iter().find(|link| link.is(rel)).map(|link| &*link.href)
    }
}

impl<'a> Entry<'a> {
    /// An entry of this address.
    #[must_use]
    pub fn new(loc: impl Into<Cow<'a, str>>) -> Self {
        Self { loc: loc.into(), ..Self::default() }
    }

    /// The links with this relation, the best first (§7.2, `pri`: the lowest; none is the highest).
    #[must_use]
    pub fn links(&self, rel: &str) -> Vec<&Link<'a>> {
        let mut links: Vec<_> = self.links.iter().filter(|link| link.is(rel)).collect();
        links.sort_by_key(|link| link.priority.unwrap_or(999_999));
        links
    }

    /// The same bytes elsewhere (§14, mirrored content), the best first.
    #[must_use]
    pub fn duplicates(&self) -> Vec<&Link<'a>> {
        self.links(rel::DUPLICATE)
    }

    /// Representations of the resource, where its address can mean several (§14, alternate
    /// representations), the best first.
    #[must_use]
    pub fn alternates(&self) -> Vec<&Link<'a>> {
        self.links(rel::ALTERNATE)
    }

    /// The differences between the versions before and after the change (§14, patching content),
    /// each in a format of its own, the best first.
    #[must_use]
    pub fn patches(&self) -> Vec<&Link<'a>> {
        self.links(rel::PATCH)
    }

    /// The version of the resource that the entry speaks of, at an address of its own (§14, prior
    /// versions).
    #[must_use]
    pub fn memento(&self) -> Option<&Link<'a>> {
        self.links(rel::MEMENTO).first().copied()
    }

    /// Metadata that describe the resource (§14, linking to metadata), the best first.
    #[must_use]
    pub fn described_by(&self) -> Vec<&Link<'a>> {
        self.links(rel::DESCRIBED_BY)
    }

    /// What the resource describes, if it is metadata itself, the best first.
    #[must_use]
    pub fn describes(&self) -> Vec<&Link<'a>> {
        self.links(rel::DESCRIBES)
    }

    /// The format of the metadata that the resource is, such as an XML namespace.
    #[must_use]
    pub fn profile(&self) -> Option<&Link<'a>> {
        self.links(rel::PROFILE).first().copied()
    }

    /// When the change happened: `datetime`, and up to 1.0 `lastmod` (§12.1). Some servers write
    /// `at`.
    #[must_use]
    pub fn changed(&self) -> Option<Datetime> {
        self.md.datetime.or(self.lastmod).or(self.md.at)
    }

    /// The same, with a life of its own.
    #[must_use]
    pub fn into_owned(self) -> Entry<'static> {
        Entry {
            loc: owned(self.loc),
            lastmod: self.lastmod,
            changefreq: self.changefreq,
            priority: self.priority.map(owned),
            md: self.md.into_owned(),
            links: self.links.into_iter().map(Link::into_owned).collect(),
            extensions: self.extensions,
        }
    }
}

impl ChangeFrequency {
    const ALL: [Self; 7] = [
        Self::Always,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
        Self::Never,
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Never => "never",
        }
    }

    /// Reads what stands in a document, in any case.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| text.trim_ascii().eq_ignore_ascii_case(it.as_str()))
    }
}

impl Document {
    /// A document with this head.
    #[must_use]
    pub fn new(head: Head) -> Self {
        Self { head, ..Self::default() }
    }

    /// Reads a document, tolerantly; what is repaired is in [`issues`](Self::issues).
    ///
    /// # Errors
    /// When it is not XML, or not a ResourceSync document or Sitemap.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        Self::collect(Reader::new(text.as_bytes()))
    }

    /// Takes everything out of a reader.
    ///
    /// # Errors
    /// As [`Reader::next_part`].
    pub fn collect<R: io::Read>(mut reader: Reader<R>) -> Result<Self, ReadError> {
        let mut entries = Vec::new();
        while let Some(part) = reader.next_part()? {
            for entry in part {
                entries.push(entry?.into_owned());
            }
        }
        let issues = reader.take_issues();
        Ok(Self { head: reader.into_head(), entries, issues })
    }
}
