//! Sinks that need no database.

mod file_name;
mod json_lines;
mod xml_files;

pub use json_lines::{JsonLines, Line};
pub use xml_files::XmlFiles;
