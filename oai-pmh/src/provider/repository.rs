use std::cmp::Ordering;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Datestamp, DeletedRecord, Header, Identify, MetadataFormat, Record, Selection, Set};

/// What a [`Provider`](super::Provider) answers from: anything that can list records in order.
///
/// Of the methods without a body, one describes the repository, two look something up, and one
/// lists: [`page`](Self::page), the only one that takes thought. Over a table with the columns
/// `datestamp` and `identifier` it is one query:
///
/// ```sql
/// SELECT … FROM records
/// WHERE (datestamp, identifier) > (:after_datestamp, :after_identifier)
///   AND datestamp BETWEEN :from AND :until
/// ORDER BY datestamp, identifier LIMIT :limit
/// ```
///
/// **Datestamps** are those of the repository, not of what is described: whenever a record is
/// created, changed or deleted (also when it moves to another set, or an old one is loaded late),
/// its datestamp must become the present time. Harvesters never see a change that is dated back.
#[async_trait]
pub trait Repository: Send + Sync {
    /// What the repository says of itself. Asked for once. Its earliest datestamp and compressions
    /// are looked after by the provider.
    fn identify(&self) -> Identify;

    /// The formats in which records can be had.
    ///
    /// # Errors
    /// When it cannot be said now.
    async fn formats(&self) -> Result<Vec<MetadataFormat>, Failure>;

    /// One record; `None` where there is no such item, or not in this format.
    ///
    /// # Errors
    /// When it cannot be said now.
    async fn record(&self, identifier: &str, format: &str) -> Result<Option<Record>, Failure>;

    /// The first `limit` of the records selected that come after `after`, in the order of their
    /// [`Key`]s: fewer only if there are no more.
    ///
    /// The ends of the time span are told in the repository's granularity. A record is in a set
    /// also when it is in one below it: [`is_selected`](super::is_selected) knows.
    ///
    /// # Errors
    /// When they cannot be had now.
    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Record>, Failure>;

    /// Whether a record is behind another in lists: by default, if its [`Key`] is greater. Repositories
    /// that list one part after the other say otherwise, and tell the parts by the identifiers.
    fn is_behind(&self, key: &Key, last: &Key) -> bool {
        key > last
    }

    /// The headers of the same records; for repositories that have them cheaper.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    async fn headers(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Header>, Failure> {
        let records = self.page(selection, after, limit).await?;
        Ok(records.into_iter().map(|record| record.header).collect())
    }

    /// The sets; those above them need not be named. Without any, the repository has no set
    /// hierarchy, and this is the default.
    ///
    /// # Errors
    /// When it cannot be said now.
    async fn sets(&self) -> Result<Vec<Set>, Failure> {
        Ok(Vec::new())
    }

    /// How many records are selected, if that is cheap to know; asked for once a list. Unknown by
    /// default.
    ///
    /// # Errors
    /// When it cannot be said now.
    async fn count(&self, selection: &Selection) -> Result<Option<u64>, Failure> {
        let _ = selection;
        Ok(None)
    }

    /// The formats of one item; `None` where there is no such item. By default, the record is
    /// looked up in each format.
    ///
    /// # Errors
    /// When it cannot be said now.
    async fn formats_of(&self, identifier: &str) -> Result<Option<Vec<MetadataFormat>>, Failure> {
        let hides_deleted = self.identify().deleted_record == DeletedRecord::No;
        let mut formats = Vec::new();
        for format in self.formats().await? {
            let record = self.record(identifier, &format.prefix).await?;
            if record.is_some_and(|record| !(hides_deleted && record.header.is_deleted)) {
                formats.push(format);
            }
        }
        Ok((!formats.is_empty()).then_some(formats))
    }

    /// No record was, is, or will be older than this one; `None` where there are no records. By
    /// default, the datestamp of the first record is looked up.
    ///
    /// # Errors
    /// When it cannot be said now.
    async fn earliest_datestamp(&self) -> Result<Option<Datestamp>, Failure> {
        let mut earliest: Option<Datestamp> = None;
        for format in self.formats().await? {
            let first = self.headers(&Selection::prefix(format.prefix), None, 1).await?;
            let stamp = first.into_iter().next().and_then(|header| header.datestamp);
            earliest = match (earliest, stamp) {
                (Some(known), Some(stamp)) if known.time() <= stamp.time() => Some(known),
                (known, stamp) => stamp.or(known),
            };
        }
        Ok(earliest)
    }
}

#[async_trait]
impl<R: Repository + ?Sized> Repository for Arc<R> {
    fn identify(&self) -> Identify {
        (**self).identify()
    }

    async fn formats(&self) -> Result<Vec<MetadataFormat>, Failure> {
        (**self).formats().await
    }

    async fn record(&self, identifier: &str, format: &str) -> Result<Option<Record>, Failure> {
        (**self).record(identifier, format).await
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Record>, Failure> {
        (**self).page(selection, after, limit).await
    }

    fn is_behind(&self, key: &Key, last: &Key) -> bool {
        (**self).is_behind(key, last)
    }

    async fn headers(
        &self,
        selection: &Selection,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Header>, Failure> {
        (**self).headers(selection, after, limit).await
    }

    async fn sets(&self) -> Result<Vec<Set>, Failure> {
        (**self).sets().await
    }

    async fn count(&self, selection: &Selection) -> Result<Option<u64>, Failure> {
        (**self).count(selection).await
    }

    async fn formats_of(&self, identifier: &str) -> Result<Option<Vec<MetadataFormat>>, Failure> {
        (**self).formats_of(identifier).await
    }

    async fn earliest_datestamp(&self) -> Result<Option<Datestamp>, Failure> {
        (**self).earliest_datestamp().await
    }
}

/// The place of a record in a list: lists are ordered by datestamp, and by identifier where
/// datestamps are the same, unless [`Repository::is_behind`] says otherwise.
///
/// Whatever happens between two pages, a record that was not changed keeps its place, and is
/// therefore neither left out nor listed twice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // an order by two columns
pub struct Key {
    /// When the record was created, changed or deleted.
    pub datestamp: Datestamp,
    /// The item.
    pub identifier: String,
}

impl Key {
    /// The place of the record with this header; `None` where it has no datestamp.
    #[must_use]
    pub fn of(header: &Header) -> Option<Self> {
        let datestamp = header.datestamp.clone()?;
        Some(Self { datestamp, identifier: header.identifier.clone() })
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let times = self.datestamp.time().cmp(&other.datestamp.time());
        times.then_with(|| self.identifier.cmp(&other.identifier))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether the record with this header is selected by set and time span; its format is not looked
/// at.
///
/// ```
/// use oai_pmh::provider::is_selected;
/// use oai_pmh::{Datestamp, Header, Selection};
///
/// let stamp: Datestamp = "2024-01-31".parse()?;
/// let header = Header::new("oai:x.org:1", stamp).sets(["a:b"]);
/// assert!(is_selected(&header, &Selection::prefix("oai_dc").set("a")));
/// assert!(!is_selected(&header, &Selection::prefix("oai_dc").set("a:b:c")));
/// # Ok::<_, oai_pmh::DatestampError>(())
/// ```
#[must_use]
pub fn is_selected(header: &Header, selection: &Selection) -> bool {
    selection.set_spec().is_none_or(|set| header.sets.iter().any(|it| is_in_set(it, set)))
        && header.datestamp.as_ref().is_some_and(|stamp| selection.time_span().contains(stamp))
}

/// Whether the set `spec` is `set`, or below it in the hierarchy (§2.6).
pub(super) fn is_in_set(spec: &str, set: &str) -> bool {
    spec.strip_prefix(set).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// Why a repository cannot answer now. Any error becomes one with `?`; so does a text.
///
/// Harvesters are told to come back later (503), or that the server has failed (500); the cause is
/// for the log, not for them.
pub struct Failure {
    cause: Box<dyn StdError + Send + Sync>,
    retry_after: Option<Duration>,
}

impl Failure {
    /// It will be able to, in a while: harvesters are asked to come back then.
    #[must_use]
    pub fn busy(cause: impl Into<Self>, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..cause.into() }
    }

    /// Why.
    #[must_use]
    pub fn cause(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.cause
    }

    /// When it is worth to ask again, where that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

// As in other types that all errors turn into, `Error` is not implemented: it would be one of them.
impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { cause: error.into(), retry_after: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("cause", &self.cause)
            .field("retry_after", &self.retry_after)
            .finish()
    }
}
