use std::io;

use cap_std::fs::ReadDir;

use super::{FileStat, OWN, Tree, present};

/// A file that was found in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path, relative and separated by `/`.
    pub path: String,
    /// Its size and time.
    pub stat: FileStat,
}

/// The files of a [`Tree`].
#[derive(Debug)]
pub struct Files<'a> {
    tree: &'a Tree,
    /// Folders that are still to be read.
    pending: Vec<String>,
    current: Option<(String, ReadDir)>,
}

impl<'a> Files<'a> {
    pub(super) fn of(tree: &'a Tree) -> Self {
        Self { tree, pending: vec![String::new()], current: None }
    }
}

impl Iterator for Files<'_> {
    type Item = io::Result<FileEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((folder, entries)) = &mut self.current else {
                let path = self.pending.pop()?;
                let opened = self
                    .tree
                    .existing(&path)
                    .and_then(|folder| folder.map_or(Ok(None), |folder| present(folder.entries())));
                match opened {
                    Ok(entries) => self.current = entries.map(|entries| (path, entries)),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            let entry = match entries.next() {
                Some(Ok(entry)) => entry,
                Some(Err(error)) => {
                    // A folder that cannot be read may say so for ever.
                    self.current = None;
                    return Some(Err(error));
                }
                None => {
                    self.current = None;
                    continue;
                }
            };
            let Ok(name) = entry.file_name().into_string() else { continue };
            if folder.is_empty() && name == OWN {
                continue;
            }
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let kind = entry.file_type();
            if kind.as_ref().is_ok_and(|kind| kind.is_dir()) {
                self.pending.push(path);
                continue;
            }
            if kind.is_ok_and(|kind| kind.is_symlink()) {
                continue;
            }
            match present(entry.metadata()) {
                Ok(Some(found)) if found.is_file() => {
                    return Some(Ok(FileEntry { path, stat: FileStat::of(&found) }));
                }
                // Some file systems do not tell what an entry is before.
                Ok(Some(found)) if found.is_dir() => self.pending.push(path),
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
