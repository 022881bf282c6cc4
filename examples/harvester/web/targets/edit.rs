//! Setting up, changing and deleting targets.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use harvest_pipeline::store::{StoreError, TargetDefinition};
use maud::Markup;

use super::address;
use super::form::{TargetForm, fill, fresh};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::confirm::Question;
use crate::web::layout;
use crate::web::parts::form::Errors;
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::sources::Typed;
use crate::web::visitor::Visitor;

type Fields = Vec<(String, String)>;

/// The fields of a kind's options, for the form that it was chosen in.
pub(super) async fn options(
    State(app): State<App>,
    visitor: Visitor,
    Query(fields): Query<Fields>,
) -> Result<Markup, Problem> {
    let form = form(&app, &visitor, None).await?;
    Ok(form.options(&Typed::from(fields), &Errors::none()))
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
    let form = form(&app, &visitor, None).await?;
    let typed = Typed::from(fields);
    if typed.is_ticked("choose") {
        return Ok(page(&form, &typed, &Errors::none()));
    }
    let target = match form.read(&typed) {
        Ok(target) => target,
        Err(errors) => return Ok(page(&form, &typed, &errors)),
    };
    if app.store.target(&target.name).await?.is_some() {
        let mut errors = Errors::none();
        errors.add("name", visitor.words.fill("target.taken", &[("name", &target.name)]));
        return Ok(page(&form, &typed, &errors));
    }
    if let Some(refused) = put(&app, &form, &typed, &target).await? {
        return Ok(refused);
    }
    visitor.did(&app, "target.create", &target.name).await;
    Ok(Done::go(&app, address(&target.name)).saying("target-created").into_response())
}

pub(super) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let target = app.store.target(&name).await?.ok_or_else(Problem::not_found)?;
    let form = form(&app, &visitor, Some(&target)).await?;
    Ok(page(&form, &fill(&target), &Errors::none()))
}

pub(super) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let known = app.store.target(&name).await?.ok_or_else(Problem::not_found)?;
    let form = form(&app, &visitor, Some(&known)).await?;
    let typed = Typed::from(fields);
    if typed.is_ticked("choose") {
        return Ok(page(&form, &typed, &Errors::none()));
    }
    let target = match form.read(&typed) {
        Ok(target) => target,
        Err(errors) => return Ok(page(&form, &typed, &errors)),
    };
    if let Some(refused) = put(&app, &form, &typed, &target).await? {
        return Ok(refused);
    }
    visitor.did(&app, "target.change", &name).await;
    Ok(Done::go(&app, address(&name)).saying("target-changed").into_response())
}

/// Enters a target; the form once more, if it names what is not there.
async fn put(
    app: &App,
    form: &TargetForm<'_>,
    typed: &Typed,
    target: &TargetDefinition,
) -> Result<Option<Response>, Problem> {
    match app.store.put_target(target).await {
        Ok(()) => Ok(None),
        Err(error @ StoreError::Missing { .. }) => {
            let mut errors = Errors::none();
            errors.add("sources", error.to_string());
            Ok(Some(page(form, typed, &errors)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn form<'a>(
    app: &'a App,
    visitor: &'a Visitor,
    target: Option<&'a TargetDefinition>,
) -> Result<TargetForm<'a>, Problem> {
    let sets = app.store.filter_sets().await?;
    let filter_sets = sets.iter().map(|set| set.name().to_owned()).collect();
    Ok(TargetForm { app, visitor, target, filter_sets })
}

fn page(form: &TargetForm<'_>, typed: &Typed, errors: &Errors) -> Response {
    let words = form.visitor.words;
    let title = match form.target {
        Some(target) => words.fill("target.edit", &[("name", &target.title)]),
        None => words.text("target.new").to_owned(),
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = form.show(typed, errors);
    (status, layout::page(form.visitor, &title, Some(Section::Targets), &body)).into_response()
}

pub(super) async fn ask_delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    app.store.target(&name).await?.ok_or_else(Problem::not_found)?;
    let here = address(&name);
    let title = words.fill("source.confirm.delete", &[("name", &name)]);
    let action = format!("{here}/delete");
    let question = Question {
        title: &title,
        what: words.text("target.delete-what"),
        action: &action,
        label: words.text("source.action.delete"),
        back: &here,
        section: Section::Targets,
    };
    Ok(question.page(&visitor))
}

pub(super) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Done, Problem> {
    app.store.remove_target(&name).await?;
    visitor.did(&app, "target.delete", &name).await;
    Ok(Done::go(&app, "/targets").saying("target-deleted"))
}
