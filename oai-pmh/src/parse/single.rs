//! Answers that are not lists.

use std::sync::Arc;

use resync_core::xml::{Cursor, Element, IssueKind, Issues, ParseError, ParseErrorKind, decode};

use super::Parser;
use super::envelope::{Envelope, Names, enter_root};
use super::item::{Read, unknown};
use crate::{
    Datestamp, DeletedRecord, Description, Error, Granularity, Identify, MetadataFormat, Record,
    Reply, Result,
};

type ReadBody<T> = fn(&mut Cursor<'_>, &mut Names, &Element<'_>) -> Result<T, ParseError>;

/// Reads an answer whose body is the element `verb`.
pub(super) fn read<T>(
    parser: Parser,
    body: Vec<u8>,
    charset: Option<&str>,
    verb: &str,
    read_body: ReadBody<T>,
) -> Result<Reply<T>> {
    let mut issues = Issues::default();
    let text = Arc::new(decode(body, charset, parser.mode, &mut issues)?);
    let mut cursor = Cursor::over(&text).mode(parser.mode).limits(parser.limits);
    let mut names = Names::new(parser.mode);
    let mut envelope = Envelope::default();
    let mut found = None;

    enter_root(&mut cursor, &mut names)?;
    while let Some(child) = cursor.next_child()? {
        if envelope.read(&mut cursor, &mut names, &child)? {
            // Read.
        } else if names.is(&mut cursor, &child, verb)? {
            found = Some(read_body(&mut cursor, &mut names, &child)?);
        } else {
            unknown(&mut cursor, &child)?;
        }
    }
    cursor.finish()?;
    issues.append(cursor.take_issues());
    match found {
        Some(body) => Ok(Reply { body, response_date: envelope.response_date, issues }),
        None if !envelope.errors.is_empty() => Err(Error::oai(envelope.errors)),
        None => Err(Error::not_oai(format!("the answer holds no {verb}"))),
    }
}

pub(super) fn record(
    cursor: &mut Cursor<'_>,
    names: &mut Names,
    _: &Element<'_>,
) -> Result<Record, ParseError> {
    let mut found = None;
    while let Some(child) = cursor.next_child()? {
        if found.is_none() && names.is(cursor, &child, "record")? {
            found = Some(Record::read(cursor, names, &child)?);
        } else {
            unknown(cursor, &child)?;
        }
    }
    found.ok_or_else(|| cursor.error(ParseErrorKind::Structure, "a GetRecord without a <record>"))
}

pub(super) fn metadata_formats(
    cursor: &mut Cursor<'_>,
    names: &mut Names,
    _: &Element<'_>,
) -> Result<Vec<MetadataFormat>, ParseError> {
    let mut formats = Vec::new();
    while let Some(child) = cursor.next_child()? {
        if !names.is(cursor, &child, "metadataFormat")? {
            unknown(cursor, &child)?;
            continue;
        }
        let [mut prefix, mut schema, mut namespace] = [const { String::new() }; 3];
        while let Some(part) = cursor.next_child()? {
            let value = cursor.trimmed()?.into_owned();
            match part.local() {
                "metadataPrefix" => prefix = value,
                "schema" => schema = value,
                "metadataNamespace" => namespace = value,
                other => {
                    let detail = format!("<{other}> does not belong here");
                    cursor.note(IssueKind::UnknownElement, detail)?;
                }
            }
        }
        if prefix.is_empty() {
            cursor.note(IssueKind::MissingElement, "a format without a metadataPrefix")?;
        } else {
            formats.push(MetadataFormat { prefix, schema, namespace });
        }
    }
    Ok(formats)
}

pub(super) fn identify(
    cursor: &mut Cursor<'_>,
    names: &mut Names,
    _: &Element<'_>,
) -> Result<Identify, ParseError> {
    let [mut repository_name, mut base_url, mut protocol_version] = [const { String::new() }; 3];
    let mut admin_emails = Vec::new();
    let mut earliest_datestamp = None;
    let mut deleted_record = None;
    let mut granularity = None;
    let mut compressions = Vec::new();
    let mut descriptions = Vec::new();
    while let Some(child) = cursor.next_child()? {
        if names.is(cursor, &child, "description")? {
            descriptions.extend(cursor.raw_content(&child)?.map(Description::new));
            continue;
        }
        if !names.is(cursor, &child, child.local())? {
            unknown(cursor, &child)?;
            continue;
        }
        let value = cursor.trimmed()?.into_owned();
        match child.local() {
            "repositoryName" => repository_name = value,
            "baseURL" => base_url = value,
            "protocolVersion" => protocol_version = value,
            "adminEmail" => admin_emails.push(value),
            // Cannot be reported as other dates are: servers write all manner of things here.
            "earliestDatestamp" => earliest_datestamp = Datestamp::read(&value),
            "deletedRecord" => deleted_record = read_deleted_record(cursor, &value)?,
            "granularity" => granularity = read_granularity(cursor, &value)?,
            "compression" => compressions.push(value),
            other => {
                let detail = format!("<{other}> does not belong here");
                cursor.note(IssueKind::UnknownElement, detail)?;
            }
        }
    }
    for (value, name) in [(&repository_name, "repositoryName"), (&base_url, "baseURL")] {
        if value.is_empty() {
            cursor.note(IssueKind::MissingElement, format!("no {name}"))?;
        }
    }
    if earliest_datestamp.is_none() {
        cursor.note(IssueKind::MissingElement, "no earliestDatestamp that is a date")?;
    }
    if protocol_version != "2.0" {
        let detail = format!("the protocol version is {protocol_version:?}, not 2.0");
        cursor.note(IssueKind::IllegalValue, detail)?;
    }
    let deleted_record = match deleted_record {
        Some(deleted_record) => deleted_record,
        None => {
            cursor.note(IssueKind::MissingElement, "no deletedRecord: taken to be \"no\"")?;
            DeletedRecord::No
        }
    };
    let granularity = match granularity {
        Some(granularity) => granularity,
        None => {
            // Every repository must understand days (§2.7.1).
            let guess =
                earliest_datestamp.as_ref().map_or(Granularity::Day, Datestamp::granularity);
            cursor
                .note(IssueKind::MissingElement, format!("no granularity: taken to be {guess}"))?;
            guess
        }
    };
    Ok(Identify {
        repository_name,
        base_url,
        protocol_version,
        admin_emails,
        earliest_datestamp,
        deleted_record,
        granularity,
        compressions,
        descriptions,
    })
}

fn read_deleted_record(
    cursor: &mut Cursor<'_>,
    value: &str,
) -> Result<Option<DeletedRecord>, ParseError> {
    let read = match value.to_ascii_lowercase().as_str() {
        "no" => Some(DeletedRecord::No),
        "transient" => Some(DeletedRecord::Transient),
        "persistent" => Some(DeletedRecord::Persistent),
        _ => None,
    };
    if read.is_none_or(|read| read.name() != value) {
        cursor.note(IssueKind::IllegalValue, format!("{value:?} is no value of deletedRecord"))?;
    }
    Ok(read)
}

fn read_granularity(
    cursor: &mut Cursor<'_>,
    value: &str,
) -> Result<Option<Granularity>, ParseError> {
    let read = match value.to_ascii_uppercase().as_str() {
        "YYYY-MM-DD" => Some(Granularity::Day),
        "YYYY-MM-DDTHH:MM:SSZ" => Some(Granularity::Second),
        _ => None,
    };
    if read.is_none_or(|read| read.to_string() != value) {
        cursor.note(IssueKind::IllegalValue, format!("{value:?} is no granularity"))?;
    }
    Ok(read)
}
