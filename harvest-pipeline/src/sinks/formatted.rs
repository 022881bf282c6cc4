//! A batch as text, for the sinks that write records one behind the other.

use crate::batch::Item;
use crate::error::{RecordError, Stage};
use crate::run::Outcome;
use crate::sink::{Entry, ParsedBatch, Written};

/// Has every record written that is stored (with what the parser read) or deleted (without).
pub(super) fn write_each<R>(
    batch: &ParsedBatch<R>,
    mut write: impl FnMut(&Item, Option<&R>) -> serde_json::Result<()>,
) -> Written {
    let mut failures = Vec::new();
    let outcomes = batch.entries.iter().map(|entry| {
        let written = match entry {
            Entry::Put { item, record, .. } => write(item, Some(record)),
            Entry::Delete { item } => write(item, None),
            _ => Ok(()),
        };
        let Err(error) = written else { return entry.plain_outcome() };
        let identifier = entry.item().map_or("", |item| &item.identifier);
        let message = format!("the parsed record cannot be written as JSON: {error}");
        failures.push(RecordError::new(identifier, Stage::Sink, message));
        Outcome::Failed
    });
    let outcomes = outcomes.collect();
    Written::new(outcomes).with_failures(failures)
}

/// The text of a batch.
#[derive(Debug)]
pub(super) struct Formatted {
    pub(super) text: Vec<u8>,
    /// What became of the entries, once the text is written.
    pub(super) written: Written,
}

impl Formatted {
    /// Has the text written, record by record; see [`write_each`].
    pub(super) fn of<R>(
        batch: &ParsedBatch<R>,
        mut write: impl FnMut(&Item, Option<&R>, &mut Vec<u8>) -> serde_json::Result<()>,
    ) -> Self {
        // About a tenth more than the payloads, for the quotes in XML.
        let mut text = Vec::with_capacity(batch.bytes as usize / 10 * 11);
        let written = write_each(batch, |item, record| {
            let begin = text.len();
            write(item, record, &mut text).inspect_err(|_| text.truncate(begin))
        });
        Self { text, written }
    }

    /// What was formatted beforehand.
    pub(super) fn take<R>(batch: &mut ParsedBatch<R>) -> Option<Self> {
        let prepared = batch.prepared.take()?.downcast::<Self>().ok()?;
        (prepared.written.outcomes.len() == batch.entries.len()).then_some(*prepared)
    }
}
