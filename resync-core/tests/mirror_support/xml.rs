//! Documents, as a source writes them.

use sha2::{Digest as _, Sha256};

/// When lists are said to be made.
const AT: &str = "2024-01-01T00:00:00Z";

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a list says of content.
pub(crate) fn md(body: impl AsRef<[u8]>) -> String {
    let body = body.as_ref();
    format!("<rs:md hash=\"sha-256:{}\" length=\"{}\"/>", sha256(body), body.len())
}

/// An entry: where it is (`{}` is the source), and what stands behind that.
pub(crate) fn entry(loc: &str, rest: &str) -> String {
    let loc = match loc.starts_with('/') {
        true => format!("{{}}{loc}"),
        false => loc.to_owned(),
    };
    format!("<url><loc>{loc}</loc>{rest}</url>")
}

/// Entries of resources with lengths and digests.
pub(crate) fn listed(resources: &[(&str, &str)]) -> String {
    resources.iter().map(|(at, body)| entry(at, &md(body))).collect()
}

/// A Resource List.
pub(crate) fn list(entries: &str) -> String {
    with_at(AT, entries)
}

/// A Resource List of another time.
pub(crate) fn with_at(at: &str, entries: &str) -> String {
    urlset(&format!("capability=\"resourcelist\" at=\"{at}\""), entries)
}

pub(crate) fn urlset(md: &str, entries: &str) -> String {
    root("urlset", &format!("<rs:md {md}/>{entries}"))
}

/// An index of lists of this kind; of each part where it is, and what stands behind that.
pub(crate) fn index(md: &str, parts: &[(&str, &str)]) -> String {
    let parts: String =
        parts.iter().map(|(loc, rest)| entry(loc, rest).replace("url>", "sitemap>")).collect();
    root("sitemapindex", &format!("<rs:md {md}/>{parts}"))
}

pub(crate) fn root(name: &str, inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{name} \
         xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:rs=\"http://www.openarchives.org/rs/terms/\">{inner}</{name}>"
    )
}

/// A Change List; its head, such as `from="…"`, and its changes.
pub(crate) fn changes(head: &str, changes: &[String]) -> String {
    urlset(&format!("capability=\"changelist\" {head}"), &changes.concat())
}

/// A change of this day of January; what is deleted has no content.
pub(crate) fn change(loc: &str, what: &str, day: u32, body: Option<&str>) -> String {
    let content = body.map_or_else(String::new, |body| {
        format!(" hash=\"sha-256:{}\" length=\"{}\"", sha256(body.as_bytes()), body.len())
    });
    let time = format!("2024-01-{day:02}T00:00:00Z");
    entry(loc, &format!("<rs:md change=\"{what}\" datetime=\"{time}\"{content}/>"))
}
