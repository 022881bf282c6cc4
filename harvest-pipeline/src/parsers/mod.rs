//! Parsers by metadata format.

mod bibliographic;
mod formats;
mod marc;
mod oai_dc;
mod raw;

pub use bibliographic::{
    Affiliation, Agent, AgentKind, Bibliographic, Date, DateKind, Description, DescriptionKind,
    File, Funding, Host, Identifier, Place, Relation, Term, Thesis, Title, TitleKind,
};
pub use formats::{BibliographicFormat, ByFormat};
pub use marc::{
    FieldProcessor, IntoIssues, Marc, MarcBuilder, MarcField, MarcRecord, TagTakenTwice,
    marc_to_bibliographic,
};
pub use oai_dc::{DublinCore, DublinCoreRecord, Extra, Text};
pub use raw::{Raw, RawRecord};
