//! Filters and parser over one batch, and what the sink prepares of it. Runs on a thread that may block.

use std::any::Any;
use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::batch::{Batch, Change, Item, Notice, NoticeLevel, SourceId};
use crate::error::{RecordError, Stage};
use crate::filter::{Candidate, Decision, Filter, Known};
use crate::parser::{Keys, Parser};
use crate::sink::{Entry, ParsedBatch, Preparer};

pub(super) fn process<P: Parser>(
    batch: Batch,
    source: SourceId,
    filters: &[Box<dyn Filter>],
    wanted: &Keys,
    parser: &P,
    known: &HashMap<String, Known>,
    preparer: Option<&dyn Preparer<P::Record>>,
) -> ParsedBatch<P::Record> {
    let mut notices = batch.notices;
    let mut entries = batch.items.into_iter().map(|item| match item {
        Ok(item) => process_item(item, filters, wanted, parser, known, &mut notices),
        Err(error) => Entry::Failed { error, item: None },
    });
    let each = preparer.and_then(|preparer| preparer.prepare_each(&source, &mut entries));
    let whole = preparer.filter(|_| each.is_none());
    let (entries, prepared) = match each {
        Some((entries, prepared)) => (entries, Some(prepared)),
        None => (entries.collect(), None),
    };
    let mut batch = ParsedBatch {
        number: batch.number,
        source,
        entries,
        checkpoint: batch.checkpoint,
        origin: batch.origin,
        received: batch.received,
        notices,
        total_hint: batch.total_hint,
        bytes: batch.bytes,
        prepared,
    };
    if let Some(preparer) = whole {
        preparer.prepare(&mut batch);
    }
    batch
}

fn process_item<P: Parser>(
    item: Item,
    filters: &[Box<dyn Filter>],
    wanted: &Keys,
    parser: &P,
    known: &HashMap<String, Known>,
    notices: &mut Vec<Notice>,
) -> Entry<P::Record> {
    let payload = match &item.change {
        Change::Put(payload) => payload,
        Change::Delete => return Entry::Delete { item },
        Change::Listed => return Entry::Unchanged { item },
    };

    let early = Cell::new(None);
    let extract = || {
        let preview = guarded(&item, Stage::Parse, || parser.fields(&item, payload, wanted))?;
        early.set(preview.parsed);
        Ok(preview.fields)
    };
    let candidate = Candidate::new(&item, known.get(&item.identifier), &extract);
    let decision = filters
        .iter()
        .map(|filter| guarded(&item, Stage::Filter, || filter.decide(&candidate)))
        .find(|decision| !matches!(decision, Ok(Decision::Accept)))
        .unwrap_or(Ok(Decision::Accept));

    match decision {
        Ok(Decision::Accept) => {}
        Ok(Decision::Reject(reason)) => return Entry::Rejected { item, reason },
        Ok(Decision::Unchanged) => return Entry::Unchanged { item },
        Ok(Decision::Delete) => return Entry::Delete { item },
        Err(error) => return Entry::Failed { error, item: Some(item) },
    }
    let parse = || guarded(&item, Stage::Parse, || parser.parse(&item, payload));
    match early.take().map_or_else(parse, Ok) {
        Ok(parsed) => {
            notices.extend(parsed.issues.iter().map(|issue| {
                Notice::new(NoticeLevel::Warning, issue.to_string()).about(item.identifier.clone())
            }));
            Entry::Put { item, record: parsed.record, issues: parsed.issues }
        }
        Err(error) => Entry::Failed { error, item: Some(item) },
    }
}

/// Runs a user's code for one record and makes of a panic an error that names the record.
fn guarded<T>(
    item: &Item,
    stage: Stage,
    user_code: impl FnOnce() -> Result<T, RecordError>,
) -> Result<T, RecordError> {
    // Unwind safety: filters and parsers take `&self`; one that leaves something half-changed
    // behind a lock poisons the lock and fails on the next record, visibly.
    catch_unwind(AssertUnwindSafe(user_code)).unwrap_or_else(|panic| {
        let message = format!("panicked: {}", panic_text(&*panic));
        Err(RecordError::new(item.identifier.clone(), stage, message))
    })
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}
