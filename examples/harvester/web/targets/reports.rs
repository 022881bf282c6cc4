//! Reports: to whom they go, those that wait, and those that were sent.

use axum::Form;
use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;

use crate::accounts::Permission;
use crate::service::letters::{Letter, Letters};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::csrf;
use crate::web::parts::{Table, Tone, badge, moment, nothing};
use crate::web::problem::Problem;
use crate::web::runs;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many are shown.
const SHOWN: i64 = 30;

/// The reports.
pub(super) async fn show(app: &App, visitor: &Visitor) -> Result<Markup, Problem> {
    let words = visitor.words;
    let letters = Letters(app.accounts.documents().clone());
    let (waiting, sent) = (letters.waiting(SHOWN).await?, letters.sent(SHOWN).await?);
    let mut table = Table::new(words.text("report.title"))
        .column(words.text("report.time"))
        .column(words.text("report.to"))
        .column(words.text("report.audience"))
        .column(words.text("section.runs"))
        .column(words.text("source.status"))
        .column(words.text("report.again"));
    let mut row = |at, letter: &Letter, status: Markup, (field, key, label): (&str, &str, &str)| {
        let audience =
            if letter.for_administrators { "report.administrators" } else { "report.contacts" };
        table.row(vec![
            moment(at),
            html! { (letter.to.join(", ")) },
            html! { (words.text(audience)) },
            about(letter),
            status,
            html! {
                @if visitor.may(Permission::Administer) {
                    form.inline method="post" action="/targets/reports" {
                        (csrf(visitor))
                        button name=(field) value=(key) { (words.text(label)) }
                    }
                }
            },
        ]);
    };
    for letter in &waiting {
        let tries = letter.body.attempts;
        let status = badge(Tone::Busy, &words.fill("report.waits", &[("tries", &tries)]));
        row(letter.body.next, &letter.body, status, ("waiting", &letter.key, "report.now"));
    }
    for letter in &sent {
        let status = outcome(words, letter.body.failure.as_deref());
        row(letter.body.at, &letter.body.letter, status, ("sent", &letter.key, "report.again"));
    }
    Ok(html! {
        p.quiet { (words.text("report.what")) }
        @if table.is_empty() { (nothing(words.text("report.none"), &html! {})) }
        @else { (table.show()) }
    })
}

fn outcome(words: Words, failure: Option<&str>) -> Markup {
    match failure {
        None => badge(Tone::Good, words.text("report.sent")),
        Some(why) => html! {
            (badge(Tone::Bad, words.text("report.given-up")))
            div.detail { (why) }
        },
    }
}

/// The runs that a letter is about.
fn about(letter: &Letter) -> Markup {
    html! {
        @for run in letter.runs.iter().take(5) {
            a href=(runs::address(harvest_pipeline::RunId(*run))) { (run) } " "
        }
        @if letter.runs.len() > 5 { "…" }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    /// One that was sent, to be sent again.
    sent: Option<String>,
    /// One that waits, to be sent now.
    waiting: Option<String>,
}

pub(super) async fn again(
    State(app): State<App>,
    visitor: Visitor,
    Form(wanted): Form<Wanted>,
) -> Result<Done, Problem> {
    let letters = Letters(app.accounts.documents().clone());
    let key = wanted.sent.as_deref().or(wanted.waiting.as_deref()).unwrap_or_default();
    let is_there = match wanted.sent {
        Some(_) => letters.again(key, app.now()).await?,
        None => letters.hurry(key, app.now()).await?,
    };
    if !is_there {
        return Err(Problem::not_found());
    }
    visitor.did(&app, "report.again", key).await;
    Ok(Done::go(&app, "/targets").saying("report-queued"))
}
