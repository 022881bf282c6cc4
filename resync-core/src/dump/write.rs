use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::MANIFEST;
use crate::document::{Algorithm, Datetime, Entry, Hashes, Head, Writer};
use crate::fixity::Fixity;

/// Writes a package: bitstreams as they come, and at the end the manifest.
///
/// Where two bitstreams would have the same name, they do not: each has its number in it.
pub struct PackageWriter<W: Write + Seek> {
    zip: ZipWriter<W>,
    head: Head,
    manifest: Writer<SpooledTempFile>,
    /// Where its entries begin; the head before them is written again at the end.
    begin: u64,
    entries: u64,
    bytes: u64,
}

impl<W: Write + Seek> PackageWriter<W> {
    /// How large a manifest is kept in memory while it grows.
    const IN_MEMORY: usize = 1 << 20;

    /// Begins a package; `head` is that of its manifest, with its capability, its times and the
    /// link up to the Capability List (§11.3 and §13.3).
    ///
    /// # Errors
    /// When a temporary file cannot be made, or XML cannot hold what is in `head`.
    pub fn new(out: W, head: &Head) -> io::Result<Self> {
        let manifest = Writer::new(SpooledTempFile::new(Self::IN_MEMORY), head)?;
        let (zip, begin) = (ZipWriter::new(out), manifest.written());
        Ok(Self { zip, head: head.clone(), manifest, begin, entries: 0, bytes: 0 })
    }

    /// Says when the last resource was taken (§11.3), which is known only now.
    pub fn completed(&mut self, at: Datetime) {
        self.head.md.completed = Some(at);
    }

    /// Adds a resource. Its length, digests and path are found on the way, and replace what `entry`
    /// says: digests of the kinds that it has, and SHA-256.
    ///
    /// # Errors
    /// When `data` or the package fails; the resource is not in the package then.
    pub fn add(&mut self, mut entry: Entry<'_>, mut data: impl Read) -> io::Result<()> {
        let name = format!("resources/{:06}-{}", self.entries + 1, safe_name(&entry.loc));
        let is_large = entry.md.length.is_none_or(|length| length > u64::from(u32::MAX) / 2);
        let method = method(entry.md.media_type.as_deref().unwrap_or_default());
        let options = SimpleFileOptions::default().compression_method(method).large_file(is_large);
        self.zip.start_file(&name, options).map_err(of_zip)?;
        match copy(&mut data, &mut self.zip, &entry.md.hash) {
            Ok((length, hash)) => {
                entry.md.length = Some(length);
                entry.md.hash = hash;
                entry.md.path = Some(format!("/{name}").into());
                if let Err(error) = self.manifest.entry(&entry) {
                    self.zip.abort_file().map_err(of_zip)?;
                    return Err(error);
                }
                self.entries += 1;
                self.bytes += length;
                Ok(())
            }
            Err(error) => {
                self.zip.abort_file().map_err(of_zip)?;
                Err(error)
            }
        }
    }

    /// Adds an entry without a bitstream: a deletion (§13.3).
    ///
    /// # Errors
    /// When a temporary file fails, or XML cannot hold what is in `entry`.
    pub fn add_without_data(&mut self, mut entry: Entry<'_>) -> io::Result<()> {
        entry.md.path = None;
        self.manifest.entry(&entry)?;
        self.entries += 1;
        Ok(())
    }

    /// How many entries are in the manifest.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// How many bytes the bitstreams have together, before they are compressed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds the manifest; without this there is no package. Gives back where it was written to.
    ///
    /// # Errors
    /// When the package or the temporary file fails.
    pub fn finish(mut self) -> io::Result<W> {
        let length = self.manifest.written();
        let mut manifest = self.manifest.finish()?;
        manifest.seek(SeekFrom::Start(self.begin))?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(length > u64::from(u32::MAX) / 2);
        self.zip.start_file(MANIFEST, options).map_err(of_zip)?;
        Writer::new(&mut self.zip, &self.head)?;
        io::copy(&mut manifest, &mut self.zip)?;
        let mut out = self.zip.finish().map_err(of_zip)?;
        out.flush()?;
        Ok(out)
    }
}

fn copy(
    data: &mut impl Read,
    out: &mut impl Write,
    like: &Hashes<'_>,
) -> io::Result<(u64, Hashes<'static>)> {
    let mut algorithms: Vec<_> = like.digests().map(|digest| digest.algorithm()).collect();
    algorithms.push(Algorithm::Sha256);
    algorithms.sort_unstable();
    algorithms.dedup();
    let mut fixity = Fixity::new(algorithms);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match data.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                fixity.update(&buffer[..read]);
                out.write_all(&buffer[..read])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let measured = fixity.finish();
    Ok((measured.len, measured.digests.into_iter().collect()))
}

/// What is compressed already is stored as it is.
fn method(media_type: &str) -> CompressionMethod {
    let is_text = media_type.starts_with("image/svg");
    let is_packed = ["image/", "audio/", "video/"].iter().any(|it| media_type.starts_with(it))
        || ["application/pdf", "application/zip", "application/gzip"].contains(&media_type);
    if is_packed && !is_text { CompressionMethod::Stored } else { CompressionMethod::Deflated }
}

/// What can be told from the address, in letters that every system takes in a name.
fn safe_name(loc: &str) -> String {
    let path = loc.split(['?', '#']).next().unwrap_or(loc).trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or(path);
    let safe = last.bytes().rev().take(80).map(|b| match b {
        b if b.is_ascii_alphanumeric() => char::from(b),
        b'.' | b'-' => char::from(b),
        _ => '_',
    });
    let name: String = safe.collect::<Vec<_>>().into_iter().rev().collect();
    // Neither two points in a row nor one at the end, which Windows drops.
    name.replace("..", "._").trim_matches('.').to_owned()
}

fn of_zip(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        error => io::Error::other(error),
    }
}

impl<W: Write + Seek> fmt::Debug for PackageWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackageWriter")
            .field("entries", &self.entries)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
