use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use tempfile::NamedTempFile;

use super::changes::{measure, package_entry};
use super::frame::{self, Key};
use super::series::copy;
use super::stage::{Rank, Stage, temporary};
use super::state::State;
use super::{PackageSize, Resource};
use crate::document::{
    Algorithm, Capability, Datetime, Document, Entry, Hashes, Head, ListPart, ListWriter, Root,
    Size, Writer, to_xml,
};
use crate::dump::PackageWriter;
use crate::fixity;

type Out = BufWriter<NamedTempFile>;
type Open = Box<dyn FnMut(u32) -> io::Result<Out>>;

/// The Resource List that is being written.
///
/// A part is named after what is in it, but for the time: one that is there already stays as it is,
/// and what it says stays true.
pub(super) struct ResourceList {
    list: ListWriter<Out, Open>,
    base: String,
    at: Datetime,
    /// Of what is in the part so far.
    key: Key,
    parts: Vec<String>,
}

/// The Resource Dump that is being written. What is to go into the next package is collected first,
/// to see whether there is such a package already.
///
/// Some packages end before they are full: after resources that are chosen by their addresses. So
/// one more or less at the beginning does not move the bounds of all packages behind it.
pub(super) struct ResourceDump {
    base: String,
    at: Datetime,
    size: PackageSize,
    group: Vec<(Resource, Entry<'static>)>,
    bytes: u64,
    packages: Vec<(String, u64, String)>,
}

impl ResourceList {
    pub(super) fn new(dir: &Path, base: &str, at: Datetime, size: Size) -> Self {
        let mut head = Head::list(Capability::ResourceList);
        head.md.at = Some(at);
        let dir = dir.to_owned();
        let open: Open = Box::new(move |_| temporary(&dir));
        let index = format!("{base}{}", frame::RESOURCE_LIST);
        let list = ListWriter::new(frame::head(head, base), index, open).size(size);
        let (key, parts) = (first_key(base), Vec::new());
        Self { list, base: base.to_owned(), at, key, parts }
    }

    pub(super) fn add(&mut self, stage: &mut Stage, entry: &Entry<'_>) -> io::Result<()> {
        if let Some(part) = self.list.entry(entry)? {
            let key = std::mem::replace(&mut self.key, first_key(&self.base));
            put(stage, &mut self.parts, key, part)?;
        }
        self.key.add(format!("{entry:?}"));
        Ok(())
    }

    pub(super) fn finish(self, stage: &mut Stage, old: &State, new: &mut State) -> io::Result<()> {
        let Self { list, base, at, key, mut parts } = self;
        let last = list.finish()?;
        let mut all = first_key(&base);
        if last.number == 1 {
            all.add(key.finish());
            if new_key(stage, old, new, frame::RESOURCE_LIST, all) {
                let file = last.out.into_inner().map_err(io::IntoInnerError::into_error)?;
                // No longer than before: there is no link to an index that has to fit in.
                let head = snapshot_head(Capability::ResourceList, at, &base);
                let mut writer = Writer::new(stage.file()?, &head)?;
                copy(file.reopen()?, &mut writer)?;
                stage.put(Rank::List, frame::RESOURCE_LIST, writer.finish()?)?;
            }
            return Ok(());
        }
        put(stage, &mut parts, key, last)?;
        parts.iter().for_each(|name| all.add(name));
        if new_key(stage, old, new, frame::RESOURCE_LIST, all) {
            let mut head = snapshot_head(Capability::ResourceList, at, &base);
            head.root = Root::SitemapIndex;
            let mut index = Document::new(head);
            let entries = parts.iter().map(|name| Entry::new(format!("{base}{name}")));
            index.entries.extend(entries);
            stage.text(Rank::Index, frame::RESOURCE_LIST, &to_xml(&index)?)?;
        }
        new.parts.extend(parts);
        Ok(())
    }
}

impl ResourceDump {
    pub(super) fn new(base: &str, at: Datetime, size: PackageSize) -> Self {
        let (group, bytes, packages) = (Vec::new(), 0, Vec::new());
        Self { base: base.to_owned(), at, size, group, bytes, packages }
    }

    pub(super) fn add(
        &mut self,
        stage: &mut Stage,
        old: &State,
        resource: Resource,
        entry: Entry<'static>,
    ) -> io::Result<()> {
        let more = entry.md.length.unwrap_or(0);
        if self.size.is_full(self.group.len() as u64, self.bytes, more) {
            self.pack(stage, old)?;
        }
        self.bytes += more;
        let ends_here = self.size.may_end(self.group.len() as u64 + 1, self.bytes)
            && frame::is_boundary(&resource.uri, self.size.share(more));
        self.group.push((resource, entry));
        if ends_here { self.pack(stage, old) } else { Ok(()) }
    }

    pub(super) fn finish(
        mut self,
        stage: &mut Stage,
        old: &State,
        new: &mut State,
    ) -> io::Result<()> {
        self.pack(stage, old)?;
        let mut dump = Document::new(snapshot_head(Capability::ResourceDump, self.at, &self.base));
        let mut key = first_key(&self.base);
        for (name, length, hashes) in &self.packages {
            key.add(name);
            dump.entries.push(package_entry(&self.base, name, *length, hashes));
        }
        if dump.entries.len() as u64 > Size::default().entries {
            let what = "more packages than a Resource Dump may have: they have to be larger";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        if new_key(stage, old, new, frame::RESOURCE_DUMP, key) {
            stage.text(Rank::List, frame::RESOURCE_DUMP, &to_xml(&dump)?)?;
        }
        for (name, length, hashes) in self.packages {
            new.parts.insert(name.clone());
            new.packages.insert(name, (length, hashes));
        }
        Ok(())
    }

    fn pack(&mut self, stage: &mut Stage, old: &State) -> io::Result<()> {
        if self.group.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let mut key = first_key(&self.base);
        self.group.iter().for_each(|(_, entry)| key.add(format!("{entry:?}")));
        let name = format!("resourcedump-{}.zip", key.finish());
        if stage.exists(&name) {
            self.group.clear();
            let (length, hashes) = match old.packages.get(&name) {
                Some(known) => known.clone(),
                None => {
                    let file = File::open(stage.path(&name))?;
                    let measured = fixity::of_file(file, [Algorithm::Sha256])?;
                    let hashes: Hashes<'_> = measured.digests.into_iter().collect();
                    (measured.len, hashes.as_str().to_owned())
                }
            };
            self.packages.push((name, length, hashes));
            return Ok(());
        }
        let mut head = Head::list(Capability::ResourceDumpManifest);
        head.md.at = Some(self.at);
        let mut package = PackageWriter::new(stage.file()?, &frame::head(head, &self.base))?;
        for (resource, entry) in self.group.drain(..) {
            package.add(entry, resource.open()?)?;
        }
        package.completed(now(self.at));
        let file = package.finish()?;
        let (length, hashes) = measure(&file)?;
        stage.put(Rank::Part, name.clone(), file)?;
        self.packages.push((name, length, hashes));
        Ok(())
    }
}

/// Hands over a part, unless there is one like it.
fn put(
    stage: &mut Stage,
    parts: &mut Vec<String>,
    key: Key,
    part: ListPart<Out>,
) -> io::Result<()> {
    let name = format!("resourcelist-{}.xml", key.finish());
    if !stage.exists(&name) {
        stage.put(Rank::Part, name.clone(), part.out)?;
    }
    parts.push(name);
    Ok(())
}

/// The head of what is written when the snapshot is taken. Its parts and packages do not say when
/// that was: they are written before, and stay as long as what is in them.
fn snapshot_head(capability: Capability, at: Datetime, base: &str) -> Head {
    let mut head = Head::list(capability);
    head.md.completed = Some(now(at));
    head.md.at = Some(at);
    frame::head(head, base)
}

/// The time, but not before `at`: clocks are set back.
fn now(at: Datetime) -> Datetime {
    let now = Datetime::now();
    if now.time() < at.time() { at } else { now }
}

fn first_key(base: &str) -> Key {
    let mut key = Key::default();
    key.add(base);
    key
}

/// Whether what a document is made of is not what it was made of the last time.
fn new_key(stage: &Stage, old: &State, new: &mut State, name: &str, key: Key) -> bool {
    let key = key.finish();
    let is_new = old.keys.get(name) != Some(&key) || !stage.exists(name);
    new.keys.insert(name.to_owned(), key);
    is_new
}
