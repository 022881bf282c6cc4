//! From what a repository says to what a pipeline takes.

use std::sync::Arc;

use ::oai_pmh::xml::Issue;
use ::oai_pmh::{Header, Reason, Record, Summary, Verdict};

use crate::batch::{Item, Notice, NoticeLevel, Payload};
use crate::error::{RecordError, Stage};

/// A record with its metadata, or its tombstone.
pub(super) fn item(record: Record, format: &Arc<str>) -> Result<Item, RecordError> {
    let Record { header, metadata, abouts, .. } = record;
    let mut item = if header.is_deleted {
        Item::delete(header.identifier)
    } else if let Some(metadata) = metadata {
        Item::put(header.identifier, Payload::new(Arc::clone(format), metadata.standalone()))
    } else {
        let message = "the record has no metadata, yet is not deleted";
        return Err(RecordError::new(header.identifier, Stage::Source, message));
    };
    item.datestamp = header.datestamp.map(|stamp| stamp.to_string());
    item.sets = header.sets;
    item.abouts = abouts.iter().map(|about| about.standalone().into_owned()).collect();
    Ok(item)
}

/// What a header alone says of its record.
pub(super) fn listed(header: &Header) -> Item {
    let mut item = match header.is_deleted {
        true => Item::delete(&*header.identifier),
        false => Item::listed(&*header.identifier),
    };
    item.datestamp = header.datestamp.as_ref().map(ToString::to_string);
    item.sets.clone_from(&header.sets);
    item
}

/// A record, or a header, that could not be read.
pub(super) fn broken(error: ::oai_pmh::RecordError) -> RecordError {
    RecordError { identifier: error.identifier, stage: Stage::Source, message: error.message }
}

pub(super) fn notice(issue: &Issue) -> Notice {
    let message = format!("{}: {} at byte {}", issue.kind, issue.detail, issue.at);
    let notice = Notice::new(NoticeLevel::Repair, message);
    match &issue.record {
        Some(identifier) => notice.about(identifier),
        None => notice,
    }
}

/// Why a list that has come to its end may be incomplete all the same.
pub(super) fn doubts(summary: &Summary) -> Vec<Notice> {
    let Verdict::Suspicious(reasons) = &summary.verdict else { return Vec::new() };
    let warn = |reason: &Reason| {
        Notice::new(NoticeLevel::Warning, format!("the list may be incomplete: {reason}"))
    };
    reasons.iter().map(warn).collect()
}
