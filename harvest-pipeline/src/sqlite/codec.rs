//! How metadata is kept in a row.

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};

/// The body is the metadata.
const STORED: i64 = 0;
/// The body is a zstd frame.
const ZSTD: i64 = 1;

/// Faster than the default and, for records of a few kilobytes, hardly larger.
const LEVEL: i32 = 1;
/// Smaller than this, a frame saves nothing worth its header.
const WORTH_IT: usize = 200;

thread_local! {
    // Setting up a context costs more than compressing one record with it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> =
        RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> =
        RefCell::new(Decompressor::new().ok());
}

/// The form in which `metadata` is kept, and the number that says which.
pub(super) fn encode(metadata: &[u8]) -> (i64, Vec<u8>) {
    if metadata.len() >= WORTH_IT {
        let compressed = COMPRESSOR.with_borrow_mut(|it| it.as_mut()?.compress(metadata).ok());
        if let Some(mut compressed) = compressed
            && compressed.len() < metadata.len()
        {
            // It was allocated for the worst case.
            compressed.shrink_to_fit();
            return (ZSTD, compressed);
        }
    }
    (STORED, metadata.to_vec())
}

/// The metadata, `size` bytes of it.
pub(super) fn decode(codec: i64, body: Vec<u8>, size: usize) -> io::Result<Vec<u8>> {
    let metadata = match codec {
        STORED => body,
        ZSTD => DECOMPRESSOR.with_borrow_mut(|it| {
            let it = it.as_mut().ok_or_else(|| io::Error::other("zstd cannot be set up"))?;
            it.decompress(&body, size)
        })?,
        _ => return Err(io::Error::other(format!("unknown codec {codec}"))),
    };
    if metadata.len() == size {
        Ok(metadata)
    } else {
        Err(io::Error::other(format!("{} bytes instead of {size}", metadata.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for metadata in [&b""[..], b"<dc/>", &b"<title>x</title>".repeat(1000)] {
            let (codec, body) = encode(metadata);
            assert!(body.len() <= metadata.len());
            assert_eq!(decode(codec, body, metadata.len()).unwrap(), metadata);
        }
        assert_eq!(encode(&b"<title>x</title>".repeat(1000)).0, ZSTD);
    }

    #[test]
    fn damage_is_an_error() {
        let metadata = b"<title>x</title>".repeat(1000);
        let (codec, body) = encode(&metadata);
        assert!(decode(codec, body[..body.len() / 2].to_vec(), metadata.len()).is_err());
        assert!(decode(codec, body.clone(), metadata.len() + 1).is_err());
        assert!(decode(9, body, metadata.len()).is_err());
    }
}
