//! What filters ask of parsers, and that no record is read twice for it.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use harvest_pipeline::filters::{FilterSet, FilterSets, Match, Newer};
use harvest_pipeline::parsers::{Bibliographic, ByFormat};
use harvest_pipeline::{
    Candidate, Entry, Item, Keys, Parsed, ParsedBatch, Parser, Payload, Pipeline, Preview,
    RecordError, Run, RunError, Sink, Written, sources,
};

/// What was asked: `fields` with its keys, `parse`.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

/// Titles, made of what [`ByFormat`] makes of a record.
struct Titles(ByFormat, Asked);

impl Titles {
    fn note(&self, what: String) {
        self.1.0.lock().unwrap().push(what);
    }
}

fn title(read: Parsed<Bibliographic>) -> Parsed<String> {
    let mut parsed = Parsed::new(read.record.title().unwrap_or_default().to_owned());
    parsed.issues = read.issues;
    parsed
}

impl Parser for Titles {
    type Record = String;

    fn format(&self) -> &str {
        "*"
    }

    fn fields(
        &self,
        item: &Item,
        payload: &Payload,
        wanted: &Keys,
    ) -> Result<Preview<String>, RecordError> {
        let keys = wanted.some().map_or("all".to_owned(), |keys| keys.join(" "));
        self.note(format!("fields {keys}"));
        Ok(self.0.fields(item, payload, wanted)?.map(title))
    }

    fn parse(&self, item: &Item, payload: &Payload) -> Result<Parsed<String>, RecordError> {
        self.note("parse".to_owned());
        Ok(title(self.0.parse(item, payload)?))
    }
}

const XML: &str = r#"<dc xmlns="http://www.openarchives.org/OAI/2.0/oai_dc/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Babička</dc:title>
    <dc:type>Text</dc:type></dc>"#;

fn set(name: &str, expressions: [&str; 2]) -> FilterSets {
    let expressions = expressions.map(|expression| expression.parse().unwrap());
    FilterSets::new([FilterSet::new(name, Match::All, expressions).unwrap()])
}

/// Keeps the records.
#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

#[async_trait]
impl Sink<String> for Kept {
    async fn write(&self, _: &Run, batch: ParsedBatch<String>) -> Result<Written, RunError> {
        let outcomes = batch.entries.iter().map(Entry::plain_outcome).collect();
        let records = batch.entries.into_iter().filter_map(|entry| match entry {
            Entry::Put { record, .. } => Some(record),
            _ => None,
        });
        self.0.lock().unwrap().extend(records);
        Ok(Written::new(outcomes))
    }
}

/// Runs one record through the filters; what the parser was asked, and what was kept.
async fn run(with: impl FnOnce(Pipeline) -> Pipeline) -> (Vec<String>, Vec<String>) {
    let (asked, kept) = (Asked::default(), Kept::default());
    let source = sources::items("s", [Item::put("1", Payload::new("oai_dc", XML))]);
    let pipeline = with(Pipeline::new(source)).parse(Titles(ByFormat::new(), asked.clone()));
    pipeline.run(&kept).await.unwrap();
    let asked = asked.0.lock().unwrap().clone();
    (asked, kept.0.into_inner().unwrap())
}

#[tokio::test]
async fn a_record_that_comes_with_the_fields_is_not_parsed_again() {
    let about_title = || set("books", ["title equals babička", "type equals text"]);
    let (asked, kept) = run(|it| it.filter(about_title())).await;
    assert_eq!(asked, ["fields title type"]);
    assert_eq!(kept, ["Babička"]);

    // What the header says, the parser is not asked.
    let about_header = || set("all", ["@identifier equals 1", "@format equals oai_dc"]);
    let (asked, kept) = run(|it| it.filter(about_header())).await;
    assert_eq!(asked, ["parse"]);
    assert_eq!(kept, ["Babička"]);
}

#[tokio::test]
async fn the_parser_is_asked_for_the_keys_that_the_filters_name() {
    let sets = || set("a", ["title exists", "@set not exists"]);
    let others = || set("b", ["date not exists", "title exists"]);
    let (asked, kept) = run(|it| it.filter(Newer).filter(sets()).filter(others())).await;
    assert_eq!(asked, ["fields date title"]);
    assert_eq!(kept, ["Babička"]);

    // A closure may ask for anything.
    let closure = |it: &Candidate<'_>| Ok(!it.fields()?.get("type").is_empty());
    let (asked, kept) = run(|it| it.filter(sets()).filter(closure)).await;
    assert_eq!(asked, ["fields all"]);
    assert_eq!(kept, ["Babička"]);
}
