//! Turning metadata into the application's own type.

use std::collections::BTreeMap;
use std::fmt;

use crate::batch::{Item, Payload};
use crate::error::RecordError;

/// Reads the metadata of one format.
///
/// A parser is a plain function of its input; it runs on threads that may block. If it panics, the
/// record counts as failed and the run goes on.
pub trait Parser: Send + Sync + 'static {
    /// What comes out.
    type Record: Send + Sync + 'static;

    /// The name of the metadata format it reads, such as `oai_dc`; `*` for any.
    fn format(&self) -> &str;

    /// The values that filters ask for, by key; there may be others among them. Only called if a
    /// filter does ask.
    ///
    /// It should cost less than [`parse`](Self::parse), or else bring the record as well, so that
    /// nothing is read twice.
    ///
    /// # Errors
    /// If the metadata cannot be read.
    fn fields(
        &self,
        item: &Item,
        payload: &Payload,
        wanted: &Keys,
    ) -> Result<Preview<Self::Record>, RecordError> {
        let _ = (item, payload, wanted);
        Ok(Fields::new().into())
    }

    /// The record, with what was wrong with it short of losing it.
    ///
    /// # Errors
    /// If the metadata cannot be read. The version stored before stays.
    fn parse(&self, item: &Item, payload: &Payload) -> Result<Parsed<Self::Record>, RecordError>;
}

/// Values by key, in the order they stand in the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, Vec<String>>);

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        if let Some(values) = self.0.get_mut(key) {
            values.push(value.into());
        } else {
            self.0.insert(key.to_owned(), vec![value.into()]);
        }
    }

    /// The values of a key; none if the record does not have it.
    #[must_use]
    pub fn get(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// All keys with their values, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }
}

/// Keys of [`Fields`]: all there are, or some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys(Option<Vec<Box<str>>>);

impl Keys {
    /// All keys that a parser knows.
    #[must_use]
    pub const fn all() -> Self {
        Self(None)
    }

    /// No keys.
    #[must_use]
    pub const fn none() -> Self {
        Self(Some(Vec::new()))
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.some().is_none_or(|keys| keys.iter().any(|known| **known == *key))
    }

    /// The keys, each once; `None` if it is all keys.
    #[must_use]
    pub fn some(&self) -> Option<&[Box<str>]> {
        self.0.as_deref()
    }

    /// These and others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        let (Some(some), Some(others)) = (self.0, others.0) else { return Self::all() };
        some.into_iter().chain(others).collect()
    }
}

impl<K: Into<Box<str>>> FromIterator<K> for Keys {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut keys: Vec<Box<str>> = keys.into_iter().map(Into::into).collect();
        keys.sort();
        keys.dedup();
        Self(Some(keys))
    }
}

/// What a parser has for the filters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preview<R> {
    /// The values.
    pub fields: Fields,
    /// The record, if all of it had to be read for them; [`Parser::parse`] is then not called.
    pub parsed: Option<Parsed<R>>,
}

impl<R> Preview<R> {
    /// Values, and the record that they are from.
    #[must_use]
    pub fn new(fields: Fields, parsed: Parsed<R>) -> Self {
        Self { fields, parsed: Some(parsed) }
    }

    /// The same with the record made into another: for a parser that builds upon another one.
    #[must_use]
    pub fn map<S>(self, make: impl FnOnce(Parsed<R>) -> Parsed<S>) -> Preview<S> {
        Preview { fields: self.fields, parsed: self.parsed.map(make) }
    }
}

impl<R> From<Fields> for Preview<R> {
    /// Values without the record.
    fn from(fields: Fields) -> Self {
        Self { fields, parsed: None }
    }
}

/// A record as the parser read it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parsed<R> {
    /// The record.
    pub record: R,
    /// What was wrong with it.
    pub issues: Vec<Issue>,
}

impl<R> Parsed<R> {
    /// A record with nothing wrong about it.
    #[must_use]
    pub fn new(record: R) -> Self {
        Self { record, issues: Vec::new() }
    }
}

/// Something wrong inside a record that did not cost the record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issue {
    /// What it cost.
    pub level: IssueLevel,
    /// Where in the record, such as `dc/date[2]`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Issue {
    /// An issue at this place in the record.
    #[must_use]
    pub fn new(level: IssueLevel, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level, path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.level.as_str(), self.path, self.message)
    }
}

/// What an [`Issue`] cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum IssueLevel {
    /// Nothing: the value was kept as it is.
    Warning,
    /// The field was left out.
    FieldError,
}

impl IssueLevel {
    /// The level in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::FieldError => "field error",
        }
    }
}
