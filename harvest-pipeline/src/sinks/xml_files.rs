use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::file_name::file_name;
use super::line::Line;
use crate::batch::{Item, SourceId};
use crate::checkpoint::Checkpoint;
use crate::error::{RecordError, RunError, Stage};
use crate::run::{Outcome, Run};
use crate::sink::{Entry, ParsedBatch, Sink, Written};

/// Writes the metadata of each record to a file of its own in one folder.
///
/// A file is named after what can be shown of the identifier and a hash of it:
/// `oai_example.org_1-0f…e2.xml`. A deleted record's file is removed, and a file of the same name
/// ending in `.deleted` is left in its place, with identifier and datestamp in it. Files appear
/// complete or not at all, and the checkpoint, in a file of its own, is written after them: a run
/// that was killed is continued by the next. What a *power cut* leaves depends on the file system,
/// because the files are not forced to the disk one by one.
#[derive(Clone, Debug)]
pub struct XmlFiles {
    folder: Arc<Path>,
}

impl XmlFiles {
    /// Writes into this folder, which is created if it is missing.
    ///
    /// # Errors
    /// If the folder cannot be created.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, RunError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(|error| failed("create", &folder, error))?;
        Ok(Self { folder: folder.into() })
    }

    /// The file that holds, or would hold, the metadata of a record.
    #[must_use]
    pub fn path(&self, source: &SourceId, identifier: &str) -> PathBuf {
        self.folder.join(file_name(source, identifier) + ".xml")
    }

    fn checkpoint_path(&self, source: &SourceId) -> PathBuf {
        self.folder.join(format!("checkpoint-{}.json", file_name(source, source.as_str())))
    }

    fn write_batch<R>(&self, batch: &ParsedBatch<R>) -> Result<Written, RunError> {
        let mut failures = Vec::new();
        let mut outcomes = Vec::with_capacity(batch.entries.len());
        for entry in &batch.entries {
            let outcome = match entry {
                Entry::Put { item, .. } => self.put(&batch.source, item),
                Entry::Delete { item } => self.delete(&batch.source, item),
                _ => Ok(entry.plain_outcome()),
            };
            outcomes.push(match outcome {
                Ok(outcome) => outcome,
                Err(Failure::Run(error)) => return Err(error),
                Err(Failure::Record(error)) => {
                    failures.push(error);
                    Outcome::Failed
                }
            });
        }
        if let Some(checkpoint) = &batch.checkpoint {
            replace(&self.checkpoint_path(&batch.source), checkpoint.to_json().as_bytes())?;
        }
        Ok(Written::new(outcomes).with_failures(failures).with_checkpoint())
    }

    fn put(&self, source: &SourceId, item: &Item) -> Result<Outcome, Failure> {
        let Some(payload) = item.payload() else {
            let message = "the record has no metadata to write";
            let error = RecordError::new(item.identifier.clone(), Stage::Sink, message);
            return Err(Failure::Record(error));
        };
        let path = self.path(source, &item.identifier);
        let outcome = match fs::read(&path) {
            Ok(stored) if *stored == *payload.body.as_bytes() => return Ok(Outcome::Unchanged),
            Ok(_) => Outcome::Updated,
            Err(error) if error.kind() == ErrorKind::NotFound => Outcome::Created,
            Err(error) => return Err(Failure::Run(failed("read", &path, error))),
        };
        replace(&path, payload.body.as_bytes())?;
        remove(&path.with_extension("deleted"))?;
        Ok(outcome)
    }

    fn delete(&self, source: &SourceId, item: &Item) -> Result<Outcome, Failure> {
        let path = self.path(source, &item.identifier);
        let marker = path.with_extension("deleted");
        let known = marker.exists();
        let tombstone = Item { abouts: Vec::new(), ..Item::delete(item.identifier.clone()) };
        let tombstone =
            Item { datestamp: item.datestamp.clone(), sets: item.sets.clone(), ..tombstone };
        let mut text = Vec::new();
        Line::of(&tombstone).write_to(&mut text);
        // The marker first: killed in between, the record is found deleted and removed again.
        replace(&marker, &text)?;
        let outcome = if remove(&path)? {
            Outcome::Deleted
        } else if known {
            Outcome::Unchanged
        } else {
            Outcome::SkippedDeleted
        };
        Ok(outcome)
    }
}

enum Failure {
    Record(RecordError),
    Run(RunError),
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

#[async_trait]
impl<R: Send + Sync + 'static> Sink<R> for XmlFiles {
    async fn checkpoint(&self, source: &SourceId) -> Result<Option<Checkpoint>, RunError> {
        let path = self.checkpoint_path(source);
        match tokio::fs::read_to_string(&path).await {
            Ok(json) => Ok(Some(Checkpoint::from_json(&json)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path, error)),
        }
    }

    async fn write(&self, _: &Run, batch: ParsedBatch<R>) -> Result<Written, RunError> {
        let files = self.clone();
        let written = tokio::task::spawn_blocking(move || files.write_batch(&batch)).await;
        written.unwrap_or_else(|error| {
            Err(RunError::new(Stage::Sink, format!("writing files was stopped: {error}")))
        })
    }
}

/// Writes a file beside its place and moves it there, so that it is never seen half-written.
fn replace(path: &Path, content: &[u8]) -> Result<(), RunError> {
    let temporary = path.with_extension("tmp");
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| failed("write", path, error))
}

/// Removes a file; says whether there was one.
fn remove(path: &Path) -> Result<bool, RunError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("remove", path, error)),
    }
}

fn failed(verb: &str, path: &Path, error: io::Error) -> RunError {
    RunError::new(Stage::Sink, format!("cannot {verb} {}: {error}", path.display()))
        .with_source(error)
}
