//! What the documents are written of.

use std::fmt::Write as _;

use crate::corpus::datestamp;

pub(super) fn document_start(root: &str, links: &str, metadata: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <{root} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\">\n{links}{metadata}\n"
    )
}

pub(super) fn list_start(host: &str, metadata: &str) -> String {
    document_start("urlset", &capability_list(host), metadata)
}

pub(super) fn capability_list(host: &str) -> String {
    format!("<rs:ln rel=\"up\" href=\"{host}/capabilitylist.xml\"/>\n")
}

pub(super) fn timed(capability: &str, at: u64) -> String {
    format!("<rs:md capability=\"{capability}\" at=\"{}\"/>", stamp(at))
}

#[allow(clippy::too_many_arguments, reason = "what an entry is made of")]
pub(super) fn entry(
    host: &str,
    index: u64,
    lastmod: &str,
    change: &str,
    digest: &[u8; 32],
    length: u64,
    folder: &str,
    out: &mut String,
) {
    let _ = write!(
        out,
        "<url><loc>{host}/r/{}/{index}.xml</loc><lastmod>{lastmod}</lastmod><rs:md ",
        index / 1_000
    );
    if !change.is_empty() {
        let _ = write!(out, "change=\"{change}\" datetime=\"{lastmod}\" ");
    }
    out.push_str("hash=\"sha-256:");
    hex(digest, out);
    let _ = write!(out, "\" length=\"{length}\" type=\"application/xml\"");
    if !folder.is_empty() {
        let _ = write!(out, " path=\"/{folder}/{index}.xml\"");
    }
    out.push_str("/></url>\n");
}

pub(super) fn hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
}

pub(super) fn stamp(unix: u64) -> String {
    String::from_utf8_lossy(&datestamp(unix)).into_owned()
}

/// `Thu, 01 Jan 2015 00:00:00 GMT`.
pub(super) fn http_date(unix: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = stamp(unix);
    let month: usize = text[5..7].parse().unwrap_or(1);
    format!(
        "{}, {} {} {} {} GMT",
        DAYS[(unix / 86_400 % 7) as usize],
        &text[8..10],
        MONTHS[month - 1],
        &text[..4],
        &text[11..19]
    )
}
