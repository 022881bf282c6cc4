//! A harvest list as a table of texts, whether they make sense or not.

use harvest_pipeline::harvest_list::{self, Document, Reader};

use crate::accounts::ListDefaults;

/// So many rows there are at most, as in Metacat's editor.
pub(super) const MOST_ROWS: usize = 1200;
/// So many empty rows stand at the end of a table.
const SPARE: usize = 5;

/// The columns that can be written into, by the names of their fields.
pub(super) const COLUMNS: [&str; 5] = ["scope", "identifier", "revision", "type", "url"];

/// A row, column by column.
pub(super) type Row = [String; 5];

/// The table, the row that is selected, and what was cut or copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) rows: Vec<Row>,
    pub(super) selected: usize,
    pub(super) clipboard: Row,
}

/// Why a table is no harvest list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// A field of this row, counted from 1, is empty or no number.
    Row { row: usize, column: &'static str, is_empty: bool },
    /// No row is filled.
    Empty,
}

impl Sheet {
    /// What a form has sent: `row.3.scope`, `clip.url`, `selected`.
    pub(super) fn of(fields: &[(String, String)]) -> Self {
        let mut sheet = Self::default();
        let place = |name: &str| COLUMNS.iter().position(|column| *column == name);
        for (name, value) in fields {
            let value = value.trim();
            if name == "selected" {
                sheet.selected = value.parse().unwrap_or_default();
            } else if let Some(column) = name.strip_prefix("clip.").and_then(place) {
                value.clone_into(&mut sheet.clipboard[column]);
            } else if let Some((row, column)) =
                name.strip_prefix("row.").and_then(|rest| rest.split_once('.'))
                && let Some((row, column)) = row.parse::<usize>().ok().zip(place(column))
                && row < MOST_ROWS
            {
                if sheet.rows.len() <= row {
                    sheet.rows.resize(row + 1, Row::default());
                }
                value.clone_into(&mut sheet.rows[row][column]);
            }
        }
        sheet.padded()
    }

    /// The documents of a list, each in a row.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader::new(text).map_err(|error| error.to_string())?;
        let mut sheet = Self::default();
        while let Some(document) = reader.next_document().map_err(|error| error.to_string())? {
            if sheet.rows.len() == MOST_ROWS {
                return Err(format!("more than {MOST_ROWS} documents"));
            }
            sheet.rows.push([
                document.scope,
                document.identifier.to_string(),
                document.revision.to_string(),
                document.document_type,
                document.url,
            ]);
        }
        Ok(sheet.padded())
    }

    /// Some rows to write into at the end.
    pub(super) fn padded(mut self) -> Self {
        let spare = self.rows.iter().rev().take_while(|row| is_empty(row)).count();
        let more = SPARE.saturating_sub(spare);
        let length = (self.rows.len() + more).min(MOST_ROWS);
        self.rows.resize(length, Row::default());
        self.selected = self.selected.min(self.rows.len() - 1);
        self
    }

    /// Takes the selected row onto the clipboard.
    pub(super) fn copy(&mut self) {
        if let Some(row) = self.rows.get(self.selected) {
            self.clipboard.clone_from(row);
        }
    }

    /// The same, and empties it.
    pub(super) fn cut(&mut self) {
        self.copy();
        self.put(Row::default());
    }

    /// Fills the selected row from the clipboard.
    pub(super) fn paste(&mut self) {
        self.put(self.clipboard.clone());
    }

    /// Fills the selected row with the defaults.
    pub(super) fn paste_defaults(&mut self, defaults: &ListDefaults) {
        let ListDefaults { scope, identifier, revision, document_type, document_url, .. } =
            defaults;
        let row = [scope, identifier, revision, document_type, document_url];
        self.put(row.map(Clone::clone));
    }

    fn put(&mut self, row: Row) {
        if let Some(selected) = self.rows.get_mut(self.selected) {
            *selected = row;
        }
    }

    /// The documents; rows that are wholly empty are left out.
    ///
    /// # Errors
    /// The first row that is filled in part, or has a number that is none.
    pub(super) fn documents(&self) -> Result<Vec<Document>, Invalid> {
        let filled = self.rows.iter().enumerate().filter(|(_, row)| !is_empty(row));
        let documents: Vec<_> =
            filled.map(|(at, row)| document(at + 1, row)).collect::<Result<_, _>>()?;
        if documents.is_empty() { Err(Invalid::Empty) } else { Ok(documents) }
    }

    /// The list as XML.
    ///
    /// # Errors
    /// As [`documents`](Self::documents).
    pub(super) fn write(&self) -> Result<String, Invalid> {
        Ok(harvest_list::write(&self.documents()?))
    }
}

fn is_empty(row: &Row) -> bool {
    row.iter().all(String::is_empty)
}

fn document(number: usize, row: &Row) -> Result<Document, Invalid> {
    let invalid = |column: usize| Invalid::Row {
        row: number,
        column: COLUMNS[column],
        is_empty: row[column].is_empty(),
    };
    if let Some(empty) = row.iter().position(String::is_empty) {
        return Err(invalid(empty));
    }
    let [scope, identifier, revision, document_type, url] = row;
    Ok(Document {
        scope: scope.clone(),
        identifier: identifier.parse().map_err(|_| invalid(1))?,
        revision: revision.parse().map_err(|_| invalid(2))?,
        document_type: document_type.clone(),
        url: url.clone(),
    })
}

/// The defaults in a file `.harvestListEditor`, in place of those that it names. The table of
/// Metacat's guide spells one of them otherwise than its example.
pub(super) fn defaults_of(file: &str, mut defaults: ListDefaults) -> ListDefaults {
    for line in file.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        let place = match name.trim() {
            "defaultHarvestList" => &mut defaults.list,
            "defaultScope" => &mut defaults.scope,
            "defaultIdentifier" | "defaultIdentifer" => &mut defaults.identifier,
            "defaultRevision" => &mut defaults.revision,
            "defaultDocumentType" => &mut defaults.document_type,
            "defaultDocumentURL" => &mut defaults.document_url,
            _ => continue,
        };
        value.trim().clone_into(place);
    }
    defaults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(texts: [&str; 5]) -> Row {
        texts.map(str::to_owned)
    }

    #[test]
    fn a_22_what_is_written_is_read_again_without_empty_rows() {
        let mut sheet = Sheet::default().padded();
        sheet.rows[0] =
            row(["demo", "1", "5", "eml://ecoinformatics.org/eml-2.0.0", "http://x/a?b&c"]);
        sheet.rows[3] = row(["demo", "2", "1", "eml://ecoinformatics.org/eml-2.0.0", "http://x/2"]);
        let written = sheet.write().unwrap();
        assert_eq!(written.matches("<document>").count(), 2);
        let read = Sheet::read(&written).unwrap();
        assert_eq!(read.rows[..2], [sheet.rows[0].clone(), sheet.rows[3].clone()]);
        assert_eq!(read.write().unwrap(), written);
    }

    #[test]
    fn a_22_a_row_that_is_filled_in_part_is_an_error() {
        let mut sheet = Sheet::default().padded();
        assert_eq!(sheet.documents(), Err(Invalid::Empty));
        for (column, text, is_empty) in [("url", "", true), ("identifier", "x", false)] {
            let mut broken = row(["demo", "1", "5", "eml", "http://x/"]);
            let at = COLUMNS.iter().position(|it| *it == column).unwrap();
            text.clone_into(&mut broken[at]);
            sheet.rows[1] = broken;
            assert_eq!(sheet.documents(), Err(Invalid::Row { row: 2, column, is_empty }));
        }
    }

    #[test]
    fn a_22_one_row_is_cut_copied_and_pasted() {
        let mut sheet = Sheet::default().padded();
        sheet.selected = 1;
        sheet.paste_defaults(&ListDefaults::default());
        let defaults = row(["dataset", "1", "1", "eml://ecoinformatics.org/eml-2.0.0", "http://"]);
        assert_eq!(sheet.rows[1], defaults);
        sheet.cut();
        assert_eq!((&sheet.rows[1], &sheet.clipboard), (&Row::default(), &defaults));
        sheet.selected = 0;
        sheet.paste();
        sheet.copy();
        assert_eq!(sheet.rows[0], defaults);
    }

    #[test]
    fn m_075_both_spellings_are_understood() {
        for name in ["defaultIdentifier", "defaultIdentifer"] {
            let read = defaults_of(&format!("{name} = 7\nother=1"), ListDefaults::default());
            assert_eq!((read.identifier.as_str(), read.scope.as_str()), ("7", "dataset"));
        }
    }

    #[test]
    fn a_form_that_makes_no_sense_takes_no_memory() {
        let field = |name: &str| (name.to_owned(), "1".to_owned());
        let names = ["row.99999999.scope", "row.x.scope", "row.1.nothing", "row.2.scope", "row."];
        let sheet = Sheet::of(&names.map(field));
        assert!(sheet.rows.len() <= 3 + SPARE);
        assert_eq!(sheet.rows[2][0], "1");
    }
}
