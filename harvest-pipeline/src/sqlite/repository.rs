//! What was harvested, for others to harvest.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::oai_pmh::provider::{Failure, Key, Repository, Touch};
use ::oai_pmh::xml::{Cursor, Mode, RawXml};
use ::oai_pmh::{Datestamp, Header, Identify, MetadataFormat, Record, Selection, Set};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::SqliteCatalogue;
use super::read::select_records;
use crate::batch::SourceId;
use crate::catalogue::StoredRecord;
use crate::catalogue::prepare::json;

const PROVENANCE: &str = "http://www.openarchives.org/OAI/2.0/provenance";

/// How long the sets are remembered: to find them, all records must be looked at.
const SETS_LIFE: Duration = Duration::from_secs(60);

/// A catalogue as a repository: what was harvested from each source is there in one format.
///
/// The datestamp of a record is the time at which this version of it came into the catalogue: those
/// who harvest from here see what arrived late, however old the source says it is. Where it comes
/// from, with the datestamp of its source, is told in its `provenance`; what the source told there
/// is kept inside. Deleted records stay, as tombstones.
pub struct CatalogueRepository {
    catalogue: SqliteCatalogue,
    identify: Identify,
    shelves: Vec<Shelf>,
    sets: Mutex<Option<(Instant, Vec<Set>)>>,
}

/// A source, published in a format.
#[derive(Debug)]
struct Shelf {
    format: MetadataFormat,
    source: SourceId,
}

/// Rows of `records r` that are selected: `?2` and `?3` are the ends of the time span, `?4` a set.
const SELECTED: &str = "JOIN sources s ON s.id = r.source AND s.name = ?1
     WHERE r.changed BETWEEN ?2 AND ?3
       AND (?4 IS NULL OR EXISTS (SELECT 1 FROM json_each(r.sets) e
            WHERE e.value = ?4 OR substr(e.value, 1, length(?4) + 1) = ?4 || ':'))";

impl CatalogueRepository {
    /// A repository that has nothing yet; [`publish`](Self::publish) what there is.
    #[must_use]
    pub fn new(catalogue: SqliteCatalogue, identify: Identify) -> Self {
        Self { catalogue, identify, shelves: Vec::new(), sets: Mutex::default() }
    }

    /// Publishes what was harvested from a source in this format. A second source in the same
    /// format takes the place of the first.
    #[must_use]
    pub fn publish(mut self, source: impl Into<SourceId>, format: MetadataFormat) -> Self {
        self.shelves.retain(|shelf| shelf.format.prefix != format.prefix);
        self.shelves.push(Shelf { format, source: source.into() });
        self
    }

    fn shelf(&self, format: &str) -> Option<&Shelf> {
        self.shelves.iter().find(|shelf| shelf.format.prefix == format)
    }

    async fn decode(&self, rows: &[SqliteRow], shelf: &Shelf) -> Result<Vec<Record>, Failure> {
        let stored = self.catalogue.decode(rows, &shelf.source).await?;
        let mut records = Vec::with_capacity(stored.len());
        for (row, stored) in rows.iter().zip(stored) {
            let changed: i64 = row.try_get("changed")?;
            records.push(published(&stored, stamp(changed), &shelf.format));
        }
        Ok(records)
    }

    /// Every source that is published is one of these.
    fn sources(&self) -> String {
        json(&self.shelves.iter().map(|shelf| shelf.source.as_str()).collect::<Vec<_>>())
    }

    async fn touch(
        &self,
        which: &'static str,
        argument: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, Failure> {
        let query = format!(
            "UPDATE records AS r SET changed = max(changed, ?1)
             WHERE source IN (SELECT id FROM sources WHERE name IN (SELECT value FROM json_each(?2)))
               AND {which}"
        );
        let mut writer = self.catalogue.0.writer.lock().await;
        let touched = sqlx::query(AssertSqlSafe(query))
            .bind(now.timestamp())
            .bind(self.sources())
            .bind(argument)
            .execute(&mut *writer)
            .await?;
        Ok(touched.rows_affected())
    }
}

#[async_trait]
impl Repository for CatalogueRepository {
    fn identify(&self) -> Identify {
        self.identify.clone()
    }

    async fn formats(&self) -> Result<Vec<MetadataFormat>, Failure> {
        Ok(self.shelves.iter().map(|shelf| shelf.format.clone()).collect())
    }

    async fn record(&self, identifier: &str, format: &str) -> Result<Option<Record>, Failure> {
        let Some(shelf) = self.shelf(format) else { return Ok(None) };
        let rows = self.catalogue.row(&shelf.source, identifier).await?;
        Ok(self.decode(&rows, shelf).await?.pop())
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Record>, Failure> {
        let Some(shelf) = self.shelf(selection.metadata_prefix()) else { return Ok(Vec::new()) };
        let query = format!(
            "{}{SELECTED} AND (r.changed, r.identifier) > (?5, ?6)
             ORDER BY r.changed, r.identifier LIMIT ?7",
            select_records!()
        );
        let (from, until) = ends(selection);
        let rows = sqlx::query(AssertSqlSafe(query))
            .bind(shelf.source.as_str())
            .bind(from.max(after.map_or(i64::MIN, |key| key.datestamp.time().timestamp())))
            .bind(until)
            .bind(selection.set_spec())
            .bind(after.map_or(i64::MIN, |key| key.datestamp.time().timestamp()))
            .bind(after.map_or("", |key| key.identifier.as_str()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.catalogue.0.readers)
            .await?;
        self.decode(&rows, shelf).await
    }

    async fn count(&self, selection: &Selection) -> Result<Option<u64>, Failure> {
        let Some(shelf) = self.shelf(selection.metadata_prefix()) else { return Ok(Some(0)) };
        let query = format!("SELECT count(*) FROM records r {SELECTED}");
        let (from, until) = ends(selection);
        let row = sqlx::query(AssertSqlSafe(query))
            .bind(shelf.source.as_str())
            .bind(from)
            .bind(until)
            .bind(selection.set_spec())
            .fetch_one(&self.catalogue.0.readers)
            .await?;
        Ok(row.try_get::<i64, _>(0)?.try_into().ok())
    }

    async fn sets(&self) -> Result<Vec<Set>, Failure> {
        let remembered = || self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, sets)) = &*remembered()
            && when.elapsed() < SETS_LIFE
        {
            return Ok(sets.clone());
        }
        let query = "SELECT DISTINCT e.value FROM sources s
             JOIN records r ON r.source = s.id
             JOIN json_each(r.sets) e
             WHERE s.name IN (SELECT value FROM json_each(?)) AND r.sets IS NOT NULL";
        let rows =
            sqlx::query(query).bind(self.sources()).fetch_all(&self.catalogue.0.readers).await?;
        let sets = rows.iter().map(|row| {
            let spec: String = row.try_get(0)?;
            Ok(Set::new(spec.clone(), spec))
        });
        let sets: Vec<Set> = sets.collect::<sqlx::Result<_>>()?;
        *remembered() = Some((Instant::now(), sets.clone()));
        Ok(sets)
    }
}

#[async_trait]
impl Touch for CatalogueRepository {
    async fn touch_items(&self, items: &[&str], now: DateTime<Utc>) -> Result<u64, Failure> {
        let which = "identifier IN (SELECT value FROM json_each(?3))";
        self.touch(which, &json(&items), now).await
    }

    async fn touch_set(&self, set: &str, now: DateTime<Utc>) -> Result<u64, Failure> {
        let which = "EXISTS (SELECT 1 FROM json_each(r.sets) e
             WHERE e.value = ?3 OR substr(e.value, 1, length(?3) + 1) = ?3 || ':')";
        self.touch(which, set, now).await
    }
}

/// The first and last second that are selected.
fn ends(selection: &Selection) -> (i64, i64) {
    let window = selection.time_span();
    (
        window.from().map_or(i64::MIN, |from| from.time().timestamp()),
        window.until().map_or(i64::MAX, |until| until.last_second().timestamp()),
    )
}

fn stamp(seconds: i64) -> Datestamp {
    Datestamp::second(DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH))
}

fn published(stored: &StoredRecord, changed: Datestamp, format: &MetadataFormat) -> Record {
    let header = Header::new(&stored.identifier, changed).sets(&stored.sets);
    let Some(metadata) = stored.metadata.as_deref().filter(|_| !stored.deleted) else {
        return Record::deleted(header);
    };
    let mut record = Record::deleted(header);
    record.header.is_deleted = false;
    record.metadata = element(metadata);
    let (origins, abouts): (Vec<_>, Vec<_>) =
        stored.abouts.iter().filter_map(|about| element(about)).partition(is_provenance);
    record.abouts = abouts;
    match provenance(stored, format, origins.first()) {
        Some(told) => record.abouts.extend(element(&told)),
        // Better what the source said than nothing.
        None => record.abouts.extend(origins),
    }
    record
}

/// What was stored was readable when it was harvested, and repaired where it had to be.
fn element(xml: &str) -> Option<RawXml> {
    RawXml::document(xml).ok().or_else(|| {
        let mut cursor = Cursor::new(xml).mode(Mode::Tolerant);
        let root = cursor.next_child().ok()??;
        cursor.raw(&root).ok()
    })
}

fn is_provenance(about: &RawXml) -> bool {
    let xml = about.standalone();
    let root = Cursor::new(&xml).next_child();
    matches!(root, Ok(Some(root)) if root.namespace() == Some(PROVENANCE))
}

/// Where the record was harvested from, with what was said there inside (the implementation
/// guidelines' `provenance`); `None` where that is not known.
fn provenance(
    stored: &StoredRecord,
    format: &MetadataFormat,
    origin: Option<&RawXml>,
) -> Option<String> {
    let request = stored.request_url.as_deref()?;
    let base = request[..request.find("verb=")?].trim_end_matches(['?', '&']);
    let datestamp = Datestamp::read(stored.datestamp.as_deref()?)?;
    let harvested = stored.response_date.as_deref().unwrap_or(&stored.harvested);
    let harvested = Datestamp::second(Datestamp::read(harvested)?.time());
    let mut nested = String::new();
    if let Some(origin) = origin {
        let xml = origin.standalone();
        let mut cursor = Cursor::new(&xml);
        cursor.next_child().ok()??;
        if let Some(description) = cursor.next_child().ok()? {
            nested = cursor.raw(&description).ok()?.standalone().into_owned();
        }
    }
    Some(format!(
        "<provenance xmlns=\"{PROVENANCE}\"><originDescription harvestDate=\"{harvested}\" \
         altered=\"false\"><baseURL>{}</baseURL><identifier>{}</identifier>\
         <datestamp>{datestamp}</datestamp><metadataNamespace>{}</metadataNamespace>{nested}\
         </originDescription></provenance>",
        escaped(base),
        escaped(&stored.identifier),
        escaped(&format.namespace),
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl fmt::Debug for CatalogueRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogueRepository")
            .field("catalogue", &self.catalogue)
            .field("shelves", &self.shelves)
            .finish_non_exhaustive()
    }
}
