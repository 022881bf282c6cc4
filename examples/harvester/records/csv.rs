//! Records as CSV, the Dublin Core elements in columns of their own.

use harvest_pipeline::sinks::{Column, CsvTable};

/// The elements of Dublin Core, a column each.
const ELEMENTS: [&str; 15] = [
    "title",
    "creator",
    "subject",
    "description",
    "publisher",
    "contributor",
    "date",
    "type",
    "format",
    "identifier",
    "source",
    "language",
    "relation",
    "coverage",
    "rights",
];

/// The table that is written wherever records go as CSV.
pub(crate) fn table() -> CsvTable {
    let begin = [
        Column::source(),
        Column::identifier(),
        Column::datestamp(),
        Column::deleted(),
        Column::sets(),
        Column::format(),
    ];
    let elements = ELEMENTS.map(|name| Column::field(name).titled(format!("dc:{name}")));
    CsvTable::new(begin.into_iter().chain(elements).chain([Column::metadata()]))
}
