//! The words of a text, for finding it by them.
//!
//! Words are compared without case, accents and width. Scripts that are written without spaces are
//! cut into pairs of characters that stand side by side: 機関誌 has the words 機関, 関誌 and 誌, so
//! that a search for any part of it finds it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use resync_core::xml::text_of;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// No word is told from another by what comes behind so many characters.
const LONGEST: usize = 64;
/// How many different words of a record can be found.
const MOST: usize = 20_000;
/// How many different words are looked for.
const MOST_ASKED: usize = 50;

/// The words of one record, each once.
#[derive(Debug, Default)]
pub(crate) struct Words(BTreeSet<String>);

impl Words {
    /// Adds those of a text.
    pub(crate) fn add(&mut self, text: &str) {
        each_run(text, |run| {
            if self.0.len() >= MOST {
                return;
            }
            match run {
                Run::Word(word) => {
                    if !self.0.contains(word) {
                        self.0.insert(word.to_owned());
                    }
                }
                Run::Unspaced(characters) => {
                    self.0.extend(pairs(characters));
                    self.0.extend(characters.last().map(char::to_string));
                }
            }
        });
    }

    /// Adds those of a document's text, without its markup.
    pub(crate) fn add_xml(&mut self, xml: &str) {
        for piece in xml.split('<') {
            let text = match piece.strip_prefix("![CDATA[") {
                Some(data) => Cow::Borrowed(data),
                None => text_of(piece.split_once('>').map_or("", |(_, text)| text)),
            };
            if !text.trim_ascii().is_empty() {
                self.add(&text);
            }
        }
    }

    /// The words, with a space between one and the next.
    pub(crate) fn into_text(self) -> String {
        self.0.into_iter().collect::<Vec<_>>().join(" ")
    }
}

/// What must be found in the language of FTS5: every word, and of the last the beginning. `None` if
/// there is no word in it.
pub(crate) fn expression(text: &str) -> Option<String> {
    let mut terms = BTreeSet::new();
    let mut last = None;
    each_run(text, |run| {
        if terms.len() >= MOST_ASKED {
            return;
        }
        match run {
            Run::Word(word) => {
                // The one before is not the last.
                terms.extend(last.replace(format!("\"{word}\"")));
            }
            Run::Unspaced([character]) => {
                terms.extend(last.take());
                terms.insert(format!("\"{character}\" *"));
            }
            Run::Unspaced(characters) => {
                terms.extend(last.take());
                terms.extend(pairs(characters).map(|pair| format!("\"{pair}\"")));
            }
        }
    });
    terms.extend(last.map(|last| last + " *"));
    (!terms.is_empty()).then(|| terms.into_iter().collect::<Vec<_>>().join(" AND "))
}

/// Characters that belong together.
enum Run<'t> {
    /// A word.
    Word(&'t str),
    /// Any number of words, written without spaces.
    Unspaced(&'t [char]),
}

fn pairs(characters: &[char]) -> impl Iterator<Item = String> {
    characters.windows(2).map(|pair| pair.iter().collect())
}

/// Hands over what the text consists of, folded.
fn each_run(text: &str, mut found: impl FnMut(Run<'_>)) {
    let mut word = String::new();
    let mut length = 0;
    let mut unspaced = Vec::new();
    let mut take = |character: char| {
        let is_unspaced = is_unspaced(character);
        if !is_unspaced && !unspaced.is_empty() {
            found(Run::Unspaced(&unspaced));
            unspaced.clear();
        }
        if is_unspaced || !character.is_alphanumeric() {
            if !word.is_empty() {
                found(Run::Word(&word));
                word.clear();
                length = 0;
            }
            if is_unspaced {
                unspaced.push(character);
            }
        } else if length < LONGEST {
            word.push(character);
            length += 1;
        }
    };
    if text.is_ascii() {
        text.bytes().for_each(|byte| take(char::from(byte.to_ascii_lowercase())));
    } else {
        // The marks of kana make other letters of them, unlike accents.
        let is_accent =
            |it: &char| is_combining_mark(*it) && !matches!(it, '\u{3099}' | '\u{309a}');
        let bare = text.nfkd().filter(|it| !is_accent(it)).nfc();
        bare.flat_map(char::to_lowercase).for_each(&mut take);
    }
    take(' ');
}

/// Whether words are written without spaces in the character's script: kana and Han characters.
fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let mut words = Words::default();
        words.add(text);
        words.into_text()
    }

    #[test]
    fn words_are_folded_and_cut() {
        for (text, expected) in [
            ("The Grandmother's oai:x.org/7", "7 grandmother oai org s the x"),
            ("Babi\u{10d}ka BABIC\u{30c}KA", "babicka"),
            ("機関誌 abc", "abc 機関 誌 関誌"),
            ("ﾎﾟ", "ポ"),
            ("ａｂ２", "ab2"),
            ("- \u{0} \"", ""),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(words(&"x".repeat(1000)), "x".repeat(LONGEST));
    }

    #[test]
    fn markup_is_no_text() {
        let mut words = Words::default();
        words.add_xml("<a href=\"no\"><b>one &amp; two</b><![CDATA[thr<ee]]>four</a>");
        assert_eq!(words.into_text(), "four one thr two");
    }

    #[test]
    fn what_is_asked_is_no_syntax() {
        for (text, expected) in [
            ("one two", "\"one\" AND \"two\" *"),
            ("one AND OR*", "\"and\" AND \"one\" AND \"or\" *"),
            ("機関 x", "\"x\" * AND \"機関\""),
            ("x 機", "\"x\" AND \"機\" *"),
        ] {
            assert_eq!(expression(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(expression(" -\"*^ "), None);
    }
}
