//! What a [`Bibliographic`](super::Bibliographic) record is made of.

use serde::Serialize;

use super::kinds::{AgentKind, DateKind, DescriptionKind, TitleKind};
use crate::parsers::Text;

/// A title, and what it is to the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Title {
    /// The title.
    pub text: Text,
    /// What it is; left out in JSON where it is the main title.
    #[serde(skip_serializing_if = "is_main")]
    pub kind: TitleKind,
}

/// A person, a body or a meeting with a part in the work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Agent {
    /// The name, once for each language or script it is given in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Text>,
    /// The family name, in the same way, where the record has it apart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub family: Vec<Text>,
    /// The given name, in the same way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<Text>,
    /// Other names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Text>,
    /// Who it is, where the record says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<AgentKind>,
    /// What it did, in the words or codes of the format, such as `Editor` or `ill`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Identifiers such as an ORCID iD.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// Where it belonged when the work was made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub affiliations: Vec<Affiliation>,
}

/// The body that an [`Agent`] belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Affiliation {
    /// Its name, once for each language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Text>,
    /// Identifiers such as a ROR.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
}

/// An identifier, and the scheme it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Identifier {
    /// The scheme as the record calls it, such as `DOI`, `ISBN` or `ORCID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The identifier as it is written.
    pub value: String,
}

/// A date, and what happened on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Date {
    /// The date as it is written, if possible a year or an ISO 8601 date.
    pub value: String,
    /// What happened; `None` where the format does not say, as Dublin Core does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<DateKind>,
}

/// A word of a vocabulary: a subject, a type, a licence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Term {
    /// The word.
    pub text: Text,
    /// The vocabulary, such as `NDC` or `czenas`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// What the word stands for, as a URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// Something said about the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// The text.
    pub text: Text,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<DescriptionKind>,
}

/// Another work that has to do with this one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Relation {
    /// How, in the words of the format, such as `isVersionOf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its identifiers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// Its title, once for each language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub titles: Vec<Text>,
}

/// The journal or book that the work is a part of, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Host {
    /// Its title, once for each language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub titles: Vec<Text>,
    /// Its identifiers, such as an ISSN.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// The volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// The issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<String>,
    /// The first page, which need not be a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_page: Option<String>,
    /// The last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_page: Option<String>,
    /// The place in it in words, where the record has it in words only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

/// A file of the work, or an address where it can be had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct File {
    /// Its address.
    pub url: String,
    /// What it is, such as `fulltext`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What to call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// How big it is, in the words of the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<String>,
    /// Dates of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<Date>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a thesis was written for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Thesis {
    /// The number of the dissertation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The degree, once for each language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub degrees: Vec<Text>,
    /// The day on which it was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<String>,
    /// Who granted it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grantors: Vec<Agent>,
}

/// Who paid, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Funding {
    /// Who paid.
    pub funder: Agent,
    /// The number of the award.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub award_number: Option<String>,
    /// The title of the award, once for each language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub award_titles: Vec<Text>,
}

/// A place that the work is about; degrees as in WGS 84.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// What it is called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Text>,
    /// Longitude and latitude.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<[f64; 2]>,
    /// West, south, east and north ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 4]>,
}

fn is_main(kind: &TitleKind) -> bool {
    *kind == TitleKind::Main
}

impl Title {
    /// A main title.
    #[must_use]
    pub fn new(text: Text) -> Self {
        Self { text, kind: TitleKind::Main }
    }

    /// Says what it is.
    #[must_use]
    pub fn of_kind(mut self, kind: TitleKind) -> Self {
        self.kind = kind;
        self
    }
}

impl Agent {
    /// Somebody of this name.
    #[must_use]
    pub fn new(name: Text) -> Self {
        Self { names: vec![name], ..Self::default() }
    }
}

impl Identifier {
    /// An identifier in this scheme.
    #[must_use]
    pub fn new(scheme: impl Into<String>, value: impl Into<String>) -> Self {
        Self { scheme: Some(scheme.into()), value: value.into() }
    }

    /// An identifier in a scheme that the record does not name; that of a DOI, Handle, ARK or URN
    /// is seen from its form.
    #[must_use]
    pub fn guessed(value: impl Into<String>) -> Self {
        let value = value.into();
        let lower: String = value.chars().take(40).map(|c| c.to_ascii_lowercase()).collect();
        let bare = lower.trim_start_matches("https://").trim_start_matches("http://");
        let scheme = [
            ("doi.org/10.", "DOI"),
            ("dx.doi.org/10.", "DOI"),
            ("doi:", "DOI"),
            ("hdl.handle.net/", "HDL"),
            ("hdl:", "HDL"),
            ("ark:/", "ARK"),
            ("urn:isbn:", "ISBN"),
            ("urn:issn:", "ISSN"),
            ("urn:", "URN"),
        ]
        .into_iter()
        .find_map(|(start, scheme)| bare.starts_with(start).then_some(scheme))
        .or_else(|| (bare.len() < lower.len()).then_some("URI"));
        Self { scheme: scheme.map(str::to_owned), value }
    }
}

impl Term {
    /// A word of no vocabulary.
    #[must_use]
    pub fn new(text: Text) -> Self {
        Self { text, scheme: None, uri: None }
    }

    /// Names the vocabulary.
    #[must_use]
    pub fn in_scheme(mut self, scheme: impl Into<String>) -> Self {
        self.scheme = Some(scheme.into());
        self
    }
}

impl Date {
    /// A date on which this happened.
    #[must_use]
    pub fn new(kind: DateKind, value: impl Into<String>) -> Self {
        Self { value: value.into(), kind: Some(kind) }
    }
}

impl Description {
    /// A description of this kind.
    #[must_use]
    pub fn new(kind: DescriptionKind, text: Text) -> Self {
        Self { text, kind: Some(kind) }
    }
}
