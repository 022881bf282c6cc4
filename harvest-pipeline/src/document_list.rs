//! A harvest list, and the documents it names, as a source.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroUsize;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use resync_core::transport::{BodyLimits, Reach, Request, Transport, without_credentials};
use resync_core::xml::{Issues, Mode, decode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::batch::{Batch, Item, Notice, NoticeLevel, Origin, Payload, SourceId};
use crate::checkpoint::Checkpoint;
use crate::digest::sha256;
use crate::error::{RecordError, RunError, Stage};
use crate::fetch::{Fetched, Site, fetch};
use crate::harvest_list::{Document, ListError, Reader};
use crate::holdings::Holdings;
use crate::registry::Kind;
use crate::source::Source;
use crate::two_step::{self, Get, Named, Page, TwoStep};
use crate::xml_document::XmlDocument;

/// How many documents of the list are looked up in the sink at once.
const PAGE: usize = 50;

/// The documents that a [harvest list](crate::harvest_list) names, over HTTP.
///
/// A record is named `scope.identifier`, and its [version](Item::version) is the revision. A revision
/// never changes: one that the sink holds, or that is lower, is not fetched, and a notice says so.
/// Every run reads the whole list; one that is not valid fails the run, and nothing moves. A
/// document that cannot be had or is not well-formed costs the others nothing, and is tried again by
/// the next run.
///
/// A list on the Internet that names documents on the local network is not followed there, unless
/// that is [allowed](Self::allow_local): it is this machine that would ask.
///
/// What went wrong begins with a word of its own: `GetHarvestListError`, `ValidateHarvestListError`,
/// `GetDocError`, `ValidateDocError`.
///
/// ```no_run
/// use harvest_pipeline::{DocumentListSource, Pipeline, SqliteCatalogue};
///
/// # async fn example(transport: impl resync_core::transport::Transport)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// let source = DocumentListSource::new("https://example.org/list.xml".parse()?, transport);
/// # #[cfg(feature = "sqlite")]
/// Pipeline::new(source).run(&SqliteCatalogue::open("harvest.db").await?).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DocumentListSource {
    site: Site,
    max_list: u64,
    allows_local: bool,
}

/// What a checkpoint of this source says: the list that is under way, by its digest, and how many of
/// its documents are done with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<(String, usize)>,
}

impl DocumentListSource {
    /// The form its checkpoints are written in.
    const SCHEMA: u32 = 1;

    /// The documents of the list at this address. The transport should be a
    /// [`Retrying`](resync_core::retry::Retrying) one. The source is named after the address.
    #[must_use]
    pub fn new(url: Url, transport: impl Transport) -> Self {
        Self { site: Site::new(url, transport), max_list: 64 << 20, allows_local: false }
    }

    /// Names the source.
    #[must_use]
    pub fn named(mut self, id: impl Into<SourceId>) -> Self {
        self.site.id = id.into();
        self
    }

    /// How many documents are fetched at the same time. 4 unless said otherwise.
    #[must_use]
    pub fn concurrency(mut self, documents: NonZeroUsize) -> Self {
        self.site.concurrency = documents;
        self
    }

    /// The most bytes of the list, which is held in memory, and of a document. 64 and 16 MiB unless
    /// said otherwise.
    #[must_use]
    pub fn limits(mut self, list: u64, document: u64) -> Self {
        self.max_list = list;
        self.site.max_record = document;
        self
    }

    /// Follows a list on the Internet to documents on the local network.
    #[must_use]
    pub fn allow_local(mut self) -> Self {
        self.allows_local = true;
        self
    }

    /// Sources of this kind, by their options; its name is `document-list`.
    #[must_use]
    pub fn kind() -> Kind {
        Kind::new("document-list", "Harvest list (Metacat)", |options: Options, transport| {
            let mut source = Self::new(options.url, transport);
            source.allows_local = options.allow_local;
            Ok(Box::new(source))
        })
        .with_sign_in()
    }

    async fn begin(
        &self,
        from: Option<Checkpoint>,
        held: Holdings,
    ) -> Result<Running<'_>, RunError> {
        let state: State = match from {
            Some(checkpoint) => checkpoint.state(Self::SCHEMA)?,
            None => State::default(),
        };
        let limits = BodyLimits::default().max(self.max_list);
        let list = fetch(&*self.site.transport, Request::get(self.site.url.clone()), &limits).await;
        let Fetched { bytes, charset } = list.map_err(|error| {
            RunError::new(Stage::Source, format!("GetHarvestListError: {error}"))
                .with_transient(error.is_transient())
                .with_retry_after(error.retry_after())
                .with_url(self.site.shown())
                .with_source(error)
        })?;
        let digest = sha256(&bytes);
        let read = tokio::task::spawn_blocking(move || read(bytes, charset.as_deref()));
        let read = read.await.map_err(|error| {
            RunError::new(Stage::Source, "reading the list was given up").with_source(error)
        })?;
        let mut left = read.map_err(|error| {
            let message = format!("ValidateHarvestListError: {error}");
            RunError::new(Stage::Source, message).with_url(self.site.shown())
        })?;
        let total = left.len();
        // Another list is read from its beginning; what is held of it already costs a look-up.
        let done = state.running.filter(|(list, _)| *list == digest).map_or(0, |(_, done)| done);
        left.drain(..done.min(total));
        Ok(Running {
            source: self,
            held,
            digest,
            left,
            total,
            done,
            taken: HashMap::new(),
            told: false,
            is_over: false,
        })
    }

    /// The document itself.
    async fn document(&self, document: &Document) -> Result<Item, RecordError> {
        let failed = |code: &str, what: String| {
            let message = format!("{code}: revision {}: {what}", document.revision);
            RecordError::new(document.docid(), Stage::Source, message)
        };
        let url = self.site.url.join(&document.url).map_err(|error| {
            failed("GetDocError", format!("{:?} is no address: {error}", document.url))
        })?;
        let reach = match self.allows_local {
            true => Reach::anywhere(),
            false => Reach::from_origin(&self.site.url),
        };
        reach.check(&url).map_err(|error| failed("GetDocError", error.to_string()))?;
        let limits = BodyLimits::default().max(self.site.max_record);
        let fetched = fetch(&*self.site.transport, Request::get(url.clone()), &limits).await;
        let Fetched { bytes, charset } =
            fetched.map_err(|error| failed("GetDocError", error.to_string()))?;
        let url = without_credentials(&url);
        let xml = XmlDocument::read(bytes, charset.as_deref())
            .map_err(|error| failed("ValidateDocError", format!("{error}: {url}")))?;
        let format = format_of(document, &xml)
            .map_err(|what| failed("ValidateDocError", format!("{what}: {url}")))?;
        let item = Item::put(document.docid(), Payload::new(format, xml.body));
        Ok(item.with_version(document.revision.to_string()))
    }
}

/// The options of a harvest list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Address of the harvest list.
    url: Url,
    /// Follow a list on the Internet to documents on the local network.
    #[serde(default)]
    #[schemars(extend("x-privileged" = true))]
    allow_local: bool,
}

impl Source for DocumentListSource {
    fn id(&self) -> SourceId {
        self.site.id.clone()
    }

    fn batches(&self, from: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        self.batches_beyond(from, Holdings::unknown())
    }

    fn batches_beyond(
        &self,
        from: Option<Checkpoint>,
        held: Holdings,
    ) -> BoxStream<'_, Result<Batch, RunError>> {
        two_step::batches(self.begin(from, held), self.site.concurrency).boxed()
    }

    fn lists_everything(&self, from: Option<&Checkpoint>) -> bool {
        // Every run reads the whole list, but the rest of one that was broken off.
        let state = from.map(|checkpoint| checkpoint.state::<State>(Self::SCHEMA));
        state.is_none_or(|state| state.is_ok_and(|state| state.running.is_none()))
    }

    fn get(
        &self,
        identifiers: Vec<String>,
        _: Option<Checkpoint>,
    ) -> Option<BoxStream<'_, Result<Batch, RunError>>> {
        let named = async move {
            let list = self.begin(None, Holdings::unknown()).await?.left;
            let wanted: HashSet<&str> = identifiers.iter().map(String::as_str).collect();
            let mut documents = HashMap::<_, Document>::new();
            for document in list {
                let docid = document.docid();
                let known = documents.get(&docid).map(|known| known.revision);
                if wanted.contains(&*docid) && known < Some(document.revision) {
                    documents.insert(docid, document);
                }
            }
            Ok(Named::new(Single { source: self, documents }, identifiers))
        };
        Some(two_step::batches(named, self.site.concurrency).boxed())
    }
}

/// Documents that are wanted by themselves, where the list names them.
struct Single<'a> {
    source: &'a DocumentListSource,
    documents: HashMap<String, Document>,
}

#[async_trait]
impl Get for Single<'_> {
    async fn get(&self, identifier: &str) -> Result<Item, RecordError> {
        match self.documents.get(identifier) {
            Some(document) => self.source.document(document).await,
            None => {
                let message = "GetDocError: the list does not name it";
                Err(RecordError::new(identifier, Stage::Source, message))
            }
        }
    }
}

/// Reads a list to its end: nothing is done about one that is not valid.
fn read(bytes: Vec<u8>, charset: Option<&str>) -> Result<VecDeque<Document>, ListError> {
    let text = decode(bytes, charset, Mode::Strict, &mut Issues::default())
        .map_err(|error| ListError::unreadable("", &error))?;
    let mut reader = Reader::new(&text)?;
    let mut documents = VecDeque::new();
    while let Some(document) = reader.next_document()? {
        documents.push_back(document);
    }
    Ok(documents)
}

struct Running<'a> {
    source: &'a DocumentListSource,
    held: Holdings,
    digest: String,
    left: VecDeque<Document>,
    total: usize,
    done: usize,
    /// The revisions that this run has asked for: the sink may not have them yet.
    taken: HashMap<String, i64>,
    /// Whether it was said that the list is valid.
    told: bool,
    is_over: bool,
}

/// A document, and the revision of it that is held already.
struct Reference {
    document: Document,
    held: Option<i64>,
}

impl Reference {
    /// Whether there is nothing to fetch.
    fn is_held(&self) -> bool {
        self.held.is_some_and(|held| held >= self.document.revision)
    }
}

#[async_trait]
impl TwoStep for Running<'_> {
    type Reference = Reference;

    async fn list(&mut self) -> Result<Option<Page<Reference>>, RunError> {
        if self.is_over {
            return Ok(None);
        }
        let documents: Vec<_> = self.left.drain(..self.left.len().min(PAGE)).collect();
        self.is_over = documents.is_empty();
        let known = self.held.known(documents.iter().map(Document::docid).collect()).await?;
        let mut page = Page::new(Vec::with_capacity(documents.len()));
        page.origin = Origin::new(self.source.site.shown(), None);
        page.total_hint = Some(self.total as u64);
        if !std::mem::replace(&mut self.told, true) {
            let url = self.source.site.shown();
            for message in [
                format!("GetHarvestListSuccess: Retrieved the harvest list from {url}"),
                format!("ValidateHarvestListSuccess: Its {} documents are valid", self.total),
            ] {
                page.notices.push(Notice::new(NoticeLevel::Info, message));
            }
        }
        for document in documents {
            let docid = document.docid();
            let stored = known.get(&docid).filter(|known| known.live);
            let stored = stored.and_then(|known| known.version.as_ref()?.parse().ok());
            let held = stored.max(self.taken.get(&docid).copied());
            let reference = Reference { document, held };
            match held {
                Some(held) if reference.is_held() => {
                    let revision = reference.document.revision;
                    let message = format!(
                        "MetacatHasDoc: Attempting to update {docid} to revision {revision}. \
                         Metacat has document revision {held}."
                    );
                    page.notices.push(Notice::new(NoticeLevel::Info, message).about(docid));
                }
                _ => {
                    self.taken.insert(docid, reference.document.revision);
                }
            }
            page.references.push(reference);
        }
        Ok(Some(page))
    }

    async fn get(&self, reference: &Reference) -> Result<Item, RecordError> {
        let Reference { document, held } = reference;
        if let Some(held) = held.filter(|_| reference.is_held()) {
            return Ok(Item::listed(document.docid()).with_version(held.to_string()));
        }
        self.source.document(document).await
    }

    fn checkpoint(
        &mut self,
        done: usize,
        _: Vec<Reference>,
    ) -> Result<Option<Checkpoint>, RunError> {
        self.done += done;
        let running = (!self.is_over).then(|| (self.digest.clone(), self.done));
        let checkpoint = Checkpoint::new(DocumentListSource::SCHEMA, &State { running })?;
        Ok(Some(if self.is_over { checkpoint.at_end() } else { checkpoint }))
    }
}

/// The name of the document's format; what is said to be EML must be.
fn format_of<'d>(document: &'d Document, xml: &XmlDocument) -> Result<&'d str, String> {
    let said = document.document_type.trim();
    if !said.contains("ecoinformatics.org/eml") {
        return Ok(said);
    }
    if xml.root == "eml" && xml.namespace.as_deref() == Some(said) {
        return Ok("eml");
    }
    let namespace = xml.namespace.as_deref().unwrap_or("no namespace");
    Err(format!(
        "the list says that the document is {said}, but its root element is <{}> in {namespace}",
        xml.root
    ))
}
