//! One run a source: a lock that the operating system takes back when the process dies.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A locked file beside the database; removed and unlocked when dropped. A process that was killed
/// leaves the empty file behind, but not the lock.
#[derive(Debug)]
pub(super) struct SourceLock {
    path: PathBuf,
    // Closing it gives the lock back.
    _file: File,
}

impl SourceLock {
    /// Takes the lock; `None` if another run has it, in this process or another.
    pub(super) fn take(database: &Path, source: i64) -> io::Result<Option<Self>> {
        let mut path = database.as_os_str().to_owned();
        path.push(format!("-source-{source}.lock"));
        let path = PathBuf::from(path);
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The one before may have removed the file between our opening and locking it; then
            // the lock is on a file that nobody else will find.
            if is_at(&file, &path) {
                return Ok(Some(Self { path, _file: file }));
            }
        }
    }
}

impl Drop for SourceLock {
    fn drop(&mut self) {
        // While it is still locked. Where open files cannot be removed, the empty file stays.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_locked_once_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("harvest.db");
        let first = SourceLock::take(&database, 1).unwrap();
        assert!(first.is_some());
        assert!(SourceLock::take(&database, 1).unwrap().is_none());
        assert!(SourceLock::take(&database, 2).unwrap().is_some());
        drop(first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(SourceLock::take(&database, 1).unwrap().is_some());
    }

    #[test]
    fn a_file_left_by_a_killed_process_does_not_hold_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("harvest.db");
        fs::write(folder.path().join("harvest.db-source-1.lock"), "").unwrap();
        assert!(SourceLock::take(&database, 1).unwrap().is_some());
    }
}
