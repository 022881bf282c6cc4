//! From elements and attributes to the fields of heads and entries.

use std::borrow::Cow;

use super::metadata::ForeignAttribute;
use super::{
    Capability, Change, ChangeFrequency, Datetime, Entry, Hashes, Head, Link, Metadata,
    RESOURCESYNC, SITEMAP, Token,
};
use crate::xml::{Cursor, Element, IssueKind, ParseError};

/// Which namespaces have been found where others belong, so that each is reported once.
#[derive(Debug, Default)]
pub(super) struct Names {
    reported: Vec<String>,
}

impl Names {
    /// How many have been found.
    pub(super) fn mark(&self) -> usize {
        self.reported.len()
    }

    /// Forgets those found since `mark`.
    pub(super) fn reset(&mut self, mark: usize) {
        self.reported.truncate(mark);
    }

    /// Notes an element that is not in its namespace.
    pub(super) fn expect(
        &mut self,
        cursor: &mut Cursor<'_>,
        element: &Element<'_>,
        namespace: &str,
    ) -> Result<(), ParseError> {
        if element.is_in(namespace) {
            return Ok(());
        }
        self.wrong(cursor, element)
    }

    #[cold]
    fn wrong(&mut self, cursor: &mut Cursor<'_>, element: &Element<'_>) -> Result<(), ParseError> {
        let found = element.namespace().unwrap_or_default();
        if self.reported.iter().any(|known| known == found) || self.reported.len() > 16 {
            return Ok(());
        }
        self.reported.push(found.to_owned());
        let what = match found {
            "" => format!("<{}> is in no namespace", element.name()),
            found => format!("<{}> is in the namespace {found:?}", element.name()),
        };
        cursor.note(IssueKind::WrongNamespace, what)
    }

    /// Whether the element is of the standard: in its namespace, or in none or one that is nearly
    /// the same.
    fn is_ours(
        &mut self,
        cursor: &mut Cursor<'_>,
        element: &Element<'_>,
        namespace: &str,
    ) -> Result<bool, ParseError> {
        if element.is_in(namespace) {
            return Ok(true);
        }
        let found = element.namespace().unwrap_or_default();
        let is_near = found.is_empty()
            || found.contains("openarchives.org/rs")
            || found.contains("sitemaps.org/schemas/sitemap")
            || found.contains("google.com/schemas/sitemap/0");
        if is_near {
            self.wrong(cursor, element)?;
        }
        Ok(is_near)
    }
}

/// Reads a child of the root that is no entry.
pub(super) fn head<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
    head: &mut Head,
    names: &mut Names,
) -> Result<(), ParseError> {
    match element.local() {
        "md" if names.is_ours(cursor, element, RESOURCESYNC)? => {
            if !head.md.is_empty() {
                cursor.note(IssueKind::RepeatedElement, "a second <rs:md> of the document")?;
                return cursor.skip();
            }
            // Taken over only when it is whole: it may have to be read again.
            let mut md = Metadata::default();
            metadata(cursor, element, &mut md)?;
            let md = md.into_owned();
            cursor.skip()?;
            head.md = md;
            Ok(())
        }
        "ln" if names.is_ours(cursor, element, RESOURCESYNC)? => {
            let link = link(cursor, element)?.into_owned();
            cursor.skip()?;
            head.links.push(link);
            Ok(())
        }
        _ => extension(cursor, element, &mut head.extensions),
    }
}

/// Reads what is inside of `url` or `sitemap`. Entries are large: they are filled where they are.
pub(super) fn entry<'a>(
    cursor: &mut Cursor<'a>,
    names: &mut Names,
    entry: &mut Entry<'a>,
) -> Result<(), ParseError> {
    let mut has_md = false;
    while let Some(child) = cursor.next_child()? {
        match child.local() {
            "loc" if names.is_ours(cursor, &child, SITEMAP)? => {
                let text = cursor.text()?;
                let loc = unpadded(cursor, "loc", text)?;
                if entry.loc.is_empty() {
                    entry.loc = loc;
                } else {
                    cursor.note(IssueKind::RepeatedElement, format!("a second <loc>: {loc}"))?;
                }
            }
            "lastmod" if names.is_ours(cursor, &child, SITEMAP)? => {
                let text = cursor.trimmed()?;
                if entry.lastmod.is_some() {
                    cursor
                        .note(IssueKind::RepeatedElement, format!("a second <lastmod>: {text}"))?;
                    continue;
                }
                entry.lastmod = datetime(cursor, "lastmod", &text)?;
            }
            "changefreq" if names.is_ours(cursor, &child, SITEMAP)? => {
                let text = cursor.trimmed()?;
                entry.changefreq = ChangeFrequency::read(&text);
                if entry.changefreq.is_none() {
                    illegal(cursor, "changefreq", &text)?;
                }
            }
            "priority" if names.is_ours(cursor, &child, SITEMAP)? => {
                entry.priority = Some(cursor.trimmed()?);
            }
            "md" if names.is_ours(cursor, &child, RESOURCESYNC)? => {
                if has_md {
                    cursor.note(IssueKind::RepeatedElement, "a second <rs:md> of an entry")?;
                } else {
                    metadata(cursor, &child, &mut entry.md)?;
                    has_md = true;
                }
                cursor.skip()?;
            }
            "ln" if names.is_ours(cursor, &child, RESOURCESYNC)? => {
                entry.links.push(link(cursor, &child)?);
                cursor.skip()?;
            }
            _ => extension(cursor, &child, &mut entry.extensions)?,
        }
    }
    if entry.loc.is_empty() {
        cursor.note(IssueKind::MissingElement, "an entry without <loc>")?;
    }
    Ok(())
}

fn metadata<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
    md: &mut Metadata<'a>,
) -> Result<(), ParseError> {
    for (name, raw) in element.attributes() {
        // In nearly every entry, and plain in nearly all: looked at once.
        match name {
            "hash" if Hashes::is_plain(raw) => {
                md.hash = Hashes::from(raw);
                continue;
            }
            "length" => {
                if let Ok(length) = raw.parse() {
                    md.length = Some(length);
                    continue;
                }
            }
            _ => {}
        }
        let value = cursor.value(element, raw)?;
        match name {
            "hash" => md.hash = hashes(cursor, value)?,
            "length" => match length(cursor, &value)? {
                Some(length) => md.length = Some(length),
                None => md.other.push(ForeignAttribute::new(name, value)),
            },
            "type" => md.media_type = Some(value),
            "capability" => md.capability = Some(Capability::read(value.trim_ascii())),
            "change" => {
                md.change = Change::read(&value);
                if md.change.is_none_or(|change| change.as_str() != value) {
                    illegal(cursor, name, &value)?;
                }
                if md.change.is_none() {
                    md.other.push(ForeignAttribute::new(name, value));
                }
            }
            "at" | "completed" | "from" | "until" | "datetime" | "modified" => {
                let time = datetime(cursor, name, &value)?;
                if time.is_none() {
                    md.other.push(ForeignAttribute::new(name, value));
                    continue;
                }
                *match name {
                    "at" => &mut md.at,
                    "completed" => &mut md.completed,
                    "from" => &mut md.from,
                    "until" => &mut md.until,
                    "datetime" => &mut md.datetime,
                    _ => &mut md.modified,
                } = time;
            }
            "encoding" => md.encoding = Some(value),
            "path" => md.path = Some(value),
            _ => md.other.extend(foreign(cursor, name, value)),
        }
    }
    Ok(())
}

fn link<'a>(cursor: &mut Cursor<'a>, element: &Element<'a>) -> Result<Link<'a>, ParseError> {
    let mut link = Link::default();
    for (name, raw) in element.attributes() {
        let value = cursor.value(element, raw)?;
        match name {
            "rel" => link.rel = value,
            "href" => link.href = unpadded(cursor, name, value)?,
            "type" => link.media_type = Some(value),
            "hash" => link.hash = hashes(cursor, value)?,
            "length" => match length(cursor, &value)? {
                Some(length) => link.length = Some(length),
                None => link.other.push(ForeignAttribute::new(name, value)),
            },
            "modified" => match datetime(cursor, name, &value)? {
                Some(time) => link.modified = Some(time),
                None => link.other.push(ForeignAttribute::new(name, value)),
            },
            "pri" => match value.trim_ascii().parse().ok().filter(|n| (1..=999_999).contains(n)) {
                Some(priority) => link.priority = Some(priority),
                None => {
                    illegal(cursor, name, &value)?;
                    link.other.push(ForeignAttribute::new(name, value));
                }
            },
            "encoding" => link.encoding = Some(value),
            "path" => link.path = Some(value),
            _ => link.other.extend(foreign(cursor, name, value)),
        }
    }
    if link.rel.is_empty() || link.href.is_empty() {
        let what = if link.rel.is_empty() { "rel" } else { "href" };
        cursor.note(IssueKind::MissingElement, format!("a link without {what}"))?;
    }
    Ok(link)
}

/// An element of another namespace, kept as it is.
fn extension<'a>(
    cursor: &mut Cursor<'a>,
    element: &Element<'a>,
    extensions: &mut Vec<String>,
) -> Result<(), ParseError> {
    if element.is_in(SITEMAP) || element.is_in(RESOURCESYNC) {
        let what = format!("<{}> does not belong here", element.name());
        cursor.note(IssueKind::UnknownElement, what)?;
    }
    extensions.push(cursor.raw(element)?.standalone().into_owned());
    Ok(())
}

/// An attribute that is none of ours; `None` for a declaration of a namespace.
fn foreign<'a>(
    cursor: &Cursor<'a>,
    name: &'a str,
    value: Cow<'a, str>,
) -> Option<ForeignAttribute<'a>> {
    if name == "xmlns" || name.starts_with("xmlns:") {
        return None;
    }
    let attribute = ForeignAttribute::new(name, value);
    let namespace = name.split_once(':').and_then(|(prefix, _)| cursor.namespace(prefix));
    Some(match namespace {
        Some(namespace) => attribute.in_namespace(namespace),
        None => attribute,
    })
}

fn datetime(
    cursor: &mut Cursor<'_>,
    name: &str,
    value: &str,
) -> Result<Option<Datetime>, ParseError> {
    let time = Datetime::read(value);
    // Of the recommended form, and thus surely right.
    if time.is_some() && value.len() == 20 && value.ends_with('Z') {
        return Ok(time);
    }
    if !time.is_some_and(|time| time.is_standard() && is_written(time, value)) {
        illegal(cursor, name, value)?;
    }
    Ok(time)
}

/// Whether the standard would write the time so. More digits than a nanosecond has are allowed.
fn is_written(time: Datetime, value: &str) -> bool {
    let written = time.to_string();
    written == value || value.starts_with(written.trim_end_matches(['Z'])) && value.len() > 30
}

fn length(cursor: &mut Cursor<'_>, value: &str) -> Result<Option<u64>, ParseError> {
    let length = value.trim_ascii().parse().ok();
    if length.is_none() {
        illegal(cursor, "length", value)?;
    }
    Ok(length)
}

/// The digests are read when they are needed; here it is only seen to that what is odd is noted.
fn hashes<'a>(cursor: &mut Cursor<'a>, value: Cow<'a, str>) -> Result<Hashes<'a>, ParseError> {
    let hashes = Hashes::from(value);
    if hashes.is_standard() {
        return Ok(hashes);
    }
    for token in hashes.tokens() {
        match token {
            Token::Digest(_, true) => {}
            Token::Digest(digest, false) => {
                let what = format!("a digest that is not written as {digest}");
                cursor.note(IssueKind::IllegalValue, what)?;
            }
            // The list of algorithms is open, but these are known.
            Token::Unknown(word) => {
                if word.split_once(':').is_none_or(|(name, _)| {
                    super::Algorithm::read(name).is_some() || name.is_empty()
                }) {
                    illegal(cursor, "hash", word)?;
                }
            }
        }
    }
    Ok(hashes)
}

#[cold]
fn illegal(cursor: &mut Cursor<'_>, name: &str, value: &str) -> Result<(), ParseError> {
    let value: String = value.chars().take(80).collect();
    cursor.note(IssueKind::IllegalValue, format!("{name}: {value:?}"))
}

/// An address without the white space around it: pretty-printers put it there.
fn unpadded<'a>(
    cursor: &mut Cursor<'_>,
    name: &str,
    text: Cow<'a, str>,
) -> Result<Cow<'a, str>, ParseError> {
    if text.trim_ascii().len() == text.len() {
        return Ok(text);
    }
    cursor.note(IssueKind::PaddedValue, format!("white space around {name}"))?;
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
        Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_owned()),
    })
}
