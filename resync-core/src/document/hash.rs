use std::borrow::Cow;
use std::fmt;

/// The digests of a representation: `md5:… sha-256:…`, as written (§7.2, attribute `hash`).
///
/// What is not understood is kept, and does not stand in the way of what is.
///
/// ```
/// use resync_core::document::{Algorithm, Hashes, Token};
///
/// let hashes = Hashes::from("new-9:zz MD5:d41d8cd98f00b204e9800998ecf8427e");
/// let md5 = hashes.digests().next().unwrap();
/// assert_eq!(md5.algorithm(), Algorithm::Md5);
/// assert_eq!(hashes.tokens().next(), Some(Token::Unknown("new-9:zz")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hashes<'a>(Cow<'a, str>);

/// How a digest is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// MD5. It finds damage, but proves nothing against somebody who means harm.
    Md5,
    /// SHA-1, of which the same is to be said.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: [u8; 64],
}

/// A word of an attribute `hash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // understood or not
pub enum Token<'a> {
    /// A digest; `false` where it is not written as the standard has it (§7.2): another name of the
    /// algorithm, or base64.
    Digest(Digest, bool),
    /// Another algorithm, or no digest of this one.
    Unknown(&'a str),
}

/// The words of an attribute `hash`; see [`Hashes::tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a>(&'a str);

impl Algorithm {
    /// Reads a name that is written as the standard has it.
    fn standard(name: &str) -> Option<Self> {
        Some(match name.as_bytes() {
            b"sha-256" => Self::Sha256,
            b"md5" => Self::Md5,
            b"sha-1" => Self::Sha1,
            b"sha-384" => Self::Sha384,
            b"sha-512" => Self::Sha512,
            _ => return None,
        })
    }

    /// As it is written: `md5`, `sha-1`, `sha-256`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha-1",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Length of its digests in bytes.
    #[must_use]
    pub fn digest_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Reads a name in any of the ways it is written: `sha-256`, `SHA256`.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::standard(name).or_else(|| {
            Some(match name.to_ascii_lowercase().as_str() {
                "md5" | "md-5" => Self::Md5,
                "sha1" | "sha-1" => Self::Sha1,
                "sha256" | "sha-256" => Self::Sha256,
                "sha384" | "sha-384" => Self::Sha384,
                "sha512" | "sha-512" => Self::Sha512,
                _ => return None,
            })
        })
    }

    /// Whether a digest proves that nobody changed the content on purpose.
    #[must_use]
    pub fn is_strong(self) -> bool {
        self >= Self::Sha256
    }
}

impl Digest {
    /// A digest; `None` where it is not of the algorithm's length.
    #[must_use]
    pub fn new(algorithm: Algorithm, digest: &[u8]) -> Option<Self> {
        let mut bytes = [0; 64];
        bytes.get_mut(..algorithm.digest_len()).filter(|own| own.len() == digest.len())?;
        bytes[..digest.len()].copy_from_slice(digest);
        Some(Self { algorithm, bytes })
    }

    /// How it was made.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digest itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.digest_len()]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 128];
        for (digits, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.as_bytes()) {
            *digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        }
        let text = &text[..2 * self.algorithm.digest_len()];
        write!(f, "{}:{}", self.algorithm.as_str(), str::from_utf8(text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a> Hashes<'a> {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words, understood or not.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens(&self.0)
    }

    /// Whether each word is a digest, written as the standard has it. Cheaper than to read them.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        let mut text = &*self.0;
        while let Some((word, rest)) = first_word(text) {
            text = rest;
            if !Self::is_plain(word) {
                return false;
            }
        }
        true
    }

    /// Whether this is one digest and nothing else, written as the standard has it.
    pub(super) fn is_plain(word: &str) -> bool {
        parts(word).is_some_and(|(name, value)| {
            Algorithm::standard(name).is_some_and(|known| {
                value.len() == 2 * known.digest_len() && is_hex(value.as_bytes())
            })
        })
    }

    /// The digests that are understood.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.tokens().filter_map(|token| match token {
            Token::Digest(digest, _) => Some(digest),
            Token::Unknown(_) => None,
        })
    }

    /// The same, with a life of its own.
    #[must_use]
    pub fn into_owned(self) -> Hashes<'static> {
        Hashes(Cow::Owned(self.0.into_owned()))
    }
}

impl<'a> From<&'a str> for Hashes<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'a> From<Cow<'a, str>> for Hashes<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl FromIterator<Digest> for Hashes<'static> {
    fn from_iter<I: IntoIterator<Item = Digest>>(digests: I) -> Self {
        let words: Vec<String> = digests.into_iter().map(|digest| digest.to_string()).collect();
        Self(Cow::Owned(words.join(" ")))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let (word, rest) = first_word(self.0)?;
        self.0 = rest;
        Some(understand(word).unwrap_or(Token::Unknown(word)))
    }
}

/// The first word, and what follows it.
fn first_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_ascii_start();
    // Most often there is but one, which is found out in vector registers.
    let is_one = text.bytes().fold(true, |all, b| all & (b > b' '));
    let end = if is_one { None } else { text.bytes().position(|b| b.is_ascii_whitespace()) };
    (!text.is_empty()).then(|| text.split_at(end.unwrap_or(text.len())))
}

/// The name of the algorithm, and the digest.
fn parts(word: &str) -> Option<(&str, &str)> {
    let colon = word.bytes().position(|b| b == b':')?;
    Some((&word[..colon], &word[colon + 1..]))
}

fn understand(word: &str) -> Option<Token<'_>> {
    let (name, value) = parts(word)?;
    let algorithm = Algorithm::read(name)?;
    let mut bytes = [0; 64];
    let own = &mut bytes[..algorithm.digest_len()];
    let is_hex = value.len() == 2 * own.len();
    if is_hex {
        from_hex(value.as_bytes(), own)?
    } else {
        from_base64(value.as_bytes(), own)?
    }
    Some(Token::Digest(Digest { algorithm, bytes }, is_hex && name == algorithm.as_str()))
}

/// Whether all are hexadecimal digits. Looks at all of them, so that it is done in vector registers.
fn is_hex(text: &[u8]) -> bool {
    text.iter().fold(true, |all, digit| all & digit.is_ascii_hexdigit())
}

fn from_hex(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    // Letters have this bit, digits have not.
    let value = |digit: u8| (digit & 15) + 9 * (digit >> 6);
    if !is_hex(text) {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
        *byte = value(*high) << 4 | value(*low);
    }
    Some(())
}

/// Both alphabets, with padding or without. The standard's own example 27 has such digests.
fn from_base64(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    let text = text.trim_ascii();
    let digits = text.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
    if digits != (bytes.len() * 8).div_ceil(6) {
        return None;
    }
    let (mut bits, mut held, mut at) = (0_u32, 0, 0);
    for b in &text[..digits] {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            *bytes.get_mut(at)? = (bits >> held).to_le_bytes()[0];
            at += 1;
        }
    }
    (at == bytes.len()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_are_understood_in_all_the_ways_they_are_written() {
        for (text, is_standard) in [
            (format!("sha-256:{EMPTY}"), true),
            (format!("sha-256:{}", EMPTY.to_uppercase()), true),
            (format!("SHA256:{EMPTY}"), false),
            ("sha-256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(), false),
            ("sha-256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU".to_owned(), false),
        ] {
            let hashes = Hashes::from(text.as_str());
            let digest = hashes.digests().next().unwrap();
            assert_eq!(digest.to_string(), format!("sha-256:{EMPTY}"));
            assert_eq!(hashes.tokens().next(), Some(Token::Digest(digest, is_standard)));
        }
    }

    #[test]
    fn what_is_not_understood_does_not_poison_the_rest() {
        let text = format!("md5:xyz  blake3:00 sha-1 \n:: sha-256:{EMPTY}");
        let hashes = Hashes::from(text.as_str());
        assert_eq!(hashes.digests().count(), 1);
        assert_eq!(hashes.tokens().count(), 5);
        assert_eq!(Hashes::from_iter(hashes.digests()).as_str(), format!("sha-256:{EMPTY}"));
        assert!(Hashes::from("sha-256:é é:").digests().next().is_none());
    }
}
