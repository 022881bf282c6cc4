//! Versions of what can be changed: `ETag` with what is answered, and `If-Match` with a change, so
//! that it does not undo somebody else's.

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, request};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::endpoint::{Answer, Part, Sketch};
use crate::accounts::fingerprint;
use crate::web::problem::Problem;

/// So many characters of a fingerprint are a version: 128 bits.
const LENGTH: usize = 32;

/// Which version of something there is: another one after every change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version(String);

impl Version {
    /// The version of what people can change of a thing.
    pub(super) fn of(changeable: &impl Serialize) -> Self {
        // Maps are written in the order of their keys.
        let written = serde_json::to_value(changeable).unwrap_or_default().to_string();
        Self(format!("\"{}\"", &fingerprint(&written)[..LENGTH]))
    }
}

/// An answer with the version of what it is about.
#[derive(Debug)]
pub(super) struct Versioned<A> {
    pub(super) answer: A,
    pub(super) version: Version,
}

impl<A: IntoResponse> IntoResponse for Versioned<A> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        let version = HeaderValue::try_from(self.version.0);
        response.headers_mut().extend(version.ok().map(|version| (ETAG, version)));
        response
    }
}

impl<A: Answer> Answer for Versioned<A> {
    fn describe(sketch: &mut Sketch<'_>) {
        A::describe(sketch);
        sketch.has_version = true;
    }
}

/// Which version a request is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// One of these, if there are any.
    matching: Option<String>,
    /// None at all.
    nothing: bool,
}

impl Expected {
    /// Whether it is what is there.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn check(&self, found: Option<&Version>) -> Result<(), Problem> {
        let is_met = self.matching.as_ref().is_none_or(|expected| {
            // A weak one, `W/"…"`, never is the same.
            found.is_some_and(|found| {
                expected.split(',').map(str::trim).any(|it| it == "*" || it == found.0)
            })
        });
        match is_met && !(self.nothing && found.is_some()) {
            true => Ok(()),
            false => Err(Problem::stale()),
        }
    }

    /// Whether a version is expected that was read before.
    pub(super) fn is_some(&self) -> bool {
        self.matching.is_some()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Expected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Problem> {
        let nothing = joined(&parts.headers, &IF_NONE_MATCH);
        Ok(Self {
            matching: joined(&parts.headers, &IF_MATCH),
            nothing: nothing.is_some_and(|it| it.trim() == "*"),
        })
    }
}

impl Part for Expected {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.expects_version = true;
    }
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let all: Vec<_> = headers.get_all(name).iter().map(|it| it.to_str().unwrap_or("")).collect();
    (!all.is_empty()).then(|| all.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expected(matching: Option<&str>, nothing: bool) -> Expected {
        Expected { matching: matching.map(str::to_owned), nothing }
    }

    #[test]
    fn a_change_is_of_the_version_that_was_read_or_of_none() {
        let (one, other) = (Version::of(&json!({ "a": 1 })), Version::of(&json!({ "a": 2 })));
        let (first, weak) = (one.0.clone(), format!("W/{}", one.0));
        let either = format!("{}, {}", other.0, one.0);
        for (matching, nothing, found, is_met) in [
            (None, false, Some(&one), true),
            (None, false, None, true),
            (Some(first.as_str()), false, Some(&one), true),
            (Some(&either), false, Some(&one), true),
            (Some("*"), false, Some(&one), true),
            (Some(&first), false, Some(&other), false),
            (Some(&first), false, None, false),
            (Some("*"), false, None, false),
            (Some(&weak), false, Some(&one), false),
            (Some(""), false, Some(&one), false),
            (None, true, None, true),
            (None, true, Some(&one), false),
        ] {
            let met = expected(matching, nothing).check(found).is_ok();
            assert_eq!(met, is_met, "{matching:?} {nothing} {found:?}");
        }
    }
}
