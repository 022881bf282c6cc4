//! The records of a catalogue as resources: `records/<source>/<identifier>.xml`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use harvest_pipeline::{Catalogue, RunError, SourceId, StoredRecord};
use resync_core::publish::{self, Resource};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use super::exchange::{Content, Representation};
use super::hub::hex;
use super::shelf::{Resources, Shelf, decode};

const MEDIA_TYPE: &str = "application/xml";

/// What stands before the source.
const FOLDER: &str = "records/";

/// How many names are sorted at once, so that memory does not grow with the catalogue. Of a larger
/// source, the identifiers are read once for each so many.
const AT_ONCE: usize = 100_000;

/// How many identifiers are read at a time.
const READ: usize = 2048;

/// The live records of a catalogue.
#[derive(Debug)]
pub(crate) struct CatalogueShelf {
    catalogue: Arc<dyn Catalogue>,
    /// Only those of this source.
    only: Option<SourceId>,
    at_once: usize,
}

impl CatalogueShelf {
    pub(crate) fn new(catalogue: Arc<dyn Catalogue>, only: Option<SourceId>) -> Self {
        Self { catalogue, only, at_once: AT_ONCE }
    }

    fn has(&self, source: &SourceId) -> bool {
        self.only.as_ref().is_none_or(|only| only == source)
    }

    /// The sources with their folders, in the order of these.
    async fn folders(&self) -> Result<VecDeque<(String, SourceId)>, RunError> {
        let sources = self.catalogue.summaries().await?.into_iter().map(|summary| summary.source);
        let served = sources.filter(|source| self.has(source));
        let mut folders: Vec<_> =
            served.filter_map(|source| Some((folder(&source)?, source))).collect();
        folders.sort();
        Ok(folders.into())
    }
}

/// What there is of a source, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Another when anything has changed, at the latest when the run that changed it is over.
    counts: (u64, u64, DateTime<Utc>, Option<(i64, String)>),
    /// Whether it is being harvested.
    pub(crate) is_busy: bool,
}

/// What there is of each source that has records.
///
/// # Errors
/// If the catalogue cannot be read.
pub(crate) async fn states(
    catalogue: &dyn Catalogue,
) -> Result<BTreeMap<SourceId, State>, RunError> {
    let spans = catalogue.spans().await?.into_iter();
    let last: BTreeMap<_, _> = spans.map(|span| (span.source, span.last)).collect();
    let summaries = catalogue.summaries().await?.into_iter();
    let states = summaries.filter_map(|summary| {
        let last = *last.get(&summary.source)?;
        let run = summary.last_run.map(|run| (run.id, run.state));
        let is_busy = run.as_ref().is_some_and(|(_, state)| state == "running");
        Some((
            summary.source,
            State { counts: (summary.live, summary.deleted, last, run), is_busy },
        ))
    });
    Ok(states.collect())
}

#[async_trait]
impl Shelf for CatalogueShelf {
    fn resources(&self, base: &str) -> io::Result<Resources> {
        let runtime = Handle::current();
        let folders = runtime.block_on(self.folders()).map_err(io::Error::other)?;
        Ok(Box::new(Listing {
            catalogue: Arc::clone(&self.catalogue),
            runtime,
            base: base.to_owned(),
            at_once: self.at_once,
            folders,
            names: BTreeSet::new(),
            after: String::new(),
        }))
    }

    async fn open(&self, path: &str) -> io::Result<Option<Representation>> {
        let Some((source, identifier)) = place(path).filter(|(source, _)| self.has(source)) else {
            return Ok(None);
        };
        let record = self.catalogue.find(&source, &identifier).await.map_err(io::Error::other)?;
        Ok(record.and_then(content).map(|(bytes, modified)| Representation {
            tag: hex(&Sha256::digest(&bytes)),
            content: Content::Bytes(bytes),
            media_type: MEDIA_TYPE.to_owned(),
            modified,
            may_be_packed: false,
        }))
    }

    async fn state(&self) -> io::Result<Option<String>> {
        let mut states = states(&*self.catalogue).await.map_err(io::Error::other)?;
        states.retain(|source, _| self.has(source));
        Ok(Some(format!("{states:?}")))
    }
}

/// A walk over the records in the order of their addresses, which is not that of their identifiers.
struct Listing {
    catalogue: Arc<dyn Catalogue>,
    runtime: Handle,
    base: String,
    at_once: usize,
    /// What is still to be listed.
    folders: VecDeque<(String, SourceId)>,
    /// The names that come next in the first of them.
    names: BTreeSet<String>,
    /// The last name that was listed of it; empty before the first.
    after: String,
}

impl Listing {
    fn try_next(&mut self) -> Result<Option<Resource>, RunError> {
        while let Some((folder, source)) = self.folders.front() {
            let Some(name) = self.names.pop_first() else {
                let names = names_after(&*self.catalogue, source, &self.after, self.at_once);
                self.names = self.runtime.block_on(names)?;
                if self.names.is_empty() {
                    self.folders.pop_front();
                    self.after.clear();
                }
                continue;
            };
            let uri = format!("{}{folder}{name}", self.base);
            let record = match identifier(&name) {
                Some(it) => self.runtime.block_on(self.catalogue.find(source, &it))?,
                None => None,
            };
            self.after = name;
            // It may have been deleted a moment ago.
            if let Some((bytes, modified)) = record.and_then(content) {
                let mut resource = Resource::new(uri, publish::Content::Bytes(bytes));
                resource.modified = modified;
                resource.media_type = Some(MEDIA_TYPE.to_owned());
                return Ok(Some(resource));
            }
        }
        Ok(None)
    }
}

impl Iterator for Listing {
    type Item = io::Result<Resource>;

    fn next(&mut self) -> Option<Self::Item> {
        self.try_next().map_err(io::Error::other).transpose()
    }
}

/// The first names behind this one.
async fn names_after(
    catalogue: &dyn Catalogue,
    source: &SourceId,
    after: &str,
    at_once: usize,
) -> Result<BTreeSet<String>, RunError> {
    let mut names = BTreeSet::new();
    let mut last: Option<String> = None;
    loop {
        let page = catalogue.identifiers_after(source, last.as_deref(), READ).await?;
        for identifier in &page {
            let name = name(identifier);
            if *name > *after {
                names.insert(name);
            }
            if names.len() > at_once {
                names.pop_last();
            }
        }
        let is_end = page.len() < READ;
        last = page.into_iter().next_back();
        if is_end {
            return Ok(names);
        }
    }
}

/// The metadata of a live record, and since when it is here.
fn content(record: StoredRecord) -> Option<(Vec<u8>, Option<SystemTime>)> {
    let modified = DateTime::parse_from_rfc3339(&record.harvested).ok().map(Into::into);
    let metadata = record.metadata.filter(|_| !record.deleted)?;
    Some((metadata.into_bytes(), modified))
}

/// The folder of a source; `None` for names that no address can hold: `.` and `..` are resolved on
/// the way, however they are written.
fn folder(source: &SourceId) -> Option<String> {
    let source = source.as_str();
    (!matches!(source, "" | "." | "..")).then(|| format!("{FOLDER}{}/", encode(source)))
}

/// The name of a record in the folder of its source.
fn name(identifier: &str) -> String {
    format!("{}.xml", encode(identifier))
}

fn identifier(name: &str) -> Option<String> {
    decode(name.strip_suffix(".xml")?)
}

/// Source and identifier of the record at this path.
fn place(path: &str) -> Option<(SourceId, String)> {
    let (source, name) = path.strip_prefix(FOLDER)?.split_once('/')?;
    let source = SourceId::from(decode(source)?);
    (!name.contains('/')).then_some((source, identifier(name)?))
}

/// Percent-encoded but for the unreserved characters of RFC 3986 §2.3.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}"); // to a String: cannot fail
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use harvest_pipeline::{Item, Payload, Pipeline, SqliteCatalogue, sources};

    use super::*;

    #[tokio::test]
    async fn records_come_in_the_order_of_their_addresses_however_few_are_sorted_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = SqliteCatalogue::open(folder.path().join("harvest.db")).await.unwrap();
        let identifiers = ["", "a", "a-", "a/b", "aé", "a:1", "a1", "b", "Z", "~"];
        for source in ["x", "x-y", "x/y", ".."] {
            let item = |it: &str| Item::put(it, Payload::new("m", format!("<m>{source} {it}</m>")));
            let mut items: Vec<_> = identifiers.map(item).into();
            items.push(Item::delete("gone"));
            Pipeline::new(sources::items(source, items)).run(&catalogue).await.unwrap();
        }
        let mut listings = Vec::new();
        for at_once in [AT_ONCE, 10, 3, 1] {
            let mut shelf = CatalogueShelf::new(Arc::new(catalogue.clone()), None);
            shelf.at_once = at_once;
            let listed = tokio::task::spawn_blocking(move || {
                let resources = shelf.resources("http://x.org/").unwrap();
                resources.map(|resource| resource.unwrap().uri).collect::<Vec<_>>()
            });
            listings.push(listed.await.unwrap());
        }
        assert_eq!(listings[0].len(), 3 * identifiers.len());
        assert!(listings[0].is_sorted_by(|one, next| one < next), "{:?}", listings[0]);
        assert!(listings.iter().all(|listing| *listing == listings[0]), "{listings:?}");
    }

    #[test]
    fn every_record_has_an_address_of_its_own_that_leads_back_to_it() {
        let names = ["a", "a/b", "a%2Fb", "a%252Fb", "..", "", "žluť ?#", "a.xml", "~", "A", "\0"];
        let mut seen = BTreeSet::new();
        for source in names.iter().filter(|name| !matches!(**name, "" | "..")) {
            for identifier in names {
                let source = SourceId::from(*source);
                let path = format!("{}{}", folder(&source).unwrap(), name(identifier));
                // The way through a URL changes nothing.
                let url = url::Url::parse(&format!("http://x.org/{path}")).unwrap();
                assert_eq!(url.path(), format!("/{path}"));
                assert_eq!(place(&path), Some((source, identifier.to_owned())), "{path}");
                assert!(seen.insert(path));
            }
        }
        for source in ["", ".", ".."] {
            assert_eq!(folder(&source.into()), None, "{source}");
        }
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in ["records/a", "records/a/b", "records/a/b/c.xml", "a/b.xml", "records/%/b.xml"]
        {
            assert_eq!(place(path), None, "{path}");
        }
    }
}
