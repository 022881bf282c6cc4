//! The words by which records are found.
//!
//! They are taken apart here and not by the database, so that they do not depend on its locale, and
//! so that Chinese and Japanese texts, which have no spaces, can be searched: every two neighbours
//! of their characters are a word.

use std::collections::BTreeSet;

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// How much of a word counts, in bytes.
const LENGTH: usize = 128;
/// How many bytes of words are kept of a record.
const TOTAL: usize = 256 * 1024;

/// The words of a record, each once, in order of their bytes.
#[derive(Debug, Default)]
pub(crate) struct Words {
    words: BTreeSet<String>,
    bytes: usize,
    current: String,
    /// The last character of a text without spaces.
    before: Option<char>,
    /// Whether that one has had a neighbour.
    paired: bool,
}

impl Words {
    /// Adds what is written between the tags of an XML document. It need not be well-formed.
    pub(crate) fn add_xml(&mut self, xml: &str) {
        let mut rest = xml;
        while let Some(at) = rest.find(['<', '&']) {
            let (text, markup) = rest.split_at(at);
            self.add_chars(text);
            rest =
                if markup.starts_with('<') { self.markup(markup) } else { self.reference(markup) };
        }
        self.add_text(rest);
    }

    /// Adds a text.
    pub(crate) fn add_text(&mut self, text: &str) {
        self.add_chars(text);
        self.end_word();
    }

    /// The words, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// Behind a tag, a comment, or the bounds of a CDATA section. Tags part words.
    fn markup<'x>(&mut self, markup: &'x str) -> &'x str {
        self.end_word();
        let end = match markup {
            _ if markup.starts_with("<![CDATA[") => return &markup["<![CDATA[".len()..],
            _ if markup.starts_with("<!--") => "-->",
            _ => ">",
        };
        markup.find(end).map_or("", |at| &markup[at + end.len()..])
    }

    /// Behind a reference. Those that are not to a character by number are to signs that part words.
    fn reference<'x>(&mut self, markup: &'x str) -> &'x str {
        let behind = &markup[1..];
        let Some((name, rest)) = behind.split_once(';').filter(|(name, _)| name.len() <= 8) else {
            self.end_word();
            return behind;
        };
        let character = name.strip_prefix('#').and_then(|number| {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        });
        match character {
            Some(character) => self.add_char(character),
            None => self.end_word(),
        }
        rest
    }

    fn add_chars(&mut self, text: &str) {
        text.chars().for_each(|character| self.add_char(character));
    }

    fn add_char(&mut self, character: char) {
        match character {
            'a'..='z' | '0'..='9' => self.push(character),
            'A'..='Z' => self.push(character.to_ascii_lowercase()),
            '\0'..='\x7f' => self.end_word(),
            // Their signs are part of the character.
            '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7a3}' => self.push(character),
            _ => {
                for folded in character.to_lowercase() {
                    decompose_compatible(folded, |part| {
                        if part.is_alphanumeric() {
                            self.push(part);
                        } else if !is_combining_mark(part) {
                            self.end_word();
                        }
                    });
                }
            }
        }
    }

    fn push(&mut self, character: char) {
        if !has_no_spaces(character) {
            if self.before.is_some() {
                self.end_word();
            }
            if self.current.len() < LENGTH {
                self.current.push(character);
            }
            return;
        }
        match self.before {
            Some(before) => {
                self.keep([before, character].iter().collect());
                self.paired = true;
            }
            None => self.end_word(),
        }
        self.before = Some(character);
    }

    fn end_word(&mut self) {
        if !self.current.is_empty() {
            let word = std::mem::take(&mut self.current);
            self.keep(word);
        }
        if let Some(alone) = self.before.take()
            && !std::mem::take(&mut self.paired)
        {
            self.keep(alone.to_string());
        }
    }

    fn keep(&mut self, word: String) {
        if self.bytes + word.len() <= TOTAL {
            let length = word.len();
            if self.words.insert(word) {
                self.bytes += length;
            }
        }
    }
}

/// Whether a character is of a script that is written without spaces.
fn has_no_spaces(character: char) -> bool {
    matches!(
        character,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
            | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(xml: &str) -> Vec<String> {
        let mut words = Words::default();
        words.add_xml(xml);
        words.iter().map(str::to_owned).collect()
    }

    #[test]
    fn words_are_what_is_between_tags_in_lower_case_and_without_accents() {
        let xml = "<dc:title lang=\"en\">The ÉTUDE, of C\u{30c}apek&#8217;s R&amp;D</dc:title>\
                   <!-- not <this> --><x>10.1000/ab-c</x><![CDATA[Straße]]>caf&#xe9;";
        let expected = [
            "10", "1000", "ab", "c", "cafe", "capek", "d", "etude", "of", "r", "s", "straße", "the",
        ];
        assert_eq!(words_of(xml), expected);
    }

    #[test]
    fn texts_without_spaces_are_taken_apart_by_two_characters() {
        assert_eq!(words_of("<t>東京大学 A館 学</t>"), ["a", "京大", "大学", "学", "東京", "館"]);
        assert_eq!(words_of("<t>ガラス</t>"), ["ガラ", "ラス"]);
    }

    #[test]
    fn broken_markup_is_no_reason_to_fail() {
        assert_eq!(words_of("a<b"), ["a"]);
        assert_eq!(words_of("a & b &# &#xffffffff; &"), ["a", "b"]);
        assert_eq!(words_of("<!-- a"), Vec::<String>::new());
        assert_eq!(words_of("NUL \0 x"), ["nul", "x"]);
    }

    #[test]
    fn what_is_kept_of_a_record_is_limited() {
        let long = "x".repeat(10 * LENGTH);
        assert_eq!(words_of(&long), ["x".repeat(LENGTH)]);
        let many: String = (0..100_000).map(|n| format!("{n:06} ")).collect();
        let words = words_of(&many);
        assert!(words.iter().map(String::len).sum::<usize>() <= TOTAL);
        assert_eq!(words.len(), TOTAL / 6);
    }
}
