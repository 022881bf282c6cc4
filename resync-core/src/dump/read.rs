use std::fmt;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::SpooledTempFile;
use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

use super::{MANIFEST, PackageError};
use crate::document::{Change, Entry, Reader};
use crate::xml;

/// How much a package may ask for before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Members of the ZIP, and entries of the manifest.
    pub entries: u64,
    /// Bytes that are read to find out what is in the ZIP: its central directory.
    pub directory: u64,
    /// Bytes of the manifest.
    pub manifest: u64,
    /// Bytes of one bitstream.
    pub bitstream: u64,
    /// Bytes of all members together.
    pub total: u64,
    /// How many times its compressed length a member may have.
    pub ratio: u64,
    /// Members of no more bytes than this may have any ratio.
    pub ratio_from: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            directory: 256 << 20,
            manifest: 256 << 20,
            bitstream: 16 << 30,
            total: 64 << 30,
            ratio: 200,
            ratio_from: 1 << 20,
        }
    }
}

/// A package of a Resource Dump or Change Dump.
///
/// In memory is what the ZIP's central directory says, about 300 bytes and the name of each member:
/// 40 MB for 100 000. The manifest is unpacked first, into a temporary file if it is larger than
/// 1 MiB, and read from there entry by entry.
pub struct Package<R> {
    archive: ZipArchive<BufReader<Meter<R>>>,
    limits: Limits,
    manifest: SpooledTempFile,
    manifest_index: usize,
    manifest_name: String,
    /// The folder that all is in, with a slash; empty as the standard has it.
    folder: String,
}

/// What an entry of the manifest stands for, unpacked while it is read.
///
/// Read to its end, it has been compared with the check sum of the ZIP.
pub struct Bitstream<'a, R: Read> {
    file: ZipFile<'a, BufReader<Meter<R>>>,
    name: &'a str,
    size: u64,
    left: u64,
}

/// Counts what is read to find out what is in the ZIP: many tiny members make a directory large.
struct Meter<R> {
    source: R,
    left: Arc<AtomicU64>,
}

impl<R: Read + Seek> Package<R> {
    /// How large a manifest is kept in memory.
    const IN_MEMORY: usize = 1 << 20;

    /// How much of the ZIP is read at once.
    const BUFFER: usize = 16 << 10;

    /// Opens a package with the usual limits, and unpacks its manifest.
    ///
    /// # Errors
    /// When it cannot be read, is no ZIP, has a name twice, has no manifest, or asks for too much.
    pub fn open(source: R) -> Result<Self, PackageError> {
        Self::with(source, Limits::default())
    }

    /// Opens a package with limits of one's own.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with(source: R, limits: Limits) -> Result<Self, PackageError> {
        let left = Arc::new(AtomicU64::new(limits.directory));
        let meter = Meter { source, left: Arc::clone(&left) };
        let source = BufReader::with_capacity(Self::BUFFER, meter);
        let mut archive =
            ZipArchive::new(source).map_err(|error| PackageError::of_zip(error, ""))?;
        check(&archive, &limits)?;
        let (manifest_index, manifest_name) = find_manifest(&archive)?;
        let folder = manifest_name.rfind('/').map_or("", |end| &manifest_name[..=end]).to_owned();
        let mut manifest = SpooledTempFile::new(Self::IN_MEMORY);
        left.store(u64::MAX, Ordering::Relaxed);
        let mut file = open(&mut archive, &limits, manifest_index, &manifest_name)?;
        if file.size > limits.manifest {
            let what = format!("its manifest has {} bytes", file.size);
            return Err(PackageError::Limit(what));
        }
        io::copy(&mut file, &mut manifest)?;
        drop(file);
        Ok(Self { archive, limits, manifest, manifest_index, manifest_name, folder })
    }

    /// What the ZIP calls its manifest. Anything but `manifest.xml` is against the standard
    /// (§11.3): other letter case, or one folder around everything.
    #[must_use]
    pub fn manifest_name(&self) -> &str {
        &self.manifest_name
    }

    /// Reads the manifest from its beginning.
    ///
    /// # Errors
    /// When the temporary file fails.
    pub fn manifest(&mut self) -> Result<Reader<impl Read + '_>, PackageError> {
        reader(&mut self.manifest, &self.limits)
    }

    /// What stands at a path of the manifest, with its slash in front or without.
    ///
    /// # Errors
    /// When there is nothing at it, or something that cannot or must not be unpacked.
    pub fn bitstream<'a>(&'a mut self, path: &'a str) -> Result<Bitstream<'a, R>, PackageError> {
        let index = locate(&self.archive, &self.folder, path)?;
        open(&mut self.archive, &self.limits, index, path)
    }

    /// Goes through the manifest in its order. Handed over with an entry is its bitstream: `None`
    /// for a deletion, which has none (§13.3), and the error where it cannot be had.
    ///
    /// Gives how many members of the ZIP are not in the manifest, which is against the standard.
    ///
    /// # Errors
    /// When the manifest cannot be read, or `each` fails.
    pub fn for_each_entry<E: From<PackageError>>(
        &mut self,
        mut each: impl FnMut(
            &Entry<'_>,
            Result<Option<Bitstream<'_, R>>, PackageError>,
        ) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut is_listed = vec![false; self.archive.len()];
        let mut manifest = reader(&mut self.manifest, &self.limits)?;
        while let Some(part) = manifest.next_part().map_err(PackageError::from)? {
            for entry in part {
                let entry = entry.map_err(PackageError::from)?;
                let bitstream = match entry.md.path.as_deref() {
                    None if entry.md.change == Some(Change::Deleted) => Ok(None),
                    None => Err(PackageError::Path(format!("no path for {}", entry.loc))),
                    Some(path) => locate(&self.archive, &self.folder, path)
                        .and_then(|index| {
                            if std::mem::replace(&mut is_listed[index], true) {
                                return Err(PackageError::Repeated(path.to_owned()));
                            }
                            open(&mut self.archive, &self.limits, index, path)
                        })
                        .map(Some),
                };
                each(&entry, bitstream)?;
            }
        }
        is_listed[self.manifest_index] = true;
        let unlisted = is_listed.iter().enumerate().filter(|(index, is_listed)| {
            !**is_listed && self.archive.by_index_data(*index).is_ok_and(|member| !member.is_dir())
        });
        Ok(unlisted.count() as u64)
    }
}

fn reader<'a>(
    manifest: &'a mut SpooledTempFile,
    limits: &Limits,
) -> Result<Reader<&'a mut SpooledTempFile>, PackageError> {
    manifest.rewind()?;
    let mut own = xml::Limits::default();
    own.record = 4 << 20;
    own.text = own.record;
    own.records = limits.entries;
    Ok(Reader::new(manifest).limits(own))
}

/// What is said of the members, before any is opened.
fn check<R: Read + Seek>(archive: &ZipArchive<R>, limits: &Limits) -> Result<(), PackageError> {
    if archive.has_duplicate_names() {
        return Err(PackageError::Repeated("two members of the ZIP have the same name".to_owned()));
    }
    if archive.len() as u64 > limits.entries {
        return Err(PackageError::Limit(format!("it has {} members", archive.len())));
    }
    let (mut total, mut packed) = (0_u64, 0_u64);
    for index in 0..archive.len() {
        let member =
            archive.by_index_data(index).map_err(|error| PackageError::of_zip(error, ""))?;
        total = total.saturating_add(member.size());
        packed = packed.saturating_add(member.compressed_size());
    }
    if total > limits.total {
        return Err(PackageError::Limit(format!("unpacked it would have {total} bytes")));
    }
    // Members that lie over each other are the other way to make much out of little.
    if packed > archive.central_directory_start() {
        let what = "its members have more bytes than the file";
        return Err(PackageError::Limit(what.to_owned()));
    }
    Ok(())
}

/// At the top (§11.3); some packers write capitals, or put a folder around everything.
fn find_manifest<R: Read + Seek>(archive: &ZipArchive<R>) -> Result<(usize, String), PackageError> {
    if let Some(index) = archive.index_for_name_raw(MANIFEST.as_bytes()) {
        return Ok((index, MANIFEST.to_owned()));
    }
    let is_manifest = |name: &[u8]| name.eq_ignore_ascii_case(MANIFEST.as_bytes());
    let mut found = None;
    for (index, name) in archive.file_names_raw().enumerate() {
        let name = name.strip_prefix(b"/").or_else(|| name.strip_prefix(b"./")).unwrap_or(name);
        let depth = name.iter().filter(|b| **b == b'/').count();
        let base = name.rsplit(|b| *b == b'/').next().unwrap_or(name);
        if depth > 1 || !is_manifest(base) {
            continue;
        }
        match found {
            Some((_, known)) if known < depth => {}
            Some((_, known)) if known == depth => {
                return Err(PackageError::Repeated(MANIFEST.to_owned()));
            }
            _ => found = Some((index, depth)),
        }
    }
    let (index, _) = found.ok_or(PackageError::NoManifest)?;
    let name = archive.file_names_raw().nth(index).unwrap_or_default();
    let name = str::from_utf8(name).map_err(|_| PackageError::NoManifest)?;
    Ok((index, name.to_owned()))
}

/// Finds the member at a path of the manifest.
fn locate<R: Read + Seek>(
    archive: &ZipArchive<R>,
    folder: &str,
    path: &str,
) -> Result<usize, PackageError> {
    let name = path.trim_start_matches('/');
    if name.is_empty() || name.split(['/', '\\']).any(|part| part == "..") {
        let shown: String = path.chars().take(200).collect();
        return Err(PackageError::Path(format!("{shown:?} is no path in a package")));
    }
    let find = |name: &str| archive.index_for_name_raw(name.as_bytes());
    find(name)
        .or_else(|| find(&format!("{folder}{name}")))
        .or_else(|| find(path))
        .ok_or_else(|| PackageError::Missing(path.chars().take(200).collect()))
}

fn open<'a, R: Read + Seek>(
    archive: &'a mut ZipArchive<BufReader<Meter<R>>>,
    limits: &Limits,
    index: usize,
    name: &'a str,
) -> Result<Bitstream<'a, R>, PackageError> {
    let failed = |error| PackageError::of_zip(error, name);
    let member = archive.by_index_data(index).map_err(failed)?;
    if member.encrypted() {
        return Err(PackageError::Unsupported(format!("{name}: encrypted")));
    }
    if !matches!(member.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        let method = member.compression();
        return Err(PackageError::Unsupported(format!("{name}: compressed with {method}")));
    }
    let (size, packed) = (member.size(), member.compressed_size());
    if size > limits.bitstream {
        return Err(PackageError::Limit(format!("{name}: {size} bytes")));
    }
    if size > limits.ratio_from && size / limits.ratio.max(1) > packed {
        return Err(PackageError::Limit(format!("{name}: {size} bytes out of {packed}")));
    }
    let file = archive.by_index(index).map_err(failed)?;
    Ok(Bitstream { file, name, size, left: size })
}

impl<R: Read> Bitstream<'_, R> {
    /// Its length in bytes, as the ZIP has it. No more is read.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    fn corrupt(&self, what: impl fmt::Display) -> io::Error {
        PackageError::Corrupt(format!("{}: {what}", self.name)).into()
    }
}

impl<R: Read> Read for Bitstream<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buf).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => self.corrupt(error),
            _ => error,
        })?;
        if read == 0 && self.left > 0 && !buf.is_empty() {
            return Err(self.corrupt(format_args!("{} bytes are missing", self.left)));
        }
        // The ratio was checked for the length that is declared; more must not come.
        let Some(left) = self.left.checked_sub(read as u64) else {
            return Err(self.corrupt("longer than the ZIP says"));
        };
        self.left = left;
        Ok(read)
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buf)?;
        let left = self.left.load(Ordering::Relaxed);
        let Some(left) = left.checked_sub(read as u64) else {
            return Err(PackageError::Limit("its directory is too large".to_owned()).into());
        };
        self.left.store(left, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Seek> Seek for Meter<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}

impl<R: Read + Seek> fmt::Debug for Package<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Package")
            .field("members", &self.archive.len())
            .field("manifest", &self.manifest_name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<R: Read> fmt::Debug for Bitstream<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bitstream")
            .field("name", &self.name)
            .field("size", &self.size)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
