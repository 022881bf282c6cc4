//! The page of one target.

use axum::Form;
use axum::extract::{Path, State};
use harvest_pipeline::store::{Page, Requested, Standing, StoreError, TargetDefinition, Trigger};
use harvest_pipeline::targets::{Tolerance, Withdrawal};
use harvest_pipeline::{ArrivalPoint, SourceId};
use maud::{Markup, html};
use serde::Deserialize;

use super::{address, kind_title, list, public_options};
use crate::accounts::Permission;
use crate::deliveries::{self, Wanted};
use crate::web::answer::Done;
use crate::web::app::App;
use crate::web::layout::{self, csrf};
use crate::web::parts::{Table, card, count, facts, moment, moment_or, nothing};
use crate::web::problem::Problem;
use crate::web::section::Section;
use crate::web::sources::{self, options};
use crate::web::visitor::Visitor;
use crate::words::Words;

/// So many records that could not be given are shown of each source.
const SHOWN: usize = 20;

pub(super) async fn page(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let target = app.store.target(&name).await?.ok_or_else(Problem::not_found)?;
    let standings = standings(&app, &visitor, &target).await?;
    let mut refused = Vec::new();
    for Standing { source, .. } in standings.iter().filter(|it| it.owed > 0) {
        refused.push((source, owed(&app, words, &target, source).await?));
    }
    let body = html! {
        (card(words.text("target.has"), &has(&app, &visitor, &target, &standings).await?))
        @for (source, owed) in &refused {
            (card(&words.fill("target.owed-of", &[("source", source)]), owed))
        }
        (card(words.text("source.definition"), &definition(&app, words, &target)))
    };
    let here = address(&name);
    let actions = html! {
        @if visitor.may(Permission::Approve) {
            (deliver_form(&visitor, &here, None, false, words.text("target.deliver")))
            (deliver_form(&visitor, &here, None, true, words.text("target.deliver-again")))
        }
        @if visitor.may(Permission::Administer) {
            a.button href={ (here) "/edit" } { (words.text("source.action.edit")) }
            a.button.danger href={ (here) "/delete" } { (words.text("source.action.delete")) }
        }
    };
    let section = Some(Section::Targets);
    Ok(layout::with_actions(&visitor, &target.title, section, &actions, &body))
}

/// How it stands with the sources that the visitor may see.
async fn standings(
    app: &App,
    visitor: &Visitor,
    target: &TargetDefinition,
) -> Result<Vec<Standing>, Problem> {
    let mut seen = Vec::new();
    for standing in app.store.standings(&target.name).await? {
        let is_theirs = visitor.confined_to().is_none()
            || sources::find(app, visitor, standing.source.as_str()).await.is_ok();
        if is_theirs {
            seen.push(standing);
        }
    }
    Ok(seen)
}

fn deliver_form(
    visitor: &Visitor,
    here: &str,
    source: Option<&SourceId>,
    again: bool,
    label: &str,
) -> Markup {
    html! {
        form.inline method="post" action={ (here) "/deliver" } {
            (csrf(visitor))
            @if let Some(source) = source { input type="hidden" name="source" value=(source); }
            @if again { input type="hidden" name="again" value="on"; }
            button { (label) }
        }
    }
}

/// What it has of each source, and what it is still to get.
async fn has(
    app: &App,
    visitor: &Visitor,
    target: &TargetDefinition,
    standings: &[Standing],
) -> Result<Markup, Problem> {
    let words = visitor.words;
    let mut table = Table::new(words.text("target.has"))
        .column(words.text("run.source"))
        .number(words.text("target.delivered"))
        .number(words.text("target.waiting"))
        .number(words.text("target.refused"))
        .number(words.text("target.withdrawn"))
        .column(words.text("target.last"))
        .column(words.text("target.deliver-again"));
    for standing in standings {
        let behind = standing.position.as_ref().and_then(|it| ArrivalPoint::of_checkpoint(it).ok());
        let waiting = app.catalogue.count_arrivals(&standing.source, behind.as_ref()).await?;
        table.row(vec![
            html! { a href=(sources::address(&standing.source)) { (standing.source) } },
            count(words, standing.delivered),
            count(words, waiting),
            count(words, standing.owed),
            count(words, standing.withdrawn),
            html! {
                (moment_or(standing.served, words.text("time.never")))
                @if let Some((message, at)) = &standing.failure {
                    div.detail { (moment(*at)) ": " (message) }
                }
            },
            html! {
                @if visitor.may(Permission::Approve) {
                    (deliver_form(visitor, &address(&target.name), Some(&standing.source), true,
                        words.text("target.deliver-again")))
                }
            },
        ]);
    }
    Ok(html! {
        @if table.is_empty() { (nothing(words.text("target.has-nothing"), &html! {})) }
        @else { (table.show()) }
    })
}

async fn owed(
    app: &App,
    words: Words,
    target: &TargetDefinition,
    source: &SourceId,
) -> Result<Markup, Problem> {
    let owed = app.store.owed(&target.name, source, &Page::first(SHOWN)).await?;
    let mut table = Table::new(words.text("target.refused"))
        .column(words.text("target.record"))
        .column(words.text("target.why"))
        .number(words.text("target.tries"));
    for owed in &owed {
        table.row(vec![
            html! { (owed.identifier) },
            html! { (owed.message) },
            html! { (words.number(owed.tries)) },
        ]);
    }
    Ok(table.show())
}

fn definition(app: &App, words: Words, target: &TargetDefinition) -> Markup {
    let text = |text: &str| html! { (text) };
    let filters = target.condition.filter_sets.join(", ");
    let sources = list::sources(words, target);
    let mut all = vec![
        (words.text("target.name"), text(&target.name)),
        (words.text("source.kind"), text(kind_title(app, words, &target.kind))),
    ];
    let options = public_options(target);
    let options: Vec<_> = options
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (options::label(words, name), options::readable(words, value)))
        .collect();
    all.extend(options.iter().map(|(label, value)| (label.as_str(), text(value))));
    all.extend([
        (words.text("target.sources"), text(&sources)),
        (words.text("target.issues"), text(tolerance(words, target.condition.issues))),
        (words.text("source.filter-sets"), text(&filters)),
        (words.text("target.withdrawal"), text(withdrawal(words, target.withdrawal))),
    ]);
    if target.paused {
        all.push((words.text("source.status"), text(words.text("target.paused"))));
    }
    all.retain(|(_, fact)| !fact.0.is_empty());
    facts(&all)
}

/// What may be wrong with what it gets.
pub(super) fn tolerance(words: Words, tolerance: Tolerance) -> &'static str {
    words.text(match tolerance {
        Tolerance::FieldErrors => "target.tolerance.field-errors",
        Tolerance::Warnings => "target.tolerance.warnings",
        Tolerance::Nothing => "target.tolerance.nothing",
    })
}

/// When something is withdrawn from it.
pub(super) fn withdrawal(words: Words, withdrawal: Withdrawal) -> &'static str {
    words.text(match withdrawal {
        Withdrawal::Never => "target.withdraw.never",
        Withdrawal::ByOperator => "target.withdraw.by-operator",
        Withdrawal::ByOperatorOrDeletion => "target.withdraw.by-operator-or-deletion",
    })
}

#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    source: Option<String>,
    again: Option<String>,
}

/// Asks for runs that deliver.
pub(super) async fn deliver(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Done, Problem> {
    let target = app.store.target(&name).await?.ok_or_else(Problem::not_found)?;
    let wanted = Wanted {
        sources: sent.source.as_deref().map(SourceId::from).into_iter().collect(),
        again: sent.again.is_some(),
        by: visitor.name(),
        trigger: Trigger::Manual,
    };
    let asked = deliveries::ask(&*app.store, &target, &wanted).await;
    let asked = asked.map_err(|error| match error {
        StoreError::Missing { .. } => Problem::not_found(),
        error => error.into(),
    })?;
    visitor.did(&app, "target.deliver", &name).await;
    let done = Done::go(&app, address(&name));
    Ok(match asked.as_slice() {
        [] => done.saying("nothing-to-deliver"),
        [(_, Requested::Queued(run))] => done.saying_of("run-queued", run),
        [(_, Requested::AlreadyOpen(run))] => done.saying_of("run-open", run),
        runs => done.saying_of("deliveries-queued", runs.len()),
    })
}
