//! Setting a source up, and changing it.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use harvest_pipeline::store::{SourceDefinition, StoreError};
use maud::Markup;

use super::connect::connect;
use super::form::{SourceForm, fill, fresh};
use super::typed::Typed;
use super::{address, find};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::form::Errors;
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;

type Fields = Vec<(String, String)>;

/// The fields of a kind's options, for the form that it was chosen in.
pub(super) async fn options(
    State(app): State<App>,
    visitor: Visitor,
    Query(fields): Query<Fields>,
) -> Markup {
    let typed = Typed::from(fields);
    super::options::show(&app, &visitor, None, &typed, &Errors::none())
}

pub(super) async fn new(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let form = form(&app, &visitor, None).await?;
    Ok(page(&form, &fresh(), &Errors::none()))
}

pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let mut typed = Typed::from(fields);
    let mut form = form(&app, &visitor, None).await?;
    if let Some(page) = filled_in(&mut form, &mut typed).await {
        return Ok(page);
    }
    let definition = match form.read(&typed) {
        Ok(definition) => definition,
        Err(errors) => return Ok(page(&form, &typed, &errors)),
    };
    if app.store.source(&definition.id).await?.is_some() {
        let mut errors = Errors::none();
        let taken = visitor.words.fill("source.id-taken", &[("id", &definition.id)]);
        errors.add("id", taken);
        return Ok(page(&form, &typed, &errors));
    }
    if let Err(refused) = accepted(app.store.add_source(&definition).await)? {
        return Ok(page(&form, &typed, &refused));
    }
    visitor.did(&app, "source.create", &definition.id).await;
    let next = match typed.get("then") {
        "another" => "/sources/new".to_owned(),
        _ => address(&definition.id),
    };
    Ok(Done::go(&app, next).saying("source-created").into_response())
}

pub(super) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let source = find(&app, &visitor, &id).await?.definition;
    let form = form(&app, &visitor, Some(&source)).await?;
    let typed = fill(app.registry.kind(&source.kind), &source);
    Ok(page(&form, &typed, &Errors::none()))
}

pub(super) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let mut typed = Typed::from(fields);
    let source = find(&app, &visitor, &id).await?.definition;
    let mut form = form(&app, &visitor, Some(&source)).await?;
    if let Some(page) = filled_in(&mut form, &mut typed).await {
        return Ok(page);
    }
    let definition = match form.read(&typed) {
        Ok(definition) => definition,
        Err(errors) => return Ok(page(&form, &typed, &errors)),
    };
    if let Err(refused) = accepted(app.store.change_source(&definition).await)? {
        return Ok(page(&form, &typed, &refused));
    }
    visitor.did(&app, "source.change", &definition.id).await;
    app.provide.make_up().await?;
    Ok(Done::go(&app, address(&definition.id)).saying("source-changed").into_response())
}

/// The form once more with its second half, where one of the buttons was pressed that only fill it in.
async fn filled_in(form: &mut SourceForm<'_>, typed: &mut Typed) -> Option<Response> {
    if typed.is_ticked("choose") {
        return Some(page(form, typed, &Errors::none()));
    }
    if !typed.is_ticked("connect") {
        return None;
    }
    let errors = connect(form, typed).await;
    Some(page(form, typed, &errors))
}

/// What the store does not take, as what is wrong with all of the form.
fn accepted<T>(outcome: Result<T, StoreError>) -> Result<Result<(), Errors>, Problem> {
    match outcome {
        Ok(_) => Ok(Ok(())),
        Err(error) if error.is_conflict() => {
            let mut errors = Errors::none();
            errors.add("", error.to_string());
            Ok(Err(errors))
        }
        Err(error) => Err(error.into()),
    }
}

async fn form<'a>(
    app: &'a App,
    visitor: &'a Visitor,
    source: Option<&'a SourceDefinition>,
) -> Result<SourceForm<'a>, Problem> {
    let sets = app.store.filter_sets().await?;
    let filter_sets = sets.iter().map(|set| set.name().to_owned()).collect();
    Ok(SourceForm { app, visitor, source, filter_sets, found: None })
}

fn page(form: &SourceForm<'_>, typed: &Typed, errors: &Errors) -> Response {
    let words = form.visitor.words;
    let title = match form.source {
        Some(_) => words.text("source.edit"),
        None => words.text("source.new"),
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = form.show(typed, errors);
    (status, layout::page(form.visitor, title, Some(Section::Sources), &body)).into_response()
}
