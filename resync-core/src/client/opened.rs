use std::fmt;
use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, header};
use url::Url;

use super::{Error, Result};
use crate::document::{Capability, Document, Head, ReadError, Reader};
use crate::link_header::{self, HeaderLink};
use crate::transport::{Answer, Payload, Request, Spool, without_credentials};
use crate::xml::{Mode, ParseError, ParseErrorKind};

/// By what a server can tell that a document has not changed (RFC 9110 §8.8), as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Validators {
    /// Those that were kept.
    #[must_use]
    pub fn new(etag: Option<String>, last_modified: Option<String>) -> Self {
        Self { etag, last_modified }
    }

    /// What an answer says.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        Self { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED) }
    }

    /// Asks only for what is another (RFC 9110 §13.1).
    pub(crate) fn ask(&self, mut request: Request) -> Request {
        for (name, value) in
            [(header::IF_NONE_MATCH, &self.etag), (header::IF_MODIFIED_SINCE, &self.last_modified)]
        {
            if let Some(value) = value.as_ref().and_then(|value| value.parse().ok()) {
                request = request.header(name, value);
            }
        }
        request
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// What came of asking for a document that may be known.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, clippy::large_enum_variant)] // changed or not; short-lived
pub enum Fetched {
    /// It is as it was.
    NotModified,
    /// It is new, or has changed.
    Document(Opened),
}

/// A document that has been received whole, and whose head has been read.
pub struct Opened {
    url: Url,
    validators: Validators,
    charset: Option<String>,
    links: Vec<HeaderLink>,
    content: Content,
    mode: Mode,
    head: Head,
    capability: Option<Capability>,
    shape: Shape,
}

enum Content {
    Memory(Bytes),
    Spooled(Spool),
}

/// What the entries of a document are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Resources, changes or packages.
    List,
    /// Documents of the same kind.
    Index,
    /// The same, though the root element says that it is a list.
    IndexAsList,
    /// Documents of the kinds they are said to be.
    CapabilityList,
    /// Capability Lists.
    Description,
    /// Older documents of one kind.
    Archive,
}

impl Opened {
    /// The most bytes of a document that is held in memory as a whole.
    const WHOLE: u64 = 64 << 20;

    /// What is no longer than this, in bytes, is read at once.
    const SHORT: u64 = 1 << 20;

    /// Opens what was received; it must have been found good.
    pub(super) fn new(answer: Answer, mode: Mode) -> Result<Self> {
        let charset = answer.charset();
        let content = match answer.payload {
            Payload::Memory(bytes) => Content::Memory(bytes.into()),
            Payload::Spooled(spool) => Content::Spooled(spool),
        };
        let mut opened = Self {
            url: without_fragment(&without_credentials(&answer.url)),
            validators: Validators::of(&answer.headers),
            charset,
            links: link_header::links(&answer.headers),
            content,
            mode,
            head: Head::default(),
            capability: None,
            shape: Shape::List,
        };
        opened.look().map_err(|error| Error::read(&opened.url, error))?;
        Ok(opened)
    }

    /// Where it is, after redirects, without credentials.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// By what to ask for it the next time.
    #[must_use]
    pub fn validators(&self) -> &Validators {
        &self.validators
    }

    /// What the HTTP header says its character set is.
    #[must_use]
    pub fn charset(&self) -> Option<&str> {
        self.charset.as_deref()
    }

    /// What the `Link` headers that came with it say.
    #[must_use]
    pub fn header_links(&self) -> &[HeaderLink] {
        &self.links
    }

    /// What it says of itself.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What it is; words that servers use instead of those of the standard are understood.
    #[must_use]
    pub fn capability(&self) -> Option<&Capability> {
        self.capability.as_ref()
    }

    /// Whether its entries are documents of the same kind, whatever its root element is.
    #[must_use]
    pub fn is_index(&self) -> bool {
        matches!(self.shape, Shape::Index | Shape::IndexAsList)
    }

    /// Whether its entries are documents, of whatever kind.
    #[must_use]
    pub fn lists_documents(&self) -> bool {
        self.shape != Shape::List
    }

    /// Its length in bytes, unpacked.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // one that is empty was not accepted
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::Spooled(spool) => Payload::Spooled(spool.clone()).len(),
        }
    }

    /// Reads it from the beginning. One reader at a time.
    ///
    /// # Errors
    /// When the temporary file it is in cannot be read.
    pub fn reader(&self) -> Result<Reader<Box<dyn Read + Send>>> {
        self.read().map_err(|error| Error::read(&self.url, error))
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// All of it.
    pub(super) async fn whole(&self) -> Result<Document> {
        let fail = |error: ReadError| Error::read(&self.url, error);
        if self.len() > Self::WHOLE {
            let what = format!("it leads to others and has more than {} bytes", Self::WHOLE);
            return Err(fail(ParseError::new(ParseErrorKind::Limit, Self::WHOLE, what).into()));
        }
        let reader = self.reader()?;
        if self.len() <= Self::SHORT {
            return Document::collect(reader).map_err(fail);
        }
        let read = tokio::task::spawn_blocking(move || Document::collect(reader));
        read.await.map_err(|cause| fail(io::Error::from(cause).into()))?.map_err(fail)
    }

    fn read(&self) -> io::Result<Reader<Box<dyn Read + Send>>> {
        let source: Box<dyn Read + Send> = match &self.content {
            Content::Memory(bytes) => Box::new(bytes.clone().reader()),
            Content::Spooled(spool) => Box::new(spool.reader()?),
        };
        Ok(Reader::with(source, self.charset(), self.mode))
    }

    /// Finds out what it is.
    fn look(&mut self) -> Result<(), ReadError> {
        let mut reader = self.read()?;
        // Some servers put the head behind the entries: then those in memory are looked through.
        let is_searched = reader.head()?.md.is_empty();
        let mut first = None;
        // What is wrong with the entries, reading them will tell.
        while let Ok(Some(part)) = reader.next_part() {
            for entry in part.flatten() {
                first.get_or_insert(entry.md.capability);
                if !is_searched {
                    break;
                }
            }
            if first.is_some() {
                break;
            }
        }
        self.head = reader.into_head();
        let said = self.head.capability();
        let (capability, is_said_index) = said.map_or((None, false), |said| {
            let (capability, is_index) = plain(said);
            (Some(capability), is_index)
        });
        // The children say what their parent says: it is an index, though not in so many words.
        let is_same = |first: &Capability| Some(plain(first).0) == capability;
        self.shape = match &capability {
            _ if self.head.is_index() => Shape::Index,
            Some(Capability::Description) => Shape::Description,
            Some(Capability::CapabilityList) => Shape::CapabilityList,
            Some(capability) if of_archive(capability).is_some() => Shape::Archive,
            _ if is_said_index || first.flatten().is_some_and(|it| is_same(&it)) => {
                Shape::IndexAsList
            }
            _ => Shape::List,
        };
        self.capability = capability;
        Ok(())
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("url", &self.url.as_str())
            .field("validators", &self.validators)
            .field("capability", &self.capability)
            .field("shape", &self.shape)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The standard's word for what servers say, and whether theirs is for an index.
pub(super) fn plain(capability: &Capability) -> (Capability, bool) {
    let Capability::Other(text) = capability else { return (capability.clone(), false) };
    let text = text.trim().to_ascii_lowercase();
    let (name, is_index) = match text.strip_suffix("index") {
        Some(name) => (name.trim_end_matches(['-', '_']), true),
        None => (&*text, false),
    };
    match Capability::read(name) {
        Capability::Other(name) => match &*name {
            // Drafts of the standard, and WEKO.
            "resourcesync" => (Capability::Description, is_index),
            "capability" => (Capability::CapabilityList, is_index),
            _ => (capability.clone(), false),
        },
        known => (known, is_index),
    }
}

/// Of what an archive is the archive.
pub(super) fn of_archive(archive: &Capability) -> Option<Capability> {
    use Capability::{ChangeDump, ChangeList, ResourceDump, ResourceList};
    let kinds = [ResourceList, ResourceDump, ChangeList, ChangeDump];
    kinds.into_iter().find(|kind| kind.archive().as_ref() == Some(archive))
}

pub(super) fn without_fragment(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
}
