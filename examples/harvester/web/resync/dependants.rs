//! Moving an index, and deleting one that nothing depends on.

use std::fmt::Display;

use axum::Form;
use axum::extract::{Path, State};
use maud::html;
use serde::Deserialize;

use super::indexes::Tree;
use super::list;
use crate::accounts::Index;
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::confirm::Question;
use crate::web::layout;
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;
use crate::words::Words;

const TREE: &str = "/resync/indexes";

/// Where an index is to be.
#[derive(Debug, Deserialize)]
pub(super) struct Moved {
    id: String,
    /// Empty: at the top.
    #[serde(default)]
    parent: String,
}

/// Puts an index, with all below it, into another. What is registered into it stays so.
pub(super) async fn put(
    State(app): State<App>,
    visitor: Visitor,
    Form(moved): Form<Moved>,
) -> Result<Done, Problem> {
    let words = visitor.words;
    let tree = Tree::load(&app).await?;
    let index = tree.named(&moved.id).ok_or_else(Problem::not_found)?;
    let parent = match moved.parent.as_str() {
        "" => None,
        parent => Some(tree.named(parent).ok_or_else(Problem::not_found)?),
    };
    if let Some(parent) = parent.filter(|parent| tree.is_within(parent, index)) {
        let names: [(&str, &dyn Display); 2] = [("name", &index.name), ("parent", &parent.name)];
        return Err(Problem::conflict(words.fill("index.within-itself", &names)));
    }
    app.accounts.move_index(index.id, parent.map(|parent| parent.id), app.now()).await?;
    visitor.did(&app, "index.move", index.id).await;
    Ok(Done::go(&app, TREE).saying("index-moved"))
}

pub(super) async fn ask_delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let tree = Tree::load(&app).await?;
    let index = tree.named(&id).ok_or_else(Problem::not_found)?;
    let title = words.fill("index.delete-ask", &[("name", &tree.label(&id))]);
    if let Some(why) = depends(&app, words, &tree, index).await? {
        let actions = html! { a.button href=(TREE) { (words.text("index.title")) } };
        let body = html! { div.errors role="alert" { p { (why) } } };
        let section = Some(Section::Resync);
        return Ok(layout::with_actions(&visitor, &title, section, &actions, &body));
    }
    let question = Question {
        title: &title,
        what: words.text("index.delete-what"),
        action: &format!("{TREE}/{}/delete", index.id),
        label: words.text("source.action.delete"),
        back: TREE,
        section: Section::Resync,
    };
    Ok(question.page(&visitor))
}

pub(super) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Done, Problem> {
    let tree = Tree::load(&app).await?;
    let index = tree.named(&id).ok_or_else(Problem::not_found)?;
    if let Some(why) = depends(&app, visitor.words, &tree, index).await? {
        return Err(Problem::conflict(why));
    }
    app.accounts.remove_index(index.id).await?;
    visitor.did(&app, "index.delete", index.id).await;
    Ok(Done::go(&app, TREE).saying("index-deleted"))
}

/// Why an index stays: what is registered into it, or what is below it.
async fn depends(
    app: &App,
    words: Words,
    tree: &Tree,
    index: &Index,
) -> Result<Option<String>, Problem> {
    let id = index.id.to_string();
    let records = list::records(app).await?;
    let records = records.iter().map(|record| &record.definition);
    let into = records.filter(|record| record.target.as_deref() == Some(&*id));
    let into: Vec<&str> = into.map(|record| record.title.as_str()).collect();
    let below: Vec<&str> = tree.below(index).map(|index| index.name.as_str()).collect();
    Ok(if !into.is_empty() {
        Some(words.fill("index.has-records", &[("names", &into.join(", "))]))
    } else if !below.is_empty() {
        Some(words.fill("index.has-indexes", &[("names", &below.join(", "))]))
    } else {
        None
    })
}
