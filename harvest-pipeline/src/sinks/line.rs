//! A record as one JSON object on one line, for the sinks that write such.

use std::marker::PhantomData;

use serde::Serialize;

use super::formatted::Formatted;
use crate::batch::Item;
use crate::sink::{ParsedBatch, Preparer};

/// One record as an object of JSON Lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Line<'a> {
    /// What identifies the record.
    pub identifier: &'a str,
    /// When the source last changed it.
    pub datestamp: Option<&'a str>,
    /// The sets it belongs to.
    pub sets: &'a [String],
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// The metadata as standalone XML; none for a tombstone.
    pub metadata: Option<&'a str>,
    /// Statements about the metadata, each as standalone XML.
    pub about: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// The line of an item.
    #[must_use]
    pub fn of(item: &'a Item) -> Self {
        let metadata = item.payload().map(|payload| &*payload.body);
        Self {
            identifier: &item.identifier,
            datestamp: item.datestamp.as_deref(),
            sets: &item.sets,
            deleted: metadata.is_none(),
            metadata,
            about: item.abouts.iter().map(String::as_str).collect(),
        }
    }

    /// Appends the line with its line break to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        // Strings and lists of them: there is nothing that JSON could not say, and a Vec takes all.
        let written = serde_json::to_writer(&mut *out, self);
        debug_assert!(written.is_ok(), "{written:?}");
        out.push(b'\n');
    }
}

/// What a sink writes of a record: [`AsReceived`], [`WithRecord`], or an object of your own.
pub trait LineForm<R>: Send + Sync + 'static {
    /// Appends the object, on one line and without a line break at its end. A tombstone has no
    /// record.
    ///
    /// # Errors
    /// If the record cannot be written; it then counts as failed.
    fn write(line: &Line<'_>, record: Option<&R>, out: &mut Vec<u8>) -> serde_json::Result<()>;
}

/// Lines with the record as the source delivered it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AsReceived;

impl<R> LineForm<R> for AsReceived {
    fn write(line: &Line<'_>, _: Option<&R>, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, line)
    }
}

/// Lines with the record as the source delivered it, and behind that as the parser read it:
/// `"record":{…}`, `null` for a tombstone.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct WithRecord;

impl<R: Serialize> LineForm<R> for WithRecord {
    fn write(line: &Line<'_>, record: Option<&R>, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *out, line)?;
        // The object goes on where it ended.
        out.pop();
        out.extend_from_slice(b",\"record\":");
        serde_json::to_writer(&mut *out, &record)?;
        out.push(b'}');
        Ok(())
    }
}

/// The lines of a batch.
pub(super) fn lines<R, F: LineForm<R>>(batch: &ParsedBatch<R>) -> Formatted {
    Formatted::of(batch, |item, record, out| {
        let mut line = Line::of(item);
        if record.is_none() {
            line = Line { deleted: true, metadata: None, ..line };
        }
        F::write(&line, record, out)?;
        out.push(b'\n');
        Ok(())
    })
}

/// Formats the lines beforehand, on the threads that parse.
pub(super) struct FormatLines<F>(PhantomData<fn() -> F>);

impl<F> FormatLines<F> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R: Send + Sync, F: LineForm<R>> Preparer<R> for FormatLines<F> {
    fn prepare(&self, batch: &mut ParsedBatch<R>) {
        batch.prepared = Some(Box::new(lines::<R, F>(batch)));
    }
}
