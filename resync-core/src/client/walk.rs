use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use url::Url;

use super::children::{Child, children, circle, ends_by, note_difference, note_oddities};
use super::notice::{Notice, NoticeKind, note};
use super::opened::{Opened, Shape, of_archive, without_fragment};
use super::{Client, Error, ErrorKind, Result};
use crate::document::{Capability, Datetime};

/// How far documents are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalkLimits {
    /// Levels below the first document: 5 unless said otherwise. From a Source Description to the
    /// parts of an index it takes three, four where the description has an index itself.
    pub depth: u32,
    /// Documents that are asked for: 100 000 unless said otherwise.
    pub documents: u64,
}

impl WalkLimits {
    /// Sets how many levels are followed.
    #[must_use]
    pub fn depth(mut self, depth: u32) -> Self {
        self.depth = depth;
        self
    }

    /// Sets how many documents are asked for.
    #[must_use]
    pub fn documents(mut self, documents: u64) -> Self {
        self.documents = documents;
        self
    }
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self { depth: 5, documents: 100_000 }
    }
}

/// The lists below a document, in the order of the documents; see [`Client::documents`].
#[derive(Debug)]
pub struct Documents {
    client: Client,
    limits: WalkLimits,
    since: Option<Datetime>,
    only: Vec<Capability>,
    /// What is still to be done; the next is the last.
    stack: Vec<Step>,
    seen: HashSet<Url>,
    /// Where redirects led.
    moved: HashMap<Url, Url>,
    asked: u64,
    skipped: u64,
    notices: Vec<Notice>,
}

#[derive(Debug)]
enum Step {
    Visit(Visit),
    Fail(Error),
}

#[derive(Debug)]
struct Visit {
    url: Url,
    expected: Option<Capability>,
    /// The documents that led here, the first one first.
    parents: Arc<[Url]>,
}

/// A document whose entries are no documents: a list.
#[derive(Debug)]
#[non_exhaustive]
pub struct Leaf {
    /// The list.
    pub document: Opened,
    /// What those that led here say it is.
    pub expected: Option<Capability>,
    /// The documents that led here, the first one first; none, where the walk began here.
    pub parents: Arc<[Url]>,
}

impl Client {
    /// Follows everything below a document: a Source Description, a Capability List, an index, or
    /// a list, which is then all there is.
    ///
    /// A Capability List's archives are followed only where [`Documents::only`] names them.
    #[must_use]
    pub fn documents(&self, url: &Url) -> Documents {
        let url = without_fragment(url);
        let first = Visit { url, expected: None, parents: Arc::default() };
        Documents {
            client: self.clone(),
            limits: WalkLimits::default(),
            since: None,
            only: Vec::new(),
            stack: vec![Step::Visit(first)],
            seen: HashSet::new(),
            moved: HashMap::new(),
            asked: 0,
            skipped: 0,
            notices: Vec::new(),
        }
    }
}

impl Documents {
    /// How far documents are followed.
    #[must_use]
    pub fn limits(mut self, limits: WalkLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Leaves out what is closed and has no change after this (§12: `until`).
    #[must_use]
    pub fn since(mut self, since: Option<Datetime>) -> Self {
        self.since = since;
        self
    }

    /// Follows of a Capability List only what is of these kinds.
    #[must_use]
    pub fn only(mut self, capabilities: impl IntoIterator<Item = Capability>) -> Self {
        self.only = capabilities.into_iter().collect();
        self
    }

    /// The next list; `None` when there are no more.
    ///
    /// A document that cannot be had, is not allowed, or leads in a circle is an error in its
    /// place; the walk may go on behind it, but then it is not complete.
    pub async fn next(&mut self) -> Option<Result<Leaf>> {
        loop {
            let visited = match self.stack.pop()? {
                Step::Fail(error) => Err(error),
                Step::Visit(visit) => self.visit(visit).await,
            };
            if let Some(result) = visited.transpose() {
                return Some(result);
            }
        }
    }

    /// What was understood so far, but is not as the standard has it.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Takes what was understood so far, but is not as the standard has it.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// How many documents have been asked for.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// How many documents were left out as too old.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    async fn visit(&mut self, visit: Visit) -> Result<Option<Leaf>> {
        let Visit { url, expected, parents } = visit;
        if !self.is_new(&url, &parents)? {
            return Ok(None);
        }
        if self.asked >= self.limits.documents {
            self.stack.clear();
            let limit = self.limits.documents;
            return Err(Error::new(ErrorKind::TooMany { url, limit }));
        }
        self.asked += 1;
        let opened = self.client.open(&url).await?;
        // A redirect may lead to what is known.
        if *opened.url() != url {
            self.moved.insert(url, opened.url().clone());
            if !self.is_new(opened.url(), &parents)? {
                return Ok(None);
            }
        }
        note_oddities(&opened, &mut self.notices);
        note_difference(&opened, expected.as_ref(), &mut self.notices);
        if opened.shape() == Shape::List {
            // The beginning of the walk is what was asked for, however old.
            if !parents.is_empty() && self.is_over(opened.head().md.until.as_ref()) {
                self.skipped += 1;
                return Ok(None);
            }
            return Ok(Some(Leaf { document: opened, expected, parents }));
        }
        if parents.len() >= usize::try_from(self.limits.depth).unwrap_or(usize::MAX) {
            let (url, limit) = (opened.url().clone(), self.limits.depth);
            return Err(Error::new(ErrorKind::TooDeep { url, limit }));
        }
        let children = children(&opened, &mut self.notices).await?;
        let below: Arc<[Url]> = parents.iter().chain([opened.url()]).cloned().collect();
        let shape = opened.shape();
        let first = self.stack.len();
        for child in children {
            let step = match child {
                Err(error) => Step::Fail(error),
                Ok(child) if !self.is_followed(&child, shape) => continue,
                Ok(child) if self.since.is_some_and(|since| child.is_over(&since)) => {
                    self.skipped += 1;
                    continue;
                }
                Ok(Child { url, expected, .. }) => {
                    Step::Visit(Visit { url, expected, parents: Arc::clone(&below) })
                }
            };
            self.stack.push(step);
        }
        self.stack[first..].reverse();
        Ok(None)
    }

    /// Whether a document has not been seen before; it is from now on.
    fn is_new(&mut self, url: &Url, parents: &[Url]) -> Result<bool> {
        let target = self.moved.get(url).unwrap_or(url);
        if let (true, Some(within)) = (parents.contains(target), parents.last()) {
            return Err(circle(url, within));
        }
        if self.seen.insert(url.clone()) {
            return Ok(true);
        }
        let within = parents.last().unwrap_or(url);
        note(&mut self.notices, NoticeKind::Repeated, within, || {
            format!("{url} is listed more than once")
        });
        Ok(false)
    }

    fn is_followed(&self, child: &Child, shape: Shape) -> bool {
        match &child.expected {
            Some(capability) if shape == Shape::CapabilityList => match &self.only[..] {
                [] => of_archive(capability).is_none(),
                only => only.contains(capability),
            },
            _ => true,
        }
    }

    fn is_over(&self, until: Option<&Datetime>) -> bool {
        self.since.zip(until).is_some_and(|(since, until)| ends_by(until, &since))
    }
}
