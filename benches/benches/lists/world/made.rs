//! The records of a source, made from the corpus.

use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use harvest_benches::Corpus;
use harvest_pipeline::{
    Batch, Checkpoint, Item, Origin, Payload, RecordError, RunError, Source, SourceId, Stage,
};
use oai_pmh::Record;

/// So many records are a batch.
const BATCH: u64 = 500;
/// Which sources have tombstones, and which have failures: one of so many.
const DELETING: u64 = 40;
const FAILING: u64 = 20;

/// A source that has some records of the corpus: those that are deleted there are deleted here once they
/// were listed, and if some fail, it is those.
#[derive(Debug)]
pub(super) struct Made {
    id: SourceId,
    corpus: Arc<Corpus>,
    part: Range<u64>,
    nth: u64,
}

impl Made {
    pub(super) fn new(id: SourceId, corpus: Arc<Corpus>, part: Range<u64>, nth: u64) -> Self {
        Self { id, corpus, part, nth }
    }

    fn batch(&self, number: u64, part: Range<u64>) -> Batch {
        let page = self.corpus.page(part.clone()).into_bytes();
        let page = oai_pmh::parse::Parser::new().page::<Record>(page, None).expect("a page");
        let records = part.zip(page.items.iter().flatten());
        let items = records.flat_map(|(index, record)| self.items(index, record)).collect();
        let url =
            format!("https://archive.example.org/oai?verb=ListRecords&resumptionToken={number}");
        Batch::new(number, None).with_items(items).with_origin(Origin::new(url, None))
    }

    fn items(&self, index: u64, record: &Record) -> Vec<Result<Item, RecordError>> {
        let identifier = &record.header.identifier;
        let Some(metadata) = &record.metadata else {
            let fails = self.nth.is_multiple_of(FAILING) && index.is_multiple_of(2);
            if fails {
                let why = "the element creator is not closed (line 7)";
                return vec![Err(RecordError::new(identifier, Stage::Parse, why))];
            }
            let deletes = self.nth.is_multiple_of(DELETING);
            return if deletes { vec![Ok(Item::delete(identifier))] } else { Vec::new() };
        };
        let payload = Payload::new("oai_dc", metadata.standalone());
        // Words that few records have, and one that only the last sources know.
        let mut sets = vec![format!("floor{}", index % 50), format!("shelf{}", index % 997)];
        if self.nth % 1000 >= 900 {
            sets.push("lately".to_owned());
        }
        let mut item = Item::put(identifier, payload).with_sets(sets);
        item.datestamp = record.header.datestamp.as_ref().map(ToString::to_string);
        vec![Ok(item)]
    }
}

impl Source for Made {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let parts = self.part.clone().step_by(BATCH as usize);
        let parts = parts.map(|start| start..(start + BATCH).min(self.part.end));
        let batches = parts.enumerate().map(|(nth, part)| Ok(self.batch(nth as u64, part)));
        stream::iter(batches).boxed()
    }
}
