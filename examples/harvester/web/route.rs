//! A line in the table of routes: who may ask what, and who answers.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::handler::Handler;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Method, request};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use url::form_urlencoded;

use super::app::App;
use super::problem::Problem;
use super::visitor::Visitor;
use crate::accounts::Permission;

/// Forms are not larger than this, in bytes.
const LARGEST_FORM: usize = 1 << 20;
/// Where a form's token may stand instead, for htmx.
const CSRF_HEADER: &str = "x-csrf-token";

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Open,
    /// Whoever is logged in, even with a password that is to be changed first.
    LoggedIn,
    /// Whoever may do that.
    With(Permission),
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::With(permission)
    }
}

/// A line in the table of routes.
#[derive(Debug)]
pub(crate) struct Route {
    /// `GET`, which changes nothing, or `POST`, which is refused if another site sends it.
    pub(crate) method: Method,
    /// The address; names in braces are what the handler takes as `Path`.
    pub(crate) path: &'static str,
    /// Who may ask.
    pub(crate) access: Access,
    answer: MethodRouter<App>,
}

impl Route {
    /// A page.
    pub(crate) fn get<H, T>(path: &'static str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Self { method: Method::GET, path, access: access.into(), answer: get(handler) }
    }

    /// Something that changes something. The sender is checked before the handler is called.
    pub(crate) fn post<H, T>(path: &'static str, access: impl Into<Access>, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Self { method: Method::POST, path, access: access.into(), answer: post(handler) }
    }

    /// What another method asks for.
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        access: Access,
        answer: MethodRouter<App>,
    ) -> Self {
        Self { method, path, access, answer }
    }

    /// Adds the route to a router.
    pub(super) fn add_to(self, router: Router<App>) -> Router<App> {
        let guarded = self.answer.layer(from_fn_with_state(self.access, guard));
        router.route(self.path, guarded)
    }
}

/// Lets through who may ask, and forms that were sent from a page of theirs.
async fn guard(
    State(access): State<Access>,
    visitor: Visitor,
    request: Request,
    next: Next,
) -> Response {
    match admit(access, &visitor, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused,
    }
}

async fn admit(access: Access, visitor: &Visitor, request: Request) -> Result<Request, Response> {
    let changes = !request.method().is_safe();
    if access != Access::Open {
        let Some(user) = visitor.user() else { return Err(to_login(visitor, changes)) };
        if let Access::With(permission) = access {
            if user.must_change && !visitor.is_api {
                return Err(leave_to(visitor, "/password"));
            }
            if user.must_change || !visitor.may(permission) {
                return Err(Problem::forbidden().into_response());
            }
        }
    }
    if changes { check_sender(visitor, request).await } else { Ok(request) }
}

/// Refuses a form that another site sent, or an older session.
async fn check_sender(visitor: &Visitor, request: Request) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    let length =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > LARGEST_FORM) {
        return Err(Problem::too_large().into_response());
    }
    let body = to_bytes(body, LARGEST_FORM).await;
    let body = body.map_err(|_| Problem::too_large().into_response())?;
    let in_header = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    let is_form = parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let in_form = if is_form { token_in(&body) } else { token_among(&parts, &body).await };
    if !visitor.wrote(in_header.map(str::to_owned).or(in_form).as_deref()) {
        return Err(Problem::expired().into_response());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

fn token_in(form: &Bytes) -> Option<String> {
    let mut fields = form_urlencoded::parse(form);
    fields.find(|(name, _)| name == "csrf").map(|(_, value)| value.into_owned())
}

/// The token of a form that sends files along.
async fn token_among(parts: &request::Parts, body: &Bytes) -> Option<String> {
    let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
    let mut fields = Multipart::from_request(request, &()).await.ok()?;
    while let Some(field) = fields.next_field().await.ok()? {
        if field.name() == Some("csrf") {
            return field.text().await.ok();
        }
    }
    None
}

/// The way to log in, and from there back to what was asked for.
fn to_login(visitor: &Visitor, changes: bool) -> Response {
    if visitor.is_api {
        return Problem::unauthorized().into_response();
    }
    let mut address = "/login".to_owned();
    if !changes && !visitor.wants_part && visitor.target != "/" {
        let next = form_urlencoded::byte_serialize(visitor.target.as_bytes());
        address.extend(["?next="].into_iter().chain(next));
    }
    leave_to(visitor, &address)
}

/// Sends the whole page elsewhere, even if only a part of it was asked for.
fn leave_to(visitor: &Visitor, address: &str) -> Response {
    if visitor.wants_part {
        return [("hx-redirect", address)].into_response();
    }
    Redirect::to(address).into_response()
}
