use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

/// What begins the name of a file that is not in place yet.
const TEMPORARY: &str = ".resync-tmp-";

/// Files that are written, but not yet in place.
///
/// They are put in place in the order of their ranks, so that nothing is led to before it is there.
/// Until then, dropping this leaves everything as it was.
#[derive(Debug)]
pub(super) struct Stage {
    dir: PathBuf,
    files: Vec<(Rank, String, TempPath)>,
}

/// When a file is put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Packages and parts, which lists lead to.
    Part,
    /// The list of those that are closed, before the open one that begins where they end.
    Archive,
    List,
    Index,
    Capabilities,
    Description,
    /// What the next publication goes by.
    State,
}

impl Stage {
    /// Removes what a publication that broke off has left.
    pub(super) fn new(dir: &Path) -> io::Result<Self> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { dir: dir.to_owned(), files: Vec::new() })
    }

    pub(super) fn file(&self) -> io::Result<BufWriter<NamedTempFile>> {
        temporary(&self.dir)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Takes a file that is all written.
    pub(super) fn put(
        &mut self,
        rank: Rank,
        name: impl Into<String>,
        file: BufWriter<NamedTempFile>,
    ) -> io::Result<()> {
        let file = seal(file)?;
        self.files.push((rank, name.into(), file));
        Ok(())
    }

    /// Takes a small document, unless it is in place as it is.
    pub(super) fn text(&mut self, rank: Rank, name: &str, text: &str) -> io::Result<()> {
        match fs::read(self.path(name)) {
            Ok(old) if old == text.as_bytes() => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut file = self.file()?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        self.put(rank, name, file)
    }

    /// Puts everything in place, and gives the names.
    pub(super) fn commit(mut self) -> io::Result<Vec<String>> {
        self.files.sort_by_key(|(rank, _, _)| *rank);
        let mut names = Vec::new();
        let mut last = Rank::Part;
        for (rank, name, file) in self.files.drain(..) {
            let path = self.dir.join(&name);
            let folder = path.parent().unwrap_or(&self.dir);
            fs::create_dir_all(folder)?;
            if rank != last {
                // What is led to has to survive a power failure at least as well as what leads.
                sync(&self.dir)?;
                last = rank;
            }
            file.persist(&path).map_err(|error| error.error)?;
            if folder != self.dir {
                sync(folder)?;
            }
            names.push(name);
        }
        sync(&self.dir)?;
        Ok(names)
    }
}

/// A file whose rights are those that any new file has: a web server is to read it.
pub(super) fn temporary(dir: &Path) -> io::Result<BufWriter<NamedTempFile>> {
    let mut builder = Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir).map(BufWriter::new)
}

fn seal(file: BufWriter<NamedTempFile>) -> io::Result<TempPath> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    Ok(file.into_temp_path())
}

/// Makes names last. Where a folder cannot be opened, as on Windows, the system does so by itself.
fn sync(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
