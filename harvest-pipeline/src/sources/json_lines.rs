use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::batch::{Batch, Item, Notice, NoticeLevel, Payload, SourceId};
use crate::checkpoint::Checkpoint;
use crate::digest::sha256;
use crate::error::{RecordError, RunError, Stage};
use crate::registry::Kind;
use crate::source::Source;
use crate::xml_document::XmlDocument;

/// The most lines in a batch.
const LINES: usize = 100;
/// The most bytes after which no more is read for a batch.
const BYTES: u64 = 8 << 20;

/// The records in a file of JSON Lines, as [`sinks::JsonLines`](crate::sinks::JsonLines) writes it.
///
/// Each line is a record, or a tombstone; of several with the same identifier the last one counts.
/// The lines do not say the format: that is told by the root element, unless it was
/// [given](Self::format).
///
/// A later run goes on behind the last line read. A file that is another than before is read from
/// its beginning, and a notice says so. One that ends in the middle of a line is still being
/// written, or was cut off: that fails the run behind what was read.
#[derive(Clone, Debug)]
pub struct JsonLines {
    id: SourceId,
    path: PathBuf,
    format: Option<Arc<str>>,
    max_line: u64,
}

/// How far a file was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    /// In bytes, and in lines.
    read: u64,
    lines: u64,
    /// The length and the digest of the last line.
    last: Option<(u64, String)>,
}

impl JsonLines {
    /// The form its checkpoints are written in.
    const SCHEMA: u32 = 1;

    /// The records in this file. The source is named after it.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let path = file.into();
        let id = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        let id = SourceId::new(id.display().to_string());
        Self { id, path, format: None, max_line: 32 << 20 }
    }

    /// Names the source.
    #[must_use]
    pub fn named(mut self, id: impl Into<SourceId>) -> Self {
        self.id = id.into();
        self
    }

    /// The format of all records, such as `oai_dc`.
    #[must_use]
    pub fn format(mut self, format: impl Into<Arc<str>>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// The most bytes of a line, 32 MiB unless said otherwise.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.max_line = bytes;
        self
    }

    /// Sources of this kind, by their options; its name is `json-lines`. Whoever can make one can
    /// read every such file that this process can.
    #[must_use]
    pub fn kind() -> Kind {
        Kind::new("json-lines", "File of JSON Lines", |options: Options, _| {
            let format = options.format.map(Into::into);
            Ok(Box::new(Self { format, ..Self::new(options.path) }))
        })
    }
}

/// The options of a file of JSON Lines.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Where the file is.
    #[schemars(extend("x-privileged" = true))]
    path: PathBuf,
    /// The format of all records; told by their root elements if nothing is said.
    format: Option<String>,
}

impl Source for JsonLines {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        let state = from.map(|checkpoint| checkpoint.state(Self::SCHEMA)).transpose();
        let source = self.clone();
        let opened = async move {
            let state: State = state?.unwrap_or_default();
            blocking(move || Reading::open(source, state)).await
        };
        let read = opened.map_ok(|reading| {
            stream::try_unfold(reading, |reading| blocking(move || reading.batch()))
        });
        read.into_stream().try_flatten().boxed()
    }
}

/// A file that is open.
struct Reading {
    source: JsonLines,
    file: BufReader<File>,
    state: State,
    number: u64,
    notice: Option<Notice>,
}

/// A line as our sink writes it.
#[derive(Deserialize)]
struct Line {
    identifier: String,
    #[serde(default)]
    datestamp: Option<String>,
    #[serde(default)]
    sets: Vec<String>,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    metadata: Option<String>,
    #[serde(default)]
    about: Vec<String>,
}

impl Reading {
    fn open(source: JsonLines, mut state: State) -> Result<Self, RunError> {
        let unreadable = |error| unreadable(&source.path, error);
        let mut file = BufReader::new(File::open(&source.path).map_err(unreadable)?);
        let mut notice = None;
        if !is_same(&mut file, &state).map_err(unreadable)? {
            let path = source.path.display();
            let message = format!("{path} is not the file that was read before: all of it is read");
            notice = Some(Notice::new(NoticeLevel::Info, message));
            state = State::default();
        }
        file.seek(SeekFrom::Start(state.read)).map_err(unreadable)?;
        Ok(Self { source, file, state, number: 0, notice })
    }

    fn batch(mut self) -> Result<Option<(Batch, Self)>, RunError> {
        let (mut items, begin) = (Vec::new(), self.state.read);
        while items.len() < LINES && self.state.read - begin < BYTES {
            match self.record() {
                Ok(None) => break,
                Ok(Some(item)) => items.push(item),
                // What was read before is worth keeping; the next batch fails.
                Err(_) if !items.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        if self.state.read == begin {
            return Ok(None);
        }
        let checkpoint = Checkpoint::new(JsonLines::SCHEMA, &self.state)?;
        let mut batch = Batch::new(self.number, checkpoint);
        batch.bytes = self.state.read - begin;
        batch.notices.extend(self.notice.take());
        self.number += 1;
        Ok(Some((batch.with_items(items), self)))
    }

    /// The next record; `None` at the end.
    fn record(&mut self) -> Result<Option<Result<Item, RecordError>>, RunError> {
        loop {
            let number = self.state.lines + 1;
            let unreadable = |error| unreadable(&self.source.path, error);
            let max = self.source.max_line;
            let (line, length, is_whole) = read_line(&mut self.file, max).map_err(unreadable)?;
            if length == 0 {
                return Ok(None);
            }
            let is_blank = line.trim_ascii().is_empty();
            let read: Result<Line, String> = match length > max {
                true => Err(format!("line {number} has more than {max} bytes")),
                false => serde_json::from_slice(&line)
                    .map_err(|error| format!("line {number} is no record: {error}")),
            };
            if !is_whole && !is_blank && read.is_err() {
                // So that the same is found again, and nothing after it.
                self.file.seek(SeekFrom::Start(self.state.read)).map_err(unreadable)?;
                let path = self.source.path.display();
                let message = format!(
                    "{path} ends in the middle of line {number}: it is still being written, or was                      cut off"
                );
                return Err(RunError::new(Stage::Source, message).with_transient(true));
            }
            let last = (length <= max).then(|| (length, sha256(&line)));
            self.state = State { read: self.state.read + length, lines: number, last };
            if !is_blank {
                return Ok(Some(match read {
                    Ok(line) => self.item(line),
                    Err(message) => Err(RecordError::unnamed(Stage::Source, message)),
                }));
            }
        }
    }

    fn item(&self, line: Line) -> Result<Item, RecordError> {
        let Line { identifier, datestamp, sets, deleted, metadata, about } = line;
        let mut item = match metadata {
            _ if deleted => Item::delete(identifier),
            None => {
                let message = "the record has no metadata, yet is not deleted";
                return Err(RecordError::new(identifier, Stage::Source, message));
            }
            Some(metadata) => {
                let document = XmlDocument::read(metadata.into_bytes(), Some("utf-8"));
                let document = document.map_err(|error| {
                    let message = format!("the metadata is no well-formed XML: {error}");
                    RecordError::new(&*identifier, Stage::Source, message)
                })?;
                let format = self.source.format.clone();
                let format = format.unwrap_or_else(|| document.format().into());
                Item::put(identifier, Payload::new(format, document.body))
            }
        };
        (item.datestamp, item.sets, item.abouts) = (datestamp, sets, about);
        Ok(item)
    }
}

/// Whether the file has, where it was read to, the line that was read last.
fn is_same(file: &mut BufReader<File>, state: &State) -> io::Result<bool> {
    if file.get_ref().metadata()?.len() < state.read {
        return Ok(false);
    }
    let Some((length, last)) = &state.last else { return Ok(true) };
    file.seek(SeekFrom::Start(state.read.saturating_sub(*length)))?;
    let mut line = Vec::new();
    file.take(*length).read_to_end(&mut line)?;
    Ok(sha256(&line) == *last)
}

/// A line, or so much of it as may be kept; how long it is, and whether it came to its end.
fn read_line(file: &mut impl BufRead, max: u64) -> io::Result<(Vec<u8>, u64, bool)> {
    let mut line = Vec::new();
    let kept = file.take(max.saturating_add(1)).read_until(b'\n', &mut line)?;
    let (mut length, mut is_whole) = (kept as u64, line.ends_with(b"\n"));
    while length > max && !is_whole {
        let piece = file.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        let end = piece.iter().position(|byte| *byte == b'\n');
        let passed = end.map_or(piece.len(), |at| at + 1);
        file.consume(passed);
        length += passed as u64;
        is_whole = end.is_some();
    }
    Ok((line, length, is_whole))
}

/// Runs it on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RunError> + Send + 'static,
) -> Result<T, RunError> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(RunError::new(Stage::Source, "reading a file was given up").with_source(error))
    })
}

fn unreadable(path: &Path, error: io::Error) -> RunError {
    RunError::new(Stage::Source, format!("{} cannot be read: {error}", path.display()))
        .with_source(error)
}
