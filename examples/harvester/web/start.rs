//! The first page: what is running, what failed, what waits, what was never harvested.

use axum::extract::State;
use harvest_pipeline::RunState;
use harvest_pipeline::store::{Page, RunEntry, RunQuery, SourceEntry, SourceQuery, SourceStatus};
use maud::{Markup, html};

use super::app::App;
use super::layout;
use super::parts::{Bar, bars, card, moment_or, run_state};
use super::problem::Problem;
use super::route::Route;
use super::section::Section;
use super::sources::{address, run_kind};
use super::visitor::Visitor;
use crate::accounts::Permission;

/// So many of each are shown.
const SHOWN: usize = 10;
/// So many runs make the chart.
const CHARTED: usize = 40;
/// So many sources are looked at to find some that were never harvested.
const LOOKED_AT: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/", Permission::View, page)]
}

async fn page(State(app): State<App>, visitor: Visitor) -> Result<layout::Page, Problem> {
    let words = visitor.words;
    let shows = Shows { app: &app, visitor: &visitor };
    let running = shows.runs(&[RunState::Running, RunState::Queued, RunState::Suspended]).await?;
    let waiting = shows.runs(&[RunState::AwaitingApproval]).await?;
    let failed = shows.runs(&[RunState::Failed, RunState::Interrupted]).await?;
    let ended: Vec<_> = RunState::ALL.into_iter().filter(|state| !state.is_open()).collect();
    let recent = shows.some_runs(&ended, CHARTED).await?;
    let uncovered = shows.uncovered().await?;
    let body = html! {
        div.cards {
            (shows.card("start.running", &running, "start.nothing-running"))
            (shows.card("start.failed", &failed, "start.nothing-failed"))
            (shows.card("start.waiting", &waiting, "start.nothing-waiting"))
            (card(words.text("start.uncovered"), &html! {
                @if uncovered.is_empty() { p.quiet { (words.text("start.nothing-uncovered")) } }
                ul.plain {
                    @for source in &uncovered {
                        li { a href=(address(&source.definition.id)) { (source.definition.title) } }
                    }
                }
            }))
        }
        @if !recent.is_empty() {
            (card(words.text("start.recent"), &chart(&visitor, &recent)))
        }
    };
    Ok(layout::page(&visitor, words.text("section.start"), Some(Section::Start), &body))
}

/// Records of each run, the newest to the right.
fn chart(visitor: &Visitor, runs: &[RunEntry]) -> Markup {
    let words = visitor.words;
    let bar = |run: &RunEntry| Bar {
        total: run.counters.total(),
        bad: run.counters.failed,
        title: format!(
            "{} {}: {}",
            words.text("run.number"),
            run.id,
            words.number(run.counters.total())
        ),
        href: None,
    };
    let all: Vec<_> = runs.iter().rev().map(bar).collect();
    bars(words.text("start.recent"), &all)
}

struct Shows<'a> {
    app: &'a App,
    visitor: &'a Visitor,
}

impl Shows<'_> {
    async fn runs(&self, states: &[RunState]) -> Result<Vec<RunEntry>, Problem> {
        self.some_runs(states, SHOWN).await
    }

    /// The last runs in these states, of sources that the visitor may see.
    async fn some_runs(&self, states: &[RunState], most: usize) -> Result<Vec<RunEntry>, Problem> {
        let mut query = RunQuery::default();
        query.states = states.to_vec();
        query.page = Page::first(most);
        let runs = self.app.store.runs(&query).await?;
        let Some(owner) = self.visitor.confined_to() else { return Ok(runs) };
        let mut theirs = Vec::new();
        for run in runs {
            let source = self.app.store.source(&run.request.source).await?;
            if source.is_some_and(|source| source.definition.owner.as_deref() == Some(owner)) {
                theirs.push(run);
            }
        }
        Ok(theirs)
    }

    /// Active sources that no run was ever asked for.
    async fn uncovered(&self) -> Result<Vec<SourceEntry>, Problem> {
        let mut query = SourceQuery::default();
        query.status = Some(SourceStatus::Active);
        query.owner = self.visitor.confined_to().map(str::to_owned);
        query.page = Page::first(LOOKED_AT);
        let sources = self.app.store.sources(&query).await?;
        let never = sources.into_iter().filter(|source| source.last_run.is_none());
        Ok(never.take(SHOWN).collect())
    }

    fn card(&self, title: &str, runs: &[RunEntry], nothing: &str) -> Markup {
        let words = self.visitor.words;
        let body = html! {
            @if runs.is_empty() { p.quiet { (words.text(nothing)) } }
            ul.plain {
                @for run in runs {
                    li {
                        (run_state(words, run.state)) " "
                        a href=(address(&run.request.source)) { (run.request.source) } " "
                        span.quiet {
                            (run_kind(words, run.request.kind)) " · "
                            (moment_or(run.ended.or(run.started).or(Some(run.queued)), ""))
                        }
                        @if let Some(failure) = &run.failure { p.detail { (failure.message) } }
                    }
                }
            }
        };
        card(words.text(title), &body)
    }
}
