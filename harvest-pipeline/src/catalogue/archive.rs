//! Metadata that is kept in an archive of payloads instead of the database.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::codec::{ARCHIVED, Codec};
use super::plan::Plan;
use super::prepare::{Content, Prepared};
use crate::error::{RunError, Stage};
use crate::payloads::{ContentAddress, PayloadStore};

/// How many payloads are on their way at once.
const AT_ONCE: usize = 16;

/// The archive, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Archive(OnceLock<Arc<dyn PayloadStore>>);

/// What was fetched of it, by hash.
pub(crate) type Fetched = HashMap<Vec<u8>, Vec<u8>>;

impl Archive {
    /// Sets it; the first one counts.
    pub(crate) fn set(&self, payloads: Arc<dyn PayloadStore>) {
        let _ = self.0.set(payloads);
    }

    pub(crate) fn get(&self) -> Option<&Arc<dyn PayloadStore>> {
        self.0.get()
    }

    /// Fetches what these rows, each with its codec and body, have there instead of the database.
    pub(crate) async fn fetch<'r>(
        &self,
        rows: impl Iterator<Item = (i64, &'r [u8])> + Send,
    ) -> Result<Fetched, RunError> {
        let wanted = rows.filter(|(codec, _)| *codec == ARCHIVED).map(|(_, hash)| hash.to_vec());
        let wanted: Vec<Vec<u8>> = wanted.collect();
        if wanted.is_empty() {
            return Ok(Fetched::new());
        }
        let payloads = self.get().ok_or_else(|| {
            let message = "the metadata is in an archive of payloads, and none is set up here; name \
                           the one that it was harvested into (`payloads` in the settings)";
            RunError::new(Stage::Sink, message)
        })?;
        let fetched = wanted.into_iter().map(|hash| fetch(Arc::clone(payloads), hash));
        stream::iter(fetched).buffer_unordered(AT_ONCE).try_collect().await
    }
}

/// Puts what is to be written into the archive, before anything refers to it.
pub(crate) async fn put_aside(
    payloads: &Arc<dyn PayloadStore>,
    prepared: &mut Prepared,
    plan: &Plan,
) -> Result<(), RunError> {
    let mut putting = Vec::with_capacity(plan.writes.len());
    for write in &plan.writes {
        let version = prepared.get_mut(write.entry).and_then(Option::as_mut);
        let content = version.and_then(|version| version.as_mut().ok()?.content.as_mut());
        let Some(Content { body, codec, hash, .. }) = content else { continue };
        *codec = Codec::Archived;
        putting.push(put(Arc::clone(payloads), std::mem::replace(body, hash.to_vec())));
    }
    stream::iter(putting).buffer_unordered(AT_ONCE).try_collect().await
}

async fn fetch(
    payloads: Arc<dyn PayloadStore>,
    hash: Vec<u8>,
) -> Result<(Vec<u8>, Vec<u8>), RunError> {
    let address = <[u8; 32]>::try_from(&*hash).map(ContentAddress::from);
    let address = address.map_err(|_| unusable("a row names a payload by no hash".to_owned()))?;
    match payloads.get(&address).await.map_err(|error| unusable(error.to_string()))? {
        Some(payload) => Ok((hash, payload)),
        None => Err(unusable(format!(
            "the payload {address} is missing in the archive; put it back from a copy, or harvest the \
             source again from the beginning"
        ))),
    }
}

async fn put(payloads: Arc<dyn PayloadStore>, body: Vec<u8>) -> Result<(), RunError> {
    payloads.put(&body).await.map(drop).map_err(|error| {
        RunError::new(Stage::Sink, error.to_string()).with_transient(true).with_source(error)
    })
}

fn unusable(why: String) -> RunError {
    RunError::new(Stage::Sink, why)
}
