//! When two texts are the same.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The text in the form in which texts are compared: composed (NFC), because catalogues export `č`
/// as one character or as two and nobody can see which; and in lower case, unless case matters.
pub(super) fn fold(text: &str, ignore_case: bool) -> Cow<'_, str> {
    if text.is_ascii() {
        let is_folded = !ignore_case || !text.bytes().any(|b| b.is_ascii_uppercase());
        return if is_folded { text.into() } else { text.to_ascii_lowercase().into() };
    }
    let composed: Cow<'_, str> =
        if is_composed(text) { text.into() } else { text.nfc().collect::<String>().into() };
    let is_folded = |text: &str| !text.chars().any(char::is_uppercase);
    if !ignore_case || is_folded(&composed) {
        return composed;
    }
    composed.to_lowercase().into()
}

/// Whether the text is composed for sure.
fn is_composed(text: &str) -> bool {
    // Characters below U+0300 are. In UTF-8 the others begin with this byte or a higher one.
    const FIRST: u8 = 0xCC;
    text.bytes().all(|b| b < FIRST) || is_nfc_quick(text.chars()) == IsNormalized::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_letters_are_the_same() {
        assert_eq!(fold("C\u{30c}apek", false), "\u{10c}apek");
        assert_eq!(fold("\u{10c}apek", true), "\u{10d}apek");
        assert_eq!(
            (fold("R.U.R.", true), fold("R.U.R.", false)),
            ("r.u.r.".into(), "R.U.R.".into())
        );
        assert_eq!(fold("\u{212B}ngstr\u{F6}m", true), "\u{E5}ngstr\u{F6}m");
        assert!(matches!(fold("題名", true), Cow::Borrowed(_)));
    }
}
