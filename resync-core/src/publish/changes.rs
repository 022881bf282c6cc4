use std::io::{self, BufWriter};

use tempfile::NamedTempFile;

use super::series::Series;
use super::stage::{Rank, Stage};
use super::{PackageSize, Resource, frame};
use crate::document::{Algorithm, Capability, Change, Datetime, Entry, Hashes, Head};
use crate::dump::PackageWriter;
use crate::fixity;

type Package = PackageWriter<BufWriter<NamedTempFile>>;

/// What happened since the last publication, on its way into the Change List and Change Dump.
pub(super) struct Changes {
    list: Series,
    dump: Option<ChangeDump>,
    now: Datetime,
}

/// Packages of changes: those of one publication are in packages of their own.
pub(super) struct ChangeDump {
    pub(super) series: Series,
    pub(super) size: PackageSize,
    pub(super) base: String,
    /// The last publication, since when the changes are.
    pub(super) from: Datetime,
    pub(super) now: Datetime,
    pub(super) package: Option<Package>,
}

impl Changes {
    pub(super) fn new(list: Series, dump: Option<ChangeDump>, now: Datetime) -> Self {
        Self { list, dump, now }
    }

    /// Records a change; `resource` is none for a deletion. It is noticed now (§12.1, `datetime`).
    pub(super) fn add(
        &mut self,
        stage: &mut Stage,
        change: Change,
        mut entry: Entry<'static>,
        resource: Option<&Resource>,
    ) -> io::Result<()> {
        (entry.md.change, entry.md.datetime) = (Some(change), Some(self.now));
        self.list.add(stage, &entry)?;
        match &mut self.dump {
            Some(dump) => dump.add(stage, entry, resource),
            None => Ok(()),
        }
    }

    /// Hands over what has changed; gives the archives that there are, by their names.
    pub(super) fn finish(self, stage: &mut Stage) -> io::Result<Vec<(String, Capability)>> {
        let mut archives = Vec::new();
        if let Some(mut dump) = self.dump {
            dump.close(stage)?;
            archives.extend(dump.series.finish(stage)?);
        }
        archives.extend(self.list.finish(stage)?);
        Ok(archives)
    }
}

impl ChangeDump {
    fn add(
        &mut self,
        stage: &mut Stage,
        entry: Entry<'static>,
        resource: Option<&Resource>,
    ) -> io::Result<()> {
        let more = if resource.is_some() { entry.md.length.unwrap_or(0) } else { 0 };
        let is_full =
            |package: &Package| self.size.is_full(package.entries(), package.bytes(), more);
        if self.package.as_ref().is_some_and(is_full) {
            self.close(stage)?;
        }
        let package = match &mut self.package {
            Some(package) => package,
            None => {
                let mut head = Head::list(Capability::ChangeDumpManifest);
                (head.md.from, head.md.until) = (Some(self.from), Some(self.now));
                let head = frame::head(head, &self.base);
                self.package.insert(PackageWriter::new(stage.file()?, &head)?)
            }
        };
        match resource {
            Some(resource) => package.add(entry, resource.open()?),
            None => package.add_without_data(entry),
        }
    }

    fn close(&mut self, stage: &mut Stage) -> io::Result<()> {
        let Some(package) = self.package.take() else { return Ok(()) };
        let file = package.finish()?;
        let (length, hashes) = measure(&file)?;
        let mut key = frame::Key::default();
        key.add(&hashes);
        let name = format!("{}-{}.zip", frame::CHANGE_DUMP, key.finish());
        let mut entry = package_entry(&self.base, &name, length, &hashes);
        (entry.md.from, entry.md.until) = (Some(self.from), Some(self.now));
        stage.put(Rank::Part, name, file)?;
        self.series.add(stage, &entry)
    }
}

/// The entry of a package in a dump.
pub(super) fn package_entry(base: &str, name: &str, length: u64, hashes: &str) -> Entry<'static> {
    let mut entry = Entry::new(format!("{base}{name}"));
    entry.md.media_type = Some("application/zip".into());
    entry.md.length = Some(length);
    entry.md.hash = Hashes::from(hashes).into_owned();
    entry
}

/// Length and digest of a package that is all written and flushed.
pub(super) fn measure(file: &BufWriter<NamedTempFile>) -> io::Result<(u64, String)> {
    let measured = fixity::of_file(file.get_ref().reopen()?, [Algorithm::Sha256])?;
    let hashes: Hashes<'_> = measured.digests.into_iter().collect();
    Ok((measured.len, hashes.as_str().to_owned()))
}
