//! Passwords and tokens: made, kept as hashes, and checked.

use std::fmt;
use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

/// The fewest characters of a password.
pub(crate) const SHORTEST_PASSWORD: usize = 10;
/// The most: what is longer is no password.
const LONGEST_PASSWORD: usize = 200;
/// So many passwords are checked at the same time; each takes some 19 MiB and 20 ms.
const CHECKED_AT_ONCE: usize = 2;

static CHECKING: Semaphore = Semaphore::const_new(CHECKED_AT_ONCE);

/// What is checked where there is no such user, so that it takes as long.
static NOBODYS: LazyLock<Option<Hashed>> = LazyLock::new(|| Hashed::of("nobody's password").ok());

/// A secret in clear: shown once, kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// 256 random bits.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// A password of 80 random bits that can be read to somebody: `k7mq-3xwa-…`.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn readable() -> Result<Self, getrandom::Error> {
        // No 0, o, 1 and l.
        const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        Ok(Self(groups.join("-")))
    }

    /// The secret, to be shown or sent to whom it belongs.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a random token is kept under. It has 256 bits; nothing slower than this is needed.
pub(crate) fn fingerprint(token: &str) -> String {
    use fmt::Write;
    Sha256::digest(token).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Whether two secrets are the same, in a time that does not tell how much of them is.
pub(crate) fn same(one: &str, other: &str) -> bool {
    // Of the digests nothing can be learnt.
    Sha256::digest(one) == Sha256::digest(other)
}

/// Whether a password may be set.
pub(crate) fn is_acceptable(password: &str) -> bool {
    (SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.chars().count())
}

/// A password as it is kept: by Argon2id, in the PHC string format.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Hashed(String);

impl Hashed {
    fn of(password: &str) -> Result<Self, String> {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| Self(hash.to_string())).map_err(|error| error.to_string())
    }

    fn is_of(&self, password: &str) -> bool {
        let parsed = PasswordHash::new(&self.0);
        parsed
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }

    /// Makes the hash of a password, on a thread that may take its time.
    ///
    /// # Errors
    /// If that cannot be done.
    pub(crate) async fn make(password: &Secret) -> Result<Self, String> {
        let password = password.clone();
        aside(move || Self::of(password.reveal())).await?
    }

    /// Whether this is the password, on a thread that may take its time. Without a hash it takes as
    /// long, and is not.
    pub(crate) async fn check(hashed: Option<Self>, password: &str) -> bool {
        if password.chars().count() > LONGEST_PASSWORD {
            return false;
        }
        let password = password.to_owned();
        let checked = aside(move || match hashed {
            Some(hashed) => hashed.is_of(&password),
            None => {
                std::hint::black_box(NOBODYS.as_ref().map(|nobodys| nobodys.is_of(&password)));
                false
            }
        });
        checked.await.unwrap_or(false)
    }
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let permit = CHECKING.acquire().await.map_err(|error| error.to_string())?;
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string());
    drop(permit);
    done
}

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashed(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_kept_so_that_it_can_only_be_checked() {
        let secret = Secret::from("correct horse battery");
        let (one, other) =
            (Hashed::make(&secret).await.unwrap(), Hashed::make(&secret).await.unwrap());
        assert!(one.0.starts_with("$argon2id$") && one != other);
        assert!(Hashed::check(Some(one.clone()), secret.reveal()).await);
        assert!(!Hashed::check(Some(one), "correct horse").await);
        assert!(!Hashed::check(None, secret.reveal()).await);
    }

    #[test]
    fn secrets_do_not_show_in_what_is_logged() {
        let secret = Secret::random().unwrap();
        assert_eq!(secret.reveal().len(), 43);
        assert!(!format!("{secret:?}").contains(secret.reveal()));
        assert_eq!(Secret::readable().unwrap().reveal().len(), 19);
        assert_eq!(fingerprint("abc").len(), 64);
    }
}
