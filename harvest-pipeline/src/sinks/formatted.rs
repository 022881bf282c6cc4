//! A batch as text, for the sinks that write records one behind the other.

use crate::batch::Item;
use crate::error::{RecordError, Stage};
use crate::run::Outcome;
use crate::sink::{Entry, ParsedBatch, Written};

/// The text of a batch, and what became of its entries.
#[derive(Debug)]
pub(super) struct Formatted {
    pub(super) text: Vec<u8>,
    outcomes: Vec<Outcome>,
    failures: Vec<RecordError>,
}

impl Formatted {
    /// Has every record written that is stored (with what the parser read) or deleted (without).
    pub(super) fn of<R>(
        batch: &ParsedBatch<R>,
        mut write: impl FnMut(&Item, Option<&R>, &mut Vec<u8>) -> serde_json::Result<()>,
    ) -> Self {
        // About a tenth more than the payloads, for the quotes in XML.
        let mut text = Vec::with_capacity(batch.bytes as usize / 10 * 11);
        let mut failures = Vec::new();
        let outcomes = batch.entries.iter().map(|entry| {
            let begin = text.len();
            let written = match entry {
                Entry::Put { item, record, .. } => write(item, Some(record), &mut text),
                Entry::Delete { item } => write(item, None, &mut text),
                _ => Ok(()),
            };
            let Err(error) = written else { return entry.plain_outcome() };
            text.truncate(begin);
            let identifier = entry.item().map_or("", |item| &item.identifier);
            let message = format!("the parsed record cannot be written as JSON: {error}");
            failures.push(RecordError::new(identifier, Stage::Sink, message));
            Outcome::Failed
        });
        let outcomes = outcomes.collect();
        Self { text, outcomes, failures }
    }

    /// What was formatted beforehand.
    pub(super) fn take<R>(batch: &mut ParsedBatch<R>) -> Option<Self> {
        let prepared = batch.prepared.take()?.downcast::<Self>().ok()?;
        (prepared.outcomes.len() == batch.entries.len()).then_some(*prepared)
    }

    /// What became of the entries, once the text is written.
    pub(super) fn written(self) -> Written {
        Written::new(self.outcomes).with_failures(self.failures)
    }
}
