//! The index tree.

use std::collections::{HashMap, HashSet};

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::accounts::Index;
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::{self, csrf};
use crate::web::parts::form::{Errors, Field};
use crate::web::parts::{Table, card, nothing};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;
use crate::words::{Language, Words};

/// Names are not longer than this.
const LONGEST: usize = 200;

/// The tree, as it is chosen from and shown.
#[derive(Debug)]
pub(super) struct Tree {
    indexes: Vec<Index>,
    /// Where in `indexes` the one of a number is.
    places: HashMap<i64, usize>,
}

impl Tree {
    pub(super) async fn load(app: &App) -> Result<Self, Problem> {
        Ok(Self::of(app.accounts.indexes().await?))
    }

    fn of(indexes: Vec<Index>) -> Self {
        let places = indexes.iter().enumerate().map(|(at, index)| (index.id, at)).collect();
        Self { indexes, places }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.indexes.is_empty()
    }

    fn get(&self, id: i64) -> Option<&Index> {
        self.places.get(&id).map(|at| &self.indexes[*at])
    }

    /// The index of this number as it was typed.
    pub(super) fn named(&self, id: &str) -> Option<&Index> {
        self.get(id.parse().ok()?)
    }

    /// `Name <ID:n>`, by the English name; what is no index is shown as it stands.
    pub(super) fn label(&self, id: &str) -> String {
        self.named(id).map_or_else(|| id.to_owned(), |index| label(index, &index.name))
    }

    /// From an index to the top.
    fn way<'t>(&'t self, index: &'t Index) -> Vec<&'t Index> {
        let mut way = vec![index];
        let mut seen = HashSet::from([index.id]);
        while let Some(parent) = way.last().and_then(|it| self.get(it.parent?)) {
            // What is its own parent has no beginning.
            if !seen.insert(parent.id) {
                break;
            }
            way.push(parent);
        }
        way
    }

    /// `A <ID:1> / B <ID:2>`.
    fn path(&self, words: Words, index: &Index) -> String {
        let way = self.way(index);
        let labels = way.iter().rev().map(|index| label(index, name(words, index)));
        labels.collect::<Vec<_>>().join(" / ")
    }

    /// Whether an index is this other one, or below it.
    pub(super) fn is_within(&self, index: &Index, other: &Index) -> bool {
        self.way(index).iter().any(|it| it.id == other.id)
    }

    /// The indexes that are in this one.
    pub(super) fn below(&self, index: &Index) -> impl Iterator<Item = &Index> {
        let id = index.id;
        self.indexes.iter().filter(move |it| it.parent == Some(id))
    }

    /// All of them with their whole paths, in the order of these.
    pub(super) fn choices(&self, words: Words) -> Vec<(String, String)> {
        let choice = |index: &Index| (index.id.to_string(), self.path(words, index));
        let mut choices: Vec<_> = self.indexes.iter().map(choice).collect();
        choices.sort_by(|a, b| a.1.cmp(&b.1));
        choices
    }
}

fn label(index: &Index, name: &str) -> String {
    format!("{name} <ID:{}>", index.id)
}

fn name(words: Words, index: &Index) -> &str {
    match words.language() {
        Language::Japanese if !index.name_ja.is_empty() => &index.name_ja,
        _ => &index.name,
    }
}

/// What is typed for a new index, or of one that gets another name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    id: String,
    name: String,
    name_ja: String,
    parent: String,
}

impl Typed {
    /// # Errors
    /// What is wrong with it.
    fn check(&self, words: Words) -> Result<(), Errors> {
        let mut errors = Errors::none();
        let label = words.text("index.name");
        if self.name.trim().is_empty() {
            errors.add("name", words.fill("form.required", &[("field", &label)]));
        }
        let is_long = |text: &str| text.chars().count() > LONGEST;
        if is_long(&self.name) || is_long(&self.name_ja) {
            let values: [(&str, &dyn std::fmt::Display); 2] =
                [("field", &label), ("most", &LONGEST)];
            errors.add("name", words.fill("resync.too-long", &values));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

pub(super) async fn page(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    show(&app, &visitor, &Typed::default(), &Errors::none()).await
}

pub(super) async fn add(
    State(app): State<App>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let tree = Tree::load(&app).await?;
    if let Err(errors) = typed.check(visitor.words) {
        return show(&app, &visitor, &typed, &errors).await;
    }
    let parent = tree.named(&typed.parent).map(|index| index.id);
    let (name, name_ja) = (typed.name.trim(), typed.name_ja.trim());
    let index = app.accounts.add_index(name, name_ja, parent, app.now()).await?;
    visitor.did(&app, "index.create", index.id).await;
    Ok(Done::go(&app, "/resync/indexes").saying("index-created").into_response())
}

pub(super) async fn rename(
    State(app): State<App>,
    visitor: Visitor,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    if let Err(errors) = typed.check(visitor.words) {
        return show(&app, &visitor, &Typed::default(), &errors).await;
    }
    let id = typed.id.parse().map_err(|_| Problem::not_found())?;
    let (name, name_ja) = (typed.name.trim(), typed.name_ja.trim());
    if !app.accounts.rename_index(id, name, name_ja, app.now()).await? {
        return Err(Problem::not_found());
    }
    visitor.did(&app, "index.rename", id).await;
    Ok(Done::go(&app, "/resync/indexes").saying("index-renamed").into_response())
}

async fn show(
    app: &App,
    visitor: &Visitor,
    typed: &Typed,
    errors: &Errors,
) -> Result<Response, Problem> {
    let words = visitor.words;
    let tree = Tree::load(app).await?;
    let body = html! {
        p.quiet { (words.text("index.what")) }
        (errors.summary(words))
        (card(words.text("index.new"), &new(visitor, &tree, typed, errors)))
        @if tree.is_empty() { (nothing(words.text("index.none"), &html! {})) }
        @else { (table(visitor, &tree)) }
    };
    let actions = html! { a.button href="/resync" { (words.text("resync.title")) } };
    let section = Some(Section::Resync);
    let page = layout::with_actions(visitor, words.text("index.title"), section, &actions, &body);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, page).into_response())
}

fn new(visitor: &Visitor, tree: &Tree, typed: &Typed, errors: &Errors) -> Markup {
    let words = visitor.words;
    let mut parents = vec![(String::new(), words.text("index.root").to_owned())];
    parents.extend(tree.choices(words));
    html! {
        form method="post" action="/resync/indexes" {
            (csrf(visitor))
            div.row {
                (Field::text("name", words.text("index.name")).required().value(&typed.name)
                    .show(words, errors))
                (Field::text("name_ja", words.text("index.name-ja")).value(&typed.name_ja)
                    .show(words, errors))
                (Field::choice("parent", words.text("index.parent"), parents)
                    .value(&typed.parent).show(words, errors))
            }
            button.primary { (words.text("index.add")) }
        }
    }
}

fn table(visitor: &Visitor, tree: &Tree) -> Markup {
    let words = visitor.words;
    let mut table = Table::new(words.text("index.title"))
        .column(words.text("index.path"))
        .column(words.text("index.rename"))
        .column(words.text("index.parent"))
        .column(words.text("list.actions"));
    for (id, path) in tree.choices(words) {
        let Some(index) = tree.named(&id) else { continue };
        let rename = html! {
            form.line method="post" action="/resync/indexes/rename" {
                (csrf(visitor))
                input type="hidden" name="id" value=(id);
                input name="name" value=(index.name) required maxlength=(LONGEST)
                    aria-label=(words.text("index.name"));
                input name="name_ja" value=(index.name_ja) maxlength=(LONGEST)
                    aria-label=(words.text("index.name-ja"));
                button { (words.text("form.save")) }
            }
        };
        let delete = html! {
            a href={ "/resync/indexes/" (id) "/delete" } { (words.text("source.action.delete")) }
        };
        table.row(vec![html! { (path) }, rename, place(visitor, tree, index), delete]);
    }
    table.show()
}

/// Where an index is, to be chosen anew.
fn place(visitor: &Visitor, tree: &Tree, index: &Index) -> Markup {
    let words = visitor.words;
    let parent = index.parent.map(|parent| parent.to_string()).unwrap_or_default();
    let others = tree.choices(words).into_iter();
    let others =
        others.filter(|(id, _)| tree.named(id).is_some_and(|other| !tree.is_within(other, index)));
    html! {
        form.line method="post" action="/resync/indexes/move" {
            (csrf(visitor))
            input type="hidden" name="id" value=(index.id);
            select name="parent" aria-label=(words.text("index.parent")) {
                option value="" { (words.text("index.root")) }
                @for (id, path) in others {
                    option value=(id) selected[id == parent] { (path) }
                }
            }
            button { (words.text("index.move")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(id: i64, name: &str, parent: Option<i64>) -> Index {
        Index { id, name: name.to_owned(), name_ja: String::new(), parent }
    }

    #[test]
    fn w_015_an_index_is_shown_with_its_number_and_chosen_with_its_path() {
        let sample = index(1_623_632_832_836, "Sample Index", Some(1));
        let tree = Tree::of(vec![index(1, "A", None), sample]);
        assert_eq!(tree.label("1623632832836"), "Sample Index <ID:1623632832836>");
        let words = Words::default();
        let paths: Vec<_> = tree.choices(words).into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, ["A <ID:1>", "A <ID:1> / Sample Index <ID:1623632832836>"]);
    }

    #[test]
    fn indexes_in_each_other_have_paths_all_the_same() {
        let tree = Tree::of(vec![index(1, "A", Some(2)), index(2, "B", Some(1))]);
        assert_eq!(tree.choices(Words::default()).len(), 2);
    }
}
