//! One condition on one field.

use std::fmt;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::FilterError;
use super::fold::fold;
use crate::error::RecordError;
use crate::filter::Candidate;

/// The fields that every record has.
const OF_THE_HEADER: [&str; 4] = ["@identifier", "@datestamp", "@set", "@format"];
/// The memory a compiled pattern may take, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;

/// A condition on the values of one field.
///
/// A field may have several values; the condition holds if it holds for *any* of them. Negated, it
/// holds if it holds for none, so also if the field is missing. Operations look at the whole value:
/// `equals abc` does not accept `xabcx`.
///
/// The field is one that the parser names: `title` of Dublin Core, `100a` of MARC. Every record has
/// `@identifier`, `@datestamp`, `@set` and `@format` besides.
///
/// Written in one line, it is `FIELD [not] OPERATION VALUE`:
/// ```
/// use harvest_pipeline::filters::{Expression, Test};
///
/// let expression: Expression = "100a starts-with Čapek, ".parse()?;
/// assert_eq!(expression, Expression::new("100a", Test::StartsWith("Čapek,".into())));
/// assert_eq!("@set not equals fond:7".parse::<Expression>()?.to_string(), "@set not equals fond:7");
/// # Ok::<_, harvest_pipeline::filters::FilterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Expression {
    /// The field's name.
    pub field: String,
    /// Whether it must not hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
    /// What must hold of a value.
    #[serde(flatten)]
    pub test: Test,
}

/// What an [`Expression`] asks of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "operation", content = "value", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Test {
    /// It is this text.
    Equals(String),
    /// It has this text in it.
    Contains(String),
    /// It begins with this text.
    StartsWith(String),
    /// It ends with this text.
    EndsWith(String),
    /// This regular expression (syntax of the `regex` crate, linear time) matches somewhere in it.
    Matches(String),
    /// There is a value at all.
    Exists,
}

impl Expression {
    /// The condition that a value of `field` passes `test`.
    #[must_use]
    pub fn new(field: impl Into<String>, test: Test) -> Self {
        Self { field: field.into(), not: false, test }
    }

    /// The opposite.
    #[must_use]
    pub fn negate(mut self) -> Self {
        self.not = !self.not;
        self
    }
}

impl Test {
    fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Equals(value) => ("equals", Some(value)),
            Self::Contains(value) => ("contains", Some(value)),
            Self::StartsWith(value) => ("starts-with", Some(value)),
            Self::EndsWith(value) => ("ends-with", Some(value)),
            Self::Matches(value) => ("matches", Some(value)),
            Self::Exists => ("exists", None),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operation, value) = self.test.parts();
        write!(f, "{} {}{operation}", self.field, if self.not { "not " } else { "" })?;
        value.map_or(Ok(()), |value| write!(f, " {value}"))
    }
}

impl FromStr for Expression {
    type Err = FilterError;

    /// Reads `FIELD [not] OPERATION VALUE`. White space around the value is cut off.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let syntax = || FilterError::Syntax(text.to_owned());
        let word = |text: &str| -> Option<(String, String)> {
            let text = text.trim_start();
            let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            (!word.is_empty()).then(|| (word.to_owned(), rest.trim().to_owned()))
        };
        let (field, rest) = word(text).ok_or_else(syntax)?;
        let (first, after) = word(&rest).ok_or_else(syntax)?;
        let not = first == "not";
        let (operation, value) =
            if not { word(&after).ok_or_else(syntax)? } else { (first, after) };
        let test = match (operation.as_str(), value.is_empty()) {
            ("equals", false) => Test::Equals(value),
            ("contains", false) => Test::Contains(value),
            ("starts-with", false) => Test::StartsWith(value),
            ("ends-with", false) => Test::EndsWith(value),
            ("matches", false) => Test::Matches(value),
            ("exists", true) => Test::Exists,
            _ => return Err(syntax()),
        };
        Ok(Self { field, not, test })
    }
}

/// An expression made ready to be asked often.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    field: String,
    not: bool,
    test: Ready,
    ignore_case: bool,
}

/// The texts in the form of [`fold`].
#[derive(Clone, Debug)]
enum Ready {
    Equals(String),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Matches(Regex),
    Exists,
}

impl Compiled {
    pub(super) fn new(expression: &Expression, ignore_case: bool) -> Result<Self, FilterError> {
        let Expression { field, not, test } = expression;
        if field.trim().is_empty() {
            return Err(FilterError::NoField);
        }
        let folded = |text: &String| fold(text, ignore_case).into_owned();
        let test = match test {
            Test::Equals(text) => Ready::Equals(folded(text)),
            Test::Contains(text) => Ready::Contains(folded(text)),
            Test::StartsWith(text) => Ready::StartsWith(folded(text)),
            Test::EndsWith(text) => Ready::EndsWith(folded(text)),
            Test::Matches(pattern) => Ready::Matches(
                RegexBuilder::new(&fold(pattern, false))
                    .case_insensitive(ignore_case)
                    .size_limit(LARGEST_PATTERN)
                    .build()
                    .map_err(|error| FilterError::pattern(field, pattern, &error))?,
            ),
            Test::Exists => Ready::Exists,
        };
        Ok(Self { field: field.trim().to_owned(), not: *not, test, ignore_case })
    }

    /// The key of the parser's field it is about, unless it is about the header.
    pub(super) fn key(&self) -> Option<&str> {
        Some(&*self.field).filter(|field| !OF_THE_HEADER.contains(field))
    }

    /// Whether the record meets the condition.
    pub(super) fn holds(&self, candidate: &Candidate<'_>) -> Result<bool, RecordError> {
        let item = candidate.item();
        let any = match self.field.as_str() {
            "@identifier" => self.passes(&item.identifier),
            "@datestamp" => item.datestamp.as_deref().is_some_and(|value| self.passes(value)),
            "@set" => item.sets.iter().any(|value| self.passes(value)),
            "@format" => item.payload().is_some_and(|payload| self.passes(&payload.format)),
            field => candidate.fields()?.get(field).iter().any(|value| self.passes(value)),
        };
        Ok(any != self.not)
    }

    fn passes(&self, value: &str) -> bool {
        if let Ready::Matches(pattern) = &self.test {
            return pattern.is_match(&fold(value, false));
        }
        let value = fold(value, self.ignore_case);
        match &self.test {
            Ready::Equals(text) => value == text.as_str(),
            Ready::Contains(text) => value.contains(text.as_str()),
            Ready::StartsWith(text) => value.starts_with(text.as_str()),
            Ready::EndsWith(text) => value.ends_with(text.as_str()),
            Ready::Matches(_) | Ready::Exists => true,
        }
    }
}
