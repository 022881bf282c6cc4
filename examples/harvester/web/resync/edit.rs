//! The tab Edit.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use harvest_pipeline::SourceId;
use maud::html;

use super::form::Typed;
use super::indexes::Tree;
use super::record::{Record, Status};
use super::{Tab, create, find, list, page as tabbed};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::parts::form::Errors;
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let definition = find(&app, &visitor, &id).await?.definition;
    let tree = Tree::load(&app).await?;
    let typed = Typed::from(&Record::of(&definition));
    Ok(show(&visitor, &definition.id, &tree, &typed, &Errors::none()))
}

pub(super) async fn save(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let mut definition = find(&app, &visitor, &id).await?.definition;
    let tree = Tree::load(&app).await?;
    let was = Record::of(&definition);
    // One that becomes automatic is ON, as one that is set up.
    let is_running = was.is_running || was.status == Status::Manual;
    let record = match typed.read(words, &tree, is_running) {
        Ok(record) => record,
        Err(errors) => return Ok(show(&visitor, &definition.id, &tree, &typed, &errors)),
    };
    let others = list::records(&app).await?;
    if record.target_index != was.target_index
        && let Some(errors) = create::taken(words, &record, &others, Some(&definition.id))
    {
        return Ok(show(&visitor, &definition.id, &tree, &typed, &errors));
    }
    record.write(&mut definition);
    if let Err(error) = app.store.change_source(&definition).await {
        let errors = create::refused(&app, words, error).await?;
        return Ok(show(&visitor, &definition.id, &tree, &typed, &errors));
    }
    visitor.did(&app, "resync.change", &definition.id).await;
    Ok(Done::go(&app, "/resync").saying("resync-changed").into_response())
}

fn show(visitor: &Visitor, id: &SourceId, tree: &Tree, typed: &Typed, errors: &Errors) -> Response {
    let words = visitor.words;
    let send = html! {
        div.buttons {
            button.primary { (words.text("resync.edit")) }
            a.button href="/resync" { (words.text("form.cancel")) }
        }
    };
    let body = typed.show(visitor, tree, errors, &send);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    (status, tabbed(visitor, Tab::Edit, Some(id), &body)).into_response()
}
