//! All filter sets, and one of them with the sources that use it.

use axum::extract::{Path, State};
use harvest_pipeline::filters::{Expression, FilterSet, Match};
use harvest_pipeline::store::{Page, SourceDefinition, SourceQuery};
use maud::{Markup, html};

use super::{address, form};
use crate::accounts::Permission;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Table, card, facts, nothing};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::sources;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many of the sources that use a set are shown.
const SHOWN: usize = 50;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let sets = app.store.filter_sets().await?;
    let mut table = Table::new(words.text("section.filter-sets"))
        .column(words.text("source.name"))
        .column(words.text("record.format"))
        .column(words.text("filter.match"))
        .column(words.text("filter.expressions"));
    for set in &sets {
        table.row(vec![
            html! { a href=(address(set.name())) { (set.name()) } },
            html! { (set.format().unwrap_or(words.text("filter.any-format"))) },
            html! { (words.text(combine(set.combine()))) },
            html! {
                ul.plain.tight {
                    @for expression in set.expressions() { li { (text(words, expression)) } }
                }
            },
        ]);
    }
    let body = html! {
        @if table.is_empty() {
            (nothing(words.text("filter.none"), &html! { p { (words.text("filter.what")) } }))
        } @else {
            p.quiet { (words.text("filter.what")) }
            (table.show())
        }
    };
    let actions = html! {
        @if visitor.may(Permission::EditFilterSets) {
            a.button.primary href="/filter-sets/new" { (words.text("filter.new")) }
        }
    };
    let section = Some(Section::FilterSets);
    Ok(layout::with_actions(&visitor, words.text("section.filter-sets"), section, &actions, &body))
}

pub(super) async fn one(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let set = app.store.filter_set(&name).await?.ok_or_else(Problem::not_found)?;
    let used = used_by(&app, &visitor, &name).await?;
    let case = if set.ignores_case() { "filter.case-ignored" } else { "filter.case-minded" };
    let body = html! {
        section.card {
            (facts(&[
                (words.text("record.format"),
                    html! { (set.format().unwrap_or(words.text("filter.any-format"))) }),
                (words.text("filter.match"), html! { (words.text(combine(set.combine()))) }),
                (words.text("filter.case"), html! { (words.text(case)) }),
            ]))
        }
        (card(words.text("filter.expressions"), &expressions(words, &set)))
        (card(words.text("filter.used-by"), &html! {
            @if used.is_empty() { p.quiet { (words.text("filter.unused")) } }
            ul.plain {
                @for source in &used {
                    li { a href=(sources::address(&source.id)) { (source.title) } }
                }
            }
        }))
    };
    let here = address(&name);
    let actions = html! {
        @if visitor.may(Permission::EditFilterSets) {
            a.button href={ (here) "/edit" } { (words.text("source.action.edit")) }
            a.button.danger href={ (here) "/delete" } { (words.text("source.action.delete")) }
        }
    };
    Ok(layout::with_actions(&visitor, &name, Some(Section::FilterSets), &actions, &body))
}

fn expressions(words: Words, set: &FilterSet) -> Markup {
    html! {
        ul.plain { @for expression in set.expressions() { li { (text(words, expression)) } } }
    }
}

/// The key of how many expressions must hold.
pub(super) fn combine(combine: Match) -> &'static str {
    match combine {
        Match::Any => "filter.match-any",
        Match::All => "filter.match-all",
    }
}

/// An expression for people to read.
pub(super) fn text(words: Words, expression: &Expression) -> Markup {
    let (operation, value) = form::parts(&expression.test);
    html! {
        code { (expression.field) } " "
        @if expression.not { strong { (words.text("filter.not")) } " " }
        (words.text(&format!("filter.operation.{operation}")))
        @if !value.is_empty() { " “" (value) "”" }
    }
}

/// The first sources that use a set, of those that the visitor may see.
async fn used_by(
    app: &App,
    visitor: &Visitor,
    name: &str,
) -> Result<Vec<SourceDefinition>, Problem> {
    let mut query = SourceQuery::default();
    query.owner = visitor.confined_to().map(str::to_owned);
    query.filter_set = Some(name.to_owned());
    query.page = Page::first(SHOWN);
    let sources = app.store.sources(&query).await?;
    Ok(sources.into_iter().map(|source| source.definition).collect())
}
