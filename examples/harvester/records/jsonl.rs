//! Records as JSON Lines.

use harvest_pipeline::StoredRecord;

use crate::json;

/// Appends a record: as `harvester oai records` does, with where it came from and what was read
/// from it.
pub(super) fn record(out: &mut Vec<u8>, record: &StoredRecord) {
    out.extend_from_slice(b"{\"identifier\":");
    json::string(out, &record.identifier);
    out.extend_from_slice(b",\"datestamp\":");
    json::optional(out, record.datestamp.as_deref());
    out.extend_from_slice(b",\"sets\":");
    json::list(out, &record.sets);
    out.extend_from_slice(b",\"deleted\":");
    out.extend_from_slice(if record.deleted { b"true" } else { b"false" });
    out.extend_from_slice(b",\"metadata\":");
    json::optional(out, record.metadata.as_deref());
    out.extend_from_slice(b",\"about\":");
    json::list(out, &record.abouts);
    out.extend_from_slice(b",\"source\":");
    json::string(out, record.source.as_str());
    out.extend_from_slice(b",\"format\":");
    json::optional(out, record.format.as_deref());
    out.extend_from_slice(b",\"fields\":");
    // It is JSON already.
    out.extend_from_slice(record.fields.as_deref().unwrap_or("null").as_bytes());
    out.extend_from_slice(b"}\n");
}
