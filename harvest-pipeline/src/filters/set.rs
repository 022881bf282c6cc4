//! Expressions under a name, and the sets of a source together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::FilterError;
use super::expression::{Compiled, Expression};
use crate::error::RecordError;
use crate::filter::{Candidate, Decision, Filter};
use crate::parser::Keys;

/// How many expressions of a [`FilterSet`] must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(clippy::exhaustive_enums)] // there is nothing between one and all that anybody asks for
pub enum Match {
    /// One is enough.
    #[default]
    Any,
    /// All of them.
    All,
}

/// A named list of [`Expression`]s over the fields of one metadata format.
///
/// As JSON it is what a form or a file holds; reading it checks it:
/// ```
/// use harvest_pipeline::filters::FilterSet;
///
/// let set: FilterSet = serde_json::from_str(r#"{
///     "name": "Czech novels", "format": "marc21", "match": "all",
///     "expressions": [
///         {"field": "041a", "operation": "equals", "value": "cze"},
///         {"field": "655a", "operation": "starts-with", "value": "román"}
///     ]
/// }"#)?;
/// assert!(set.ignores_case());
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct FilterSet {
    written: Written,
    compiled: Vec<Compiled>,
}

/// A set as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(default, rename = "match")]
    combine: Match,
    #[serde(default = "yes")]
    ignore_case: bool,
    expressions: Vec<Expression>,
}

fn yes() -> bool {
    true
}

impl FilterSet {
    /// A set for records of any format that does not mind the case of letters.
    ///
    /// # Errors
    /// If there are no expressions, one has no field, or a pattern cannot be used.
    pub fn new(
        name: impl Into<String>,
        combine: Match,
        expressions: impl IntoIterator<Item = Expression>,
    ) -> Result<Self, FilterError> {
        Self::try_from(Written {
            name: name.into(),
            format: None,
            combine,
            ignore_case: true,
            expressions: expressions.into_iter().collect(),
        })
    }

    /// The same for records of this format only: it has no say about others.
    #[must_use]
    pub fn for_format(mut self, format: impl Into<String>) -> Self {
        self.written.format = Some(format.into());
        self
    }

    /// The same where `A` and `a` are different letters.
    ///
    /// # Errors
    /// If a pattern cannot be used.
    pub fn case_sensitive(mut self) -> Result<Self, FilterError> {
        self.written.ignore_case = false;
        Self::try_from(self.written)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.written.name
    }

    /// The format it is for, unless it is for any.
    #[must_use]
    pub fn format(&self) -> Option<&str> {
        self.written.format.as_deref()
    }

    /// How many expressions must hold.
    #[must_use]
    pub fn combine(&self) -> Match {
        self.written.combine
    }

    /// Whether `A` and `a` are the same.
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        self.written.ignore_case
    }

    /// The expressions; there is at least one.
    #[must_use]
    pub fn expressions(&self) -> &[Expression] {
        &self.written.expressions
    }

    fn is_for(&self, candidate: &Candidate<'_>) -> bool {
        let format = candidate.item().payload().map(|payload| &*payload.format);
        self.format().is_none_or(|wanted| format == Some(wanted))
    }

    fn holds(&self, candidate: &Candidate<'_>) -> Result<bool, RecordError> {
        // The first that decides ends it; one that cannot be judged is an error.
        let decides = self.combine() == Match::Any;
        for expression in &self.compiled {
            if expression.holds(candidate)? == decides {
                return Ok(decides);
            }
        }
        Ok(!decides)
    }
}

impl PartialEq for FilterSet {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for FilterSet {}

impl TryFrom<Written> for FilterSet {
    type Error = FilterError;

    fn try_from(written: Written) -> Result<Self, FilterError> {
        if written.expressions.is_empty() {
            return Err(FilterError::NoExpressions(written.name));
        }
        let compiled = written
            .expressions
            .iter()
            .map(|expression| Compiled::new(expression, written.ignore_case))
            .collect::<Result<_, _>>()?;
        Ok(Self { written, compiled })
    }
}

impl From<FilterSet> for Written {
    fn from(set: FilterSet) -> Self {
        set.written
    }
}

/// The filter sets of a source: a record passes if it passes *any* of them.
///
/// Sets for other formats have no say; where none is left, everything passes. A record that is
/// stored already passes, too, whatever the sets say, so that what is kept stays up to date;
/// [`refilter_known`](Self::refilter_known) asks the sets about those as well.
#[derive(Clone, Debug, Default)]
pub struct FilterSets {
    sets: Vec<FilterSet>,
    refilter_known: bool,
}

impl FilterSets {
    /// The filter that these sets make.
    #[must_use]
    pub fn new(sets: impl IntoIterator<Item = FilterSet>) -> Self {
        Self { sets: sets.into_iter().collect(), refilter_known: false }
    }

    /// Sets whether records that are stored already have to pass as well. Left out: no. One that
    /// does not pass is left as it is stored.
    #[must_use]
    pub fn refilter_known(mut self, yes: bool) -> Self {
        self.refilter_known = yes;
        self
    }
}

impl Filter for FilterSets {
    fn keys(&self) -> Keys {
        let expressions = self.sets.iter().flat_map(|set| &set.compiled);
        expressions.filter_map(Compiled::key).collect()
    }

    fn decide(&self, candidate: &Candidate<'_>) -> Result<Decision, RecordError> {
        if !self.refilter_known && candidate.known().is_some_and(|known| known.live) {
            return Ok(Decision::Accept);
        }
        let mut asked = Vec::new();
        for set in self.sets.iter().filter(|set| set.is_for(candidate)) {
            if set.holds(candidate)? {
                return Ok(Decision::Accept);
            }
            asked.push(set.name());
        }
        Ok(if asked.is_empty() {
            Decision::Accept
        } else {
            Decision::Reject(format!("not in the filter set {}", asked.join(", nor in ")))
        })
    }

    fn needs_known(&self) -> bool {
        !self.refilter_known && !self.sets.is_empty()
    }
}
