//! What tells contents apart.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The SHA-256 digest, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut digits, byte| {
        // To a String: cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
