//! The tab Create.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use harvest_pipeline::SourceId;
use harvest_pipeline::store::{SourceDefinition, SourceEntry, StoreError, Unique};
use maud::html;
use serde_json::json;

use super::form::Typed;
use super::indexes::Tree;
use super::record::{KIND, Record};
use super::{Tab, list, page as tabbed};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::parts::form::Errors;
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;
use crate::words::Words;

pub(super) async fn page(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let tree = Tree::load(&app).await?;
    Ok(show(&visitor, &tree, &Typed::default(), &Errors::none()))
}

pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let tree = Tree::load(&app).await?;
    // One that is set up is ON.
    let record = match typed.read(words, &tree, true) {
        Ok(record) => record,
        Err(errors) => return Ok(show(&visitor, &tree, &typed, &errors)),
    };
    let others = list::records(&app).await?;
    if let Some(errors) = taken(words, &record, &others, None) {
        return Ok(show(&visitor, &tree, &typed, &errors));
    }
    let id = match add(&app, &visitor, &record, others.len()).await {
        Ok(id) => id,
        Err(error) => {
            let errors = refused(&app, words, error).await?;
            return Ok(show(&visitor, &tree, &typed, &errors));
        }
    };
    visitor.did(&app, "resync.create", &id).await;
    let next = if typed.then == "another" { "/resync/create" } else { "/resync" };
    Ok(Done::go(&app, next).saying("resync-created").into_response())
}

/// Adds a record under the first id behind so many records that is free.
async fn add(
    app: &App,
    visitor: &Visitor,
    record: &Record,
    records: usize,
) -> Result<SourceId, StoreError> {
    let mut number = records + 1;
    loop {
        // With zeros, so that the order of the ids is that of the numbers.
        let id = SourceId::from(format!("resync-{number:06}"));
        number += 1;
        // What a record that was deleted has brought stays under its id, and is not another's.
        let is_known = app.catalogue.summary(&id).await.map_err(StoreError::unreadable)?.is_some();
        if is_known || app.store.source(&id).await?.is_some() {
            continue;
        }
        let mut definition = SourceDefinition::new(id, KIND, json!({}));
        definition.owner = visitor.name();
        record.write(&mut definition);
        match app.store.add_source(&definition).await {
            Ok(_) => return Ok(definition.id),
            // Somebody was faster.
            Err(StoreError::Taken { what: Unique::Id, .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What the store does not take, beside the field that it is about.
///
/// # Errors
/// If it is nothing that another record would mend.
pub(super) async fn refused(app: &App, words: Words, error: StoreError) -> Result<Errors, Problem> {
    let mut errors = Errors::none();
    match &error {
        StoreError::Taken { what: Unique::Place(_), by, .. } => {
            let other = app.store.source(by).await?;
            let name = other.map_or_else(|| by.to_string(), |other| other.definition.title);
            errors.add("target_index", words.fill("resync.index-taken", &[("name", &name)]));
        }
        error if error.is_conflict() => {
            errors.add("", words.fill("resync.error-create", &[("why", error)]));
        }
        _ => return Err(error.into()),
    }
    Ok(errors)
}

/// An index has one record.
pub(super) fn taken(
    words: Words,
    record: &Record,
    others: &[SourceEntry],
    own: Option<&SourceId>,
) -> Option<Errors> {
    let is_other = |other: &&SourceEntry| {
        Some(&other.definition.id) != own
            && other.definition.target.as_deref() == Some(record.target_index.as_str())
    };
    let other = others.iter().find(is_other)?;
    let mut errors = Errors::none();
    let message = words.fill("resync.index-taken", &[("name", &other.definition.title)]);
    errors.add("target_index", message);
    Some(errors)
}

fn show(visitor: &Visitor, tree: &Tree, typed: &Typed, errors: &Errors) -> Response {
    let words = visitor.words;
    let send = html! {
        div.buttons {
            button.primary { (words.text("form.create")) }
            button name="then" value="another" { (words.text("form.create-another")) }
            a.button href="/resync" { (words.text("form.cancel")) }
        }
    };
    let body = typed.show(visitor, tree, errors, &send);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    (status, tabbed(visitor, Tab::Create, None, &body)).into_response()
}
