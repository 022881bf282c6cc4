//! What an error or a warning means for each target of a source, as IRDB has it.

use harvest_pipeline::store::TargetDefinition;
use harvest_pipeline::targets::Withdrawal;
use harvest_pipeline::{IssueLevel, SourceId};
use maud::{Markup, html};

use super::address;
use crate::web::app::App;
use crate::web::parts::{self, Table};
use crate::web::problem::Problem;
use crate::web::visitor::Visitor;

/// What can come of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    OutputOff,
    RecordError,
    FieldError,
    Warning,
    Deletion,
}

impl Comes {
    const ALL: [Self; 5] =
        [Self::OutputOff, Self::RecordError, Self::FieldError, Self::Warning, Self::Deletion];

    fn key(self) -> &'static str {
        match self {
            Self::OutputOff => "effect.off",
            Self::RecordError => "effect.record-error",
            Self::FieldError => "effect.field-error",
            Self::Warning => "effect.warning",
            Self::Deletion => "effect.deletion",
        }
    }

    /// The key of what it means for a target.
    fn means(self, target: &TargetDefinition) -> &'static str {
        let (level, updated) = match self {
            Self::OutputOff | Self::RecordError => return "effect.is-none",
            Self::Deletion => {
                return match target.withdrawal {
                    Withdrawal::ByOperatorOrDeletion => "effect.is-withdrawn",
                    Withdrawal::Never | Withdrawal::ByOperator => "effect.is-kept",
                };
            }
            Self::FieldError => (IssueLevel::FieldError, "effect.is-without"),
            Self::Warning => (IssueLevel::Warning, "effect.is-with"),
        };
        match (target.condition.issues.allows(level), target.condition.filter_sets.is_empty()) {
            (false, _) => "effect.is-none",
            (true, true) => updated,
            (true, false) => "effect.is-condition",
        }
    }
}

/// The table, on the page of a source; nothing, if the source has no targets.
pub(in crate::web) async fn card(
    app: &App,
    visitor: &Visitor,
    source: &SourceId,
) -> Result<Markup, Problem> {
    let words = visitor.words;
    let targets = app.store.targets().await?;
    let targets: Vec<_> = targets.iter().filter(|target| target.takes_from(source)).collect();
    if targets.is_empty() {
        return Ok(html! {});
    }
    let mut table =
        Table::new(words.text("effect.title")).column(words.text("effect.condition-of"));
    for target in &targets {
        table = table.column(&target.title);
    }
    for comes in Comes::ALL {
        let mut cells = vec![html! { (words.text(comes.key())) }];
        cells.extend(targets.iter().map(|target| html! { (words.text(comes.means(target))) }));
        table.row(cells);
    }
    Ok(parts::card(
        words.text("effect.title"),
        &html! {
            p.quiet { (words.text("effect.never")) }
            (table.show())
            p {
                @for target in &targets {
                    a href=(address(&target.name)) { (target.title) } " "
                }
            }
        },
    ))
}
