use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use crate::parse::ListItem;

type Seed = BuildHasherDefault<DefaultHasher>;

/// What has been delivered of a list, so that nothing is delivered twice when the list has to be
/// begun anew.
///
/// Eight bytes an item, and beyond the first of them in a temporary file, which is looked at only
/// when the list does begin anew: a long list that goes well costs no memory.
#[derive(Debug, Default)]
pub(super) struct Known {
    recent: Vec<u64>,
    file: Option<File>,
    /// Everything delivered, once the list has been begun anew.
    recalled: Option<HashSet<u64, Seed>>,
}

impl Known {
    const IN_MEMORY: usize = 64 << 10;

    /// Whether the item has been delivered, so far as this can matter: before the list is begun
    /// anew nothing has.
    pub(super) fn contains<T: ListItem>(&self, item: &T) -> bool {
        self.recalled.as_ref().is_some_and(|known| known.contains(&fingerprint(item)))
    }

    /// Notes that the item is delivered.
    pub(super) fn insert<T: ListItem>(&mut self, item: &T) {
        let fingerprint = fingerprint(item);
        match &mut self.recalled {
            Some(known) => drop(known.insert(fingerprint)),
            None => self.recent.push(fingerprint),
        }
    }

    /// Moves what has grown too long to the file.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub(super) fn spill(&mut self) -> io::Result<()> {
        if self.recent.len() < Self::IN_MEMORY {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        let bytes: Vec<u8> = self.recent.iter().flat_map(|n| n.to_le_bytes()).collect();
        file.write_all(&bytes)?;
        self.recent.clear();
        Ok(())
    }

    /// The list is begun anew: from now on what has been delivered is known.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub(super) fn recall(&mut self) -> io::Result<()> {
        if self.recalled.is_some() {
            return Ok(());
        }
        let mut known: HashSet<u64, Seed> = self.recent.drain(..).collect();
        if let Some(mut file) = self.file.take() {
            let count = file.seek(SeekFrom::End(0))? / 8;
            file.seek(SeekFrom::Start(0))?;
            let mut reader = BufReader::new(file);
            let mut bytes = [0; 8];
            for _ in 0..count {
                reader.read_exact(&mut bytes)?;
                known.insert(u64::from_le_bytes(bytes));
            }
        }
        self.recalled = Some(known);
        Ok(())
    }
}

/// The same item in another version is another one.
fn fingerprint<T: ListItem>(item: &T) -> u64 {
    let header = item.header();
    let stamp = header.and_then(|header| header.datestamp.as_ref()).map(|stamp| stamp.time());
    let is_deleted = header.is_some_and(|header| header.is_deleted);
    Seed::default().hash_one((item.key(), stamp, is_deleted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Header;

    fn header(n: usize) -> Header {
        Header { identifier: n.to_string(), datestamp: None, sets: vec![], is_deleted: false }
    }

    #[test]
    fn what_was_delivered_is_known_only_after_a_new_beginning() {
        let mut known = Known::default();
        let count = Known::IN_MEMORY * 2 + 10;
        for n in 0..count {
            known.insert(&header(n));
            known.spill().unwrap();
        }
        assert!(known.recent.len() < Known::IN_MEMORY);
        assert!(!known.contains(&header(1)));
        known.recall().unwrap();
        assert!((0..count).all(|n| known.contains(&header(n))));
        assert!(!known.contains(&header(count)));
        assert!(!known.contains(&Header { is_deleted: true, ..header(1) }));
    }
}
