use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io, vec};

use super::{Content, Resource, frame};

/// The files in a folder and the folders in it, in the order of their addresses; an iterator.
///
/// Names that begin with a dot are passed over, links are not followed, and the documents of a
/// publication are none of its resources. In memory are the names in one folder and in those
/// above.
#[derive(Debug)]
pub struct Folder {
    /// The folders above, the innermost last: address, and what is still to come of it.
    open: Vec<(String, vec::IntoIter<Item>)>,
}

#[derive(Debug)]
struct Item {
    /// Percent-encoded; of a folder with its slash, which puts all of its files in order.
    name: String,
    path: PathBuf,
}

impl Folder {
    /// Goes through the folder `root`, which is served at `base_url`.
    ///
    /// # Errors
    /// When the folder cannot be read, or `base_url` is no address.
    pub fn walk(root: impl AsRef<Path>, base_url: &str) -> io::Result<Self> {
        let base = frame::base(base_url)?;
        Ok(Self { open: vec![(base, items(root.as_ref())?.into_iter())] })
    }
}

impl Iterator for Folder {
    type Item = io::Result<Resource>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (base, items_left) = self.open.last_mut()?;
            let Some(item) = items_left.next() else {
                self.open.pop();
                continue;
            };
            let uri = format!("{base}{}", item.name);
            if !item.name.ends_with('/') {
                let mut resource = Resource::new(uri, Content::File(item.path));
                resource.media_type = media_type(&resource.uri).map(str::to_owned);
                return Some(Ok(resource));
            }
            match items(&item.path) {
                Ok(inner) => self.open.push((uri, inner.into_iter())),
                // It was there a moment ago.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn items(folder: &Path) -> io::Result<Vec<Item>> {
    let mut items = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if name.as_encoded_bytes().starts_with(b".")
            || name.to_str().is_some_and(frame::is_document)
            || !(kind.is_file() || kind.is_dir())
        {
            continue;
        }
        let slash = if kind.is_dir() { "/" } else { "" };
        items.push(Item { name: encode(&name) + slash, path: entry.path() });
    }
    items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(items)
}

/// As a segment of a path (RFC 3986 §3.3), byte by byte.
fn encode(name: &OsStr) -> String {
    let mut encoded = String::new();
    for byte in name.as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}"); // to a String: cannot fail
        }
    }
    encoded
}

fn media_type(uri: &str) -> Option<&'static str> {
    let (_, extension) = uri.rsplit_once('.')?;
    Some(match &*extension.to_ascii_lowercase() {
        "xml" => "application/xml",
        "html" | "htm" => "text/html",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "md" => "text/markdown",
        "css" => "text/css",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "tif" | "tiff" => "image/tiff",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        _ => return None,
    })
}
