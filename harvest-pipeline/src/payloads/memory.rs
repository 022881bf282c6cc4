use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::packed::{pack, unpack};
use super::{ContentAddress, PayloadError, PayloadStore};

/// Payloads in memory, compressed: for tests, and for what need not outlive the process.
#[derive(Debug, Default)]
pub struct MemoryPayloads(Mutex<HashMap<ContentAddress, Vec<u8>>>);

impl MemoryPayloads {
    /// An empty archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ContentAddress, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PayloadStore for MemoryPayloads {
    async fn put(&self, payload: &[u8]) -> Result<ContentAddress, PayloadError> {
        let address = ContentAddress::of(payload);
        if let Entry::Vacant(place) = self.all().entry(address) {
            let packed = pack(payload).map_err(|error| PayloadError::Unavailable {
                doing: "compress",
                place: address.to_string(),
                source: error.into(),
            })?;
            place.insert(packed);
        }
        Ok(address)
    }

    async fn get(&self, address: &ContentAddress) -> Result<Option<Vec<u8>>, PayloadError> {
        let packed = self.all().get(address).cloned();
        // It was packed here, so it is no larger than what was put.
        let unpack = |packed: Vec<u8>| unpack(&packed, address, u64::MAX, || address.to_string());
        packed.map(unpack).transpose()
    }

    async fn contains(&self, address: &ContentAddress) -> Result<bool, PayloadError> {
        Ok(self.all().contains_key(address))
    }

    async fn remove(&self, address: &ContentAddress) -> Result<(), PayloadError> {
        self.all().remove(address);
        Ok(())
    }
}
