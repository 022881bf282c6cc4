//! What goes in and out: parameters and bodies that say which field is wrong, answers, and lists
//! that go on behind a key.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{CONTENT_TYPE, LINK, LOCATION};
use axum::http::{HeaderValue, StatusCode, request};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::endpoint::{Answer, Part, Sketch, Told};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

/// The longest page of a list.
const LONGEST_PAGE: u16 = 500;

/// The parameters of a query. One that is not known is refused by its name.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Problem::bad_request("the query has a character that no text has: %00"));
        }
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(refused) => Err(Problem::bad_request(refused.body_text())),
        }
    }
}

impl<T: JsonSchema> Part for Params<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.query = Some(T::json_schema(sketch.schemas));
    }
}

/// What is sent, as JSON. A field that is not known is refused by its name.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::bad_request(
                "send it as JSON, with Content-Type: application/json",
            ));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|_| Problem::bad_request("the body broke off"))?;
        if bytes.windows(6).any(|part| part == b"\\u0000") {
            return Err(Problem::bad_request("the body has a character that no text has: \\u0000"));
        }
        let read = serde_json::from_slice(&bytes);
        read.map(Self).map_err(|error| Problem::bad_request(format!("the body: {error}")))
    }
}

impl<T: JsonSchema> Part for Body<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.body = Some(sketch.schemas.subschema_for::<T>());
    }
}

/// It is this.
#[derive(Debug)]
pub(super) struct Reply<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

impl<T: JsonSchema> Answer for Reply<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answer_json::<T>(200, "As it is.");
    }
}

/// It was put there: anew, or in the place of another.
#[derive(Debug)]
pub(super) struct Put<T> {
    pub(super) is_new: bool,
    pub(super) value: T,
}

impl<T: Serialize> IntoResponse for Put<T> {
    fn into_response(self) -> Response {
        let status = if self.is_new { StatusCode::CREATED } else { StatusCode::OK };
        (status, Json(self.value)).into_response()
    }
}

impl<T: JsonSchema> Answer for Put<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answer_json::<T>(200, "As it is now.");
        sketch.answer_json::<T>(201, "It is new.");
    }
}

/// It is new, and is to be found there.
#[derive(Debug)]
pub(super) struct Created<T> {
    pub(super) at: String,
    pub(super) value: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.value)).into_response();
        if let Ok(at) = HeaderValue::try_from(self.at) {
            response.headers_mut().insert(LOCATION, at);
        }
        response
    }
}

impl<T: JsonSchema> Answer for Created<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answer_json::<T>(201, "It is new; Location says where it is.");
    }
}

/// It is going to be done.
#[derive(Debug)]
pub(super) struct Accepted<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> Answer for Accepted<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answer_json::<T>(202, "It is going to be done.");
    }
}

/// It is done, and there is nothing more to say.
#[derive(Debug)]
pub(super) struct Gone;

impl IntoResponse for Gone {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Answer for Gone {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.answers.push(Told { status: 204, what: "It is not there any more.", content: None });
    }
}

/// How many items a page of a list has: 1 to 500, 100 if nothing is said.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u16")]
pub(super) struct Limit(u16);

impl Limit {
    pub(super) fn get(self) -> usize {
        self.0.into()
    }

    /// The same, as databases count.
    pub(super) fn rows(self) -> i64 {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<u16> for Limit {
    type Error = String;

    fn try_from(limit: u16) -> Result<Self, String> {
        match limit {
            1..=LONGEST_PAGE => Ok(Self(limit)),
            _ => Err(format!("limit: a page has 1 to {LONGEST_PAGE} items, not {limit}")),
        }
    }
}

impl JsonSchema for Limit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": 100 })
    }
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub(super) struct Listing<T> {
    items: Vec<T>,
    /// The key behind which the next page begins: its `after`. None: this is the last.
    next: Option<String>,
    #[serde(skip)]
    link: Option<HeaderValue>,
}

impl<T> Listing<T> {
    /// A page of a list of which so many items were asked for: if they came, there may be more behind
    /// the last one's key.
    pub(super) fn new(
        visitor: &Visitor,
        limit: usize,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Self {
        let next = items.last().filter(|_| items.len() >= limit).map(key);
        let link = next.as_deref().and_then(|next| link(&visitor.target, next));
        Self { items, next, link }
    }

    /// A list that has one page only.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None, link: None }
    }
}

impl<T: Serialize> IntoResponse for Listing<T> {
    fn into_response(mut self) -> Response {
        let link = self.link.take();
        let mut response = Json(self).into_response();
        response.headers_mut().extend(link.map(|link| (LINK, link)));
        response
    }
}

impl<T: JsonSchema> Answer for Listing<T> {
    fn describe(sketch: &mut Sketch<'_>) {
        let item = sketch.schemas.subschema_for::<T>();
        let schema = json_schema!({
            "type": "object",
            "required": ["items", "next"],
            "additionalProperties": false,
            "properties": {
                "items": { "type": "array", "items": item },
                "next": {
                    "type": ["string", "null"],
                    "description": "The key behind which the next page begins: what `after` takes. \
                                    None: this is the last page.",
                },
            },
        });
        let what = "A page of the list; Link says where the next one is.";
        sketch.answers.push(Told {
            status: 200,
            what,
            content: Some(("application/json", schema)),
        });
    }
}

/// The header that says where a list goes on.
fn link(target: &str, next: &str) -> Option<HeaderValue> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let others = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "after");
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(others).append_pair("after", next);
    HeaderValue::try_from(format!("<{path}?{}>; rel=\"next\"", query.finish())).ok()
}
