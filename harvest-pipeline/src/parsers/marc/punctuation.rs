//! The punctuation that ISBD puts between the parts of a description.

use super::record::MarcField;
use crate::parsers::Text;

/// The value without the punctuation that leads to the next part. A full stop stays behind a word of
/// at most four letters, which may be an initial or an abbreviation.
pub(super) fn ended(value: &str) -> &str {
    let value = value.trim().trim_end_matches([' ', '/', ':', ';', ',', '=']);
    let Some(without) = value.strip_suffix('.') else { return value };
    let last = without.rsplit([' ', '.', '-']).next().unwrap_or(without);
    if last.chars().count() > 4 { without } else { value }
}

/// The subfields with these codes as one text, ended.
pub(super) fn joined(field: &MarcField<'_>, codes: &str) -> String {
    let parts = field.subfields().filter(|(code, _)| codes.contains(*code));
    let mut whole = with_between(" ", parts.map(|(_, part)| part));
    let ended = ended(&whole);
    if whole.starts_with(ended) {
        whole.truncate(ended.len());
        return whole;
    }
    ended.to_owned()
}

/// The parts that have something in them, with this between them.
pub(super) fn with_between<'p>(between: &str, parts: impl Iterator<Item = &'p str>) -> String {
    let mut whole = String::new();
    for part in parts.filter(|part| !part.is_empty()) {
        if !whole.is_empty() {
            whole.push_str(between);
        }
        whole.push_str(part);
    }
    whole
}

pub(super) fn text(value: impl Into<String>) -> Text {
    Text::new(value)
}

#[cfg(test)]
mod tests {
    use super::ended;

    #[test]
    fn a_full_stop_stays_behind_initials_and_abbreviations() {
        let values = ["Němcová, Božena,", "Babička /", "Tolkien, J. R. R.,", "2. vyd.", "Praha :"];
        assert_eq!(
            values.map(ended),
            ["Němcová, Božena", "Babička", "Tolkien, J. R. R.", "2. vyd.", "Praha"]
        );
        assert_eq!(ended("Women authors."), "Women authors");
    }
}
