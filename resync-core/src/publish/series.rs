use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use tempfile::NamedTempFile;

use super::frame;
use super::stage::{Rank, Stage};
use crate::document::{
    Capability, Datetime, Document, Entry, Head, Link, Reader, Size, Writer, rel, to_xml,
};

/// A list that grows at its end, publication by publication: of changes, or of packages of them.
///
/// Once it is full it is closed (§12.1, `until`) and moves aside, and at its address the next one
/// is begun. Those that are closed are listed in an archive (ResourceSync Archives), to which the
/// open one leads. So a client that knows nothing of archives or indexes can follow it all the
/// same, and one that has missed something finds it.
#[derive(Debug)]
pub(super) struct Series {
    stem: &'static str,
    capability: Capability,
    base: String,
    size: Size,
    now: Datetime,
    closed: Vec<Closed>,
    /// Since when the open list is.
    from: Datetime,
    /// Whether the open list has not been published yet.
    is_new: bool,
    /// The open list, as soon as there is something to add.
    open: Option<(Writer<BufWriter<NamedTempFile>>, u64)>,
}

/// A list that does not change any more.
#[derive(Clone, Copy, Debug)]
struct Closed {
    number: u32,
    from: Datetime,
    until: Datetime,
}

/// How a series goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    /// When the first list begins, if there is none yet.
    pub(super) from: Datetime,
    pub(super) now: Datetime,
    /// Whether what is there has missed something, so that the first list is replaced.
    pub(super) is_anew: bool,
}

/// What is kept free for the end tag, the link to an archive, and `until`.
const RESERVE: u64 = 256;

impl Series {
    /// Goes on where the last publication ended.
    pub(super) fn resume(
        stage: &mut Stage,
        (stem, capability): (&'static str, Capability),
        base: &str,
        size: Size,
        Begin { from, now, is_anew }: Begin,
    ) -> io::Result<Self> {
        let mut series = Self {
            stem,
            capability,
            base: base.to_owned(),
            size,
            now,
            closed: Vec::new(),
            from,
            is_new: true,
            open: None,
        };
        if is_anew {
            return Ok(series);
        }
        let path = stage.path(&frame::open_name(stem));
        if path.exists() {
            let mut reader = Reader::new(File::open(&path)?);
            let head = reader.head().map_err(io::Error::other)?.clone();
            if head.is_index() {
                series.adopt(stage)?;
                return Ok(series);
            }
            series.from = head.md.from.ok_or_else(|| no_times(&path))?;
            series.is_new = false;
            // One that no list leads to is left by lists that were begun anew.
            if head.link(rel::ARCHIVES).is_some() {
                let archived = series.listed(stage, &frame::archive_name(stem))?.into_iter();
                let closed = archived.map(|(number, from, until)| {
                    let until = until.ok_or_else(|| no_times(&path))?;
                    Ok(Closed { number, from, until })
                });
                series.closed = closed.collect::<io::Result<_>>()?;
            }
        }
        series.remove_left(stage)?;
        Ok(series)
    }

    /// Adds something at the end.
    pub(super) fn add(&mut self, stage: &mut Stage, entry: &Entry<'_>) -> io::Result<()> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin(stage)?,
        };
        // The most that an entry of ours takes: each byte of the address may have to be escaped.
        let most = 6 * entry.loc.len() as u64 + 1024 + RESERVE;
        let is_full = open.1 >= self.size.entries || open.0.written() + most > self.size.bytes;
        if is_full && open.1 > 0 {
            self.close(stage, open.0)?;
            open = self.begin(stage)?;
        }
        open.0.entry(entry)?;
        open.1 += 1;
        self.open = Some(open);
        Ok(())
    }

    /// Hands over what has changed; gives the archive, if there is one, by its name.
    pub(super) fn finish(mut self, stage: &mut Stage) -> io::Result<Option<(String, Capability)>> {
        if self.open.is_none() && self.is_new {
            self.open = Some(self.begin(stage)?);
        }
        if let Some((writer, _)) = self.open.take() {
            stage.put(Rank::List, frame::open_name(self.stem), writer.finish()?)?;
        }
        let Some(capability) = self.capability.archive().filter(|_| !self.closed.is_empty()) else {
            return Ok(None);
        };
        let head = Head::list(capability.clone());
        let mut archive = Document::new(frame::head(head, &self.base));
        for Closed { number, from, until } in &self.closed {
            let name = frame::closed_name(self.stem, *number);
            let mut entry = Entry::new(format!("{}{name}", self.base));
            (entry.md.from, entry.md.until) = (Some(*from), Some(*until));
            archive.entries.push(entry);
        }
        let name = frame::archive_name(self.stem);
        stage.text(Rank::Archive, &name, &to_xml(&archive)?)?;
        Ok(Some((name, capability)))
    }

    /// The open list with what is in it so far.
    fn begin(&self, stage: &Stage) -> io::Result<(Writer<BufWriter<NamedTempFile>>, u64)> {
        let mut writer = Writer::new(stage.file()?, &self.head())?;
        if self.is_new {
            return Ok((writer, 0));
        }
        let file = File::open(stage.path(&frame::open_name(self.stem)))?;
        let count = copy(file, &mut writer)?;
        Ok((writer, count))
    }

    /// Closes the open list: it is written once more, for its head says so.
    fn close(
        &mut self,
        stage: &mut Stage,
        writer: Writer<BufWriter<NamedTempFile>>,
    ) -> io::Result<()> {
        let file = writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        let number = self.closed.last().map_or(1, |last| last.number + 1);
        let closed = Closed { number, from: self.from, until: self.now };
        self.put_closed(stage, closed, file.reopen()?)?;
        (self.from, self.is_new) = (self.now, true);
        Ok(())
    }

    fn put_closed(&mut self, stage: &mut Stage, closed: Closed, file: File) -> io::Result<()> {
        let mut head = frame::head(Head::list(self.capability.clone()), &self.base);
        (head.md.from, head.md.until) = (Some(closed.from), Some(closed.until));
        let mut writer = Writer::new(stage.file()?, &head)?;
        copy(file, &mut writer)?;
        let name = frame::closed_name(self.stem, closed.number);
        stage.put(Rank::Part, name, writer.finish()?)?;
        self.closed.push(closed);
        Ok(())
    }

    /// Goes on from what earlier versions published: an index of all lists, the open one, too.
    fn adopt(&mut self, stage: &mut Stage) -> io::Result<()> {
        for (number, from, until) in self.listed(stage, &frame::open_name(self.stem))? {
            let file = File::open(stage.path(&frame::closed_name(self.stem, number)))?;
            if let Some(until) = until {
                self.put_closed(stage, Closed { number, from, until }, file)?;
                self.from = until;
            } else {
                self.from = from;
                let mut writer = Writer::new(stage.file()?, &self.head())?;
                let count = copy(file, &mut writer)?;
                self.open = Some((writer, count));
            }
        }
        Ok(())
    }

    /// The lists that a document leads to: number, `from`, and `until` where they are closed.
    fn listed(
        &self,
        stage: &Stage,
        name: &str,
    ) -> io::Result<Vec<(u32, Datetime, Option<Datetime>)>> {
        let path = stage.path(name);
        let document = Document::parse(&fs::read_to_string(&path)?).map_err(io::Error::other)?;
        let lists = document.entries.iter().map(|entry| {
            let name = entry.loc.rsplit('/').next().unwrap_or_default();
            let number = frame::closed_number(self.stem, name)?;
            Some((number, entry.md.from?, entry.md.until))
        });
        lists.collect::<Option<_>>().ok_or_else(|| no_times(&path))
    }

    /// Removes what nothing leads to: left by lists that were begun anew, or by a publication that
    /// broke off.
    fn remove_left(&self, stage: &Stage) -> io::Result<()> {
        for entry in fs::read_dir(stage.path(""))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_left = match frame::closed_number(self.stem, name) {
                Some(number) => self.closed.iter().all(|closed| closed.number != number),
                None => self.closed.is_empty() && name == frame::archive_name(self.stem),
            };
            if is_left {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Of the open list.
    fn head(&self) -> Head {
        let mut head = frame::head(Head::list(self.capability.clone()), &self.base);
        if !self.closed.is_empty() {
            let archive = frame::archive_name(self.stem);
            head.links.push(Link::new(rel::ARCHIVES, format!("{}{archive}", self.base)));
        }
        head.md.from = Some(self.from);
        head
    }
}

fn no_times(path: &Path) -> io::Error {
    let what =
        format!("{} does not say since when, or up to when, changes are listed", path.display());
    io::Error::new(io::ErrorKind::InvalidData, what)
}

pub(super) fn copy(file: File, writer: &mut Writer<impl io::Write>) -> io::Result<u64> {
    let mut reader = Reader::new(file);
    while let Some(part) = reader.next_part().map_err(io::Error::other)? {
        for entry in part {
            writer.entry(&entry.map_err(io::Error::other)?)?;
        }
    }
    Ok(reader.seen())
}
