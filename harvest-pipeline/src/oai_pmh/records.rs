//! Records page by page, as `ListRecords` gives them.

use std::sync::Arc;

use ::oai_pmh::{Harvest, Request, Step, Window};
use futures_util::{Stream, stream};

use super::item::{broken, doubts, item, notice};
use super::{OaiPmhSource, State, failed};
use crate::batch::{Batch, Origin};
use crate::error::RunError;

/// A run that lists records.
pub(super) struct Records {
    state: State,
    asked: Window,
    harvest: Harvest,
    format: Arc<str>,
    request_url: String,
    number: u64,
    is_done: bool,
}

impl Records {
    pub(super) async fn begin(source: &OaiPmhSource, mut state: State) -> Result<Self, RunError> {
        state.listing = None;
        let asked = source.selection.time_span().clone();
        let under_way = state.running.take().filter(|(window, _)| *window == asked);
        let harvest = match under_way {
            Some((_, position)) => source.client.resume_harvest(position, source.parallel),
            None => {
                let selection = source.selection.clone().window(source.window(&state)?);
                let begun = source.client.harvest(&selection, source.slice, source.parallel).await;
                begun.map_err(failed)?
            }
        };
        let window = harvest.position().window().clone();
        let request_url = source.url_of(window, Request::ListRecords);
        let format = source.selection.metadata_prefix().into();
        Ok(Self { state, asked, harvest, format, request_url, number: 0, is_done: false })
    }

    pub(super) fn batches(self) -> impl Stream<Item = Result<Batch, RunError>> + Send {
        stream::unfold(self, async |mut this| {
            if this.is_done {
                return None;
            }
            let batch = match this.harvest.next_step().await? {
                Ok(step) => this.batch(step),
                Err(error) => Err(failed(error)),
            };
            this.is_done = batch.is_err();
            Some((batch, this))
        })
    }

    fn batch(&mut self, step: Step) -> Result<Batch, RunError> {
        let Step { page, position, .. } = step;
        let is_complete = position.is_complete();
        if is_complete {
            self.state.end(&self.asked, position);
        } else {
            self.state.running = Some((self.asked.clone(), position));
        }
        let mut batch = Batch::new(self.number, self.state.checkpoint()?);
        self.number += 1;
        batch.total_hint = self.harvest.summary().announced;
        if let Some(page) = page {
            let date = page.response_date.as_ref().map(ToString::to_string);
            batch.notices = page.issues.iter().map(notice).collect();
            let items = page.items.into_iter().map(|record| match record {
                Ok(record) => item(record, &self.format),
                Err(error) => Err(broken(error)),
            });
            batch = batch
                .with_items(items.collect())
                .with_origin(Origin::new(self.request_url.clone(), date));
        }
        if is_complete {
            batch.notices.append(&mut doubts(self.harvest.summary()));
        }
        Ok(batch)
    }
}
