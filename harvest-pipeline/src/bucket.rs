//! A place for objects: on S3 and its like, in a folder, or in memory.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayload};
use resync_core::transport::without_credentials;
use url::Url;

/// Where objects are kept. Cheap to clone; clones are the same place.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Bucket {
    /// A place in memory, empty.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { store: Arc::new(InMemory::new()), prefix: Path::default() }
    }

    /// A folder, which is created if it is missing. Objects are files in it, and appear complete or
    /// not at all.
    ///
    /// # Errors
    /// If the folder cannot be created.
    pub fn folder(path: impl AsRef<FilePath>) -> Result<Self, BucketError> {
        let path = path.as_ref();
        let failed = |error: Box<dyn StdError + Send + Sync>| BucketError {
            place: path.display().to_string(),
            source: error,
        };
        std::fs::create_dir_all(path).map_err(|error| failed(error.into()))?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(|error| failed(error.into()))?;
        Ok(Self { store: Arc::new(store), prefix: Path::default() })
    }

    /// What a URL names: `s3://bucket/prefix` (with the feature `aws`), `file:///folder` or
    /// `memory:///`.
    ///
    /// Options are those of the store, such as `aws_region`, `aws_endpoint` or
    /// `aws_secret_access_key`; what it does not know it ignores. Hand over
    /// [`std::env::vars`] to take them from the environment.
    ///
    /// # Errors
    /// If there is no such kind of store, or an option makes no sense.
    pub fn open(
        url: &Url,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BucketError> {
        let options = options.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value));
        // Errors name the URL, and passwords have no place in it.
        let url = without_credentials(url);
        let opened = object_store::parse_url_opts(&url, options);
        let (store, prefix) =
            opened.map_err(|error| BucketError { place: url.into(), source: error.into() })?;
        Ok(Self { store: store.into(), prefix })
    }

    /// The part of it whose objects' names begin so. A `/` divides names as in folders.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        Self { store: Arc::clone(&self.store), prefix: self.path(prefix) }
    }

    fn path(&self, name: &str) -> Path {
        name.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), Path::join)
    }

    /// The whole name of an object, for messages.
    pub(crate) fn full_name(&self, name: &str) -> String {
        format!("{} in {}", self.path(name), self.store)
    }

    pub(crate) async fn put(&self, name: &str, body: Vec<u8>) -> Result<(), Error> {
        self.store.put(&self.path(name), PutPayload::from(body)).await?;
        Ok(())
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let read = async { self.store.get(&self.path(name)).await?.bytes().await };
        Ok(if_found(read.await)?.map(Vec::from))
    }

    pub(crate) async fn contains(&self, name: &str) -> Result<bool, Error> {
        Ok(if_found(self.store.head(&self.path(name)).await)?.is_some())
    }

    pub(crate) async fn remove(&self, name: &str) -> Result<(), Error> {
        if_found(self.store.delete(&self.path(name)).await)?;
        Ok(())
    }
}

/// Whether the same may well succeed later.
pub(crate) fn is_transient(error: &Error) -> bool {
    matches!(error, Error::Generic { .. } | Error::JoinError { .. })
}

fn if_found<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A place for objects that cannot be used.
#[derive(Debug)]
pub struct BucketError {
    place: String,
    source: Box<dyn StdError + Send + Sync>,
}

impl fmt::Display for BucketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot keep objects in {}: {}", self.place, self.source)
    }
}

impl StdError for BucketError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}
