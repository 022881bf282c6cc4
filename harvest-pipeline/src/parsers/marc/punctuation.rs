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
    let parts = field.subfields().filter(|(code, part)| codes.contains(*code) && !part.is_empty());
    let whole = parts.map(|(_, part)| part).collect::<Vec<_>>().join(" ");
    ended(&whole).to_owned()
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
