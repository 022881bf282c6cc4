use std::any::type_name;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

use super::record::{MarcField, MarcRecord};
use crate::batch::{Item, Payload};
use crate::error::{RecordError, Stage};
use crate::parser::{Fields, Issue, Keys, Parsed, Parser, Preview};

/// Brings the fields with some tags into a record of type `T`.
pub trait FieldProcessor<T>: Send + Sync + 'static {
    /// The tags of the fields it takes.
    fn tags(&self) -> &[&str];

    /// Brings one field into the record; what it could not use is an issue.
    fn process(&self, field: &MarcField<'_>, record: &mut T) -> Vec<Issue>;

    /// What it is called in errors.
    fn name(&self) -> &str {
        type_name::<Self>()
    }
}

/// What a closure given to [`MarcBuilder::on`] may return.
pub trait IntoIssues {
    /// The issues.
    fn into_issues(self) -> Vec<Issue>;
}

impl IntoIssues for () {
    fn into_issues(self) -> Vec<Issue> {
        Vec::new()
    }
}

impl IntoIssues for Option<Issue> {
    fn into_issues(self) -> Vec<Issue> {
        self.into_iter().collect()
    }
}

impl IntoIssues for Vec<Issue> {
    fn into_issues(self) -> Vec<Issue> {
        self
    }
}

/// Reads MARC 21 (MARCXML, and `oai_marc`) by processors, each of which takes some tags.
///
/// Fields that no processor takes are left to the payload. For filters, [`Fields`] has the values
/// of control fields by tag, `001`, those of subfields by tag and code, `100a`, and the leader as
/// `LDR`.
///
/// ```
/// use harvest_pipeline::parsers::{Marc, MarcField};
///
/// #[derive(Default)]
/// struct Project {
///     id: String,
///     name: String,
///     authors: Vec<String>,
/// }
///
/// let parser = Marc::builder()
///     .on(&["001"], |field: &MarcField<'_>, project: &mut Project| {
///         project.id = field.value().unwrap_or_default().to_owned();
///     })
///     .on(&["245"], |field: &MarcField<'_>, project: &mut Project| {
///         project.name = field.get('a').unwrap_or_default().trim_end_matches([' ', '/']).to_owned();
///     })
///     .on(&["100", "700"], |field: &MarcField<'_>, project: &mut Project| {
///         project.authors.extend(field.get('a').map(str::to_owned));
///     })
///     .build()?;
/// # let _: Marc<Project> = parser;
/// # Ok::<_, harvest_pipeline::parsers::TagTakenTwice>(())
/// ```
pub struct Marc<T> {
    processors: Vec<Box<dyn FieldProcessor<T>>>,
    by_tag: HashMap<Box<str>, Vec<usize>>,
}

/// Puts a [`Marc`] parser together.
#[must_use]
pub struct MarcBuilder<T> {
    processors: Vec<Box<dyn FieldProcessor<T>>>,
    shared: Vec<Box<str>>,
}

/// Two processors take the same tag, and it was not said that they share it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagTakenTwice {
    /// The tag.
    pub tag: String,
    /// What the two processors are called.
    pub processors: [String; 2],
}

impl fmt::Display for TagTakenTwice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &self.processors;
        let tag = &self.tag;
        write!(f, "{first} and {second} both take MARC fields {tag}; let one of them go, or ")?;
        write!(f, "declare the tag shared")
    }
}

impl Error for TagTakenTwice {}

impl<T: Default + Send + Sync + 'static> Marc<T> {
    /// A parser without processors.
    pub fn builder() -> MarcBuilder<T> {
        MarcBuilder { processors: Vec::new(), shared: Vec::new() }
    }

    fn read(item: &Item, payload: &Payload) -> Result<Parsed<MarcRecord>, RecordError> {
        let failed = |why| RecordError::new(item.identifier.clone(), Stage::Parse, why);
        match MarcRecord::read(&payload.body) {
            Ok(Some(parsed)) => Ok(parsed),
            Ok(None) => {
                let start: String = payload.body.trim_start().chars().take(60).collect();
                Err(failed(format!("the metadata is not MARC 21 in XML: {start:?}")))
            }
            Err(error) => Err(failed(format!("the metadata cannot be read: {error}"))),
        }
    }

    /// What the processors make of a record.
    fn process(&self, read: Parsed<MarcRecord>) -> Parsed<T> {
        let Parsed { record: marc, mut issues } = read;
        let mut record = T::default();
        for field in marc.fields() {
            for n in self.by_tag.get(field.tag()).into_iter().flatten() {
                issues.append(&mut self.processors[*n].process(&field, &mut record));
            }
        }
        Parsed { record, issues }
    }
}

/// The values of a record for filters.
fn fields_of(record: &MarcRecord, wanted: &Keys) -> Fields {
    let mut fields = Fields::new();
    if let Some(keys) = wanted.some() {
        for key in keys {
            match &**key {
                "LDR" => fields.add("LDR", record.leader()),
                key => record.values(key).for_each(|value| fields.add(key, value)),
            }
        }
        return fields;
    }
    fields.add("LDR", record.leader());
    let mut key = String::new();
    for field in record.fields() {
        if let Some(value) = field.value() {
            fields.add(field.tag(), value);
        }
        for (code, value) in field.subfields() {
            field.tag().clone_into(&mut key);
            key.push(code);
            fields.add(&key, value);
        }
    }
    fields
}

impl<T: Default + Send + Sync + 'static> MarcBuilder<T> {
    /// Adds a processor.
    pub fn processor(mut self, processor: impl FieldProcessor<T>) -> Self {
        self.processors.push(Box::new(processor));
        self
    }

    /// Adds a closure as the processor of these tags.
    pub fn on<F, I>(self, tags: &'static [&'static str], process: F) -> Self
    where
        F: Fn(&MarcField<'_>, &mut T) -> I + Send + Sync + 'static,
        I: IntoIssues + 'static,
    {
        self.processor(On { tags, process, makes: PhantomData })
    }

    /// Lets several processors take this tag; they are asked in the order they were added.
    pub fn share(mut self, tag: &str) -> Self {
        self.shared.push(tag.into());
        self
    }

    /// The parser.
    ///
    /// # Errors
    /// If two processors take the same tag, and it was not declared [shared](Self::share).
    pub fn build(self) -> Result<Marc<T>, TagTakenTwice> {
        self.taken_twice().map_or_else(|| Ok(self.put_together()), Err)
    }

    fn taken_twice(&self) -> Option<TagTakenTwice> {
        let mut takers = HashMap::new();
        for processor in &self.processors {
            for tag in processor.tags() {
                let first = takers.insert(*tag, processor.name());
                let is_shared = self.shared.iter().any(|shared| **shared == **tag);
                if let Some(first) = first.filter(|_| !is_shared) {
                    let processors = [first.to_owned(), processor.name().to_owned()];
                    return Some(TagTakenTwice { tag: (*tag).to_owned(), processors });
                }
            }
        }
        None
    }

    /// The parser, without a look at who takes what.
    pub(crate) fn put_together(self) -> Marc<T> {
        let mut by_tag: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        for (n, processor) in self.processors.iter().enumerate() {
            for tag in processor.tags() {
                by_tag.entry((*tag).into()).or_default().push(n);
            }
        }
        Marc { processors: self.processors, by_tag }
    }
}

impl<T: Default + Send + Sync + 'static> Parser for Marc<T> {
    type Record = T;

    fn format(&self) -> &str {
        "marc21"
    }

    fn fields(
        &self,
        item: &Item,
        payload: &Payload,
        wanted: &Keys,
    ) -> Result<Preview<T>, RecordError> {
        let read = Self::read(item, payload)?;
        Ok(Preview::new(fields_of(&read.record, wanted), self.process(read)))
    }

    fn parse(&self, item: &Item, payload: &Payload) -> Result<Parsed<T>, RecordError> {
        Ok(self.process(Self::read(item, payload)?))
    }
}

/// A closure as a processor.
struct On<F, I> {
    tags: &'static [&'static str],
    process: F,
    makes: PhantomData<fn() -> I>,
}

impl<T, F, I> FieldProcessor<T> for On<F, I>
where
    F: Fn(&MarcField<'_>, &mut T) -> I + Send + Sync + 'static,
    I: IntoIssues + 'static,
{
    fn tags(&self) -> &[&str] {
        self.tags
    }

    fn process(&self, field: &MarcField<'_>, record: &mut T) -> Vec<Issue> {
        (self.process)(field, record).into_issues()
    }

    fn name(&self) -> &str {
        type_name::<F>()
    }
}

impl<T: 'static> fmt::Debug for Marc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.processors.iter().map(|processor| processor.name()).collect();
        f.debug_struct("Marc").field("processors", &names).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for MarcBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarcBuilder")
            .field("processors", &self.processors.len())
            .finish_non_exhaustive()
    }
}
