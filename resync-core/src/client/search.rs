//! The search for the documents of a source: what is tried, and what came of it.

use std::collections::HashSet;

use url::Url;

use super::children::note_oddities;
use super::discover::{Attempt, Outcome, SetInfo, What};
use super::error::kind_text;
use super::fetch::{Look, Probe, join};
use super::html::{page_links, robots_sitemaps};
use super::notice::{Notice, NoticeKind, note};
use super::opened::{Opened, Shape};
use super::{Client, ErrorKind, Result};
use crate::document::{Capability, rel};
use crate::link_header::links;
use crate::transport::{Answer, Payload, without_credentials};

/// How often an address that was only guessed is asked again.
const GUESS: Option<u32> = Some(2);
/// How many addresses are taken from one page, header or `robots.txt`.
const NAMED: usize = 32;
/// How much of a page, or of `robots.txt`, is read.
const PAGE: usize = 512 << 10;
/// How far it is climbed from what was found: from a part to its index, its Capability List, the
/// Source Description, its index; and one more.
const CLIMB: usize = 5;

/// What was found, and how.
pub(super) type Found = (Opened, What);

/// A search under way.
pub(super) struct Search<'a> {
    client: &'a Client,
    tried: HashSet<Url>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) notices: Vec<Notice>,
    pub(super) sets: Vec<SetInfo>,
    pub(super) description: Option<Url>,
}

impl<'a> Search<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self {
            client,
            tried: HashSet::new(),
            attempts: Vec::new(),
            notices: Vec::new(),
            sets: Vec::new(),
            description: None,
        }
    }

    /// Looks everywhere, from what was given on.
    pub(super) async fn run(&mut self, url: &Url) -> Result<Option<Found>> {
        let given = match self.client.probe(url, None).await {
            Ok(probe) => Some(probe),
            Err(error) => {
                // There may well be what was meant, which nothing found elsewhere may replace.
                let is_there = error.is_transient()
                    || matches!(error.kind(), ErrorKind::Forbidden { .. } | ErrorKind::Read { .. });
                if is_there {
                    return Err(error);
                }
                self.tell(url, What::Given, Outcome::Nothing(error.to_string()));
                None
            }
        };
        self.tried.insert(url.clone());
        match given {
            Some(Probe::Document(opened)) => {
                let outcome = Outcome::Document(opened.capability().cloned());
                self.tell(url, What::Given, outcome);
                return Ok(Some((*opened, What::Given)));
            }
            Some(Probe::Other(answer, look)) => {
                let named = self.links_of(&answer, &look);
                let outcome = match named.len() {
                    0 => Outcome::Nothing(look.describe()),
                    n => Outcome::Links(n),
                };
                self.tell(url, What::Given, outcome);
                if let Some(found) = self.sets_of(named).await {
                    return Ok(Some(found));
                }
            }
            None => {}
        }
        self.guess(url).await
    }

    async fn guess(&mut self, url: &Url) -> Result<Option<Found>> {
        let below = |name: &str| {
            let mut url = url.clone();
            url.set_query(None);
            let path = format!("{}/{name}", url.path().trim_end_matches('/'));
            url.set_path(&path);
            url
        };
        let at_host = |name: &str| {
            let mut url = url.clone();
            url.set_query(None);
            url.set_path(name);
            url
        };
        let well_known = ".well-known/resourcesync";
        for place in [below(well_known), at_host(well_known)] {
            if let Some(opened) = self.attempt(&place, What::WellKnown).await {
                return Ok(Some((opened, What::WellKnown)));
            }
        }
        // A list that does not say what it is may be one for search engines: better is looked for.
        let mut second_best = None;
        for place in self.robots(&at_host("robots.txt")).await {
            match self.attempt(&place, What::NamedByRobots).await {
                Some(opened) if opened.capability().is_some() => {
                    return Ok(Some((opened, What::NamedByRobots)));
                }
                Some(opened) => {
                    second_best.get_or_insert((opened, What::NamedByRobots));
                }
                None => {}
            }
        }
        for place in [below("resourcelist.xml"), below("sitemap.xml"), at_host("sitemap.xml")] {
            match self.attempt(&place, What::UsualName).await {
                Some(opened) if opened.capability().is_some() => {
                    return Ok(Some((opened, What::UsualName)));
                }
                Some(opened) => {
                    second_best.get_or_insert((opened, What::UsualName));
                }
                None => {}
            }
        }
        Ok(second_best)
    }

    /// Tries an address, unless it was tried before.
    async fn attempt(&mut self, url: &Url, what: What) -> Option<Opened> {
        if !self.tried.insert(url.clone()) {
            return None;
        }
        let (outcome, opened) = match self.client.probe(url, GUESS).await {
            Ok(Probe::Document(opened)) => {
                (Outcome::Document(opened.capability().cloned()), Some(*opened))
            }
            Ok(Probe::Other(_, look)) => (Outcome::Nothing(look.describe()), None),
            Err(error) => (Outcome::Nothing(error.to_string()), None),
        };
        self.tell(url, what, outcome);
        opened
    }

    fn tell(&mut self, url: &Url, what: What, outcome: Outcome) {
        self.attempts.push(Attempt { url: without_credentials(url), what, outcome });
    }

    /// The links of an answer to Capability Lists (§6.3).
    fn links_of(&mut self, answer: &Answer, look: &Look) -> Vec<(Url, What)> {
        let mut named: Vec<(Url, What)> = Vec::new();
        let mut add = |base: &Url, text: &str, what| {
            // Relative addresses are quite right in pages and headers.
            if let Ok((url, _)) = join(base, text)
                && named.len() < NAMED
                && named.iter().all(|(known, _)| *known != url)
            {
                named.push((url, what));
            }
        };
        if *look == Look::Html {
            let (links, base) = page_links(&page(&answer.payload));
            let base = base.and_then(|base| answer.url.join(&base).ok());
            let base = base.unwrap_or_else(|| answer.url.clone());
            links.iter().for_each(|link| add(&base, link, What::Page));
        }
        let headers = links(&answer.headers);
        for link in headers.iter().filter(|link| link.is_own() && link.has_rel(rel::RESOURCESYNC)) {
            add(&answer.url, &link.target, What::Header);
        }
        named
    }

    /// Tries what a page or its header links to. Several Capability Lists are several sets.
    async fn sets_of(&mut self, named: Vec<(Url, What)>) -> Option<Found> {
        let mut found = None;
        for (url, what) in named {
            let Some(opened) = self.attempt(&url, what).await else { continue };
            if opened.shape() == Shape::CapabilityList {
                self.sets.push(set_of(&opened));
            }
            found.get_or_insert((opened, what));
        }
        found
    }

    async fn robots(&mut self, url: &Url) -> Vec<Url> {
        let (outcome, named) = match self.client.probe(url, GUESS).await {
            Ok(Probe::Other(answer, Look::Other(_))) => {
                let mut named = robots_sitemaps(&page(&answer.payload));
                named.truncate(NAMED);
                let named: Vec<Url> = named
                    .iter()
                    .filter_map(|text| join(&answer.url, text).ok())
                    .map(|(url, _)| url)
                    .collect();
                (Outcome::Links(named.len()), named)
            }
            Ok(Probe::Other(_, look)) => (Outcome::Nothing(look.describe()), Vec::new()),
            Ok(Probe::Document(_)) => (Outcome::Nothing("no text".to_owned()), Vec::new()),
            Err(error) => (Outcome::Nothing(error.to_string()), Vec::new()),
        };
        self.tell(url, What::Robots, outcome);
        named
    }

    /// Climbs from what was found to the Source Description, and reads the sets there are.
    pub(super) async fn climb(&mut self, opened: &Opened) {
        let mut above: Option<Opened> = None;
        let mut path = vec![opened.url().clone()];
        for _ in 0..CLIMB {
            let here = above.as_ref().unwrap_or(opened);
            match here.shape() {
                Shape::CapabilityList if self.sets.is_empty() => self.sets.push(set_of(here)),
                Shape::Description => self.description = Some(here.url().clone()),
                _ => {}
            }
            let Some(next) = self.step_up(here, &mut path).await else { break };
            above = Some(next);
        }
        let top = above.as_ref().unwrap_or(opened);
        if top.capability() == Some(&Capability::Description) {
            // Its index, where it has one, has the other descriptions as well.
            self.description = Some(top.url().clone());
            let sets = self.described_sets(top).await;
            if !sets.is_empty() {
                self.sets = sets;
            }
        }
    }

    /// One level up, or to the index where nothing else is said.
    pub(super) async fn step_up(&mut self, here: &Opened, path: &mut Vec<Url>) -> Option<Opened> {
        let link = |rel: &str| here.head().link(rel).filter(|href| !href.is_empty());
        // `up` leads past the index, and further.
        let (href, is_up) = match link(rel::UP) {
            Some(href) => (href, true),
            None => (link(rel::INDEX)?, false),
        };
        let (url, is_relative) = match join(here.url(), href) {
            Ok(joined) => joined,
            Err(error) => {
                note(&mut self.notices, NoticeKind::WrongUp, here.url(), || error.to_string());
                return None;
            }
        };
        if is_relative {
            note(&mut self.notices, NoticeKind::RelativeUrl, here.url(), || {
                format!("{href:?} is relative")
            });
        }
        if path.contains(&url) {
            note(&mut self.notices, NoticeKind::WrongUp, here.url(), || {
                format!("the link up leads in a circle, to {url}")
            });
            return None;
        }
        path.push(url.clone());
        // It may have been asked for in vain, but then by chance.
        self.tried.remove(&url);
        let Some(opened) = self.attempt(&url, What::Above).await else {
            note(&mut self.notices, NoticeKind::WrongUp, here.url(), || {
                format!("the link up, to {url}, leads to no document")
            });
            return None;
        };
        note_oddities(&opened, &mut self.notices);
        let is_above = match opened.shape() {
            Shape::CapabilityList | Shape::Description => true,
            // An index of Source Descriptions, or of lists.
            Shape::Index | Shape::IndexAsList => {
                !is_up || opened.capability() == Some(&Capability::Description)
            }
            Shape::List | Shape::Archive => false,
        };
        if !is_above {
            note(&mut self.notices, NoticeKind::WrongUp, here.url(), || {
                format!("the link up leads to {}", kind_text(opened.capability()))
            });
        }
        Some(opened)
    }

    /// The Capability List above a list, or above its index.
    pub(super) async fn capability_list_of(&mut self, list: &Opened) -> Option<Opened> {
        let mut path = vec![list.url().clone()];
        let mut above = self.step_up(list, &mut path).await?;
        if above.is_index() {
            above = self.step_up(&above, &mut path).await?;
        }
        (above.shape() == Shape::CapabilityList).then_some(above)
    }

    /// The sets that a Source Description lists (§8), or the descriptions of an index.
    pub(super) async fn described_sets(&mut self, top: &Opened) -> Vec<SetInfo> {
        let mut sets = self.sets_in(top).await;
        if !top.is_index() {
            return sets;
        }
        let below = std::mem::take(&mut sets);
        for SetInfo { url, .. } in below.into_iter().take(NAMED) {
            self.tried.remove(&url);
            if let Some(opened) = self.attempt(&url, What::Below).await
                && opened.shape() == Shape::Description
            {
                note_oddities(&opened, &mut self.notices);
                sets.extend(self.sets_in(&opened).await);
            }
        }
        sets
    }

    async fn sets_in(&mut self, description: &Opened) -> Vec<SetInfo> {
        let url = description.url();
        let document = match description.whole().await {
            Ok(document) => document,
            Err(error) => {
                let outcome = Outcome::Nothing(error.to_string());
                self.tell(url, What::Below, outcome);
                return Vec::new();
            }
        };
        let mut sets: Vec<SetInfo> = Vec::new();
        for entry in &document.entries {
            let Ok((set, is_relative)) = join(url, &entry.loc) else { continue };
            if is_relative {
                note(&mut self.notices, NoticeKind::RelativeUrl, url, || {
                    format!("{:?} is relative", entry.loc)
                });
            }
            if sets.iter().any(|known| known.url == set) {
                note(&mut self.notices, NoticeKind::Repeated, url, || {
                    format!("{set} is listed more than once")
                });
                continue;
            }
            let described_by = entry.links(rel::DESCRIBED_BY).first().map(|link| &*link.href);
            let described_by = described_by.and_then(|href| join(url, href).ok());
            sets.push(SetInfo { url: set, described_by: described_by.map(|(url, _)| url) });
        }
        sets
    }
}

fn set_of(capability_list: &Opened) -> SetInfo {
    let url = capability_list.url().clone();
    let described_by = capability_list.head().link(rel::DESCRIBED_BY);
    let described_by = described_by.and_then(|href| join(&url, href).ok()).map(|(url, _)| url);
    SetInfo { url, described_by }
}

/// The beginning of a page as text; what matters in it is ASCII.
fn page(payload: &Payload) -> String {
    String::from_utf8_lossy(&payload.head(PAGE).unwrap_or_default()).into_owned()
}
