//! Parsers by metadata format.

mod marc;
mod oai_dc;
mod raw;

pub use marc::{
    FieldProcessor, IntoIssues, Marc, MarcBuilder, MarcField, MarcRecord, TagTakenTwice,
};
pub use oai_dc::{DublinCore, DublinCoreRecord, Extra, Text};
pub use raw::{Raw, RawRecord};
