//! Compression dictionaries: what the records of a source have in common is kept once.
//!
//! Records are small, and half of each is the same namespaces and tags. With a dictionary trained on
//! some of them they take half the space and half the time of records compressed on their own.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zstd::dict::EncoderDictionary;

use super::codec::LEVEL;

/// The size of a dictionary, in bytes. Larger ones gain little and take longer to train.
const SIZE: usize = 16 * 1024;
/// How many records it is trained on. About 50 ms, once a source.
const SAMPLES: usize = 200;
/// How much of a record is looked at, in bytes.
const SAMPLE_SIZE: usize = 4 * 1024;

/// A dictionary of a source.
pub(crate) struct Dictionary {
    pub(crate) bytes: Vec<u8>,
    pub(crate) encoder: EncoderDictionary<'static>,
    /// Its row; 0 before it has one.
    id: AtomicI64,
}

impl Dictionary {
    pub(crate) fn new(bytes: Vec<u8>, id: i64) -> Self {
        let encoder = EncoderDictionary::copy(&bytes, LEVEL);
        Self { bytes, encoder, id: AtomicI64::new(id) }
    }

    /// Its row, if it has one.
    pub(crate) fn id(&self) -> Option<i64> {
        Some(self.id.load(Ordering::Acquire)).filter(|id| *id != 0)
    }

    /// It has this row from now on. Only to be called when that is committed.
    pub(crate) fn stored_as(&self, id: i64) {
        self.id.store(id, Ordering::Release);
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The dictionary of a run, or what it will be trained on.
#[derive(Debug)]
pub(crate) struct Trainer(Mutex<State>);

#[derive(Debug)]
enum State {
    Collecting {
        samples: Vec<u8>,
        sizes: Vec<usize>,
    },
    Ready(Arc<Dictionary>),
    /// The records have nothing in common.
    Useless,
}

impl State {
    fn dictionary(&self) -> Option<Arc<Dictionary>> {
        match self {
            Self::Ready(dictionary) => Some(Arc::clone(dictionary)),
            _ => None,
        }
    }
}

impl Trainer {
    pub(crate) fn new(known: Option<Dictionary>) -> Self {
        Self(Mutex::new(match known {
            Some(dictionary) => State::Ready(Arc::new(dictionary)),
            None => State::Collecting { samples: Vec::new(), sizes: Vec::new() },
        }))
    }

    /// The dictionary to use for these records. Takes samples of them as long as there is none;
    /// batches that come meanwhile wait for the training.
    pub(crate) fn dictionary<'r>(
        &self,
        records: impl Iterator<Item = &'r [u8]>,
    ) -> Option<Arc<Dictionary>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Collecting { samples, sizes } = &mut *state {
            for record in records.take(SAMPLES - sizes.len()) {
                let sample = &record[..record.len().min(SAMPLE_SIZE)];
                samples.extend_from_slice(sample);
                sizes.push(sample.len());
            }
            if sizes.len() < SAMPLES {
                return None;
            }
            *state = match zstd::dict::from_continuous(samples, sizes, SIZE) {
                Ok(bytes) => State::Ready(Arc::new(Dictionary::new(bytes, 0))),
                Err(_) => State::Useless,
            };
        }
        state.dictionary()
    }

    /// The dictionary to use for all records that come, or that there is none; `None` as long as it is
    /// not known.
    pub(crate) fn settled(&self) -> Option<Option<Arc<Dictionary>>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!matches!(*state, State::Collecting { .. })).then(|| state.dictionary())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(n: usize) -> Vec<Vec<u8>> {
        let record = |n| format!("<dc:title>record {n}</dc:title><dc:type>article</dc:type>");
        (0..n).map(|n| record(n * 7919).into_bytes()).collect()
    }

    #[test]
    fn it_is_trained_when_enough_records_came_and_then_kept() {
        let trainer = Trainer::new(None);
        let few = records(SAMPLES / 2);
        let few = || few.iter().map(Vec::as_slice);
        assert!(trainer.dictionary(few()).is_none());
        assert!(trainer.settled().is_none());
        let trained = trainer.dictionary(few()).unwrap();
        assert!(Arc::ptr_eq(&trained, &trainer.dictionary(few()).unwrap()));
        assert!(Arc::ptr_eq(&trained, &trainer.settled().unwrap().unwrap()));
    }

    #[test]
    fn records_that_cannot_be_trained_on_are_compressed_alone() {
        let trainer = Trainer::new(None);
        let empty = vec![&b""[..]; SAMPLES];
        assert!(trainer.dictionary(empty.into_iter()).is_none());
        assert!(trainer.dictionary(records(SAMPLES).iter().map(Vec::as_slice)).is_none());
        assert!(trainer.settled().unwrap().is_none());
    }
}
