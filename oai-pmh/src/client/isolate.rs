//! What to do when the server itself fails at a page.
//!
//! One poisoned record is enough for a server to answer 500 to every page it would be on. The time
//! span is halved until what cannot be listed is small; the identifiers in there are listed and
//! fetched one by one. What then still fails is named.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::walk::{Halt, Walker, selection};
use crate::parse::ListItem;
use crate::{
    Datestamp, Error, ErrorCode, Header, Page, Paging, Reason, RecordError, Request, Selection,
    Window,
};

/// How many time spans are taken apart before the rest is given up: a server that fails at
/// everything is not to be asked for ever.
const MOST_WINDOWS: u32 = 500;
/// Records are fetched one by one when a time span has no more than this,
const FEW: usize = 100;
/// or than this when it cannot be divided any further: bulk loads put many into one day.
const MANY: usize = 10_000;

impl<T: ListItem> Walker<T> {
    /// Goes on with a list that the server failed at.
    pub(super) async fn isolate(&mut self, failure: Error) -> Result<(), Halt> {
        let Some(selected) = selection(&self.request).cloned() else { return Err(failure.into()) };
        // A server that cannot even say its name is down: that is another failure.
        let Ok(identify) = self.client.identify().await else { return Err(failure.into()) };
        let identify = identify.body;
        let earliest = identify.earliest_datestamp.as_ref().map(Datestamp::time);
        let earliest = earliest.unwrap_or(DateTime::UNIX_EPOCH);
        let latest = Utc::now();

        tracing::warn!(error = %failure, "the server fails at a page: taking the list apart");
        self.known.recall().map_err(|error| {
            resync_core::Error::new(resync_core::ErrorKind::Io, "a temporary file cannot be read")
                .with_source(error)
        })?;
        self.is_isolating = true;
        // It has been asked patiently once.
        self.asking.max_retries = Some(1);

        let mut windows = vec![selected.time_span().clone()];
        // The whole has just failed.
        let mut last_error = Some(failure);
        let mut tried = 0;
        let mut listed_any = false;
        while let Some(window) = windows.pop() {
            tried += 1;
            let part = selected.clone().window(window.clone());
            let error = match last_error.take() {
                Some(error) => error,
                None if tried > MOST_WINDOWS => {
                    self.miss(window, "the server fails at too many time spans");
                    continue;
                }
                None => match self.part(&part).await {
                    Err(Halt::Failed(error)) if error.is_server_failure() => error,
                    Err(halt) => return Err(halt),
                    Ok(()) => {
                        listed_any = true;
                        continue;
                    }
                },
            };
            let headers = self.few_headers(&part).await?;
            if let Some(headers) = headers {
                self.one_by_one(headers, &part).await?;
                listed_any = true;
                continue;
            }
            match window.halves(identify.granularity, earliest, latest) {
                Some((first, second)) => windows.extend([second, first]),
                None => match self.many_headers(&part).await {
                    Some(headers) => {
                        self.one_by_one(headers, &part).await?;
                        listed_any = true;
                    }
                    None => self.miss(window, &error.to_string()),
                },
            }
            // Not one time span of the first dozens can be had: it is not about one record.
            if !listed_any && tried > 40 {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Lists one time span.
    async fn part(&mut self, part: &Selection) -> Result<(), Halt> {
        let request = match &self.request {
            Request::ListIdentifiers(_) => Request::ListIdentifiers(part.clone()),
            _ => Request::ListRecords(part.clone()),
        };
        let paging = Paging::new(self.client.settings.paging).selected_by(part);
        let whole = std::mem::replace(&mut self.paging, paging);
        let result = self.chain(request).await;
        let part = std::mem::replace(&mut self.paging, whole);
        self.paging.absorb(part);
        result
    }

    /// The headers of a time span, where they are few enough to be fetched one by one.
    async fn few_headers(&self, part: &Selection) -> Result<Option<Vec<Header>>, Halt> {
        let request = Request::ListIdentifiers(part.clone());
        let answer = match self.client.ask(&request, self.asking).await {
            Ok(answer) => answer,
            Err(error) if error.is_server_failure() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let charset = answer.charset();
        let body = super::exchange::into_memory(answer)?;
        let page = self.client.settings.parser.page::<Header>(body, charset.as_deref());
        Ok(page.ok().and_then(|page| {
            let is_whole = page.token.is_none_or(|token| token.value.is_empty());
            let headers: Vec<_> = page.items.into_iter().flatten().collect();
            (is_whole && headers.len() <= FEW).then_some(headers)
        }))
    }

    /// The headers of a time span that cannot be divided; `None` where they cannot be had to the
    /// last, or are too many.
    async fn many_headers(&self, part: &Selection) -> Option<Vec<Header>> {
        let mut list = self.client.clone().refetch(false).list_identifiers(part.clone());
        let mut headers = Vec::new();
        while let Some(page) = list.next_page().await {
            headers.extend(page.ok()?.items.into_iter().flatten());
            if headers.len() > MANY {
                return None;
            }
        }
        Some(headers)
    }

    async fn one_by_one(&mut self, headers: Vec<Header>, part: &Selection) -> Result<(), Halt> {
        let mut page = Page::empty();
        let mut seen = HashSet::new();
        for header in headers {
            if !seen.insert(header.identifier.clone()) {
                continue;
            }
            let listed = T::from_header(header.clone());
            if listed.as_ref().is_some_and(|item| self.known.contains(item)) {
                continue;
            }
            match self.get(&header.identifier, part.metadata_prefix()).await {
                Ok(item) => page.items.extend(item.map(Ok)),
                Err(error) => {
                    let message = format!("the server cannot deliver it: {error}");
                    page.items.push(Err(RecordError::new(Some(header.identifier), message)));
                }
            }
        }
        self.deliver(page).await
    }

    async fn get(&self, identifier: &str, prefix: &str) -> Result<Option<T>, Error> {
        let request = Request::GetRecord {
            identifier: identifier.to_owned(),
            metadata_prefix: prefix.to_owned(),
        };
        let answer = match self.client.ask(&request, self.asking).await {
            // Deleted since, or never there in this format: nothing is lost.
            Err(error) if error.has_code(&ErrorCode::IdDoesNotExist) => return Ok(None),
            answer => answer?,
        };
        let charset = answer.charset();
        let body = super::exchange::into_memory(answer)?;
        let reply = self.client.settings.parser.get_record(body, charset.as_deref())?;
        Ok(T::from_record(reply.body))
    }

    fn miss(&mut self, window: Window, error: &str) {
        self.paging.miss(Reason::WindowFailed { window, error: error.to_owned() });
    }
}
