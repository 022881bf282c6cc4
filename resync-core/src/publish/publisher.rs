use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::run::Run;
use super::stage::{Rank, Stage};
use super::state::State;
use super::{Resource, frame};
use crate::document::{
    Algorithm, Capability, Datetime, Document, Entry, Head, Link, Size, rel, to_xml,
};

/// Publishes a set of resources, again and again.
///
/// The documents go into one folder, whose state is in it, too, in files whose names begin with
/// `.resync-`. They need not be served.
#[derive(Clone, Debug)]
pub struct Publisher {
    pub(super) dir: PathBuf,
    pub(super) base: String,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) size: Size,
    pub(super) packages: PackageSize,
    pub(super) has_dumps: bool,
    described_by: Option<String>,
    pub(super) at: Option<Datetime>,
}

/// How much may be in one package of a dump. Most have less: see where they end in
/// [`Publisher::dumps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct PackageSize {
    /// Entries of its manifest.
    pub entries: u64,
    /// Bytes of its bitstreams before they are compressed. One that is larger by itself is in a
    /// package by itself.
    pub bytes: u64,
}

/// What has been published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publication {
    /// The time that its documents bear.
    pub at: Datetime,
    /// Resources that were not there the last time.
    pub created: u64,
    /// Resources whose bytes are others than the last time.
    pub updated: u64,
    /// Resources that are gone.
    pub deleted: u64,
    /// Resources whose bytes are the same.
    pub unchanged: u64,
    /// How many resources had to be read for their digests.
    pub measured: u64,
    /// The documents and packages that were written, by their names in the folder.
    pub written: Vec<String>,
}

impl Publication {
    /// With nothing in it so far.
    pub(super) fn at(at: Datetime) -> Self {
        let (created, updated, deleted, unchanged, measured) = (0, 0, 0, 0, 0);
        Self { at, created, updated, deleted, unchanged, measured, written: Vec::new() }
    }
}

impl Default for PackageSize {
    /// 50 000 entries and 100 MiB.
    fn default() -> Self {
        Self { entries: 50_000, bytes: 100 << 20 }
    }
}

impl PackageSize {
    /// Whether what is to be added belongs into the next package.
    pub(super) fn is_full(&self, entries: u64, bytes: u64, more: u64) -> bool {
        entries >= self.entries.max(1) || entries > 0 && bytes.saturating_add(more) > self.bytes
    }

    /// Whether a package with so much in it is not too small: a quarter of what it may have.
    pub(super) fn may_end(&self, entries: u64, bytes: u64) -> bool {
        entries >= self.entries / 4 || bytes >= self.bytes / 4
    }

    /// How much of a package a resource of this length takes, of the whole range of numbers.
    pub(super) fn share(&self, bytes: u64) -> u64 {
        let of_bytes = (u64::MAX / self.bytes.max(1)).saturating_mul(bytes);
        (u64::MAX / self.entries.max(1)).saturating_add(of_bytes)
    }
}

impl Publisher {
    /// Publishes into the folder `dir`, which is served at `base_url`.
    ///
    /// # Errors
    /// When `base_url` is no address.
    pub fn new(dir: impl Into<PathBuf>, base_url: &str) -> io::Result<Self> {
        Ok(Self {
            dir: dir.into(),
            base: frame::base(base_url)?,
            algorithms: vec![Algorithm::Sha256],
            size: Size::default(),
            packages: PackageSize::default(),
            has_dumps: false,
            described_by: None,
            at: None,
        })
    }

    /// Which digests the documents give; SHA-256 if nothing else is said.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let algorithms: Vec<_> = algorithms.into_iter().collect();
        if !algorithms.is_empty() {
            self.algorithms = algorithms;
        }
        self
    }

    /// How much may be in one document; no more than Sitemaps allow.
    #[must_use]
    pub fn size(mut self, size: Size) -> Self {
        let most = Size::default();
        self.size.entries = size.entries.clamp(1, most.entries);
        self.size.bytes = size.bytes.min(most.bytes);
        self
    }

    /// Whether there are to be a Resource Dump and a Change Dump. Bitstreams that are not in files
    /// are then in memory until their package is written.
    ///
    /// A package of the Resource Dump whose resources are the same is not written again. That one
    /// more does not move the bounds of all packages behind it, some end before they are full,
    /// after resources that are chosen by their addresses.
    #[must_use]
    pub fn dumps(mut self, has_dumps: bool) -> Self {
        self.has_dumps = has_dumps;
        self
    }

    /// How much may be in one package.
    #[must_use]
    pub fn package_size(mut self, size: PackageSize) -> Self {
        self.packages = size;
        self
    }

    /// Where the source is described for people (§8, `describedby`).
    #[must_use]
    pub fn described_by(mut self, url: impl Into<String>) -> Self {
        self.described_by = Some(url.into());
        self
    }

    /// The time that the documents bear, if not that at which the publication begins. It must not
    /// be later; one before that of the last publication is not used.
    #[must_use]
    pub fn at(mut self, at: Datetime) -> Self {
        self.at = Some(at);
        self
    }

    /// Publishes the resources, which have to come in the order of their addresses, byte by byte,
    /// as those of a [`Folder`](super::Folder) do.
    ///
    /// In the Change List is what changed since the last publication; after the first one nothing.
    ///
    /// # Errors
    /// When a resource or the folder fails, or the folder is being published into by another
    /// process (`WouldBlock`); `InvalidInput` when an address is none, or not in order, or there
    /// twice. Nothing has been published then, except when files could not be put in place at the
    /// end: the next publication puts that right.
    pub fn publish(
        &self,
        resources: impl IntoIterator<Item = io::Result<Resource>>,
    ) -> io::Result<Publication> {
        fs::create_dir_all(&self.dir)?;
        let _lock = lock(&self.dir)?;
        let mut run = Run::begin(self)?;
        for resource in resources {
            run.take(resource?)?;
        }
        run.finish()
    }

    /// The Capability List and the Source Description (§9 and §8).
    pub(super) fn capabilities(
        &self,
        stage: &mut Stage,
        archives: Vec<(String, Capability)>,
    ) -> io::Result<()> {
        let described_by =
            self.described_by.iter().map(|url| Link::new(rel::DESCRIBED_BY, url.clone()));
        let document = |capability, entries: &[(String, Capability)]| {
            let mut document = Document::new(frame::head(Head::list(capability), &self.base));
            document.head.links.extend(described_by.clone());
            for (name, capability) in entries {
                let mut entry = Entry::new(format!("{}{name}", self.base));
                entry.md.capability = Some(capability.clone());
                document.entries.push(entry);
            }
            to_xml(&document)
        };
        let mut entries = vec![
            (frame::RESOURCE_LIST.to_owned(), Capability::ResourceList),
            (frame::open_name(frame::CHANGE_LIST), Capability::ChangeList),
        ];
        if self.has_dumps {
            entries.push((frame::RESOURCE_DUMP.to_owned(), Capability::ResourceDump));
            entries.push((frame::open_name(frame::CHANGE_DUMP), Capability::ChangeDump));
        }
        entries.extend(archives);
        let list = document(Capability::CapabilityList, &entries)?;
        stage.text(Rank::Capabilities, frame::CAPABILITY_LIST, &list)?;
        let entries = [(frame::CAPABILITY_LIST.to_owned(), Capability::CapabilityList)];
        let description = document(Capability::Description, &entries)?;
        stage.text(Rank::Description, frame::DESCRIPTION, &description)
    }

    /// Removes what neither this publication nor the last one leads to.
    pub(super) fn remove_replaced(&self, old: &State, new: &State) -> io::Result<()> {
        let records = State::records_name(new.generation);
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_part = frame::is_replaceable(name)
                && !old.parts.contains(name)
                && !new.parts.contains(name);
            let is_old = State::is_records(name) && name != records;
            let is_dump = !self.has_dumps && frame::is_dump(name);
            if is_part || is_old || is_dump {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Keeps other publishers out until it is dropped. If the process dies, so does the lock.
fn lock(dir: &Path) -> io::Result<File> {
    let file = File::create(dir.join(".resync-lock"))?;
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => {
            let what = format!("{} is being published into already", dir.display());
            io::Error::new(io::ErrorKind::WouldBlock, what)
        }
        fs::TryLockError::Error(error) => error,
    })?;
    Ok(file)
}
