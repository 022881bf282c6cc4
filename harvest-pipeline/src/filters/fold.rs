//! When two texts are the same.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text in the form in which texts are compared: composed (NFC), because catalogues export `č`
/// as one character or as two and nobody can see which; and in lower case, unless case matters.
pub(super) fn fold(text: &str, ignore_case: bool) -> Cow<'_, str> {
    let composed: Cow<'_, str> = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.into(),
        _ => text.nfc().collect::<String>().into(),
    };
    let is_folded = |text: &str| !text.chars().any(char::is_uppercase);
    if !ignore_case || is_folded(&composed) {
        return composed;
    }
    composed.to_lowercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_letters_are_the_same() {
        assert_eq!(fold("C\u{30c}apek", false), "\u{10c}apek");
        assert_eq!(fold("\u{10c}apek", true), "\u{10d}apek");
        assert!(matches!(fold("題名", true), Cow::Borrowed(_)));
    }
}
