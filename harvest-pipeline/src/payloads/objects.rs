use std::error::Error as StdError;

use async_trait::async_trait;

use super::packed::{pack, unpack};
use super::{ContentAddress, PayloadError, PayloadStore};
use crate::bucket::Bucket;

/// How large a payload may be unpacked unless something else is said: 256 MiB.
const LIMIT: u64 = 256 << 20;

/// Payloads in a bucket, each an object of its own, compressed with zstd:
/// `ba/7816bf…15ad.zst`.
#[derive(Clone, Debug)]
pub struct ObjectPayloads {
    bucket: Bucket,
    limit: u64,
}

impl ObjectPayloads {
    /// Keeps them in this bucket.
    #[must_use]
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket, limit: LIMIT }
    }

    /// Sets how many bytes a payload may have unpacked: one that has more is not stored, and counts
    /// as damaged when it is found. Left out: 256 MiB.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    fn unavailable<E: Into<Box<dyn StdError + Send + Sync>>>(
        &self,
        doing: &'static str,
        name: &str,
    ) -> impl FnOnce(E) -> PayloadError {
        let place = self.bucket.full_name(name);
        move |error| PayloadError::Unavailable { doing, place, source: error.into() }
    }
}

fn name(address: &ContentAddress) -> String {
    let digits = address.to_string();
    let (folder, rest) = digits.split_at(2);
    format!("{folder}/{rest}.zst")
}

#[async_trait]
impl PayloadStore for ObjectPayloads {
    async fn put(&self, payload: &[u8]) -> Result<ContentAddress, PayloadError> {
        let address = ContentAddress::of(payload);
        if !self.contains(&address).await? {
            let name = name(&address);
            if payload.len() as u64 > self.limit {
                let why = format!("it has more than {} bytes", self.limit);
                return Err(self.unavailable("store", &name)(why));
            }
            let packed = pack(payload).map_err(self.unavailable("compress", &name))?;
            self.bucket.put(&name, packed).await.map_err(self.unavailable("store", &name))?;
        }
        Ok(address)
    }

    async fn get(&self, address: &ContentAddress) -> Result<Option<Vec<u8>>, PayloadError> {
        let name = name(address);
        let packed = self.bucket.get(&name).await.map_err(self.unavailable("read", &name))?;
        let unpack =
            |packed: Vec<u8>| unpack(&packed, address, self.limit, || self.bucket.full_name(&name));
        packed.map(unpack).transpose()
    }

    async fn contains(&self, address: &ContentAddress) -> Result<bool, PayloadError> {
        let name = name(address);
        self.bucket.contains(&name).await.map_err(self.unavailable("look for", &name))
    }

    async fn remove(&self, address: &ContentAddress) -> Result<(), PayloadError> {
        let name = name(address);
        self.bucket.remove(&name).await.map_err(self.unavailable("remove", &name))
    }
}
