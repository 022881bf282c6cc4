//! When and by whom the work was published: fields 008, 260 and 264.

use super::bibliographic::left_out;
use super::punctuation::{ended, text};
use super::record::MarcField;
use crate::parser::Issue;
use crate::parsers::bibliographic::{Bibliographic, Date, DateKind};

/// Positions 06–10 have the year, 35–37 the language.
pub(super) fn fixed_field(
    tag: &str,
    field: &MarcField<'_>,
    work: &mut Bibliographic,
) -> Vec<Issue> {
    let value = field.value().unwrap_or_default();
    if !value.is_ascii() || value.len() < 38 {
        return left_out(tag, "40 characters");
    }
    let year = &value[7..11];
    if year.bytes().all(|b| b.is_ascii_digit()) && !year.starts_with("0000") {
        work.add_date(Date::new(DateKind::Issued, year));
    }
    let language = value[35..38].trim();
    let says_nothing = matches!(language, "und" | "zxx" | "mul" | "|||" | "###");
    if !language.is_empty() && !says_nothing {
        work.add_language(language);
    }
    Vec::new()
}

/// Publishers (b) and dates (c); the second indicator of 264 says what happened.
pub(super) fn publication(
    tag: &str,
    field: &MarcField<'_>,
    work: &mut Bibliographic,
) -> Vec<Issue> {
    let function = if tag == "264" { field.indicators()[1] } else { '1' };
    if matches!(function, '1' | ' ') {
        work.publishers.extend(field.all('b').map(ended).filter(|name| !name.is_empty()).map(text));
    }
    for date in field.all('c') {
        let bare =
            date.trim_matches(|c: char| matches!(c, '[' | ']' | '.' | ',' | ';' | ' ' | ':'));
        let without_mark = bare.trim_start_matches(['©', 'c', 'p', '℗']);
        let is_year = without_mark.len() == 4 && without_mark.bytes().all(|b| b.is_ascii_digit());
        let kind = match function {
            _ if is_year && without_mark.len() < bare.len() => DateKind::Copyrighted,
            '0' => DateKind::Created,
            '4' => DateKind::Copyrighted,
            '2' => DateKind::Available,
            '3' => DateKind::Other("Manufactured".to_owned()),
            _ => DateKind::Issued,
        };
        let value = if is_year { without_mark } else { bare };
        if !value.is_empty() {
            work.add_date(Date::new(kind, value));
        }
    }
    Vec::new()
}
