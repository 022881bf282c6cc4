//! What a dry run would change, before it is applied.

use axum::extract::{Path, Query, State};
use harvest_pipeline::engine::{self, Difference};
use harvest_pipeline::{Outcome, SourceId};
use maud::{Markup, html};
use serde::Deserialize;

use super::{address, decisions, find};
use crate::accounts::Permission;
use crate::web::app::App;
use crate::web::layout;
use crate::web::parts::{Pager, Tone, badge, nothing};
use crate::web::problem::Problem;
use crate::web::records::{self, diff, xml};
use crate::web::section::Section;
use crate::web::visitor::Visitor;
use crate::words::Words;

/// Of so many records each line is compared; of the others it is said that they differ.
const COMPARED: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    after: Option<i64>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<i64>,
    Query(wanted): Query<Wanted>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let run = find(&app, &visitor, run).await?;
    let (source, id) = (&run.request.source, run.id);
    let (found, next) = look(&app, source, id, wanted.after.unwrap_or(0)).await?;
    let path = format!("{}/differences", address(id));
    let next = next.map(|next| next.to_string());
    let body = html! {
        p { a href=(address(id)) { (words.fill("run.title", &[("run", &id)])) } }
        @if found.is_empty() {
            (nothing(words.text("run.no-differences"), &html! {}))
        }
        @for (at, difference) in found.iter().enumerate() {
            (show(words, source, difference, at < COMPARED))
        }
        (Pager::new(&path).show(words, wanted.after.is_none(), next.as_deref()))
    };
    let actions = html! {
        @if visitor.may(Permission::Approve) && decisions::is_to_apply(&run) {
            a.button.primary href={ (address(id)) "/apply" } { (words.text("run.action.apply")) }
        }
    };
    let title = words.fill("run.differences", &[("run", &id)]);
    Ok(layout::with_actions(&visitor, &title, Some(Section::Runs), &actions, &body))
}

/// The first batch behind `after` in which something differs, and where the next begins.
async fn look(
    app: &App,
    source: &SourceId,
    run: harvest_pipeline::RunId,
    mut after: i64,
) -> Result<(Vec<Difference>, Option<i64>), Problem> {
    loop {
        let batch = engine::differences(&*app.store, &app.catalogue, source, run, after).await?;
        let Some((found, at)) = batch else { return Ok((Vec::new(), None)) };
        if !found.is_empty() {
            let more = app.store.staged(source, Some(run), at).await?;
            return Ok((found, more.map(|_| at)));
        }
        after = at;
    }
}

fn show(words: Words, source: &SourceId, difference: &Difference, compared: bool) -> Markup {
    let (tone, key) = match difference.outcome {
        Outcome::Created => (Tone::Good, "run.counter.created"),
        Outcome::Deleted => (Tone::Bad, "run.counter.deleted"),
        _ => (Tone::Busy, "run.counter.updated"),
    };
    let text = |xml: &Option<String>| xml.as_deref().map(xml::pretty).unwrap_or_default();
    html! {
        details.card {
            summary { (badge(tone, words.text(key))) " " (difference.identifier) }
            @if difference.here.is_some() {
                p { a href=(records::address(source, &difference.identifier)) {
                    (words.text("record.here"))
                } }
            }
            @if compared {
                (diff::show(words, &text(&difference.here), &text(&difference.there)))
            }
        }
    }
}
