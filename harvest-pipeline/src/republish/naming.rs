//! How the items of several sources are told apart in one repository.

use std::fmt::Write as _;

use crate::batch::SourceId;

/// How the items of several sources are told apart in one repository. Two sources may have the same
/// item: one took it over from the other, or both from a third. So each is named after its source,
/// `oai:NAMESPACE:SOURCE:IDENTIFIER`, and is in a set `SOURCE`, with the sets of the source below it.
///
/// ```
/// use harvest_pipeline::Naming;
///
/// let naming = Naming::new("harvest.example.org");
/// let name = naming.name(&"maps/old".into(), "oai:maps.example:12");
/// assert_eq!(name, "oai:harvest.example.org:maps~2Fold:oai:maps.example:12");
/// let (source, identifier) = naming.read(&name).unwrap();
/// assert_eq!((source.as_str(), identifier), ("maps/old", "oai:maps.example:12"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// `oai:NAMESPACE:`
    head: String,
}

impl Naming {
    /// Names in this namespace: a domain that is the repository's own, and stays so.
    #[must_use]
    pub fn new(namespace: &str) -> Self {
        Self { head: format!("oai:{namespace}:") }
    }

    /// The name of an item of a source.
    #[must_use]
    pub fn name(&self, source: &SourceId, identifier: &str) -> String {
        format!("{}{}:{identifier}", self.head, word(source))
    }

    /// The source and the item of this name; `None` if it is none of ours.
    #[must_use]
    pub fn read<'a>(&self, name: &'a str) -> Option<(SourceId, &'a str)> {
        let (word, identifier) = name.strip_prefix(&self.head)?.split_once(':')?;
        Some((source(word)?, identifier))
    }

    /// The set of a source, and those below it.
    pub(super) fn sets(&self, source: &SourceId, sets: &[String]) -> Vec<String> {
        let own = word(source);
        let below = sets.iter().map(|set| format!("{own}:{set}"));
        std::iter::once(own.clone()).chain(below).collect()
    }

    /// The source that a set is of, and its set there.
    pub(super) fn read_set<'a>(&self, set: &'a str) -> Option<(SourceId, Option<&'a str>)> {
        match set.split_once(':') {
            Some((word, below)) => Some((source(word)?, Some(below))),
            None => Some((source(set)?, None)),
        }
    }
}

/// The id of a source as a word that can stand in an identifier and in a set: what cannot is written
/// in hexadecimal digits behind a tilde.
fn word(source: &SourceId) -> String {
    let mut word = String::new();
    for byte in source.as_str().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                word.push(char::from(byte));
            }
            _ => {
                let _ = write!(word, "~{byte:02X}"); // to a String: cannot fail
            }
        }
    }
    word
}

fn source(word: &str) -> Option<SourceId> {
    let mut bytes = word.bytes();
    let mut id = Vec::with_capacity(word.len());
    while let Some(byte) = bytes.next() {
        id.push(match byte {
            b'~' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(id).ok().map(SourceId::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_has_a_name_and_a_set_of_its_own() {
        let naming = Naming::new("x.org");
        let mut names = Vec::new();
        for source in ["a", "a:b", "a~3Ab", "http://x.org/oai?x=1", "žluť", "a b"] {
            let source = SourceId::from(source);
            for identifier in ["oai:x:1", "", "a:b", "~", "ž"] {
                let name = naming.name(&source, identifier);
                assert_eq!(naming.read(&name), Some((source.clone(), identifier)), "{name}");
                names.push(name);
            }
            let sets = naming.sets(&source, &["s:t".to_owned()]);
            assert_eq!(naming.read_set(&sets[0]), Some((source.clone(), None)));
            assert_eq!(naming.read_set(&sets[1]), Some((source, Some("s:t"))));
            let is_set = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'():".contains(c);
            assert!(sets.iter().all(|set| set.chars().all(is_set)), "{sets:?}");
        }
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for other in ["", "oai:y.org:a:b", "oai:x.org:a", "oai:x.org:~4:b", "oai:x.org:~ff:b"] {
            assert_eq!(naming.read(other), None, "{other}");
        }
    }
}
