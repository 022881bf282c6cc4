use chrono::SecondsFormat;
use serde_json::Value;

use crate::sinks::Row;

/// A column of a [`CsvTable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    heading: String,
    cell: Cell,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Source,
    Identifier,
    Datestamp,
    Deleted,
    Sets,
    Format,
    Harvested,
    Metadata,
    Field(String),
}

impl Column {
    /// The source's name.
    #[must_use]
    pub fn source() -> Self {
        Self::new("source", Cell::Source)
    }

    /// The record's identifier.
    #[must_use]
    pub fn identifier() -> Self {
        Self::new("identifier", Cell::Identifier)
    }

    /// When the source last changed the record, as the source wrote it.
    #[must_use]
    pub fn datestamp() -> Self {
        Self::new("datestamp", Cell::Datestamp)
    }

    /// `true` for a tombstone, else `false`.
    #[must_use]
    pub fn deleted() -> Self {
        Self::new("deleted", Cell::Deleted)
    }

    /// The sets the record belongs to.
    #[must_use]
    pub fn sets() -> Self {
        Self::new("sets", Cell::Sets)
    }

    /// The name of the metadata format.
    #[must_use]
    pub fn format() -> Self {
        Self::new("format", Cell::Format)
    }

    /// When the record arrived here, RFC 3339 in UTC.
    #[must_use]
    pub fn harvested() -> Self {
        Self::new("harvested", Cell::Harvested)
    }

    /// The metadata as standalone XML.
    #[must_use]
    pub fn metadata() -> Self {
        Self::new("metadata", Cell::Metadata)
    }

    /// All values of a field of the parsed record: `title`, or `creators.names` for the `names` in
    /// each of the `creators`. Of an object that is reached so, its `value` is taken.
    #[must_use]
    pub fn field(path: &str) -> Self {
        Self::new(path, Cell::Field(path.to_owned()))
    }

    /// The same under another heading.
    #[must_use]
    pub fn titled(mut self, heading: impl Into<String>) -> Self {
        self.heading = heading.into();
        self
    }

    fn new(heading: &str, cell: Cell) -> Self {
        Self { heading: heading.to_owned(), cell }
    }
}

/// Which columns there are, and how their cells are written (RFC 4180).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvTable {
    columns: Vec<Column>,
    separator: String,
    for_spreadsheets: bool,
}

impl CsvTable {
    /// A table of these columns.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        let columns = columns.into_iter().collect();
        Self { columns, separator: " | ".to_owned(), for_spreadsheets: false }
    }

    /// Sets what stands between several values in one cell. Left out: ` | `.
    #[must_use]
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// Makes the table safe to open in a spreadsheet: what such a program could take for a formula
    /// gets an apostrophe in front. The cell is then not what the record had. Left out: no.
    #[must_use]
    pub fn for_spreadsheets(mut self) -> Self {
        self.for_spreadsheets = true;
        self
    }

    /// Appends the header row.
    pub fn write_head(&self, out: &mut Vec<u8>) {
        self.write_cells(self.columns.iter().map(|column| column.heading.clone()), out);
    }

    /// Appends a row.
    ///
    /// # Errors
    /// If there are columns for fields, and the row's record is no JSON.
    pub fn write_row(&self, row: &Row<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let record: Value = match &row.record {
            Some(json) if self.has_fields() => serde_json::from_str(json)?,
            _ => Value::Null,
        };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let cells = self.columns.iter().map(|column| match &column.cell {
            Cell::Source => row.source.to_owned(),
            Cell::Identifier => row.identifier.to_owned(),
            Cell::Datestamp => text(row.datestamp),
            Cell::Deleted => row.deleted.to_string(),
            Cell::Sets => row.sets.join(&self.separator),
            Cell::Format => text(row.format),
            Cell::Harvested => row
                .harvested
                .map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
                .unwrap_or_default(),
            Cell::Metadata => text(row.metadata),
            Cell::Field(path) => field(&record, path).join(&self.separator),
        });
        self.write_cells(cells, out);
        Ok(())
    }

    pub(super) fn has_fields(&self) -> bool {
        self.columns.iter().any(|column| matches!(column.cell, Cell::Field(_)))
    }

    fn write_cells(&self, cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
        for (number, mut cell) in cells.enumerate() {
            if number > 0 {
                out.push(b',');
            }
            if self.for_spreadsheets && cell.starts_with(BEGINS_A_FORMULA) {
                cell.insert(0, '\'');
            }
            if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ')
            {
                out.push(b'"');
                out.extend(cell.replace('"', "\"\"").bytes());
                out.push(b'"');
            } else {
                out.extend(cell.bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Spreadsheets of some languages take the full-width forms as well.
const BEGINS_A_FORMULA: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The values that a path leads to, through all lists on the way.
fn field(record: &Value, path: &str) -> Vec<String> {
    let found = path.split('.').fold(vec![record], |found, name| {
        let flat = found.into_iter().flat_map(|value| match value {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        });
        flat.filter_map(|value| value.get(name)).collect()
    });
    found.into_iter().flat_map(values).collect()
}

fn values(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(yes) => vec![yes.to_string()],
        Value::Number(number) => vec![number.to_string()],
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(values).collect(),
        Value::Object(object) => object.get("value").map(values).unwrap_or_default(),
    }
}
