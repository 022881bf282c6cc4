//! The tab List: all records, read anew each time.

use axum::extract::State;
use harvest_pipeline::store::{Page, SourceEntry, SourceQuery};
use maud::{Markup, html};

use super::indexes::Tree;
use super::record::{KIND, Record};
use super::{Tab, address, page as tabbed};
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Table, nothing};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

/// So many records are read at once.
const AT_ONCE: usize = 500;

/// All records, by id.
pub(super) async fn records(app: &App) -> Result<Vec<SourceEntry>, Problem> {
    let mut all: Vec<SourceEntry> = Vec::new();
    loop {
        let mut query = SourceQuery::default();
        query.kind = Some(KIND.to_owned());
        query.page = Page::first(AT_ONCE);
        if let Some(last) = all.last() {
            query.page = query.page.after(last.definition.id.clone());
        }
        let found = app.store.sources(&query).await?;
        let is_last = found.len() < AT_ONCE;
        all.extend(found);
        if is_last {
            return Ok(all);
        }
    }
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let tree = Tree::load(&app).await?;
    let records = records(&app).await?;
    let mut table = Table::new(words.text("resync.title"))
        .column(words.text("list.actions"))
        .column(words.text("resync.repository-name"))
        .column(words.text("resync.target-index"))
        .column(words.text("resync.base-url"))
        .column(words.text("resync.status"))
        .column(words.text("resync.mode"))
        .column(words.text("resync.format"));
    for source in &records {
        table.row(row(&visitor, &tree, source));
    }
    let body = html! {
        @if table.is_empty() {
            (nothing(words.text("resync.none"), &html! {
                p { a href="/resync/create" { (words.text("resync.tab-create")) } }
            }))
        } @else { (table.show()) }
    };
    Ok(tabbed(&visitor, Tab::List, None, &body))
}

fn row(visitor: &Visitor, tree: &Tree, source: &SourceEntry) -> Vec<Markup> {
    let words = visitor.words;
    let record = Record::of(&source.definition);
    let address = address(&source.definition.id);
    let action = |to: String, tip: &str, icon: Markup| {
        let tip = words.text(tip);
        html! { a.icon href=(to) title=(tip) aria-label=(tip) { (icon) } }
    };
    vec![
        html! {
            span.icons {
                (action(address.clone(), "resync.tip-detail", eye()))
                (action(format!("{address}/edit"), "resync.tip-edit", pencil()))
                (action(format!("{address}/delete"), "resync.tip-delete", bin()))
            }
        },
        html! { (record.repository_name) },
        html! { (tree.label(&record.target_index)) },
        link(&record.base_url),
        html! { (words.text(record.status.key())) },
        html! { (words.text(record.mode.key())) },
        html! { (record.format.as_str()) },
    ]
}

/// An address as a link that opens beside the page.
pub(super) fn link(url: &str) -> Markup {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    html! {
        @if is_web { a href=(url) target="_blank" rel="noopener noreferrer" { (url) } }
        @else { (url) }
    }
}

fn icon(path: &str) -> Markup {
    html! {
        svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none"
            stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" {
            path d=(path) {}
        }
    }
}

fn eye() -> Markup {
    icon("M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z")
}

fn pencil() -> Markup {
    icon("M4 20h4L19 9l-4-4L4 16zM13 7l4 4")
}

fn bin() -> Markup {
    icon("M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5")
}
