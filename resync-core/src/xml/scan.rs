//! Runs over an element without looking inside more than it must.
//!
//! Metadata is kept as it was sent, so most of a page only has to be passed over. This checks what
//! it must be sure of (each start tag has its end tag, quotes and comments are closed, the depth is
//! bounded) and notes which outer prefixes are used, at about twice the speed of an event reader.

use memchr::{memchr, memmem};

use super::{Bindings, Limits, ParseErrorKind};

/// Which of the bindings declared outside an element are of interest inside it.
#[derive(Debug, Default)]
pub(super) struct Watch<'b> {
    /// Bit of the default namespace.
    default: u64,
    /// Bits of the prefixes.
    prefixes: Vec<(&'b str, u64)>,
    /// The prefixes that are declared; `None` where nobody wants to know.
    declared: Option<Vec<&'b str>>,
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

impl<'b> Watch<'b> {
    /// Watches all bindings but those that the element declares anew itself, its `own`; and that
    /// every prefix is declared.
    pub(super) fn new(outer: &'b Bindings, own: &[&'b str]) -> Self {
        let mut declared = vec!["xml"];
        declared.extend_from_slice(own);
        declared.extend(outer.iter().map(|(prefix, _)| prefix));
        let mut watch = Self { declared: Some(declared), ..Self::default() };
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

    /// The bits that the element's own start tag uses.
    pub(super) fn used_by_root(&self, name: &str, colon: Option<usize>, attributes: &str) -> u64 {
        self.used_by(name.as_bytes(), colon, attributes.as_bytes())
    }

    /// The bits that a tag uses. `colon` is where its name's prefix ends. A prefix that turns up
    /// anywhere in the tag counts: attribute values hold qualified names too (`xsi:type`).
    fn used_by(&self, name: &[u8], colon: Option<usize>, attributes: &[u8]) -> u64 {
        let mut used = if colon.is_none() { self.default } else { 0 };
        for (prefix, bit) in &self.prefixes {
            let prefix = prefix.as_bytes();
            if colon.is_some_and(|colon| &name[..colon] == prefix)
                || memmem::find_iter(attributes, prefix)
                    .any(|at| attributes.get(at + prefix.len()) == Some(&b':'))
            {
                used |= bit;
            }
        }
        used
    }
}

/// Passes over an element whose start tag ends before `from`.
pub(super) fn skip_element<'a>(
    text: &'a str,
    from: usize,
    name: &'a str,
    watch: &Watch<'_>,
    limits: &Limits,
    open: &mut Vec<&'a [u8]>,
) -> Result<Skipped, ScanError> {
    let bytes = text.as_bytes();
    let fail = |kind, at, what: &str| Err(ScanError { kind, at, what: what.to_owned() });
    let truncated = || fail(ParseErrorKind::Truncated, bytes.len(), "the document ends here");

    open.clear();
    open.push(name.as_bytes());
    // The prefix of the last tag: most tags have the same.
    let mut familiar: &[u8] = b"";
    let mut inner: Vec<&[u8]> = Vec::new();
    let mut skipped = Skipped { end: from, used: 0, declaration: false };
    let mut at = from;
    loop {
        at = match memchr(b'<', &bytes[at..]) {
            Some(offset) => at + offset,
            None => return truncated(),
        };
        let Some(next) = bytes.get(at + 1) else { return truncated() };
        let rest = &bytes[at..];
        match next {
            b'/' => {
                let expected = open.last().copied().unwrap_or_default();
                let after = &rest[2..];
                let Some(close) = memchr(b'>', after) else { return truncated() };
                if after[..close].trim_ascii_end() != expected {
                    let what = format!(
                        "</{}> where </{}> should be",
                        String::from_utf8_lossy(&after[..close.min(60)]),
                        String::from_utf8_lossy(expected),
                    );
                    return fail(ParseErrorKind::Syntax, at, &what);
                }
                at += 2 + close + 1;
                open.pop();
                if open.is_empty() {
                    skipped.end = at;
                    return Ok(skipped);
                }
            }
            b'!' => {
                let (opening, closing) = if rest.starts_with(b"<!--") {
                    (4, b"-->".as_slice())
                } else if rest.starts_with(b"<![CDATA[") {
                    (9, b"]]>".as_slice())
                } else if rest.len() < 9 {
                    return truncated();
                } else {
                    return fail(ParseErrorKind::Syntax, at, "a declaration where none may be");
                };
                match memmem::find(rest.get(opening..).unwrap_or_default(), closing) {
                    Some(end) => at += opening + end + 3,
                    None => return truncated(),
                }
            }
            b'?' => {
                let Some(end) = memmem::find(rest, b"?>") else { return truncated() };
                let target = &rest[2..end];
                skipped.declaration |= target
                    .strip_prefix(b"xml")
                    .is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace));
                at += end + 2;
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b':' | 0x80.. => {
                let mut colon = None;
                let mut end = 1;
                loop {
                    match rest.get(end) {
                        Some(b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n') => break,
                        Some(b':') => colon = colon.or(Some(end - 1)),
                        Some(b'<') => {
                            return fail(ParseErrorKind::Syntax, at, "a tag that is not closed");
                        }
                        Some(_) => {}
                        None => return truncated(),
                    }
                    end += 1;
                }
                let name = &rest[1..end];
                let attributes = end;
                loop {
                    match rest.get(end) {
                        Some(b'>') => break,
                        Some(quote @ (b'"' | b'\'')) => match memchr(*quote, &rest[end + 1..]) {
                            Some(length) => end += length + 1,
                            None => return truncated(),
                        },
                        Some(b'<') => {
                            return fail(ParseErrorKind::Syntax, at, "a tag that is not closed");
                        }
                        Some(_) => {}
                        None => return truncated(),
                    }
                    end += 1;
                }
                let attributes = &rest[attributes..end];
                skipped.used |= watch.used_by(name, colon, attributes);
                if let Some(declared) = &watch.declared {
                    inner.extend(inner_declarations(attributes));
                    let prefix = &name[..colon.unwrap_or(0)];
                    if prefix != familiar && !prefix.is_empty() {
                        let is = |known: &[u8]| known == prefix;
                        if !declared.iter().any(|known| is(known.as_bytes()))
                            && !inner.iter().any(|known| is(known))
                        {
                            let prefix = String::from_utf8_lossy(prefix);
                            let what = format!("the prefix {prefix} is not declared");
                            return fail(ParseErrorKind::Syntax, at, &what);
                        }
                        familiar = prefix;
                    }
                }
                if rest[end - 1] != b'/' {
                    if open.len() >= limits.depth {
                        return fail(ParseErrorKind::Limit, at, "elements are nested too deeply");
                    }
                    open.push(name);
                }
                at += end + 1;
            }
            _ => return fail(ParseErrorKind::Syntax, at, "a < that begins no tag"),
        }
    }
}

/// The prefixes that a tag inside declares. Where their scope ends is not kept: a prefix used
/// behind it goes unnoticed.
fn inner_declarations(attributes: &[u8]) -> impl Iterator<Item = &[u8]> {
    memmem::find_iter(attributes, b"xmlns:").map(|at| {
        let name = &attributes[at + "xmlns:".len()..];
        let end = name.iter().position(|b| *b == b'=' || b.is_ascii_whitespace());
        &name[..end.unwrap_or(name.len())]
    })
}
