use url::Url;

use super::fetch::join;
use super::notice::{Notice, NoticeKind, note};
use super::opened::plain;
use crate::document::{Capability, Datetime, Document, Link, rel};

/// What a Capability List offers (§9).
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    offers: Vec<Offer>,
    notices: Vec<Notice>,
}

/// One entry of a Capability List.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Offer {
    /// What is offered; words that servers use instead of those of the standard are understood.
    pub capability: Capability,
    /// Where it is: a list, or the index of lists; only the document itself tells.
    pub url: Url,
    /// When it was last modified, where that is said.
    pub lastmod: Option<Datetime>,
    /// What it is related to.
    pub links: Vec<Link<'static>>,
}

impl Capabilities {
    /// Of a Capability List that is at `url`. Entries that do not say what they lead to, or whose
    /// address is none, are left out.
    #[must_use]
    pub fn of(document: &Document, url: &Url) -> Self {
        let mut it = Self::default();
        for entry in &document.entries {
            let Some(said) = &entry.md.capability else {
                note(&mut it.notices, NoticeKind::NoCapability, url, || {
                    format!("the entry {} does not say what it leads to", entry.loc)
                });
                continue;
            };
            let (capability, _) = plain(said);
            let Ok((target, is_relative)) = join(url, &entry.loc) else { continue };
            if is_relative {
                note(&mut it.notices, NoticeKind::RelativeUrl, url, || {
                    format!("{:?} is relative", entry.loc)
                });
            }
            if it.get(&capability).is_some() {
                note(&mut it.notices, NoticeKind::SeveralEntries, url, || {
                    format!("several entries are a {capability}; the first is taken")
                });
            }
            let (lastmod, links) = (entry.lastmod, entry.links.clone());
            it.offers.push(Offer { capability, url: target, lastmod, links });
        }
        it
    }

    /// Everything offered, in the order of the list.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// What was understood, but is not as the standard has it.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Where this is; the first, where there are several.
    #[must_use]
    pub fn get(&self, capability: &Capability) -> Option<&Url> {
        let mut offers = self.offers.iter();
        offers.find(|it| it.capability == *capability).map(|it| &it.url)
    }

    /// Everywhere that this is.
    pub fn all<'a>(&'a self, capability: &'a Capability) -> impl Iterator<Item = &'a Url> {
        self.offers.iter().filter(|it| it.capability == *capability).map(|it| &it.url)
    }

    /// The Resource List, or its index.
    #[must_use]
    pub fn resource_list(&self) -> Option<&Url> {
        self.get(&Capability::ResourceList)
    }

    /// The Resource Dump, or its index.
    #[must_use]
    pub fn resource_dump(&self) -> Option<&Url> {
        self.get(&Capability::ResourceDump)
    }

    /// The Change List, or its index.
    #[must_use]
    pub fn change_list(&self) -> Option<&Url> {
        self.get(&Capability::ChangeList)
    }

    /// The Change Dump, or its index.
    #[must_use]
    pub fn change_dump(&self) -> Option<&Url> {
        self.get(&Capability::ChangeDump)
    }

    /// Older documents of this kind (ResourceSync Archives).
    #[must_use]
    pub fn archive(&self, of: &Capability) -> Option<&Url> {
        self.get(&of.archive()?)
    }

    /// The hubs that tell of changes.
    pub fn hubs(&self) -> impl Iterator<Item = &Link<'static>> {
        self.offers.iter().flat_map(|it| &it.links).filter(|link| link.is(rel::HUB))
    }

    /// Each capability once.
    pub(super) fn kinds(&self) -> Vec<Capability> {
        let mut kinds = Vec::new();
        for offer in &self.offers {
            if !kinds.contains(&offer.capability) {
                kinds.push(offer.capability.clone());
            }
        }
        kinds
    }
}
