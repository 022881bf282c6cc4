//! A line in the API's table: a route, and what its handler says of itself.
//!
//! Parameters, body and answer are described by the handler's own types, so that the description
//! cannot say anything else than the handler does.

use std::future::Future;

use axum::extract::{Path, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, Method};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::web::App;
use crate::web::problem::Problem;
use crate::web::route::{Access, Route};
use crate::web::visitor::Visitor;

/// Endpoints by the method that asks for them: its path, who may ask, what it does, and the handler.
macro_rules! verbs {
    ($($(#[$doc:meta])* $verb:ident $method:ident;)*) => {$(
        $(#[$doc])*
        pub(super) fn $verb<H, T>(
            path: &'static str,
            access: impl Into<Access>,
            summary: &'static str,
            handler: H,
        ) -> Self
        where
            H: Described<T>,
            T: 'static,
        {
            let answer = on(MethodFilter::$method, handler).layer(from_fn(refuse_nul));
            let route = Route::new(Method::$method, path, access.into(), answer);
            Self { route, summary, describe: H::describe }
        }
    )*};
}

/// A route of the API, and what there is to say about it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(super) route: Route,
    /// What it does, in a sentence.
    pub(super) summary: &'static str,
    describe: fn(&mut Sketch<'_>),
}

impl Endpoint {
    verbs! {
        /// What is looked at.
        get GET;
        /// What is done.
        post POST;
        /// What is put in the place of what was there, if anything was.
        put PUT;
        /// What is taken away.
        delete DELETE;
    }

    /// What the handler's types say.
    pub(super) fn sketch<'a>(&self, schemas: &'a mut SchemaGenerator) -> Sketch<'a> {
        let mut sketch = Sketch::new(schemas);
        (self.describe)(&mut sketch);
        sketch
    }
}

/// Nothing has a name with this character, and databases do not take it.
async fn refuse_nul(request: Request, next: Next) -> Response {
    match request.uri().path().contains("%00") {
        true => Problem::not_found().into_response(),
        false => next.run(request).await,
    }
}

/// What is found out about an endpoint.
#[derive(Debug)]
pub(super) struct Sketch<'a> {
    pub(super) schemas: &'a mut SchemaGenerator,
    /// The values of the names in braces, in their order.
    pub(super) path: Vec<Schema>,
    /// An object whose properties are the parameters of the query.
    pub(super) query: Option<Schema>,
    pub(super) body: Option<Schema>,
    /// Whether a request can say which version it is about,
    pub(super) expects_version: bool,
    /// and the answer does.
    pub(super) has_version: bool,
    pub(super) answers: Vec<Told>,
}

/// An answer that there can be, besides problems.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) what: &'static str,
    /// The type of the content, and its schema.
    pub(super) content: Option<(&'static str, Schema)>,
}

impl<'a> Sketch<'a> {
    fn new(schemas: &'a mut SchemaGenerator) -> Self {
        Self {
            schemas,
            path: Vec::new(),
            query: None,
            body: None,
            expects_version: false,
            has_version: false,
            answers: Vec::new(),
        }
    }

    pub(super) fn answer_json<T: JsonSchema>(&mut self, status: u16, what: &'static str) {
        let schema = self.schemas.subschema_for::<T>();
        self.answers.push(Told { status, what, content: Some(("application/json", schema)) });
    }
}

/// A handler that can say what it takes and gives; every handler of which all parts can.
pub(super) trait Described<T>: Handler<T, App> {
    fn describe(sketch: &mut Sketch<'_>);
}

/// What a handler takes.
pub(super) trait Part {
    fn describe(_: &mut Sketch<'_>) {}
}

/// What a handler gives.
pub(super) trait Answer {
    fn describe(sketch: &mut Sketch<'_>);
}

macro_rules! described {
    ($($part:ident),*) => {
        impl<H, F, A, M, $($part),*> Described<(M, $($part,)*)> for H
        where
            H: Handler<(M, $($part,)*), App> + FnOnce($($part),*) -> F,
            F: Future<Output = Result<A, Problem>>,
            A: Answer,
            $($part: Part),*
        {
            fn describe(sketch: &mut Sketch<'_>) {
                $($part::describe(sketch);)*
                A::describe(sketch);
            }
        }
    };
}

described!();
described!(A1);
described!(A1, A2);
described!(A1, A2, A3);
described!(A1, A2, A3, A4);
described!(A1, A2, A3, A4, A5);

impl Part for State<App> {}
impl Part for Visitor {}
impl Part for HeaderMap {}

impl Part for Path<String> {
    fn describe(sketch: &mut Sketch<'_>) {
        let schema = sketch.schemas.subschema_for::<String>();
        sketch.path.push(schema);
    }
}

impl Part for Path<(String, String)> {
    fn describe(sketch: &mut Sketch<'_>) {
        Path::<String>::describe(sketch);
        Path::<String>::describe(sketch);
    }
}

impl Part for Path<i64> {
    fn describe(sketch: &mut Sketch<'_>) {
        let schema = sketch.schemas.subschema_for::<i64>();
        sketch.path.push(schema);
    }
}
