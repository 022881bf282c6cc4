use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::document::{Algorithm, Entry, Hashes, Link};
use crate::fixity::{self, Fixity};

/// Something to be published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resource {
    /// Its address, as it is to stand in the documents.
    pub uri: String,
    /// Where its bytes are.
    pub content: Content,
    /// When it was last modified, as its web server says; for a file: if other than the file.
    pub modified: Option<SystemTime>,
    /// Media type.
    pub media_type: Option<String>,
    /// What it is related to.
    pub links: Vec<Link<'static>>,
}

/// Where the bytes of a resource are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content {
    /// In a file, which is read only if its length or time are not those of the last publication.
    File(PathBuf),
    /// Here.
    Bytes(Vec<u8>),
}

impl Resource {
    /// A resource.
    #[must_use]
    pub fn new(uri: impl Into<String>, content: Content) -> Self {
        let (modified, media_type, links) = (None, None, Vec::new());
        Self { uri: uri.into(), content, modified, media_type, links }
    }

    /// What can be told without reading it; `None` if it is not there any more.
    pub(super) fn look(&self) -> io::Result<Option<Look>> {
        let path = match &self.content {
            Content::Bytes(bytes) => {
                let modified = self.modified;
                return Ok(Some(Look { length: bytes.len() as u64, modified, stamp: None }));
            }
            Content::File(path) => path,
        };
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let time = metadata.modified()?;
        let stamp = time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_nanos());
        Ok(Some(Look { length: metadata.len(), modified: self.modified.or(Some(time)), stamp }))
    }

    /// Reads it for its digests, and its length then.
    pub(super) fn measure(&self, algorithms: &[Algorithm]) -> io::Result<(u64, String)> {
        let algorithms = algorithms.iter().copied();
        let measured = match &self.content {
            Content::File(path) => fixity::of_file(File::open(path)?, algorithms)?,
            Content::Bytes(bytes) => {
                let mut fixity = Fixity::new(algorithms);
                fixity.update(bytes);
                fixity.finish()
            }
        };
        let hashes: Hashes<'_> = measured.digests.into_iter().collect();
        Ok((measured.len, hashes.as_str().to_owned()))
    }

    pub(super) fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match &self.content {
            Content::File(path) => Box::new(File::open(path)?),
            Content::Bytes(bytes) => Box::new(bytes.as_slice()),
        })
    }

    /// Its entry in a Resource List.
    pub(super) fn entry(&self, look: &Look, hashes: &str) -> Entry<'static> {
        let mut entry = Entry::new(self.uri.clone());
        entry.lastmod = look.modified.map(Into::into);
        entry.md.length = Some(look.length);
        entry.md.hash = Hashes::from(hashes).into_owned();
        entry.md.media_type = self.media_type.clone().map(Into::into);
        entry.links.clone_from(&self.links);
        entry
    }
}

/// What can be told of a resource without reading it.
pub(super) struct Look {
    pub(super) length: u64,
    pub(super) modified: Option<SystemTime>,
    /// Time of the file in nanoseconds since 1970.
    pub(super) stamp: Option<u128>,
}
