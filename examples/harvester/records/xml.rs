//! Records as one XML document.

use harvest_pipeline::StoredRecord;

/// The prefix leaves the default namespace to the metadata, which may have none.
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <records xmlns:oai=\"http://www.openarchives.org/OAI/2.0/\">\n";

pub(super) fn head(out: &mut Vec<u8>) {
    out.extend_from_slice(HEAD.as_bytes());
}

pub(super) fn tail(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</records>\n");
}

/// Appends a record as OAI-PMH writes it.
pub(super) fn record(out: &mut Vec<u8>, record: &StoredRecord) {
    out.extend_from_slice(b"<oai:record><oai:header");
    if record.deleted {
        out.extend_from_slice(b" status=\"deleted\"");
    }
    out.push(b'>');
    element(out, "identifier", &record.identifier);
    if let Some(datestamp) = &record.datestamp {
        element(out, "datestamp", datestamp);
    }
    for set in &record.sets {
        element(out, "setSpec", set);
    }
    out.extend_from_slice(b"</oai:header>");
    for (name, xml) in record
        .metadata
        .iter()
        .map(|metadata| ("metadata", metadata))
        .chain(record.abouts.iter().map(|about| ("about", about)))
    {
        out.extend(["<oai:", name, ">", xml, "</oai:", name, ">"].concat().bytes());
    }
    out.extend_from_slice(b"</oai:record>\n");
}

fn element(out: &mut Vec<u8>, name: &str, text: &str) {
    out.extend(["<oai:", name, ">"].concat().bytes());
    for byte in text.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(byte),
        }
    }
    out.extend(["</oai:", name, ">"].concat().bytes());
}
