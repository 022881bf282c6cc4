//! A record of a catalogue as it is published.

use ::oai_pmh::xml::{Cursor, Mode, RawXml};
use ::oai_pmh::{Datestamp, Header, MetadataFormat, Record};

use crate::catalogue::StoredRecord;

const PROVENANCE: &str = "http://www.openarchives.org/OAI/2.0/provenance";

/// The record of a catalogue as it is published, in this format.
pub(super) fn published(stored: &StoredRecord, format: &MetadataFormat) -> Record {
    let datestamp = Datestamp::second(stored.changed);
    let header = Header::new(&stored.identifier, datestamp).sets(&stored.sets);
    let Some(metadata) = stored.metadata.as_deref().filter(|_| !stored.deleted) else {
        return Record::deleted(header);
    };
    let mut record = Record::deleted(header);
    record.header.is_deleted = false;
    record.metadata = element(metadata);
    let (origins, abouts): (Vec<_>, Vec<_>) =
        stored.abouts.iter().filter_map(|about| element(about)).partition(is_provenance);
    record.abouts = abouts;
    match provenance(stored, format, origins.first()) {
        Some(told) => record.abouts.extend(element(&told)),
        // Better what the source said than nothing.
        None => record.abouts.extend(origins),
    }
    record
}

/// A format, as a record in it shows it.
pub(super) fn format_shown(prefix: &str, xml: &str) -> Option<MetadataFormat> {
    let mut cursor = Cursor::new(xml);
    let root = cursor.next_child().ok()??;
    let namespace = root.namespace().unwrap_or_default().to_owned();
    let locations = cursor.attribute(&root, "schemaLocation").ok().flatten().unwrap_or_default();
    let mut words = locations.split_whitespace();
    let schema = words.find(|word| *word == namespace).and_then(|_| words.next());
    let schema = schema.unwrap_or(&namespace).to_owned();
    Some(MetadataFormat::new(prefix, schema, namespace))
}

/// What was stored was readable when it was harvested, and repaired where it had to be.
fn element(xml: &str) -> Option<RawXml> {
    RawXml::document(xml).ok().or_else(|| {
        let mut cursor = Cursor::new(xml).mode(Mode::Tolerant);
        let root = cursor.next_child().ok()??;
        cursor.raw(&root).ok()
    })
}

fn is_provenance(about: &RawXml) -> bool {
    let xml = about.standalone();
    let root = Cursor::new(&xml).next_child();
    matches!(root, Ok(Some(root)) if root.namespace() == Some(PROVENANCE))
}

/// Where the record was harvested from, with what was said there inside (the implementation
/// guidelines' `provenance`); `None` where that is not known.
fn provenance(
    stored: &StoredRecord,
    format: &MetadataFormat,
    origin: Option<&RawXml>,
) -> Option<String> {
    let request = stored.request_url.as_deref()?;
    let base = request[..request.find("verb=")?].trim_end_matches(['?', '&']);
    let datestamp = Datestamp::read(stored.datestamp.as_deref()?)?;
    let harvested = stored.response_date.as_deref().unwrap_or(&stored.harvested);
    let harvested = Datestamp::second(Datestamp::read(harvested)?.time());
    let mut nested = String::new();
    if let Some(origin) = origin {
        let xml = origin.standalone();
        let mut cursor = Cursor::new(&xml);
        cursor.next_child().ok()??;
        if let Some(description) = cursor.next_child().ok()? {
            nested = cursor.raw(&description).ok()?.standalone().into_owned();
        }
    }
    Some(format!(
        "<provenance xmlns=\"{PROVENANCE}\"><originDescription harvestDate=\"{harvested}\" \
         altered=\"false\"><baseURL>{}</baseURL><identifier>{}</identifier>\
         <datestamp>{datestamp}</datestamp><metadataNamespace>{}</metadataNamespace>{nested}\
         </originDescription></provenance>",
        escaped(base),
        escaped(&stored.identifier),
        escaped(&format.namespace),
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
