use std::fmt;

use url::Url;

use super::children::{Child, children, circle, note_difference, note_oddities};
use super::error::kind_text;
use super::notice::Notice;
use super::opened::{Opened, without_fragment};
use super::{Client, Error, ErrorKind, Result};
use crate::document::{Capability, Datetime, Metadata};
use crate::transport::without_credentials;

/// How much is shown of what a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explore {
    /// Levels below the first document: 5 unless said otherwise.
    pub depth: u32,
    /// Documents that are asked for: 1000 unless said otherwise.
    pub documents: u64,
    /// Of an index with more parts than this, the first and the last are looked at: 10 unless said
    /// otherwise.
    pub parts: usize,
    /// Whether all parts are looked at, however many.
    pub full: bool,
}

impl Default for Explore {
    fn default() -> Self {
        Self { depth: 5, documents: 1000, parts: 10, full: false }
    }
}

impl Explore {
    /// Sets how many levels are looked at.
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

    /// Sets of how many parts all are looked at.
    #[must_use]
    pub fn parts(mut self, parts: usize) -> Self {
        self.parts = parts;
        self
    }

    /// Sets whether all parts are looked at, however many.
    #[must_use]
    pub fn full(mut self, yes: bool) -> Self {
        self.full = yes;
        self
    }
}

/// A document and what is below it. Displayed, it is a tree.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Node {
    /// Where it is, without credentials.
    pub url: Url,
    /// What it is; `None` where it does not say, or could not be had.
    pub capability: Option<Capability>,
    /// Whether it is an index.
    pub is_index: bool,
    /// When the snapshot was begun.
    pub at: Option<Datetime>,
    /// When the snapshot was finished.
    pub completed: Option<Datetime>,
    /// From when on changes are told.
    pub from: Option<Datetime>,
    /// Up to when changes are told.
    pub until: Option<Datetime>,
    /// How many entries it has.
    pub entries: u64,
    /// How long what it lists is together, in bytes, as far as it says.
    pub bytes: u64,
    /// When the newest of what it lists was last modified.
    pub lastmod: Option<Datetime>,
    /// How long it is itself, in bytes, unpacked.
    pub size: u64,
    /// Media types of what it lists, in the order they are met; some of them, where there are many.
    pub media_types: Vec<String>,
    /// What is below it.
    pub children: Vec<Self>,
    /// How many documents below it were not looked at: those between the first and the last.
    pub omitted: u64,
    /// Why it could not be had, or is not followed further.
    pub error: Option<String>,
    /// What was understood, but is not as the standard has it.
    pub notices: Vec<Notice>,
}

/// What the entries of a document come to.
#[derive(Default)]
struct Sum {
    entries: u64,
    bytes: u64,
    lastmod: Option<Datetime>,
    media_types: Vec<String>,
}

/// Media types that are named for one document.
const TYPES: usize = 8;

impl Client {
    /// Looks at a document and all below it. What fails is told in its place.
    pub async fn explore(&self, url: &Url, options: &Explore) -> Node {
        let first = Child { url: without_fragment(url), expected: None, until: None };
        let mut asked = 0;
        self.explore_below(first, &[], options, &mut asked).await
    }

    async fn explore_below(
        &self,
        child: Child,
        parents: &[Url],
        options: &Explore,
        asked: &mut u64,
    ) -> Node {
        let mut node = Node::at(&child.url);
        if let Err(error) = self.look_at(&mut node, child, parents, options, asked).await {
            node.error = Some(error.to_string());
        }
        node
    }

    async fn look_at(
        &self,
        node: &mut Node,
        child: Child,
        parents: &[Url],
        options: &Explore,
        asked: &mut u64,
    ) -> Result<()> {
        let Child { url, expected, .. } = child;
        let is_circle = |url: &Url| match parents.last() {
            Some(within) if parents.contains(url) => Err(circle(url, within)),
            _ => Ok(()),
        };
        is_circle(&url)?;
        if *asked >= options.documents {
            return Err(Error::new(ErrorKind::TooMany { url, limit: options.documents }));
        }
        *asked += 1;
        let opened = self.open(&url).await?;
        is_circle(opened.url())?;
        node.fill(&opened);
        note_oddities(&opened, &mut node.notices);
        note_difference(&opened, expected.as_ref(), &mut node.notices);
        let opened = node.sum_up(opened).await?;
        if !opened.lists_documents() {
            return Ok(());
        }
        if parents.len() >= usize::try_from(options.depth).unwrap_or(usize::MAX) {
            let (url, limit) = (opened.url().clone(), options.depth);
            return Err(Error::new(ErrorKind::TooDeep { url, limit }));
        }
        let mut children = children(&opened, &mut node.notices).await?;
        if opened.is_index() && !options.full && children.len() > options.parts.max(2) {
            let last = children.pop();
            node.omitted = children.len().saturating_sub(1) as u64;
            children.truncate(1);
            children.extend(last);
        }
        let here: Vec<Url> = parents.iter().chain([opened.url()]).cloned().collect();
        drop(opened);
        for child in children {
            let below = match child {
                Ok(child) => Box::pin(self.explore_below(child, &here, options, asked)).await,
                Err(error) => {
                    let mut below = Node::at(&node.url);
                    below.error = Some(error.to_string());
                    below
                }
            };
            node.children.push(below);
        }
        Ok(())
    }
}

impl Node {
    fn at(url: &Url) -> Self {
        Self {
            url: without_credentials(url),
            capability: None,
            is_index: false,
            at: None,
            completed: None,
            from: None,
            until: None,
            entries: 0,
            bytes: 0,
            lastmod: None,
            size: 0,
            media_types: Vec::new(),
            children: Vec::new(),
            omitted: 0,
            error: None,
            notices: Vec::new(),
        }
    }

    fn fill(&mut self, opened: &Opened) {
        let Metadata { at, completed, from, until, .. } = &opened.head().md;
        self.url = opened.url().clone();
        self.capability = opened.capability().cloned();
        self.is_index = opened.is_index();
        (self.at, self.completed, self.from, self.until) = (*at, *completed, *from, *until);
        self.size = opened.len();
    }

    /// Counts the entries, where it holds up nobody.
    async fn sum_up(&mut self, opened: Opened) -> Result<Opened> {
        let counted = tokio::task::spawn_blocking(move || {
            let sum = sum(&opened);
            (opened, sum)
        });
        let (opened, (sum, error)) = counted.await.map_err(|cause| {
            let what = "a document could not be counted";
            crate::Error::new(crate::ErrorKind::Io, what).with_source(cause)
        })?;
        self.entries = sum.entries;
        self.bytes = sum.bytes;
        self.lastmod = sum.lastmod;
        self.media_types = sum.media_types;
        error.map_or(Ok(opened), Err)
    }
}

/// What the entries come to, as far as they can be read.
fn sum(opened: &Opened) -> (Sum, Option<Error>) {
    let mut sum = Sum::default();
    let mut reader = match opened.reader() {
        Ok(reader) => reader,
        Err(error) => return (sum, Some(error)),
    };
    loop {
        let part = match reader.next_part() {
            Ok(Some(part)) => part,
            Ok(None) => return (sum, None),
            Err(error) => return (sum, Some(Error::read(opened.url(), error))),
        };
        for entry in part {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return (sum, Some(Error::read(opened.url(), error))),
            };
            sum.entries += 1;
            sum.bytes = sum.bytes.saturating_add(entry.md.length.unwrap_or(0));
            if let Some(lastmod) = entry.lastmod
                && sum.lastmod.is_none_or(|known| known.time() < lastmod.time())
            {
                sum.lastmod = Some(lastmod);
            }
            if let Some(media_type) = entry.md.media_type
                && sum.media_types.len() < TYPES
                && !sum.media_types.iter().any(|known| *known == media_type)
            {
                sum.media_types.push(media_type.into_owned());
            }
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draw(f, 0)
    }
}

impl Node {
    fn draw(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let indent = "  ".repeat(depth);
        write!(f, "{indent}{}", self.url)?;
        if self.size > 0 {
            let index = if self.is_index { " index" } else { "" };
            write!(
                f,
                " ({}{index}, {} entries",
                kind_text(self.capability.as_ref()),
                self.entries
            )?;
            let times = [
                ("at", self.at),
                ("completed", self.completed),
                ("from", self.from),
                ("until", self.until),
            ];
            for (name, time) in times {
                if let Some(time) = time {
                    write!(f, ", {name} {time}")?;
                }
            }
            if self.bytes > 0 {
                write!(f, ", {} bytes", self.bytes)?;
            }
            f.write_str(")")?;
        }
        writeln!(f)?;
        if let Some(error) = &self.error {
            writeln!(f, "{indent}  ! {error}")?;
        }
        for notice in &self.notices {
            writeln!(f, "{indent}  ~ {}: {}", notice.kind, notice.detail)?;
        }
        for (n, child) in self.children.iter().enumerate() {
            if n == 1 && self.omitted > 0 {
                writeln!(f, "{indent}  … {} more", self.omitted)?;
            }
            child.draw(f, depth + 1)?;
        }
        Ok(())
    }
}
