//! What became of the documents of a harvest list, in the words that Metacat has for it.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedSender;

use crate::batch::{Item, SourceId};
use crate::catalogue::Catalogue;
use crate::checkpoint::Checkpoint;
use crate::error::{RunError, Stage};
use crate::filter::Known;
use crate::operations::Operation;
use crate::parsers::Bibliographic;
use crate::run::{Outcome, Run, RunId, Summary};
use crate::sink::{Entry, Hold, ParsedBatch, Preparer, Sink, Written};
use crate::store::Event;

/// A catalogue that says of each document whether it was inserted or updated.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) catalogue: Arc<dyn Catalogue>,
    pub(super) events: UnboundedSender<Event>,
    pub(super) run: RunId,
}

impl Documents {
    /// Says what was done with a document that was fetched.
    fn tell(&self, source: &SourceId, document: &str, outcome: Outcome) {
        let done = match outcome {
            Outcome::Created => Some(("InsertDocSuccess", "Inserted")),
            Outcome::Updated => Some(("UpdateDocSuccess", "Updated")),
            _ => None,
        };
        let fetched = [("GetDocSuccess", "Retrieved"), ("ValidateDocSuccess", "Validated")];
        for (code, what) in fetched.into_iter().chain(done) {
            let Some(operation) = Operation::named(code) else { continue };
            let event = Event::new(code, operation.level, format!("{what} document {document}"));
            // Its writer is gone only when the runtime is.
            let _ = self.events.send(event.about(document).in_run(source.clone(), self.run));
        }
    }
}

/// A document that was fetched and could be read.
fn fetched(entry: &Entry<Bibliographic>) -> Option<String> {
    match entry {
        Entry::Put { item, .. } | Entry::Prepared { item } => Some(document(item)),
        _ => None,
    }
}

/// A document with its revision, as Metacat names it.
fn document(item: &Item) -> String {
    match &item.version {
        Some(revision) => format!("{}.{revision}", item.identifier),
        None => item.identifier.clone(),
    }
}

#[async_trait]
impl Sink<Bibliographic> for Documents {
    async fn begin(&self, run: &Run) -> Result<Hold, RunError> {
        self.catalogue.begin(run).await
    }

    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        self.catalogue.checkpoint(source).await
    }

    async fn known(
        &self,
        source: &SourceId,
        identifiers: &[&str],
    ) -> Result<HashMap<String, Known>, RunError> {
        self.catalogue.known(source, identifiers).await
    }

    fn preparer(&self) -> Option<Arc<dyn Preparer<Bibliographic>>> {
        self.catalogue.preparer()
    }

    async fn write(
        &self,
        run: &Run,
        batch: ParsedBatch<Bibliographic>,
    ) -> Result<Written, RunError> {
        let documents: Vec<_> = batch.entries.iter().map(fetched).collect();
        let items = batch.entries.iter().filter_map(Entry::item);
        let identifiers: Vec<_> = items.map(|item| item.identifier.clone()).collect();
        let identifiers: Vec<_> = identifiers.iter().map(String::as_str).collect();
        let known = self.known(&run.source, &identifiers).await?;
        let mut written = self.catalogue.write(run, batch).await?;
        for (document, outcome) in documents.iter().zip(&written.outcomes) {
            if let Some(document) = document {
                self.tell(&run.source, document, *outcome);
            }
        }
        for failure in written.failures.iter_mut().filter(|it| it.stage == Stage::Sink) {
            let is_known =
                failure.identifier.as_ref().is_some_and(|document| known.contains_key(document));
            let code = if is_known { "UpdateDocError" } else { "InsertDocError" };
            failure.message = format!("{code}: {}", failure.message);
        }
        Ok(written)
    }

    async fn finish(&self, run: &Run, summary: &Summary) -> Result<(), RunError> {
        self.catalogue.finish(run, summary).await
    }
}
