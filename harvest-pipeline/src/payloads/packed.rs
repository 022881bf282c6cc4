//! A payload as it is kept: a zstd frame.

use std::io::{self, Read};

use super::{ContentAddress, PayloadError};

pub(super) fn pack(payload: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(payload, zstd::DEFAULT_COMPRESSION_LEVEL)
}

/// Unpacks at most `limit` bytes, and checks them.
pub(super) fn unpack(
    packed: &[u8],
    address: &ContentAddress,
    limit: u64,
    place: impl Fn() -> String,
) -> Result<Vec<u8>, PayloadError> {
    let damaged = |why: String| PayloadError::Damaged { place: place(), why };
    let mut payload = Vec::new();
    zstd::stream::Decoder::with_buffer(packed)
        .and_then(|decoder| decoder.take(limit.saturating_add(1)).read_to_end(&mut payload))
        .map_err(|error| damaged(error.to_string()))?;
    if payload.len() as u64 > limit {
        return Err(damaged(format!("it has more than {limit} bytes unpacked")));
    }
    let found = ContentAddress::of(&payload);
    match found == *address {
        true => Ok(payload),
        false => Err(damaged(format!("the SHA-256 of its bytes is {found}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_payload_is_an_error_that_names_it() {
        let payload = "žluťoučký kůň ".repeat(100);
        let address = ContentAddress::of(payload.as_bytes());
        let packed = pack(payload.as_bytes()).unwrap();
        let unpack = |packed: &[u8], limit| unpack(packed, &address, limit, || "P".to_owned());
        assert_eq!(unpack(&packed, 10_000).unwrap(), payload.as_bytes());

        let mut flipped = packed.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let other = pack(b"something else").unwrap();
        for damaged in [&packed[..packed.len() / 2], &[], b"no frame", &flipped, &other] {
            let error = unpack(damaged, 10_000).unwrap_err();
            assert!(
                matches!(&error, PayloadError::Damaged { place, .. } if place == "P"),
                "{error}"
            );
        }
        let limit = payload.len() as u64;
        assert!(unpack(&packed, limit).is_ok() && unpack(&packed, limit - 1).is_err());
    }
}
