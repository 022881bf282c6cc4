//! An archive of metadata as it came, addressed by content.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use harvest_pipeline::payloads::{MemoryPayloads, PayloadStore};
//!
//! let archive = MemoryPayloads::new();
//! let address = archive.put(b"<dc/>").await?;
//! assert_eq!(archive.get(&address).await?.as_deref(), Some(&b"<dc/>"[..]));
//! # Ok(()) }
//! ```

mod address;
mod memory;
#[cfg(feature = "object-store")]
mod objects;
mod packed;

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;

pub use self::address::{AddressError, ContentAddress};
pub use self::memory::MemoryPayloads;
#[cfg(feature = "object-store")]
pub use self::objects::ObjectPayloads;

/// Keeps payloads, each once, under the SHA-256 of its bytes.
///
/// # Contract
/// * What was put can be had under its address until it is removed, byte for byte.
/// * Putting the same twice is putting it once.
/// * What comes out was checked against its address: a damaged payload is an error and never bytes.
/// * A payload appears whole or not at all, whoever is putting the same at the same time.
#[async_trait]
pub trait PayloadStore: fmt::Debug + Send + Sync {
    /// Stores a payload, if it is not there yet, and says under which address.
    ///
    /// # Errors
    /// If it cannot be stored.
    async fn put(&self, payload: &[u8]) -> Result<ContentAddress, PayloadError>;

    /// The payload of this address, if it is there.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    async fn get(&self, address: &ContentAddress) -> Result<Option<Vec<u8>>, PayloadError>;

    /// Whether there is something under this address. Does not read it.
    ///
    /// # Errors
    /// If that cannot be found out.
    async fn contains(&self, address: &ContentAddress) -> Result<bool, PayloadError>;

    /// Removes the payload of this address, if it is there. Whether anything still needs it is for
    /// the caller to know.
    ///
    /// # Errors
    /// If it cannot be removed.
    async fn remove(&self, address: &ContentAddress) -> Result<(), PayloadError>;
}

/// A payload that cannot be stored, or had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// What is stored is not what was put.
    #[error(
        "the payload {place} is damaged: {why}; remove it, and store it again from a copy or from \
         its source"
    )]
    Damaged {
        /// Which one, and where.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The place where payloads are kept does not do what it should.
    #[error("cannot {doing} the payload {place}: {source}")]
    Unavailable {
        /// What was to be done.
        doing: &'static str,
        /// Which one, and where.
        place: String,
        /// Why not.
        source: Box<dyn StdError + Send + Sync>,
    },
}
