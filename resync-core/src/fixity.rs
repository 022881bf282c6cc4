//! Whether what came is what the source says it is: lengths and digests.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest as _;
use sha2::{Sha256, Sha384, Sha512};

use crate::document::{Algorithm, Digest, Hashes};

/// How much of a file is read at once.
const READ: usize = 64 * 1024;

/// Measures bytes as they pass by: their number, and digests of several kinds at once.
///
/// ```
/// use resync_core::document::{Algorithm, Hashes};
/// use resync_core::fixity::{Fixity, Proof, verify};
///
/// let mut fixity = Fixity::new([Algorithm::Md5]);
/// fixity.update(b"");
/// let measured = fixity.finish();
/// let hashes = Hashes::from("md5:d41d8cd98f00b204e9800998ecf8427e");
/// assert_eq!(verify(&measured, Some(0), &hashes), Ok(Proof::Weak));
/// ```
#[derive(Clone, Debug)]
pub struct Fixity {
    len: u64,
    hashers: Vec<Hasher>,
}

#[derive(Clone, Debug)]
enum Hasher {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

/// Length and digests of what came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measured {
    /// Its length in bytes.
    pub len: u64,
    /// Its digests, one of each kind that was asked for.
    pub digests: Vec<Digest>,
}

/// What speaks for the content, once nothing speaks against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_enums)] // nothing lies between them
pub enum Proof {
    /// Nothing: the source says neither length nor digest.
    Nothing,
    /// Its length.
    LengthOnly,
    /// MD5 or SHA-1, which find damage but no malice.
    Weak,
    /// SHA-256 or better.
    Strong,
}

/// The content is not what the source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    said: String,
    came: String,
}

impl Fixity {
    /// Measures the length, and these digests.
    #[must_use]
    pub fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut known = Vec::new();
        for algorithm in algorithms {
            if !known.contains(&algorithm) {
                known.push(algorithm);
            }
        }
        Self { len: 0, hashers: known.into_iter().map(Hasher::new).collect() }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        for hasher in &mut self.hashers {
            hasher.update(bytes);
        }
    }

    /// The length and digests of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Measured {
        let digests = self.hashers.into_iter().filter_map(Hasher::finish).collect();
        Measured { len: self.len, digests }
    }
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha384 => Self::Sha384(Sha384::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(state) => state.update(bytes),
            Self::Sha1(state) => state.update(bytes),
            Self::Sha256(state) => state.update(bytes),
            Self::Sha384(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    fn finish(self) -> Option<Digest> {
        match self {
            Self::Md5(state) => Digest::new(Algorithm::Md5, &state.finalize()),
            Self::Sha1(state) => Digest::new(Algorithm::Sha1, &state.finalize()),
            Self::Sha256(state) => Digest::new(Algorithm::Sha256, &state.finalize()),
            Self::Sha384(state) => Digest::new(Algorithm::Sha384, &state.finalize()),
            Self::Sha512(state) => Digest::new(Algorithm::Sha512, &state.finalize()),
        }
    }
}

impl Measured {
    /// The digest of this kind, if it was asked for.
    #[must_use]
    pub fn digest(&self, algorithm: Algorithm) -> Option<&Digest> {
        self.digests.iter().find(|digest| digest.algorithm() == algorithm)
    }

    /// The SHA-256, if it was asked for.
    #[must_use]
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.digest(Algorithm::Sha256)?.as_bytes().try_into().ok()
    }
}

/// Compares what came with what the source says of it.
///
/// All that is said and understood has to be right; digests of kinds that were not measured say
/// nothing either way.
///
/// # Errors
/// The first difference.
pub fn verify(
    measured: &Measured,
    length: Option<u64>,
    hashes: &Hashes<'_>,
) -> Result<Proof, Mismatch> {
    let mut proof = Proof::Nothing;
    if let Some(said) = length {
        if said != measured.len {
            let said = format!("{said} bytes");
            return Err(Mismatch { said, came: format!("{} bytes", measured.len) });
        }
        proof = Proof::LengthOnly;
    }
    for said in hashes.digests() {
        let Some(came) = measured.digest(said.algorithm()) else { continue };
        if said != *came {
            return Err(Mismatch { said: said.to_string(), came: came.to_string() });
        }
        let strong = said.algorithm().is_strong();
        proof = proof.max(if strong { Proof::Strong } else { Proof::Weak });
    }
    Ok(proof)
}

/// Measures a file from where it stands to its end.
///
/// # Errors
/// When it cannot be read.
#[allow(clippy::needless_pass_by_value)] // its position is of no more use
pub fn of_file(
    file: File,
    algorithms: impl IntoIterator<Item = Algorithm>,
) -> io::Result<Measured> {
    of_reader(file, algorithms)
}

/// Measures what comes from a reader, to its end.
///
/// # Errors
/// When it cannot be read.
pub fn of_reader(
    mut source: impl Read,
    algorithms: impl IntoIterator<Item = Algorithm>,
) -> io::Result<Measured> {
    let mut fixity = Fixity::new(algorithms);
    let mut buffer = vec![0; READ];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(fixity.finish()),
            Ok(length) => fixity.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the source says {}, what came has {}", self.said, self.came)
    }
}

impl std::error::Error for Mismatch {}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    const ALL: [Algorithm; 5] =
        [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];
    const MD5: &str = "md5:900150983cd24fb0d6963f7d28e17f72";
    const SHA256: &str = "sha-256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn abc() -> Measured {
        let mut fixity = Fixity::new(ALL);
        fixity.update(b"a");
        fixity.update(b"bc");
        fixity.finish()
    }

    #[test]
    fn all_digests_are_made_at_once() {
        let measured = abc();
        assert_eq!((measured.len, measured.digests.len()), (3, 5));
        assert_eq!(measured.digests[0].to_string(), MD5);
        let sha1 = "sha-1:a9993e364706816aba3e25717850c26c9cd0d89d";
        assert_eq!(measured.digest(Algorithm::Sha1).unwrap().to_string(), sha1);
        assert_eq!(measured.digest(Algorithm::Sha256).unwrap().to_string(), SHA256);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        file.rewind().unwrap();
        assert_eq!(of_file(file, ALL).unwrap(), measured);
    }

    #[test]
    fn all_that_is_said_has_to_be_right() {
        let check = |length, text: &str| verify(&abc(), length, &Hashes::from(text));
        assert_eq!(check(None, "new:1"), Ok(Proof::Nothing));
        assert_eq!(check(Some(3), ""), Ok(Proof::LengthOnly));
        assert_eq!(check(Some(3), &MD5.to_uppercase()), Ok(Proof::Weak));
        assert_eq!(check(None, &format!("{SHA256} {MD5}")), Ok(Proof::Strong));
        let error = check(Some(4), "").unwrap_err();
        assert_eq!(error.to_string(), "the source says 4 bytes, what came has 3 bytes");
        let wrong = MD5.replace('9', "8");
        let error = check(Some(3), &format!("{SHA256} {wrong}")).unwrap_err();
        assert_eq!(error.to_string(), format!("the source says {wrong}, what came has {MD5}"));
    }
}
