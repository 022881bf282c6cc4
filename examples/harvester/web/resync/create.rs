//! The tab Create.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use harvest_pipeline::SourceId;
use harvest_pipeline::store::{SourceDefinition, SourceEntry};
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
    let mut definition = SourceDefinition::new(free_id(&app, others.len()).await?, KIND, json!({}));
    definition.owner = visitor.name();
    record.write(&mut definition);
    match app.store.add_source(&definition).await {
        Ok(_) => {}
        Err(error) if error.is_conflict() => {
            let mut errors = Errors::none();
            errors.add("", words.fill("resync.error-create", &[("why", &error)]));
            return Ok(show(&visitor, &tree, &typed, &errors));
        }
        Err(error) => return Err(error.into()),
    }
    visitor.did(&app, "resync.create", &definition.id).await;
    let next = if typed.then == "another" { "/resync/create" } else { "/resync" };
    Ok(Done::go(&app, next).saying("resync-created").into_response())
}

/// The first id behind those that there are.
async fn free_id(app: &App, records: usize) -> Result<SourceId, Problem> {
    let mut number = records + 1;
    loop {
        // With zeros, so that the order of the ids is that of the numbers.
        let id = SourceId::from(format!("resync-{number:06}"));
        if app.store.source(&id).await?.is_none() {
            return Ok(id);
        }
        number += 1;
    }
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
