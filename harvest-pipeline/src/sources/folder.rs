use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::batch::{Batch, Item, Payload, SourceId};
use crate::checkpoint::Checkpoint;
use crate::digest::sha256;
use crate::error::{RecordError, RunError, Stage};
use crate::holdings::Holdings;
use crate::registry::Kind;
use crate::source::Source;
use crate::two_step::{self, Get, Named, Page, TwoStep};
use crate::xml_document::XmlDocument;

/// How many files are looked up in the sink at once.
const PAGE: usize = 100;
/// The ending that is no part of an identifier.
const ENDING: &str = ".xml";

/// The XML files below a folder, one record each.
///
/// A record is named by its path below the folder, with `/` between the names and without `.xml`, behind
/// a [prefix](Self::prefix) if there is one: `theses/2024/a.xml` is `theses/2024/a`. Its format is
/// told by the root element, unless it was [given](Self::format). Its datestamp is when the file was
/// changed; what tells one [version](Item::version) from another is a matter of [`Compare`].
///
/// Every run goes through the whole folder; a file that the sink holds in this version is not read.
/// A file that is not well-formed XML costs the others nothing; a folder that cannot be read
/// fails the run. What has disappeared is absent from a list of
/// [everything](Source::lists_everything).
///
/// Names that begin with a dot and those that do not end in `.xml` are passed over. Links are not
/// followed, and nothing outside the folder is read whatever happens in it meanwhile.
///
/// ```no_run
/// use harvest_pipeline::sources::Folder;
/// use harvest_pipeline::{Pipeline, SqliteCatalogue};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let source = Folder::new("/srv/records").prefix("oai:example.org:");
/// # #[cfg(feature = "sqlite")]
/// Pipeline::new(source).run(&SqliteCatalogue::open("harvest.db").await?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Folder {
    id: SourceId,
    path: PathBuf,
    prefix: String,
    format: Option<Arc<str>>,
    compare: Compare,
    max_file: u64,
}

/// By what a [`Folder`] tells that a file has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Compare {
    /// By the time of its last change and its length: only what has changed is read.
    #[default]
    Time,
    /// By its content: every file is read in every run. For folders whose times say nothing, such as
    /// a fresh checkout.
    Content,
}

impl Folder {
    /// The form its checkpoints are written in; they say nothing.
    const SCHEMA: u32 = 1;

    /// The files below this folder. The source is named after it.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let path = folder.into();
        let id = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        Self {
            id: SourceId::new(id.display().to_string()),
            path,
            prefix: String::new(),
            format: None,
            compare: Compare::default(),
            max_file: 16 << 20,
        }
    }

    /// Names the source.
    #[must_use]
    pub fn named(mut self, id: impl Into<SourceId>) -> Self {
        self.id = id.into();
        self
    }

    /// What all identifiers begin with.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The format of all records, such as `oai_dc`.
    #[must_use]
    pub fn format(mut self, format: impl Into<Arc<str>>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// By what it tells that a file has changed.
    #[must_use]
    pub fn compare(mut self, compare: Compare) -> Self {
        self.compare = compare;
        self
    }

    /// The most bytes of a file, 16 MiB unless said otherwise.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.max_file = bytes;
        self
    }

    /// Sources of this kind, by their options; its name is `folder`. Whoever can make one can read
    /// every XML file that this process can.
    #[must_use]
    pub fn kind() -> Kind {
        Kind::new("folder", "Folder of XML files", |options: Options, _| {
            let Options { path, prefix, format, compare } = options;
            let format = format.map(Into::into);
            Ok(Box::new(Self { format, ..Self::new(path).prefix(prefix).compare(compare) }))
        })
    }

    async fn open(&self) -> Result<Files, RunError> {
        let path = self.path.clone();
        let opened = blocking(move || Dir::open_ambient_dir(path, ambient_authority())).await;
        let root = opened.map_err(|error| unreadable(&self.path, error))?;
        Ok(Files {
            root: Arc::new(root),
            prefix: self.prefix.as_str().into(),
            format: self.format.clone(),
            compare: self.compare,
            max: self.max_file,
        })
    }
}

/// The options of a folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Where the folder is.
    #[schemars(extend("x-privileged" = true))]
    path: PathBuf,
    /// What all identifiers begin with.
    #[serde(default)]
    prefix: String,
    /// The format of all records; told by their root elements if nothing is said.
    format: Option<String>,
    /// By what it is told that a file has changed.
    #[serde(default)]
    compare: Compare,
}

impl Source for Folder {
    fn id(&self) -> SourceId {
        self.id.clone()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        self.batches_beyond(from, Holdings::unknown())
    }

    fn batches_beyond(
        &self,
        from: Option<Checkpoint>,
        held: Holdings,
    ) -> BoxStream<'_, Result<Batch, RunError>> {
        let begin = async move {
            from.map(|checkpoint| checkpoint.state::<()>(Self::SCHEMA)).transpose()?;
            let files = self.open().await?;
            let found = VecDeque::from([Found::Folder(String::new())]);
            Ok(Running { source: self, files, found, held })
        };
        two_step::batches(begin, CONCURRENCY).boxed()
    }

    fn lists_everything(&self, _: Option<&Checkpoint>) -> bool {
        true
    }

    fn get(
        &self,
        identifiers: Vec<String>,
        _: Option<Checkpoint>,
    ) -> Option<BoxStream<'_, Result<Batch, RunError>>> {
        let named = async move { Ok(Named::new(self.open().await?, identifiers)) };
        Some(two_step::batches(named, CONCURRENCY).boxed())
    }
}

/// How many files are read at the same time.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(4).expect("is not zero");

/// One run: the folder as far as it has been gone through.
struct Running<'a> {
    source: &'a Folder,
    files: Files,
    /// What is next, in this order.
    found: VecDeque<Found>,
    held: Holdings,
}

/// What was found in the folder, by its path there.
enum Found {
    Folder(String),
    File(String),
    /// Its name is no text.
    Unnamed(String),
}

/// A file, and the version of it that the sink holds.
struct Reference {
    file: Result<String, RecordError>,
    held: Option<String>,
}

#[async_trait]
impl TwoStep for Running<'_> {
    type Reference = Reference;

    async fn list(&mut self) -> Result<Option<Page<Reference>>, RunError> {
        let mut references = Vec::new();
        while references.len() < PAGE
            && let Some(found) = self.found.pop_front()
        {
            let file = match found {
                Found::Folder(path) => {
                    let root = Arc::clone(&self.files.root);
                    let shown = self.source.path.join(&path);
                    let inside = blocking(move || entries(&root, &path)).await;
                    let inside = inside.map_err(|error| unreadable(&shown, error))?;
                    inside.into_iter().rev().for_each(|found| self.found.push_front(found));
                    continue;
                }
                Found::File(path) => Ok(path),
                Found::Unnamed(path) => {
                    let message = "the name of the file is not UTF-8";
                    Err(RecordError::new(path, Stage::Source, message))
                }
            };
            references.push(Reference { file, held: None });
        }
        if references.is_empty() {
            return Ok(None);
        }
        let files = references.iter().flat_map(|reference| &reference.file);
        let known = files.map(|path| self.files.identifier(path)).collect();
        let mut known = self.held.known(known).await?;
        for Reference { file, held } in &mut references {
            let Ok(path) = file else { continue };
            let stored = known.remove(&self.files.identifier(path)).filter(|known| known.live);
            *held = stored.and_then(|known| known.version);
        }
        Ok(Some(Page::new(references)))
    }

    async fn get(&self, reference: &Reference) -> Result<Item, RecordError> {
        let path = reference.file.clone()?;
        self.files.item(path, reference.held.clone()).await
    }

    fn checkpoint(&mut self, _: usize, _: Vec<Reference>) -> Result<Option<Checkpoint>, RunError> {
        Ok(Some(Checkpoint::new(Folder::SCHEMA, &())?))
    }
}

/// What is in a folder, in the order of the names.
fn entries(root: &Dir, folder: &str) -> io::Result<Vec<Found>> {
    let entries = match folder {
        "" => root.entries()?,
        _ => root.read_dir(folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let is_wanted = kind.is_dir() || (kind.is_file() && is_xml(Path::new(&name)));
        if !is_wanted || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let separator = if folder.is_empty() { "" } else { "/" };
        let path = format!("{folder}{separator}{}", name.to_string_lossy());
        let item = match (name.to_str().is_some(), kind.is_dir()) {
            (true, true) => Found::Folder(path),
            (true, false) => Found::File(path),
            (false, _) => Found::Unnamed(path),
        };
        found.push((name, item));
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found.into_iter().map(|(_, found)| found).collect())
}

fn is_xml(name: &Path) -> bool {
    name.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xml"))
}

/// How files become records.
#[derive(Clone)]
struct Files {
    root: Arc<Dir>,
    prefix: Arc<str>,
    format: Option<Arc<str>>,
    compare: Compare,
    max: u64,
}

impl Files {
    fn identifier(&self, path: &str) -> String {
        format!("{}{}", self.prefix, path.strip_suffix(ENDING).unwrap_or(path))
    }

    /// The record in a file, or that it is there if that version is held.
    async fn item(&self, path: String, held: Option<String>) -> Result<Item, RecordError> {
        let (files, identifier) = (self.clone(), self.identifier(&path));
        let read = blocking(move || Ok(files.read(&path, held.as_deref()))).await;
        let item = read.unwrap_or_else(|error| Err(error.to_string()));
        item.map_err(|what| RecordError::new(identifier, Stage::Source, what))
    }

    fn read(&self, path: &str, held: Option<&str>) -> Result<Item, String> {
        let failed = |error: io::Error| format!("{path} cannot be read: {error}");
        // Links are not listed; one that has taken a file's place meanwhile is not followed either.
        if !self.root.symlink_metadata(path).map_err(failed)?.is_file() {
            return Err(format!("{path} is no file"));
        }
        let file = self.root.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let time = metadata.modified().ok().map(|time| DateTime::<Utc>::from(time.into_std()));
        let complete = |mut item: Item, version: Option<String>| {
            item.datestamp = time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
            item.version = version;
            item
        };
        let listed = || Item::listed(self.identifier(path));
        let by_time = match self.compare {
            Compare::Time => version(&metadata),
            Compare::Content => None,
        };
        if by_time.is_some() && by_time.as_deref() == held {
            return Ok(complete(listed(), by_time));
        }
        let mut bytes = Vec::new();
        let read = file.take(self.max.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(failed)?;
        if bytes.len() as u64 > self.max {
            return Err(format!("{path} has more than {} bytes", self.max));
        }
        let version = by_time.or_else(|| match self.compare {
            Compare::Time => None,
            Compare::Content => Some(format!("sha-256:{}", sha256(&bytes))),
        });
        if version.is_some() && version.as_deref() == held {
            return Ok(complete(listed(), version));
        }
        let document = XmlDocument::read(bytes, None)
            .map_err(|error| format!("{path} is no well-formed XML: {error}"))?;
        let format = self.format.clone().unwrap_or_else(|| document.format().into());
        let payload = Payload::new(format, document.body);
        Ok(complete(Item::put(self.identifier(path), payload), version))
    }
}

#[async_trait]
impl Get for Files {
    async fn get(&self, identifier: &str) -> Result<Item, RecordError> {
        let Some(path) = identifier.strip_prefix(&*self.prefix) else {
            let message = format!("identifiers here begin with {}", self.prefix);
            return Err(RecordError::new(identifier, Stage::Source, message));
        };
        let ending = if is_xml(Path::new(path)) { "" } else { ENDING };
        self.item(format!("{path}{ending}"), None).await
    }
}

/// Time and length of a file.
fn version(metadata: &Metadata) -> Option<String> {
    let time = metadata.modified().ok()?.into_std();
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(format!("{}.{:09} {}", since.as_secs(), since.subsec_nanos(), metadata.len()))
}

/// Runs it on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(error.into()))
}

fn unreadable(path: &Path, error: io::Error) -> RunError {
    let message = format!("the folder {} cannot be read: {error}", path.display());
    RunError::new(Stage::Source, message).with_source(error)
}
