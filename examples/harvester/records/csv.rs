//! Records as CSV (RFC 4180), the Dublin Core elements in columns of their own.

use harvest_pipeline::StoredRecord;
use serde_json::Value;

const COLUMNS: [&str; 6] = ["source", "identifier", "datestamp", "deleted", "sets", "format"];
/// The elements of Dublin Core, for the columns behind those.
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
/// Between several values in one cell.
const SEPARATOR: &str = " | ";

pub(super) fn head(out: &mut Vec<u8>) {
    let elements = ELEMENTS.iter().map(|element| format!("dc:{element}"));
    let names = COLUMNS.iter().map(|name| (*name).to_owned()).chain(elements);
    row(out, names.chain(["metadata".to_owned()]));
}

pub(super) fn record(out: &mut Vec<u8>, record: &StoredRecord) {
    let fields: Value =
        record.fields.as_deref().and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let columns = [
        record.source.as_str().to_owned(),
        record.identifier.clone(),
        text(&record.datestamp),
        record.deleted.to_string(),
        record.sets.join(SEPARATOR),
        text(&record.format),
    ];
    let elements = ELEMENTS.iter().map(|element| values(&fields[element]).join(SEPARATOR));
    row(out, columns.into_iter().chain(elements).chain([text(&record.metadata)]));
}

/// The values of a field: a text, an object that has it as `value`, or a list of these.
fn values(field: &Value) -> Vec<&str> {
    match field {
        Value::String(text) => vec![text],
        Value::Object(object) => object.get("value").map(values).unwrap_or_default(),
        Value::Array(list) => list.iter().flat_map(values).collect(),
        _ => Vec::new(),
    }
}

fn row(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    for (n, cell) in cells.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
            out.push(b'"');
            out.extend(cell.replace('"', "\"\"").bytes());
            out.push(b'"');
        } else {
            out.extend(cell.bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let mut out = Vec::new();
        row(&mut out, ["a", "", "b,c", "say \"d\"", "e\nf"].map(str::to_owned).into_iter());
        assert_eq!(out, b"a,,\"b,c\",\"say \"\"d\"\"\",\"e\nf\"\r\n");
    }

    #[test]
    fn values_are_found_in_all_their_forms() {
        for (field, expected) in [
            (json!("a"), vec!["a"]),
            (json!(["a", {"value": "b", "lang": "cs"}]), vec!["a", "b"]),
            (json!(null), vec![]),
        ] {
            assert_eq!(values(&field), expected);
        }
    }
}
