//! What a source publishes: resources that can be listed in order, and had one by one.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use resync_core::publish::{Folder, Resource, is_document};

pub(crate) use super::exchange::{Content, Representation};

/// Resources in the order of their addresses.
pub(crate) type Resources = Box<dyn Iterator<Item = io::Result<Resource>> + Send>;

/// Where resources are.
#[async_trait]
pub(crate) trait Shelf: Send + Sync + 'static {
    /// All resources, below the address `base`. It may take long, and is asked for where that holds
    /// up nobody.
    ///
    /// # Errors
    /// If they cannot be listed.
    fn resources(&self, base: &str) -> io::Result<Resources>;

    /// The resource with this path behind `base`, as it stands in the address.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn open(&self, path: &str) -> io::Result<Option<Representation>>;

    /// Another for other resources; `None` if only listing them tells.
    ///
    /// # Errors
    /// If it cannot be said.
    async fn state(&self) -> io::Result<Option<String>> {
        Ok(None)
    }
}

/// The files in a folder, and in the folders in it.
#[derive(Debug)]
pub(crate) struct FolderShelf {
    root: PathBuf,
    dir: Dir,
}

impl FolderShelf {
    /// # Errors
    /// If the folder cannot be opened.
    pub(crate) fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let dir = Dir::open_ambient_dir(&root, ambient_authority())?;
        Ok(Self { root, dir })
    }
}

#[async_trait]
impl Shelf for FolderShelf {
    fn resources(&self, base: &str) -> io::Result<Resources> {
        Ok(Box::new(Folder::walk(&self.root, base)?))
    }

    async fn open(&self, path: &str) -> io::Result<Option<Representation>> {
        let Some(path) = place(path) else { return Ok(None) };
        let dir = self.dir.try_clone()?;
        let media_type = media_type(&path);
        let opened = tokio::task::spawn_blocking(move || {
            // Links are not listed, and lead nowhere; nor does anything else lead out of the folder.
            if !dir.symlink_metadata(&path)?.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            dir.open(&path)
        });
        match opened.await.unwrap_or_else(|cause| Err(cause.into())) {
            Ok(file) => {
                let file = tokio::fs::File::from_std(file.into_std());
                Representation::of_file(file, media_type).await.map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The place in a folder that a path leads to: decoded once, and only where all of it is names that
/// would be listed.
fn place(path: &str) -> Option<PathBuf> {
    let names = path.split('/').map(|name| {
        let name = decode(name)?;
        let is_plain = !name.is_empty() && !name.starts_with('.') && !is_document(&name);
        (is_plain && !name.contains(['/', '\\', '\0', ':'])).then_some(name)
    });
    names.collect()
}

/// Percent-decoded; `None` if that gives no text.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn media_type(path: &std::path::Path) -> &'static str {
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    match &*extension.to_ascii_lowercase() {
        "xml" => "application/xml",
        "html" | "htm" => "text/html; charset=utf-8",
        "txt" | "md" | "csv" => "text/plain; charset=utf-8",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_what_would_be_listed_and_nowhere_else() {
        for (path, expected) in [
            ("a.xml", "a.xml"),
            ("a/%C5%BElu%C5%A5.txt", "a/žluť.txt"),
            ("a%20b/c%2541.txt", "a b/c%41.txt"),
        ] {
            assert_eq!(place(path), Some(expected.into()), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "..",
            "a/../b",
            "a/%2e%2e/b",
            "a%2fb",
            "a//b",
            "a/",
            ".resync-lock",
            "%2Eresync-lock",
            "a%00b",
            "a%5cb",
            "c:x",
            "%",
            "%4",
            "%ff",
            "resourcelist.xml",
        ] {
            assert_eq!(place(path), None, "{path}");
        }
    }
}
