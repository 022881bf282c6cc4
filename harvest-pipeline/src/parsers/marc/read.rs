//! MARCXML as repositories write it, and its old cousin `oai_marc`.

use std::borrow::Cow;

use resync_core::xml::{Cursor, Element, ParseError};

use super::record::MarcRecord;
use crate::parser::{Issue, IssueLevel, Parsed};

const SLIM: &str = "http://www.loc.gov/MARC21/slim";
const OAI_MARC: &str = "http://www.openarchives.org/OAI/1.1/oai_marc";
const LEADER_LENGTH: usize = 24;

/// What was wrong in the record, each kind told once however often it is there.
struct Findings<'x> {
    issues: Vec<Issue>,
    /// What the last subfield was called, as most others are.
    usual_subfield: &'x str,
    has_no_indicator: bool,
    has_strange_tag: bool,
    has_strange_code: bool,
    has_empty_tag: bool,
}

impl MarcRecord {
    /// Reads a document: a `record` or `oai_marc`, or a `collection` of records, of which the first
    /// bibliographic one is taken, else the first. `None` if it is something else.
    ///
    /// # Errors
    /// If it is not well-formed.
    pub fn read(xml: &str) -> Result<Option<Parsed<Self>>, ParseError> {
        let mut cursor = Cursor::new(xml);
        let Some(root) = cursor.next_child()? else { return Ok(None) };
        let mut found = Findings::new();
        let record = match root.local() {
            "record" | "oai_marc" => Some(read_record(&mut cursor, &root, &mut found)?),
            "collection" | "metadata" => read_collection(&mut cursor, &mut found)?,
            _ => None,
        };
        let Some(record) = record else { return Ok(None) };
        cursor.finish()?;
        for issue in cursor.issues() {
            found.warn("record", issue.to_string());
        }
        Ok(Some(Parsed { record, issues: found.issues }))
    }
}

fn read_collection<'x>(
    cursor: &mut Cursor<'x>,
    found: &mut Findings<'x>,
) -> Result<Option<MarcRecord>, ParseError> {
    let mut chosen: Option<(MarcRecord, Findings<'x>)> = None;
    let mut records = 0_usize;
    while let Some(element) = cursor.next_child()? {
        if !matches!(element.local(), "record" | "oai_marc") {
            cursor.skip()?;
            continue;
        }
        records += 1;
        if chosen.as_ref().is_some_and(|(record, _)| !is_holdings(record)) {
            cursor.skip()?;
            continue;
        }
        let mut own = Findings::new();
        let record = read_record(cursor, &element, &mut own)?;
        if chosen.is_none() || !is_holdings(&record) {
            chosen = Some((record, own));
        }
    }
    let Some((record, own)) = chosen else { return Ok(None) };
    *found = own;
    if records > 1 {
        found.warn("collection", format!("{records} records where one belongs; one was taken"));
    }
    Ok(Some(record))
}

/// Whether the leader says that this describes holdings (position 06).
fn is_holdings(record: &MarcRecord) -> bool {
    matches!(record.leader().chars().nth(6), Some('u' | 'v' | 'x' | 'y'))
}

fn read_record<'x>(
    cursor: &mut Cursor<'x>,
    root: &Element<'x>,
    found: &mut Findings<'x>,
) -> Result<MarcRecord, ParseError> {
    let is_old = root.local() == "oai_marc";
    let right = if is_old { OAI_MARC } else { SLIM };
    if !root.is_in(right) {
        let is = root.namespace().unwrap_or("no namespace");
        found.warn("record", format!("<{}> is in {is} instead of {right}", root.name()));
    }
    let mut record = MarcRecord::with_room();
    while let Some(element) = cursor.next_child()? {
        match element.local() {
            "leader" => record.set_leader(control_value(&cursor.text()?)),
            "controlfield" => {
                let tag = Labels::of(cursor, &element, false)?.tag;
                let text = cursor.text()?;
                match &*tag {
                    "LDR" => record.set_leader(control_value(&text)),
                    _ if found.accepts(&tag) => record.push_control(&tag, control_value(&text)),
                    _ => {}
                }
            }
            "fixfield" => {
                let tag = Labels::of(cursor, &element, true)?.tag;
                let text = old_value(&cursor.text()?);
                match &*tag {
                    "LDR" => record.set_leader(&text),
                    _ if found.accepts(&tag) => record.push_control(&tag, &text),
                    _ => {}
                }
            }
            "datafield" | "varfield" => read_data(cursor, &element, &mut record, found)?,
            other => {
                found.warn("record", format!("<{other}> is not part of a MARC record"));
                cursor.skip()?;
            }
        }
    }
    let length = record.leader().chars().count();
    if !is_old && length != LEADER_LENGTH {
        found.warn("leader", format!("it has {length} characters instead of {LEADER_LENGTH}"));
    }
    Ok(record)
}

fn read_data<'x>(
    cursor: &mut Cursor<'x>,
    element: &Element<'x>,
    record: &mut MarcRecord,
    found: &mut Findings<'x>,
) -> Result<(), ParseError> {
    let Labels { tag, indicators: written } =
        Labels::of(cursor, element, element.local() == "varfield")?;
    if !found.accepts(&tag) {
        return cursor.skip();
    }
    let mut indicators = [' '; 2];
    for (indicator, written) in indicators.iter_mut().zip(written) {
        match written.as_deref().and_then(|value| value.chars().next()) {
            Some('^' | '#') => {}
            Some(c) => *indicator = c,
            None => found.once(|f| &mut f.has_no_indicator, &tag, "an indicator is missing"),
        }
    }
    record.push_data(&tag, indicators);
    loop {
        let (code, text) = match cursor.next_plain(found.usual_subfield, "code")? {
            Some(plain) => plain,
            None => {
                let Some(subfield) = cursor.next_child()? else { return Ok(()) };
                found.usual_subfield = subfield.name();
                (code(cursor, &subfield)?, cursor.trimmed()?)
            }
        };
        let mut code = code.chars();
        let (first, rest) = (code.next(), code.next());
        match first.filter(|_| rest.is_none()) {
            Some(code) => record.push_subfield(code, &without_sort_marks(&text)),
            None => {
                let message = "a subfield was left out: its code is not one character";
                if !std::mem::replace(&mut found.has_strange_code, true) {
                    found.issues.push(Issue::new(IssueLevel::FieldError, &*tag, message));
                }
            }
        }
    }
}

/// The attributes of a field.
struct Labels<'e> {
    /// Empty where there is none.
    tag: Cow<'e, str>,
    indicators: [Option<Cow<'e, str>>; 2],
}

impl<'e> Labels<'e> {
    /// Those of an element of `oai_marc` are called otherwise.
    fn of(
        cursor: &mut Cursor<'_>,
        element: &Element<'e>,
        is_old: bool,
    ) -> Result<Self, ParseError> {
        let [mut tag, mut first, mut second] = [None; 3];
        for (name, raw) in element.attributes() {
            let label = match (local(name), is_old) {
                ("tag", false) | ("id", true) => &mut tag,
                ("ind1", false) | ("i1", true) => &mut first,
                ("ind2", false) | ("i2", true) => &mut second,
                _ => continue,
            };
            label.get_or_insert(raw);
        }
        let mut value = |raw: Option<&'e str>| match raw {
            // The usual case, which needs no further look.
            Some(raw) if raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ') => {
                Ok(Some(Cow::Borrowed(raw)))
            }
            raw => raw.map(|raw| cursor.value(element, raw)).transpose(),
        };
        let (tag, indicators) = (value(tag)?.unwrap_or_default(), [value(first)?, value(second)?]);
        // `oai_marc` has 1 for 001.
        let short = tag.len() < 3 && !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_digit());
        let tag = if short { Cow::Owned(format!("{tag:0>3}")) } else { tag };
        Ok(Self { tag, indicators })
    }
}

/// The code of a subfield, which `oai_marc` calls its label; empty where there is none.
fn code<'e>(cursor: &mut Cursor<'_>, subfield: &Element<'e>) -> Result<Cow<'e, str>, ParseError> {
    let mut code = None;
    for (name, raw) in subfield.attributes() {
        match local(name) {
            "label" => return cursor.value(subfield, raw),
            "code" if code.is_none() => code = Some(raw),
            _ => {}
        }
    }
    code.map_or(Ok(Cow::Borrowed("")), |raw| cursor.value(subfield, raw))
}

/// The name of an attribute without its prefix.
fn local(name: &str) -> &str {
    match name.bytes().rposition(|b| b == b':') {
        Some(colon) if !name.starts_with("xmlns") => &name[colon + 1..],
        _ => name,
    }
}

/// White space is part of the value, that of an indented document is not.
fn control_value(text: &str) -> &str {
    text.trim_matches(['\n', '\t'])
}

/// `oai_marc` quotes values and writes `^` for a blank.
fn old_value(text: &str) -> String {
    let text = text.trim_ascii();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    bare.replace('^', " ")
}

/// Leaves out the marks around what sorting passes over, which are control characters.
fn without_sort_marks(text: &str) -> Cow<'_, str> {
    const MARKS: [char; 4] = ['\u{88}', '\u{89}', '\u{98}', '\u{9C}'];
    // The first byte of all of them, which begins few other characters.
    const FIRST: u8 = 0xC2;
    if !text.as_bytes().contains(&FIRST) || !text.contains(MARKS) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(MARKS, ""))
}

impl Findings<'_> {
    fn new() -> Self {
        Self {
            issues: Vec::new(),
            usual_subfield: "subfield",
            has_no_indicator: false,
            has_strange_tag: false,
            has_strange_code: false,
            has_empty_tag: false,
        }
    }

    fn warn(&mut self, path: &str, message: impl Into<String>) {
        const MOST: usize = 100;
        if self.issues.len() < MOST {
            self.issues.push(Issue::new(IssueLevel::Warning, path, message));
        }
    }

    fn once(&mut self, flag: impl Fn(&mut Self) -> &mut bool, path: &str, message: &str) {
        if !std::mem::replace(flag(self), true) {
            self.warn(path, message);
        }
    }

    /// Whether a field with this tag is kept: all are that have one.
    fn accepts(&mut self, tag: &str) -> bool {
        if tag.is_empty() {
            if !std::mem::replace(&mut self.has_empty_tag, true) {
                let message = "a field without a tag was left out";
                self.issues.push(Issue::new(IssueLevel::FieldError, "record", message));
            }
            return false;
        }
        if tag.len() != 3 || !tag.bytes().all(|b| b.is_ascii_digit()) {
            self.once(|f| &mut f.has_strange_tag, tag, "MARC 21 has no such tag; it was kept");
        }
        true
    }
}
