//! Setting up, changing and deleting filter sets.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use harvest_pipeline::SourceId;
use harvest_pipeline::filters::FilterSet;

use super::address;
use super::form::{SetForm, add_row, fill, fresh, without_row};
use super::preview::Preview;
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::confirm::Question;
use crate::web::layout;
use crate::web::parts::form::Errors;
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::sources::{self, Typed};
use crate::web::visitor::Visitor;

type Fields = Vec<(String, String)>;

pub(super) async fn new(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let form = SetForm { app: &app, visitor: &visitor, name: None };
    page(&form, &fresh(), &Errors::none(), None).await
}

pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let form = SetForm { app: &app, visitor: &visitor, name: None };
    let typed = Typed::from(fields);
    let set = match read(&form, typed).await? {
        Read::Set(set) => set,
        Read::Page(page) => return Ok(page),
    };
    if app.store.filter_set(set.name()).await?.is_some() {
        let mut errors = Errors::none();
        errors.add("name", visitor.words.fill("filter.taken", &[("name", &set.name())]));
        return page(&form, &fill(&set), &errors, None).await;
    }
    app.store.put_filter_set(&set).await?;
    visitor.did(&app, "filter-set.create", set.name()).await;
    Ok(Done::go(&app, address(set.name())).saying("filter-set-created").into_response())
}

pub(super) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let set = app.store.filter_set(&name).await?.ok_or_else(Problem::not_found)?;
    let form = SetForm { app: &app, visitor: &visitor, name: Some(&name) };
    page(&form, &fill(&set), &Errors::none(), None).await
}

pub(super) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    app.store.filter_set(&name).await?.ok_or_else(Problem::not_found)?;
    let form = SetForm { app: &app, visitor: &visitor, name: Some(&name) };
    let set = match read(&form, Typed::from(fields)).await? {
        Read::Set(set) => set,
        Read::Page(page) => return Ok(page),
    };
    app.store.put_filter_set(&set).await?;
    visitor.did(&app, "filter-set.change", &name).await;
    Ok(Done::go(&app, address(&name)).saying("filter-set-changed").into_response())
}

/// What came of a form: a set to store, or the form once more.
enum Read {
    Set(FilterSet),
    Page(Response),
}

async fn read(form: &SetForm<'_>, mut typed: Typed) -> Result<Read, Problem> {
    let none = Errors::none();
    let gone = typed.some("remove").and_then(|at| at.parse().ok());
    if let Some(gone) = gone {
        let typed = without_row(&typed, gone);
        return Ok(Read::Page(page(form, &typed, &none, None).await?));
    }
    match typed.get("then") {
        "add" => {
            add_row(&mut typed);
            Ok(Read::Page(page(form, &typed, &none, None).await?))
        }
        "preview" => Ok(Read::Page(try_out(form, &typed).await?)),
        _ => Ok(match form.read(&typed) {
            Ok(set) => Read::Set(set),
            Err(errors) => Read::Page(page(form, &typed, &errors, None).await?),
        }),
    }
}

/// The form with what the set would say to records of the chosen source.
async fn try_out(form: &SetForm<'_>, typed: &Typed) -> Result<Response, Problem> {
    let words = form.visitor.words;
    let mut errors = Errors::none();
    let Some(set) = form.set(typed.get("name"), typed, &mut errors) else {
        return page(form, typed, &errors, None).await;
    };
    let Some(source) = typed.some("source") else {
        errors.add("", words.text("filter.choose-source"));
        return page(form, typed, &errors, None).await;
    };
    if form.visitor.confined_to().is_some() {
        sources::find(form.app, form.visitor, source).await?;
    }
    let preview = Preview::of(form.app, &set, SourceId::from(source)).await?;
    page(form, typed, &errors, Some(&preview)).await
}

async fn page(
    form: &SetForm<'_>,
    typed: &Typed,
    errors: &Errors,
    preview: Option<&Preview>,
) -> Result<Response, Problem> {
    let words = form.visitor.words;
    let title = match form.name {
        Some(name) => words.fill("filter.edit", &[("name", &name)]),
        None => words.text("filter.new").to_owned(),
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = form.show(typed, errors, preview).await?;
    let section = Some(Section::FilterSets);
    Ok((status, layout::page(form.visitor, &title, section, &body)).into_response())
}

pub(super) async fn ask_delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    app.store.filter_set(&name).await?.ok_or_else(Problem::not_found)?;
    let here = address(&name);
    let title = words.fill("source.confirm.delete", &[("name", &name)]);
    let action = format!("{here}/delete");
    let question = Question {
        title: &title,
        what: words.text("filter.delete-what"),
        action: &action,
        label: words.text("source.action.delete"),
        back: &here,
        section: Section::FilterSets,
    };
    Ok(question.page(&visitor))
}

pub(super) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Done, Problem> {
    app.store.remove_filter_set(&name).await?;
    visitor.did(&app, "filter-set.delete", &name).await;
    Ok(Done::go(&app, "/filter-sets").saying("filter-set-deleted"))
}
