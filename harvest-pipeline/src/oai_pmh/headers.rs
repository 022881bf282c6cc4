//! Headers first, as `ListIdentifiers` gives them, then each record with `GetRecord`.

use std::collections::VecDeque;

use ::oai_pmh::{Harvest, Header, Position, Request, Step, Window};
use async_trait::async_trait;

use super::item::{broken, doubts, listed, notice};
use super::single::Single;
use super::{Listing, OaiPmhSource, State, Strategy, failed};
use crate::batch::{Item, Origin};
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError};
use crate::holdings::Holdings;
use crate::two_step::{Get, Page, TwoStep};

/// A run that lists headers and gets the records that are wanted.
pub(super) struct Headers<'a> {
    source: &'a OaiPmhSource,
    held: Holdings,
    state: State,
    asked: Window,
    harvest: Harvest<Header>,
    request_url: String,
    /// Where the harvest stood before the page in work.
    before: Position,
    /// The identifiers of that page that are not done with.
    left: VecDeque<Option<String>>,
    /// The last one done of the page that an earlier run was at.
    after: Option<String>,
    single: Single<'a>,
}

/// A record of the list.
pub(super) struct Reference {
    header: Result<Header, RecordError>,
    /// Whether the sink has this version of it.
    is_held: bool,
}

impl<'a> Headers<'a> {
    pub(super) async fn begin(
        source: &'a OaiPmhSource,
        mut state: State,
        held: Holdings,
    ) -> Result<Self, RunError> {
        state.running = None;
        let asked = source.selection.time_span().clone();
        let under_way =
            state.listing.take().filter(|it| it.window == asked && it.strategy == source.strategy);
        let (harvest, after) = match under_way {
            Some(Listing { position, after, .. }) => {
                (source.client.resume_identifiers(position, source.parallel), after)
            }
            None => {
                let window = match source.strategy {
                    Strategy::Reconcile => asked.clone(),
                    _ => source.window(&state)?,
                };
                let selection = source.selection.clone().window(window);
                let begun =
                    source.client.harvest_identifiers(&selection, source.slice, source.parallel);
                (begun.await.map_err(failed)?, None)
            }
        };
        let before = harvest.position().clone();
        let request_url = source.url_of(before.window().clone(), Request::ListIdentifiers);
        let (left, single) = (VecDeque::new(), Single::new(source));
        Ok(Self { source, held, state, asked, harvest, request_url, before, left, after, single })
    }

    /// Marks what need not be got.
    async fn compare(&self, references: &mut [Reference]) -> Result<(), RunError> {
        if self.source.strategy != Strategy::Reconcile {
            return Ok(());
        }
        let headers = references.iter().flat_map(|reference| &reference.header);
        let known = self.held.known(headers.map(|it| it.identifier.clone()).collect()).await?;
        for Reference { header, is_held } in references {
            let Ok(Header { identifier, datestamp: Some(stamp), .. }) = header else { continue };
            let stored = known.get(identifier).filter(|known| known.live);
            let stored = stored.and_then(|known| known.datestamp.as_deref());
            *is_held = stored.is_some_and(|stored| stored == stamp.to_string());
        }
        Ok(())
    }
}

#[async_trait]
impl TwoStep for Headers<'_> {
    type Reference = Reference;

    async fn list(&mut self) -> Result<Option<Page<Reference>>, RunError> {
        self.before = self.harvest.position().clone();
        let Some(step) = self.harvest.next_step().await else { return Ok(None) };
        let Step { page, position, .. } = step.map_err(failed)?;
        let mut references = Vec::new();
        let (mut notices, mut date) = (Vec::new(), None);
        if let Some(page) = page {
            date = page.response_date.as_ref().map(ToString::to_string);
            notices = page.issues.iter().map(notice).collect();
            let headers = page.items.into_iter().map(|header| header.map_err(broken));
            references.extend(headers.map(|header| Reference { header, is_held: false }));
        }
        let done = references.iter().position(|reference| {
            self.after.is_some() && reference.identifier() == self.after.as_deref()
        });
        if let Some(done) = done {
            references.drain(..=done);
            self.after = None;
        }
        self.compare(&mut references).await?;
        self.left = references.iter().map(|it| it.identifier().map(str::to_owned)).collect();
        if position.is_complete() {
            notices.append(&mut doubts(self.harvest.summary()));
        }
        let mut page = Page::new(references);
        page.origin = Origin::new(self.request_url.clone(), date);
        page.notices = notices;
        page.total_hint = self.harvest.summary().announced;
        Ok(Some(page))
    }

    async fn get(&self, reference: &Reference) -> Result<Item, RecordError> {
        let header = reference.header.as_ref().map_err(Clone::clone)?;
        if header.is_deleted || reference.is_held {
            return Ok(listed(header));
        }
        self.single.get(&header.identifier).await
    }

    fn checkpoint(
        &mut self,
        done: usize,
        _: Vec<Reference>,
    ) -> Result<Option<Checkpoint>, RunError> {
        self.single.check()?;
        let last = self.left.drain(..done).next_back().flatten();
        let position = match self.left.is_empty() {
            true => self.harvest.position().clone(),
            false => self.before.clone(),
        };
        // The position stands before the page until a token or the end of the list is behind it.
        let after = if position == self.before { last } else { None };
        let after = after.or_else(|| self.after.clone());
        if position.is_complete() {
            self.state.end(&self.asked, position);
        } else {
            let (strategy, window) = (self.source.strategy, self.asked.clone());
            self.state.listing = Some(Listing { strategy, window, position, after });
        }
        Ok(Some(self.state.checkpoint()?))
    }
}

impl Reference {
    fn identifier(&self) -> Option<&str> {
        match &self.header {
            Ok(header) => Some(&header.identifier),
            Err(error) => error.identifier.as_deref(),
        }
    }
}
