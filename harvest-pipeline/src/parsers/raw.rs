use serde::{Serialize, Serializer};

use crate::batch::{Item, Payload};
use crate::error::RecordError;
use crate::parser::{Parsed, Parser};

/// The parser that does not parse: the metadata goes to the sink as it came. Takes any format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // there is nothing to set
pub struct Raw;

/// What [`Raw`] makes of a record: nothing beyond the payload, which the sink has anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawRecord {
    /// The metadata.
    pub payload: Payload,
}

impl Serialize for RawRecord {
    /// As nothing: no fields were read.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl Parser for Raw {
    type Record = RawRecord;

    fn format(&self) -> &str {
        "*"
    }

    fn parse(&self, _: &Item, payload: &Payload) -> Result<Parsed<RawRecord>, RecordError> {
        Ok(Parsed::new(RawRecord { payload: payload.clone() }))
    }
}
