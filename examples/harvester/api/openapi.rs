//! The description of the API (OpenAPI 3.1), made from the endpoints.

use axum::Json;
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::endpoint::{Answer, Endpoint, Sketch, Told};
use crate::accounts::Permission;
use crate::web::problem::Problem;

/// Where the description is.
pub(super) const ADDRESS: &str = "/api/openapi.json";

pub(super) const INTRODUCTION: &str = "\
What the pages of the harvester show and do, for programs. Send a token along, as `Authorization: \
Bearer hvt_…`; `harvester user token NAME --for TEXT` makes one, and it may do what that user may. \
Site contacts see and change sources of their own only. Lists go on behind a key: `next` of a page is \
`after` of the next one. What can be changed comes with an \
ETag; sent along as If-Match, it keeps a change from undoing somebody else's. Problems come as \
application/problem+json (RFC 9457).";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(ADDRESS, Permission::View, "This description", describe)]
}

/// Why something was not answered (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProblemDetails {
    /// What kind of problem: none that has an address.
    r#type: String,
    /// What happened.
    title: String,
    /// The status, once more.
    status: u16,
    /// What more there is to say: which field is wrong, what stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// A JSON document.
#[derive(Debug)]
struct Document(Value);

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

impl Answer for Document {
    fn describe(sketch: &mut Sketch<'_>) {
        let content = Some(("application/json", json_schema!({ "type": "object" })));
        sketch.answers.push(Told { status: 200, what: "The description.", content });
    }
}

async fn describe() -> Result<Document, Problem> {
    Ok(Document(document(&super::endpoints())))
}

/// The description of these endpoints.
pub(super) fn document(endpoints: &[Endpoint]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let problem = schemas.subschema_for::<ProblemDetails>();
    let mut paths = Map::new();
    for endpoint in endpoints {
        let path = paths.entry(endpoint.route.path).or_insert_with(|| json!({}));
        path[endpoint.route.method.as_str().to_lowercase()] = operation(endpoint, &mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Harvester",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "responses": {
                "Problem": {
                    "description": "It was not done.",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "harvester-session",
                    "description": "A browser's session. What changes something needs the session's \
                                    token against forgery in the header X-CSRF-Token, too.",
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint, schemas: &mut SchemaGenerator) -> Value {
    let route = &endpoint.route;
    let sketch = endpoint.sketch(schemas);
    let mut parameters: Vec<Value> = names_in(route.path)
        .zip(sketch.path)
        .map(|(name, schema)| json!({ "name": name, "in": "path", "required": true, "schema": schema }))
        .collect();
    parameters.extend(sketch.query.iter().flat_map(|query| query_parameters(query.as_value())));
    if sketch.expects_version {
        parameters.extend(version_parameters());
    }
    let mut responses = Map::new();
    for Told { status, what, content } in sketch.answers {
        let mut response = json!({ "description": what });
        if sketch.has_version {
            let what = "Which version this is: another one after every change.";
            response["headers"] =
                json!({ "ETag": { "description": what, "schema": { "type": "string" } } });
        }
        if let Some((content_type, schema)) = content {
            response["content"] = json!({ content_type: { "schema": schema } });
        }
        responses.insert(status.to_string(), response);
    }
    for status in ["4XX", "503"] {
        responses.insert(status.to_owned(), json!({ "$ref": "#/components/responses/Problem" }));
    }
    let mut operation = json!({
        "operationId": operation_id(&route.method, route.path),
        "summary": endpoint.summary,
        "tags": [tag(route.path)],
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(schema) = sketch.body {
        let content = json!({ "application/json": { "schema": schema } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

/// The headers that keep a change from undoing another.
fn version_parameters() -> [Value; 2] {
    let header = |name: &str, description: &str| {
        json!({
            "name": name,
            "in": "header",
            "required": false,
            "description": description,
            "schema": { "type": "string" },
        })
    };
    [
        header("If-Match", "The ETag that was read: if it is another by now, the answer is 412."),
        header("If-None-Match", "`*`: if there is any, the answer is 412."),
    ]
}

/// The names in braces of a path, in their order.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// The properties of an object as parameters of the query. One that can be null is left out instead.
fn query_parameters(query: &Value) -> Vec<Value> {
    let required = |name: &str| {
        let all = query["required"].as_array();
        all.is_some_and(|all| all.iter().any(|it| it == name))
    };
    let properties = query["properties"].as_object().into_iter().flatten();
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|it| it.remove("description"));
        json!({
            "name": name,
            "in": "query",
            "required": required(name),
            "description": description.unwrap_or_default(),
            "schema": without_null(schema),
        })
    };
    properties.map(parameter).collect()
}

fn without_null(mut schema: Value) -> Value {
    if let Some(types) = schema["type"].as_array() {
        schema["type"] = types.iter().find(|it| *it != "null").cloned().unwrap_or_default();
    } else if let Some(one) = schema["anyOf"].as_array().and_then(|all| all.first()) {
        return one.clone();
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|_, value| !value.is_null());
    }
    schema
}

/// What an operation is called in programs: `get_sources_source`.
fn operation_id(method: &Method, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<_> = words.filter(|word| *word != "api").collect();
    format!("{}_{}", method.as_str().to_lowercase(), words.join("_"))
}

/// The first part of a path: what an operation is about.
fn tag(path: &str) -> &str {
    path.split('/').nth(2).unwrap_or("description")
}
