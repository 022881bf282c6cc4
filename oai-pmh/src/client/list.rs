use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::Client;
use super::walk::{Event, Walker};
use crate::parse::ListItem;
use crate::{Datestamp, Page, RecordError, Request, Result, Verdict};

/// A list, page by page.
///
/// A stream of pages. While a page is in use the next two are fetched, and no more than that: who
/// does not read on holds the server back. A list that does not come to its end ends with an
/// error, so that it cannot be taken for complete; what else there is to say is in the
/// [`summary`](Self::summary).
///
/// Very long pages come in parts ([`Page::part`]).
#[derive(Debug)]
pub struct List<T> {
    events: mpsc::Receiver<Event<T>>,
    summary: Summary,
    /// Aborted when the list is dropped.
    _walker: JoinSet<()>,
}

/// What there is to say of a list; final once the list has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Whether the list was complete. Until it has ended: so far.
    pub verdict: Verdict,
    /// Pages delivered, counting each page once however many parts it came in.
    pub pages: u64,
    /// Items delivered.
    pub items: u64,
    /// Items that could not be read.
    pub failed: u64,
    /// Repairs.
    pub issues: u64,
    /// How long the list is, by what the server said last.
    pub announced: Option<u64>,
    /// The time of the first answer, by the server's clock. The next harvest begins here (§8.3 of
    /// the implementation guidelines).
    pub first_response_date: Option<Datestamp>,
}

impl<T: ListItem> List<T> {
    pub(super) fn begin(client: Client, request: Request, token: Option<String>) -> Self {
        let (sender, events) = mpsc::channel(1);
        let mut walker = JoinSet::new();
        walker.spawn(Walker::new(client, request, sender).run(token).in_current_span());
        Self { events, summary: Summary::new(), _walker: walker }
    }

    /// The next page, or part of a page; `None` at the end. Cancel-safe.
    pub async fn next_page(&mut self) -> Option<Result<Page<T>>> {
        self.next().await
    }

    /// What there is to say of the list so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The list item by item. An error of the list is outside, an error of one item inside.
    #[must_use]
    pub fn items(self) -> Items<T> {
        Items { list: self, page: Vec::new().into_iter() }
    }
}

impl Summary {
    pub(super) fn new() -> Self {
        Self {
            verdict: Verdict::Complete,
            pages: 0,
            items: 0,
            failed: 0,
            issues: 0,
            announced: None,
            first_response_date: None,
        }
    }

    pub(super) fn add_verdict(&mut self, verdict: &Verdict) {
        use Verdict::{Complete, Suspicious, Truncated};
        self.verdict = match (std::mem::replace(&mut self.verdict, Complete), verdict) {
            (verdict, Complete) => verdict,
            (Complete, other) => other.clone(),
            (Truncated(mut all), Truncated(more)) => {
                all.extend_from_slice(more);
                Truncated(all)
            }
            (Suspicious(mut all), Suspicious(more)) => {
                all.extend(
                    more.iter().filter(|reason| !all.contains(reason)).cloned().collect::<Vec<_>>(),
                );
                Suspicious(all)
            }
            (Truncated(all), Suspicious(_)) => Truncated(all),
            (Suspicious(_), Truncated(all)) => Truncated(all.clone()),
        };
    }

    pub(super) fn add_page<T>(&mut self, page: &Page<T>) {
        self.pages += u64::from(page.is_last_part);
        let failed = page.items.iter().filter(|item| item.is_err()).count();
        self.failed += failed as u64;
        self.items += (page.items.len() - failed) as u64;
        self.issues += page.issues.total();
        if let Some(size) = page.token.as_ref().and_then(|token| token.complete_list_size) {
            self.announced = Some(size);
        }
        if self.first_response_date.is_none() {
            self.first_response_date.clone_from(&page.response_date);
        }
    }
}

impl<T: ListItem> Stream for List<T> {
    type Item = Result<Page<T>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        Poll::Ready(match ready!(this.events.poll_recv(cx)) {
            None => None,
            Some(Event::Page(page)) => {
                this.summary.add_page(&page);
                Some(Ok(page))
            }
            Some(Event::End(verdict)) => {
                this.summary.verdict = verdict;
                match &this.summary.verdict {
                    Verdict::Truncated(reasons) => {
                        Some(Err(crate::Error::truncated(reasons.clone())))
                    }
                    _ => None,
                }
            }
            Some(Event::Failed(error)) => Some(Err(error)),
        })
    }
}

/// A list item by item; see [`List::items`].
#[derive(Debug)]
pub struct Items<T> {
    list: List<T>,
    page: std::vec::IntoIter<Result<T, RecordError>>,
}

impl<T: ListItem> Items<T> {
    /// What there is to say of the list so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        self.list.summary()
    }
}

impl<T: ListItem> Stream for Items<T> {
    type Item = Result<Result<T, RecordError>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(item) = this.page.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(this.list.poll_next_unpin(cx)) {
                Some(Ok(page)) => this.page = page.items.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
