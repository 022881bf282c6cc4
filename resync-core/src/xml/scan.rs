//! Passes over an element without looking inside more than it must.
//!
//! Metadata is kept as it was sent, so most of a page only has to be passed over. This checks what
//! it must be sure of (each start tag has its end tag, prefixes are declared, the depth is bounded)
//! and notes which of the outer prefixes are used.

use memchr::{memchr_iter, memmem};

use super::token::{Tag, Token, TokenError, Tokens, is_same};
use super::{Bindings, Limits, ParseErrorKind};

/// Which of the bindings declared outside an element are of interest inside it.
#[derive(Debug, Default)]
pub(super) struct Watch<'b> {
    /// Bit of the default namespace.
    default: u64,
    /// Bits of the prefixes.
    prefixes: Vec<(&'b str, u64)>,
    /// What is declared outside and by the element itself; `None` where nobody wants to know.
    declared: Option<(&'b Bindings, &'b [&'b str])>,
}

/// What was passed over.
#[derive(Debug)]
pub(super) struct Skipped {
    /// Offset behind the end tag.
    pub(super) end: usize,
    /// The watched bindings that are, or may be, used: a bit each.
    pub(super) used: u64,
    /// Whether an XML declaration stands inside.
    pub(super) declaration: bool,
}

/// Why it cannot be passed over, and where.
#[derive(Debug)]
pub(super) struct ScanError {
    pub(super) kind: ParseErrorKind,
    pub(super) at: usize,
    pub(super) what: String,
}

impl From<TokenError> for ScanError {
    fn from(TokenError { kind, at, what }: TokenError) -> Self {
        Self { kind, at, what: what.to_owned() }
    }
}

impl<'b> Watch<'b> {
    /// Watches all bindings but those that the element declares anew itself, its `own`; and that
    /// every prefix is declared.
    pub(super) fn new(outer: &'b Bindings, own: &'b [&'b str]) -> Self {
        let mut watch = Self { declared: Some((outer, own)), ..Self::default() };
        let bits = (0..Bindings::TRACKED).map(|n| 1 << n);
        for ((prefix, _), bit) in outer.iter().zip(bits) {
            if own.contains(&prefix) {
                continue;
            }
            if prefix.is_empty() {
                watch.default = bit;
            } else {
                watch.prefixes.push((prefix, bit));
            }
        }
        watch
    }

    /// The bits that a tag uses. A prefix that turns up anywhere in the tag counts: attribute
    /// values hold qualified names too (`xsi:type`).
    pub(super) fn used_by(&self, prefix: &str, attributes: &str) -> u64 {
        let mut used = if prefix.is_empty() { self.default } else { 0 };
        for (known, bit) in &self.prefixes {
            if is_same(prefix, known)
                || memmem::find_iter(attributes.as_bytes(), known)
                    .any(|at| attributes.as_bytes().get(at + known.len()) == Some(&b':'))
            {
                used |= bit;
            }
        }
        used
    }

    fn is_declared(&self, prefix: &str) -> bool {
        self.declared.is_none_or(|(outer, own)| {
            // What cannot be tracked could not be carried along.
            let mut tracked = outer.iter().take(Bindings::TRACKED);
            prefix == "xml" || own.contains(&prefix) || tracked.any(|(outer, _)| outer == prefix)
        })
    }
}

/// Passes over an element whose start tag ends before `from`. `open` is room to work in.
pub(super) fn skip_element<'a>(
    text: &'a str,
    from: usize,
    name: &'a str,
    watch: &Watch<'_>,
    limits: &Limits,
    open: &mut Vec<&'a str>,
) -> Result<Skipped, ScanError> {
    open.clear();
    open.push(name);
    let mut skipped = Skipped { end: from, used: 0, declaration: false };
    let mut prefixes = Prefixes { familiar: "", inner: Vec::new() };
    let mut tokens = Tokens::new(text, from);
    while let Some(expected) = open.last() {
        if tokens.take_end(expected) {
            open.pop();
            continue;
        }
        let at = tokens.at;
        match tokens.next()? {
            Token::End(name) if name == *expected => drop(open.pop()),
            Token::End(name) => {
                let what = format!("</{name}> where </{expected}> should be");
                return Err(ScanError { kind: ParseErrorKind::Syntax, at, what });
            }
            Token::Start(tag) => {
                skipped.used |= watch.used_by(tag.prefix(), tag.attributes());
                if !prefixes.has(&tag, watch) {
                    let what = format!("the prefix {} is not declared", tag.prefix());
                    return Err(ScanError { kind: ParseErrorKind::Syntax, at, what });
                }
                if !tag.is_empty {
                    if open.len() >= limits.depth {
                        let what = "elements are nested too deeply".to_owned();
                        return Err(ScanError { kind: ParseErrorKind::Limit, at, what });
                    }
                    open.push(tag.name());
                }
            }
            Token::Instruction(instruction) => {
                skipped.declaration |= super::is_xml_declaration(instruction);
            }
            Token::Doctype { .. } => {
                let what = "a document type declaration inside an element".to_owned();
                return Err(ScanError { kind: ParseErrorKind::Syntax, at, what });
            }
            Token::Eof => {
                let what = format!("the document ends inside <{name}>");
                return Err(ScanError { kind: ParseErrorKind::Truncated, at, what });
            }
            Token::Text(_) | Token::CData(_) | Token::Comment => {}
        }
    }
    skipped.end = tokens.at;
    Ok(skipped)
}

/// The prefixes met inside.
struct Prefixes<'a> {
    /// That of the last tag: most tags have the same.
    familiar: &'a str,
    /// Those that tags inside declare. Where their scope ends is not kept: a prefix used behind it
    /// goes unnoticed.
    inner: Vec<&'a str>,
}

impl<'a> Prefixes<'a> {
    fn has(&mut self, tag: &Tag<'a>, watch: &Watch<'_>) -> bool {
        let attributes = tag.attributes();
        for colon in memchr_iter(b':', attributes.as_bytes()) {
            if attributes[..colon].ends_with("xmlns") {
                let name = &attributes[colon + 1..];
                let end = name.find(|c: char| c == '=' || c.is_ascii_whitespace());
                self.inner.push(&name[..end.unwrap_or(name.len())]);
            }
        }
        let prefix = tag.prefix();
        if prefix.is_empty() || is_same(prefix, self.familiar) {
            return true;
        }
        self.familiar = prefix;
        watch.is_declared(prefix) || self.inner.contains(&prefix)
    }
}
