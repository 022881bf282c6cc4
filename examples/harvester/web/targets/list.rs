//! All targets, and the reports.

use axum::extract::State;
use harvest_pipeline::store::TargetDefinition;
use maud::{Markup, html};

use super::{address, kind_title, public_options, reports};
use crate::accounts::Permission;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Table, Tone, badge, card, nothing};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;
use crate::words::Words;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let mut table = Table::new(words.text("target.title"))
        .column(words.text("source.name"))
        .column(words.text("source.kind"))
        .column(words.text("target.place"))
        .column(words.text("target.sources"))
        .column(words.text("source.status"));
    for target in app.store.targets().await? {
        let standings = app.store.standings(&target.name).await?;
        let failing = standings.iter().filter(|it| it.failure.is_some() || it.owed > 0).count();
        table.row(vec![
            html! { a href=(address(&target.name)) { (target.title) } },
            html! { (kind_title(&app, words, &target.kind)) },
            html! { (place(&target)) },
            html! { (sources(words, &target)) },
            status(words, &target, failing),
        ]);
    }
    let body = html! {
        (card(words.text("target.title"), &html! {
            @if table.is_empty() {
                (nothing(words.text("target.none"), &html! { p { (words.text("target.what")) } }))
            } @else {
                p.quiet { (words.text("target.what")) }
                (table.show())
            }
        }))
        @if visitor.confined_to().is_none() {
            (card(words.text("report.title"), &reports::show(&app, &visitor).await?))
        }
    };
    let actions = html! {
        @if visitor.may(Permission::Administer) {
            a.button.primary href="/targets/new" { (words.text("target.new")) }
        }
    };
    let section = Some(Section::Targets);
    Ok(layout::with_actions(&visitor, words.text("section.targets"), section, &actions, &body))
}

/// Where it is, as far as its options say.
fn place(target: &TargetDefinition) -> String {
    let options = public_options(target);
    let place = ["url", "path"].iter().find_map(|name| options[name].as_str());
    place.unwrap_or_default().to_owned()
}

/// Whose records it gets.
pub(super) fn sources(words: Words, target: &TargetDefinition) -> String {
    match &target.sources {
        None => words.text("target.all-sources").to_owned(),
        Some(sources) => {
            let names: Vec<_> = sources.iter().map(harvest_pipeline::SourceId::as_str).collect();
            names.join(", ")
        }
    }
}

fn status(words: Words, target: &TargetDefinition, failing: usize) -> Markup {
    match (target.paused, failing) {
        (true, _) => badge(Tone::Quiet, words.text("target.paused")),
        (false, 0) => badge(Tone::Good, words.text("target.served-well")),
        (false, _) => badge(Tone::Bad, words.text("target.failing")),
    }
}
