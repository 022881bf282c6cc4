//! A repository of the world's works over OAI-PMH.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use oai_pmh::provider::{Failure, Key, Repository};
use oai_pmh::{Datestamp, Header, Identify, MetadataFormat, Record, Selection, Set};

use super::world::jpcoar::Version;
use super::world::{Held, Holdings, Kind, Languages, Work, dublin_core, is_in, jpcoar, marc};

/// A format of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    DublinCore,
    Marc,
    Jpcoar1,
    Jpcoar2,
}

/// The works, which are also seen by whoever lets time pass.
pub(super) type Shared = Arc<RwLock<Holdings>>;

/// A repository. Records are written when they are asked for.
#[derive(Debug)]
pub(super) struct Library {
    pub(super) name: &'static str,
    /// In identifiers, behind `oai:`.
    pub(super) namespace: &'static str,
    pub(super) base_url: String,
    pub(super) languages: Languages,
    pub(super) formats: &'static [Format],
    pub(super) holdings: Shared,
}

impl Format {
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::DublinCore => "oai_dc",
            Self::Marc => "marc21",
            Self::Jpcoar1 => "jpcoar_1.0",
            Self::Jpcoar2 => "jpcoar_2.0",
        }
    }

    fn described(self) -> MetadataFormat {
        let version = match self {
            Self::DublinCore => return MetadataFormat::oai_dc(),
            Self::Marc => {
                return MetadataFormat::new(self.prefix(), marc::SCHEMA, marc::NAMESPACE);
            }
            Self::Jpcoar1 => Version::V1_0,
            Self::Jpcoar2 => Version::V2_0,
        };
        MetadataFormat::new(self.prefix(), version.schema(), version.namespace())
    }

    fn write(self, work: &Work) -> String {
        match self {
            Self::DublinCore => dublin_core::write(work),
            Self::Marc => marc::write(work),
            Self::Jpcoar1 => jpcoar::write(work, Version::V1_0),
            Self::Jpcoar2 => jpcoar::write(work, Version::V2_0),
        }
    }
}

impl Library {
    fn header(&self, seed: u64, held: &Held) -> Header {
        let identifier = format!("oai:{}:{:07}", self.namespace, held.number);
        let header = Header::new(identifier, Datestamp::second(held.datestamp));
        let mut header = header.sets([Kind::of(seed, held.number).set()]);
        header.is_deleted = held.deleted;
        header
    }

    fn write(&self, seed: u64, held: &Held, format: Format) -> Result<Record, Failure> {
        let header = self.header(seed, held);
        if held.deleted {
            return Ok(Record::deleted(header));
        }
        let work = Work::new(seed, held.number, held.version, self.languages);
        Ok(Record::new(header, &format.write(&work))?)
    }

    fn number(&self, identifier: &str) -> Option<u64> {
        let number = identifier.strip_prefix("oai:")?.strip_prefix(self.namespace)?;
        let number = number.strip_prefix(':')?;
        (number.len() == 7).then(|| number.parse().ok())?
    }

    fn format(&self, prefix: &str) -> Option<Format> {
        self.formats.iter().copied().find(|format| format.prefix() == prefix)
    }

    /// What is selected behind a place; each is made by `make` from the seed and the work.
    fn list<T>(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
        make: impl Fn(u64, Held) -> T,
    ) -> Vec<T> {
        let holdings = self.holdings.read().unwrap_or_else(PoisonError::into_inner);
        let seed = holdings.seed();
        let after =
            after.and_then(|key| Some((key.datestamp.time(), self.number(&key.identifier)?)));
        let window = selection.time_span();
        let (from, until) =
            (window.from().map(Datestamp::time), window.until().map(Datestamp::last_second));
        let set = selection.set_spec();
        let listed = holdings.list(after, from, until);
        let listed = listed.filter(|held| set.is_none_or(|set| is_in(seed, held.number, set)));
        listed.take(limit).map(|held| make(seed, held)).collect()
    }
}

#[async_trait]
impl Repository for Library {
    fn identify(&self) -> Identify {
        Identify::new(self.name, &self.base_url, "librarian@example.org")
    }

    async fn formats(&self) -> Result<Vec<MetadataFormat>, Failure> {
        Ok(self.formats.iter().map(|format| format.described()).collect())
    }

    async fn record(&self, identifier: &str, format: &str) -> Result<Option<Record>, Failure> {
        let Some((number, format)) = self.number(identifier).zip(self.format(format)) else {
            return Ok(None);
        };
        let holdings = self.holdings.read().unwrap_or_else(PoisonError::into_inner);
        let (held, seed) = (holdings.get(number), holdings.seed());
        drop(holdings);
        held.map(|held| self.write(seed, &held, format)).transpose()
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Record>, Failure> {
        let Some(format) = self.format(selection.metadata_prefix()) else { return Ok(Vec::new()) };
        let records =
            self.list(selection, after, limit, |seed, held| self.write(seed, &held, format));
        records.into_iter().collect()
    }

    async fn headers(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Header>, Failure> {
        if self.format(selection.metadata_prefix()).is_none() {
            return Ok(Vec::new());
        }
        Ok(self.list(selection, after, limit, |seed, held| self.header(seed, &held)))
    }

    async fn sets(&self) -> Result<Vec<Set>, Failure> {
        let above = Set::new("texts", "Texts");
        let names = ["Articles", "Doctoral theses", "Books", "Maps", "Research data"];
        let below = Kind::ALL.into_iter().zip(names).map(|(kind, name)| Set::new(kind.set(), name));
        Ok(std::iter::once(above).chain(below).collect())
    }

    async fn count(&self, selection: &Selection) -> Result<Option<u64>, Failure> {
        Ok(Some(self.list(selection, None, usize::MAX, |_, _| ()).len() as u64))
    }

    async fn earliest_datestamp(&self) -> Result<Option<Datestamp>, Failure> {
        Ok(Some(Datestamp::second(Holdings::earliest())))
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    const FORMATS: &[Format] =
        &[Format::DublinCore, Format::Marc, Format::Jpcoar1, Format::Jpcoar2];

    fn library(works: u64) -> Library {
        Library {
            name: "Library",
            namespace: "library.example",
            base_url: "http://library.example/oai".to_owned(),
            languages: Languages::All,
            formats: FORMATS,
            holdings: Arc::new(RwLock::new(Holdings::new(5, works))),
        }
    }

    /// All headers, page by page.
    async fn paged(library: &Library, selection: &Selection, limit: usize) -> Vec<Header> {
        let mut all: Vec<Header> = Vec::new();
        loop {
            let after = all.last().and_then(Key::of);
            let page = library.page(selection, after.as_ref(), limit).await.unwrap();
            if page.is_empty() {
                return all;
            }
            all.extend(page.into_iter().map(|record| record.header));
        }
    }

    #[tokio::test]
    async fn pages_of_each_format_and_set_add_up_to_the_whole_list() {
        let library = library(120);
        library.holdings.write().unwrap().step(Utc::now());
        for format in FORMATS {
            for set in [None, Some("texts"), Some("maps")] {
                let selection = Selection::prefix(format.prefix());
                let selection = match set {
                    Some(set) => selection.set(set),
                    None => selection,
                };
                let whole = library.headers(&selection, None, usize::MAX).await.unwrap();
                assert!(!whole.is_empty());
                assert!(set.is_some() || whole.iter().any(|header| header.is_deleted));
                assert_eq!(library.count(&selection).await.unwrap(), Some(whole.len() as u64));
                for limit in [1, 7, 50] {
                    assert_eq!(
                        paged(&library, &selection, limit).await,
                        whole,
                        "{format:?} {set:?}"
                    );
                }
            }
        }
    }

    #[tokio::test]
    async fn a_record_is_found_by_its_identifier_and_by_no_other() {
        let library = library(10);
        let selection = Selection::prefix("oai_dc");
        for record in library.page(&selection, None, 10).await.unwrap() {
            let identifier = record.header.identifier.clone();
            assert_eq!(library.record(&identifier, "oai_dc").await.unwrap(), Some(record));
            assert_eq!(library.record(&identifier, "mods").await.unwrap(), None);
        }
        for identifier in ["oai:library.example:0000010", "oai:library.example:1", "0000001", ""] {
            assert_eq!(library.record(identifier, "oai_dc").await.unwrap(), None, "{identifier}");
        }
    }
}
