//! MARC 21 as MARCXML: records as they are, and processors that make them into one's own type.

mod agents;
mod bibliographic;
mod dates;
mod processor;
mod punctuation;
mod read;
mod record;

pub use bibliographic::marc_to_bibliographic;
pub use processor::{FieldProcessor, IntoIssues, Marc, MarcBuilder, TagTakenTwice};
pub use record::{MarcField, MarcRecord};
