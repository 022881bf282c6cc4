use std::io::{self, Seek, SeekFrom, Write};

use super::{Text, Writer, invalid, tail};
use crate::document::{Entry, Head, Link, rel};

/// Writes a list as long as it comes, in parts that are no larger than Sitemaps allow.
///
/// A part leads to the index of all parts (§10.2), which exists once there are two. In the first
/// part there is room for that link: blanks, if it stays the only one.
///
/// ```
/// use std::io::Cursor;
/// use resync_core::document::{Capability, Entry, Head, ListWriter, Size};
///
/// let head = Head::list(Capability::ResourceList);
/// let index = "https://x.org/resourcelist.xml";
/// let mut list = ListWriter::new(head, index, |_part| Ok(Cursor::new(Vec::new())))
///     .size(Size { entries: 2, ..Size::default() });
/// let mut parts = Vec::new();
/// for n in 0..3 {
///     parts.extend(list.entry(&Entry::new(format!("https://x.org/{n}")))?);
/// }
/// parts.push(list.finish()?);
/// assert_eq!(parts.iter().map(|part| part.entries).collect::<Vec<_>>(), [2, 1]);
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ListWriter<W, F> {
    head: Head,
    index: String,
    size: Size,
    open: F,
    /// The part that is being written.
    part: Option<Open<W>>,
    text: Text,
    number: u32,
}

/// A part of a list, all of it written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListPart<W> {
    /// Counted from 1. Where the last one has another number, there has to be an index.
    pub number: u32,
    /// Where it was written to.
    pub out: W,
    /// How many entries are in it.
    pub entries: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// How much may be in one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Size {
    /// Entries.
    pub entries: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Default for Size {
    /// What Sitemaps allow, and ResourceSync with them: 50 000 entries and 50 MB.
    fn default() -> Self {
        Self { entries: 50_000, bytes: 50 << 20 }
    }
}

#[derive(Debug)]
struct Open<W> {
    writer: Writer<W>,
    entries: u64,
    /// Where the link to the index belongs.
    room: u64,
}

impl<W: Write + Seek, F: FnMut(u32) -> io::Result<W>> ListWriter<W, F> {
    /// A list with this head in each part. `index` is the address that the index will have, if
    /// there is to be one; `open` makes the place for a part, whose numbers begin with 1.
    pub fn new(head: Head, index: impl Into<String>, open: F) -> Self {
        let (index, size) = (index.into(), Size::default());
        Self { head, index, size, open, part: None, text: Text::default(), number: 0 }
    }

    /// How much may be in a part; no more than Sitemaps allow.
    #[must_use]
    pub fn size(mut self, size: Size) -> Self {
        let most = Size::default();
        self.size.entries = size.entries.clamp(1, most.entries);
        self.size.bytes = size.bytes.min(most.bytes);
        self
    }

    /// Adds an entry; gives the part before it, where that is full now.
    ///
    /// # Errors
    /// When a part cannot be opened or written; `InvalidInput` as [`Writer::entry`], and for an
    /// entry that is too large for any part.
    pub fn entry(&mut self, entry: &Entry<'_>) -> io::Result<Option<ListPart<W>>> {
        self.text.entry(self.head.root, entry)?;
        let more = (self.text.0.len() + tail(self.head.root).len()) as u64;
        let is_full = self.part.as_ref().is_some_and(|part| {
            part.entries >= self.size.entries || part.writer.written + more > self.size.bytes
        });
        let full = if is_full { self.next_part()? } else { None };
        let part = match &mut self.part {
            Some(part) => part,
            None => self.part.insert(begin(
                &mut self.open,
                &mut self.number,
                &mut self.head,
                &self.index,
            )?),
        };
        if part.writer.written + more > self.size.bytes {
            let what = format!("an entry of {more} bytes is too large for a list: {}", entry.loc);
            return Err(invalid(what));
        }
        std::mem::swap(&mut part.writer.text, &mut self.text);
        part.writer.put()?;
        part.entries += 1;
        Ok(full)
    }

    /// Ends the list and gives its last part. A list without entries has one part, too.
    ///
    /// # Errors
    /// As [`entry`](Self::entry).
    pub fn finish(mut self) -> io::Result<ListPart<W>> {
        let part = match self.part.take() {
            Some(part) => part,
            None => begin(&mut self.open, &mut self.number, &mut self.head, &self.index)?,
        };
        close(part, self.number)
    }

    /// Ends the part, of which it is clear now that it is not the only one.
    fn next_part(&mut self) -> io::Result<Option<ListPart<W>>> {
        let Some(mut part) = self.part.take() else { return Ok(None) };
        if self.number == 1 {
            let link = index_link(&self.index)?;
            let end = part.writer.out.stream_position()?;
            part.writer.out.seek(SeekFrom::Start(part.room))?;
            part.writer.out.write_all(link.as_bytes())?;
            part.writer.out.seek(SeekFrom::Start(end))?;
        }
        close(part, self.number).map(Some)
    }
}

fn begin<W: Write + Seek>(
    open: &mut impl FnMut(u32) -> io::Result<W>,
    number: &mut u32,
    head: &mut Head,
    index: &str,
) -> io::Result<Open<W>> {
    *number += 1;
    let mut out = open(*number)?;
    let start = out.stream_position()?;
    let link = index_link(index)?;
    if *number == 2 {
        head.links.push(Link::new(rel::INDEX, index.to_owned()));
    }
    let room = if *number == 1 { &*link } else { "" };
    let (writer, room) = Writer::with_room(out, head, room)?;
    Ok(Open { writer, entries: 0, room: start + room })
}

fn close<W: Write>(mut part: Open<W>, number: u32) -> io::Result<ListPart<W>> {
    part.writer.end()?;
    let bytes = part.writer.written;
    Ok(ListPart { number, out: part.writer.out, entries: part.entries, bytes })
}

fn index_link(href: &str) -> io::Result<String> {
    let mut text = Text::default();
    text.link(&Link::new(rel::INDEX, href))?;
    Ok(text.0)
}
