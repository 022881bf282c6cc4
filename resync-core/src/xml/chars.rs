//! Characters and references (XML 1.0 §2.2, §2.11, §4.1).

use std::borrow::Cow;

use quick_xml::escape::{resolve_html5_entity, resolve_xml_entity};

use super::{Issue, IssueKind, Issues, Mode, ParseError, ParseErrorKind};

/// Whether XML 1.0 allows the character (§2.2).
pub(super) fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Offset of the first byte that cannot be taken as it is: of a reference, a carriage return, or a
/// character that XML forbids (in UTF-8 only some below U+0020, U+FFFE and U+FFFF are left of them).
fn find_special(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let find_in = |range: std::ops::Range<usize>| {
        range.into_iter().find(|at| is_suspect(bytes[*at]) && is_special(&bytes[*at..]))
    };
    // Nearly all texts have nothing of it: found out many bytes at a time, in vector registers.
    let is_clean = match bytes.len() {
        8..16 => ends_are_clean::<8>(bytes),
        16..32 => ends_are_clean::<16>(bytes),
        _ => false,
    };
    if is_clean {
        return None;
    }
    let (blocks, rest) = bytes.as_chunks::<32>();
    for (n, block) in blocks.iter().enumerate() {
        if has_suspect(block)
            && let Some(at) = find_in(n * 32..(n + 1) * 32)
        {
            return Some(at);
        }
    }
    // The rest, in a block that takes in some of the one before.
    if bytes.last_chunk::<32>().is_some_and(|last| !has_suspect(last)) {
        return None;
    }
    find_in(bytes.len() - rest.len()..bytes.len())
}

/// Whether there is nothing in the first and the last so many bytes, which may overlap.
fn ends_are_clean<const N: usize>(bytes: &[u8]) -> bool {
    let ends = [bytes.first_chunk::<N>(), bytes.last_chunk::<N>()];
    ends.into_iter().all(|end| end.is_some_and(|end| !has_suspect(end)))
}

fn has_suspect<const N: usize>(block: &[u8; N]) -> bool {
    block.iter().fold(0, |any, b| any | u8::from(is_suspect(*b))) != 0
}

fn is_suspect(b: u8) -> bool {
    // Without branches, for the vector loop.
    ((b < 0x20) & (b != b'\t') & (b != b'\n')) | (b == b'&') | (b == 0xEF)
}

fn is_special(bytes: &[u8]) -> bool {
    match bytes {
        [0xEF, rest @ ..] => matches!(rest, [0xBF, 0xBE | 0xBF, ..]),
        _ => true,
    }
}

/// What a reference stands for.
pub(super) enum Reference {
    Char(char),
    Text(&'static str),
    /// A character that XML forbids, or no character at all.
    Illegal,
    /// An entity of HTML that the document does not declare.
    Undeclared(&'static str),
    Unknown,
}

/// Resolves what stands between `&` and `;`.
pub(super) fn resolve(name: &str) -> Reference {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return match code.ok().and_then(char::from_u32).filter(|c| is_allowed(*c)) {
            Some(c) => Reference::Char(c),
            None => Reference::Illegal,
        };
    }
    if let Some(text) = resolve_xml_entity(name) {
        return Reference::Text(text);
    }
    match resolve_html5_entity(name) {
        Some(text) => Reference::Undeclared(text),
        None => Reference::Unknown,
    }
}

/// The name in a reference at the start of `rest` (which begins after the `&`), without the `;`.
pub(super) fn reference_name(rest: &str) -> Option<&str> {
    // The longest entity name of HTML has 31 characters.
    let end = rest.bytes().take(40).position(|b| b == b';')?;
    let name = &rest[..end];
    let body = name.strip_prefix('#').unwrap_or(name);
    (!body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(name)
}

/// The text that a piece of XML without tags stands for, read tolerantly: for pieces that were cut
/// out by other means than a [`Cursor`](super::Cursor).
#[must_use]
pub fn text_of(raw: &str) -> Cow<'_, str> {
    let mut repairs = Repairs { mode: Mode::Tolerant, issues: &mut Issues::default() };
    // Tolerant reading does not fail.
    unescape(raw, 0, &mut repairs).unwrap_or(Cow::Borrowed(raw))
}

/// Resolves references, normalises line ends and drops what XML forbids.
///
/// # Errors
/// In strict mode, where something would have to be repaired.
pub(super) fn unescape<'a>(
    raw: &'a str,
    at: u64,
    repairs: &mut Repairs<'_>,
) -> Result<Cow<'a, str>, ParseError> {
    let Some(mut special) = find_special(raw) else { return Ok(Cow::Borrowed(raw)) };
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        text.push_str(&rest[..special]);
        rest = &rest[special..];
        let here = at + (raw.len() - rest.len()) as u64;
        rest = match rest.as_bytes()[0] {
            b'&' => match reference_name(&rest[1..]) {
                Some(name) => {
                    repairs.reference(name, here, &mut text)?;
                    &rest[name.len() + 2..]
                }
                None => {
                    repairs.bare_ampersand(here)?;
                    text.push('&');
                    &rest[1..]
                }
            },
            b'\r' => {
                text.push('\n');
                rest[1..].strip_prefix('\n').unwrap_or(&rest[1..])
            }
            _ => repairs.illegal_character(rest, here)?,
        };
        match find_special(rest) {
            Some(next) => special = next,
            None => break,
        }
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
}

/// Normalises line ends and drops what XML forbids; for CDATA, where there are no references.
///
/// # Errors
/// In strict mode, where something would have to be repaired.
pub(super) fn normalise<'a>(
    raw: &'a str,
    at: u64,
    repairs: &mut Repairs<'_>,
) -> Result<Cow<'a, str>, ParseError> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(special) = rest.find(|c| c == '\r' || !is_allowed(c)) {
        text.push_str(&rest[..special]);
        rest = &rest[special..];
        let here = at + (raw.len() - rest.len()) as u64;
        rest = match rest.strip_prefix('\r') {
            Some(after) => {
                text.push('\n');
                after.strip_prefix('\n').unwrap_or(after)
            }
            None => repairs.illegal_character(rest, here)?,
        };
    }
    if text.is_empty() {
        return Ok(Cow::Borrowed(rest));
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
}

/// Where repairs are allowed, or refused, and written down.
pub(super) struct Repairs<'i> {
    pub(super) mode: Mode,
    pub(super) issues: &'i mut Issues,
}

impl Repairs<'_> {
    /// Writes down a repair.
    ///
    /// # Errors
    /// In strict mode.
    pub(super) fn note(
        &mut self,
        kind: IssueKind,
        at: u64,
        detail: impl Into<String>,
    ) -> Result<(), ParseError> {
        match self.mode {
            Mode::Tolerant => {
                self.issues.push(Issue::new(kind, at, detail));
                Ok(())
            }
            Mode::Strict => Err(ParseError::new(ParseErrorKind::Syntax, at, detail)),
        }
    }

    /// Appends what a reference stands for.
    fn reference(&mut self, name: &str, at: u64, text: &mut String) -> Result<(), ParseError> {
        match resolve(name) {
            Reference::Char(c) => text.push(c),
            Reference::Text(known) => text.push_str(known),
            Reference::Illegal => self.illegal_reference(name, at)?,
            Reference::Undeclared(html) => {
                self.undeclared_entity(name, at)?;
                text.push_str(html);
            }
            Reference::Unknown => {
                self.unknown_entity(name, at)?;
                text.extend(["&", name, ";"]);
            }
        }
        Ok(())
    }

    pub(super) fn illegal_reference(&mut self, name: &str, at: u64) -> Result<(), ParseError> {
        let detail = format!("&{name}; stands for a character that XML forbids");
        self.note(IssueKind::IllegalReference, at, detail)
    }

    pub(super) fn undeclared_entity(&mut self, name: &str, at: u64) -> Result<(), ParseError> {
        self.note(IssueKind::UndeclaredEntity, at, format!("&{name}; is not declared"))
    }

    pub(super) fn unknown_entity(&mut self, name: &str, at: u64) -> Result<(), ParseError> {
        self.note(IssueKind::BareAmpersand, at, format!("&{name}; is no entity"))
    }

    pub(super) fn bare_ampersand(&mut self, at: u64) -> Result<(), ParseError> {
        self.note(IssueKind::BareAmpersand, at, "an ampersand that begins no reference")
    }

    /// Passes over the forbidden character at the start of `rest`.
    pub(super) fn illegal_character<'r>(
        &mut self,
        rest: &'r str,
        at: u64,
    ) -> Result<&'r str, ParseError> {
        let mut chars = rest.chars();
        if let Some(c) = chars.next() {
            let detail = format!("the character U+{:04X} is forbidden in XML", u32::from(c));
            self.note(IssueKind::IllegalCharacter, at, detail)?;
        }
        Ok(chars.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tolerant(raw: &str) -> (String, Vec<(IssueKind, u64)>) {
        let mut issues = Issues::default();
        let mut repairs = Repairs { mode: Mode::Tolerant, issues: &mut issues };
        let text = unescape(raw, 100, &mut repairs).unwrap().into_owned();
        (text, issues.iter().map(|issue| (issue.kind, issue.at)).collect())
    }

    #[test]
    fn clean_text_is_not_copied() {
        let mut issues = Issues::default();
        let mut repairs = Repairs { mode: Mode::Strict, issues: &mut issues };
        assert!(matches!(unescape("Příliš žluťoučký", 0, &mut repairs), Ok(Cow::Borrowed(_))));
        assert_eq!(unescape("ｆｕｌｌ\u{FFFD}", 0, &mut repairs).unwrap(), "ｆｕｌｌ\u{FFFD}");
    }

    #[test]
    fn references_and_line_ends_are_resolved_without_an_issue() {
        let (text, issues) = tolerant("a &lt; b &amp;amp; &#233;&#xE9;\r\nc\rd");
        assert_eq!(text, "a < b &amp; éé\nc\nd");
        assert_eq!(issues, []);
    }

    #[test]
    fn each_repair_is_reported_where_it_was_made() {
        let (text, issues) = tolerant("A\u{B}&nbsp;B&#x1;AT&T &foo; & &#xD800;\u{FFFE}.");
        assert_eq!(text, "A\u{A0}BAT&T &foo; & .");
        assert_eq!(
            issues,
            [
                (IssueKind::IllegalCharacter, 101),
                (IssueKind::UndeclaredEntity, 102),
                (IssueKind::IllegalReference, 109),
                (IssueKind::BareAmpersand, 116),
                (IssueKind::BareAmpersand, 119),
                (IssueKind::BareAmpersand, 125),
                (IssueKind::IllegalReference, 127),
                (IssueKind::IllegalCharacter, 135),
            ]
        );
    }

    #[test]
    fn strict_mode_repairs_nothing() {
        for raw in ["\u{1}", "&nbsp;", "&#0;", "a & b", "&unknown;"] {
            let mut issues = Issues::default();
            let mut repairs = Repairs { mode: Mode::Strict, issues: &mut issues };
            assert!(unescape(raw, 0, &mut repairs).is_err(), "{raw:?}");
        }
    }
}
