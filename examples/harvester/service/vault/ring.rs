//! Keys: as they are written, and what is sealed with them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use harvest_pipeline::secrets::{Place, Sealed, VaultError};

use crate::accounts::fingerprint;

/// Bytes of a key, and of what makes two sealings of the same differ.
const KEY: usize = 32;
const NONCE: usize = 24;
/// How the first form of an envelope begins: `v1.KEY-ID.NONCE-AND-CIPHERTEXT`.
const FORM: &str = "v1";

/// A key.
#[derive(Clone, PartialEq, Eq)]
struct Key([u8; KEY]);

/// Keys: the first seals, all of them open.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Ring(Vec<Key>);

impl Key {
    fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; KEY];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A key in hexadecimal or Base64.
    fn read(text: &str) -> Option<Self> {
        let nibble = |letter: char| letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let bytes = if text.len() == 2 * KEY {
            let nibbles: Vec<u8> = text.chars().map(nibble).collect::<Option<_>>()?;
            nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
        } else {
            let ways = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
            ways.iter().find_map(|way| way.decode(text).ok())?
        };
        bytes.try_into().ok().map(Self)
    }

    fn written(&self) -> String {
        use fmt::Write;
        self.0.iter().fold(String::with_capacity(2 * KEY), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// By what it is told from others; says nothing of it.
    fn id(&self) -> String {
        fingerprint(&format!("harvester key {}", self.written()))[..8].to_owned()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

impl Ring {
    /// A key of its own.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(vec![Key::random()?]))
    }

    /// Keys that are written one a line, or with commas in between; lines with `#` say something else.
    ///
    /// # Errors
    /// Which of them is none, but not what stands there.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let written = lines.flat_map(|line| line.split(',')).map(str::trim);
        let written = written.filter(|text| !text.is_empty()).enumerate();
        let keys = written.map(|(number, text)| {
            Key::read(text).ok_or_else(|| {
                format!(
                    "key {} is not 32 bytes in hexadecimal or Base64, as `openssl rand -hex 32` \
                     prints them",
                    number + 1
                )
            })
        });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err("there is no key in it".to_owned()) } else { Ok(Self(keys)) }
    }

    /// As it is read again.
    pub(super) fn written(&self) -> String {
        self.0.iter().map(|key| key.written() + "\n").collect()
    }

    /// With a new key in front, which seals from now on; the others still open what they sealed.
    pub(super) fn rotated(&self) -> Result<Self, getrandom::Error> {
        Ok(Self([Key::random()?].into_iter().chain(self.0.iter().cloned()).collect()))
    }

    /// The id of the key that seals.
    pub(super) fn current(&self) -> String {
        self.0.first().map(Key::id).unwrap_or_default()
    }

    /// Whether there is a key of this id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id() == id)
    }

    pub(super) fn seal(&self, place: Place<'_>, secret: &str) -> Result<Sealed, VaultError> {
        let Some(key) = self.0.first() else { return Err(VaultError::new("there is no key")) };
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)
            .map_err(|error| VaultError::new(format!("the system has no randomness: {error}")))?;
        let (id, bound) = (key.id(), bound(place));
        let payload = Payload { msg: secret.as_bytes(), aad: bound.as_bytes() };
        let sealed = key.cipher().encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| VaultError::new("the secret is too long to be sealed"))?;
        let bytes = URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat());
        Ok(Sealed::new(format!("{FORM}.{id}.{bytes}")))
    }

    pub(super) fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<String, VaultError> {
        let id = key_of(sealed).ok_or_else(|| {
            VaultError::new(format!("{place} is sealed in a form that this version does not know"))
        })?;
        let key = self.0.iter().find(|key| key.id() == id).ok_or_else(|| {
            VaultError::new(format!(
                "{place} was sealed with the key {id}, which is not among those that the settings \
                 name; put that back, or set the {} again",
                place.option
            ))
        })?;
        let altered = || {
            VaultError::new(format!(
                "{place} was altered, or sealed for something else; set it again"
            ))
        };
        let bytes = sealed.envelope().rsplit('.').next().unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(bytes).map_err(|_| altered())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or_else(altered)?;
        let bound = bound(place);
        let payload = Payload { msg: sealed, aad: bound.as_bytes() };
        let clear = key.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| altered())?;
        String::from_utf8(clear).map_err(|_| altered())
    }
}

impl fmt::Debug for Ring {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(Key::id)).finish()
    }
}

/// The id of the key that something was sealed with.
pub(super) fn key_of(sealed: &Sealed) -> Option<&str> {
    let mut parts = sealed.envelope().split('.');
    (parts.next() == Some(FORM)).then(|| parts.next()).flatten()
}

/// What a secret is bound to; of two places never the same.
fn bound(place: Place<'_>) -> String {
    let Place { of, owner, option, .. } = place;
    format!("harvester {FORM}\n{of}\n{}\n{owner}\n{option}", owner.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: (&str, &str) = ("maps", "password");

    fn at((owner, option): (&'static str, &'static str)) -> Place<'static> {
        Place::of_source(owner, option)
    }

    #[test]
    fn what_was_sealed_opens_at_its_place_only() {
        let ring = Ring::random().unwrap();
        let sealed = ring.seal(at(HERE), "hush").unwrap();
        assert_eq!(ring.open(at(HERE), &sealed).unwrap(), "hush");
        for elsewhere in [("mapz", "password"), ("maps", "token"), ("maps\npassword", "")] {
            assert!(ring.open(at(elsewhere), &sealed).unwrap_err().to_string().contains("altered"));
        }
        assert!(ring.open(Place::of_target(HERE.0, HERE.1), &sealed).is_err());
        assert_ne!(sealed, ring.seal(at(HERE), "hush").unwrap());
    }

    #[test]
    fn what_was_altered_does_not_open() {
        let ring = Ring::random().unwrap();
        let sealed = ring.seal(at(HERE), "hush").unwrap();
        let envelope = sealed.envelope();
        let flipped = |at: usize| {
            let mut bytes = envelope.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        };
        let id = ring.current();
        // The last letter of Base64 can have bits that say nothing.
        for envelope in [
            flipped(12),
            flipped(envelope.len() - 4),
            envelope[..envelope.len() - 8].to_owned(),
            format!("v1.{id}."),
            format!("v1.{id}.AAAA"),
            format!("v1.{id}.%"),
            format!("v2.{id}.AAAA"),
            String::new(),
        ] {
            assert!(ring.open(at(HERE), &Sealed::new(&*envelope)).is_err(), "{envelope}");
        }
    }

    #[test]
    fn another_key_says_which_one_is_missing() {
        let (ring, other) = (Ring::random().unwrap(), Ring::random().unwrap());
        let sealed = ring.seal(at(HERE), "hush").unwrap();
        let message = other.open(at(HERE), &sealed).unwrap_err().to_string();
        assert!(message.contains(&ring.current()) && message.contains("set the password again"));
        let rotated = ring.rotated().unwrap();
        assert_eq!(rotated.open(at(HERE), &sealed).unwrap(), "hush");
        assert!(rotated.current() != ring.current() && rotated.has(&ring.current()));
    }

    #[test]
    fn keys_are_read_as_openssl_prints_them() {
        let hex = "00ff".repeat(16);
        let base64 = STANDARD.encode([0_u8, 255].repeat(16));
        let one = Ring::read(&hex).unwrap();
        assert_eq!(Ring::read(&format!("# the key\n{base64}\n\n")).unwrap(), one);
        assert_eq!(Ring::read(&one.written()).unwrap(), one);
        assert_eq!(Ring::read(&format!("{hex}, {}", "11".repeat(32))).unwrap().0.len(), 2);
        for wrong in ["", "# nothing", "abc", &"0".repeat(63), &"zz".repeat(32)] {
            let message = Ring::read(wrong).unwrap_err();
            assert!(wrong.is_empty() || !message.contains(wrong), "{message}");
        }
        assert!(!format!("{one:?}").contains("00ff00"));
    }
}
