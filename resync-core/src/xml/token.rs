//! The tags, texts and comments of a document, one after the other.
//!
//! quick-xml's reader was here first. It checks and copies more than is needed for text that has
//! been decoded already and is mostly passed over; this is about twice as fast on whole pages
//! (benches/parse_ratios), and knows a document that is cut off from one that is wrong.

use memchr::{memchr, memmem};

use super::ParseErrorKind;

/// A piece of a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Token<'a> {
    /// `<name …>`, or `<name …/>`.
    Start(Tag<'a>),
    /// `</name>`.
    End(&'a str),
    /// What stands between tags, references and all.
    Text(&'a str),
    /// What stands inside of `<![CDATA[` and `]]>`.
    CData(&'a str),
    /// What stands inside of `<?` and `?>`.
    Instruction(&'a str),
    Comment,
    /// What stands behind `<!DOCTYPE`. Of one with definitions, what stands before these: they are
    /// not read.
    Doctype {
        has_definitions: bool,
    },
    Eof,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Tag<'a> {
    /// What stands between `<` and `>` or `/>`.
    pub(super) content: &'a str,
    /// How much of it is the name.
    pub(super) name_end: usize,
    /// Where in the name a prefix ends.
    pub(super) colon: Option<usize>,
    pub(super) is_empty: bool,
    /// Whether the name of an attribute has `xmlns` in it.
    pub(super) may_declare: bool,
}

/// Reads tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    /// Offset of the next token.
    pub(super) at: usize,
}

/// Why there is no token, and where.
#[derive(Debug)]
pub(super) struct TokenError {
    pub(super) kind: ParseErrorKind,
    pub(super) at: usize,
    pub(super) what: &'static str,
}

impl<'a> Tag<'a> {
    pub(super) fn name(&self) -> &'a str {
        &self.content[..self.name_end]
    }

    pub(super) fn prefix(&self) -> &'a str {
        self.colon.map_or("", |colon| &self.content[..colon])
    }

    pub(super) fn attributes(&self) -> &'a str {
        &self.content[self.name_end..]
    }
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<Token<'a>, TokenError> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest {
            [] => Ok(Token::Eof),
            [b'<', b'/', ..] => self.end_tag(rest),
            [b'<', b'A'..=b'Z' | b'a'..=b'z' | b'_' | b':' | 0x80.., ..] => self.start_tag(rest),
            [b'<', b'!', ..] => self.declaration(rest),
            [b'<', b'?', ..] => {
                let end = self.find(rest, 2, b"?>")?;
                let instruction = &self.text[self.at + 2..self.at + end];
                self.at += end + 2;
                Ok(Token::Instruction(instruction))
            }
            [b'<'] => self.cut_off(),
            [b'<', ..] => self.wrong("a < that begins no tag"),
            _ => {
                let end = memchr(b'<', rest).unwrap_or(rest.len());
                let text = &self.text[self.at..self.at + end];
                self.at += end;
                Ok(Token::Text(text))
            }
        }
    }

    /// Takes the end tag of this name, if it is next, without looking for where it ends.
    #[inline]
    pub(super) fn take_end(&mut self, name: &str) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let end = 2 + name.len();
        let is_next = rest.len() > end
            && rest[end] == b'>'
            && rest.starts_with(b"</")
            && is_same_bytes(&rest[2..end], name.as_bytes());
        if is_next {
            self.at += end + 1;
        }
        is_next
    }

    /// Takes the text up to the next tag together with this tag, if it is the end tag of that name.
    #[inline]
    pub(super) fn take_text_and_end(&mut self, name: &str) -> Option<&'a str> {
        let start = self.at;
        let end = start + memchr(b'<', &self.text.as_bytes()[start..])?;
        self.at = end;
        if self.take_end(name) {
            return Some(&self.text[start..end]);
        }
        self.at = start;
        None
    }

    /// Takes `<name attribute="value">text</name>`, if that is next, to the letter. May have gone on
    /// where it is not.
    #[inline]
    pub(super) fn take_plain(&mut self, name: &str, attribute: &str) -> Option<(&'a str, &'a str)> {
        let rest = &self.text.as_bytes()[self.at..];
        let equals = 2 + name.len() + attribute.len();
        let [b'<', names @ .., b'=', b'"'] = rest.get(..equals + 2)? else { return None };
        let (own, of_attribute) = names.split_at_checked(name.len())?;
        let is_next = is_same_bytes(own, name.as_bytes())
            && of_attribute
                .strip_prefix(b" ")
                .is_some_and(|it| is_same_bytes(it, attribute.as_bytes()));
        let value = Some(equals + 2).filter(|_| is_next)?;
        let end = value + find_near(b'"', &rest[value..])?;
        rest.get(end + 1).filter(|close| **close == b'>')?;
        let value = &self.text[self.at + value..self.at + end];
        self.at += end + 2;
        Some((value, self.take_text_and_end(name)?))
    }

    /// Passes over white space.
    #[inline]
    pub(super) fn skip_blanks(&mut self) {
        let blanks = self.text.as_bytes()[self.at..].iter();
        self.at += blanks.take_while(|b| b.is_ascii_whitespace()).count();
    }

    #[inline]
    fn end_tag(&mut self, rest: &[u8]) -> Result<Token<'a>, TokenError> {
        let Some(close) = memchr(b'>', &rest[2..]) else { return self.cut_off() };
        let name = &self.text[self.at + 2..self.at + 2 + close];
        self.at += 2 + close + 1;
        // White space before the `>` is rare.
        Ok(Token::End(if name.ends_with(|c: char| c.is_ascii_whitespace()) {
            name.trim_ascii_end()
        } else {
            name
        }))
    }

    #[inline]
    fn start_tag(&mut self, rest: &[u8]) -> Result<Token<'a>, TokenError> {
        let mut colon = None;
        let mut end = 1;
        let name_end = loop {
            match rest.get(end) {
                Some(b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n') => break end - 1,
                Some(b':') => colon = colon.or(Some(end - 1)),
                Some(b'<') => return self.wrong("a tag that is not closed"),
                Some(_) => {}
                None => return self.cut_off(),
            }
            end += 1;
        };
        let mut may_declare = false;
        loop {
            match rest.get(end) {
                Some(b'>') => break,
                Some(b'x') => may_declare |= rest[end..].starts_with(b"xmlns"),
                Some(quote @ (b'"' | b'\'')) => match find_near(*quote, &rest[end + 1..]) {
                    Some(length) => end += length + 1,
                    None => return self.cut_off(),
                },
                Some(b'<') => return self.wrong("a tag that is not closed"),
                Some(_) => {}
                None => return self.cut_off(),
            }
            end += 1;
        }
        let is_empty = rest[end - 1] == b'/';
        let content = &self.text[self.at + 1..self.at + end - usize::from(is_empty)];
        self.at += end + 1;
        Ok(Token::Start(Tag { content, name_end, colon, is_empty, may_declare }))
    }

    fn declaration(&mut self, rest: &[u8]) -> Result<Token<'a>, TokenError> {
        const COMMENT: &[u8] = b"<!--";
        const CDATA: &[u8] = b"<![CDATA[";
        const DOCTYPE: &[u8] = b"<!DOCTYPE";

        if rest.starts_with(COMMENT) {
            self.at += self.find(rest, COMMENT.len(), b"-->")? + 3;
            return Ok(Token::Comment);
        }
        if rest.starts_with(CDATA) {
            let end = self.find(rest, CDATA.len(), b"]]>")?;
            let data = &self.text[self.at + CDATA.len()..self.at + end];
            self.at += end + 3;
            return Ok(Token::CData(data));
        }
        let start = &rest[..rest.len().min(DOCTYPE.len())];
        if DOCTYPE[..start.len()].eq_ignore_ascii_case(start) && start.len() == DOCTYPE.len() {
            return self.doctype(rest);
        }
        if [COMMENT, CDATA, DOCTYPE].iter().any(|whole| whole.starts_with(rest)) {
            return self.cut_off();
        }
        self.wrong("a declaration that XML does not know")
    }

    fn doctype(&mut self, rest: &[u8]) -> Result<Token<'a>, TokenError> {
        let mut end = 0;
        loop {
            match rest.get(end) {
                Some(b'>') => break,
                Some(b'[') => return Ok(Token::Doctype { has_definitions: true }),
                Some(quote @ (b'"' | b'\'')) => match find_near(*quote, &rest[end + 1..]) {
                    Some(length) => end += length + 1,
                    None => return self.cut_off(),
                },
                Some(_) => {}
                None => return self.cut_off(),
            }
            end += 1;
        }
        self.at += end + 1;
        Ok(Token::Doctype { has_definitions: false })
    }

    /// Offset in `rest` of what ends the token.
    fn find(&self, rest: &[u8], from: usize, closing: &[u8]) -> Result<usize, TokenError> {
        match memmem::find(&rest[from..], closing) {
            Some(end) => Ok(from + end),
            None => self.cut_off(),
        }
    }

    #[cold]
    fn cut_off<T>(&self) -> Result<T, TokenError> {
        let at = self.text.len();
        Err(TokenError { kind: ParseErrorKind::Truncated, at, what: "the document ends in a tag" })
    }

    #[cold]
    fn wrong<T>(&self, what: &'static str) -> Result<T, TokenError> {
        Err(TokenError { kind: ParseErrorKind::Syntax, at: self.at, what })
    }
}

/// Offset of a byte that is most likely near: attributes are short, and a vector search takes longer
/// to begin than they take to pass over.
#[inline]
pub(super) fn find_near(byte: u8, bytes: &[u8]) -> Option<usize> {
    match bytes.first_chunk() {
        Some(near) => find_in_word(byte, near).or_else(|| memchr(byte, bytes)),
        None => bytes.iter().position(|b| *b == byte),
    }
}

#[inline]
fn find_in_word(byte: u8, word: &[u8; 8]) -> Option<usize> {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

    let differs = u64::from_le_bytes(*word) ^ (LOW * u64::from(byte));
    // The lowest high bit that is set in this is that of the first byte that does not differ.
    match differs.wrapping_sub(LOW) & !differs & HIGH {
        0 => None,
        found => Some(found.trailing_zeros() as usize / 8),
    }
}

/// Whether two names are the same. Names are short and compared for every tag: inlined, this is
/// several times faster than the call into the C library that `==` becomes.
#[inline]
pub(super) fn is_same(a: &str, b: &str) -> bool {
    is_same_bytes(a.as_bytes(), b.as_bytes())
}

#[inline]
fn is_same_bytes(a: &[u8], b: &[u8]) -> bool {
    let ((words_a, rest_a), (words_b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    a.len() == b.len()
        && words_a
            .iter()
            .zip(words_b)
            .all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
        && rest_a.iter().zip(rest_b).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut tokens = Tokens::new(text, 0);
        let mut seen = Vec::new();
        loop {
            match tokens.next() {
                Ok(Token::Eof) => return seen,
                Ok(Token::Start(tag)) => seen.push(format!(
                    "<{}|{}|{}>",
                    tag.prefix(),
                    tag.name(),
                    tag.attributes().trim_ascii()
                )),
                Ok(token) => seen.push(format!("{token:?}")),
                Err(error) => {
                    seen.push(format!("{:?} at {}", error.kind, error.at));
                    return seen;
                }
            }
        }
    }

    #[test]
    fn a_document_is_cut_into_its_tokens() {
        assert_eq!(
            tokens(
                "<?xml?><!DOCTYPE a \"]>\"><a:b c='>' d=\"/\"/>x&y;<é\n></é ><![CDATA[<]]]]><!-->-->"
            ),
            [
                "Instruction(\"xml\")",
                "Doctype { has_definitions: false }",
                "<a|a:b|c='>' d=\"/\">",
                "Text(\"x&y;\")",
                "<|é|>",
                "End(\"é\")",
                "CData(\"<]]\")",
                "Comment",
            ]
        );
    }

    #[test]
    fn what_is_cut_off_is_told_from_what_is_wrong() {
        for text in [
            "<",
            "<a",
            "<a b='",
            "<a b='x'",
            "</",
            "</a",
            "<!",
            "<!-",
            "<!--",
            "<!-- --",
            "<![CD",
            "<![CDATA[ ]]",
            "<!DOC",
            "<!DOCTYPE a",
            "<?",
            "<?a ?",
        ] {
            assert_eq!(tokens(text), [format!("Truncated at {}", text.len())], "{text}");
        }
        for text in ["< a>", "<1>", "<!ELEMENT a>", "<a <b>", "<a\u{0}<", "<>"] {
            assert_eq!(tokens(text), ["Syntax at 0"], "{text}");
        }
    }

    #[test]
    fn a_byte_is_found_near_and_far() {
        for at in 0..40 {
            for length in at + 1..42 {
                let mut bytes = vec![b'"' ^ 1; length];
                bytes[at..].fill(b'"');
                assert_eq!(find_near(b'"', &bytes), Some(at), "{length}");
                assert_eq!(find_near(b'"' ^ 2, &bytes), None, "{length}");
                assert_eq!(find_near(0xFF, &bytes), None, "{length}");
            }
        }
    }

    #[test]
    fn names_are_compared_whole() {
        for name in ["", "a", "abcdefg", "abcdefgh", "abcdefghi", "http://www.openarchives.org/"] {
            assert!(is_same(name, name));
            assert!(!is_same(name, &format!("{name}x")));
            let mut other = name.to_owned();
            if other.pop().is_some() {
                assert!(!is_same(name, &format!("{other}!")));
            }
        }
    }
}
