use flate2::{Decompress, FlushDecompress, Status};
use http::{HeaderMap, header};

use crate::{Error, ErrorKind, Result};

/// Room for one step's output, so that a small input cannot ask for much memory at once.
const STEP: usize = 64 * 1024;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 0x08];

/// Unpacks a body as it arrives.
///
/// Servers name the wrong coding, or none: what the bytes are is looked at before the header is
/// believed.
#[derive(Debug)]
pub(super) struct Unpacker {
    // In the order the bytes pass them. Empty when nothing is packed.
    stages: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    state: State,
    // What the stage before gave, as far as it has not been used.
    waiting: Vec<u8>,
}

#[derive(Debug)]
enum State {
    // Not enough bytes yet to tell what they are.
    Looking { seen: Vec<u8>, expected: Expected },
    // `more`: the last step stopped for want of room.
    Inflating { engine: Box<Decompress>, gzip: bool, more: bool },
    Plain,
    // The packed data are complete, and what follows them is not data.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    // Whatever it is; gzip is recognised, and zlib as compressors write it.
    Anything,
    Gzip,
    Deflate,
    // After a gzip member, another or nothing.
    Member,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Gzip,
    Zlib,
    RawDeflate,
    Plain,
    Nothing,
}

impl Unpacker {
    /// What the answer's headers ask for. With `sniff`, a gzip or zlib body that no header
    /// announces is unpacked too.
    ///
    /// # Errors
    /// `Unexpected` when a coding is one that we did not ask for and do not know.
    pub(super) fn new(headers: &HeaderMap, sniff: bool) -> Result<Self> {
        let mut stages = Vec::new();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            for coding in value.split(',').map(str::trim) {
                match coding {
                    "gzip" | "x-gzip" => stages.push(Stage::new(Expected::Gzip)),
                    "deflate" | "x-deflate" => stages.push(Stage::new(Expected::Deflate)),
                    // The last four are no codings, but are sent by servers that mean none.
                    "" | "identity" | "none" | "binary" | "utf-8" | "utf8" => {}
                    other => {
                        return Err(Error::new(
                            ErrorKind::Unexpected,
                            format!("the answer is packed as \"{other}\", which was not asked for"),
                        ));
                    }
                }
            }
        }
        // RFC 9110 §8.4: codings are listed in the order in which they were applied.
        stages.reverse();
        if sniff {
            stages.push(Stage::new(Expected::Anything));
        }
        Ok(Self { stages })
    }

    /// Whether this input comes out as it goes in, and all that follows it too. When it does, it
    /// need not be given to `step`.
    pub(super) fn passes(&mut self, input: &[u8]) -> bool {
        let plain = self.stages.iter().all(|stage| stage.passes(input));
        if plain {
            self.stages.clear();
        }
        plain
    }

    /// Takes some of the input and appends what comes of it: as much as there is room for in
    /// `out`, and at least 64 KiB. To be called until the input is used up and this answers `false`.
    ///
    /// # Errors
    /// `Incomplete` when the packed data are damaged.
    pub(super) fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool> {
        // The busy stage nearest the end goes first, so that nothing piles up between stages.
        let at = self.stages.iter().rposition(Stage::is_busy).unwrap_or(0);
        let split = self.stages.len().min(at + 1);
        let (before, after) = self.stages.split_at_mut(split);
        let Some(stage) = before.last_mut() else {
            out.extend_from_slice(input);
            *input = &[];
            return Ok(false);
        };
        let out = match after.first_mut() {
            Some(next) => &mut next.waiting,
            None => out,
        };
        if at == 0 && stage.waiting.is_empty() {
            stage.state.step(input, out)?;
        } else {
            let waiting = std::mem::take(&mut stage.waiting);
            let mut rest = waiting.as_slice();
            stage.state.step(&mut rest, out)?;
            stage.waiting = rest.to_vec();
        }
        self.stages.retain(|stage| stage.is_busy() || !matches!(stage.state, State::Plain));
        Ok(self.stages.iter().any(Stage::is_busy))
    }

    /// Says that all input has been given.
    ///
    /// # Errors
    /// `Incomplete` when the packed data should have gone on.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        while !self.stages.is_empty() {
            let tail = self.stages.remove(0).state.finish()?;
            // A few bytes at most, so that this gives next to no output.
            let mut tail = tail.as_slice();
            while self.step(&mut tail, out)? || !tail.is_empty() {}
        }
        Ok(())
    }
}

impl Stage {
    fn new(expected: Expected) -> Self {
        Self { state: State::Looking { seen: Vec::new(), expected }, waiting: Vec::new() }
    }

    fn passes(&self, input: &[u8]) -> bool {
        match &self.state {
            State::Looking { seen, expected } => {
                seen.is_empty()
                    && self.waiting.is_empty()
                    && expected.look_at(input) == Some(Found::Plain)
            }
            _ => false,
        }
    }

    fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || matches!(self.state, State::Inflating { more: true, .. })
    }
}

impl State {
    fn inflating(engine: Decompress, gzip: bool) -> Self {
        Self::Inflating { engine: Box::new(engine), gzip, more: false }
    }

    fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Looking { seen, expected } => {
                let Some((&byte, rest)) = input.split_first() else { return Ok(()) };
                // As soon as a byte rules packing out, the rest goes through in one piece.
                *input = rest;
                seen.push(byte);
                let Some(found) = expected.look_at(seen) else { return Ok(()) };
                let seen = std::mem::take(seen);
                *self = match found {
                    Found::Gzip => Self::inflating(Decompress::new_gzip(15), true),
                    Found::Zlib => Self::inflating(Decompress::new(true), false),
                    Found::RawDeflate => Self::inflating(Decompress::new(false), false),
                    Found::Plain => Self::Plain,
                    Found::Nothing => Self::Over,
                };
                let mut seen = seen.as_slice();
                while !seen.is_empty() {
                    self.step(&mut seen, out)?;
                }
                Ok(())
            }
            Self::Inflating { engine, gzip, more } => {
                let (before, length) = (engine.total_in(), out.len());
                out.reserve(STEP);
                let status = engine
                    .decompress_vec(input, out, FlushDecompress::None)
                    .map_err(|cause| damaged().with_source(cause))?;
                let used = usize::try_from(engine.total_in() - before).unwrap_or(input.len());
                *input = &input[used..];
                *more = out.len() == out.capacity();
                match status {
                    // RFC 1952 §2.2: a gzip file is a series of members.
                    Status::StreamEnd if *gzip => {
                        *self = Self::Looking { seen: Vec::new(), expected: Expected::Member };
                        Ok(())
                    }
                    Status::StreamEnd => {
                        *self = Self::Over;
                        Ok(())
                    }
                    // Would go on like this for ever.
                    _ if used == 0 && out.len() == length && !input.is_empty() => Err(damaged()),
                    _ => Ok(()),
                }
            }
            Self::Plain => {
                out.extend_from_slice(input);
                *input = &[];
                Ok(())
            }
            Self::Over => {
                *input = &[];
                Ok(())
            }
        }
    }

    // Gives the bytes that were too few to tell what they are.
    fn finish(self) -> Result<Vec<u8>> {
        match self {
            Self::Looking { expected: Expected::Member, .. } | Self::Plain | Self::Over => {
                Ok(Vec::new())
            }
            Self::Looking { seen, .. } => Ok(seen),
            Self::Inflating { .. } => {
                Err(Error::new(ErrorKind::Incomplete, "the packed answer ends too early"))
            }
        }
    }
}

impl Expected {
    fn look_at(self, seen: &[u8]) -> Option<Found> {
        if seen.starts_with(GZIP_MAGIC) {
            return Some(Found::Gzip);
        }
        if GZIP_MAGIC.starts_with(seen) {
            return None;
        }
        match self {
            // RFC 1950 §2.2, with the flags of the three usual levels: no text begins so.
            Self::Anything => match seen {
                [0x78] => None,
                [0x78, 0x01 | 0x9c | 0xda, ..] => Some(Found::Zlib),
                _ => Some(Found::Plain),
            },
            Self::Gzip => Some(Found::Plain),
            Self::Member => Some(Found::Nothing),
            Self::Deflate => {
                const XML: &[u8] = b"<?xml";
                if seen.starts_with(XML) {
                    return Some(Found::Plain);
                }
                if XML.starts_with(seen) {
                    return None;
                }
                let &[method, flags, ..] = seen else { return None };
                // RFC 1950 §2.2. "deflate" means this (RFC 9110 §8.4.1.2), but many servers send
                // the bare data.
                let zlib = method & 0x0f == 8
                    && method >> 4 <= 7
                    && u16::from_be_bytes([method, flags]) % 31 == 0;
                Some(if zlib { Found::Zlib } else { Found::RawDeflate })
            }
        }
    }
}

fn damaged() -> Error {
    Error::new(ErrorKind::Incomplete, "the packed answer is damaged")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;

    use super::*;

    const XML: &[u8] = b"<?xml version=\"1.0\"?><OAI-PMH>\xc3\xa9</OAI-PMH>";

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(data: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(codings: &[&'static str], packed: &[u8], piece: usize) -> Result<Vec<u8>> {
        let mut headers = HeaderMap::new();
        for coding in codings {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        let mut unpacker = Unpacker::new(&headers, true)?;
        let mut out = Vec::new();
        for mut input in packed.chunks(piece) {
            while unpacker.step(&mut input, &mut out)? || !input.is_empty() {}
        }
        unpacker.finish(&mut out)?;
        Ok(out)
    }

    #[test]
    fn what_the_bytes_are_counts_more_than_what_the_header_says() {
        let member_after_member = [gzip(&XML[..9]), gzip(b""), gzip(&XML[9..])].concat();
        let padded = [gzip(XML), vec![0; 700]].concat();
        let cases: &[(&str, &[&'static str], Vec<u8>)] = &[
            ("plain", &[], XML.to_vec()),
            ("identity", &["identity"], XML.to_vec()),
            ("not a coding at all", &["UTF-8"], XML.to_vec()),
            ("gzip", &["gzip"], gzip(XML)),
            ("gzip by its old name", &["X-GZip"], gzip(XML)),
            ("gzip without a header", &[], gzip(XML)),
            ("said to be gzip, but is not", &["gzip"], XML.to_vec()),
            ("said to be deflate, but is not", &["deflate"], XML.to_vec()),
            ("said to be deflate, but is gzip", &["deflate"], gzip(XML)),
            ("members", &["gzip"], member_after_member),
            ("padding after the end", &["gzip"], padded),
            ("zlib", &["deflate"], zlib(XML)),
            ("zlib without a header", &[], zlib(XML)),
            ("bare deflate", &["deflate"], deflate(XML)),
            ("two codings in one header", &["deflate, gzip"], gzip(&zlib(XML))),
            ("two codings in two headers", &["deflate", "gzip"], gzip(&deflate(XML))),
            ("packed twice, said once", &["gzip"], gzip(&gzip(XML))),
        ];
        for (name, codings, packed) in cases {
            for piece in [1, 2, 7, packed.len()] {
                let out = unpack(codings, packed, piece);
                assert_eq!(out.ok().as_deref(), Some(XML), "{name}, {piece} bytes at a time");
            }
        }
    }

    #[test]
    fn a_body_too_short_to_tell_is_passed_on() {
        for body in [&b""[..], b"\x1f", b"\x1f\x8b", b"<", b"x"] {
            for codings in [&[][..], &["gzip"], &["deflate"], &["gzip, deflate"]] {
                let out = unpack(codings, body, 1);
                assert_eq!(out.ok().as_deref(), Some(body), "{codings:?} {body:?}");
            }
        }
    }

    #[test]
    fn packed_data_that_end_too_early_are_an_incomplete_answer() {
        for (coding, packed) in
            [("gzip", gzip(XML)), ("deflate", zlib(XML)), ("deflate", deflate(XML))]
        {
            for cut in [5, packed.len() / 2, packed.len() - 1] {
                let error = unpack(&[coding], &packed[..cut], packed.len()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Incomplete, "{coding} cut at {cut}");
                assert!(error.is_transient());
            }
        }
    }

    #[test]
    fn damaged_data_are_an_incomplete_answer() {
        let mut checksum = gzip(XML);
        let end = checksum.len();
        checksum[end - 6] ^= 1;
        let mut middle = gzip(&XML.repeat(100));
        for byte in &mut middle[20..40] {
            *byte = !*byte;
        }
        for packed in [checksum, middle] {
            let error = unpack(&["gzip"], &packed, 11).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Incomplete);
        }
    }

    #[test]
    fn an_unknown_coding_is_named() {
        for (header, name) in [("br", "\"br\""), ("gzip, zstd", "\"zstd\"")] {
            let error = unpack(&[header], XML, 10).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unexpected);
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn one_step_of_a_bomb_gives_little() {
        let bomb = gzip(&gzip(&vec![0; 200 << 20]));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip, gzip"));
        let mut unpacker = Unpacker::new(&headers, true).unwrap();
        let mut input = bomb.as_slice();
        let (mut out, mut total) = (Vec::new(), 0);
        while unpacker.step(&mut input, &mut out).unwrap() || !input.is_empty() {
            assert!(out.capacity() <= 2 * STEP);
            total += out.len();
            out.clear();
        }
        unpacker.finish(&mut out).unwrap();
        assert_eq!(total + out.len(), 200 << 20);
    }
}
