//! Choosing a source, in the searches of other sections.

use harvest_pipeline::store::{Page, SourceQuery};
use maud::{Markup, html};

use crate::web::app::App;
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

/// So many are proposed; of more, one types the id.
const PROPOSED: usize = 100;

/// A field named `source` for the id of a source, with proposals that the visitor may see.
pub(in crate::web) async fn picker(
    app: &App,
    visitor: &Visitor,
    chosen: &str,
) -> Result<Markup, Problem> {
    let mut query = SourceQuery::default();
    query.owner = visitor.confined_to().map(str::to_owned);
    query.page = Page::first(PROPOSED);
    let sources = app.store.sources(&query).await?;
    Ok(html! {
        label { (visitor.words.text("run.source"))
            input name="source" value=(chosen) list="sources" autocomplete="off" spellcheck="false";
            datalist #sources {
                @for source in &sources {
                    option value=(source.definition.id) { (source.definition.title) }
                }
            }
        }
    })
}
