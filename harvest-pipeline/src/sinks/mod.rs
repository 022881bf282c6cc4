//! Sinks that need no database.

mod csv;
mod file_name;
mod formatted;
#[cfg(feature = "http-post")]
mod http_post;
mod json_lines;
mod line;
#[cfg(feature = "object-store")]
mod objects;
#[cfg(feature = "parquet")]
mod parquet;
mod row;
mod tee;
mod xml_files;

pub(crate) use file_name::batch_name;

pub use csv::{Column, Csv, CsvTable};
#[cfg(feature = "http-post")]
pub use http_post::HttpPost;
pub use json_lines::JsonLines;
pub use line::{AsReceived, Line, LineForm, WithRecord};
#[cfg(feature = "object-store")]
pub use objects::Objects;
#[cfg(feature = "parquet")]
pub use parquet::{Parquet, ParquetFile};
pub use row::Row;
pub use tee::Tee;
pub use xml_files::XmlFiles;
