//! A folder to copy a source to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use resync_core::retry::{Backoff, Retrying};
use resync_core::sync::{Mirror, Options, Report};
use resync_core::transport::{HttpTransport, Transport};
use resync_core::{Error, Result};
use tempfile::TempDir;
use url::Url;

use super::Source;

/// A secret that only the source may see.
pub(crate) const TOKEN: &str = "the-token-of-this-test";

/// A folder in a folder of its own, so that whatever leads out of it can be seen.
pub(crate) struct Copy {
    parent: TempDir,
    url: Url,
    pub(crate) options: Options,
}

impl Copy {
    /// A copy of the source whose list is at this path.
    pub(crate) fn of(source: &Source, list: &str) -> Self {
        let parent = tempfile::tempdir().unwrap();
        Self { parent, url: source.url(list), options: Options::default() }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Options)) {
        change(&mut self.options);
    }

    /// A mirror that tries twice, and that has a token for the source.
    pub(crate) fn mirror(&self) -> Mirror {
        let transport = HttpTransport::builder()
            .bearer(TOKEN)
            .secrets_only_for(&self.url)
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let backoff = Backoff::default()
            .retries(1)
            .first(Duration::from_millis(1))
            .cap(Duration::from_millis(5));
        let transport = Arc::new(transport) as Arc<dyn Transport>;
        Mirror::new(Retrying::new(transport, backoff), self.folder(), self.options.clone())
    }

    pub(crate) async fn try_baseline(&self) -> Result<Report> {
        self.mirror().baseline(&self.url).await
    }

    pub(crate) async fn baseline(&self) -> Report {
        self.try_baseline().await.unwrap()
    }

    pub(crate) async fn refused(&self) -> Error {
        self.try_baseline().await.unwrap_err()
    }

    /// Applies the changes that are listed at this path.
    pub(crate) async fn try_follow(&self, list: &str) -> Result<Report> {
        self.mirror().incremental(&self.url.join(list).unwrap()).await
    }

    pub(crate) async fn follow(&self, list: &str) -> Report {
        self.try_follow(list).await.unwrap()
    }

    pub(crate) async fn audit(&self) -> Report {
        self.mirror().audit(&self.url).await.unwrap()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.parent.path().join("copy")
    }

    pub(crate) fn parent(&self) -> &Path {
        self.parent.path()
    }

    /// The content of a file of the copy.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let bytes = fs::read(self.folder().join(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(crate) fn write(&self, path: &str, body: impl AsRef<[u8]>) {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
    }

    /// The files of the copy but our own, in order of the alphabet.
    pub(crate) fn files(&self) -> Vec<String> {
        let all = everything(&self.folder());
        all.into_keys().filter(|path| !path.starts_with(".resync/")).collect()
    }

    /// Everything beside the copy, with its content.
    pub(crate) fn outside(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = everything(self.parent.path());
        all.retain(|path, _| !path.starts_with("copy/"));
        all
    }

    /// Files that wait to be put in their places, which there should be none of after a run.
    pub(crate) fn left_over(&self) -> Vec<String> {
        everything(&self.folder().join(".resync/tmp")).into_keys().collect()
    }
}

/// All files and links below a folder; links are not followed.
fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(entries) = fs::read_dir(path) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                pending.push(entry.path());
                continue;
            }
            let path = entry.path();
            let content = match kind.is_symlink() {
                true => fs::read_link(&path).unwrap().to_string_lossy().into_owned().into_bytes(),
                false => fs::read(&path).unwrap(),
            };
            let path = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
            found.insert(path, content);
        }
    }
    found
}
