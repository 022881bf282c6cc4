//! Links found in web pages, in HTTP headers, and in `robots.txt`.

use crate::document::rel;
use crate::xml::text_of;

/// The links of a page's head to Capability Lists (§6.3), and the page's base address, both as
/// written.
pub(super) fn page_links(page: &str) -> (Vec<String>, Option<String>) {
    let (mut links, mut base) = (Vec::new(), None);
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        let name = rest.find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest, |at| &rest[..at]);
        rest = &rest[name.len()..];
        match &*name.to_ascii_lowercase() {
            "body" => break,
            // Their text is no markup.
            raw @ ("script" | "style" | "title" | "noscript") => {
                let end = format!("</{raw}");
                let found = rest.as_bytes().windows(end.len());
                let mut found = found.enumerate();
                let at = found.find(|(_, part)| part.eq_ignore_ascii_case(end.as_bytes()));
                rest = at.map_or("", |(at, _)| &rest[at..]);
            }
            "link" => {
                let (attributes, behind) = attributes(rest);
                rest = behind;
                let rels = value(&attributes, "rel").unwrap_or_default();
                if rels
                    .split_ascii_whitespace()
                    .any(|it| it.eq_ignore_ascii_case(rel::RESOURCESYNC))
                {
                    links.extend(value(&attributes, "href").filter(|href| !href.is_empty()));
                }
            }
            "base" => {
                let (attributes, behind) = attributes(rest);
                rest = behind;
                base = base.or_else(|| value(&attributes, "href"));
            }
            _ => {}
        }
    }
    (links, base)
}

fn value(attributes: &[(&str, &str)], name: &str) -> Option<String> {
    let found = attributes.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map(|(_, value)| text_of(value.trim()).into_owned())
}

/// The attributes of a tag, and what stands behind it.
fn attributes(tag: &str) -> (Vec<(&str, &str)>, &str) {
    let is_name = |c: char| !c.is_ascii_whitespace() && !matches!(c, '=' | '>' | '/' | '"' | '\'');
    let mut attributes = Vec::new();
    let mut rest = tag;
    loop {
        rest = rest.trim_start_matches(|c: char| !is_name(c) && c != '>');
        if rest.is_empty() || rest.starts_with('>') {
            return (attributes, rest.get(1..).unwrap_or_default());
        }
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let behind = behind.trim_ascii_start();
        let Some(raw) = behind.strip_prefix('=') else {
            rest = behind;
            attributes.push((name, ""));
            continue;
        };
        let raw = raw.trim_ascii_start();
        let (value, behind) = match raw.chars().next() {
            Some(quote @ ('"' | '\'')) => raw[1..].split_once(quote).unwrap_or((&raw[1..], "")),
            _ => {
                let end = raw.find(|c: char| c.is_ascii_whitespace() || c == '>');
                raw.split_at(end.unwrap_or(raw.len()))
            }
        };
        attributes.push((name, value));
        rest = behind;
    }
}

/// The addresses in a `robots.txt` that may be those of lists (§6.3), as written.
pub(super) fn robots_sitemaps(text: &str) -> Vec<String> {
    let lines = text.trim_start_matches('\u{feff}').lines();
    let named = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let value = value.split(" #").next().unwrap_or_default().trim();
        (name.trim().eq_ignore_ascii_case("sitemap") && !value.is_empty()).then(|| value.to_owned())
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_the_heads_of_pages_as_people_write_them() {
        for (page, expected) in [
            ("<html><head><link rel=\"resourcesync\" href=\"c.xml\"/></head>", vec!["c.xml"]),
            (
                "<LINK HREF='/c.xml?a=1&amp;b=2' REL='alternate ResourceSync'>",
                vec!["/c.xml?a=1&b=2"],
            ),
            (
                "<link rel=resourcesync href=c.xml><link rel=resourcesync href=d.xml>",
                vec!["c.xml", "d.xml"],
            ),
            ("<!-- <link rel=resourcesync href=no> --><link rel=icon href=no>", vec![]),
            (
                "<script>'<link rel=resourcesync href=no>'</SCRIPT ><link rel=resourcesync href=y>",
                vec!["y"],
            ),
            ("<body><link rel=resourcesync href=no>", vec![]),
            ("<link rel=resourcesync><link rel='resourcesync href=x", vec![]),
            ("<link rel=\"resourcesync\" href=\"é.xml\" <", vec!["é.xml"]),
        ] {
            assert_eq!(page_links(page).0, expected, "{page}");
        }
        let (_, base) = page_links("<base href=\"https://x.org/b/\"><link>");
        assert_eq!(base.as_deref(), Some("https://x.org/b/"));
    }

    #[test]
    fn robots_name_sitemaps() {
        let text =
            "User-agent: *\r\nDisallow: /x\r\nSITEMAP : https://x.org/a.xml # ours\nsitemap:\n";
        assert_eq!(robots_sitemaps(text), ["https://x.org/a.xml"]);
    }
}
