use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use url::Url;

use super::signature::keyed;
use crate::{Error, ErrorKind, Result};

/// A path that nobody guesses, below `base`: another each time.
pub(super) fn random(base: &Url) -> Result<Url> {
    below(base, &token())
}

/// A text that nobody guesses: another each time.
pub(super) fn token() -> String {
    // Keyed by the operating system's randomness, which no hash table here gives away.
    let state = RandomState::new();
    format!("{:016x}{:016x}", state.hash_one(0_u8), state.hash_one(1_u8))
}

/// A path that nobody guesses, below `base`: the same for the same key, hub and topic.
pub(super) fn derived(base: &Url, key: &[u8], hub: &Url, topic: &str) -> Result<Url> {
    let token = keyed(key, [hub.as_str(), topic])
        .ok_or_else(|| Error::new(ErrorKind::Request, "the key cannot be used"))?;
    let digits: String = token.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    below(base, &digits)
}

fn below(base: &Url, token: &str) -> Result<Url> {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(token);
    } else {
        return Err(Error::new(ErrorKind::Request, "no callback can be below this address"));
    }
    Ok(url)
}
