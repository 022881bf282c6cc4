//! How metadata is kept in a row.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::Arc;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::DecoderDictionary;

use super::archive::Fetched;
use super::dictionary::Dictionary;

/// Faster than the default and, for records of a few kilobytes, hardly larger.
pub(crate) const LEVEL: i32 = 1;

/// Smaller than this, a frame saves nothing worth its header.
const WORTH_IT: usize = 64;

/// The form of a body.
#[derive(Clone, Debug)]
pub(crate) enum Codec {
    /// It is the metadata.
    Plain,
    /// It is a zstd frame.
    Zstd,
    /// It is a zstd frame made with this dictionary.
    Dictionary(Arc<Dictionary>),
    /// It is the SHA-256 of the metadata, which is in an archive.
    Archived,
}

/// The number that says [`Codec::Archived`].
pub(crate) const ARCHIVED: i64 = -1;
/// The number that says [`Codec::Plain`].
pub(crate) const PLAIN: i64 = 0;
/// The number that says [`Codec::Zstd`]. Above it are the rows of dictionaries.
pub(crate) const ZSTD: i64 = 1;

/// Compresses the metadata of one batch. Setting it up costs more than compressing one record.
pub(crate) struct Encoder<'d> {
    dictionary: Option<&'d Arc<Dictionary>>,
    compressor: Option<Compressor<'d>>,
    buffer: Vec<u8>,
}

impl<'d> Encoder<'d> {
    pub(crate) fn new(dictionary: Option<&'d Arc<Dictionary>>) -> Self {
        let compressor = match dictionary {
            Some(it) => Compressor::with_prepared_dictionary(&it.encoder),
            None => Compressor::new(LEVEL),
        };
        Self { dictionary, compressor: compressor.ok(), buffer: Vec::new() }
    }

    /// One that compresses nothing: an archive does that itself.
    pub(crate) fn plain() -> Self {
        Self { dictionary: None, compressor: None, buffer: Vec::new() }
    }

    /// The form in which `metadata` is kept.
    pub(crate) fn encode(&mut self, metadata: &[u8]) -> (Codec, Vec<u8>) {
        if metadata.len() >= WORTH_IT
            && let Some(compressor) = &mut self.compressor
        {
            self.buffer.clear();
            self.buffer.reserve(zstd::zstd_safe::compress_bound(metadata.len()));
            let compressed = compressor.compress_to_buffer(metadata, &mut self.buffer);
            if compressed.is_ok_and(|size| size < metadata.len()) {
                let codec = self.dictionary.cloned().map_or(Codec::Zstd, Codec::Dictionary);
                return (codec, self.buffer.clone());
            }
        }
        (Codec::Plain, metadata.to_vec())
    }
}

/// Dictionaries by their own rows.
pub(crate) type Dictionaries = HashMap<i64, Arc<DecoderDictionary<'static>>>;

/// What some rows need to be read.
#[derive(Default)]
pub(crate) struct Needed {
    pub(crate) dictionaries: Dictionaries,
    pub(crate) archived: Fetched,
}

/// Gives back the metadata of some rows. Setting it up costs more than reading one record.
pub(crate) struct Decoder<'d> {
    needed: &'d Needed,
    decompressors: HashMap<i64, Decompressor<'d>>,
}

impl<'d> Decoder<'d> {
    pub(crate) fn new(needed: &'d Needed) -> Self {
        Self { needed, decompressors: HashMap::new() }
    }

    /// The metadata, `size` bytes of it.
    pub(crate) fn decode(&mut self, codec: i64, body: &[u8], size: usize) -> io::Result<Vec<u8>> {
        let metadata = match codec {
            PLAIN => body.to_vec(),
            ARCHIVED => match self.needed.archived.get(body) {
                Some(metadata) => metadata.clone(),
                None => return Err(io::Error::other("it was not fetched from the archive")),
            },
            _ => self.decompressor(codec)?.decompress(body, size)?,
        };
        if metadata.len() == size {
            Ok(metadata)
        } else {
            Err(io::Error::other(format!("{} bytes instead of {size}", metadata.len())))
        }
    }

    fn decompressor(&mut self, codec: i64) -> io::Result<&mut Decompressor<'d>> {
        Ok(match self.decompressors.entry(codec) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(match self.needed.dictionaries.get(&codec) {
                Some(dictionary) => Decompressor::with_prepared_dictionary(dictionary)?,
                None if codec == ZSTD => Decompressor::new()?,
                None => return Err(io::Error::other(format!("dictionary {codec} is missing"))),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: usize) -> Vec<u8> {
        format!("<dc:title>{n}</dc:title><dc:type>article</dc:type>").repeat(3).into_bytes()
    }

    #[test]
    fn what_is_kept_comes_back() {
        let samples: Vec<_> = (0..300).map(sample).collect();
        let bytes = zstd::dict::from_samples(&samples, 1024).unwrap();
        let dictionaries = Dictionaries::from([(7, Arc::new(DecoderDictionary::copy(&bytes)))]);
        let needed = Needed { dictionaries, ..Needed::default() };
        let dictionary = Arc::new(Dictionary::new(bytes, 7));
        for metadata in [&b""[..], b"<dc/>", &sample(1), &b"<title>x</title>".repeat(1000)] {
            for dictionary in [None, Some(&dictionary)] {
                let (codec, body) = Encoder::new(dictionary).encode(metadata);
                assert!(body.len() <= metadata.len());
                let codec = match codec {
                    Codec::Plain => PLAIN,
                    Codec::Zstd => ZSTD,
                    Codec::Dictionary(it) => it.id().unwrap(),
                    Codec::Archived => ARCHIVED,
                };
                assert_eq!(codec == PLAIN, metadata.len() < WORTH_IT);
                let back = Decoder::new(&needed).decode(codec, &body, metadata.len()).unwrap();
                assert_eq!(back, metadata);
            }
        }
    }

    #[test]
    fn damage_is_an_error() {
        let metadata = sample(1);
        let (_, body) = Encoder::new(None).encode(&metadata);
        let size = metadata.len();
        let none = Needed::default();
        let mut decoder = Decoder::new(&none);
        assert_eq!(decoder.decode(ZSTD, &body, size).unwrap(), metadata);
        assert!(decoder.decode(ZSTD, &body[..body.len() / 2], size).is_err());
        assert!(decoder.decode(ZSTD, &body, size + 1).is_err());
        assert!(decoder.decode(9, &body, size).is_err());
        assert!(decoder.decode(ARCHIVED, &body, size).is_err());
    }
}
