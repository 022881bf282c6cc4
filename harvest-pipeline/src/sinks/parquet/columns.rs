//! Rows turned into columns, until they are enough for a row group.

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::{ColumnPath, TypePtr};

use crate::sinks::Row;

/// The columns in the order in which [`Columns::write_to`] writes them.
const SCHEMA: &str = "
    message record {
        required binary identifier (STRING);
        optional binary datestamp (STRING);
        required group sets (LIST) {
            repeated group list { required binary element (STRING); }
        }
        required boolean deleted;
        optional binary format (STRING);
        optional binary metadata (STRING);
        optional binary record (JSON);
        required binary source (STRING);
        optional int64 harvested (TIMESTAMP(MICROS,true));
    }";

pub(super) fn schema() -> Result<TypePtr> {
    Ok(Arc::new(parse_message_type(SCHEMA)?))
}

pub(super) fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("harvest-pipeline ", env!("CARGO_PKG_VERSION")).to_owned());
    // Long, and hardly ever the same twice: neither a dictionary nor the least of them is of use.
    // Looked at after every few, pages do not grow far beyond their limit.
    for long in ["metadata", "record"] {
        let column = ColumnPath::from(long);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    properties.set_write_batch_size(64).build()
}

/// The rows of one row group.
#[derive(Debug, Default)]
pub(super) struct Columns {
    rows: usize,
    bytes: usize,
    identifier: Vec<ByteArray>,
    datestamp: Optional<ByteArray>,
    sets: Lists,
    deleted: Vec<bool>,
    format: Optional<ByteArray>,
    metadata: Optional<ByteArray>,
    record: Optional<ByteArray>,
    source: Vec<ByteArray>,
    harvested: Optional<i64>,
}

/// Values that may be missing: those that are there, and for each row whether it is.
#[derive(Debug)]
struct Optional<T> {
    values: Vec<T>,
    is_there: Vec<i16>,
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self { values: Vec::new(), is_there: Vec::new() }
    }
}

impl<T> Optional<T> {
    fn push(&mut self, value: Option<T>) {
        self.is_there.push(value.is_some().into());
        self.values.extend(value);
    }
}

/// Lists of values, as Parquet flattens them: for each value whether there is one (an empty list
/// has none, in its place), and whether it goes on with the list before it.
#[derive(Debug, Default)]
struct Lists {
    values: Vec<ByteArray>,
    is_there: Vec<i16>,
    goes_on: Vec<i16>,
}

impl Lists {
    fn push(&mut self, list: &[String]) {
        if list.is_empty() {
            self.is_there.push(0);
            self.goes_on.push(0);
        }
        for (number, value) in list.iter().enumerate() {
            self.values.push(bytes(value));
            self.is_there.push(1);
            self.goes_on.push((number > 0).into());
        }
    }
}

fn bytes(text: &str) -> ByteArray {
    ByteArray::from(text)
}

impl Columns {
    pub(super) fn push(&mut self, row: &Row<'_>) {
        self.rows += 1;
        let texts = [row.metadata, row.record.as_deref(), row.datestamp, row.format];
        self.bytes += texts.iter().flatten().map(|text| text.len()).sum::<usize>()
            + row.sets.iter().map(String::len).sum::<usize>()
            + row.identifier.len()
            + row.source.len();
        self.identifier.push(bytes(row.identifier));
        self.datestamp.push(row.datestamp.map(bytes));
        self.sets.push(row.sets);
        self.deleted.push(row.deleted);
        self.format.push(row.format.map(bytes));
        self.metadata.push(row.metadata.map(bytes));
        self.record.push(row.record.as_deref().map(bytes));
        self.source.push(bytes(row.source));
        self.harvested.push(row.harvested.map(|time| time.timestamp_micros()));
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes the texts take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes the rows as one row group.
    pub(super) fn write_to<W: Write + Send>(
        &self,
        file: &mut SerializedFileWriter<W>,
    ) -> Result<()> {
        let mut group = file.next_row_group()?;
        column::<ByteArrayType, _>(&mut group, &self.identifier, None, None)?;
        optional::<ByteArrayType, _>(&mut group, &self.datestamp)?;
        let Lists { values, is_there, goes_on } = &self.sets;
        column::<ByteArrayType, _>(&mut group, values, Some(is_there), Some(goes_on))?;
        column::<BoolType, _>(&mut group, &self.deleted, None, None)?;
        optional::<ByteArrayType, _>(&mut group, &self.format)?;
        optional::<ByteArrayType, _>(&mut group, &self.metadata)?;
        optional::<ByteArrayType, _>(&mut group, &self.record)?;
        column::<ByteArrayType, _>(&mut group, &self.source, None, None)?;
        optional::<Int64Type, _>(&mut group, &self.harvested)?;
        group.close()?;
        Ok(())
    }
}

fn optional<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    Optional { values, is_there }: &Optional<T::T>,
) -> Result<()> {
    column::<T, W>(group, values, Some(is_there), None)
}

fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    definition: Option<&[i16]>,
    repetition: Option<&[i16]>,
) -> Result<()> {
    let column = group.next_column()?;
    let mut column =
        column.ok_or_else(|| ParquetError::General("more columns than the schema has".into()))?;
    column.typed::<T>().write_batch(values, definition, repetition)?;
    column.close()
}
