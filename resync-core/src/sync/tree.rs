use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use std::{fmt, process};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};

pub use self::walk::{FileEntry, Files};
use super::Place;
use super::place::split;

mod walk;

/// Our own folder.
const OWN: &str = ".resync";
/// How many folders are kept open; processes commonly may have 1024 files open.
const MOST_OPEN: usize = 128;
/// How often an install is tried while its folder is being removed.
const TRIES: usize = 4;

/// The folder that holds a local copy.
///
/// No path and no symbolic link leads out of it, and links below it are not followed at all. Files
/// are written to `.resync/tmp` first, and then renamed: whoever reads the copy meanwhile sees
/// whole files only.
///
/// Folders stay open until [`make_durable`](Self::make_durable). Whoever moves one away before
/// that takes along what is still being written to it.
#[derive(Debug)]
pub struct Tree {
    root: Arc<Dir>,
    temps: Dir,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    open: HashMap<String, Arc<Dir>>,
    /// Folders with new or lost entries that may not be on disk yet.
    touched: HashSet<String>,
}

/// A file that is being written.
#[derive(Debug)]
pub struct Temp {
    /// Open for reading and writing.
    pub file: File,
    /// How to refer to it.
    pub name: String,
}

/// Size and time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// In bytes.
    pub len: u64,
    /// When it was modified; 1970 if the file system does not say.
    pub modified: SystemTime,
}

/// Why a file could not be put in its place.
#[derive(Debug)]
#[non_exhaustive]
pub enum InstallError {
    /// A file or link is where a folder has to be, or a folder where the file has to be.
    Occupied,
    /// The file system says no.
    Io(io::Error),
}

impl Tree {
    /// Opens a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// When it cannot be made or opened, or what is in the way of our own folder is none.
    pub fn open(root: &Path) -> io::Result<Self> {
        Dir::create_ambient_dir_all(root, ambient_authority())?;
        let root = Dir::open_ambient_dir(root, ambient_authority())?;
        let (own, _) = enter(&root, OWN, true)?;
        let (temps, _) = enter(&own, "tmp", true)?;
        Ok(Self { root: Arc::new(root), temps, kept: Mutex::default() })
    }

    /// Opens a folder in which nothing is to be made: not even itself, nor our own folder, which is
    /// in `aside`.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub(super) fn look(root: &Path, aside: &Path) -> io::Result<Self> {
        let aside = Self::open(aside)?;
        match Dir::open_ambient_dir(root, ambient_authority()) {
            Ok(root) => Ok(Self { root: Arc::new(root), ..aside }),
            // There is nothing in it.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(aside),
            Err(error) => Err(error),
        }
    }

    /// Starts a new file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create_temp(&self) -> io::Result<Temp> {
        // Shared by all folders of the process: one may be open twice.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        loop {
            let name = format!("{:x}-{:x}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            match self.temps.open_with(&name, &options) {
                Ok(file) => return Ok(Temp { file: file.into_std(), name }),
                // Left by a process of the same number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Opens a file that was written before.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read.
    pub fn open_temp(&self, name: &str) -> io::Result<File> {
        Ok(self.temps.open(name)?.into_std())
    }

    /// Writes a whole new file, and returns its name. The time is set if the file system can hold
    /// it.
    ///
    /// # Errors
    /// When it cannot be made or written. Nothing is left of it.
    pub fn write_temp(&self, bytes: &[u8], modified: Option<SystemTime>) -> io::Result<String> {
        let Temp { mut file, name } = self.create_temp()?;
        if let Err(error) = file.write_all(bytes) {
            drop(file);
            // The first error is the one that tells.
            let _ = self.remove_temp(&name);
            return Err(error);
        }
        if let Some(modified) = modified {
            // Whether a date makes sense is up to the source, and no reason to lose the file.
            let _ = file.set_modified(modified);
        }
        Ok(name)
    }

    /// Puts a file where it belongs, in place of what file or link may be there.
    ///
    /// Folders are made as needed. The time is set if the file system can hold it.
    ///
    /// # Errors
    /// `Occupied` when something in the way has to be dealt with first, `Io` when the file system
    /// fails. In both cases, the file is still there under its temporary name.
    pub fn install(
        &self,
        temp_name: &str,
        place: &Place,
        modified: Option<SystemTime>,
    ) -> Result<(), InstallError> {
        if let Some(modified) = modified {
            let file = self.temps.open_with(temp_name, OpenOptions::new().write(true))?.into_std();
            // Whether a date makes sense is up to the source, and no reason to lose the file.
            let _ = file.set_modified(modified);
        }
        let mut result = self.rename(temp_name, place);
        for _ in 1..TRIES {
            match &result {
                // The folder that we had open was removed.
                Err(InstallError::Io(error)) if error.kind() == ErrorKind::NotFound => {
                    self.kept().open.clear();
                    result = self.rename(temp_name, place);
                }
                _ => break,
            }
        }
        result
    }

    fn rename(&self, temp_name: &str, place: &Place) -> Result<(), InstallError> {
        let (parent, name) = place.split();
        let folder = self.folder(parent, true)?;
        self.temps.rename(temp_name, &folder, name).map_err(|error| {
            // What systems say to this differs.
            let is_folder = folder.symlink_metadata(name).is_ok_and(|found| found.is_dir());
            if is_folder { InstallError::Occupied } else { InstallError::Io(error) }
        })
    }

    /// Removes a file or link, and the folders that are left empty; `false` if there is none.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn remove(&self, place: &Place) -> io::Result<bool> {
        let (parent, name) = place.split();
        let Some(folder) = self.existing(parent)? else { return Ok(false) };
        let Some(found) = present(folder.symlink_metadata(name))? else { return Ok(false) };
        if !found.is_file() && !found.is_symlink() {
            return Ok(false);
        }
        if present(folder.remove_file(name))?.is_none() {
            return Ok(false);
        }
        drop(folder);
        self.touch(parent);
        self.prune(place)?;
        Ok(true)
    }

    fn prune(&self, place: &Place) -> io::Result<()> {
        for path in place.ancestors().rev() {
            let (parent, name) = split(path);
            let Some(folder) = self.existing(parent)? else { break };
            // Most often because it is not empty. Whatever it is, the folder may stay.
            if folder.remove_dir(name).is_err() {
                break;
            }
            self.kept().open.remove(path);
            self.touch(parent);
        }
        Ok(())
    }

    /// Size and time of a file; `None` if there is none, or something else.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn stat(&self, place: &Place) -> io::Result<Option<FileStat>> {
        let (parent, name) = place.split();
        let Some(folder) = self.existing(parent)? else { return Ok(None) };
        let found = present(folder.symlink_metadata(name))?;
        Ok(found.filter(Metadata::is_file).map(|found| FileStat::of(&found)))
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// `NotFound` when there is none, or something else; others when the file system fails.
    pub fn open_file(&self, place: &Place) -> io::Result<File> {
        let (parent, name) = place.split();
        let folder = self.existing(parent)?.ok_or(ErrorKind::NotFound)?;
        // Opening a pipe would wait for whoever writes to it.
        if !folder.symlink_metadata(name)?.is_file() {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(folder.open(name)?.into_std())
    }

    /// Removes a file that was not installed; `false` if there is none of this name.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn remove_temp(&self, name: &str) -> io::Result<bool> {
        Ok(present(self.temps.remove_file(name))?.is_some())
    }

    /// The names of all files that were not installed, such as those of an earlier run.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn list_temps(&self) -> io::Result<Vec<String>> {
        let names = self.temps.entries()?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    /// Removes all files that were not installed but these, and returns how many.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn clear_temps_except(&self, kept: &HashSet<String>) -> io::Result<usize> {
        let mut removed = 0;
        for name in self.list_temps()? {
            if !kept.contains(&name) && self.remove_temp(&name)? {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Makes sure that a loss of power takes nothing back.
    ///
    /// This holds for the contents of the files that are named, which are not installed yet, and
    /// for everything installed or removed so far. Contents of installed files must have been made
    /// durable before.
    ///
    /// # Errors
    /// When the file system fails, or there is no such file.
    pub fn make_durable(&self, temps: &[String]) -> io::Result<()> {
        if self.sync_all_at_once(temps)? {
            return Ok(());
        }
        // Windows wants to see that we may write.
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        for name in temps {
            self.temps.open_with(name, &options)?.sync_all()?;
        }
        if !temps.is_empty() {
            sync_folder(&self.temps)?;
        }
        let touched = {
            let mut kept = self.kept();
            // As good a time as any to see the folders as they are now.
            kept.open.clear();
            std::mem::take(&mut kept.touched)
        };
        let mut left: HashSet<_> = touched.iter().map(String::as_str).collect();
        for path in &touched {
            let result = match self.existing(path) {
                Ok(Some(folder)) => sync_folder(&folder),
                // Removed since: its parent was touched as well.
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                self.kept().touched.extend(left.into_iter().map(str::to_owned));
                return Err(error);
            }
            left.remove(path.as_str());
        }
        Ok(())
    }

    /// Where the system can, one call for all: a thousand small files take no longer than one.
    #[cfg(target_os = "linux")]
    fn sync_all_at_once(&self, temps: &[String]) -> io::Result<bool> {
        for name in temps {
            self.temps.symlink_metadata(name)?;
        }
        // A folder that is only held, not opened for reading, cannot be synced.
        if rustix::fs::syncfs(self.root.open(".")?).is_err() {
            return Ok(false);
        }
        let mut kept = self.kept();
        kept.open.clear();
        kept.touched.clear();
        Ok(true)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_all_at_once(&self, _: &[String]) -> io::Result<bool> {
        Ok(false)
    }

    /// All files, one by one, in no particular order.
    ///
    /// Links, our own files, and names that are not Unicode are passed over. After an error, the
    /// rest can still be had.
    #[must_use]
    pub fn files(&self) -> Files<'_> {
        Files::of(self)
    }

    fn existing(&self, path: &str) -> io::Result<Option<Arc<Dir>>> {
        match self.folder(path, false) {
            Ok(folder) => Ok(Some(folder)),
            Err(InstallError::Occupied) => Ok(None),
            Err(InstallError::Io(error)) => present(Err(error)),
        }
    }

    // One name at a time, so that no link is followed.
    fn folder(&self, path: &str, create: bool) -> Result<Arc<Dir>, InstallError> {
        let mut kept = self.kept();
        if create {
            kept.touch(path);
        }
        // From the root, or from the innermost folder that is open.
        let ends = path.rmatch_indices('/').map(|(end, _)| end);
        let open = (!path.is_empty()).then_some(path.len()).into_iter().chain(ends);
        let open = open.into_iter().find_map(|end| Some((end, kept.open.get(&path[..end])?)));
        let (mut done, mut folder) = match open {
            Some((end, folder)) => (end, Arc::clone(folder)),
            None => (0, Arc::clone(&self.root)),
        };
        while done < path.len() {
            let start = if done == 0 { 0 } else { done + 1 };
            let end = path[start..].find('/').map_or(path.len(), |length| start + length);
            let (inner, created) = enter(&folder, &path[start..end], create)?;
            if created {
                kept.touch(&path[..done]);
            }
            folder = Arc::new(inner);
            if kept.open.len() >= MOST_OPEN {
                kept.open.clear();
            }
            kept.open.insert(path[..end].to_owned(), Arc::clone(&folder));
            done = end;
        }
        Ok(folder)
    }

    fn touch(&self, path: &str) {
        self.kept().touch(path);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing is left half done by a panic.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn touch(&mut self, path: &str) {
        if !self.touched.contains(path) {
            self.touched.insert(path.to_owned());
        }
    }
}

impl FileStat {
    fn of(found: &Metadata) -> Self {
        let modified = found.modified().map_or(SystemTime::UNIX_EPOCH, |time| time.into_std());
        Self { len: found.len(), modified }
    }
}

impl From<io::Error> for InstallError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<InstallError> for io::Error {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Occupied => Self::new(ErrorKind::AlreadyExists, error),
            InstallError::Io(error) => error,
        }
    }
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Occupied => f.write_str("the path is occupied by something else"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for InstallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Occupied => None,
            Self::Io(error) => error.source(),
        }
    }
}

// The folder of this name, and whether it is new.
fn enter(dir: &Dir, name: &str, create: bool) -> Result<(Dir, bool), InstallError> {
    if create {
        match dir.create_dir(name) {
            Ok(()) => return Ok((dir.open_dir(name)?, true)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !dir.symlink_metadata(name)?.is_dir() {
        return Err(InstallError::Occupied);
    }
    Ok((dir.open_dir(name)?, false))
}

// What is not there is no error.
fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Dir) -> io::Result<()> {
    // The folder itself is open as a place only.
    match folder.open(".")?.sync_all() {
        // Some file systems have no such thing.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Dir) -> io::Result<()> {
    // Windows keeps folders in its journal, and has no call for it.
    Ok(())
}

#[cfg(test)]
mod tests;
