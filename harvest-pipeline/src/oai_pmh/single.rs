//! Records by themselves, with `GetRecord`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use resync_core::transport::without_credentials;

use super::OaiPmhSource;
use super::item::item;
use crate::batch::Item;
use crate::error::{RecordError, RunError, Stage};
use crate::two_step::Get;

/// After so many records in a row that could not even be asked for, the repository is taken to be
/// out of order.
const OUTAGE: u32 = 20;

/// Gets records, and notices when the repository gives none any more.
pub(super) struct Single<'a> {
    source: &'a OaiPmhSource,
    format: Arc<str>,
    out_of_reach: AtomicU32,
}

impl<'a> Single<'a> {
    pub(super) fn new(source: &'a OaiPmhSource) -> Self {
        let format = source.selection.metadata_prefix().into();
        Self { source, format, out_of_reach: AtomicU32::new(0) }
    }
}

#[async_trait]
impl Get for Single<'_> {
    async fn get(&self, identifier: &str) -> Result<Item, RecordError> {
        let failed = |message: String| RecordError::new(identifier, Stage::Source, message);
        let got = self.source.client.get_record(identifier, &self.format).await;
        match &got {
            Err(error) if error.is_transient() => self.out_of_reach.fetch_add(1, Ordering::Relaxed),
            _ => self.out_of_reach.swap(0, Ordering::Relaxed),
        };
        let record = got.map_err(|error| failed(error.to_string()))?.body;
        if record.header.identifier != identifier {
            let message = format!("asked for it, got {}", record.header.identifier);
            return Err(failed(message));
        }
        item(record, &self.format)
    }

    fn check(&self) -> Result<(), RunError> {
        let out_of_reach = self.out_of_reach.load(Ordering::Relaxed);
        if out_of_reach < OUTAGE {
            return Ok(());
        }
        let message = format!(
            "the last {out_of_reach} records could not be had: the repository seems to be out of \
             order; the next run goes on behind what is stored"
        );
        let url = without_credentials(self.source.client.base_url());
        Err(RunError::new(Stage::Source, message).with_transient(true).with_url(url))
    }
}
