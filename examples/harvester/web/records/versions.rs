//! What changed from one version of a record to another.

use axum::extract::{Path, Query, State};
use harvest_pipeline::{SourceId, StoredVersion};
use maud::html;
use serde::Deserialize;

use super::{address, detail, diff, xml};
use crate::web::app::App;
use crate::web::layout;
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::visitor::Visitor;

/// Which two; the last two if nothing is said.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    from: Option<u32>,
    to: Option<u32>,
}

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path((source, identifier)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let source = SourceId::from(source);
    detail::find(&app, &visitor, &source, &identifier).await?;
    let versions = app.catalogue.versions(&source, &identifier).await?;
    let last = versions.last().map_or(0, |version| version.number);
    let to = wanted.to.unwrap_or(last);
    let from = wanted.from.unwrap_or(to.saturating_sub(1));
    let text = |number: u32| {
        let version = versions.iter().find(|version| version.number == number);
        version.map(|version| xml::pretty(version.metadata.as_deref().unwrap_or_default()))
    };
    // A record that was new had nothing before.
    let old = if from == 0 { Some(String::new()) } else { text(from) };
    let (Some(old), Some(new)) = (old, text(to)) else { return Err(Problem::not_found()) };
    let here = address(&source, &identifier);
    let choice = |name: &str, label: &str, chosen: u32| {
        html! {
            label { (words.text(label))
                select name=(name) {
                    @for version in &versions {
                        option value=(version.number) selected[version.number == chosen] {
                            (version.number) " · " (moment(version))
                        }
                    }
                }
            }
        }
    };
    let body = html! {
        p { a href=(here) { (identifier) } }
        form.search action={ (here) "/versions" } {
            (choice("from", "record.from-version", from))
            (choice("to", "record.to-version", to))
            button { (words.text("list.show")) }
        }
        section.card {
            @if old == new { p.quiet { (words.text("record.same")) } }
            (diff::show(words, &old, &new))
        }
    };
    Ok(layout::page(&visitor, words.text("record.what-changed"), Some(Section::Records), &body))
}

/// When a version arrived here.
fn moment(version: &StoredVersion) -> &str {
    version.harvested.get(..19).unwrap_or(&version.harvested)
}
