//! Lists, page by page (§3.5).

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::answer::{Outcome, no_such_format};
use super::arguments::is_set_spec;
use super::token::{Place, Position};
use super::xml::Writer;
use super::{Failure, Key, Provider, Repository};
use crate::{
    Datestamp, ErrorCode, Granularity, Header, OaiError, Record, ResumptionToken, Selection, Set,
    Verb,
};

/// What `ListRecords` and `ListIdentifiers` are made of.
#[async_trait]
pub(super) trait Listed: Sized + Send {
    const ELEMENT: &'static str;

    async fn page(
        repository: &dyn Repository,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Self>, Failure>;

    fn header(&self) -> &Header;

    fn write(&self, xml: &mut Writer, granularity: Granularity);

    fn place(selection: Selection, after: Key) -> Place;
}

#[async_trait]
impl Listed for Record {
    const ELEMENT: &'static str = "ListRecords";

    async fn page(
        repository: &dyn Repository,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Self>, Failure> {
        repository.page(selection, after, limit).await
    }

    fn header(&self) -> &Header {
        &self.header
    }

    fn write(&self, xml: &mut Writer, granularity: Granularity) {
        xml.record(self, granularity);
    }

    fn place(selection: Selection, after: Key) -> Place {
        Place::Records(selection, after)
    }
}

#[async_trait]
impl Listed for Header {
    const ELEMENT: &'static str = "ListIdentifiers";

    async fn page(
        repository: &dyn Repository,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Self>, Failure> {
        repository.headers(selection, after, limit).await
    }

    fn header(&self) -> &Header {
        self
    }

    fn write(&self, xml: &mut Writer, granularity: Granularity) {
        xml.header(self, granularity);
    }

    fn place(selection: Selection, after: Key) -> Place {
        Place::Identifiers(selection, after)
    }
}

/// Where a page begins.
pub(super) struct Start {
    after: Key,
    cursor: u64,
    size: Option<u64>,
}

impl Provider {
    pub(super) async fn resume(
        &self,
        xml: &mut Writer,
        verb: Verb,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Failure> {
        let Position { place, cursor, size, .. } = match self.signer.read(token, verb, now) {
            Ok(position) => position,
            Err(rejection) => {
                let code = ErrorCode::BadResumptionToken;
                return Ok(Err(vec![OaiError::new(code, rejection.message())]));
            }
        };
        match place {
            Place::Sets(after) => self.list_sets(xml, Some((after, cursor)), now).await,
            Place::Identifiers(selection, after) => {
                let start = Start { after, cursor, size };
                self.list::<Header>(xml, selection, Some(start), now).await
            }
            Place::Records(selection, after) => {
                let start = Start { after, cursor, size };
                self.list::<Record>(xml, selection, Some(start), now).await
            }
        }
    }

    /// A page of records or headers.
    pub(super) async fn list<T: Listed>(
        &self,
        xml: &mut Writer,
        asked: Selection,
        start: Option<Start>,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Failure> {
        let refused = self.refusals(&asked).await?;
        if !refused.is_empty() {
            return Ok(Err(refused));
        }
        if self.switch.since().is_some() {
            return Ok(Err(vec![no_records("no records are given out at present")]));
        }
        let is_resumed = start.is_some();
        let (mut after, cursor, known_size) = match start {
            Some(start) => (Some(start.after), start.cursor, start.size),
            None => (None, 0, None),
        };
        let selection = self.in_granularity(asked.clone());
        let begin = xml.len();
        let most = self.settings.page_records;
        let mut listed = 0;
        let mut last = None;
        let has_more = 'page: loop {
            // One more than there is room for, to know whether there is another page.
            let limit = most + 1 - listed;
            let items = T::page(&*self.repository, &selection, after.as_ref(), limit).await?;
            let is_last = items.len() < limit;
            for item in items {
                let key = self.following(item.header(), after.as_ref())?;
                if !self.hides(item.header()) {
                    let is_full = xml.len() - begin >= self.settings.page_bytes;
                    if listed == most || listed > 0 && is_full {
                        break 'page true;
                    }
                    if listed == 0 {
                        xml.open(T::ELEMENT);
                    }
                    item.write(xml, self.identify.granularity);
                    listed += 1;
                    last = Some(key.clone());
                }
                after = Some(key);
            }
            if is_last {
                break false;
            }
        };
        if listed == 0 {
            return Ok(Err(vec![no_records("there are no such records")]));
        }
        let next = cursor + listed as u64;
        match last.filter(|_| has_more) {
            Some(last) => {
                let size = match is_resumed {
                    true => known_size,
                    false => self.repository.count(&selection).await?,
                };
                // There is at least one more, however many there were when it was counted.
                let size = size.map(|size| size.max(next + 1));
                let place = T::place(asked, last);
                xml.token(&self.token(place, next, cursor, size, now));
            }
            None if is_resumed => xml.token(&end_token(cursor, known_size.map(|_| next))),
            None => {}
        }
        xml.close(T::ELEMENT);
        Ok(Ok(()))
    }

    /// What speaks against a selection, whatever there is to be selected.
    async fn refusals(&self, selection: &Selection) -> Result<Vec<OaiError>, Failure> {
        let mut errors = Vec::new();
        let prefix = selection.metadata_prefix();
        if !self.formats().await?.iter().any(|format| format.prefix == prefix) {
            errors.push(no_such_format(prefix));
        }
        if selection.set_spec().is_some() && self.repository.sets().await?.is_empty() {
            errors.push(no_sets());
        }
        Ok(errors)
    }

    /// A page of the sets.
    pub(super) async fn list_sets(
        &self,
        xml: &mut Writer,
        start: Option<(String, u64)>,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Failure> {
        let sets = with_ancestors(self.repository.sets().await?);
        if sets.is_empty() {
            return Ok(Err(vec![no_sets()]));
        }
        let is_resumed = start.is_some();
        let (after, cursor) = start.unwrap_or_default();
        let size = sets.len() as u64;
        let most = self.settings.page_records;
        let mut rest = sets.range::<str, _>((
            std::ops::Bound::Excluded(after.as_str()),
            std::ops::Bound::Unbounded,
        ));
        let begin = xml.len();
        let mut listed = 0;
        let mut last = None;
        xml.open("ListSets");
        let has_more = loop {
            let Some((spec, set)) = rest.next() else { break false };
            if listed == most || listed > 0 && xml.len() - begin >= self.settings.page_bytes {
                break true;
            }
            xml.set(set);
            listed += 1;
            last = Some(spec);
        };
        // The sets that were to come have gone: an end, but one that the schema has no words for.
        if listed == 0 {
            sets.values().next_back().into_iter().for_each(|set| xml.set(set));
        }
        match last.filter(|_| has_more) {
            Some(last) => {
                let next = cursor + listed as u64;
                let place = Place::Sets(last.clone());
                xml.token(&self.token(place, next, cursor, Some(size.max(next + 1)), now));
            }
            None if is_resumed => xml.token(&end_token(cursor, Some(size))),
            None => {}
        }
        xml.close("ListSets");
        Ok(Ok(()))
    }

    /// The item's place, which must be behind the last one: a list that goes back never ends.
    fn following(&self, header: &Header, after: Option<&Key>) -> Result<Key, Failure> {
        let Some(key) = Key::of(header) else {
            return Err(format!("{} has no datestamp", header.identifier).into());
        };
        match after {
            Some(after) if !self.repository.is_behind(&key, after) => Err(format!(
                "the repository's page is out of order: {} of {} follows {} of {}",
                key.identifier, key.datestamp, after.identifier, after.datestamp
            )
            .into()),
            _ => Ok(key),
        }
    }

    fn token(
        &self,
        place: Place,
        next: u64,
        cursor: u64,
        size: Option<u64>,
        now: DateTime<Utc>,
    ) -> ResumptionToken {
        let expires = now + self.settings.token_life;
        ResumptionToken {
            value: self.signer.sign(&Position { place, cursor: next, size, expires }),
            expiration_date: Some(Datestamp::second(expires)),
            complete_list_size: size,
            cursor: Some(cursor),
        }
    }
}

/// The token that ends a list.
fn end_token(cursor: u64, size: Option<u64>) -> ResumptionToken {
    ResumptionToken {
        value: String::new(),
        expiration_date: None,
        complete_list_size: size,
        cursor: Some(cursor),
    }
}

/// The sets that can be named, with all those above them, by their names.
fn with_ancestors(sets: Vec<Set>) -> BTreeMap<String, Set> {
    let sets = sets.into_iter().filter(|set| is_set_spec(&set.spec));
    let mut all: BTreeMap<String, Set> = sets.map(|set| (set.spec.clone(), set)).collect();
    let specs: Vec<String> = all.keys().cloned().collect();
    for spec in &specs {
        for (at, _) in spec.match_indices(':') {
            let above = &spec[..at];
            all.entry(above.to_owned()).or_insert_with(|| Set::new(above, above));
        }
    }
    all
}

fn no_records(message: &str) -> OaiError {
    OaiError::new(ErrorCode::NoRecordsMatch, message)
}

fn no_sets() -> OaiError {
    OaiError::new(ErrorCode::NoSetHierarchy, "this repository has no sets")
}
