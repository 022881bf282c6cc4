//! One resource: what a list says of it, and what comes when it is asked for.

use chrono::SecondsFormat;
use http::{HeaderValue, header};
use resync_core::document::{Algorithm, Change, Datetime, Entry, Hashes, rel};
use resync_core::fixity::{Fixity, Measured, verify};
use resync_core::transport::{BodyLimits, Request, Transport, without_credentials};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::batch::{Item, Payload};
use crate::error::{RecordError, Stage};
use crate::fetch::{Fetched, fetch};
use crate::xml_document::XmlDocument;

/// What a list says of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resource {
    pub(super) uri: String,
    /// When it was changed, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) datestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_deleted: bool,
    /// Whether the sink holds this version.
    #[serde(skip)]
    pub(super) is_held: bool,
}

impl Resource {
    /// Of an entry of the list that is at `base`. One whose address makes no sense keeps it as it is
    /// written; [`check`](Self::check) tells.
    pub(super) fn listed_at(base: &Url, entry: &Entry<'_>) -> Self {
        let uri = address(base, &entry.loc);
        let is_deleted = entry.md.change == Some(Change::Deleted);
        let time = match entry.md.change {
            // A change says when it happened; the resource itself may be older.
            Some(_) => entry.md.datetime.or(entry.lastmod),
            None => entry.lastmod,
        };
        Self {
            uri: uri.map_or_else(|_| entry.loc.trim().to_owned(), String::from),
            datestamp: time.map(|time| written(&time)),
            length: entry.md.length,
            hash: (!entry.md.hash.is_empty()).then(|| entry.md.hash.as_str().to_owned()),
            is_deleted,
            is_held: false,
        }
    }

    /// One that no list has told anything of.
    pub(super) fn unlisted(uri: &str) -> Self {
        let (datestamp, length, hash) = (None, None, None);
        let uri = uri.to_owned();
        Self { uri, datestamp, length, hash, is_deleted: false, is_held: false }
    }

    /// Whether it has an address.
    pub(super) fn check(&self) -> Result<Url, RecordError> {
        Url::parse(&self.uri).map_err(|error| {
            let message = format!("it is listed, but this is no address: {error}");
            RecordError::new(&*self.uri, Stage::Source, message)
        })
    }

    /// By what this version is told from others: its digests, else time and length.
    pub(super) fn version(&self) -> Option<String> {
        match (&self.hash, &self.datestamp, self.length) {
            (Some(hash), ..) => Some(hash.clone()),
            (None, Some(time), Some(length)) => Some(format!("{time} {length}")),
            (None, Some(time), None) => Some(time.clone()),
            (None, None, _) => None,
        }
    }

    /// Whether an entry is metadata that a pipeline can read: it links to its format or to what it
    /// describes, or is XML by its media type, or, where it has none, by its name.
    pub(super) fn is_metadata(&self, entry: &Entry<'_>) -> bool {
        if !entry.links(rel::PROFILE).is_empty() || !entry.links(rel::DESCRIBES).is_empty() {
            return true;
        }
        if let Some(media_type) = &entry.md.media_type {
            let name = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            return name.ends_with("/xml") || name.ends_with("+xml");
        }
        // One without an address is kept, so that it can fail under its name.
        let Ok(uri) = self.check() else { return true };
        let name = uri.path().rsplit('/').next().unwrap_or_default();
        match name.rsplit_once('.') {
            Some((_, extension)) => {
                ["xml", "rdf", "eml"].iter().any(|it| extension.eq_ignore_ascii_case(it))
            }
            None => true,
        }
    }

    /// What is known without asking for it.
    pub(super) fn listed(&self) -> Item {
        match self.is_deleted {
            true => self.complete(Item::delete(&*self.uri)),
            false => self.complete(Item::listed(&*self.uri)),
        }
    }

    fn complete(&self, mut item: Item) -> Item {
        item.datestamp.clone_from(&self.datestamp);
        if !self.is_deleted {
            item.version = self.version();
        }
        item
    }

    /// The resource itself, which must be what the list says, and XML.
    pub(super) async fn get(
        &self,
        transport: &dyn Transport,
        max: u64,
    ) -> Result<Item, RecordError> {
        let failed = |what: String| RecordError::new(&*self.uri, Stage::Source, what);
        let url = self.check()?;
        // Digests and lengths are those of the bytes as they are sent.
        let identity = HeaderValue::from_static("identity");
        let request = Request::get(url).header(header::ACCEPT_ENCODING, identity);
        let limits = BodyLimits::default().max(max).sniff(false);
        let mut fetched = fetch(transport, request.clone(), &limits)
            .await
            .map_err(|error| failed(error.to_string()))?;
        if self.verify(&self.measure(&fetched.bytes)).is_err() {
            // Past all caches.
            let request =
                request.header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            fetched = fetch(transport, request, &limits)
                .await
                .map_err(|error| failed(error.to_string()))?;
        }
        let Fetched { bytes, charset } = fetched;
        self.read(bytes, charset.as_deref())
    }

    /// The record in what came, which must be what the list says, and XML.
    pub(super) fn read(&self, bytes: Vec<u8>, charset: Option<&str>) -> Result<Item, RecordError> {
        let failed = |what: String| RecordError::new(&*self.uri, Stage::Source, what);
        self.verify(&self.measure(&bytes)).map_err(failed)?;
        let document = XmlDocument::read(bytes, charset)
            .map_err(|error| failed(format!("no well-formed XML: {error}")))?;
        let format = document.format().to_owned();
        let payload = Payload::new(format, document.body);
        Ok(self.complete(Item::put(&*self.uri, payload)))
    }

    fn hashes(&self) -> Hashes<'_> {
        self.hash.as_deref().map(Hashes::from).unwrap_or_default()
    }

    /// The kinds of digests that the list gives.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        self.hashes().digests().map(|digest| digest.algorithm()).collect()
    }

    fn measure(&self, bytes: &[u8]) -> Measured {
        let mut fixity = Fixity::new(self.algorithms());
        fixity.update(bytes);
        fixity.finish()
    }

    /// Whether what came is what the list says.
    pub(super) fn verify(&self, measured: &Measured) -> Result<(), String> {
        let verified = verify(measured, self.length, &self.hashes());
        verified.map(drop).map_err(|mismatch| mismatch.to_string())
    }
}

/// In UTC, to the second.
pub(super) fn written(time: &Datetime) -> String {
    time.time().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The address of an entry, without credentials.
pub(super) fn address(base: &Url, loc: &str) -> Result<Url, String> {
    let url = base.join(loc.trim()).map_err(|error| format!("{loc:?} is no address: {error}"))?;
    Ok(without_credentials(&url))
}
