use url::Url;

use super::capabilities::Capabilities;
use super::children::{note_difference, note_oddities};
use super::discover::{Attempt, What, choose};
use super::error::kind_text;
use super::notice::{Notice, NoticeKind, note};
use super::opened::{Opened, Shape};
use super::search::Search;
use super::{Client, Error, ErrorKind, Result};
use crate::document::{Capability, Head};
use crate::link_header::HeaderLink;

/// What is looked for in a source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Wanted {
    /// For what, in a word: errors say it.
    pub purpose: String,
    /// The kinds of documents that can be used, the best first.
    pub capabilities: Vec<Capability>,
    /// Which set, where the source has several; see
    /// [`Discovered::choose`](super::Discovered::choose).
    pub set: Option<String>,
}

impl Wanted {
    /// One of these kinds of documents, the best first.
    #[must_use]
    pub fn new(
        purpose: impl Into<String>,
        capabilities: impl IntoIterator<Item = Capability>,
    ) -> Self {
        let capabilities = capabilities.into_iter().collect();
        Self { purpose: purpose.into(), capabilities, set: None }
    }

    /// Which set, where the source has several.
    #[must_use]
    pub fn set(mut self, set: Option<String>) -> Self {
        self.set = set;
        self
    }

    fn wants(&self, found: Option<&Capability>) -> bool {
        match found {
            Some(found) => self.capabilities.contains(found),
            // A Sitemap is a Resource List but for saying so (§10).
            None => self.capabilities.contains(&Capability::ResourceList),
        }
    }
}

/// The document that was looked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resolved {
    /// What it is; a plain Sitemap is a Resource List.
    pub capability: Capability,
    /// Where it is, after redirects.
    pub url: Url,
    /// What it says of itself.
    pub head: Head,
    /// What the `Link` headers that came with it say.
    pub links: Vec<HeaderLink>,
    /// Whether it is an index.
    pub is_index: bool,
    /// Whether it is what was named, so that nothing else is meant.
    pub is_given: bool,
    /// The Capability List it belongs to, where one was found.
    pub capability_list: Option<Url>,
    /// What that offers.
    pub capabilities: Option<Capabilities>,
    /// What was tried to find it.
    pub attempts: Vec<Attempt>,
    /// What was understood, but is not as the standard has it.
    pub notices: Vec<Notice>,
}

impl Client {
    /// Finds the document that is needed for something, from whatever a person types.
    ///
    /// The address of such a document is taken as it is. From a Source Description or Capability
    /// List, and from any address where none is, the way leads through the Capability List of the
    /// set. The address of another kind of document is an error: it may well be a mistake.
    ///
    /// # Errors
    /// As [`discover`](Self::discover); when the address is that of something else, the set offers
    /// nothing of what is wanted, or there are several sets and none was chosen.
    pub async fn resolve(&self, text: &str, wanted: &Wanted) -> Result<Resolved> {
        let (mut search, (found, what)) = self.find(text).await?;
        let is_way = matches!(found.shape(), Shape::Description | Shape::CapabilityList);
        if !is_way && wanted.wants(found.capability()) {
            // What there is besides is good to know, but not needed.
            let list = search.capability_list_of(&found).await;
            let offers = match &list {
                Some(list) => list.whole().await.ok().map(|it| Capabilities::of(&it, list.url())),
                None => None,
            };
            let resolved = Resolved::new(&found, list.as_ref(), offers, search);
            return Ok(Resolved { is_given: what == What::Given, ..resolved });
        }
        let list = self.capability_list(&mut search, found, what, wanted).await?;
        let offers = Capabilities::of(&list.whole().await?, list.url());
        search.notices.extend_from_slice(offers.notices());
        let best = wanted.capabilities.iter().find_map(|it| Some((it, offers.get(it)?.clone())));
        let Some((capability, url)) = best else {
            return Err(Error::new(ErrorKind::NotOffered {
                url: list.url().clone(),
                offered: offers.kinds(),
                purpose: wanted.purpose.clone(),
                wanted: wanted.capabilities.clone(),
            }));
        };
        let opened = self.open(&url).await?;
        note_oddities(&opened, &mut search.notices);
        note_difference(&opened, Some(capability), &mut search.notices);
        if opened.capability().is_some_and(|it| !wanted.capabilities.contains(it)) {
            return Err(wrong(&opened, wanted));
        }
        let mut resolved = Resolved::new(&opened, Some(&list), Some(offers), search);
        if opened.capability().is_none() {
            // Its Capability List says what it does not say itself.
            resolved.capability = capability.clone();
        }
        Ok(resolved)
    }

    /// The way from what was found, which is not what is wanted, to a Capability List.
    async fn capability_list(
        &self,
        search: &mut Search<'_>,
        found: Opened,
        what: What,
        wanted: &Wanted,
    ) -> Result<Opened> {
        let sets = match found.shape() {
            // A web page may link to several.
            Shape::CapabilityList if search.sets.len() > 1 => std::mem::take(&mut search.sets),
            Shape::CapabilityList => return Ok(found),
            _ if found.capability() == Some(&Capability::Description) => {
                search.described_sets(&found).await
            }
            // What was given and is something else is a mistake; what was guessed may be a way.
            _ if what == What::Given => return Err(wrong(&found, wanted)),
            _ => {
                let list = search.capability_list_of(&found).await;
                return list.ok_or_else(|| wrong(&found, wanted));
            }
        };
        let Some(set) = choose(&sets, wanted.set.as_deref())? else {
            return Err(wrong(&found, wanted));
        };
        if set.url == *found.url() {
            return Ok(found);
        }
        let list = self.open(&set.url).await?;
        note_oddities(&list, &mut search.notices);
        if list.shape() == Shape::CapabilityList { Ok(list) } else { Err(wrong(&list, wanted)) }
    }
}

impl Resolved {
    fn new(
        opened: &Opened,
        list: Option<&Opened>,
        capabilities: Option<Capabilities>,
        search: Search<'_>,
    ) -> Self {
        let Search { attempts, mut notices, .. } = search;
        let capability_list = list.map(|it| it.url().clone());
        if capability_list.is_none() && opened.capability().is_none() {
            note(&mut notices, NoticeKind::NoCapability, opened.url(), || {
                format!("{} was taken for a resourcelist", kind_text(None))
            });
        }
        Self {
            capability: opened.capability().cloned().unwrap_or(Capability::ResourceList),
            url: opened.url().clone(),
            head: opened.head().clone(),
            links: opened.header_links().to_vec(),
            is_index: opened.is_index(),
            is_given: false,
            capability_list,
            capabilities,
            attempts,
            notices,
        }
    }
}

fn wrong(found: &Opened, wanted: &Wanted) -> Error {
    Error::new(ErrorKind::WrongCapability {
        url: found.url().clone(),
        found: found.capability().cloned(),
        purpose: wanted.purpose.clone(),
        wanted: wanted.capabilities.clone(),
    })
}
