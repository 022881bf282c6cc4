//! One model for what the formats say of a work.

mod dublin_core;
mod kinds;
mod parts;

use serde::Serialize;

pub use self::kinds::{AgentKind, DateKind, DescriptionKind, TitleKind};
pub use self::parts::{
    Affiliation, Agent, Date, Description, File, Funding, Host, Identifier, Place, Relation, Term,
    Thesis, Title,
};
use super::Text;
use crate::parser::{Fields, Keys};

/// What a record says of a work, whatever its format.
///
/// It has what the formats have in common, in the order of the record and in the record's own words:
/// nothing is normalised that could be got wrong. What it has no place for is in the payload, which
/// is kept beside it. As JSON, parts that are missing are left out.
///
/// ```
/// use harvest_pipeline::parsers::{Bibliographic, DublinCoreRecord};
///
/// let xml = r#"<dc xmlns="http://purl.org/dc/elements/1.1/"><title>Babička</title>
///     <identifier>https://doi.org/10.5555/1</identifier></dc>"#;
/// let read = DublinCoreRecord::read(xml)?.expect("its root element is called dc");
/// let work = Bibliographic::from(read.record);
/// assert_eq!(work.title(), Some("Babička"));
/// assert_eq!(work.identifier("DOI"), Some("https://doi.org/10.5555/1"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Bibliographic {
    /// Identifiers of the work and of the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// Titles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub titles: Vec<Title>,
    /// Who made it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub creators: Vec<Agent>,
    /// Who else had a part in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contributors: Vec<Agent>,
    /// Who published it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publishers: Vec<Text>,
    /// Dates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<Date>,
    /// Languages of the work, as the record has them: `cs`, `cze` or in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// What sort of thing it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<Term>,
    /// What it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Term>,
    /// The places it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// What is said about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub descriptions: Vec<Description>,
    /// What one may do with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<Term>,
    /// Who may see it, such as `open access`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Term>,
    /// Its version or edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Term>,
    /// Formats, such as media types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// How big it is, such as a number of pages, in the words of the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extents: Vec<Text>,
    /// Other works.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Relation>,
    /// What it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// What it was written for, if it is a thesis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thesis: Option<Thesis>,
    /// Who paid for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub funding: Vec<Funding>,
    /// Its files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
}

impl Bibliographic {
    /// The first main title, or else the first title.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        let main = self.titles.iter().find(|title| title.kind == TitleKind::Main);
        main.or(self.titles.first()).map(|title| &*title.text.value)
    }

    /// The first identifier in this scheme, in upper or lower case.
    #[must_use]
    pub fn identifier(&self, scheme: &str) -> Option<&str> {
        let is_in = |id: &&Identifier| {
            id.scheme.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(scheme))
        };
        self.identifiers.iter().find(is_in).map(|id| &*id.value)
    }

    /// The values of the wanted keys for filters. There are those named as in Dublin Core: `title`,
    /// `creator`, `subject`, `description`, `publisher`, `contributor`, `date`, `type`, `format`,
    /// `identifier`, `language`, `relation`, `rights`; and `access`.
    #[must_use]
    pub fn fields(&self, wanted: &Keys) -> Fields {
        let mut fields = Fields::new();
        self.add_fields(wanted, &mut fields);
        fields
    }

    pub(crate) fn add_fields(&self, wanted: &Keys, fields: &mut Fields) {
        let mut add = |key: &str, values: &mut dyn Iterator<Item = &str>| {
            if wanted.has(key) {
                values.for_each(|value| fields.add(key, value));
            }
        };
        add("title", &mut self.titles.iter().map(|title| &*title.text.value));
        add("creator", &mut names(&self.creators));
        add("contributor", &mut names(&self.contributors));
        add("subject", &mut terms(&self.subjects));
        add("description", &mut self.descriptions.iter().map(|said| &*said.text.value));
        add("publisher", &mut self.publishers.iter().map(|name| &*name.value));
        add("date", &mut self.dates.iter().map(|date| &*date.value));
        add("type", &mut terms(&self.types));
        add("format", &mut self.formats.iter().map(|format| &**format));
        add("identifier", &mut self.identifiers.iter().map(|id| &*id.value));
        add("language", &mut self.languages.iter().map(|language| &**language));
        let related = self.relations.iter().flat_map(|other| &other.identifiers);
        add("relation", &mut related.map(|id| &*id.value));
        add("rights", &mut terms(&self.rights));
        add("access", &mut terms(self.access.as_slice()));
    }

    /// The host, made where there is none yet.
    pub(crate) fn host_mut(&mut self) -> &mut Host {
        self.host.get_or_insert_default()
    }

    /// Adds a date, unless it is one of the first ones.
    pub(crate) fn add_date(&mut self, date: Date) {
        if !self.dates.iter().take(FIRST).any(|known| *known == date) {
            self.dates.push(date);
        }
    }

    /// Adds a language, unless it is one of the first ones.
    pub(crate) fn add_language(&mut self, code: &str) {
        if !self.languages.iter().take(FIRST).any(|known| known == code) {
            self.languages.push(code.to_owned());
        }
    }
}

/// How many values are looked at for one that is there: a record may have a million.
const FIRST: usize = 100;

fn names(agents: &[Agent]) -> impl Iterator<Item = &str> {
    agents.iter().flat_map(|agent| &agent.names).map(|name| &*name.value)
}

fn terms(terms: &[Term]) -> impl Iterator<Item = &str> {
    terms.iter().map(|term| &*term.text.value)
}

/// Whether it can be the name or URI of a vocabulary, which is copied to many words.
pub(crate) fn is_short(name: &str) -> bool {
    name.len() <= 500
}
