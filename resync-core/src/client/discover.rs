//! From whatever address a person types to the documents of a source (§6.3).

use std::fmt;

use url::Url;

use super::children::note_oddities;
use super::error::kind_text;
use super::notice::Notice;
use super::opened::{Opened, without_fragment};
use super::search::{Found, Search};
use super::{Client, Error, ErrorKind, Result};
use crate::document::Capability;
use crate::transport::without_credentials;

/// One try at finding a document.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Where, without credentials.
    pub url: Url,
    /// Why there.
    pub what: What,
    /// What was there.
    pub outcome: Outcome,
}

/// Why a document may be at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// It was given.
    Given,
    /// A web page links to it (`<link rel="resourcesync">`).
    Page,
    /// An HTTP header links to it (`Link: …; rel="resourcesync"`).
    Header,
    /// `/.well-known/resourcesync`, below what was given or at the host.
    WellKnown,
    /// `/robots.txt`, which may name lists.
    Robots,
    /// `robots.txt` names it.
    NamedByRobots,
    /// A name that is often used, such as `sitemap.xml`.
    UsualName,
    /// A document says that it is above, or its index.
    Above,
    /// A document says that it is below.
    Below,
}

/// What was at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A document; `None` for one that does not say what it is.
    Document(Option<Capability>),
    /// So many addresses of documents.
    Links(usize),
    /// Nothing of use; the text says what, or what went wrong.
    Nothing(String),
}

/// A set of resources: the Capability List that covers it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SetInfo {
    /// Its Capability List.
    pub url: Url,
    /// What describes the set.
    pub described_by: Option<Url>,
}

/// What was found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Discovered {
    /// The Source Description, where there is one.
    pub description: Option<Url>,
    /// The sets; none, where only a list without anything above it was found.
    pub capability_lists: Vec<SetInfo>,
    /// The document that was found first, from which the others were reached.
    pub document: Opened,
    /// How it was found.
    pub found_by: What,
    /// All that was tried, in this order.
    pub attempts: Vec<Attempt>,
    /// What was understood, but is not as the standard has it.
    pub notices: Vec<Notice>,
}

impl Discovered {
    /// The set to take: by its number from 1, its address, or that of its description. It need not
    /// be said where there is one.
    ///
    /// # Errors
    /// When there are several and none was said, or none is that one; the error lists them.
    pub fn choose(&self, set: Option<&str>) -> Result<Option<&SetInfo>> {
        choose(&self.capability_lists, set)
    }
}

pub(super) fn choose<'a>(sets: &'a [SetInfo], set: Option<&str>) -> Result<Option<&'a SetInfo>> {
    let Some(choice) = set.map(str::trim) else {
        return match sets {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            several => Err(Error::new(ErrorKind::SeveralSets { sets: several.to_vec() })),
        };
    };
    let number = choice.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    let url = Url::parse(choice).ok();
    let is_it = |it: &&SetInfo| {
        url.as_ref().is_some_and(|url| it.url == *url || it.described_by.as_ref() == Some(url))
    };
    let found = number.and_then(|n| sets.get(n)).or_else(|| sets.iter().find(is_it));
    found.map(Some).ok_or_else(|| {
        Error::new(ErrorKind::NoSuchSet { choice: choice.to_owned(), sets: sets.to_vec() })
    })
}

impl Client {
    /// Finds the documents of a source from an address that a person types: that of any of its
    /// documents, of a web page of it, or of its host. `https://` may be left out.
    ///
    /// Tried in this order, until there is a document: the address itself, what a web page there or
    /// its HTTP header links to, the well-known address below it and at its host, what `robots.txt`
    /// names, and the usual names. Then it is climbed up to the Source Description.
    ///
    /// # Errors
    /// When nothing was found; the error lists what was tried. When the text is no address, or what
    /// is there cannot be had for the moment, or not be read.
    pub async fn discover(&self, text: &str) -> Result<Discovered> {
        let (mut search, (document, found_by)) = self.find(text).await?;
        search.climb(&document).await;
        let Search { attempts, notices, sets, description, .. } = search;
        Ok(Discovered {
            description,
            capability_lists: sets,
            document,
            found_by,
            attempts,
            notices,
        })
    }

    /// The first part of it: without climbing.
    pub(super) async fn find(&self, text: &str) -> Result<(Search<'_>, Found)> {
        let url = typed(text)?;
        let mut search = Search::new(self);
        if let Some(found) = search.run(&url).await? {
            note_oddities(&found.0, &mut search.notices);
            return Ok((search, found));
        }
        let text = without_credentials(&url).into();
        Err(Error::new(ErrorKind::NotFound { text, attempts: search.attempts }))
    }
}

/// What a person types.
fn typed(text: &str) -> Result<Url> {
    let text = text.trim();
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let bad = |why: String| Error::new(ErrorKind::Url { text: text.to_owned(), why });
    let url = Url::parse(&full).map_err(|error| bad(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("neither http nor https".to_owned()));
    }
    Ok(without_fragment(&url))
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "as given",
            Self::Page => "linked by the web page",
            Self::Header => "linked by the HTTP header",
            Self::WellKnown => "well-known address",
            Self::Robots => "robots.txt",
            Self::NamedByRobots => "named by robots.txt",
            Self::UsualName => "usual name",
            Self::Above => "linked as above",
            Self::Below => "listed below",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(capability) => f.write_str(&kind_text(capability.as_ref())),
            Self::Links(1) => f.write_str("names one document"),
            Self::Links(n) => write!(f, "names {n} documents"),
            Self::Nothing(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.url, self.what, self.outcome)
    }
}
