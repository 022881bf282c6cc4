//! Writing answers: elements in the order of the standard's schema, and nothing that XML forbids.

use std::fmt::Display;
use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Timelike, Utc};
use memchr::memchr_iter;
use resync_core::xml::RawXml;

use super::arguments::is_set_spec;
use crate::{
    Datestamp, Description, Granularity, Header, Identify, MetadataFormat, NAMESPACE, OaiError,
    Record, Request, ResumptionToken, Set,
};

/// Whether XML 1.0 allows the character (§2.2).
pub(super) fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// An answer that is being written.
#[derive(Debug)]
pub(super) struct Writer(String);

impl Writer {
    /// Begins an answer; the request is repeated, unless it was no legal one (§3.2).
    pub(super) fn new(now: DateTime<Utc>, base_url: &str, request: Option<&Request>) -> Self {
        let mut writer = Self(String::with_capacity(4096));
        let _ = write!(
            writer.0,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<OAI-PMH xmlns=\"{NAMESPACE}\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:schemaLocation=\"{NAMESPACE} {NAMESPACE}OAI-PMH.xsd\">\n"
        );
        writer.shown("responseDate", Datestamp::second(now));
        writer.0.push_str("<request");
        if let Some(request) = request {
            writer.attribute("verb", request.verb().name());
            for (name, value) in request.arguments() {
                writer.attribute(name, &value);
            }
        }
        writer.0.push('>');
        writer.escaped(base_url);
        writer.0.push_str("</request>\n");
        writer
    }

    /// Begins a document of its own.
    pub(super) fn fragment() -> Self {
        Self(String::new())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// How many bytes have been written.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</OAI-PMH>\n");
        self.0
    }

    pub(super) fn open(&mut self, name: &str) {
        self.0.extend(["<", name, ">\n"]);
    }

    pub(super) fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.extend(["<", name]);
        attributes.iter().for_each(|(name, value)| self.attribute(name, value));
        self.0.push('>');
    }

    /// The root element of a document in a namespace.
    pub(super) fn root(&mut self, name: &str, namespace: &str, more: Option<(&str, &str)>) {
        let declared: Vec<_> = [("xmlns", namespace)].into_iter().chain(more).collect();
        self.tag(name, &declared);
    }

    pub(super) fn close(&mut self, name: &str) {
        self.0.extend(["</", name, ">\n"]);
    }

    pub(super) fn errors(&mut self, errors: &[OaiError]) {
        for error in errors {
            self.0.push_str("<error");
            self.attribute("code", error.code.name());
            self.0.push('>');
            self.escaped(&error.message);
            self.0.push_str("</error>\n");
        }
    }

    pub(super) fn identify(&mut self, identify: &Identify, earliest: &Datestamp) {
        self.open("Identify");
        self.element("repositoryName", &identify.repository_name);
        self.element("baseURL", &identify.base_url);
        self.element("protocolVersion", "2.0");
        for email in &identify.admin_emails {
            self.element("adminEmail", email);
        }
        self.shown("earliestDatestamp", earliest.at(identify.granularity));
        self.element("deletedRecord", identify.deleted_record.name());
        self.shown("granularity", identify.granularity);
        for compression in &identify.compressions {
            self.element("compression", compression);
        }
        self.descriptions("description", &identify.descriptions);
        self.close("Identify");
    }

    pub(super) fn format(&mut self, format: &MetadataFormat) {
        self.0.push_str("<metadataFormat>");
        self.element("metadataPrefix", &format.prefix);
        self.element("schema", &format.schema);
        self.element("metadataNamespace", &format.namespace);
        self.0.push_str("</metadataFormat>\n");
    }

    pub(super) fn set(&mut self, set: &Set) {
        self.0.push_str("<set>");
        self.element("setSpec", &set.spec);
        self.element("setName", &set.name);
        self.descriptions("setDescription", &set.descriptions);
        self.0.push_str("</set>\n");
    }

    pub(super) fn header(&mut self, header: &Header, granularity: Granularity) {
        self.0.push_str(if header.is_deleted { "<header status=\"deleted\">" } else { "<header>" });
        self.element("identifier", &header.identifier);
        if let Some(stamp) = &header.datestamp {
            self.stamp(stamp, granularity);
        }
        // What names no set cannot be written.
        for set in header.sets.iter().filter(|set| is_set_spec(set)) {
            self.0.extend(["<setSpec>", set, "</setSpec>"]);
        }
        self.0.push_str("</header>\n");
    }

    pub(super) fn record(&mut self, record: &Record, granularity: Granularity) {
        self.0.push_str("<record>");
        self.header(&record.header, granularity);
        // Of a deleted record there is nothing else to tell (§2.5.1).
        if !record.header.is_deleted {
            if let Some(metadata) = &record.metadata {
                self.container("metadata", metadata);
            }
            for about in &record.abouts {
                self.container("about", about);
            }
        }
        self.0.push_str("</record>\n");
    }

    pub(super) fn token(&mut self, token: &ResumptionToken) {
        self.0.push_str("<resumptionToken");
        if let Some(expires) = &token.expiration_date {
            let _ = write!(self.0, " expirationDate=\"{expires}\"");
        }
        if let Some(size) = token.complete_list_size {
            let _ = write!(self.0, " completeListSize=\"{size}\"");
        }
        if let Some(cursor) = token.cursor {
            let _ = write!(self.0, " cursor=\"{cursor}\"");
        }
        self.0.extend([">", &token.value, "</resumptionToken>\n"]);
    }

    fn descriptions(&mut self, name: &str, descriptions: &[Description]) {
        for description in descriptions {
            self.container(name, &description.raw);
        }
    }

    /// A document of its own, inside of an element of ours.
    fn container(&mut self, name: &str, raw: &RawXml) {
        let xml = raw.standalone();
        self.0.extend(["<", name, ">"]);
        if takes_default_namespace(&xml) {
            let name_end = xml.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/'));
            let (start, rest) = xml.split_at(name_end.unwrap_or(xml.len()));
            self.0.extend([start, " xmlns=\"\"", rest]);
        } else {
            self.0.push_str(&xml);
        }
        self.0.extend(["</", name, ">\n"]);
    }

    /// By hand: there is one in every record.
    fn stamp(&mut self, stamp: &Datestamp, granularity: Granularity) {
        let time = stamp.time();
        self.0.push_str("<datestamp>");
        self.digits(time.year().unsigned_abs() / 100);
        self.digits(time.year().unsigned_abs() % 100);
        let day = [("-", time.month()), ("-", time.day())];
        let second = [("T", time.hour()), (":", time.minute()), (":", time.second())];
        let told = match granularity {
            Granularity::Day => &second[..0],
            Granularity::Second => &second[..],
        };
        for &(mark, number) in day.iter().chain(told) {
            self.0.push_str(mark);
            self.digits(number);
        }
        self.0.push_str(match granularity {
            Granularity::Day => "</datestamp>",
            Granularity::Second => "Z</datestamp>",
        });
    }

    /// Two of them.
    fn digits(&mut self, number: u32) {
        for digit in [number / 10 % 10, number % 10] {
            self.0.extend(char::from_digit(digit, 10));
        }
    }

    pub(super) fn element(&mut self, name: &str, value: &str) {
        self.0.extend(["<", name, ">"]);
        self.escaped(value);
        self.0.extend(["</", name, ">"]);
    }

    /// An element whose text needs no escaping.
    fn shown(&mut self, name: &str, value: impl Display) {
        let _ = write!(self.0, "<{name}>{value}</{name}>"); // to a String: cannot fail
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.0.extend([" ", name, "=\""]);
        self.escaped(value);
        self.0.push('"');
    }

    /// White space, too, which would be changed in attributes (§3.3.3 of XML) and, at line ends, in
    /// text (§2.11). What XML forbids becomes U+FFFD.
    pub(super) fn escaped(&mut self, value: &str) {
        // Nearly all values have nothing of it.
        let is_plain = |byte| !matches!(byte, 0..0x20 | b'"' | b'&' | b'<' | b'>' | 0xEF);
        if value.bytes().all(is_plain) {
            self.0.push_str(value);
            return;
        }
        let mut done = 0;
        for (at, c) in value.char_indices() {
            let escape = match c {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\t' => "&#9;",
                '\n' => "&#10;",
                '\r' => "&#13;",
                c if is_allowed(c) => continue,
                _ => "\u{FFFD}",
            };
            self.0.extend([&value[done..at], escape]);
            done = at + c.len_utf8();
        }
        self.0.push_str(&value[done..]);
    }
}

/// Whether something in the document would take on a default namespace from outside: it declares
/// none, and not all of its elements have prefixes.
fn takes_default_namespace(xml: &str) -> bool {
    let bytes = xml.as_bytes();
    !declares_default_namespace(bytes)
        && memchr_iter(b'<', bytes).any(|at| {
            let name = &bytes[at + 1..];
            let end = name.iter().position(|byte| !is_name_byte(*byte));
            end != Some(0) && end.is_some_and(|end| name[end] != b':')
        })
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}

/// Whether the first tag has the attribute `xmlns`.
fn declares_default_namespace(xml: &[u8]) -> bool {
    let mut quote = None;
    for (at, byte) in xml.iter().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return false,
            (None, b'x') if xml[..at].last().is_some_and(u8::is_ascii_whitespace) => {
                if let Some(rest) = xml[at..].strip_prefix(b"xmlns")
                    && rest.trim_ascii_start().first() == Some(&b'=')
                {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}
