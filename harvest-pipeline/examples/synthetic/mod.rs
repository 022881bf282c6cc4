//! Records to measure with, from memory.

#![allow(dead_code, reason = "each program uses some of it")]

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use harvest_pipeline::filters::{Expression, FilterError, FilterSet, FilterSets, Match};
use harvest_pipeline::{Batch, Checkpoint, Item, Payload, RunError, Source, SourceId};

/// How many records come in a batch.
pub(crate) const BATCH: usize = 1000;

macro_rules! report {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

pub(crate) use report;

/// A record in oai_dc whose text differs from record to row as real ones do.
pub(crate) fn record(number: usize) -> String {
    let mut seed = number as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut word = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        WORDS[(seed % WORDS.len() as u64) as usize]
    };
    let mut sentence = |words: usize| {
        let words: Vec<_> = (0..words).map(|_| word()).collect();
        words.join(" ")
    };
    format!(
        "<oai_dc:dc xmlns:oai_dc=\"http://www.openarchives.org/OAI/2.0/oai_dc/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"http://www.openarchives.org/OAI/2.0/oai_dc/ \
         http://www.openarchives.org/OAI/2.0/oai_dc.xsd\">\
         <dc:title>{}</dc:title><dc:creator>{}</dc:creator><dc:creator>{}</dc:creator>\
         <dc:subject>{}</dc:subject><dc:subject>{}</dc:subject>\
         <dc:description>{}</dc:description><dc:date>20{:02}-0{}-1{}</dc:date>\
         <dc:type>Article</dc:type><dc:format>application/pdf</dc:format>\
         <dc:identifier>https://repository.example.org/items/{number}</dc:identifier>\
         <dc:language>en</dc:language><dc:rights>{}</dc:rights></oai_dc:dc>",
        sentence(9),
        sentence(2),
        sentence(2),
        sentence(2),
        sentence(3),
        sentence(150),
        number % 25,
        number % 9 + 1,
        number % 10,
        sentence(6),
    )
}

const WORDS: [&str; 64] = [
    "archive",
    "measurement",
    "of",
    "the",
    "temperature",
    "and",
    "ocean",
    "in",
    "a",
    "model",
    "library",
    "northern",
    "history",
    "analysis",
    "quantum",
    "field",
    "with",
    "data",
    "survey",
    "language",
    "structure",
    "on",
    "river",
    "city",
    "protein",
    "method",
    "study",
    "for",
    "climate",
    "records",
    "water",
    "species",
    "digital",
    "network",
    "theory",
    "electron",
    "early",
    "medieval",
    "manuscript",
    "signal",
    "towards",
    "from",
    "observation",
    "growth",
    "variation",
    "by",
    "numerical",
    "regional",
    "education",
    "policy",
    "materials",
    "surface",
    "high",
    "low",
    "energy",
    "catalogue",
    "an",
    "approach",
    "social",
    "between",
    "soil",
    "forest",
    "linear",
    "response",
];

/// A filter set that all of them pass.
pub(crate) fn five_filters() -> Result<FilterSets, FilterError> {
    let expressions = [
        "type equals Article",
        "language starts-with e",
        "title not equals nothing",
        "identifier contains repository",
        "description not contains unheard",
    ];
    let expressions = expressions.map(str::parse::<Expression>);
    let expressions = expressions.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(FilterSets::new([FilterSet::new("articles", Match::All, expressions)?]))
}

/// So many of them, as a source.
#[derive(Debug)]
pub(crate) struct Synthetic(pub(crate) usize);

impl Source for Synthetic {
    fn id(&self) -> SourceId {
        "synthetic".into()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        stream::iter((0..self.0.div_ceil(BATCH)).map(|number| batch(number, self.0))).boxed()
    }
}

/// Batch `number` of so many records.
fn batch(number: usize, records: usize) -> Result<Batch, RunError> {
    let numbers = number * BATCH..((number + 1) * BATCH).min(records);
    let items = numbers.map(|number| {
        let payload = Payload::new("oai_dc", record(number));
        Ok(Item::put(format!("oai:repository.example.org:{number:07}"), payload)
            .with_datestamp("2024-01-31T12:00:00Z")
            .with_sets(["com_1721.1_7622", "col_1721.1_7627"]))
    });
    let checkpoint = Checkpoint::new(1, &number)?;
    Ok(Batch::new(number as u64, checkpoint).with_items(items.collect()))
}

/// The same, made beforehand.
#[derive(Debug)]
pub(crate) struct Prepared(pub(crate) Vec<Batch>);

impl Prepared {
    pub(crate) fn new(records: usize) -> Result<Self, RunError> {
        let batches = (0..records.div_ceil(BATCH)).map(|number| batch(number, records));
        batches.collect::<Result<_, _>>().map(Self)
    }
}

/// As a source.
#[derive(Debug)]
pub(crate) struct InMemory(pub(crate) Arc<Prepared>);

impl Source for InMemory {
    fn id(&self) -> SourceId {
        "synthetic".into()
    }

    fn batches(&self, _: Option<Checkpoint>) -> BoxStream<'_, Result<Batch, RunError>> {
        stream::iter(self.0.0.iter().cloned().map(Ok)).boxed()
    }
}
