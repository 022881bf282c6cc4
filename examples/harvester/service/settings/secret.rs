//! Which key seals the passwords and tokens of sources.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Which key seals the passwords and tokens of sources: 32 random bytes, in hexadecimal or Base64, such
/// as `openssl rand -hex 32` prints. All processes of an installation need the same.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Secret {
    /// The file with the key; keys in further lines only open what they sealed. Empty: with SQLite, a
    /// file beside the database that is made when there is none.
    pub(crate) key_file: String,
    /// The key itself, in the place of a file; further keys behind commas. Best given in the
    /// environment, as HARVESTER_SECRET_KEY.
    pub(crate) key: String,
}

impl Secret {
    /// The same without the key, to be shown.
    pub(super) fn without_secrets(mut self) -> Self {
        if !self.key.is_empty() {
            "(not shown)".clone_into(&mut self.key);
        }
        self
    }

    /// Where the key of an installation is whose settings name none: beside the file of SQLite.
    pub(crate) fn beside(db: &str) -> Option<PathBuf> {
        let file = db.strip_prefix("sqlite:")?.split('?').next()?;
        let file = file.strip_prefix("//").unwrap_or(file);
        (!file.is_empty() && file != ":memory:")
            .then(|| Path::new(&format!("{file}.key")).to_owned())
    }
}

impl std::fmt::Debug for Secret {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("key_file", &self.key_file).finish_non_exhaustive()
    }
}
