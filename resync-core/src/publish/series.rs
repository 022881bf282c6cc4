use std::fs::{self, File};
use std::io::{self, BufWriter};

use tempfile::NamedTempFile;

use super::frame;
use super::stage::{Rank, Stage};
use crate::document::{
    Capability, Datetime, Document, Entry, Head, Link, Reader, Size, Writer, rel, to_xml,
};

/// A list that grows at its end, publication by publication: of changes, or of packages of them.
///
/// Once it is full it is closed (§12.1, `until`), and the next one is begun. The address that the
/// Capability List names is always that of the index, so that it stays when there are several.
#[derive(Debug)]
pub(super) struct Series {
    stem: &'static str,
    capability: Capability,
    base: String,
    size: Size,
    now: Datetime,
    /// From when and up to when the lists are that are closed.
    closed: Vec<(u32, Datetime, Datetime)>,
    number: u32,
    from: Datetime,
    /// Whether the open list has not been published yet.
    is_new: bool,
    /// The open list, as soon as there is something to add.
    open: Option<(Writer<BufWriter<NamedTempFile>>, u64)>,
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

/// What is kept free for the end tag, and for `until`.
const RESERVE: u64 = 256;

impl Series {
    /// Goes on where the last publication ended.
    pub(super) fn resume(
        stage: &Stage,
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
            number: 1,
            from,
            is_new: true,
            open: None,
        };
        if is_anew {
            return Ok(series);
        }
        let mut is_open = false;
        for number in numbers(stage, stem)? {
            let path = stage.path(&frame::series_name(stem, number));
            if is_open {
                // Left by lists that were begun anew, or by a publication that broke off before the
                // list before this one was closed: nothing leads here.
                fs::remove_file(path)?;
                continue;
            }
            let mut reader = Reader::new(File::open(&path)?);
            let head = reader.head().map_err(io::Error::other)?;
            let Some(from) = head.md.from else {
                let what = format!("{} does not say from when on it is", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            };
            (series.number, series.from) = (number, from);
            match head.md.until {
                Some(until) => {
                    series.closed.push((number, from, until));
                    (series.number, series.from) = (number + 1, until);
                }
                None => (is_open, series.is_new) = (true, false),
            }
        }
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

    /// Hands over what has changed.
    pub(super) fn finish(mut self, stage: &mut Stage) -> io::Result<()> {
        if self.open.is_none() && self.is_new {
            self.open = Some(self.begin(stage)?);
        }
        if let Some((writer, _)) = self.open.take() {
            let rank = if self.is_new { Rank::Part } else { Rank::List };
            stage.put(rank, frame::series_name(self.stem, self.number), writer.finish()?)?;
        }
        let mut head = Head::index(self.capability.clone());
        head.md.from = Some(self.closed.first().map_or(self.from, |(_, from, _)| *from));
        let mut index = Document::new(frame::head(head, &self.base));
        let closed = self.closed.iter().map(|(number, from, until)| (*number, *from, Some(*until)));
        for (number, from, until) in closed.chain([(self.number, self.from, None)]) {
            let mut entry =
                Entry::new(format!("{}{}", self.base, frame::series_name(self.stem, number)));
            (entry.md.from, entry.md.until) = (Some(from), until);
            index.entries.push(entry);
        }
        stage.text(Rank::Index, &format!("{}.xml", self.stem), &to_xml(&index)?)
    }

    /// The open list with what is in it so far.
    fn begin(&self, stage: &Stage) -> io::Result<(Writer<BufWriter<NamedTempFile>>, u64)> {
        let mut writer = Writer::new(stage.file()?, &self.head(None))?;
        if self.is_new {
            return Ok((writer, 0));
        }
        let file = File::open(stage.path(&frame::series_name(self.stem, self.number)))?;
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
        let mut writer = Writer::new(stage.file()?, &self.head(Some(self.now)))?;
        copy(file.reopen()?, &mut writer)?;
        let rank = if self.is_new { Rank::Part } else { Rank::Closed };
        stage.put(rank, frame::series_name(self.stem, self.number), writer.finish()?)?;
        self.closed.push((self.number, self.from, self.now));
        (self.number, self.from, self.is_new) = (self.number + 1, self.now, true);
        Ok(())
    }

    fn head(&self, until: Option<Datetime>) -> Head {
        let mut head = frame::head(Head::list(self.capability.clone()), &self.base);
        head.links.push(Link::new(rel::INDEX, format!("{}{}.xml", self.base, self.stem)));
        (head.md.from, head.md.until) = (Some(self.from), until);
        head
    }
}

/// The numbers of the lists that there are, in order.
fn numbers(stage: &Stage, stem: &str) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(stage.path(""))? {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| frame::series_number(stem, name)));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn copy(file: File, writer: &mut Writer<impl io::Write>) -> io::Result<u64> {
    let mut reader = Reader::new(file);
    while let Some(part) = reader.next_part().map_err(io::Error::other)? {
        for entry in part {
            writer.entry(&entry.map_err(io::Error::other)?)?;
        }
    }
    Ok(reader.seen())
}
