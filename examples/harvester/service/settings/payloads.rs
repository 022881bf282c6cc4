//! Where metadata is kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use harvest_pipeline::payloads::{ObjectPayloads, PayloadStore};
use harvest_pipeline::{Bucket, BucketError};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::report::Failure;

/// Where metadata is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Payloads {
    /// Beside the records.
    #[default]
    Database,
    /// In a folder, which all processes share: `folder:/srv/payloads`.
    Folder(PathBuf),
    /// In a bucket of S3 or what speaks like it: `s3://bucket/prefix`. Keys, region and endpoint are in
    /// the environment.
    Bucket(Url),
}

impl FromStr for Payloads {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "database" {
            return Ok(Self::Database);
        }
        if let Some(path) = text.strip_prefix("folder:").filter(|path| !path.is_empty()) {
            return Ok(Self::Folder(path.into()));
        }
        match Url::parse(text) {
            Ok(url) if url.scheme() == "s3" && url.has_host() => Ok(Self::Bucket(url)),
            _ => Err(
                "payloads is written database, folder:/srv/payloads or s3://bucket/prefix; keys \
                      of the bucket go into the environment"
                    .to_owned(),
            ),
        }
    }
}

impl TryFrom<String> for Payloads {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Payloads> for String {
    fn from(payloads: Payloads) -> Self {
        payloads.to_string()
    }
}

impl fmt::Display for Payloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database => f.write_str("database"),
            Self::Folder(path) => write!(f, "folder:{}", path.display()),
            Self::Bucket(url) => url.fmt(f),
        }
    }
}

impl Payloads {
    /// Where commands that read no settings keep it: what the environment says.
    ///
    /// # Errors
    /// If that makes no sense.
    pub(crate) fn of_environment() -> Result<Self, Failure> {
        match std::env::var("HARVESTER_PAYLOADS") {
            Ok(text) => {
                let wrong = |error| Failure::usage(format!("HARVESTER_PAYLOADS: {error}"));
                text.parse().map_err(wrong)
            }
            Err(_) => Ok(Self::Database),
        }
    }

    /// Whether a bucket can be made of what is known of it; nobody is asked.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Bucket(url) => bucket(url).map(drop),
            Self::Database | Self::Folder(_) => Ok(()),
        }
    }

    /// The archive; `None`: it is the database.
    ///
    /// # Errors
    /// If it cannot be used.
    pub(crate) fn open(&self) -> Result<Option<Arc<dyn PayloadStore>>, Failure> {
        let bucket = match self {
            Self::Database => return Ok(None),
            Self::Folder(path) => Bucket::folder(path).map_err(|error| unusable(&error))?,
            Self::Bucket(url) => bucket(url)?,
        };
        Ok(Some(Arc::new(ObjectPayloads::new(bucket))))
    }
}

fn bucket(url: &Url) -> Result<Bucket, Failure> {
    Bucket::open(url, std::env::vars()).map_err(|error| unusable(&error))
}

fn unusable(error: &BucketError) -> Failure {
    Failure::usage(format!("payloads: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in ["database", "folder:/srv/payloads", "s3://bucket/prefix"] {
            assert_eq!(text.parse::<Payloads>().unwrap().to_string(), text);
        }
        for text in ["", "folder:", "/srv/payloads", "https://x.example/", "s3:"] {
            assert!(text.parse::<Payloads>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_folder_keeps_what_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let payloads = Payloads::Folder(folder.path().join("payloads"));
        let archive = payloads.open().unwrap().unwrap();
        let address = archive.put(b"<dc/>").await.unwrap();
        assert_eq!(archive.get(&address).await.unwrap().as_deref(), Some(&b"<dc/>"[..]));
        assert!(Payloads::Database.open().unwrap().is_none());
    }
}
