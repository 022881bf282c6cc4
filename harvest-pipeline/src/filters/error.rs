use std::fmt;

/// A filter that cannot be built, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// Not an expression.
    #[error(
        "{0:?} is no filter expression: write FIELD [not] OPERATION VALUE, such as \
         \"title contains history\"; the operations are equals, contains, starts-with, ends-with, \
         matches, and exists, which takes no value"
    )]
    Syntax(String),
    /// A regular expression that cannot be read, or would take too much memory.
    #[error("the pattern {pattern:?} of the field {field} cannot be used: {why}")]
    Pattern {
        /// The field it was for.
        field: String,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// An expression whose field has no name.
    #[error("a filter expression needs the name of a field, such as title or 100a")]
    NoField,
    /// A set that would say nothing.
    #[error("the filter set {0:?} has no expressions: add one, or take the set away")]
    NoExpressions(String),
}

impl FilterError {
    pub(super) fn pattern(field: &str, pattern: &str, why: &impl fmt::Display) -> Self {
        Self::Pattern {
            field: field.to_owned(),
            pattern: pattern.to_owned(),
            // The library draws the pattern with a mark below, over several lines.
            why: why.to_string().lines().last().unwrap_or_default().trim().to_owned(),
        }
    }
}
