//! A folder of XML files.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use resync_core::xml::{Cursor, RawXml};
use url::Url;

use super::{Failure, Key, MemoryRepository, Repository};
use crate::{Datestamp, DeletedRecord, Header, Identify, MetadataFormat, Record, Selection, Set};

/// A folder of XML files as a repository: each file is a record.
///
/// * The **identifier** is made of the host in the base URL and the file's path:
///   `theses/2024/a.xml` is `oai:example.org:theses/2024/a`.
/// * The **sets** are the folders: that file is in `theses:2024`. Characters that a set's name must
///   not have are written as `~` and the hexadecimal digits of their bytes.
/// * The **format** is the one whose namespace the root element is in.
/// * The **datestamp** is the time of the last change of the file when the folder was first read; of
///   what is found new, changed or gone later, the time when that was noticed, so that nobody who
///   has harvested meanwhile misses it.
///
/// Names that begin with a dot are passed over, and links are not followed. The records are kept in
/// memory, and so are deletions: they are told of until the process ends (`transient`).
#[derive(Debug)]
pub struct FolderRepository {
    folder: PathBuf,
    host: String,
    records: MemoryRepository,
    formats: Vec<MetadataFormat>,
    /// The files that were there, with what tells one version from another.
    known: Mutex<HashMap<PathBuf, Version>>,
}

type Version = (u64, Option<SystemTime>);

/// What was found in a folder.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Refreshed {
    /// New or changed files.
    pub changed: u64,
    /// Files that have gone.
    pub deleted: u64,
    /// Files that cannot be records, and why. A record that was there before stays as it was.
    pub refused: Vec<(PathBuf, String)>,
}

impl FolderRepository {
    /// Reads a folder; says also what was found in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(
        folder: impl Into<PathBuf>,
        identify: Identify,
        formats: impl IntoIterator<Item = MetadataFormat>,
    ) -> io::Result<(Self, Refreshed)> {
        let host = Url::parse(&identify.base_url).ok();
        let host = host.as_ref().and_then(Url::host_str).unwrap_or("localhost").to_owned();
        let formats: Vec<_> = formats.into_iter().collect();
        let mut identify = identify;
        if identify.deleted_record == DeletedRecord::Persistent {
            identify.deleted_record = DeletedRecord::Transient;
        }
        let records = MemoryRepository::new(identify, formats.clone());
        let known = Mutex::default();
        let this = Self { folder: folder.into(), host, records, formats, known };
        let found = this.read(None)?;
        Ok((this, found))
    }

    /// Looks what has changed.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn refresh(&self, now: DateTime<Utc>) -> io::Result<Refreshed> {
        self.read(Some(now))
    }

    fn read(&self, noticed: Option<DateTime<Utc>>) -> io::Result<Refreshed> {
        let mut files = BTreeMap::new();
        walk(&self.folder, &mut files)?;
        let mut found = Refreshed::default();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, version) in &files {
            if known.get(path) == Some(version) {
                continue;
            }
            let time = noticed.or(version.1.map(Into::into)).unwrap_or_else(Utc::now);
            match self.put(path, time) {
                Ok(()) => found.changed += 1,
                Err(why) => found.refused.push((path.clone(), why)),
            }
        }
        for path in known.keys().filter(|path| !files.contains_key(*path)) {
            let (identifier, _) = self.name(path);
            let now = Datestamp::second(noticed.unwrap_or_else(Utc::now));
            found.deleted += u64::from(self.records.delete(&identifier, now));
        }
        *known = files.into_iter().collect();
        Ok(found)
    }

    fn put(&self, path: &Path, time: DateTime<Utc>) -> Result<(), String> {
        let xml = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let raw = RawXml::document(&xml).map_err(|error| error.to_string())?;
        let root = Cursor::new(raw.as_str()).next_child().map_err(|error| error.to_string())?;
        let namespace = root.and_then(|root| root.namespace().map(str::to_owned));
        let format = self.formats.iter().find(|it| Some(&it.namespace) == namespace.as_ref());
        let Some(format) = format else {
            return Err(match namespace {
                Some(namespace) => format!("no format has its namespace {namespace}"),
                None => "it is in no namespace".to_owned(),
            });
        };
        let (identifier, set) = self.name(path);
        let header = Header::new(identifier, Datestamp::second(time)).sets(set);
        let mut record = Record::deleted(header);
        record.header.is_deleted = false;
        record.metadata = Some(raw);
        self.records.put(&format.prefix, record).map_err(|error| error.to_string())
    }

    /// The identifier of a file, and the set it is in.
    fn name(&self, path: &Path) -> (String, Option<String>) {
        let inside = path.strip_prefix(&self.folder).unwrap_or(path).with_extension("");
        let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let encoded = |part: &String, mark| encode(part, mark);
        let identifier: Vec<_> = parts.iter().map(|part| encoded(part, '%')).collect();
        let folders = &parts[..parts.len().saturating_sub(1)];
        let set: Vec<_> = folders.iter().map(|part| encoded(part, '~')).collect();
        let identifier = format!("oai:{}:{}", self.host, identifier.join("/"));
        (identifier, (!set.is_empty()).then(|| set.join(":")))
    }
}

/// What is no letter, digit, `-`, `_` or `.` becomes a mark and two hexadecimal digits a byte.
fn encode(part: &str, mark: char) -> String {
    part.bytes().fold(String::with_capacity(part.len()), |mut name, byte| {
        match byte {
            b'-' | b'_' | b'.' => name.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            // To a String: cannot fail.
            _ => drop(write!(name, "{mark}{byte:02X}")),
        }
        name
    })
}

fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, Version>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            walk(&path, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|it| it == "xml") {
            let metadata = entry.metadata()?;
            files.insert(path, (metadata.len(), metadata.modified().ok()));
        }
    }
    Ok(())
}

#[async_trait]
impl Repository for FolderRepository {
    fn identify(&self) -> Identify {
        self.records.identify()
    }

    async fn formats(&self) -> Result<Vec<MetadataFormat>, Failure> {
        self.records.formats().await
    }

    async fn record(&self, identifier: &str, format: &str) -> Result<Option<Record>, Failure> {
        self.records.record(identifier, format).await
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Record>, Failure> {
        self.records.page(selection, after, limit).await
    }

    async fn headers(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Header>, Failure> {
        self.records.headers(selection, after, limit).await
    }

    async fn sets(&self) -> Result<Vec<Set>, Failure> {
        self.records.sets().await
    }

    async fn count(&self, selection: &Selection) -> Result<Option<u64>, Failure> {
        self.records.count(selection).await
    }
}
