use super::{Agent, Bibliographic, Date, Description, Identifier, Place, Relation, Term, Title};
use crate::parsers::{DublinCoreRecord, Text};

impl From<DublinCoreRecord> for Bibliographic {
    /// Element by element: Dublin Core says neither which date it is nor in what scheme an
    /// identifier is, so only the form of an identifier can tell.
    fn from(dc: DublinCoreRecord) -> Self {
        let related = |kind: Option<&str>, text: Text| Relation {
            kind: kind.map(str::to_owned),
            identifiers: vec![Identifier::guessed(text.value)],
            titles: Vec::new(),
        };
        let sources = dc.source.into_iter().map(|text| related(Some("source"), text));
        let relations = dc.relation.into_iter().map(|text| related(None, text));
        Self {
            identifiers: map(dc.identifier, |text| Identifier::guessed(text.value)),
            titles: map(dc.title, Title::new),
            creators: map(dc.creator, Agent::new),
            contributors: map(dc.contributor, Agent::new),
            publishers: dc.publisher,
            dates: map(dc.date, |text| Date { value: text.value, kind: None }),
            languages: map(dc.language, |text| text.value),
            types: map(dc.r#type, Term::new),
            subjects: map(dc.subject, Term::new),
            places: map(dc.coverage, |text| Place { names: vec![text], ..Place::default() }),
            descriptions: map(dc.description, |text| Description { text, kind: None }),
            rights: map(dc.rights, Term::new),
            formats: map(dc.format, |text| text.value),
            relations: relations.chain(sources).collect(),
            ..Self::default()
        }
    }
}

fn map<T>(values: Vec<Text>, make: impl FnMut(Text) -> T) -> Vec<T> {
    values.into_iter().map(make).collect()
}
