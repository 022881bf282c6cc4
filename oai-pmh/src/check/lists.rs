//! Lists, followed to their end, and what resumption tokens do.

use std::collections::HashSet;

use url::Url;

use super::document::Document;
use super::items::{self, Whole};
use super::query::Query;
use super::{Check, Report, Rule};
use crate::parse::ListItem;
use crate::{Datestamp, ErrorCode, Header, MetadataFormat, Page, Record, Request, Selection, Verb};

/// What came of following a list.
pub(super) struct Walk<K> {
    pub(super) kept: Vec<K>,
    /// Its first request.
    pub(super) url: Url,
    pub(super) is_complete: bool,
    /// The errors that the first request was answered with.
    errors: Vec<ErrorCode>,
}

impl<K> Walk<K> {
    pub(super) fn is_refused_as(&self, code: &ErrorCode) -> bool {
        self.errors.contains(code)
    }

    pub(super) fn is_refused(&self) -> bool {
        !self.errors.is_empty()
    }
}

/// What is known of a list from the pages before. No I/O.
#[derive(Default)]
struct Thread {
    pages: u64,
    items: u64,
    size: Option<u64>,
    tokens: HashSet<String>,
}

impl Thread {
    /// Takes a page, and gives the token of the next.
    fn page<T: ListItem>(
        &mut self,
        page: &Page<T>,
        document: &Document,
        report: &mut Report,
    ) -> Option<String> {
        let url = &document.url;
        let before = self.items;
        self.items += page.items.len() as u64;
        self.pages += 1;
        let Some(token) = &page.token else {
            if self.pages > 1 {
                report.add(Rule::TokenEnd, url, "the last page has no resumptionToken");
            }
            return None;
        };
        if let Some(cursor) = token.cursor.filter(|cursor| *cursor != before) {
            let detail = format!("cursor is {cursor}, and {before} came before");
            report.add(Rule::TokenCursor, url, detail);
        }
        self.size = token.complete_list_size.or(self.size);
        if token.value.is_empty() {
            if self.pages == 1 {
                report.add(Rule::TokenEmpty, url, "an empty resumptionToken on the only page");
            }
            if let Some(size) = self.size.filter(|size| *size != self.items) {
                let detail = format!("completeListSize is {size}, and {} came", self.items);
                report.add(Rule::TokenSize, url, detail);
            }
            return None;
        }
        if let (Some(end), Some(now)) = (&token.expiration_date, &document.response_date)
            && end.last_second() < now.time()
        {
            report.add(Rule::TokenExpired, url, format!("it has expired at {end}"));
        }
        if !self.tokens.insert(token.value.clone()) {
            report.add(Rule::TokenRepeated, url, format!("{:?} came before", token.value));
            return None;
        }
        Some(token.value.clone())
    }
}

impl Check {
    /// Follows a list to its end, or as far as is wanted. `keep` takes each item.
    pub(super) async fn walk<T: ListItem, K: Send>(
        &mut self,
        first: &Query,
        mut keep: impl FnMut(T, &Url, &mut Report) -> K + Send,
    ) -> Walk<K> {
        let url = first.url(&self.asker.shown);
        let mut walk = Walk { kept: Vec::new(), url, is_complete: false, errors: Vec::new() };
        let mut thread = Thread::default();
        let mut query = first.clone();
        loop {
            let Some(document) = self.asker.ask(&query).await else {
                if thread.pages > 0 {
                    let url = query.url(&self.asker.shown);
                    self.asker.report.add(Rule::ListCut, &url, "the list breaks off here");
                }
                return walk;
            };
            if !document.errors.is_empty() {
                if thread.pages == 0 {
                    walk.is_complete = document.has(&ErrorCode::NoRecordsMatch);
                    walk.errors = document.errors.iter().map(|it| it.code.clone()).collect();
                } else {
                    let rule = match document.has(&ErrorCode::BadResumptionToken) {
                        true => Rule::TokenRejected,
                        false => Rule::ListCut,
                    };
                    self.asker.report.add(rule, &document.url, document.told());
                }
                return walk;
            }
            let Some(page) = document.page::<T>() else {
                self.asker.report.add(Rule::ListCut, &document.url, "the page cannot be read");
                return walk;
            };
            let report = &mut self.asker.report;
            report.pages += 1;
            let before = report.count(Rule::TokenRepeated);
            let next = thread.page(&page, &document, report);
            let url = &document.url;
            walk.kept.extend(page.items.into_iter().flatten().map(|item| keep(item, url, report)));
            let Some(token) = next else {
                walk.is_complete = report.count(Rule::TokenRepeated) == before;
                return walk;
            };
            if thread.items >= self.options.records {
                let detail = format!("only the first {} of this list were read", thread.items);
                report.add(Rule::Sampled, &walk.url, detail);
                return walk;
            }
            query = Query::from(&Request::Resume { verb: T::VERB, token });
        }
    }

    /// The whole list in oai_dc, with its metadata.
    pub(super) async fn records(&mut self) -> Whole {
        // What it must be, whatever is listed.
        let format = MetadataFormat::oai_dc();
        let query = Query::from(&Request::ListRecords(Selection::prefix("oai_dc")));
        let keep = move |record: Record, url: &Url, report: &mut Report| {
            items::judge_record(&record, &format, url, report);
            record.header
        };
        let walk = self.walk(&query, keep).await;
        self.whole(walk)
    }

    /// The whole list of headers.
    pub(super) async fn headers(&mut self) -> Whole {
        let query = Self::query(Selection::prefix("oai_dc"));
        let walk = self.walk(&query, |header: Header, _, _| header).await;
        self.whole(walk)
    }

    fn whole(&mut self, walk: Walk<Header>) -> Whole {
        let began = self.about.began.as_ref().map(Datestamp::time);
        Whole::of(walk.kept, walk.is_complete, walk.url, began, &mut self.asker.report)
    }

    /// Single records: those that are listed can be had, and are the same.
    pub(super) async fn samples(&mut self, records: &Whole) {
        let wanted = self.options.samples;
        let step = (records.items.len() / wanted.max(1)).max(1);
        let spread = records.items.values().step_by(step).take(wanted);
        let deleted = records.items.values().filter(|header| header.is_deleted).take(2);
        for header in spread.chain(deleted) {
            let request = Request::GetRecord {
                identifier: header.identifier.clone(),
                metadata_prefix: "oai_dc".to_owned(),
            };
            let Some(document) = self.asker.ask(&Query::from(&request)).await else { continue };
            let report = &mut self.asker.report;
            match document.record() {
                Some(record) if !records.is_settled(&record.header) => {}
                Some(record) => items::same_header(header, &record.header, &document.url, report),
                None => {
                    let rule =
                        if header.is_deleted { Rule::DeletedDiffer } else { Rule::GetRecord };
                    let detail = format!("{} is listed: {}", header.identifier, document.told());
                    report.add(rule, &document.url, detail);
                }
            }
            if header.is_deleted {
                continue;
            }
            let request =
                Request::ListMetadataFormats { identifier: Some(header.identifier.clone()) };
            let Some(document) = self.asker.ask(&Query::from(&request)).await else { continue };
            let formats = document.formats().unwrap_or_default();
            if formats.iter().all(|format| format.prefix != "oai_dc") {
                let detail = format!("{} has no oai_dc: {}", header.identifier, document.told());
                self.asker.report.add(Rule::FormatsOfItem, &document.url, detail);
            }
        }
        self.other_formats(records).await;
    }

    /// The first page in each other format.
    async fn other_formats(&mut self, records: &Whole) {
        let formats: Vec<_> = self
            .about
            .formats
            .iter()
            .filter(|format| format.prefix != "oai_dc")
            .take(self.options.samples)
            .cloned()
            .collect();
        for format in formats {
            let request = Request::ListRecords(Selection::prefix(format.prefix.as_str()));
            let Some(document) = self.asker.ask(&Query::from(&request)).await else { continue };
            let Some(page) = document.page::<Record>() else { continue };
            for record in page.items.iter().flatten() {
                let report = &mut self.asker.report;
                items::judge_record(record, &format, &document.url, report);
                let id = &record.header.identifier;
                if records.is_complete && !records.items.contains_key(id) {
                    report.add(Rule::OaiDcMissing, &document.url, format!("{id} is not in oai_dc"));
                }
            }
        }
    }

    /// What a token does the second time, and in other company.
    pub(super) async fn tokens(&mut self) {
        let first = Query::from(&Request::ListRecords(Selection::prefix("oai_dc")));
        let Some(document) = self.asker.ask(&first).await else { return };
        let token = document.page::<Record>().and_then(|page| page.token);
        let Some(token) = token.map(|token| token.value).filter(|value| !value.is_empty()) else {
            return;
        };
        let resume =
            Query::from(&Request::Resume { verb: Verb::ListRecords, token: token.clone() });
        let keys = |document: &Document| -> Vec<String> {
            let page = document.page::<Record>();
            let items = page.map(|page| page.items).unwrap_or_default();
            items.into_iter().flatten().map(|item| item.header.identifier).collect()
        };
        let Some(once) = self.asker.ask(&resume).await else { return };
        let Some(twice) = self.asker.ask(&resume).await else { return };
        if keys(&once) != keys(&twice) || twice.errors != once.errors {
            let detail = format!("the second time it is another page: {}", twice.told());
            self.asker.report.add(Rule::TokenIdempotent, &resume.url(&self.asker.shown), detail);
        }
        let refused = [ErrorCode::BadArgument, ErrorCode::BadResumptionToken];
        let exclusive = resume.with("metadataPrefix", "oai_dc");
        self.expect(Rule::TokenExclusive, &exclusive, &refused).await;
        let other = Query::from(&Request::Resume { verb: Verb::ListIdentifiers, token });
        self.expect(Rule::TokenVerb, &other, &refused).await;
    }
}
