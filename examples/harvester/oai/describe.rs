//! What a repository says of itself, as text for people or as JSON.

use std::fmt::Write;

use oai_pmh::{Container, Datestamp, Description, Granularity, Identify, MetadataFormat, Set};
use serde_json::{Value, json};

pub(super) fn identify(identify: &Identify) -> String {
    let granularity = match identify.granularity {
        Granularity::Day => "day: --from and --until are rounded to whole days",
        Granularity::Second => "second",
    };
    let earliest = identify.earliest_datestamp.as_ref().map(Datestamp::to_string);
    let mut rows = vec![
        ("Repository", identify.repository_name.clone()),
        ("Base URL", identify.base_url.clone()),
        ("Protocol version", identify.protocol_version.clone()),
        ("Administrators", identify.admin_emails.join(", ")),
        ("Earliest record", earliest.unwrap_or_else(|| "not said".to_owned())),
        ("Granularity", granularity.to_owned()),
        ("Deleted records", deleted(identify).to_owned()),
    ];
    if !identify.compressions.is_empty() {
        rows.push(("Compression", identify.compressions.join(", ")));
    }
    for description in &identify.descriptions {
        rows.push(described(description));
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:width$}  {}", printable(&value));
    }
    text
}

fn deleted(identify: &Identify) -> &'static str {
    use oai_pmh::DeletedRecord::{No, Persistent, Transient};
    match identify.deleted_record {
        No => "no: they vanish without a word, only a full harvest would show it",
        Transient => "transient: reported for a while",
        Persistent => "persistent: reported for ever",
    }
}

fn described(description: &Description) -> (&'static str, String) {
    match &description.container {
        Container::OaiIdentifier(it) => ("Identifiers", format!("like {}", it.sample_identifier)),
        Container::Friends(urls) => ("Friends", urls.join(" ")),
        Container::Branding(it) => {
            ("Branding", it.title.clone().or(it.link.clone()).unwrap_or_default())
        }
        Container::Rights(it) => ("Rights", it.references.join(" ")),
        _ => ("Description", format!("<{}> (see --json)", root_name(description.raw.as_str()))),
    }
}

fn root_name(xml: &str) -> &str {
    let name = xml.trim_start_matches('<');
    &name[..name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(name.len())]
}

pub(super) fn identify_json(identify: &Identify) -> String {
    line(&json!({
        "repositoryName": identify.repository_name,
        "baseURL": identify.base_url,
        "protocolVersion": identify.protocol_version,
        "adminEmail": identify.admin_emails,
        "earliestDatestamp": identify.earliest_datestamp.as_ref().map(Datestamp::to_string),
        "deletedRecord": identify.deleted_record.name(),
        "granularity": identify.granularity.to_string(),
        "compression": identify.compressions,
        "description": descriptions(&identify.descriptions),
    }))
}

pub(super) fn formats(formats: &[MetadataFormat]) -> String {
    let rows = formats.iter().map(|format| [&*format.prefix, &*format.namespace, &*format.schema]);
    table(rows.collect())
}

pub(super) fn formats_json(formats: &[MetadataFormat]) -> String {
    formats.iter().map(|format| line(&json!(format))).collect()
}

pub(super) fn sets(sets: &[Set]) -> String {
    table(sets.iter().map(|set| [&*set.spec, &*set.name, ""]).collect())
}

pub(super) fn sets_json(sets: &[Set]) -> String {
    let lines = sets.iter().map(|set| {
        line(&json!({
            "setSpec": set.spec,
            "setName": set.name,
            "setDescription": descriptions(&set.descriptions),
        }))
    });
    lines.collect()
}

fn descriptions(descriptions: &[Description]) -> Vec<String> {
    descriptions.iter().map(|description| description.raw.standalone().into_owned()).collect()
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// Three columns, the first two as wide as they need, but for outliers.
fn table(rows: Vec<[&str; 3]>) -> String {
    const WIDEST: usize = 60;
    let rows: Vec<[String; 3]> = rows.into_iter().map(|row| row.map(printable)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.filter(|width| *width <= WIDEST).max().unwrap_or_default()
    };
    let (first, second) = (width(0), width(1));
    let mut text = String::new();
    for [a, b, c] in &rows {
        let row = format!("{a:first$}  {b:second$}  {c}");
        text.extend([row.trim_end(), "\n"]);
    }
    text
}

/// The text without what would move a terminal's cursor.
fn printable(text: &str) -> String {
    text.split(char::is_control)
        .filter(|part| !part.trim().is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_harmless() {
        let text = table(vec![["a", "x\u{1b}[2J", "1"], ["bbb", "žluť", "2"]]);
        assert_eq!(text, "a    x [2J  1\nbbb  žluť   2\n");
    }

    #[test]
    fn an_elements_name_is_found() {
        for xml in ["<a:b x='1'/>", "<a:b/>", "<a:b>"] {
            assert_eq!(root_name(xml), "a:b");
        }
    }
}
