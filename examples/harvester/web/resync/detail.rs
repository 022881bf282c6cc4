//! The tab Detail: what a record is, what can be done with it, and its running logs.

use axum::extract::{Path, State};
use maud::{Markup, html};

use super::indexes::Tree;
use super::list::link;
use super::record::{Mode, Record, Status};
use super::{Tab, address, find, logs, page as tabbed};
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{action, card};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let source = find(&app, &visitor, &id).await?;
    let tree = Tree::load(&app).await?;
    let record = Record::of(&source.definition);
    let address = address(&source.definition.id);
    let body = html! {
        (rows(&visitor, &tree, &record, &address))
        (card(words.text("resync.logs"), &logs::show(&app, &visitor, &source).await?))
    };
    Ok(tabbed(&visitor, Tab::Detail, Some(&source.definition.id), &body))
}

fn rows(visitor: &Visitor, tree: &Tree, record: &Record, address: &str) -> Markup {
    let words = visitor.words;
    let text = |text: &str| html! { (text) };
    let last = match record.status {
        Status::Automatic => ("resync.running", running(visitor, record, address)),
        Status::Manual => ("resync.action", actions(visitor, record, address)),
    };
    let rows = [
        ("resync.repository-name", text(&record.repository_name)),
        ("resync.base-url", link(&record.base_url)),
        ("resync.status", text(words.text(record.status.key()))),
        ("resync.interval", text(&record.interval.to_string())),
        ("resync.from-date", text(&record.from_date)),
        ("resync.until-date", text(&record.until_date)),
        ("resync.target-index", text(&tree.label(&record.target_index))),
        ("resync.mode-short", text(words.text(record.mode.key()))),
        ("resync.format", text(record.format.as_str())),
        last,
    ];
    html! {
        table.card.record {
            caption.unseen { (words.text("resync.tab-detail")) }
            tbody {
                @for (key, value) in &rows {
                    tr { th scope="row" { (words.text(key)) } td { (value) } }
                }
            }
        }
    }
}

/// ON or OFF; pressing it makes it the other.
fn running(visitor: &Visitor, record: &Record, address: &str) -> Markup {
    let words = visitor.words;
    let (reads, to) = match record.is_running {
        true => ("resync.on", "off"),
        false => ("resync.off", "on"),
    };
    html! {
        form.inline method="post" action={ (address) "/running" } {
            (layout::csrf(visitor))
            button.switch name="to" value=(to) role="switch" aria-checked=(record.is_running)
                aria-label={ (words.text("resync.running")) ": " (words.text(reads)) } {
                (words.text(reads))
            }
        }
    }
}

fn actions(visitor: &Visitor, record: &Record, address: &str) -> Markup {
    let words = visitor.words;
    html! {
        div.actions {
            (action(visitor, &format!("{address}/sync"), ("do", "sync"), words.text("resync.sync")))
            // What is only compared is never imported.
            @if record.mode != Mode::Audit {
                (action(visitor, &format!("{address}/import"), ("do", "import"),
                    words.text("resync.import")))
            }
        }
    }
}
