//! The words of a text, for finding it by them.
//!
//! Words are compared without case, accents and width. Scripts that are written without spaces are
//! cut into pairs of characters that stand side by side: 機関誌 has the words 機関, 関誌 and 誌, so
//! that a search for any part of it finds it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound;

use resync_core::xml::text_of;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// No word is told from another by what comes behind so many characters.
const LONGEST: usize = 64;
/// How many different words of a record can be found.
const MOST: usize = 20_000;
/// How many different words are looked for.
const MOST_ASKED: usize = 50;
/// Shorter beginnings are those of too many words.
const SHORT: usize = 3;

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

    /// The words, in order.
    #[cfg(feature = "postgres")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The words, with a space between one and the next.
    pub(crate) fn into_text(self) -> String {
        self.0.into_iter().collect::<Vec<_>>().join(" ")
    }
}

/// What is looked for: words, and what other words begin with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    words: BTreeSet<String>,
    beginnings: BTreeSet<String>,
}

impl Search {
    /// Every word of `text`, and of the last one the beginning; `None` if there is no word in it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut search = Self::default();
        let mut last: Option<String> = None;
        each_run(text, |run| {
            if search.words.len() >= MOST_ASKED {
                return;
            }
            // The one before is not the last.
            search.words.extend(last.take());
            match run {
                Run::Word(word) => last = Some(word.to_owned()),
                Run::Unspaced([character]) => {
                    search.beginnings.insert(character.to_string());
                }
                Run::Unspaced(characters) => search.words.extend(pairs(characters)),
            }
        });
        search.beginnings.extend(last);
        (search != Self::default()).then_some(search)
    }

    /// Whether all is among these words.
    pub(crate) fn is_in(&self, words: &Words) -> bool {
        let begins = |beginning: &String| {
            let next = words.0.range::<str, _>((Bound::Included(&**beginning), Bound::Unbounded));
            next.take(1).any(|word| word.starts_with(&**beginning))
        };
        self.words.is_subset(&words.0) && self.beginnings.iter().all(begins)
    }

    /// What must be found, in PostgreSQL's language of `tsquery`.
    #[cfg(feature = "postgres")]
    pub(crate) fn tsquery(&self) -> String {
        // In quotes, nothing is syntax; and there are none in words.
        let words = self.words.iter().map(|word| format!("'{word}'"));
        let beginnings = self.beginnings.iter().map(|beginning| format!("'{beginning}':*"));
        words.chain(beginnings).collect::<Vec<_>>().join(" & ")
    }

    /// What must be found, in the language of FTS5. That of [`is_in`](Self::is_in) may be less: of
    /// words with short beginnings there are too many.
    pub(crate) fn expression(&self) -> String {
        let is_short = |it: &&String| it.is_ascii() && it.len() < SHORT && !self.words.is_empty();
        let words = self.words.iter().map(|word| format!("\"{word}\""));
        let beginnings = self.beginnings.iter().filter(|it| !is_short(it));
        let all = words.chain(beginnings.map(|beginning| format!("\"{beginning}\" *")));
        all.collect::<Vec<_>>().join(" AND ")
    }
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
    if text.is_ascii() {
        let mut folded = String::new();
        let words = text.split(|it: char| !it.is_ascii_alphanumeric());
        for word in words.filter(|word| !word.is_empty()) {
            folded.clear();
            folded.push_str(&word[..word.len().min(LONGEST)]);
            folded.make_ascii_lowercase();
            found(Run::Word(&folded));
        }
        return;
    }
    // The marks of kana make other letters of them, unlike accents.
    let is_accent = |it: &char| is_combining_mark(*it) && !matches!(it, '\u{3099}' | '\u{309a}');
    let bare = text.nfkd().filter(|it| !is_accent(it)).nfc().flat_map(char::to_lowercase);
    let (mut word, mut length) = (String::new(), 0);
    let mut unspaced = Vec::new();
    for character in bare.chain([' ']) {
        let is_unspaced = is_unspaced(character);
        if !is_unspaced && !unspaced.is_empty() {
            found(Run::Unspaced(&unspaced));
            unspaced.clear();
        }
        if !is_unspaced && character.is_alphanumeric() {
            if length < LONGEST {
                word.push(character);
                length += 1;
            }
            continue;
        }
        if !word.is_empty() {
            found(Run::Word(&word));
            word.clear();
            length = 0;
        }
        if is_unspaced {
            unspaced.push(character);
        }
    }
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
            ("one AND OR*", "\"and\" AND \"one\""),
            ("o", "\"o\" *"),
            ("機関 xyz", "\"機関\" AND \"xyz\" *"),
            ("x 機", "\"x\" AND \"機\" *"),
        ] {
            assert_eq!(Search::read(text).unwrap().expression(), expected, "{text}");
        }
        assert_eq!(Search::read(" -\"*^ "), None);
    }

    #[test]
    fn the_last_word_is_a_beginning() {
        let mut words = Words::default();
        words.add("one twofold 機関誌");
        for (text, expected) in [
            ("one two", true),
            ("two one", false),
            ("tw", true),
            ("twofolds", false),
            ("z", false),
            ("誌 関誌", true),
            ("誌機", false),
        ] {
            assert_eq!(Search::read(text).unwrap().is_in(&words), expected, "{text}");
        }
    }
}
