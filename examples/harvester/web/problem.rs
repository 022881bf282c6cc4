//! What goes wrong, and how it is shown: as a page in the visitor's language, or as problem+json.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use harvest_pipeline::RunError;
use harvest_pipeline::store::StoreError;
use maud::html;
use serde_json::json;

use super::layout;
use super::visitor::Visitor;
use crate::accounts::{AccountError, DocumentError};

/// Why something cannot be answered. Handlers give it as their error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    kind: Kind,
    /// What more there is to say to whoever asked.
    detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    BadRequest,
    Refused,
    Unauthorized,
    Forbidden,
    Expired,
    NotFound,
    Method,
    Conflict,
    Stale,
    TooLarge,
    Unavailable,
}

impl Kind {
    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::Refused => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::Expired => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Stale => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The keys of what happened, and of what to do.
    fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest => ("error.bad-request", "error.bad-request-next"),
            Self::Refused => ("error.refused", "error.refused-next"),
            Self::Unauthorized => ("error.unauthorized", "error.unauthorized-next"),
            Self::Forbidden => ("error.forbidden", "error.forbidden-next"),
            Self::Expired => ("error.expired", "error.expired-next"),
            Self::NotFound => ("error.not-found", "error.not-found-next"),
            Self::Method => ("error.method", "error.method-next"),
            Self::Conflict => ("error.conflict", "error.conflict-next"),
            Self::Stale => ("error.stale", "error.stale-next"),
            Self::TooLarge => ("error.too-large", "error.too-large-next"),
            Self::Unavailable => ("error.unavailable", "error.unavailable-next"),
        }
    }
}

impl Problem {
    fn new(kind: Kind) -> Self {
        Self { kind, detail: None }
    }

    /// The problem that a response stands for, if it stands for one. What axum refuses by itself, in
    /// plain text, could not be understood.
    pub(super) fn take(response: &mut Response) -> Option<Self> {
        let told = response.extensions_mut().remove::<Self>();
        let is_plain = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|content_type| content_type.as_bytes().starts_with(b"text/plain"));
        let refused = response.status().is_client_error() && is_plain;
        told.or_else(|| refused.then(|| Self::new(Kind::BadRequest)))
    }

    /// There is no such thing, or it is not theirs to see.
    pub(crate) fn not_found() -> Self {
        Self::new(Kind::NotFound)
    }

    /// The same, with the reason shown.
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Nobody is logged in, and no token that is good was sent along.
    pub(crate) fn unauthorized() -> Self {
        Self::new(Kind::Unauthorized)
    }

    /// They may not do that.
    pub(crate) fn forbidden() -> Self {
        Self::new(Kind::Forbidden)
    }

    /// The form was not sent from a page of theirs.
    pub(super) fn expired() -> Self {
        Self::new(Kind::Expired)
    }

    /// The address is for something else.
    pub(super) fn method() -> Self {
        Self::new(Kind::Method)
    }

    /// It is too large.
    pub(super) fn too_large() -> Self {
        Self::new(Kind::TooLarge)
    }

    /// What was sent cannot be understood; the reason is shown.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self { kind: Kind::BadRequest, detail: Some(detail.into()) }
    }

    /// It is not done; the reason is shown.
    pub(crate) fn refused(detail: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, detail: Some(detail.into()) }
    }

    /// It contradicts what is there; the reason is shown.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self { kind: Kind::Conflict, detail: Some(detail.into()) }
    }

    /// Somebody else changed it meanwhile.
    pub(crate) fn stale() -> Self {
        Self::new(Kind::Stale)
    }

    /// Something is wrong here; the cause goes to the log only.
    pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a page cannot be answered");
        Self::new(Kind::Unavailable)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing { .. } => Self::not_found(),
            StoreError::Changed { .. } => Self::stale(),
            error if error.is_conflict() => Self::conflict(error.to_string()),
            error @ StoreError::Stale(_) => Self::conflict(error.to_string()),
            error => Self::unavailable(error),
        }
    }
}

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        Self::unavailable(error)
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NoUser(_) => Self::not_found(),
            AccountError::LastAdministrator
            | AccountError::Oneself
            | AccountError::NameTaken(_) => Self::conflict(error.to_string()),
            AccountError::Document(DocumentError::Changed { .. }) => Self::stale(),
            error => Self::unavailable(error),
        }
    }
}

impl IntoResponse for Problem {
    /// Shown once it is known to whom: see `recognise`.
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The problem as a page, or as a part of one.
pub(super) fn page(visitor: &Visitor, problem: &Problem) -> Response {
    let words = visitor.words;
    let status = problem.kind.status();
    let (what, next) = problem.kind.keys();
    let title = words.fill("error.title", &[("status", &status.as_u16())]);
    let body = html! {
        div.problem role="alert" {
            p.lead { (words.text(what)) }
            @if let Some(detail) = &problem.detail { p { (detail) } }
            p { (words.text(next)) }
            @if !visitor.wants_part { p { a href="/" { (words.text("error.back")) } } }
        }
    };
    if visitor.wants_part {
        return (status, body).into_response();
    }
    (status, layout::page(visitor, &title, None, &body)).into_response()
}

/// The problem as problem+json (RFC 9457).
pub(super) fn json(problem: &Problem) -> Response {
    let status = problem.kind.status();
    let (what, _) = problem.kind.keys();
    let title = crate::words::Words::default().text(what);
    let mut body = json!({ "type": "about:blank", "title": title, "status": status.as_u16() });
    if let Some(detail) = &problem.detail {
        body["detail"] = json!(detail);
    }
    let json = HeaderValue::from_static("application/problem+json");
    (status, [(CONTENT_TYPE, json)], body.to_string()).into_response()
}

/// The problem in words only, where not even the visitor is known.
pub(super) fn bare(problem: &Problem) -> Response {
    let (what, next) = problem.kind.keys();
    let words = crate::words::Words::default();
    (problem.kind.status(), format!("{}\n{}\n", words.text(what), words.text(next))).into_response()
}
