//! The one character that PostgreSQL does not take.

use std::borrow::Cow;

use crate::error::{RunError, Stage};

/// Whether PostgreSQL takes this text.
pub(super) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

/// The text with its NUL characters made visible, as `␀`.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    match is_storable(text) {
        true => text.into(),
        false => text.replace('\0', "␀").into(),
    }
}

/// A source of this name can be kept.
///
/// # Errors
/// If it has a NUL character.
pub(super) fn check(source: &str) -> Result<(), RunError> {
    match is_storable(source) {
        true => Ok(()),
        false => {
            let message = format!("the name of source {} contains a NUL character", shown(source));
            Err(RunError::new(Stage::Sink, message))
        }
    }
}
