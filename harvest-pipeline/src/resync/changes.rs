//! The changes since the last run, the last of each resource.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Lines, Seek as _, Write as _};

use sha2::{Digest, Sha256};

use super::resource::Resource;

/// Collects changes in a temporary file. In memory are some 60 bytes for each resource.
pub(super) struct Collected {
    file: BufWriter<File>,
    lines: u64,
    /// By the digest of its address, the rank and the line of a resource's last change.
    last: HashMap<u128, ((i64, i64), u64)>,
}

/// The last change of each resource, in the order of the lists.
pub(super) struct LastChanges {
    lines: Lines<BufReader<File>>,
    line: u64,
    last: HashMap<u128, ((i64, i64), u64)>,
}

impl Collected {
    pub(super) fn new() -> io::Result<Self> {
        let file = BufWriter::new(tempfile::tempfile()?);
        Ok(Self { file, lines: 0, last: HashMap::new() })
    }

    /// Takes a change; of two with the same rank the one that came last is the later.
    pub(super) fn push(&mut self, resource: &Resource, rank: (i64, i64)) -> io::Result<()> {
        let last = self.last.entry(key(&resource.uri)).or_insert((rank, self.lines));
        if last.0 > rank {
            return Ok(());
        }
        *last = (rank, self.lines);
        serde_json::to_writer(&mut self.file, resource)?;
        self.file.write_all(b"\n")?;
        self.lines += 1;
        Ok(())
    }

    /// How many resources have changed.
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    pub(super) fn finish(self) -> io::Result<LastChanges> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(LastChanges { lines: BufReader::new(file).lines(), line: 0, last: self.last })
    }
}

impl Iterator for LastChanges {
    type Item = io::Result<Resource>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            let resource: Resource = match serde_json::from_str(&line) {
                Ok(resource) => resource,
                Err(error) => return Some(Err(error.into())),
            };
            let number = self.line;
            self.line += 1;
            if self.last.get(&key(&resource.uri)).is_some_and(|(_, last)| *last == number) {
                return Some(Ok(resource));
            }
        }
    }
}

fn key(uri: &str) -> u128 {
    let digest = Sha256::digest(uri.as_bytes());
    digest.iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte))
}
