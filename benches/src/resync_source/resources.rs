//! Resources, made from a seed.

use std::{io::Write as _, ops::Range};

use sha2::{Digest, Sha256};

use super::{
    AT, FIRST, STEP,
    xml::{entry, list_start, stamp, timed},
};
use crate::{corpus::Rng, words::ENGLISH};

/// The text that bodies are cut from.
const POOL: usize = 1 << 20;

/// The path of a resource.
#[must_use]
pub fn resource_path(index: u64) -> String {
    format!("/r/{}/{index}.xml", index / 1_000)
}

pub(super) fn index_of(path: &str) -> Option<u64> {
    let (folder, file) = path.strip_prefix("/r/")?.split_once('/')?;
    let index: u64 = file.strip_suffix(".xml")?.parse().ok()?;
    (folder.parse() == Ok(index / 1_000)).then_some(index)
}

/// XML files: resource `i` depends on the seed, `i` and whether it has changed.
///
/// ```
/// let resources = harvest_benches::Resources::new(1, 2_048);
/// let (mut before, mut after) = (Vec::new(), Vec::new());
/// resources.write(7, false, &mut before);
/// resources.write(7, true, &mut after);
/// assert_ne!(before, after);
/// assert!((1_792..2_304).contains(&before.len()));
/// ```
#[derive(Debug)]
pub struct Resources {
    seed: u64,
    size: u64,
    pool: String,
}

impl Resources {
    /// `size` in bytes, give or take an eighth.
    #[must_use]
    pub fn new(seed: u64, size: u64) -> Self {
        let mut rng = Rng::new(seed, u64::MAX);
        let mut pool = String::with_capacity(POOL + 64);
        while pool.len() < POOL {
            // Cut anywhere, so without the escaped ones.
            let word = rng.pick(ENGLISH.words);
            if !word.contains('&') {
                pool.push_str(word);
                pool.push(' ');
            }
        }
        Self { seed, size, pool }
    }

    /// Appends a resource.
    pub fn write(&self, index: u64, changed: bool, out: &mut Vec<u8>) {
        let mut rng = self.rng(index, changed);
        let end = out.len() as u64 + self.size - self.size / 8 + rng.below(self.size / 4 + 1);
        let version = 1 + u8::from(changed);
        let _ = write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <item number=\"{index}\" version=\"{version}\">"
        );
        const LAST: &str = "</item>\n";
        let mut left = end.saturating_sub((out.len() + LAST.len()) as u64) as usize;
        while left > 0 {
            let start = rng.below(POOL as u64 / 2) as usize;
            let length = left.min(POOL / 2);
            out.extend_from_slice(&self.pool.as_bytes()[start..start + length]);
            left -= length;
        }
        out.extend_from_slice(LAST.as_bytes());
    }

    /// One part of a resource list, with invented digests and lengths.
    #[must_use]
    pub fn list(&self, indices: Range<u64>) -> String {
        let host = "http://bench.example";
        let mut list = list_start(host, &timed("resourcelist", AT));
        for index in indices {
            let (digest, length) = self.fake(index, false);
            entry(host, index, &stamp(FIRST + STEP * index), "", &digest, length, "", &mut list);
        }
        list + "</urlset>\n"
    }

    fn rng(&self, index: u64, changed: bool) -> Rng {
        Rng::new(self.seed, index << 1 | u64::from(changed))
    }

    pub(super) fn digest(
        &self,
        index: u64,
        changed: bool,
        buffer: &mut Vec<u8>,
    ) -> ([u8; 32], u64) {
        buffer.clear();
        self.write(index, changed, buffer);
        (Sha256::digest(&*buffer).into(), buffer.len() as u64)
    }

    pub(super) fn fake(&self, index: u64, changed: bool) -> ([u8; 32], u64) {
        let mut rng = self.rng(index, changed);
        let mut digest = [0; 32];
        for part in digest.chunks_exact_mut(8) {
            part.copy_from_slice(&rng.next().to_le_bytes());
        }
        (digest, self.size)
    }
}
