//! Parsers by metadata format.

mod raw;

pub use raw::{Raw, RawRecord};
