use std::pin::Pin;
use std::task::{Context, Poll, ready};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};

use super::list::{List, Summary};
use super::{Client, is_not_oai};
use crate::parse::ListItem;
use crate::{
    Datestamp, Error, ErrorKind, Granularity, Header, Page, Record, Request, Result,
    ResumptionToken, Selection, Slice, Verb, Verdict, Window,
};

/// A harvest: the records selected, or their headers, window by window, with the position to go on
/// from after each page.
///
/// A stream of [`Step`]s. Whoever keeps the position together with the records of its page can stop
/// at any moment, be killed, and go on from there: nothing is lost, and what comes again is the
/// page that was under way.
#[derive(Debug)]
pub struct Harvest<T: ListItem = Record> {
    client: Client,
    position: Position,
    windows: Vec<Window>,
    parallel: usize,
    running: SelectAll<Running<T>>,
    /// The last page of a window, until it is certain that there is none behind it.
    last: Vec<(usize, Page<T>)>,
    /// What came with the step before.
    behind: Option<Step<T>>,
    summary: Summary,
    failed: Option<Error>,
}

/// A page of a harvest.
#[derive(Debug)]
#[non_exhaustive]
pub struct Step<T = Record> {
    /// The page; `None` where only the position has changed.
    pub page: Option<Page<T>>,
    /// Where the harvest stands behind it.
    pub position: Position,
}

/// Where a harvest stands. Opaque, but can be written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    format: String,
    set: Option<String>,
    window: Window,
    slice: Option<Slice>,
    granularity: Granularity,
    /// What the slices are cut from where the window is open.
    span: (DateTime<Utc>, DateTime<Utc>),
    /// How many windows have been begun.
    begun: usize,
    /// Those that have not come to their end, with where they stand.
    open: Vec<Open>,
    first_response_date: Option<Datestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    window: usize,
    token: Option<ResumptionToken>,
}

#[derive(Debug)]
struct Running<T: ListItem> {
    window: usize,
    list: List<T>,
    is_done: bool,
}

enum Progress<T> {
    Page(Page<T>),
    Failed(Error),
    End(Summary),
}

impl Client {
    /// Begins a harvest of the records selected. Asks the repository for its granularity first,
    /// and asks in that.
    ///
    /// With a `slice`, the time span is harvested in windows of that length; `parallel` of them at
    /// the same time. More than one at a time is for repositories that are known to bear it.
    ///
    /// # Errors
    /// When the repository does not answer, or is none.
    pub async fn harvest(
        &self,
        selection: &Selection,
        slice: Option<Slice>,
        parallel: usize,
    ) -> Result<Harvest> {
        Ok(Harvest::new(self.clone(), self.begin(selection, slice).await?, parallel))
    }

    /// Begins a harvest of the headers of the records selected; else as
    /// [`harvest`](Self::harvest).
    ///
    /// # Errors
    /// When the repository does not answer, or is none.
    pub async fn harvest_identifiers(
        &self,
        selection: &Selection,
        slice: Option<Slice>,
        parallel: usize,
    ) -> Result<Harvest<Header>> {
        Ok(Harvest::new(self.clone(), self.begin(selection, slice).await?, parallel))
    }

    /// Where a harvest begins.
    async fn begin(&self, selection: &Selection, slice: Option<Slice>) -> Result<Position> {
        let identify = match self.identify().await {
            Ok(reply) => Some(reply.body),
            // Some repositories list records, but fail at describing themselves.
            Err(error) if is_not_oai(&error) || is_final(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "the repository does not describe itself");
                None
            }
        };
        let granularity = identify.as_ref().map_or(Granularity::Day, |it| it.granularity);
        let earliest = identify.and_then(|it| it.earliest_datestamp);
        let latest = Utc::now();
        let span = (earliest.map_or(latest, |earliest| earliest.time()), latest);
        Ok(Position {
            format: selection.metadata_prefix().to_owned(),
            set: selection.set_spec().map(str::to_owned),
            window: selection.time_span().at(granularity),
            slice,
            granularity,
            span,
            begun: 0,
            open: Vec::new(),
            first_response_date: None,
        })
    }

    /// Goes on with a harvest from where it stood.
    #[must_use]
    pub fn resume_harvest(&self, position: Position, parallel: usize) -> Harvest {
        Harvest::new(self.clone(), position, parallel)
    }

    /// Goes on with a harvest of headers from where it stood.
    #[must_use]
    pub fn resume_identifiers(&self, position: Position, parallel: usize) -> Harvest<Header> {
        Harvest::new(self.clone(), position, parallel)
    }
}

/// Whether the failure is one that listing records would meet as well.
fn is_final(error: &Error) -> bool {
    use resync_core::ErrorKind as Net;
    match error.kind() {
        ErrorKind::Transport(Net::Status(status)) => !status.is_server_error(),
        ErrorKind::Transport(_) => true,
        _ => false,
    }
}

impl Position {
    /// Whether it is a position in a harvest of this selection, the time span aside.
    #[must_use]
    pub fn is_of(&self, selection: &Selection) -> bool {
        self.format == selection.metadata_prefix() && self.set.as_deref() == selection.set_spec()
    }

    /// The time span of the harvest.
    #[must_use]
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Whether everything has been harvested.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.open.is_empty() && self.begun >= self.windows().len()
    }

    /// The time of the harvest's first answer, by the server's clock.
    #[must_use]
    pub fn first_response_date(&self) -> Option<&Datestamp> {
        self.first_response_date.as_ref()
    }

    /// Where the next harvest begins: at the time of this one's first answer, or at its end if that
    /// is earlier, and by an overlap before it, since changes become visible late. At least one
    /// unit of the granularity overlaps. `None` while this one is not complete, or when the server
    /// never said what time it was.
    #[must_use]
    pub fn next_from(&self, overlap: TimeDelta) -> Option<Datestamp> {
        if !self.is_complete() {
            return None;
        }
        let seen = self.first_response_date.as_ref()?.time();
        let until = self.window.until().map_or(seen, Datestamp::last_second);
        let overlap = overlap.max(self.granularity.unit());
        let from = seen.min(until).checked_sub_signed(overlap)?;
        Some(Datestamp::second(from).at(self.granularity))
    }

    fn windows(&self) -> Vec<Window> {
        match self.slice {
            None => vec![self.window.clone()],
            Some(slice) => {
                let (earliest, latest) = self.span;
                self.window.slices(slice, self.granularity, earliest, latest)
            }
        }
    }

    fn selection(&self, window: &Window) -> Selection {
        let selection = Selection::prefix(&self.format).window(window.clone());
        match &self.set {
            Some(set) => selection.set(set),
            None => selection,
        }
    }

    fn stands_at(&mut self, window: usize, token: Option<ResumptionToken>) {
        if let Some(open) = self.open.iter_mut().find(|open| open.window == window) {
            open.token = token;
        }
    }
}

impl<T: ListItem> Harvest<T> {
    fn new(client: Client, position: Position, parallel: usize) -> Self {
        let windows = position.windows();
        let mut harvest = Self {
            client,
            windows,
            parallel: parallel.max(1),
            running: SelectAll::new(),
            last: Vec::new(),
            behind: None,
            summary: Summary::new(),
            failed: None,
            position,
        };
        for open in harvest.position.open.clone() {
            harvest.run(&open);
        }
        harvest.fill();
        harvest
    }

    /// The next page with its position; `None` at the end. Cancel-safe.
    pub async fn next_step(&mut self) -> Option<Result<Step<T>>> {
        self.next().await
    }

    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// What there is to say of it so far, all windows together.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Begins windows until enough are under way.
    fn fill(&mut self) {
        // One that has just ended is among them until it is polled once more.
        let ended = self.running.iter().filter(|running| running.is_done).count();
        while self.running.len() - ended < self.parallel && self.position.begun < self.windows.len()
        {
            let open = Open { window: self.position.begun, token: None };
            self.position.begun += 1;
            self.run(&open);
            self.position.open.push(open);
        }
    }

    fn run(&mut self, open: &Open) {
        let Some(window) = self.windows.get(open.window) else { return };
        let selection = self.position.selection(window);
        let request = match T::VERB {
            Verb::ListIdentifiers => Request::ListIdentifiers(selection),
            _ => Request::ListRecords(selection),
        };
        let token = open.token.as_ref().map(|token| token.value.clone());
        let list = List::begin(self.client.clone(), request, token);
        self.running.push(Running { window: open.window, list, is_done: false });
    }

    fn step(&self, page: Option<Page<T>>) -> Step<T> {
        Step { page, position: self.position.clone() }
    }

    /// Takes a page. That a list is at its end belongs to its last page, so that whoever keeps both keeps
    /// them together: a page with nothing to go on with waits for what comes behind it.
    fn take_page(&mut self, window: usize, page: Page<T>) -> Option<Step<T>> {
        if self.position.first_response_date.is_none() {
            self.position.first_response_date.clone_from(&page.response_date);
        }
        self.summary.add_page(&page);
        // Where a server fails and is asked in another way, one does come behind such a page.
        let before = self.take_last(window).map(|before| self.step(Some(before)));
        let token = page.token.as_ref().filter(|token| !token.value.is_empty()).cloned();
        if token.is_none() && page.is_last_part {
            self.last.push((window, page));
            return before;
        }
        if token.is_some() {
            self.position.stands_at(window, token);
        }
        let step = self.step(Some(page));
        match before {
            None => Some(step),
            Some(before) => {
                self.behind = Some(step);
                Some(before)
            }
        }
    }

    fn take_last(&mut self, window: usize) -> Option<Page<T>> {
        let nth = self.last.iter().position(|(of, _)| *of == window)?;
        Some(self.last.swap_remove(nth).1)
    }
}

impl<T: ListItem> Stream for Harvest<T> {
    type Item = Result<Step<T>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(error) = this.failed.take() {
            this.running.clear();
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(step) = this.behind.take() {
            return Poll::Ready(Some(Ok(step)));
        }
        loop {
            let Some((window, progress)) = ready!(this.running.poll_next_unpin(cx)) else {
                return Poll::Ready(None);
            };
            return Poll::Ready(Some(Ok(match progress {
                Progress::Page(page) => match this.take_page(window, page) {
                    Some(step) => step,
                    None => continue,
                },
                Progress::End(summary) => {
                    this.position.open.retain(|open| open.window != window);
                    this.summary.add_verdict(&summary.verdict);
                    this.fill();
                    let last = this.take_last(window);
                    this.step(last)
                }
                Progress::Failed(error) => {
                    // A list that went wrong is begun anew next time, not gone on with at the token
                    // that led nowhere. One that merely broke off goes on.
                    if error.kind() == ErrorKind::Truncated {
                        this.position.stands_at(window, None);
                        this.summary.add_verdict(&Verdict::Truncated(error.reasons().to_vec()));
                    }
                    this.failed = Some(error);
                    let last = this.take_last(window);
                    this.step(last)
                }
            })));
        }
    }
}

impl<T: ListItem> Stream for Running<T> {
    type Item = (usize, Progress<T>);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.is_done {
            return Poll::Ready(None);
        }
        let progress = match ready!(this.list.poll_next_unpin(cx)) {
            Some(Ok(page)) => Progress::Page(page),
            Some(Err(error)) => {
                this.is_done = true;
                Progress::Failed(error)
            }
            None => {
                this.is_done = true;
                Progress::End(this.list.summary().clone())
            }
        };
        Poll::Ready(Some((this.window, progress)))
    }
}
