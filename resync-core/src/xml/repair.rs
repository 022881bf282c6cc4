//! Makes a piece of XML well-formed where only characters and references are wrong.

use memchr::{memchr_iter, memmem};

use super::chars::{self, Reference, Repairs};
use super::{IssueKind, ParseError};

/// Whether nothing is wrong with the characters and references of a piece of XML.
fn is_clean(xml: &str) -> bool {
    let bytes = xml.as_bytes();
    // Written so that the compiler makes it a vector loop.
    let control =
        bytes.iter().fold(false, |any, &b| any | (b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')));
    !control
        && memchr_iter(0xEF, bytes).all(|at| !matches!(&bytes[at..], [_, 0xBF, 0xBE | 0xBF, ..]))
        && memchr_iter(b'&', bytes).all(|at| {
            chars::reference_name(&xml[at + 1..]).is_some_and(|name| {
                matches!(chars::resolve(name), Reference::Char(_) | Reference::Text(_))
            })
        })
}

/// A well-formed copy, or `None` where the piece needs none.
///
/// # Errors
/// In strict mode, where something would have to be repaired.
pub(super) fn repair(
    xml: &str,
    at: u64,
    has_declaration: bool,
    repairs: &mut Repairs<'_>,
) -> Result<Option<String>, ParseError> {
    if !has_declaration && is_clean(xml) {
        return Ok(None);
    }
    let mut fixed = String::with_capacity(xml.len() + 64);
    let mut rest = xml;
    while let Some(special) = rest.find(|c| matches!(c, '<' | '&') || !chars::is_allowed(c)) {
        fixed.push_str(&rest[..special]);
        rest = &rest[special..];
        let here = at + (xml.len() - rest.len()) as u64;
        rest = match rest.as_bytes()[0] {
            b'<' => markup(rest, here, repairs, &mut fixed)?,
            b'&' => reference(rest, here, repairs, &mut fixed)?,
            _ => repairs.illegal_character(rest, here)?,
        };
    }
    fixed.push_str(rest);
    // Where the pieces that looked wrong are inside comments and CDATA, nothing was.
    Ok((fixed != xml).then_some(fixed))
}

/// Copies a comment or CDATA section, where an ampersand is only an ampersand; leaves out an XML
/// declaration. Of a tag only the `<` is copied: references in its attributes are like others.
fn markup<'x>(
    rest: &'x str,
    at: u64,
    repairs: &mut Repairs<'_>,
    fixed: &mut String,
) -> Result<&'x str, ParseError> {
    let (opening, closing) = if rest.starts_with("<!--") {
        ("<!--", "-->")
    } else if rest.starts_with("<![CDATA[") {
        ("<![CDATA[", "]]>")
    } else if rest.starts_with("<?") {
        ("<?", "?>")
    } else {
        fixed.push('<');
        return Ok(&rest[1..]);
    };
    // Behind the opening: `<!-->` is only the beginning of a comment.
    let end = memmem::find(&rest.as_bytes()[opening.len()..], closing.as_bytes())
        .map_or(rest.len(), |end| opening.len() + end + closing.len());
    let (mut section, after) = rest.split_at(end);
    if let Some(target) = section.strip_prefix("<?xml")
        && target.starts_with(|c: char| c.is_ascii_whitespace() || c == '?')
    {
        repairs.note(IssueKind::NestedDeclaration, at, "an XML declaration inside the document")?;
        return Ok(after);
    }
    while let Some(illegal) = section.find(|c| !chars::is_allowed(c)) {
        fixed.push_str(&section[..illegal]);
        let here = at + (end - section.len() + illegal) as u64;
        section = repairs.illegal_character(&section[illegal..], here)?;
    }
    fixed.push_str(section);
    Ok(after)
}

fn reference<'x>(
    rest: &'x str,
    at: u64,
    repairs: &mut Repairs<'_>,
    fixed: &mut String,
) -> Result<&'x str, ParseError> {
    let Some(name) = chars::reference_name(&rest[1..]) else {
        repairs.bare_ampersand(at)?;
        fixed.push_str("&amp;");
        return Ok(&rest[1..]);
    };
    let (whole, after) = rest.split_at(name.len() + 2);
    match chars::resolve(name) {
        Reference::Char(_) | Reference::Text(_) => fixed.push_str(whole),
        Reference::Illegal => repairs.illegal_reference(name, at)?,
        Reference::Undeclared(text) => {
            repairs.undeclared_entity(name, at)?;
            for c in text.chars() {
                match c {
                    '<' => fixed.push_str("&lt;"),
                    '&' => fixed.push_str("&amp;"),
                    '"' => fixed.push_str("&quot;"),
                    '\'' => fixed.push_str("&apos;"),
                    c => fixed.push(c),
                }
            }
        }
        Reference::Unknown => {
            repairs.unknown_entity(name, at)?;
            fixed.push_str("&amp;");
            fixed.push_str(&whole[1..]);
        }
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Issues, Mode};

    fn repaired(xml: &str) -> (Option<String>, Vec<IssueKind>) {
        let mut issues = Issues::default();
        let mut repairs = Repairs { mode: Mode::Tolerant, issues: &mut issues };
        let fixed = repair(xml, 0, xml.contains("<?xml"), &mut repairs).unwrap();
        (fixed, issues.iter().map(|issue| issue.kind).collect())
    }

    #[test]
    fn a_clean_piece_is_not_copied() {
        let xml = "<a b='&amp;'>&lt;x&#233; <![CDATA[y]]><!-- z --> ｆ\r\n</a>";
        assert_eq!(repaired(xml), (None, vec![]));
    }

    #[test]
    fn ampersands_in_comments_and_cdata_are_left_alone() {
        assert_eq!(repaired("<a><!-- & --><![CDATA[a & b &nbsp;]]></a>"), (None, vec![]));
    }

    #[test]
    fn what_is_wrong_is_made_well_formed() {
        let (fixed, issues) = repaired(
            "<a t='AT&T'><?xml version='1.0'?>x\u{B}&nbsp;&#x1;<![CDATA[\u{1}&]]>&lt;</a>",
        );
        assert_eq!(fixed.unwrap(), "<a t='AT&amp;T'>x\u{A0}<![CDATA[&]]>&lt;</a>");
        assert_eq!(
            issues,
            [
                IssueKind::BareAmpersand,
                IssueKind::NestedDeclaration,
                IssueKind::IllegalCharacter,
                IssueKind::UndeclaredEntity,
                IssueKind::IllegalReference,
                IssueKind::IllegalCharacter,
            ]
        );
    }
}
