//! What seals the passwords and tokens of sources.
//!
//! The key comes from the settings; with SQLite and no word of it there, from a file beside the
//! database, which is made when it is first needed. The database remembers the id of the key, so that
//! another one is noticed when a process begins, and not when a source cannot be harvested.
//!
//! XChaCha20-Poly1305, with the source and the option as associated data: what was sealed for one source
//! cannot be copied to another.

mod ring;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use harvest_pipeline::secrets::{Place, Sealed, Vault, VaultError};
use serde::{Deserialize, Serialize};

use self::ring::Ring;
use super::settings::{Secret, Settings};
use crate::accounts::{DocumentError, Documents};
use crate::report::Failure;

const COLLECTION: &str = "secret-key";
const CURRENT: &str = "current";

/// How a key is named, where one is missing.
const REMEDY: &str = "name it as `key-file` in [secret], or in the environment as HARVESTER_SECRET_KEY \
                      or HARVESTER_SECRET_KEY_FILE; `openssl rand -hex 32` makes one";

/// What the database remembers of the key.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    id: String,
}

/// Seals with the key that the settings name. Files are read each time: it is seldom, and whoever
/// changes the key need not stop anything.
#[derive(Clone, Debug)]
pub(crate) struct KeyVault {
    keys: Keys,
    /// The id of the key that this database was begun with, if it was.
    remembered: Option<String>,
}

/// Where the key is.
#[derive(Clone, Debug)]
enum Keys {
    Said(Ring),
    File(PathBuf),
    /// Beside SQLite's file; it may be made.
    Beside(PathBuf),
    Nowhere,
}

impl KeyVault {
    /// The vault of these settings.
    ///
    /// # Errors
    /// If the key in the settings is none, or the database cannot be read.
    pub(crate) async fn of(settings: &Settings, documents: &Documents) -> Result<Self, Failure> {
        let Secret { key, key_file } = &settings.secret;
        let keys = if !key.is_empty() {
            let ring = Ring::read(key);
            Keys::Said(ring.map_err(|error| Failure::usage(format!("secret.key: {error}")))?)
        } else if !key_file.is_empty() {
            Keys::File(key_file.into())
        } else {
            Secret::beside(&settings.db).map_or(Keys::Nowhere, Keys::Beside)
        };
        let remembered = documents.get::<Remembered>(COLLECTION, CURRENT).await?;
        Ok(Self { keys, remembered: remembered.map(|document| document.body.id) })
    }

    /// Whether the database was begun with a key.
    pub(super) fn is_begun(&self) -> bool {
        self.remembered.is_some()
    }

    /// Makes sure that there is the key which the database was begun with; where that is still to be
    /// done, that there is one.
    ///
    /// # Errors
    /// If not; the message says what to do.
    pub(super) fn check(&self) -> Result<(), VaultError> {
        match self.ring() {
            Err(_) if self.remembered.is_none() && matches!(self.keys, Keys::Nowhere) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Remembers in the database which key seals now.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) async fn remember(&self, documents: &Documents) -> Result<(), Failure> {
        let Ok(ring) = self.ring() else { return Ok(()) };
        let (now, body) = (chrono::Utc::now(), Remembered { id: ring.current() });
        match documents.insert(COLLECTION, CURRENT, &body, now).await {
            Err(DocumentError::Taken { .. }) => {}
            done => return Ok(done?),
        }
        if let Some(mut known) = documents.get::<Remembered>(COLLECTION, CURRENT).await? {
            known.body = body;
            documents.replace(COLLECTION, &known, now).await?;
        }
        Ok(())
    }

    /// Puts a new key in front of the one in the file. One that the settings hold is for whoever
    /// changes these.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn rotate(&self) -> Result<(), Failure> {
        let (Keys::File(file) | Keys::Beside(file)) = &self.keys else { return Ok(()) };
        let rotated = self.ring()?.rotated().map_err(no_randomness)?;
        let written = write(file, &rotated, true);
        written.map_err(|error| Failure::new(cannot("written", file, &error).to_string()))
    }

    /// The keys.
    fn ring(&self) -> Result<Ring, VaultError> {
        let ring = match &self.keys {
            Keys::Said(ring) => ring.clone(),
            Keys::File(file) => read(file).map_err(|error| cannot("read", file, &error))??,
            Keys::Beside(file) => match read(file) {
                Ok(ring) => ring?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.first(file)?,
                Err(error) => return Err(cannot("read", file, &error)),
            },
            Keys::Nowhere => {
                return Err(VaultError::new(format!(
                    "there is no key to seal passwords and tokens with; {REMEDY}"
                )));
            }
        };
        match &self.remembered {
            Some(id) if !ring.has(id) => Err(VaultError::new(format!(
                "passwords and tokens in this database are sealed with the key {id}, and the one in \
                 the settings is {}; put that back, or change keys with `harvester config rotate-key` \
                 while both are there",
                ring.current()
            ))),
            _ => Ok(ring),
        }
    }

    /// Makes the key of a database that has none.
    fn first(&self, file: &Path) -> Result<Ring, VaultError> {
        if let Some(id) = &self.remembered {
            return Err(VaultError::new(format!(
                "passwords and tokens in this database are sealed with the key {id}, which was in {} \
                 and is not there any more; put the file back, or name the key: {REMEDY}",
                file.display()
            )));
        }
        let ring = Ring::random().map_err(no_randomness)?;
        match write(file, &ring, false) {
            Ok(()) => Ok(ring),
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                read(file).map_err(|error| cannot("read", file, &error))?
            }
            Err(error) => Err(cannot("written", file, &error)),
        }
    }
}

impl Vault for KeyVault {
    fn seal(&self, place: Place<'_>, secret: &str) -> Result<Sealed, VaultError> {
        self.ring()?.seal(place, secret)
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<String, VaultError> {
        self.ring()?.open(place, sealed)
    }

    fn is_current(&self, sealed: &Sealed) -> bool {
        self.ring().is_ok_and(|ring| ring::key_of(sealed) == Some(&ring.current()))
    }
}

fn cannot(be: &str, file: &Path, error: &io::Error) -> VaultError {
    VaultError::new(format!(
        "the key that seals passwords and tokens cannot be {be}: {}: {error}; {REMEDY}",
        file.display()
    ))
}

fn no_randomness(error: getrandom::Error) -> VaultError {
    VaultError::new(format!("the system has no randomness: {error}"))
}

fn read(file: &Path) -> io::Result<Result<Ring, VaultError>> {
    let text = fs::read_to_string(file)?;
    let ring = Ring::read(&text);
    Ok(ring.map_err(|error| VaultError::new(format!("{}: {error}", file.display()))))
}

/// Writes keys so that nobody else can read them, whole or not at all, and only in the place of others
/// if that is meant.
fn write(file: &Path, ring: &Ring, replaces: bool) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Made for its owner only.
    let mut new = tempfile::Builder::new().tempfile_in(folder.unwrap_or(Path::new(".")))?;
    new.write_all(ring.written().as_bytes())?;
    new.as_file().sync_all()?;
    let kept = if replaces { new.persist(file) } else { new.persist_noclobber(file) };
    kept.map_err(|error| error.error)?;
    // So that a power cut does not take the name away; not every system lets a folder be opened.
    if let Ok(folder) = OpenOptions::new().read(true).open(folder.unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
    Ok(())
}
