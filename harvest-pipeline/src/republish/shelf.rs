//! What is published of a source.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::oai_pmh::MetadataFormat;

use super::record::format_shown;
use crate::batch::SourceId;
use crate::catalogue::{Catalogue, SourceSummary};
use crate::error::RunError;

/// How long formats and sets are remembered while a source is harvested: to find them, all its records
/// are looked at.
const LIFE: Duration = Duration::from_secs(60);
/// How many tombstones are asked for what they were, where nothing is live.
const ASKED: usize = 10;

/// What is published of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shelf {
    /// The source.
    pub source: SourceId,
    /// What people call it.
    pub title: String,
    /// The formats that its records are in.
    pub formats: Vec<MetadataFormat>,
    /// The sets that they are in.
    pub sets: Arc<[String]>,
    /// How many records there are, tombstones included, where that is known.
    pub records: Option<u64>,
    /// Whether its records are listed. If not, each can still be had by its name.
    pub is_shown: bool,
}

impl Shelf {
    /// The records of a source in these formats.
    #[must_use]
    pub fn new(source: impl Into<SourceId>, formats: Vec<MetadataFormat>) -> Self {
        let source = source.into();
        Self {
            title: source.to_string(),
            source,
            formats,
            sets: Arc::default(),
            records: None,
            is_shown: true,
        }
    }

    pub(super) fn format(&self, prefix: &str) -> Option<&MetadataFormat> {
        self.formats.iter().find(|format| format.prefix == prefix)
    }
}

/// Finds out what there is to publish of each source, and remembers it until the source is harvested
/// again.
#[derive(Debug)]
pub struct Shelves {
    catalogue: Arc<dyn Catalogue>,
    known: Mutex<HashMap<SourceId, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    summary: SourceSummary,
    found: Instant,
    shelf: Shelf,
}

impl Known {
    /// Whether the source is still as it was. While it is harvested, that is not looked at all the
    /// time.
    fn holds(&self, now: &SourceSummary) -> bool {
        let ended = |summary: &SourceSummary| {
            summary.last_run.as_ref().map(|run| (run.id, run.state.clone()))
        };
        let is_same_run = ended(&self.summary) == ended(now);
        let counts = |summary: &SourceSummary| (summary.live, summary.deleted);
        is_same_run && (counts(&self.summary) == counts(now) || self.found.elapsed() < LIFE)
    }
}

impl Shelves {
    /// What there is in a catalogue.
    #[must_use]
    pub fn new(catalogue: Arc<dyn Catalogue>) -> Self {
        Self { catalogue, known: Mutex::default() }
    }

    /// The catalogue.
    #[must_use]
    pub fn catalogue(&self) -> &Arc<dyn Catalogue> {
        &self.catalogue
    }

    /// What there is of one source; `None` if nothing was ever harvested from it.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub async fn of(&self, source: &SourceId) -> Result<Option<Shelf>, RunError> {
        match self.catalogue.summary(source).await? {
            Some(summary) => self.shelf(summary).await.map(Some),
            None => Ok(None),
        }
    }

    /// What there is of each source that is wanted, by name.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub async fn all(&self, is_wanted: impl Fn(&SourceId) -> bool) -> Result<Vec<Shelf>, RunError> {
        let mut summaries = self.catalogue.summaries().await?;
        summaries.retain(|summary| is_wanted(&summary.source));
        let mut shelves = Vec::with_capacity(summaries.len());
        for summary in summaries {
            shelves.push(self.shelf(summary).await?);
        }
        Ok(shelves)
    }

    async fn shelf(&self, summary: SourceSummary) -> Result<Shelf, RunError> {
        let records = Some(summary.live + summary.deleted);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().get(&summary.source).filter(|known| known.holds(&summary)) {
            return Ok(Shelf { records, ..known.shelf.clone() });
        }
        let shelf = Shelf { records, ..self.look(&summary.source).await? };
        let source = summary.source.clone();
        let found = Known { summary, found: Instant::now(), shelf: shelf.clone() };
        known().insert(source, found);
        Ok(shelf)
    }

    async fn look(&self, source: &SourceId) -> Result<Shelf, RunError> {
        let shapes = self.catalogue.shapes(source).await?;
        let mut formats: Vec<MetadataFormat> = Vec::new();
        let mut sets = BTreeSet::new();
        let mut tombstones = Vec::new();
        for shape in shapes {
            sets.extend(shape.sets);
            let Some(prefix) = shape.format else {
                tombstones.push(shape.example);
                continue;
            };
            if formats.iter().any(|format| format.prefix == prefix) {
                continue;
            }
            let record = self.catalogue.find(source, &shape.example).await?;
            let metadata = record.and_then(|record| record.metadata);
            formats.extend(metadata.and_then(|xml| format_shown(&prefix, &xml)));
        }
        if formats.is_empty() {
            formats.extend(self.past(source, &tombstones).await?);
        }
        let mut shelf = Shelf::new(source.clone(), formats);
        shelf.sets = sets.into_iter().collect();
        Ok(shelf)
    }

    /// The format that records had before they became tombstones.
    async fn past(
        &self,
        source: &SourceId,
        tombstones: &[String],
    ) -> Result<Option<MetadataFormat>, RunError> {
        for identifier in tombstones.iter().take(ASKED) {
            let versions = self.catalogue.versions(source, identifier).await?;
            let formats = versions
                .into_iter()
                .rev()
                .filter_map(|version| format_shown(&version.format?, &version.metadata?));
            if let Some(format) = formats.into_iter().next() {
                return Ok(Some(format));
            }
        }
        Ok(None)
    }
}
