//! MARC 21 as MARCXML: records as they are, and processors that make them into one's own type.

mod processor;
mod read;
mod record;

pub use processor::{FieldProcessor, IntoIssues, Marc, MarcBuilder, TagTakenTwice};
pub use record::{MarcField, MarcRecord};
