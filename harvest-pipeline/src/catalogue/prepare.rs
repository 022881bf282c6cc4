//! The part of storing that needs no database: hashing, compressing, writing JSON.

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::codec::{Codec, Encoder};
use super::dictionary::Dictionary;
use super::open::OpenRuns;
use crate::batch::{Change, Item, Payload, SourceId};
use crate::error::{RecordError, Stage};
use crate::parser::Issue;
use crate::sink::{Entry, ParsedBatch, PreparedEntries, Preparer};

/// What is to be stored, one for each entry of the batch; `None` where nothing is.
pub(crate) type Prepared = Vec<Option<Result<Version, RecordError>>>;

/// A version of a record.
pub(crate) struct Version {
    pub(crate) digest: [u8; 16],
    pub(crate) sets: Option<String>,
    pub(crate) about: Option<String>,
    /// None for a tombstone.
    pub(crate) content: Option<Content>,
}

/// A row of `payloads`.
pub(crate) struct Content {
    pub(crate) hash: [u8; 32],
    pub(crate) size: usize,
    pub(crate) codec: Codec,
    pub(crate) body: Vec<u8>,
    pub(crate) fields: Option<String>,
    pub(crate) issues: Option<String>,
}

impl Content {
    /// The first 8 bytes of the hash.
    pub(crate) fn place(&self) -> i64 {
        let (first, _) = self.hash.split_at(8);
        first.try_into().map_or(0, i64::from_be_bytes)
    }

    /// Whether it is the same as what is stored.
    pub(crate) fn is(&self, hash: &[u8], fields: Option<&str>, issues: Option<&str>) -> bool {
        hash == self.hash && fields == self.fields.as_deref() && issues == self.issues.as_deref()
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.is(&other.hash, other.fields.as_deref(), other.issues.as_deref())
    }
}

pub(crate) struct Prepare(pub(crate) Arc<OpenRuns>);

impl<R: Serialize + Send + Sync> Preparer<R> for Prepare {
    fn prepare(&self, batch: &mut ParsedBatch<R>) {
        let dictionary = dictionary(&self.0, batch);
        let mut entries = std::mem::take(&mut batch.entries).into_iter();
        let (entries, prepared) = each(&self.0, dictionary.as_ref(), &mut entries);
        batch.entries = entries;
        batch.prepared = Some(Box::new(prepared));
    }

    fn prepare_each(
        &self,
        source: &SourceId,
        entries: &mut dyn Iterator<Item = Entry<R>>,
    ) -> Option<PreparedEntries<R>> {
        let (entries, prepared) = prepare_each(&self.0, source, entries)?;
        Some((entries, Box::new(prepared)))
    }
}

/// See [`Preparer::prepare_each`].
pub(crate) fn prepare_each<R: Serialize>(
    runs: &OpenRuns,
    source: &SourceId,
    entries: &mut dyn Iterator<Item = Entry<R>>,
) -> Option<(Vec<Entry<R>>, Prepared)> {
    // Until there is a dictionary, the records are needed together: it is made from them.
    let dictionary = match runs.trainer(source) {
        _ if runs.archive.get().is_some() => None,
        Some(trainer) => trainer.settled()?,
        None => None,
    };
    Some(each(runs, dictionary.as_ref(), entries))
}

/// What is to be stored of a batch that goes on as it is.
#[cfg(feature = "sqlite")]
pub(crate) fn prepare<R: Serialize>(runs: &OpenRuns, batch: &ParsedBatch<R>) -> Prepared {
    let dictionary = dictionary(runs, batch);
    let mut work = Work::new(runs, dictionary.as_ref());
    batch.entries.iter().map(|entry| work.version(entry)).collect()
}

fn dictionary<R>(runs: &OpenRuns, batch: &ParsedBatch<R>) -> Option<Arc<Dictionary>> {
    let bodies = batch.entries.iter().filter_map(|entry| match entry {
        Entry::Put { item, .. } => item.payload().map(|payload| payload.body.as_bytes()),
        _ => None,
    });
    runs.trainer(&batch.source)?.dictionary(bodies)
}

/// Prepares one after the other and lets go of what is ready.
fn each<R: Serialize>(
    runs: &OpenRuns,
    dictionary: Option<&Arc<Dictionary>>,
    entries: &mut dyn Iterator<Item = Entry<R>>,
) -> (Vec<Entry<R>>, Prepared) {
    let mut work = Work::new(runs, dictionary);
    let one = |entry| {
        let version = work.version(&entry);
        (without_record(entry, version.as_ref()), version)
    };
    entries.map(one).unzip()
}

/// What is stored is ready: the record can go, and its metadata.
fn without_record<R>(entry: Entry<R>, version: Option<&Result<Version, RecordError>>) -> Entry<R> {
    match (entry, version) {
        (Entry::Put { mut item, .. }, Some(Ok(_))) => {
            if let Change::Put(payload) = &mut item.change {
                payload.body = String::new();
            }
            Entry::Prepared { item }
        }
        (entry, _) => entry,
    }
}

/// What is used for one record after the other.
struct Work<'d> {
    encoder: Encoder<'d>,
    /// One buffer for all, so that what is kept of each takes no more room than it needs.
    json: Vec<u8>,
}

impl<'d> Work<'d> {
    fn new(runs: &OpenRuns, dictionary: Option<&'d Arc<Dictionary>>) -> Self {
        let encoder = match runs.archive.get() {
            // An archive has a packing of its own.
            Some(_) => Encoder::plain(),
            None => Encoder::new(dictionary),
        };
        Self { encoder, json: Vec::new() }
    }

    fn version<R: Serialize>(&mut self, entry: &Entry<R>) -> Option<Result<Version, RecordError>> {
        match entry {
            Entry::Put { item, record, issues } => {
                Some(put(&mut self.encoder, &mut self.json, item, record, issues))
            }
            Entry::Delete { item } => Some(version(item, None)),
            _ => None,
        }
    }
}

fn put<R: Serialize>(
    encoder: &mut Encoder<'_>,
    json: &mut Vec<u8>,
    item: &Item,
    record: &R,
    issues: &[Issue],
) -> Result<Version, RecordError> {
    let Some(payload) = item.payload() else {
        return Err(cannot_store(item, "it has no metadata"));
    };
    let fields = fields(json, record)
        .map_err(|error| cannot_store(item, &format!("its fields cannot be JSON: {error}")))?;
    let (codec, body) = encoder.encode(payload.body.as_bytes());
    let content = Content {
        hash: Sha256::digest(&payload.body).into(),
        size: payload.body.len(),
        codec,
        body,
        fields,
        issues: (!issues.is_empty()).then(|| issues_json(issues)),
    };
    version(item, Some((payload, content)))
}

/// The record as JSON, unless that says nothing.
fn fields<R: Serialize>(json: &mut Vec<u8>, record: &R) -> serde_json::Result<Option<String>> {
    json.clear();
    serde_json::to_writer(&mut *json, record)?;
    if json == b"null" {
        return Ok(None);
    }
    let json = std::str::from_utf8(json).map_err(serde::ser::Error::custom)?;
    Ok(Some(json.to_owned()))
}

fn version(item: &Item, content: Option<(&Payload, Content)>) -> Result<Version, RecordError> {
    // What is inside metadata, lists and JSON does no harm.
    let format = content.as_ref().map(|(payload, _)| &*payload.format);
    let texts = [
        ("identifier", Some(&*item.identifier)),
        ("datestamp", item.datestamp.as_deref()),
        ("version", item.version.as_deref()),
        ("format", format),
    ];
    let has_nul = |text: &Option<&str>| text.is_some_and(|text| text.contains('\0'));
    if let Some((what, _)) = texts.iter().find(|(_, text)| has_nul(text)) {
        return Err(cannot_store(item, &format!("its {what} contains a NUL character")));
    }
    let sets = (!item.sets.is_empty()).then(|| json(&item.sets));
    let about = (!item.abouts.is_empty()).then(|| json(&item.abouts));

    let mut digest = Sha256::new();
    let mut part = |bytes: Option<&[u8]>| {
        // The length before each part keeps "a" + "bc" apart from "ab" + "c", and from nothing.
        digest.update(bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
        digest.update(bytes.unwrap_or_default());
    };
    part(item.datestamp.as_deref().map(str::as_bytes));
    part(sets.as_deref().map(str::as_bytes));
    part(about.as_deref().map(str::as_bytes));
    if let Some(version) = &item.version {
        part(Some(version.as_bytes()));
    }
    if let Some((payload, content)) = &content {
        part(Some(payload.format.as_bytes()));
        part(Some(&content.hash));
        // With another parser the same metadata is another version.
        part(content.fields.as_deref().map(str::as_bytes));
        part(content.issues.as_deref().map(str::as_bytes));
    }
    let digest: [u8; 32] = digest.finalize().into();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    Ok(Version { digest: short, sets, about, content: content.map(|(_, content)| content) })
}

fn issues_json(issues: &[Issue]) -> String {
    #[derive(Serialize)]
    struct Row<'a> {
        level: &'a str,
        path: &'a str,
        message: &'a str,
    }
    let rows = issues.iter().map(|issue| Row {
        level: issue.level.as_str(),
        path: &issue.path,
        message: &issue.message,
    });
    json(&rows.collect::<Vec<_>>())
}

/// Strings, and lists and structs of them: there is nothing in them that JSON could not say.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn cannot_store(item: &Item, why: &str) -> RecordError {
    RecordError::new(item.identifier.clone(), Stage::Sink, format!("cannot be stored: {why}"))
}
