//! What is listed, judged against itself and what the repository says. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use resync_core::xml::{Cursor, RawXml};
use url::Url;

use super::{Report, Rule};
use crate::description::Container;
use crate::{Datestamp, DeletedRecord, Header, Identify, MetadataFormat, Record, Set};

const OAI_DC: &str = "http://www.openarchives.org/OAI/2.0/oai_dc/";
const DC: &str = "http://purl.org/dc/elements/1.1/";
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

/// A list, as far as it was read.
pub(super) struct Whole {
    pub(super) items: BTreeMap<String, Header>,
    /// Whether it was read to its end.
    pub(super) is_complete: bool,
    /// Its first request.
    pub(super) url: Url,
    /// When the check began.
    began: Option<DateTime<Utc>>,
}

impl Whole {
    pub(super) fn of(
        headers: Vec<Header>,
        is_complete: bool,
        url: Url,
        began: Option<DateTime<Utc>>,
        report: &mut Report,
    ) -> Self {
        let mut items = BTreeMap::new();
        for header in headers {
            let identifier = header.identifier.clone();
            if items.insert(identifier.clone(), header).is_some() {
                report.add(Rule::RecordRepeated, &url, format!("{identifier} is there twice"));
            }
        }
        Self { items, is_complete, url, began }
    }

    /// Whether a record has been as it is since before the check: repositories change meanwhile,
    /// and what changed is in one list and not yet in another.
    pub(super) fn is_settled(&self, header: &Header) -> bool {
        match (&header.datestamp, self.began) {
            (Some(stamp), Some(began)) => stamp.last_second() < began,
            _ => true,
        }
    }

    /// The live record in the middle, by its datestamp.
    pub(super) fn middle(&self) -> Option<(&Header, &Datestamp)> {
        let mut live: Vec<_> = self
            .items
            .values()
            .filter(|header| !header.is_deleted)
            .filter_map(|header| Some((header, header.datestamp.as_ref()?)))
            .collect();
        live.sort_by_key(|(_, stamp)| stamp.time());
        live.get(live.len() / 2).copied()
    }
}

/// Whether a set is another or one below it.
pub(super) fn is_below(spec: &str, above: &str) -> bool {
    spec.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

pub(super) fn judge_scheme(identify: &Identify, url: &Url, report: &mut Report) {
    let schemes: Vec<_> = identify
        .descriptions
        .iter()
        .filter_map(|description| match &description.container {
            Container::OaiIdentifier(scheme) => Some(scheme),
            _ => None,
        })
        .collect();
    if schemes.len() > 1 {
        report.add(Rule::IdentifyScheme, url, "more than one oai-identifier");
    }
    for scheme in schemes {
        let name = &scheme.repository_identifier;
        let is_domain = name.contains('.')
            && name.split('.').all(|part| {
                part.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            });
        if !is_domain {
            report.add(Rule::IdentifyScheme, url, format!("{name:?} as repositoryIdentifier"));
        } else if !scheme.sample_identifier.starts_with(&format!("oai:{name}:")) {
            let detail = format!("{:?} as sampleIdentifier", scheme.sample_identifier);
            report.add(Rule::IdentifyScheme, url, detail);
        }
    }
}

pub(super) fn judge_formats(formats: &[MetadataFormat], url: &Url, report: &mut Report) {
    match formats.iter().find(|format| format.prefix == "oai_dc") {
        None => report.add(Rule::FormatsOaiDc, url, "oai_dc is not listed"),
        Some(format) if format.namespace != OAI_DC => {
            report.add(Rule::FormatsNamespace, url, format!("oai_dc has {:?}", format.namespace));
        }
        Some(_) => {}
    }
    let mut seen = BTreeSet::new();
    for format in formats {
        if !seen.insert(&format.prefix) {
            report.add(Rule::FormatsRepeated, url, format!("{} is there twice", format.prefix));
        }
    }
}

pub(super) fn judge_sets(sets: &[Set], url: &Url, report: &mut Report) {
    let mut listed = BTreeSet::new();
    for set in sets {
        if !listed.insert(set.spec.as_str()) {
            report.add(Rule::SetRepeated, url, format!("{} is there twice", set.spec));
        }
    }
    for spec in &listed {
        if let Some((above, _)) = spec.rsplit_once(':')
            && !listed.contains(above)
        {
            report.add(Rule::SetAncestor, url, format!("{spec} is listed, {above} is not"));
        }
    }
}

/// A record as it is listed.
pub(super) fn judge_record(
    record: &Record,
    format: &MetadataFormat,
    url: &Url,
    report: &mut Report,
) {
    let Header { identifier, is_deleted, .. } = &record.header;
    let Some(metadata) = &record.metadata else {
        if !is_deleted {
            report.add(Rule::MetadataMissing, url, format!("{identifier} has no metadata"));
        } else if !record.abouts.is_empty() {
            report.add(Rule::DeletedContent, url, format!("{identifier} has <about>"));
        }
        return;
    };
    if *is_deleted {
        report.add(Rule::DeletedContent, url, format!("{identifier} has metadata"));
        return;
    }
    // What cannot be read has been reported.
    let _ = judge_metadata(metadata, format, identifier, url, report);
}

fn judge_metadata(
    metadata: &RawXml,
    format: &MetadataFormat,
    identifier: &str,
    url: &Url,
    report: &mut Report,
) -> Result<(), resync_core::xml::ParseError> {
    let xml = metadata.standalone();
    let mut cursor = Cursor::new(&xml);
    let Some(root) = cursor.next_child()? else { return Ok(()) };
    if !root.is_in(&format.namespace) {
        let detail = format!(
            "<{}> of {identifier} is in {:?}, and {} in {:?}",
            root.name(),
            root.namespace().unwrap_or_default(),
            format.prefix,
            format.namespace
        );
        report.add(Rule::MetadataNamespace, url, detail);
        return Ok(());
    }
    if format.namespace != OAI_DC {
        return Ok(());
    }
    while let Some(child) = cursor.next_child()? {
        if !child.is_in(DC) || !ELEMENTS.contains(&child.local()) {
            report.add(Rule::OaiDcContent, url, format!("<{}> in {identifier}", child.name()));
        }
        cursor.skip()?;
    }
    Ok(())
}

pub(super) fn judge_stamps(
    whole: &Whole,
    identify: &Identify,
    now: Option<&Datestamp>,
    report: &mut Report,
) {
    // An hour for clocks that differ.
    let latest = now.map(|now| now.last_second() + chrono::TimeDelta::hours(1));
    for header in whole.items.values() {
        let Some(stamp) = &header.datestamp else { continue };
        let id = &header.identifier;
        if stamp.original().is_none() && stamp.granularity() != identify.granularity {
            let detail = format!("{stamp} of {id} is not of {}", identify.granularity);
            report.add(Rule::DatestampGranularity, &whole.url, detail);
        }
        if let Some(earliest) = &identify.earliest_datestamp
            && stamp.last_second() < earliest.time()
        {
            let detail = format!("{stamp} of {id} is before {earliest}");
            report.add(Rule::DatestampEarly, &whole.url, detail);
        }
        if latest.is_some_and(|latest| stamp.time() > latest) {
            report.add(Rule::DatestampFuture, &whole.url, format!("{stamp} of {id}"));
        }
    }
}

pub(super) fn judge_policy(
    records: &Whole,
    headers: &Whole,
    policy: DeletedRecord,
    report: &mut Report,
) {
    if policy != DeletedRecord::No {
        return;
    }
    for whole in [records, headers] {
        if let Some(header) = whole.items.values().find(|header| header.is_deleted) {
            let detail = format!("{} is deleted, and deletedRecord is no", header.identifier);
            report.add(Rule::DeletedPolicy, &whole.url, detail);
        }
    }
}

pub(super) fn judge_named_sets(
    headers: &Whole,
    sets: Option<&[Set]>,
    identify: &Url,
    report: &mut Report,
) {
    let named: BTreeSet<&str> =
        headers.items.values().flat_map(|header| &header.sets).map(String::as_str).collect();
    match sets {
        None => {
            if let Some(spec) = named.first() {
                report.add(Rule::SetUnannounced, identify, format!("headers name {spec}"));
            }
        }
        Some(sets) => {
            for spec in named.iter().filter(|spec| sets.iter().all(|set| set.spec != **spec)) {
                let detail = format!("headers name {spec}, ListSets does not");
                report.add(Rule::SetUnlisted, &headers.url, detail);
            }
        }
    }
}

/// Whether both lists are the same; where one is only begun, what is in both.
pub(super) fn compare(headers: &Whole, records: &Whole, report: &mut Report) {
    if headers.is_complete && records.is_complete {
        for (one, other, name) in
            [(headers, records, "ListRecords"), (records, headers, "ListIdentifiers")]
        {
            for header in one.items.values() {
                if !other.items.contains_key(&header.identifier) && one.is_settled(header) {
                    let rule =
                        if header.is_deleted { Rule::DeletedDiffer } else { Rule::ListsDiffer };
                    let detail = format!("{} is not in {name}", header.identifier);
                    report.add(rule, &other.url, detail);
                }
            }
        }
    }
    for header in headers.items.values() {
        if let Some(other) = records.items.get(&header.identifier)
            && records.is_settled(header)
            && records.is_settled(other)
        {
            same_header(header, other, &records.url, report);
        }
    }
}

pub(super) fn same_header(one: &Header, other: &Header, url: &Url, report: &mut Report) {
    let id = &one.identifier;
    if one.is_deleted != other.is_deleted {
        report.add(Rule::DeletedDiffer, url, format!("{id} is deleted, and elsewhere it is not"));
        return;
    }
    let sorted = |header: &Header| header.sets.iter().cloned().collect::<BTreeSet<_>>();
    if one.datestamp != other.datestamp || sorted(one) != sorted(other) {
        report.add(Rule::HeaderDiffers, url, format!("{id} has another datestamp or other sets"));
    }
}
