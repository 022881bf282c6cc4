//! Parsers by metadata format.

mod oai_dc;
mod raw;

pub use oai_dc::{DublinCore, DublinCoreRecord, Extra, Text};
pub use raw::{Raw, RawRecord};
